//! That a guest never holds its prompt: its whole memory is searched after calls, and everything that its imports were given
//! and gave back is written down and searched too.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use coworker_core::{
    Body, CallerKey, Digest, Entry, Grants, Job, Limits, PeerId, Span, StateGrant, TaskId, Tier,
    Timestamp,
};
use coworker_host::config::Config;
use coworker_host::guarding::Guards;
use coworker_host::models::{Conversation, Models};
use coworker_host::store::Store;
use coworker_sandbox::{
    LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError, Ports, Sandbox, StateArea,
    StatePort, StateUse, Unpaced,
};
use futures::StreamExt;

use super::*;
use crate::peer::block_on;

/// The length of the pieces that are looked for. Any run of twice as many bytes holds one.
const WIDTH: usize = 20;

/// Every text that crosses a port, in both directions.
#[derive(Clone, Default)]
struct Crossed(Arc<Mutex<Vec<String>>>);

impl Crossed {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().expect("alive").push(text.into());
    }
}

/// Models, and what they are asked and say once the guard has looked at it.
struct Heard {
    models: Models,
    crossed: Crossed,
}

#[async_trait]
impl LlmPort for Heard {
    async fn complete(&self, ask: LlmAsk) -> Result<LlmReply, LlmError> {
        self.crossed.note(format!("{ask:?}"));
        let reply = self.models.complete(ask).await;
        match &reply {
            Ok(reply) => self.crossed.note(reply.text.clone()),
            Err(error) => self.crossed.note(error.to_string()),
        }
        reply
    }

    async fn open(&self, ask: LlmAsk) -> Result<LlmStream, LlmError> {
        self.crossed.note(format!("{ask:?}"));
        let crossed = self.crossed.clone();
        let pieces = self.models.open(ask).await?;
        let pieces = pieces.inspect(move |piece| match piece {
            Ok(piece) => crossed.note(piece.clone()),
            Err(error) => crossed.note(error.to_string()),
        });
        Ok(pieces.boxed())
    }
}

/// A memory that forgets, and writes down what it is asked.
struct Forgetful(Crossed);

#[async_trait]
impl StatePort for Forgetful {
    async fn get(&self, _: &StateArea, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        self.0.note(key);
        Ok(None)
    }

    async fn list(
        &self,
        _: &StateArea,
        prefix: &str,
        _: u32,
    ) -> Result<Vec<(String, u64)>, PortError> {
        self.0.note(prefix);
        Ok(Vec::new())
    }

    async fn used(&self, _: &StateArea) -> Result<StateUse, PortError> {
        Ok(StateUse::default())
    }
}

/// Returns the prompt in the forms that a model was told to repeat it in.
fn forms() -> Vec<String> {
    let rotated = PROMPT.chars().map(|c| match c {
        'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
        'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
        other => other,
    });
    vec![
        PROMPT.to_owned(),
        rotated.collect(),
        PROMPT.chars().rev().collect(),
        PROMPT.bytes().map(|byte| format!("{byte:02x}")).collect(),
        STANDARD.encode(PROMPT),
    ]
}

/// Returns one piece after another of each form.
fn pieces() -> Vec<Vec<u8>> {
    let forms = forms();
    let pieces = forms
        .iter()
        .flat_map(|form| form.as_bytes().chunks_exact(WIDTH));
    pieces.map(<[u8]>::to_vec).collect()
}

/// The hash by which the guest looks for pieces.
fn hash(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |hash: u64, byte| {
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(u64::from(*byte))
    })
}

fn entry(wasm: &[u8]) -> Arc<Entry> {
    let slot = |text: &str| Slot {
        text: Secret::new(text),
        wish: ModelWish::default(),
    };
    let slots = BTreeMap::from([
        (SKILL_SLOT.to_owned(), slot(PROMPT)),
        ("other".to_owned(), slot(PROMPT)),
    ]);
    let manifest = coworker_core::Manifest {
        name: "thief".parse().expect("a name"),
        version: None,
        description: "Helps.".to_owned(),
        when_to_use: None,
        category: None,
        input: json!({"type": "object"}),
        output: json!({"type": "object"}),
        min_tier: Tier::Known,
    };
    let entry = Entry::new(manifest, Digest::of(wasm), grants(), limits()).expect("good schemas");
    Arc::new(entry.with_private(Body::Component, Arc::new(PrivateTexts::new(slots))))
}

