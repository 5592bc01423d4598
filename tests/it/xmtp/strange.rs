//! Messages that are made to break who reads them: none stops the bridge, keeps a place in it, or is read twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fake::Faked;
use super::forget::taken_in;
use super::network::{Member, Node};
use super::strangers::Strangers;
use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::Place;

/// More than there are places for between the sidecar and the host.
const MANY: u64 = 300;
/// What a call may take on a machine under load. Before, none came through.
const CALL: Duration = Duration::from_secs(20);

fn inbox(member: &Member) -> &str {
    member.me.trim_start_matches("xmtp:")
}

/// A host on a network with a friend.
fn pair() -> (Place, Node, Member, Member) {
    let place = Place::new();
    let node = Node::start(&place);
    let ann = Member::join("ann", &node, &["echo.wasm"]);
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "privileged");
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 0 }))["result"]["n"], 0);
    (place, node, ann, bob)
}

/// A friend is answered in a time that a call takes.
#[track_caller]
fn is_heard(ann: &Member, bob: &Member, n: u64) {
    let started = Instant::now();
    let answer = bob.call(ann, "echo", json!({ "n": n }));
    assert_eq!(answer["result"]["n"], n, "{answer}");
    let took = started.elapsed();
    assert!(took < CALL, "{took:?}: {}", ann.bridge());
}

fn passed_over(member: &Member) -> Value {
    member.bridge()["passed_over"].clone()
}

/// Waits until so many texts were passed over since the host started.
#[track_caller]
fn until_unreadable(member: &Member, count: u64) {
    let mut last = Value::Null;
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until("they are passed over", || {
            last = passed_over(member);
            (last["unreadable"].as_u64() >= Some(count)).then_some(())
        });
    }));
    assert!(told.is_ok(), "{last}");
}

/// All is as if nothing had been sent.
#[track_caller]
fn is_quiet(member: &Member) {
    let bridge = until("nothing waits", || {
        let bridge = member.bridge();
        (bridge["waiting"] == 0 && bridge["under_way"] == 0).then_some(bridge)
    });
    assert_eq!(
        (&bridge["state"], &bridge["restarts"], &bridge["unread"]),
        (&json!("ready"), &json!(0), &json!(0)),
        "{bridge}"
    );
}

#[test]
fn texts_that_are_none_are_passed_over_told_and_read_once() {
    let (_place, node, mut ann, bob) = pair();
    let mut eve = Strangers::join(&node, 1);
    let broken = json!({ "do": "broken", "to": inbox(&ann), "count": MANY });
    for round in 1..=2 {
        eve.ask(&broken);
        is_heard(&ann, &bob, round);
        until_unreadable(&ann, round * MANY);
        is_quiet(&ann);
    }
    let doctor = ann.owner(json!({ "do": "doctor" }));
    let checks = doctor.as_array().expect("a list");
    let told = checks.iter().find(|check| check["check"] == "xmtp");
    let detail = told.and_then(|check| check["detail"].as_str());
    assert!(
        detail.is_some_and(|detail| detail.contains("600 messages could not be read")),
        "{doctor}"
    );
    let shown = ann.place.run(&["status"]);
    assert!(shown.stdout.contains("600 unreadable"), "{}", shown.stdout);

    for _ in 0..2 {
        ann.kill();
        ann.serve();
        ann.until_state("ready");
        is_heard(&ann, &bob, 3);
        is_quiet(&ann);
        assert_eq!(passed_over(&ann)["unreadable"], 0, "read once");
    }
}

#[test]
fn a_home_whose_client_holds_broken_texts_recovers_at_its_next_start() {
    let (_place, node, mut ann, bob) = pair();
    let mut eve = Strangers::join(&node, 1);
    ann.kill();
    eve.ask(&json!({ "do": "broken", "to": inbox(&ann), "count": 2 * MANY }));
    // The client has them, and the host nothing of them.
    taken_in(&ann, &node);
    ann.serve();
    ann.until_state("ready");
    is_heard(&ann, &bob, 1);
    until_unreadable(&ann, 2 * MANY);
    is_quiet(&ann);
}

#[test]
fn nothing_that_a_client_can_send_makes_a_host_deaf() {
    let (_place, node, mut ann, bob) = pair();
    let mut eve = Strangers::join(&node, 2);
    for (by, seed) in [(0, 1), (1, 20_261_130)] {
        let order =
            json!({ "do": "strange", "by": by, "to": inbox(&ann), "seed": seed, "count": 200 });
        let sent = eve.ask(&order);
        assert!(sent["sent"].as_u64() > Some(300), "{sent}");
        is_heard(&ann, &bob, seed);
        is_quiet(&ann);
    }
    let passed = passed_over(&ann);
    assert!(passed["unreadable"].as_u64() > Some(50), "{passed}");
    assert!(passed["other_kinds"].as_u64() > Some(50), "{passed}");
    // Whoever sent all that is heard like anybody.
    let received = ann.place.turned_away("received");
    eve.ask(&json!({ "do": "texts", "to": inbox(&ann), "texts": ["{}"] }));
    until("its text comes", || {
        (ann.place.turned_away("received") > received).then_some(())
    });
    ann.kill();
    ann.serve();
    ann.until_state("ready");
    is_heard(&ann, &bob, 3);
    is_quiet(&ann);
    assert_eq!(passed_over(&ann)["unreadable"], 0);
}

