//! Whatever an authenticated peer sends, the message after it is served.

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::envelope;
use crate::support::Place;

const CAPTURED: &str = include_str!("../fixtures/coworker-0.6.1-wire.jsonl");
/// So that tier 0 is not paced here: how fast a stranger may ask is shown elsewhere.
const UNPACED: &str = "[rates]\nuntrusted = 1000000\nknown = 1000000\nburst = 100000\n";

/// Returns the envelopes that an old host and its peers really sent, each as its bytes.
pub(crate) fn captured() -> Vec<Vec<u8>> {
    let envelope = |line: &str| {
        let start =
            line.find("\"envelope\": ").expect("a captured envelope") + "\"envelope\": ".len();
        line.as_bytes()[start..line.len() - 1].to_vec()
    };
    CAPTURED.lines().map(envelope).collect()
}

#[test]
fn no_captured_envelope_harms_the_message_after_it() {
    let place = Place::configured(&format!("{EXPOSED}\n{UNPACED}"));
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let all = captured();
    assert_eq!(all.len(), 225);
    for tier in ["untrusted", "known", "privileged"] {
        let peer = place.stranger(&serving);
        if tier != "untrusted" {
            place.set_tier(&peer, tier);
        }
        for bytes in &all {
            peer.send(bytes).expect("it is dealt with and confirmed");
            peer.ping();
        }
        if tier != "untrusted" {
            assert_eq!(
                peer.call("echo", json!({ "a": 1 }))["result"],
                json!({ "a": 1 })
            );
        }
        for got in peer.all() {
            let (kind, payload) = (got.kind(), got.payload());
            let replies = [
                "pong",
                "capabilities",
                "trust_grant",
                "trust_deny",
                "task_response",
                "task_error",
                "error",
                "skill_card",
                "plan_reject",
                "group_task_error",
            ];
            assert!(
                replies.contains(&kind.as_str()),
                "an old peer takes {kind} for a request: {payload}"
            );
            // Only who has a tier hears of one, and only of its own.
            let echoes = ["trust_deny", "task_error", "error"].contains(&kind.as_str());
            if tier == "untrusted" && !echoes {
                assert!(!payload.to_string().contains("tier"), "{payload}");
            }
        }
        let row = place.owner(json!({ "do": "peers_show", "peer": peer.id }));
        assert_eq!(row["tier"], tier, "no envelope changes a tier");
    }
    assert!(serving.terminate().success());
}

#[test]
fn no_malformed_message_harms_the_message_after_it() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "privileged");
    let text = |value: Value| value.to_string().into_bytes();
    let ping = |key: &str, value: Value| {
        let mut message: Value =
            serde_json::from_slice(&envelope("ping", "c", &json!({}))).expect("JSON");
        message[key] = value;
        text(message)
    };
    let deep = |open: &str, close: &str, times: usize| open.repeat(times) + &close.repeat(times);
    let mut messages = vec![
        Vec::new(),
        b"{".to_vec(),
        b"\xff\xfe\x00\x00".to_vec(),
        vec![0; 4_096],
        deep("[", "]", 1 << 20).into_bytes(),
        format!("{{\"protocol\":\"coworker\",\"type\":\"ping\",\"payload\":{}}}", deep("{\"a\":", "}", 9_999))
            .replace("\"a\":}", "\"a\":1}")
            .into_bytes(),
        format!("{{\"protocol\":\"coworker\",\"type\":\"ping\",\"payload\":{}}}", deep("[", "]", 200)).into_bytes(),
        text(json!("coworker")),
        text(json!({ "protocol": "other" })),
        br#"{"protocol":"coworker","type":"task_request","payload":{"skill":"\ud800","input":NaN},"ttl":1e999}"#.to_vec(),
        text(json!({ "protocol": "coworker", "type": "task_request", "payload": { "skill": ["echo"], "input": 1 } })),
        text(json!({ "protocol": "coworker", "type": "task_request", "payload": [] })),
        text(json!({ "protocol": "coworker", "type": "task_request", "payload": null })),
        // What destroyed a whole batch of an old host.
        ping("timestamp", json!("2026-11-21T03:48:13")),
        ping("timestamp", json!(12)),
        ping("ttl", json!(null)),
        ping("ttl", json!("3600")),
        ping("ttl", json!(-1)),
        ping("correlation_id", json!({ "not": "text" })),
        ping("correlation_id", json!("x".repeat(100_000))),
        ping("sender_id", json!(["a"])),
        ping("sender_wallet", json!(7)),
        ping("type", json!(null)),
        ping("type", json!("x".repeat(1 << 20))),
    ];
    for tier in [
        json!(-1),
        json!(0.5),
        json!("1"),
        json!(null),
        json!(true),
        json!(99),
        json!(1e300),
    ] {
        messages.push(envelope(
            "trust_request",
            "t",
            &json!({ "requested_tier": tier, "reason": ["x"] }),
        ));
    }
    let large = "x".repeat((4 << 20) + 1);
    messages.push(envelope("ping", "large", &json!({ "message": large })));
    messages.push(envelope(
        "task_request",
        "large",
        &json!({ "skill": "echo", "input": { "text": &large[..900 << 10] } }),
    ));
    messages.push(envelope(
        "task_request",
        "larger",
        &json!({ "skill": "echo", "input": { "text": &large[..2 << 20] } }),
    ));
    for bytes in messages {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
        peer.send(&bytes)
            .unwrap_or_else(|error| panic!("{head}: {error}"));
        peer.ping();
        assert_eq!(
            peer.call("echo", json!({ "a": 1 }))["result"],
            json!({ "a": 1 }),
            "{head}"
        );
    }
    let unread = place.turned_away("too_large");
    assert_eq!(unread, 4, "four were larger than anything that is read");
    assert_eq!(
        peer.answer("large").payload()["error_code"],
        "INVALID_INPUT"
    );
    assert_eq!(peer.answers("larger").len(), 0, "no call is so large");
}

#[test]
fn a_batch_with_one_bad_message_loses_no_other() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let (ann, bob) = (
        place.peer(&serving, "privileged"),
        place.peer(&serving, "privileged"),
    );
    let call = |n: usize| {
        envelope(
            "task_request",
            &format!("n{n}"),
            &json!({ "skill": "echo", "input": { "n": n } }),
        )
    };
    let poison = |n: usize| {
        let text = String::from_utf8(call(n))
            .expect("UTF-8")
            .replace("+00:00", "")
            .replace('Z', "");
        if n.is_multiple_of(2) {
            b"{\"protocol\": \"coworker\", \"ttl\":".to_vec()
        } else {
            text.replace("3600", "null").into_bytes()
        }
    };
    std::thread::scope(|scope| {
        let sending = [
            scope.spawn(|| ann.send_all((0..100).map(poison).collect())),
            scope.spawn(|| bob.send_all((0..100).map(call).collect())),
        ];
        for sent in sending {
            let sent = sent.join().expect("it ends");
            assert!(sent.iter().all(Result::is_ok));
        }
    });
    for n in 0..100 {
        assert_eq!(
            bob.answer(&format!("n{n}")).payload()["result"],
            json!({ "n": n })
        );
    }
}
