//! Many strangers who have sent more than a client takes in at once: who is trusted does not wait behind them, and neither
//! does somebody new who asks for trust.

use std::time::Instant;

use serde_json::{Value, json};

use super::network::{Member, Node};
use super::strangers::Strangers;
use crate::hosts::ask_at;
use crate::peer::{envelope, until};
use crate::support::Place;

/// How many strangers there are, and how much each of them sends.
const STRANGERS: usize = 16;
const EACH: usize = 100;

fn inbox(member: &Member) -> &str {
    member.me.trim_start_matches("xmtp:")
}

fn request(id: &str) -> String {
    let payload = json!({ "skill": "echo", "input": { "n": 1 } });
    String::from_utf8(envelope("task_request", id, &payload)).expect("JSON")
}

#[test]
fn a_friend_and_a_new_request_for_trust_pass_a_backlog_of_strangers() {
    let place = Place::new();
    let node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &["echo.wasm"]);
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "privileged");
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 0 }))["result"]["n"], 0);
    let mut crowd = Strangers::join(&node, STRANGERS);
    let mut dan = Strangers::join(&node, 1);
    ann.kill();
    let order = json!({ "do": "crowd", "to": inbox(&ann), "each": EACH, "text": request("$AT") });
    let sent = crowd.ask(&order);
    let all = STRANGERS * EACH;
    assert_eq!(sent["sent"], all, "{sent}");
    // All of it was sent before these.
    let asks = envelope(
        "trust_request",
        "dan",
        &json!({ "requested_tier": 2, "reason": "to work with you" }),
    );
    let asks = String::from_utf8(asks).expect("JSON");
    dan.ask(&json!({ "do": "texts", "to": inbox(&ann), "texts": [asks] }));
    let home = bob.place.home();
    let to = ann.me.clone();
    let call = std::thread::spawn(move || {
        ask_at(
            &home,
            json!({ "do": "call", "peer": to, "skill": "echo", "input": { "n": 1 }, "timeout": "100s" }),
        )
    });
    ann.serve();
    let received = || ann.place.turned_away("received");
    let started = Instant::now();
    let answer = call.join().expect("no panic").expect("an answer");
    let (took, at_answer) = (started.elapsed(), received());
    assert_eq!(answer["reply"]["result"]["n"], 1, "{answer}");
    let is_dan =
        |request: &Value| request["peer"].as_str() == Some(&format!("xmtp:{}", dan.inboxes[0]));
    let at_request = until("the request is seen", || {
        let requests = ask_at(&ann.place.home(), json!({ "do": "trust_requests" })).ok()?;
        let requests = requests.as_array().cloned().unwrap_or_default();
        requests.iter().any(is_dan).then(received)
    });
    let half = all as u64 / 2;
    assert!(
        at_answer < half && at_request < half,
        "{at_answer} of {all} came before the answer, after {took:?}, and {at_request} before the request"
    );
    // Nothing is lost by that.
    until("all of it comes", || {
        (received() >= all as u64 + 2).then_some(())
    });
}
