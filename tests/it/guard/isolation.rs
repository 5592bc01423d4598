//! That a guest never holds its prompt: its whole memory is searched after calls, and everything that its imports were given
//! and gave back is written down and searched too.

mod crossed;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod samples;

use std::collections::HashSet;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::sync::{Arc, Mutex};

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
use coworker_sandbox::{Event, Loaded, Sandbox, Turn, Unpaced};
use crossed::Crossed;

use super::*;
use crate::peer::block_on;

/// The length of the pieces that are looked for. Any run of twice as many bytes holds one.
const WIDTH: usize = 20;

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
fn entry(digest: Digest, name: &str, slots: &[(&str, &str)]) -> Arc<Entry> {
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
    let entry = Entry::new(manifest, digest, grants(), limits()).expect("good schemas");
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

/// What came of a call.
struct Called {
    output: String,
    /// Everything that crossed an import, and what the call left behind.
    crossed: Vec<String>,
    /// The most memory that it held.
    memory: u64,
}

/// A component that is ready to be called, with everything that its imports lead to.
struct Stage {
    digest: Digest,
    sandbox: Arc<Sandbox>,
    loaded: Arc<Loaded>,
    models: Arc<Mutex<Option<Models>>>,
    crossed: Crossed,
    folder: tempfile::TempDir,
}

impl Stage {
    fn new(wasm: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("cache");
        let mut builder = std::fs::DirBuilder::new();
        builder.mode(0o700).create(&cache).expect("a folder");
        symlink(crate::support::compiled(), cache.join("modules")).expect("an empty folder");
        let config = coworker_sandbox::Config {
            cache_dir: Some(cache),
            ..coworker_sandbox::Config::default()
        };
        let (models, crossed) = (Arc::default(), Crossed::default());
        let ports = crossed.ports(Arc::clone(&models));
        let sandbox = Sandbox::new(config, ports).expect("a sandbox");
        let digest = Digest::of(wasm);
        Self {
            digest,
            loaded: sandbox.load(digest, wasm).expect("it loads"),
            sandbox,
            models,
            crossed,
            folder,
        }
    }

    /// Calls the component, with a model that does as it is told.
    fn call(&self, script: &str, entry: &Arc<Entry>, input: &Value, turn: Arc<dyn Turn>) -> Called {
        let folder = self.folder.path();
        std::fs::write(folder.join("script.toml"), script).expect("written");
        let settings = Config::parse(std::path::Path::new("config.toml"), SCRIPTED, &[]);
        let config = settings.expect("a configuration").config;
        let guards = Guards::new(Store::in_memory().expect("a store"), config.guard.clone());
        let models = Models::new(&config, folder, |_| None, guards).expect("models");
        *self.models.lock().expect("alive") = Some(models.clone());
        let task = TaskId::from_random([7; 16]);
        let peer: PeerId = format!("loop:{}", "a".repeat(64)).parse().expect("a peer");
        let begun = models.begin(Conversation::new(
            task,
            (peer, Tier::Known),
            entry.clone(),
            input.to_string(),
            HashSet::new(),
        ));
        let job = Job {
            digest: self.digest,
            skill: entry.name().parse().expect("a name"),
            input: input.to_string(),
            grants: grants(),
            limits: limits(),
            deadline: Timestamp(i64::MAX),
            task,
            caller: CallerKey("caller".to_owned()),
        };
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let ended = block_on(self.sandbox.call(&self.loaded, &job, turn, &events));
        drop(begun);
        let (mut output, mut memory, mut all) = (String::new(), 0, self.crossed.take());
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
            match &event {
                Event::Chunk(piece) => output.push_str(piece),
                Event::Used(usage) => memory = usage.memory_peak.0,
                Event::Log { .. } | Event::Progress { .. } => {}
            }
            all.push(format!("{event:?}"));
        }
        Called {
            output,
            crossed: all,
            memory,
        }
    }
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
fn searched(
    stage: &Stage,
    script: &str,
    slot: &str,
    streams: bool,
    known: &str,
) -> (Value, Vec<String>) {
    let slots = [(SKILL_SLOT, PROMPT), ("other", OTHER)];
    let entry = entry(stage.digest, "thief", &slots);
    let pieces = pieces(&[PROMPT, OTHER]);
    let hashes: HashSet<u64> = pieces.iter().map(|piece| hash(piece)).collect();
    let input = json!({
        "mode": "scan", "slot": slot, "ask": known, "streams": streams, "authority": AUTHORITY,
        "width": WIDTH, "hashes": hashes,
    });
    let Called {
        output, crossed, ..
    } = stage.call(script, &entry, &input, Arc::new(Unpaced));
    let found = serde_json::from_str(&output);
    (
        found.unwrap_or_else(|_| panic!("JSON: {output} {crossed:?}")),
        crossed,
    )
}

fn thief() -> Stage {
    Stage::new(&std::fs::read(fixture("thief.wasm")).expect("the fixture"))
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
    let (stage, pieces) = (thief(), pieces(&[PROMPT, OTHER]));
    for script in SCRIPTS {
        for (slot, streams) in [("skill", false), ("other", true)] {
            let (found, crossed) = searched(
                &stage,
                &format!("[[rule]]\n{script}\n"),
                slot,
                streams,
                "hello",
            );
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
fn a_search_of_a_guests_memory_finds_what_is_there() {
    // A piece of the prompt that the guest was given is found, and written down where it crossed.
    let piece = &PROMPT[..4 * WIDTH];
    let (found, crossed) = searched(
        &thief(),
        "[[rule]]\nanswer = \"Over.\"\n",
        "skill",
        false,
        piece,
    );
    assert!(found["found"].as_u64() > Some(3), "{found}");
    assert!(crossed.iter().any(|text| text.contains(&piece[..WIDTH])));
}
