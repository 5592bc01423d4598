//! A host for a test to talk to: a home with the owner's wishes, skills in its folder, a running process, and the
//! owner's socket.

use std::path::{Path, PathBuf};

use coworker_host::control::{Client, Request};
use coworker_host::report::Failure;
use serde_json::{Value, json};

use crate::peer::{Peer, block_on, until};
use crate::support::{Place, Serving, fixture};

/// What makes a skill visible as soon as it lies in the folder.
pub(crate) const EXPOSED: &str = "[host]\nname = \"test\"\ndefault_visibility = \"exposed\"\n";

/// Models that answer by the script in a home.
pub(crate) const SCRIPTED: &str = "[llm.scripted]\nscript = \"script.toml\"\n";

/// Room for answers that no message carries.
pub(crate) const ROOMY: &str = "[limits.ceiling]\noutput = \"2 MiB\"\nhost_bytes = \"16 MiB\"\n\
    [limits.default]\noutput = \"2 MiB\"\nhost_bytes = \"16 MiB\"\n";

/// What the fixture `ports` asks of its owner.
pub(crate) const PORTS_ASK: &str = "[grants]\nllm = true\nstate = true\n";

impl Place {
    /// Makes a place with a home that is configured so.
    pub(crate) fn configured(config: &str) -> Self {
        let place = Self::with_home();
        place.write("home/config.toml", config);
        place.mode("home/config.toml", 0o600);
        place
    }

    /// Makes a place with a home that shows every skill, with models that answer by a script.
    pub(crate) fn scripted(script: impl AsRef<[u8]>, config: &str) -> Self {
        let place = Self::configured(&format!("{EXPOSED}{SCRIPTED}{config}"));
        place.write("home/script.toml", script);
        place
    }

    /// Makes a place whose host shows these fixtures to peers, and starts it.
    pub(crate) fn serving(skills: &[&str]) -> (Self, Serving) {
        let place = Self::configured(EXPOSED);
        for skill in skills {
            place.drop_in(skill, skill);
        }
        let serving = place.serve(&[]);
        (place, serving)
    }

    /// Puts a fixture into the skills folder, in one step, as careful people do.
    pub(crate) fn drop_in(&self, fixture_name: &str, name: &str) {
        let part = self.path("part");
        std::fs::copy(fixture(fixture_name), &part).expect("copied");
        std::fs::rename(part, self.path("home/skills").join(name)).expect("one folder");
    }

    /// Puts the fixture `ports` into the skills folder, with what it asks for.
    pub(crate) fn drop_in_ports(&self) {
        self.write("home/skills/ports.toml", PORTS_ASK);
        self.drop_in("ports.wasm", "ports.wasm");
    }

    /// Adds tables to the home's configuration.
    pub(crate) fn configure_more(&self, tables: &str) {
        let config = std::fs::read_to_string(self.home().join("config.toml")).expect("ours");
        self.write("home/config.toml", config + tables);
    }

    /// Puts a component into the skills folder, in one step.
    pub(crate) fn put(&self, bytes: &[u8], name: &str) {
        let part = self.write("part", bytes);
        std::fs::rename(part, self.path("home/skills").join(name)).expect("one folder");
    }

    /// Returns the folder of the sockets.
    pub(crate) fn sockets(&self) -> PathBuf {
        let user = rustix::process::geteuid().as_raw();
        self.path(&format!("coworker-host-{user}"))
    }

    /// Makes a peer that this host does not know.
    pub(crate) fn stranger(&self, serving: &Serving) -> Peer {
        Peer::new(self.sockets(), serving.me())
    }

    /// Makes a peer of a tier.
    pub(crate) fn peer(&self, serving: &Serving, tier: &str) -> Peer {
        let peer = self.stranger(serving);
        self.set_tier(&peer, tier);
        peer
    }

    /// Gives a peer a tier.
    #[track_caller]
    pub(crate) fn set_tier(&self, peer: &Peer, tier: &str) {
        self.owner(json!({ "do": "trust_set", "peer": peer.id, "tier": tier }));
    }

    /// Asks the running host as its owner; it must work.
    #[track_caller]
    pub(crate) fn owner(&self, request: Value) -> Value {
        self.try_owner(request.clone())
            .unwrap_or_else(|failure| panic!("{request}: {failure:?}"))
    }

    /// Asks the running host as its owner.
    pub(crate) fn try_owner(&self, request: Value) -> Result<Value, Failure> {
        ask_at(&self.home(), request)
    }

    /// Returns the row of a skill, if it is listed.
    pub(crate) fn row(&self, name: &str) -> Option<Value> {
        let list = self.owner(json!({ "do": "skills_list" }));
        let rows = list.as_array().expect("a list");
        rows.iter().find(|row| row["name"] == name).cloned()
    }