/// Returns what a client knows of a peer who has sent so much, some of which is odd.
fn peer(peer: &str, waiting: u64, talks: u64, odd: &Value) -> Value {
    json!({ "peer": peer, "waiting": waiting, "size": 10, "talks": talks, "pours": 0, "apart": 1_000_000, "ago": 60, "odd": odd })
}

/// Returns how much left for a peer.
fn told(faked: &Faked, peer: &str) -> usize {
    let noted = faked.noted();
    noted.iter().filter(|note| note["to"] == peer).count()
}

#[test]
fn what_throws_in_the_sidecar_costs_its_message_alone() {
    let faked = Faked::with_client();
    faked.place.drop_in("echo.wasm", "echo.wasm");
    let (eve, ann) = ("e".repeat(64), "a".repeat(64));
    let absurd = "9".repeat(40);
    let odd = json!({
        "0": "throws", "1": "nothing", "2": { "content": { "content": null } }, "3": { "content": { "type": null } },
        "4": { "message": { "kind": 1 } }, "5": { "content": { "content": "text" } }, "6": { "content": { "compression": 1 } },
        "7": { "message": { "id": absurd } },
    });
    // It says one thing live after each answer that it gets, and the odd ones wait before.
    faked.world(&json!([
        peer(&eve, 9, 12, &odd),
        peer(&ann, 1, 5, &json!({}))
    ]));
    let _serving = faked.place.serve(&[]);
    until("both are answered", || {
        (told(&faked, &ann) >= 5 && told(&faked, &eve) >= 1).then_some(())
    });
    // The client's own errors are counted too.
    let bridge = faked.bridge_until("the odd ones are passed over", |bridge| {
        let passed = |kind: &str| bridge["passed_over"][kind].as_u64();
        passed("unreadable") >= Some(6) && passed("failed") >= Some(1)
    });
    assert_eq!(
        (&bridge["restarts"], &bridge["state"]),
        (&json!(0), &json!("ready")),
        "{bridge}"
    );
}

#[test]
fn a_conversation_that_cannot_be_read_or_named_keeps_nobody_from_being_heard() {
    let faked = Faked::with_client();
    faked.place.drop_in("echo.wasm", "echo.wasm");
    let mut unread = peer(&"e".repeat(64), 3, 0, &json!({}));
    unread["strange"] = json!("unread");
    let mut nameless = peer(&"d".repeat(64), 3, 0, &json!({}));
    nameless["strange"] = json!("nameless");
    let ann = "a".repeat(64);
    faked.world(&json!([nameless, unread, peer(&ann, 1, 3, &json!({}))]));
    let _serving = faked.place.serve(&[]);
    until("the other is answered", || {
        (told(&faked, &ann) >= 3).then_some(())
    });
    let bridge = faked.bridge_until("it is told", |bridge| bridge["unread"] == 1);
    assert_eq!(
        (&bridge["restarts"], &bridge["state"]),
        (&json!(0), &json!("ready")),
        "{bridge}"
    );
    let doctor = ask_at(&faked.place.home(), json!({ "do": "doctor" })).expect("it runs");
    let told = doctor.as_array().expect("a list").iter();
    let mut wrong = told.filter(|check| check["check"] == "xmtp mail");
    assert!(wrong.any(|check| check["ok"] == false), "{doctor}");
}

/// Lives, says that messages wait, and hands none over.
const DEAF: &str = r#"
hear((frame) => {
  if (frame.do === "ping") say({ is: "pong", id: frame.id, handed: 0, waiting: 1, passed: 0, failed: 0, unread: 0 });
  if (frame.do === "hello") ready();
});
"#;

#[test]
fn a_bridge_that_hands_nothing_over_is_told_and_starts_again() {
    let faked = Faked::new(DEAF);
    let _serving = faked.place.serve(&[]);
    let bridge = faked.bridge_until("it is told", |bridge| bridge["state"] == "stalled");
    let why = bridge["why"].as_str().unwrap_or_default();
    assert!(why.contains("hands none over"), "{bridge}");
    let doctor = ask_at(&faked.place.home(), json!({ "do": "doctor" })).expect("it runs");
    let mut checks = doctor.as_array().expect("a list").iter();
    let xmtp = checks.find(|check| check["check"] == "xmtp");
    assert_eq!(
        xmtp.map(|check| &check["ok"]),
        Some(&json!(false)),
        "{doctor}"
    );
    // One that starts anew is no better until it hands something over.
    let started = faked.bridge_until("it starts again", |bridge| {
        bridge["restarts"].as_u64() >= Some(1)
            && bridge["installation"].is_string()
            && bridge["pid"].is_number()
    });
    assert_eq!(started["state"], "stalled", "{started}");
    faked.replace("hear((frame) => { live(frame); if (frame.do === 'hello') ready(); });");
    let bridge = faked.bridge_until("it is mended", |bridge| bridge["state"] == "ready");
    assert!(bridge["why"].is_null(), "{bridge}");
}