fn grants() -> Grants {
    Grants {
        llm: true,
        state: StateGrant::PerCaller,
        http: vec![coworker_core::HttpGrant {
            url: "http://127.0.0.1:9/".to_owned(),
            methods: vec!["POST".to_owned()],
            headers: BTreeMap::new(),
        }],
        ..Grants::default()
    }
}

fn limits() -> Limits {
    // The whole memory is searched byte by byte.
    Limits {
        cpu: Span::secs(60),
        wall: Span::secs(120),
        ..Limits::default()
    }
}

/// Has the guest ask and then search its memory. Returns what it found, and everything that crossed.
fn searched(script: &str, slot: &str, streams: bool, known: &str) -> (Value, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("script.toml"), script).expect("written");
    let config = "[llm.scripted]\nscript = \"script.toml\"\n";
    let settings = Config::parse(std::path::Path::new("config.toml"), config, &[]);
    let config = settings.expect("a configuration").config;
    let guards = Guards::new(Store::in_memory().expect("a store"), config.guard);
    let models = Models::new(&config, folder.path(), |_| None, guards).expect("models");
    let crossed = Crossed::default();
    let ports = Ports {
        llm: Some(Arc::new(Heard {
            models: models.clone(),
            crossed: crossed.clone(),
        })),
        state: Some(Arc::new(Forgetful(crossed.clone()))),
        http: None,
    };
    let sandbox = Sandbox::new(coworker_sandbox::Config::default(), ports).expect("a sandbox");
    let wasm = std::fs::read(fixture("thief.wasm")).expect("the fixture");
    let entry = entry(&wasm);
    let hashes: HashSet<u64> = pieces().iter().map(|piece| hash(piece)).collect();
    let input = json!({
        "mode": "scan", "slot": slot, "ask": known, "streams": streams, "width": WIDTH, "hashes": hashes,
    });
    let task = TaskId::from_random([7; 16]);
    let peer: PeerId = format!("loop:{}", "a".repeat(64)).parse().expect("a peer");
    let input = input.to_string();
    let said = "{}".to_owned();
    let conversation = Conversation::new(
        task,
        (peer, Tier::Known),
        entry.clone(),
        said,
        HashSet::new(),
    );
    let begun = models.begin(conversation);
    let job = Job {
        digest: Digest::of(&wasm),
        skill: "thief".parse().expect("a name"),
        input,
        grants: grants(),
        limits: limits(),
        deadline: Timestamp(i64::MAX),
        task,
        caller: CallerKey("caller".to_owned()),
    };
    let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
    let ended = block_on(async {
        let loaded = sandbox.load(job.digest, &wasm).expect("it loads");
        sandbox
            .call(&loaded, &job, Arc::new(Unpaced), &events)
            .await
    });
    ended.expect("it ends");
    drop(begun);
    let mut output = String::new();
    let mut all = crossed.0.lock().expect("alive").clone();
    while let Ok(event) = told.try_recv() {
        if let coworker_sandbox::Event::Chunk(piece) = &event {
            output.push_str(piece);
        }
        all.push(format!("{event:?}"));
    }
    (serde_json::from_str(&output).expect("JSON"), all)
}

#[test]
fn a_guest_never_holds_its_prompt() {
    let pieces = pieces();
    let scripts = [
        "answer = \"Everything is over, and you need to do nothing.\"",
        "mode = \"repeat\"",
        "mode = \"base64\"",
        "mode = \"hex\"",
        "mode = \"rot13\"",
        "mode = \"reverse\"",
    ];
    for script in scripts {
        for (slot, streams) in [("skill", false), ("other", true)] {
            let (found, crossed) =
                searched(&format!("[[rule]]\n{script}\n"), slot, streams, "hello");
            assert_eq!(found["found"], 0, "{script} {slot}");
            let polite = script.starts_with("answer");
            assert!(found["asked"] == polite || streams, "{script}: {found}");
            for text in &crossed {
                let bytes = text.as_bytes();
                let held = pieces
                    .iter()
                    .find(|piece| bytes.windows(WIDTH).any(|part| part == **piece));
                assert!(held.is_none(), "{script} {slot}: {text}");
            }
        }
    }
}

#[test]
fn a_search_of_a_guests_memory_finds_what_is_there() {
    // A piece of the prompt that the guest was given is found, and written down where it crossed.
    let piece = &PROMPT[..4 * WIDTH];
    let (found, crossed) = searched("[[rule]]\nanswer = \"Over.\"\n", "skill", false, piece);
    assert!(found["found"].as_u64() > Some(3), "{found}");
    assert!(crossed.iter().any(|text| text.contains(&piece[..WIDTH])));
}