    /// Waits until a skill is listed in this state, and returns its row.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str, state: &str) -> Value {
        until(&format!("{name} is {state}"), || {
            self.row(name).filter(|row| row["state"] == state)
        })
    }

    /// Waits until a skill waits for its owner, who lets it have what it asks for and shows it to peers.
    #[track_caller]
    pub(crate) fn agree(&self, name: &str) {
        self.wait_for(name, "pending");
        self.owner(json!({ "do": "skills_expose", "name": name }));
    }

    /// Waits until the host has said these words in its log since it was started.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) {
        until(&format!("it says: {words}"), || {
            let log = std::fs::read_to_string(self.path("serve.log")).unwrap_or_default();
            log.contains(words).then_some(())
        });
    }

    /// Waits until a newer state of a skill's file stands beside it in this state, and returns why it does not serve.
    #[track_caller]
    pub(crate) fn wait_for_update(&self, name: &str, state: &str) -> String {
        let row = until(&format!("an update of {name} is {state}"), || {
            self.row(name).filter(|row| row["update"]["state"] == state)
        });
        row["update"]["reasons"].to_string()
    }

    /// Waits until a file is listed in this state, and returns its row.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, file: &str, state: &str) -> Value {
        until(&format!("{file} is {state}"), || {
            let list = self.owner(json!({ "do": "skills_list" }));
            let mut rows = list.as_array().expect("a list").clone().into_iter();
            rows.find(|row| {
                row["file"]
                    .as_str()
                    .is_some_and(|path| path.ends_with(file))
                    && row["state"] == state
            })
        })
    }

    /// Waits until nothing waits and nothing runs: whatever was to be answered to peers that are there has been.
    #[track_caller]
    pub(crate) fn settled(&self) {
        until("nothing waits and nothing runs", || {
            let status = self.owner(json!({ "do": "status" }));
            let quiet = status["tasks"] == json!({ "queued": 0, "running": 0 })
                && status["outbox"] == json!({ "waiting": 0 });
            quiet.then_some(())
        });
    }

    /// Waits until so many tasks have the given attempt on disk: from then on a death counts it.
    #[track_caller]
    pub(crate) fn wait_until_running(&self, running: usize, attempt: u32) {
        until("it runs", || {
            let rows = self.tasks();
            let started = rows
                .iter()
                .filter(|row| row["state"] == "running" && self.task(row)["attempts"] == attempt);
            (started.count() == running).then_some(())
        });
    }

    /// Returns a counter of what was turned away.
    pub(crate) fn turned_away(&self, what: &str) -> u64 {
        let status = self.owner(json!({ "do": "status" }));
        status["turned_away"][what].as_u64().expect("a counter")
    }

    /// Returns the newest tasks, each as the owner sees it in the list.
    pub(crate) fn tasks(&self) -> Vec<Value> {
        let rows = self.owner(json!({ "do": "logs", "limit": 10_000 }));
        rows.as_array().expect("a list").clone()
    }

    /// Returns everything about the newest task with this skill that ended so.
    #[track_caller]
    pub(crate) fn task_of(&self, skill: &str, outcome: &str) -> Value {
        let rows = self.tasks();
        let row = rows
            .iter()
            .find(|row| row["skill"] == skill && row["outcome"] == outcome);
        self.task(row.unwrap_or_else(|| panic!("no {outcome} of {skill}: {rows:?}")))
    }

    /// Returns everything about one task.
    pub(crate) fn task(&self, row: &Value) -> Value {
        self.owner(json!({ "do": "logs", "task": row["task"] }))
    }
}

impl Serving {
    /// Returns under which id the host is known.
    pub(crate) fn me(&self) -> &str {
        self.ready["peer"].as_str().expect("an id")
    }
}

/// Asks the host that runs on a home as its owner.
pub(crate) fn ask_at(home: &Path, request: Value) -> Result<Value, Failure> {
    let request: Request = serde_json::from_value(request).expect("a request");
    block_on(async {
        let client = Client::connect(&home.join("control.sock")).await?;
        let client = client.ok_or_else(|| Failure::unreachable("no host runs"));
        client?.ask(&request, |_| {}).await
    })
}

/// Returns the names that a tier sees, as the host said at its start.
pub(crate) fn seen_at_start(serving: &Serving, tier: &str) -> Value {
    let seen = serving.ready["seen"].as_array().expect("a list");
    let row = seen.iter().find(|row| row["tier"] == tier);
    row.expect("every tier")["skills"].clone()
}

/// Returns an echo that describes itself as `mode` says: see the fixture `shape`.
pub(crate) fn shape(mode: &str) -> Vec<u8> {
    const MARK: &[u8] = b"fixture-mode:";
    let mut bytes = std::fs::read(fixture("shape.wasm")).expect("a fixture");
    let at = bytes.windows(MARK.len()).position(|window| window == MARK);
    let at = at.expect("a mode") + MARK.len();
    let text = format!("{mode:<width$}", width = 64 - MARK.len());
    bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    bytes
}

/// Returns a fixture as other bytes that do the same: with a section more, which no engine reads.
pub(crate) fn with_section(fixture_name: &str, name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(fixture(fixture_name)).expect("a fixture");
    let length = u8::try_from(name.len()).expect("a short name");
    // A custom section: its number, its length, and a name with nothing behind it.
    assert!(length < 0x7f, "one byte says how long it is");
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.bytes());
    bytes
}
