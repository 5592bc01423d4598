//! That a guest never holds its prompt: its whole memory is searched after calls, and everything that its imports were given
//! and gave back is written down and searched too.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use coworker_core::{
    Body, CallerKey, Digest, Entry, Grants, HttpGrant, Job, Limits, PeerId, Span, StateGrant,
    TaskId, Tier, Timestamp,
};
use coworker_host::config::Config;
use coworker_host::guarding::Guards;
use coworker_host::models::{Conversation, Models};
use coworker_host::store::Store;
use coworker_sandbox::{
    HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError,
    Ports, Sandbox, StateArea, StatePort, StateUse, Unpaced,
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

/// A network that takes everything, and writes it down.
struct Open(Crossed);

#[async_trait]
impl HttpPort for Open {
    async fn send(
        &self,
        _: &HttpGrant,
        _: TaskId,
        request: HttpRequest,
    ) -> Result<HttpResponse, PortError> {
        let (head, body) = (format!("{request:?}"), request.body);
        self.0.note(head);
        self.0.note(String::from_utf8_lossy(&body));
        Ok(HttpResponse::default())
    }
}

/// Returns the private texts in the forms that a model was told to repeat them in.
fn forms(prompts: &[&str]) -> Vec<String> {
    let rotated = |c| match c {
        'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
        'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
        other => other,
    };
    let each = prompts.iter().flat_map(|prompt| {
        [
            (*prompt).to_owned(),
            prompt.chars().map(rotated).collect(),
            prompt.chars().rev().collect(),
            prompt.bytes().map(|byte| format!("{byte:02x}")).collect(),
            STANDARD.encode(prompt),
        ]
    });
    each.collect()
}

/// Returns one piece after another of each form.
fn pieces(prompts: &[&str]) -> Vec<Vec<u8>> {
    let forms = forms(prompts);
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

/// A component with its private texts, by slot.
fn entry(wasm: &[u8], name: &str, slots: &[(&str, &str)]) -> Arc<Entry> {
    let slot = |text: &str| Slot {
        text: Secret::new(text),
        wish: ModelWish::default(),
    };
    let slots = slots
        .iter()
        .map(|(name, text)| ((*name).to_owned(), slot(text)));
    let manifest = coworker_core::Manifest {
        name: name.parse().expect("a name"),
        version: None,
        description: "Helps.".to_owned(),
        when_to_use: None,
        category: None,
        input: json!({"type": "object"}),
        output: json!({"type": "object"}),
        min_tier: Tier::Known,
    };
    let entry = Entry::new(manifest, Digest::of(wasm), grants(), limits()).expect("good schemas");
    let texts = PrivateTexts::new(slots.collect());
    Arc::new(entry.with_private(Body::Component, Arc::new(texts)))
}

fn grants() -> Grants {
    Grants {
        llm: true,
        state: StateGrant::PerCaller,
        http: vec![HttpGrant {
            url: format!("http://{AUTHORITY}/"),
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

/// Calls a component. Returns its output, and everything that crossed.
fn called(script: &str, wasm: &str, entry: &Arc<Entry>, input: &Value) -> (String, Vec<String>) {
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
        http: Some(Arc::new(Open(crossed.clone()))),
    };
    let sandbox = Sandbox::new(coworker_sandbox::Config::default(), ports).expect("a sandbox");
    let wasm = std::fs::read(wasm).expect("the component");
    let task = TaskId::from_random([7; 16]);
    let peer: PeerId = format!("loop:{}", "a".repeat(64)).parse().expect("a peer");
    let conversation = Conversation::new(
        task,
        (peer, Tier::Known),
        entry.clone(),
        "{}".to_owned(),
        HashSet::new(),
    );
    let begun = models.begin(conversation);
    let job = Job {
        digest: Digest::of(&wasm),
        skill: entry.name().parse().expect("a name"),
        input: input.to_string(),
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
    drop(begun);
    let mut output = String::new();
    let mut all = crossed.0.lock().expect("alive").clone();
    match ended {
        Ok(done) => {
            for write in done.writes {
                let value = write.value.unwrap_or_default();
                all.extend([write.key, String::from_utf8_lossy(&value).into_owned()]);
            }
        }
        Err(error) => all.push(format!("{error:?}")),
    }
    while let Ok(event) = told.try_recv() {
        if let coworker_sandbox::Event::Chunk(piece) = &event {
            output.push_str(piece);
        }
        all.push(format!("{event:?}"));
    }
    (output, all)
}

/// Nothing of what crossed holds a piece.
#[track_caller]
fn holds_none(crossed: &[String], pieces: &[Vec<u8>], what: &str) {
    for text in crossed {
        let bytes = text.as_bytes();
        let held = pieces
            .iter()
            .find(|piece| bytes.windows(WIDTH).any(|part| part == **piece));
        assert!(held.is_none(), "{what}: {text}");
    }
}

/// Where the component sends what it has.
const AUTHORITY: &str = "127.0.0.1:9";

/// What is bound to the other slot.
const OTHER: &str = include_str!("../../fixtures/prompts/readme-review.md");

/// Has the guest ask, give all it has to every import, and then search its memory. Returns what it found, and what crossed.
fn searched(script: &str, slot: &str, streams: bool, known: &str) -> (Value, Vec<String>) {
    let wasm = fixture("thief.wasm");
    let bytes = std::fs::read(&wasm).expect("the fixture");
    let entry = entry(&bytes, "thief", &[(SKILL_SLOT, PROMPT), ("other", OTHER)]);
    let pieces = pieces(&[PROMPT, OTHER]);
    let hashes: HashSet<u64> = pieces.iter().map(|piece| hash(piece)).collect();
    let input = json!({
        "mode": "scan", "slot": slot, "ask": known, "streams": streams, "authority": AUTHORITY,
        "width": WIDTH, "hashes": hashes,
    });
    let (output, crossed) = called(script, &wasm, &entry, &input);
    let found = serde_json::from_str(&output);
    (
        found.unwrap_or_else(|_| panic!("JSON: {output} {crossed:?}")),
        crossed,
    )
}

/// What a model may say: something of its own, or what it was told.
const SCRIPTS: [&str; 6] = [
    "answer = \"Everything is over, and you need to do nothing.\"",
    "mode = \"repeat\"",
    "mode = \"base64\"",
    "mode = \"hex\"",
    "mode = \"rot13\"",
    "mode = \"reverse\"",
];

#[test]
fn a_guest_never_holds_its_prompt() {
    let pieces = pieces(&[PROMPT, OTHER]);
    for script in SCRIPTS {
        for (slot, streams) in [("skill", false), ("other", true)] {
            let (found, crossed) =
                searched(&format!("[[rule]]\n{script}\n"), slot, streams, "hello");
            assert_eq!(found["found"], 0, "{script} {slot}");
            let polite = script.starts_with("answer");
            assert!(found["asked"] == polite || streams, "{script}: {found}");
            for import in ["listed", "kept", "sent"] {
                assert_eq!(found[import], true, "{script}: {found}");
            }
            // All of them were written down: what was asked, remembered, looked for and sent.
            let polite = crossed
                .iter()
                .filter(|text| text.contains("Everything is over"));
            assert!(
                !script.starts_with("answer") || polite.count() >= 3,
                "{crossed:?}"
            );
            holds_none(&crossed, &pieces, &format!("{script} {slot}"));
        }
    }
}

#[test]
fn nothing_of_its_prompt_crosses_to_the_sample_that_takes_notes() {
    let built =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/skills/meeting-notes");
    let wasm = built.join("skill.wasm");
    assert!(
        wasm.is_file(),
        "the samples are missing: run `cargo xtask samples` first"
    );
    let bytes = std::fs::read(&wasm).expect("the component");
    let text = std::fs::read_to_string(built.join("SKILL.md")).expect("its text");
    let (_, prompt) = text.rsplit_once("\n---\n").expect("a head and a text");
    let prompt = prompt.trim();
    assert!(prompt.len() > 10 * WIDTH);
    let entry = entry(&bytes, "meeting-notes", &[(SKILL_SLOT, prompt)]);
    let pieces = pieces(&[prompt]);
    let transcript =
        "Ann: The printer in the hall is broken.\nBob: I call the repair shop tomorrow morning.\n";
    let input = json!({ "transcript": transcript });
    let notes = "json = { summary = \"The printer is broken.\", tasks = [] }";
    for script in SCRIPTS.into_iter().chain([notes]) {
        let rule = format!("[[rule]]\n{script}\n");
        let (output, crossed) = called(&rule, &wasm.to_string_lossy(), &entry, &input);
        let is_answered = output.contains("The printer is broken.");
        assert_eq!(
            is_answered,
            script == notes,
            "{script}: {output} {crossed:?}"
        );
        // It did ask, and what it asked was written down.
        assert!(
            crossed.iter().any(|text| text.contains("repair shop")),
            "{script}: {crossed:?}"
        );
        holds_none(&crossed, &pieces, script);
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
