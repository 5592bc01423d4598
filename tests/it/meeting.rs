//! Meeting peers: how often they are asked, by what, and what is kept of what they said.

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::invites::Visitor;
use crate::peer::{Peer, names, until};
use crate::support::Place;

/// Returns the kinds of the requests that a host got from a peer since it started, the oldest first.
fn asked(place: &Place, from: &str) -> Vec<String> {
    let mut kinds: Vec<String> = place
        .tasks()
        .iter()
        .filter(|task| task["peer"] == from)
        .map(|task| task["kind"].as_str().expect("a kind").to_owned())
        .collect();
    kinds.reverse();
    kinds
}

#[test]
fn trust_is_asked_for_only_where_it_is_missing_and_the_second_time_is_one_round_trip() {
    let place = Place::configured(&format!("{EXPOSED}\n[peers]\nauto_grant = \"known\"\n"));
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let ann = Visitor::new(&place, "ann");
    let met = ann.get(&["connect", serving.me()]);
    assert_eq!(
        (&met["granted"], &met["unchanged"]),
        (&json!("known"), &json!(false))
    );
    assert_eq!(names(&met["skills"]), ["echo"]);
    let first = ["discover", "trust_request", "agent_card_query"];
    assert_eq!(asked(&place, &ann.id()), first);
    let met = ann.get(&["connect", serving.me()]);
    assert_eq!(
        (&met["granted"], &met["unchanged"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(
        names(&met["skills"]),
        ["echo"],
        "the list was not sent again"
    );
    assert_eq!(asked(&place, &ann.id())[3..], ["agent_card_query"]);
    // What changed is sent and kept.
    place.drop_in("hostile.wasm", "hostile.wasm");
    place.wait_for("hostile", "exposed");
    let met = ann.get(&["connect", serving.me()]);
    assert_eq!(met["unchanged"], false);
    assert_eq!(names(&met["skills"]), ["echo", "hostile"]);
    // Asking for more asks.
    let met = ann.get(&["connect", serving.me(), "--tier", "internal"]);
    assert_eq!(met["reason"], "manual approval required");
    assert_eq!(
        asked(&place, &ann.id()).last().map(String::as_str),
        Some("trust_request")
    );
}

#[test]
fn no_failure_wipes_what_a_peer_showed() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    place.owner(json!({ "do": "trust_set", "peer": ann.id(), "tier": "known" }));
    ann.get(&["connect", serving.me()]);
    let me = serving.me().to_owned();
    assert!(serving.terminate().success());
    let failed = ann.run(&["connect", &me, "--timeout", "300ms"]);
    assert_eq!(failed.code, 4, "{}", failed.stderr);
    let kept = ann.get(&["peers", "show", &me]);
    assert_eq!(names(&kept["skills"]), ["echo"]);
    let _serving = place.serve(&[]);
    let met = ann.get(&["connect", &me]);
    assert_eq!(met["unchanged"], true, "{met}");
    // What the peer itself says counts: it shows nothing any more.
    place.owner(json!({ "do": "trust_revoke", "peer": ann.id() }));
    let met = ann.get(&["connect", &me]);
    assert_eq!(met["skills"], json!([]));
}

/// Answers what a host asks as an old peer does, until it was asked `count` times. Returns the kinds.
fn answer_as_old(peer: &Peer, count: usize, cards: &[Value]) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    while kinds.len() < count {
        let next = peer.wait(|all| all.get(kinds.len()).cloned());
        let got = next.expect("a question");
        let correlation = got.correlation.clone().expect("an id");
        let (kind, payload) = match got.kind().as_str() {
            "discover" => (
                "capabilities",
                json!({ "name": "old", "skills": cards[kinds.len()] }),
            ),
            "trust_request" => (
                "trust_grant",
                json!({ "granted": true, "granted_tier": 1, "reason": "auto-accepted" }),
            ),
            other => (
                "error",
                json!({ "code": "TRUST_TIER_TOO_LOW", "message": format!("no {other}") }),
            ),
        };
        kinds.push(got.kind());
        let answer = crate::peer::envelope(kind, &correlation, &payload);
        peer.send(&answer).expect("the host took it");
    }
    kinds
}

#[test]
fn an_old_peer_is_asked_in_its_own_words() {
    let (place, serving) = Place::serving(&[]);
    let old = place.stranger(&serving);
    let cards = json!([{ "name": "a", "min_trust_tier": 1 }, "b"]);
    let connect = || place.owner(json!({ "do": "connect", "target": old.id, "tier": "known" }));
    let script = [json!([]), json!(null), cards.clone(), cards.clone()];
    let (kinds, first, second) = std::thread::scope(|scope| {
        let answering = scope.spawn(|| answer_as_old(&old, 4, &script));
        let (first, second) = (connect(), connect());
        (answering.join().expect("it ends"), first, second)
    });
    assert_eq!(kinds, ["discover", "trust_request", "discover", "discover"]);
    assert_eq!(first["granted"], "known");
    assert_eq!(names(&first["skills"]), ["a", "b"]);
    assert_eq!(
        (&second["granted"], &second["unchanged"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(names(&second["skills"]), ["a", "b"]);
}

#[test]
fn a_peer_that_forgot_what_it_understood_is_asked_again_plainly() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    let say = |correlation: &str, kind: &str, payload: Value, accepts: Value| {
        let envelope = json!({
            "protocol": "coworker", "version": "1.0", "type": kind, "payload": payload,
            "correlation_id": correlation, "ext": { "accepts": accepts },
        });
        peer.send(envelope.to_string().as_bytes()).expect("taken");
    };
    let question = |n: usize| {
        let got = peer.wait(|all| all.get(n).cloned()).expect("a question");
        (got.kind(), got.correlation.expect("an id"))
    };
    let look = || place.owner(json!({ "do": "connect", "target": peer.id }));
    std::thread::scope(|scope| {
        let first = scope.spawn(look);
        let (kind, correlation) = question(0);
        assert_eq!(kind, "discover");
        let cards = json!({ "name": "p", "skills": [{ "name": "a" }] });
        say(&correlation, "capabilities", cards, json!(["card-hash"]));
        first.join().expect("it ends");
        let second = scope.spawn(look);
        let (kind, correlation) = question(1);
        assert_eq!(kind, "agent_card_query");
        say(
            &correlation,
            "error",
            json!({ "code": "TRUST_TIER_TOO_LOW" }),
            json!([]),
        );
        let (kind, correlation) = question(2);
        assert_eq!(kind, "discover");
        let cards = json!({ "name": "p", "skills": [{ "name": "b" }] });
        say(&correlation, "capabilities", cards, json!([]));
        let met = second.join().expect("it ends");
        assert_eq!(names(&met["skills"]), ["b"]);
    });
    until("what it showed is kept", || {
        let row = place.owner(json!({ "do": "peers_show", "peer": peer.id }));
        (names(&row["skills"]) == ["b"]).then_some(())
    });
}
