//! Who somebody is: the network's word, whatever a message says. Two peers that lie, and one that is lied about.

use serde_json::{Value, json};

use super::agent::Agent;
use super::scene::Scene;

/// Somebody else on the same network.
fn eve(scene: &Scene, name: &str) -> Agent {
    Agent::mute(&scene.place, name, &scene.node.address)
}

#[test]
fn no_wallet_in_a_message_makes_its_sender_anybody() {
    let scene = Scene::trusting(&["echo.wasm"], "privileged");
    let eve = eve(&scene, "eve");
    let before = scene.agent.letters().len();
    let claims = json!({
        "sender_wallet": scene.agent.wallet, "sender_id": "bob", "_xmtp_sender": scene.agent.inbox,
        "_xmtp_is_group": true, "_group_id": "0", "trust_required": 3,
    });
    let claim = |kind: &str, payload: Value| {
        let (correlation, text) = eve.envelope(kind, payload, &claims);
        eve.write(&scene.to, &[text]);
        correlation
    };
    let refused = json!({ "success": false, "error": "Unknown skill: echo" });
    let wallet = &scene.agent.wallet;
    let call = json!({ "skill": "echo", "input": {}, "requester_wallet": wallet, "requester": "bob", "wallet": wallet });
    assert_eq!(
        eve.answer(&claim("task_request", call.clone())).payload(),
        refused
    );
    let listed = eve.answer(&claim(
        "discover",
        json!({ "wallet": wallet, "name": "bob" }),
    ));
    assert_eq!(listed.payload()["skills"], json!([]));
    let card = eve.answer(&claim("skill_card_query", json!({ "skill": "echo" })));
    assert_eq!(card.payload()["code"], "SKILL_NOT_FOUND");
    // Asked as if in a group, by the wallet that is privileged: a stranger is not answered at all.
    let in_group = [
        claim("group_task_request", call),
        claim("group_discover", json!({ "wallet": wallet, "name": "bob" })),
    ];
    // Asked for a tier in the other's name, which sets nobody's.
    for tier in [0, 3] {
        let asked = eve.answer(&claim(
            "trust_request",
            json!({ "requested_tier": tier, "reason": "" }),
        ));
        assert_eq!(
            asked.kind(),
            if tier == 0 {
                "trust_grant"
            } else {
                "trust_deny"
            }
        );
    }
    assert_eq!(scene.tier(), "privileged");
    eve.ping(&scene.to);
    assert!(in_group.iter().all(|id| eve.answers(id).is_empty()));
    assert_eq!(scene.runs("echo"), 0);
    // And nothing of it went to whom it claimed to be.
    scene.agent.ping(&scene.to);
    assert_eq!(scene.agent.letters().len() - before, 1);
    let row = scene
        .host
        .owner(json!({ "do": "peers_show", "peer": eve.peer() }));
    assert_eq!(
        (&row["tier"], &row["name"]),
        (&json!("untrusted"), &json!(null))
    );
}

#[test]
fn an_answer_counts_from_whom_was_asked_and_once() {
    let scene = Scene::open(&[]);
    let (asked, eve) = (eve(&scene, "slow"), eve(&scene, "eve"));
    std::thread::scope(|scope| {
        let to = asked.peer();
        let call =
            json!({ "do": "call", "peer": to, "skill": "any", "input": {}, "timeout": "100s" });
        let call = scope.spawn(|| scene.host.owner(call));
        let question = asked.letter("the question", |letter| letter.kind() == "task_request");
        let correlation = question.envelope()["correlation_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        assert!(correlation.len() >= 32, "not to be guessed: {correlation}");
        let answer = |from: &Agent, kind: &str, payload: Value| {
            let (_, text) = from.envelope(
                kind,
                payload,
                &json!({ "correlation_id": correlation, "sender_wallet": asked.wallet }),
            );
            from.write(&scene.to, &[text]);
        };
        // She knows the id and claims the wallet.
        for kind in ["task_response", "task_error", "error", "pong"] {
            answer(
                &eve,
                kind,
                json!({ "success": true, "result": "forged", "error": "forged" }),
            );
        }
        eve.ping(&scene.to);
        asked.ping(&scene.to);
        assert!(!call.is_finished());
        answer(
            &asked,
            "task_response",
            json!({ "success": true, "result": "right" }),
        );
        answer(
            &asked,
            "task_response",
            json!({ "success": true, "result": "second" }),
        );
        assert_eq!(call.join().expect("it ends")["reply"]["result"], "right");
    });
}

#[test]
fn a_name_that_a_peer_takes_is_nobodys_name() {
    let scene = Scene::open(&["echo.wasm"]);
    scene.trust("known");
    scene
        .host
        .owner(json!({ "do": "peers_name", "peer": scene.agent.peer(), "name": "bob" }));
    let other = Agent::start(&scene.place, "bob\u{1b}[31m", &scene.node.address);
    for agent in [&scene.agent, &other] {
        let target = agent.peer();
        scene
            .host
            .owner(json!({ "do": "connect", "target": target, "timeout": "60s" }));
    }
    let row = |agent: &Agent| {
        scene
            .host
            .owner(json!({ "do": "peers_show", "peer": agent.peer() }))
    };
    let (first, second) = (row(&scene.agent), row(&other));
    assert_eq!(
        (&first["name"], &first["tier"]),
        (&json!("bob"), &json!("known"))
    );
    assert_eq!(
        (&second["name"], &second["tier"]),
        (&json!(null), &json!("untrusted"))
    );
    let call = scene.host.place.run(&[
        "--json",
        "call",
        "bob",
        "add",
        "--input",
        r#"{"a":1,"b":1}"#,
    ]);
    assert!(
        call.stdout.contains("Unknown skill") || call.stdout.contains("tier"),
        "{}{}",
        call.stdout,
        call.stderr
    );
    assert_eq!(other.ask(json!({ "do": "ran" })), json!([]));
    let list = scene.host.place.run(&["peers", "list"]);
    assert!(!list.stdout.contains('\u{1b}'), "{}", list.stdout);
}
