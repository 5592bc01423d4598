//! A peer is the key that the transport saw prove itself. What a message claims decides nothing.

use serde_json::{Value, json};

use crate::peer::{Peer, envelope};
use crate::support::Place;

/// Sends an envelope with more in it, and returns the answer.
pub(crate) fn claiming(
    peer: &Peer,
    kind: &str,
    correlation: &str,
    payload: Value,
    claims: &Value,
) -> crate::peer::Got {
    let mut message: Value =
        serde_json::from_slice(&envelope(kind, correlation, &payload)).expect("JSON");
    for (key, value) in claims.as_object().expect("an object") {
        message[key] = value.clone();
    }
    peer.send(message.to_string().as_bytes()).expect("taken");
    peer.answer(correlation)
}

#[test]
fn no_claim_in_a_message_makes_anybody_somebody_else() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let friend = place.peer(&serving, "privileged");
    place.owner(json!({ "do": "peers_name", "peer": friend.id, "name": "ann" }));
    let stranger = place.stranger(&serving);
    let (id, bare) = (friend.id.to_string(), friend.id.id().to_owned());
    let plain = stranger.ask("task_request", json!({ "skill": "echo", "input": {} }));
    assert_eq!(plain.payload()["error"], "Unknown skill: echo");
    for (n, who) in [id.as_str(), bare.as_str(), "ann", "self", serving.me()]
        .into_iter()
        .enumerate()
    {
        let claims = json!({
            "sender_wallet": who, "sender_id": who, "_xmtp_sender": who, "_xmtp_id": who, "_group_id": who,
            "_xmtp_is_group": true, "_xmtp_conversation_id": who, "from": who, "trust_required": 3, "context": { "tier": 3 },
        });
        let payload = json!({
            "skill": "echo", "input": {}, "requester": who, "requester_wallet": who, "wallet": who, "peer": who,
        });
        let answer = claiming(
            &stranger,
            "task_request",
            &format!("call-{n}"),
            payload,
            &claims,
        );
        assert_eq!(answer.payload(), plain.payload(), "{who}");
        let payload = json!({ "name": who, "wallet": who });
        let answer = claiming(
            &stranger,
            "discover",
            &format!("discover-{n}"),
            payload,
            &claims,
        );
        assert_eq!(answer.payload()["skills"], json!([]), "{who}");
        let payload = json!({ "requested_tier": 3, "reason": who, "wallet": who });
        let answer = claiming(
            &stranger,
            "trust_request",
            &format!("trust-{n}"),
            payload,
            &claims,
        );
        assert_eq!(answer.kind(), "trust_deny", "{who}");
        // Kinds in which an old host looked the wallet of the payload up.
        for kind in [
            "group_discover",
            "group_task_request",
            "group_message",
            "plan_propose",
        ] {
            let payload = json!({
                "name": who, "wallet": who, "skill": "echo", "input": {}, "requester": who, "requester_wallet": who,
                "target_wallet": "", "goal": "g", "steps": [], "initiator_wallet": who,
            });
            let mut message: Value =
                serde_json::from_slice(&envelope(kind, &format!("{kind}-{n}"), &payload))
                    .expect("JSON");
            message["sender_wallet"] = json!(who);
            stranger
                .send(message.to_string().as_bytes())
                .expect("taken");
        }
    }
    place.settled();
    stranger.ping();
    let silent = |got: &&crate::peer::Got| {
        let correlation = got.envelope()["correlation_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        correlation.starts_with("group_") || correlation.starts_with("plan_")
    };
    assert_eq!(
        stranger.all().iter().filter(silent).count(),
        0,
        "a stranger's groups are not answered"
    );
    let row = |peer: &Peer| place.owner(json!({ "do": "peers_show", "peer": peer.id }));
    assert_eq!(row(&stranger)["tier"], "untrusted");
    assert_eq!(row(&stranger)["name"], Value::Null);
    assert_eq!(row(&friend)["tier"], "privileged");
    assert_eq!(
        friend.all().len(),
        0,
        "no answer went to whom the stranger named"
    );
    assert!(
        place
            .tasks()
            .iter()
            .all(|task| task["outcome"] != "OK" || task["skill"].is_null())
    );
}

