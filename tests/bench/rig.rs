//! A host in this process whose transport is the bench itself: what it sends arrives at once and is confirmed at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coworker_core::{Digest, GuardMode, PeerId, TaskId, Tier};
use coworker_host::config::Config;
use coworker_host::control::{Progress, Request};
use coworker_host::home::Home;
use coworker_host::host::{Host, HostOptions, OpenHome};
use coworker_host::store::{RejectionRow, Store, StoreOptions};
use coworker_host::tasks::Tasks;
use coworker_host::transport::{CROWDED_PAUSE, Inbound, Kept, Link};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

/// Returns the folder of the build, where fixtures and samples lie.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// Returns a fixture's bytes.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = target().join("fixtures").join(format!("{name}.wasm"));
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask bench`", path.display()))
}

/// Returns a component like echo with one skill of this name: its data holds the name in a place of fixed length.
pub(crate) fn named(name: &str) -> Vec<u8> {
    const MARK: &[u8] = b"fixture-mode:";
    let mut bytes = fixture("shape-plain");
    let place = bytes
        .windows(MARK.len())
        .position(|window| window == MARK)
        .and_then(|at| bytes.get_mut(at + MARK.len()..at + 64))
        .expect("the fixture holds its mode");
    place.fill(b' ');
    let mode = format!("name={name}");
    place
        .get_mut(..mode.len())
        .expect("a short name")
        .copy_from_slice(mode.as_bytes());
    bytes
}

/// Returns a peer that exists only here.
pub(crate) fn peer(n: u64) -> PeerId {
    format!("loop:{n:064x}").parse().expect("64 digits")
}

/// A host and the other end of its transport.
pub(crate) struct Rig {
    pub(crate) host: Arc<Host>,
    inbox: mpsc::Sender<Inbound>,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Instant>>>>,
    pub(crate) tasks: Tasks,
    _dir: tempfile::TempDir,
}

impl Rig {
    /// Returns a host that serves these components, all exposed, to peers 1 to 9 as known.
    pub(crate) async fn serve(components: &[(&str, Vec<u8>)], config: Config) -> Self {
        Self::serve_with(components, config, &Before::default(), |_| {}).await
    }

    /// As `serve`, with what seems to have happened before, and with more files in the folder, which need not come to be
    /// exposed.
    pub(crate) async fn serve_with(
        components: &[(&str, Vec<u8>)],
        mut config: Config,
        before: &Before,
        more: impl FnOnce(&Path),
    ) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let served = dir.path().join("served");
        std::fs::create_dir(&served).expect("a folder");
        for (name, bytes) in components {
            std::fs::write(served.join(format!("{name}.wasm")), bytes).expect("room on disk");
        }
        more(&served);
        config.host.name = "bench".to_owned();
        let home = Home::create(&dir.path().join("home")).expect("a home");
        before.write(&home).await;
        let opened = OpenHome::open(home, config)
            .await
            .expect("nobody else is here");
        let (inbox, receiver) = mpsc::channel(64);
        let (outbox, mut sent) = mpsc::channel::<coworker_host::transport::Outgoing>(1_024);
        let link = Link {
            me: opened.identity.peer(),
            inbox: receiver,
            outbox,
            network: None,
        };
        let tasks = opened.tasks.clone();
        let options = HostOptions {
            paths: vec![served],
            serving: true,
            program: Some(PathBuf::from(env!("CARGO_BIN_EXE_coworker-host"))),
            ..HostOptions::default()
        };
        let host = Host::open(opened, &link, options).await.expect("a host");
        let waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Instant>>>> = Arc::default();
        let answers = waiting.clone();
        tasks.spawn(async move {
            while let Some(message) = sent.recv().await {
                let at = Instant::now();
                if let Some(waiter) = correlation(&message.bytes)
                    .and_then(|id| answers.lock().expect("no panic under the lock").remove(id))
                {
                    let _ = waiter.send(at);
                }
                let _ = message.done.send(Ok(()));
            }
        });
        host.start(link).await.expect("a start");
        let rig = Self {
            host,
            inbox,
            waiting,
            tasks,
            _dir: dir,
        };
        rig.until_exposed(components.len()).await;
        for n in 1..10 {
            rig.trust(n, Tier::Known).await;
        }
        rig
    }

    /// Sets the tier of a peer.
    pub(crate) async fn trust(&self, n: u64, tier: Tier) {
        let request = Request::TrustSet {
            peer: peer(n).to_string(),
            tier,
            span: None,
            calls: None,
            skills: None,
        };
        self.ask(request).await;
    }

    /// Asks the host as its owner.
    pub(crate) async fn ask(&self, request: Request) -> Value {
        self.host
            .handle(request, &Progress::silent())
            .await
            .expect("the owner's request works")
    }

    async fn until_exposed(&self, wanted: usize) {
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            let rows = self.ask(Request::SkillsList {}).await;
            let exposed = rows
                .as_array()
                .into_iter()
                .flatten()
                .filter(|row| crate::row::text(row, "state") == "exposed");
            if exposed.count() >= wanted {
                return;
            }
            assert!(Instant::now() < deadline, "not exposed: {rows}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a skill was compiled, and returns its state.
    pub(crate) async fn until_looked_at(&self, name: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(300);
        loop {
            let rows = self.ask(Request::SkillsList {}).await;
            let row = rows
                .as_array()
                .into_iter()
                .flatten()
                .find(|row| crate::row::text(row, "name") == name);
            if let Some(row) = row {
                return crate::row::text(row, "state").to_owned();
            }
            assert!(Instant::now() < deadline, "{name} is not listed: {rows}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a call and returns when its answer left the host.
    pub(crate) async fn call(&self, from: u64, skill: &str, input: &Value) -> Option<Instant> {
        let (correlation, bytes) = request(skill, input);
        let answer = self.expect(&correlation);
        self.send(from, bytes).await;
        answer.await.ok()
    }

    /// Returns where the moment will come out at which an answer leaves.
    pub(crate) fn expect(&self, correlation: &str) -> oneshot::Receiver<Instant> {
        let (answered, answer) = oneshot::channel();
        self.waiting
            .lock()
            .expect("no panic under the lock")
            .insert(correlation.to_owned(), answered);
        answer
    }

    /// Sends bytes as a peer.
    pub(crate) async fn send(&self, from: u64, bytes: Vec<u8>) {
        self.hand_over(from, bytes).await;
    }

    /// Sends bytes as a peer with a connection of its own, which is left alone for a while if the host has enough of it.
    pub(crate) async fn flood(&self, from: u64, bytes: Vec<u8>) {
        if let Ok(Kept::Crowded) = self.hand_over(from, bytes).await.await {
            tokio::time::sleep(CROWDED_PAUSE).await;
        }
    }

    async fn hand_over(&self, from: u64, bytes: Vec<u8>) -> oneshot::Receiver<Kept> {
        let (kept, done) = oneshot::channel();
        let id = coworker_host::clock::long_token();
        let message = Inbound {
            from: peer(from),
            id,
            sent: coworker_host::clock::now(),
            bytes,
            kept,
        };
        self.inbox.send(message).await.expect("the host runs");
        done
    }

    /// Stops the host.
    pub(crate) async fn close(self) {
        self.host
            .close(Duration::from_secs(5))
            .await
            .expect("an orderly end");
    }
}

/// What seems to have happened before the host starts.
#[derive(Default)]
pub(crate) struct Before {
    /// Components under which the host died too often.
    pub(crate) deadly: Vec<Digest>,
    /// Skills that peers 1 to 9 lost by asking for private text too often.
    pub(crate) lost: Vec<&'static str>,
}

impl Before {
    async fn write(&self, home: &Home) {
        if self.deadly.is_empty() && self.lost.is_empty() {
            return;
        }
        let store = Store::open(&home.store(), StoreOptions::default()).expect("a store");
        let deadly = self.deadly.clone();
        let write = move |c: &coworker_host::store::Db| {
            for digest in &deadly {
                let digest = digest.as_bytes().as_slice();
                c.execute(
                    "INSERT INTO death (digest, deaths, at) VALUES (?1, 9, ?2)",
                    (digest, i64::MAX),
                )?;
            }
            Ok(())
        };
        store.write(write).await.expect("rows");
        for (skill, n) in self
            .lost
            .iter()
            .flat_map(|skill| (1..10).map(move |n| (skill, n)))
        {
            let row = RejectionRow {
                peer: peer(n),
                skill: (*skill).to_owned(),
                task: TaskId::from_random(coworker_host::clock::random()),
                at: coworker_host::clock::now(),
                stage: "model".to_owned(),
                mode: GuardMode::Block,
                what: "its private text".to_owned(),
            };
            let lost = store.guard_reject(row, Duration::from_secs(3_600), 1).await;
            assert!(lost.expect("a row"), "{skill}");
        }
        store.close().await.expect("an orderly end");
    }
}

/// Returns a call as an old peer writes it, and its correlation id.
pub(crate) fn request(skill: &str, input: &Value) -> (String, Vec<u8>) {
    let correlation = coworker_host::clock::token();
    let envelope = json!({
        "protocol": "coworker", "version": "1.0", "type": "task_request",
        "payload": { "skill": skill, "input": input }, "ttl": 3600, "sender_id": "bench",
        "correlation_id": correlation,
    });
    (correlation, envelope.to_string().into_bytes())
}

/// Finds the correlation id without reading the rest: the bench should cost less than what it measures.
fn correlation(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, rest) = text.split_once("\"correlation_id\"")?;
    rest.split('"').nth(1)
}

/// Returns a runtime like the program's.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    coworker_host::tasks::runtime().expect("threads")
}

/// Returns a configuration whose buckets and lines do not pace the bench.
pub(crate) fn unpaced() -> Config {
    let mut config = Config::default();
    (
        config.rates.known,
        config.rates.internal,
        config.rates.burst,
    ) = (u32::MAX, u32::MAX, u32::MAX);
    config.rates.untrusted = u32::MAX;
    config
}
