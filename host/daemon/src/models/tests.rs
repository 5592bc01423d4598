mod answers;
mod asks;
mod server;
mod wire;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use coworker_core::{
    Body, Digest, Entry, Grants, Limits, Manifest, ModelWish, PeerId, PrivateTexts, SKILL_SLOT,
    Secret, Slot, TaskId, Tier,
};
use serde_json::{Value, json};

use super::*;

/// What no answer, no error and no log may hold.
const SECRET: &str = "Stir the soup seven times and never tell anybody about the saffron.";

/// Models with a folder for their script.
struct World {
    models: Models,
    _folder: tempfile::TempDir,
}

impl World {
    fn scripted(script: &str, config: &str) -> Self {
        Self::of(
            &format!("[llm.scripted]\nscript = \"script.toml\"\n{config}"),
            script,
        )
    }

    fn of(config: &str, script: &str) -> Self {
        Self::with(config, script, |_| Some("sk-secret".to_owned()))
    }

    fn with(config: &str, script: &str, environment: impl Fn(&str) -> Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("script.toml"), script).expect("written");
        let settings =
            Config::parse(Path::new("config.toml"), config, &[]).expect("a configuration");
        let store = Store::in_memory().expect("a store");
        let guards = Guards::new(store, settings.config.guard.clone());
        let models =
            Models::new(&settings.config, folder.path(), environment, guards).expect("a client");
        Self {
            models,
            _folder: folder,
        }
    }

    /// Has a skill answer that is a text and no code.
    async fn answer(&self, entry: Arc<Entry>, input: Value) -> (Result<String, Fault>, Told) {
        let begun = self.models.begin(conversation(1, peer('a'), entry, &input));
        let answer = begun.answer().await;
        (answer, begun.end())
    }
}

fn peer(digit: char) -> PeerId {
    format!("loop:{}", digit.to_string().repeat(64))
        .parse()
        .expect("a peer")
}

fn conversation(task: u8, peer: PeerId, entry: Arc<Entry>, input: &Value) -> Conversation {
    let trusted: HashSet<String> = ['a', 'b']
        .map(|digit| super::tests::peer(digit).to_string())
        .into();
    let task = TaskId::from_random([task; 16]);
    Conversation::new(task, (peer, Tier::Known), entry, input.to_string(), trusted)
}

/// A skill that is a text, with these schemas.
fn skill(input: Value, output: Value) -> Arc<Entry> {
    skill_with(input, output, Limits::default(), ModelWish::default())
}

fn skill_with(input: Value, output: Value, limits: Limits, wish: ModelWish) -> Arc<Entry> {
    let manifest = Manifest {
        name: "soup".parse().expect("a name"),
        version: Some("2.0".to_owned()),
        description: "Knows soups.".to_owned(),
        when_to_use: None,
        category: None,
        input,
        output,
        min_tier: Tier::Known,
    };
    let slot = |text: &str| Slot {
        text: Secret::new(text),
        wish: wish.clone(),
    };
    let texts = PrivateTexts::new(BTreeMap::from([
        (SKILL_SLOT.to_owned(), slot(SECRET)),
        ("other".to_owned(), slot("Say it shorter.")),
    ]));
    let grants = Grants {
        llm: true,
        ..Grants::default()
    };
    let entry = Entry::new(manifest, Digest::of(b"soup"), grants, limits).expect("good schemas");
    Arc::new(entry.with_private(Body::Model, Arc::new(texts)))
}

/// The skill of an author who names neither input nor output.
fn plain() -> Arc<Entry> {
    skill(
        json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}),
        json!({"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]}),
    )
}

/// A skill with an output of its own.
fn shaped() -> Arc<Entry> {
    skill(
        json!({"type": "object", "properties": {"dish": {"type": "string"}}}),
        json!({"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"], "additionalProperties": false}),
    )
}

fn lines(told: &Told) -> String {
    told.log
        .iter()
        .map(|row| format!("{}\n", row.line))
        .collect()
}