#[test]
fn a_claimed_name_is_nobodys_name() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let stranger = place.stranger(&serving);
    claiming(
        &stranger,
        "ping",
        "p",
        json!({}),
        &json!({ "sender_id": "ann\u{1b}[2J\u{202e}" }),
    );
    // By its claimed name nobody can be trusted or called.
    for request in [
        json!({ "do": "trust_set", "peer": "ann", "tier": "known" }),
        json!({ "do": "peers_show", "peer": "ann\u{1b}[2J\u{202e}" }),
        json!({ "do": "call", "peer": "ann", "skill": "echo", "input": {} }),
    ] {
        let failure = place
            .try_owner(request.clone())
            .expect_err("nobody is called that");
        assert!(
            failure.what.starts_with("no peer is called"),
            "{request}: {failure:?}"
        );
    }
    // What people read of it cannot move their terminal.
    let shown = place.run(&["peers", "list"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        !shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{202e}'),
        "{:?}",
        shown.stdout
    );
    // It is quoted, as no name of the owner's is.
    let claim = coworker_host::report::printable("ann\u{1b}[2J\u{202e}");
    let quoted = format!("\"{claim}\"");
    assert!(shown.stdout.contains(&quoted), "{}", shown.stdout);
    place.owner(json!({ "do": "peers_name", "peer": stranger.id, "name": "bob" }));
    let shown = place.run(&["peers", "list"]);
    assert!(
        shown.stdout.contains("bob") && !shown.stdout.contains("\"bob"),
        "{}",
        shown.stdout
    );
}

#[test]
fn an_answer_counts_from_the_peer_that_was_asked_and_once() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let (asked, other) = (place.stranger(&serving), place.stranger(&serving));
    std::thread::scope(|scope| {
        let request = json!({ "do": "call", "peer": asked.id, "skill": "sum", "input": { "a": 1 }, "timeout": "100s" });
        let call = scope.spawn(|| place.owner(request));
        let question =
            asked.wait(|all| all.iter().find(|got| got.kind() == "task_request").cloned());
        let question = question.expect("we are asked");
        assert_eq!(question.from.to_string(), serving.me());
        assert_eq!(question.payload()["skill"], "sum");
        let correlation = question.envelope()["correlation_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let answer = |from: &str| {
            envelope(
                "task_response",
                &correlation,
                &json!({ "success": true, "result": from }),
            )
        };
        // Somebody who knows the id, and claims to be the one that was asked.
        let mut forged: Value = serde_json::from_slice(&answer("forged")).expect("JSON");
        forged["sender_wallet"] = json!(asked.id.to_string());
        forged["sender_id"] = json!(asked.id.to_string());
        other
            .send(forged.to_string().as_bytes())
            .expect("dropped and confirmed");
        other.ping();
        assert_eq!(place.turned_away("unasked"), 1);
        // The right peer under another id.
        let wrong = envelope(
            "task_response",
            "another-id",
            &json!({ "success": true, "result": "wrong" }),
        );
        asked.send(&wrong).expect("dropped and confirmed");
        asked.send(&answer("true")).expect("taken");
        asked.send(&answer("late")).expect("dropped and confirmed");
        let got = call.join().expect("the call ends");
        assert_eq!(got["reply"], json!({ "success": true, "result": "true" }));
        assert_eq!(place.turned_away("unasked"), 3);
    });
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.stranger(&serving);
    for kind in [
        "trust_grant",
        "capabilities",
        "task_response",
        "task_error",
        "pong",
        "skill_card",
        "error",
        "plan_accept",
    ] {
        let payload = json!({ "granted": true, "granted_tier": 3, "tier": 3, "skills": [{ "name": "echo" }], "name": "ann" });
        peer.send(&envelope(kind, "x", &payload))
            .expect("dropped and confirmed");
    }
    peer.ping();
    assert_eq!(place.turned_away("unasked"), 8);
    assert_eq!(
        place.owner(json!({ "do": "peers_show", "peer": peer.id }))["tier"],
        "untrusted"
    );
    assert_eq!(place.owner(json!({ "do": "trust_list" })), json!([]));
}

#[test]
fn a_copy_of_a_home_does_not_serve_beside_it_on_one_machine() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    let copy = place.path("copy");
    std::fs::create_dir(&copy).expect("ours");
    place.mode("copy", 0o700);
    for file in ["identity.key", "config.toml"] {
        std::fs::copy(place.home().join(file), copy.join(file)).expect("copied");
        place.mode(&format!("copy/{file}"), 0o600);
    }
    let copy = copy.to_str().expect("plain");
    let refused = place.run(&["--home", copy, "serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("under this host's key"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("hint: stop the host"),
        "{}",
        refused.stderr
    );
    // The first one is reached as before, and lets go of its place when it dies.
    assert_eq!(peer.call("echo", json!({ "a": 1 }))["success"], true);
    drop(serving);
    let _serving = place.serve(&[]);
    assert_eq!(peer.call("echo", json!({ "a": 2 }))["success"], true);
}
