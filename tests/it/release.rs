//! Refusals leave on the host's grid of release times, and never between. The host runs in this process: its transport
//! is the test, and the points of its grid lie so far apart that what leaves between them is seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coworker_core::{GuardMode, PeerId, TaskId, Tier};
use coworker_host::clock::{self, Boundary};
use coworker_host::config::Config;
use coworker_host::control::{Progress, Request};
use coworker_host::home::Home;
use coworker_host::host::{Host, HostOptions, OpenHome};
use coworker_host::store::{RejectionRow, Store, StoreOptions};
use coworker_host::transport::{Inbound, Link, Outgoing};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::hosts::shape;
use crate::peer::{PATIENCE, block_on, envelope};
use crate::refusals::{NAMES, world};
use crate::support::Place;

/// How far apart the points lie. A refusal that did not wait for one leaves in a hundredth of it.
const STEP: Duration = Duration::from_secs(1);

/// A host on a coarse grid, and the other end of its transport.
struct Rig {
    host: Arc<Host>,
    inbox: mpsc::Sender<Inbound>,
    sent: mpsc::Receiver<Outgoing>,
}

impl Rig {
    /// Opens the home of a place whose own host has ended.
    async fn open(place: &Place, step: Duration) -> Self {
        let home = Home::open(&place.home()).expect("a home");
        let config = Config::load(&home.config_file(), &[])
            .expect("a configuration")
            .config;
        let opened = OpenHome::open(home, config)
            .await
            .expect("nobody else is here");
        let (inbox, receiver) = mpsc::channel(64);
        let (outbox, sent) = mpsc::channel(64);
        let link = Link {
            me: opened.identity.peer(),
            inbox: receiver,
            outbox,
            network: None,
        };
        let options = HostOptions {
            serving: true,
            program: Some(env!("CARGO_BIN_EXE_coworker-host").into()),
            ..HostOptions::default()
        };
        let mut host = Host::open(opened, &link, options).await.expect("a host");
        Arc::get_mut(&mut host).expect("nothing runs yet").boundary = Boundary::every(step);
        host.start(link).await.expect("a start");
        Self { host, inbox, sent }
    }

    async fn trust(&self, peer: &PeerId, tier: Tier) {
        let request = Request::TrustSet {
            peer: peer.to_string(),
            tier,
            span: None,
            calls: None,
            skills: None,
        };
        let set = self.host.handle(request, &Progress::silent()).await;
        set.expect("the owner may");
    }

    /// Hands a message over, and returns when that was and once it is on disk.
    async fn send(&self, from: &PeerId, bytes: &[u8]) -> Instant {
        let (kept, done) = oneshot::channel();
        let message = Inbound {
            from: from.clone(),
            id: clock::long_token(),
            sent: clock::now(),
            bytes: bytes.to_vec(),
            kept,
        };
        let at = Instant::now();
        self.inbox.send(message).await.expect("the host runs");
        done.await.expect("it is kept");
        at
    }

    /// Returns the next message that leaves, and when it came here.
    async fn leaves(&mut self) -> (Value, Instant) {
        let next = tokio::time::timeout(PATIENCE, self.sent.recv()).await;
        let message = next.expect("something leaves").expect("the host runs");
        let at = Instant::now();
        let envelope = serde_json::from_slice(&message.bytes).expect("strict JSON");
        // A host that has ended does not care.
        let _ = message.done.send(Ok(()));
        (envelope, at)
    }

    /// Sends these messages, and shows that the answer to each is a refusal that leaves no earlier than on the first point
    /// of the grid after it came.
    async fn wait_for_the_grid(&mut self, from: &PeerId, messages: &[(String, Vec<u8>)]) {
        // What comes early in a step waits longest. The rule holds at any moment, and is seen best at this one.
        tokio::time::sleep_until(self.host.boundary.after(Instant::now())).await;
        let mut earliest = HashMap::new();
        for (id, bytes) in messages {
            let came = self.send(from, bytes).await;
            earliest.insert(id.clone(), self.host.boundary.after(came));
        }
        while !earliest.is_empty() {
            let (envelope, left) = self.leaves().await;
            let id = envelope["correlation_id"].as_str().expect("an id");
            let first = earliest.remove(id).expect("one answer to each");
            assert!(
                envelope.to_string().contains("Unknown skill: s-"),
                "{id}: {envelope}"
            );
            assert!(left >= first, "{id} left {:?} too early", first - left);
        }
    }

    async fn close(self) {
        // What still waits for the grid waits for the next start.
        let closed = self.host.close(Duration::from_millis(100)).await;
        closed.expect("an orderly end");
    }
}

/// Returns a peer, and a host on such a grid which has a skill for every reason not to see one.
async fn open(place: &Place, step: Duration) -> (PeerId, Rig) {
    (peer(), Rig::open(place, step).await)
}

fn peer() -> PeerId {
    format!("loop:{:064x}", 7).parse().expect("an id")
}

/// Takes a skill from a peer, as if it had asked for private text too often.
async fn lose(place: &Place, peer: &PeerId, skill: &str) {
    let home = Home::open(&place.home()).expect("a home");
    let store = Store::open(&home.store(), StoreOptions::default()).expect("a store");
    let row = RejectionRow {
        peer: peer.clone(),
        skill: skill.to_owned(),
        task: TaskId::from_random([1; 16]),
        at: clock::now(),
        stage: "model".to_owned(),
        mode: GuardMode::Block,
        what: "its private text".to_owned(),
    };
    let lost = store.guard_reject(row, Duration::from_secs(3_600), 1).await;
    assert!(lost.expect("a row"));
    store.close().await.expect("an orderly end");
}

#[test]
fn refusals_of_every_reason_leave_on_the_grid() {
    let (place, serving) = world();
    place.write("home/skills/s-barred.wasm", shape("name=s-barred"));
    place.wait_for("s-barred", "exposed");
    assert!(serving.terminate().success());
    block_on(async {
        lose(&place, &peer(), "s-barred").await;
        let (peer, mut rig) = open(&place, STEP).await;
        for tier in [Tier::Untrusted, Tier::Known] {
            rig.trust(&peer, tier).await;
            let mut messages = Vec::new();
            for name in NAMES.into_iter().chain(["s-barred"]) {
                let id = format!("call {name} {tier:?}");
                let call = json!({ "skill": name, "input": {} });
                messages.push((id.clone(), envelope("task_request", &id, &call)));
                let id = format!("card {name} {tier:?}");
                let card = json!({ "skill": name });
                messages.push((id.clone(), envelope("skill_card_query", &id, &card)));
            }
            rig.wait_for_the_grid(&peer, &messages).await;
            // What comes again has no task of its own, and goes another way.
            rig.wait_for_the_grid(&peer, &messages).await;
        }
        rig.close().await;
    });
}

#[test]
fn what_tells_nothing_waits_for_no_grid() {
    let (place, serving) = world();
    assert!(serving.terminate().success());
    block_on(async {
        let (peer, mut rig) = open(&place, Duration::from_secs(24 * 3_600)).await;
        let call = json!({ "skill": "s-absent", "input": {} });
        rig.send(&peer, &envelope("task_request", "c", &call)).await;
        rig.send(&peer, &envelope("ping", "p", &json!({}))).await;
        let (answer, _) = rig.leaves().await;
        assert_eq!(answer["type"], "pong", "{answer}");
        rig.close().await;
    });
}
