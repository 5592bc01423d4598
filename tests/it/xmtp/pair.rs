//! Two hosts and a node: calls, order, and what happens when one of them is gone for a while.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::network::{Member, Node, kill};
use crate::defects::is_for_its_owner_alone;
use crate::hosts::ROOMY;
use crate::peer::until;
use crate::support::Place;

/// How long anything that was killed may take to be back: the bound that users are promised.
const BACK: Duration = Duration::from_secs(5);

fn pair(skills: &[&str]) -> (Place, Node, Member, Member) {
    let place = Place::new();
    let node = Node::start(&place);
    let (ann, bob) = (
        Member::join("ann", &node, skills),
        Member::join("bob", &node, &[]),
    );
    ann.trust(&bob, "privileged");
    // Whoever has met a host knows that it may be asked twice: an old peer would not be.
    bob.owner(json!({ "do": "connect", "target": ann.me }));
    (place, node, ann, bob)
}

#[test]
fn two_hosts_meet_and_call_over_a_node() {
    let (_place, _node, ann, bob) = pair(&["echo.wasm"]);
    let met = bob.owner(json!({ "do": "connect", "target": ann.me, "name": "ann" }));
    assert_eq!(met["claimed_name"], "ann");
    assert_eq!(
        bob.call(&ann, "echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
    let seen = ann.owner(json!({ "do": "peers_show", "peer": bob.me }));
    assert_eq!(
        (&seen["claimed_name"], &seen["tasks"]),
        (&json!("bob"), &json!(1))
    );
    let bridge = ann.bridge();
    assert_eq!(
        (&bridge["env"], &bridge["why"]),
        (&json!("local"), &json!(null))
    );
    assert_eq!(
        format!("xmtp:{}", bridge["inbox"].as_str().expect("an inbox")),
        ann.me
    );
    is_for_its_owner_alone(&ann.place.home());
}

#[test]
fn a_home_keeps_its_inbox_and_its_installation_over_a_restart() {
    let (_place, _node, mut ann, bob) = pair(&["echo.wasm"]);
    bob.call(&ann, "echo", json!({}));
    let before = ann.bridge();
    ann.kill();
    ann.serve();
    let after = ann.until_state("ready");
    assert_eq!(before["inbox"], after["inbox"]);
    assert_eq!(before["installation"], after["installation"]);
    assert_eq!(
        bob.call(&ann, "echo", json!({ "a": 2 }))["result"],
        json!({ "a": 2 })
    );
}

#[test]
fn what_was_asked_while_a_host_was_down_is_answered_when_it_is_back() {
    let (_place, _node, mut ann, bob) = pair(&["echo.wasm"]);
    bob.call(&ann, "echo", json!({}));
    ann.kill();
    std::thread::scope(|scope| {
        let (to, bob) = (ann.me.clone(), &bob);
        let asked: Vec<_> = (0..20)
            .map(|n| {
                let to = to.clone();
                let call = json!({
                    "do": "call", "peer": to, "skill": "echo", "input": { "n": n }, "timeout": "100s",
                });
                scope.spawn(move || (n, bob.owner(call)))
            })
            .collect();
        let _serving = ann.place.serve(&[]);
        for call in asked {
            let (n, answer) = call.join().expect("an answer");
            assert_eq!(answer["reply"]["result"], json!({ "n": n }));
        }
    });
}

/// How many requests wait for a host, from each of two peers.
const WAITING: u64 = 500;

#[test]
fn a_thousand_requests_wait_for_a_host_and_are_handled_in_the_order_of_each_peer() {
    let (_place, node, mut ann, bob) = pair(&["echo.wasm"]);
    let eve = Member::join("eve", &node, &[]);
    ann.trust(&eve, "privileged");
    eve.owner(json!({ "do": "connect", "target": ann.me }));
    ann.kill();
    for n in 0..WAITING {
        for side in [&bob, &eve] {
            side.owner(json!({
                "do": "delegate", "peer": ann.me, "skill": "echo", "input": { "n": n },
            }));
        }
    }
    let in_state = |side: &Member, state: &str| {
        let rows = side.owner(json!({ "do": "delegated", "limit": WAITING }));
        let rows = rows.as_array().expect("a list").iter();
        rows.filter(|row| row["state"] == state).count() as u64
    };
    for side in [&bob, &eve] {
        until("the network has them all", || {
            (in_state(side, "sent") == WAITING).then_some(())
        });
    }
    ann.serve();
    for side in [&bob, &eve] {
        until("all are done", || {
            (in_state(side, "done") == WAITING).then_some(())
        });
    }
    let tasks = ann.place.tasks();
    for side in [&bob, &eve] {
        // The newest are first.
        let theirs = tasks.iter().rev().filter(|task| task["peer"] == side.me);
        let handled: Vec<Value> = theirs
            .map(|task| ann.place.task(task)["reply"]["result"]["n"].clone())
            .collect();
        let sent: Vec<Value> = (0..WAITING).map(Value::from).collect();
        let skip = handled.len() - sent.len();
        assert!(handled[..skip].iter().all(Value::is_null), "{handled:?}");
        assert_eq!(handled[skip..], sent);
    }
}

#[test]
fn the_largest_answer_arrives_and_a_larger_one_is_a_failure() {
    let (_place, _node, mut ann, bob) = pair(&["echo.wasm"]);
    ann.kill();
    ann.place.configure_more(ROOMY);
    ann.place.drop_in("hostile.wasm", "hostile.wasm");
    ann.serve();
    ann.place.wait_for("hostile", "exposed");
    let tells = |n: usize| {
        let answer = bob.call(&ann, "hostile", json!({ "mode": "output", "n": n }));
        let length = answer["result"]["text"].as_str().map(str::len);
        (length, answer["error_code"].clone())
    };
    // What a message carries, less than a kibibyte of it for the envelope.
    let most = 900 << 10;
    assert_eq!(tells(most - 1_024), (Some(most - 1_024), Value::Null));
    assert_eq!(tells(most), (None, json!("EXECUTION_FAILED")));
    assert_eq!(tells(1_500_000), (None, json!("EXECUTION_FAILED")));
    // Nothing of it was on the way, and nothing waits behind it.
    assert_eq!(
        bob.call(&ann, "echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
    ann.place.settled();
    assert_eq!(ann.bridge()["restarts"], 0);
}

#[test]
fn a_sidecar_that_is_killed_comes_back_and_nothing_is_lost() {
    let (_place, _node, ann, bob) = pair(&["echo.wasm"]);
    bob.call(&ann, "echo", json!({}));
    for (side, n) in [(&ann, 1), (&bob, 2)] {
        let started = Instant::now();
        kill(&side.bridge()["pid"]);
        assert_eq!(
            bob.call(&ann, "echo", json!({ "n": n }))["result"],
            json!({ "n": n })
        );
        assert!(started.elapsed() < BACK, "{:?}", started.elapsed());
        let bridge = side.until_state("ready");
        assert_eq!(bridge["restarts"], 1);
    }
}

#[test]
fn a_node_that_is_killed_comes_back_and_nothing_is_lost() {
    let (_place, mut node, ann, bob) = pair(&["echo.wasm"]);
    bob.call(&ann, "echo", json!({}));
    let started = Instant::now();
    node.kill_and_restart();
    assert_eq!(
        bob.call(&ann, "echo", json!({ "n": 1 }))["result"],
        json!({ "n": 1 })
    );
    assert!(started.elapsed() < BACK, "{:?}", started.elapsed());
    ann.until_state("ready");
}
