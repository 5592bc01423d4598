//! Who may do what is the owner's decision alone, and acts at once.

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{Peer, answers, until};
use crate::support::{Place, Serving};

fn tier_of(place: &Place, peer: &Peer) -> Value {
    place.owner(json!({ "do": "peers_show", "peer": peer.id }))["tier"].clone()
}

fn ask_for(peer: &Peer, tier: u8) -> crate::peer::Got {
    peer.ask(
        "trust_request",
        json!({ "requested_tier": tier, "reason": "to work together" }),
    )
}

#[test]
fn a_stranger_sees_nothing_until_the_owner_grants_what_it_asked_for() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.stranger(&serving);
    assert_eq!(peer.discover(), [""; 0]);
    assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
    let correlation = peer.say(
        "trust_request",
        json!({ "requested_tier": 1, "reason": "to work together" }),
    );
    let denied = peer.answer(&correlation);
    assert_eq!(denied.kind(), "trust_deny");
    let expected =
        json!({ "granted": false, "requested_tier": 1, "reason": "manual approval required" });
    assert_eq!(denied.payload(), expected);
    assert_eq!(tier_of(&place, &peer), "untrusted");
    let requests = place.owner(json!({ "do": "trust_requests" }));
    assert_eq!(requests.as_array().map(Vec::len), Some(1), "{requests}");
    assert_eq!(requests[0]["peer"], peer.id.to_string());
    place.owner(json!({ "do": "trust_grant", "id": requests[0]["id"] }));
    let both = peer.wait(|all| Some(answers(all, &correlation)).filter(|both| both.len() == 2));
    let granted = both
        .expect("the grant comes under the same id")
        .pop()
        .expect("two");
    assert_eq!(granted.kind(), "trust_grant");
    assert_eq!(granted.payload()["granted"], true);
    assert_eq!(granted.payload()["granted_tier"], 1);
    assert_eq!(peer.discover(), ["echo"]);
    assert_eq!(
        peer.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
    assert_eq!(place.owner(json!({ "do": "trust_requests" })), json!([]));
}

#[test]
fn a_denied_request_changes_nothing() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.stranger(&serving);
    assert_eq!(ask_for(&peer, 3).kind(), "trust_deny");
    let requests = place.owner(json!({ "do": "trust_requests" }));
    place.owner(json!({ "do": "trust_deny", "id": requests[0]["id"] }));
    assert_eq!(tier_of(&place, &peer), "untrusted");
    assert_eq!(place.owner(json!({ "do": "trust_requests" })), json!([]));
    // However often it asks, one request waits.
    for tier in [1, 2, 3, 1, 2, 3] {
        assert_eq!(ask_for(&peer, tier).kind(), "trust_deny");
    }
    let requests = place.owner(json!({ "do": "trust_requests" }));
    assert_eq!(requests.as_array().map(Vec::len), Some(1), "{requests}");
}

#[test]
fn a_request_never_lowers_a_tier() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    for (tier, level) in [("internal", 2), ("privileged", 3)] {
        let peer = place.peer(&serving, tier);
        for requested in 0..=level {
            let answer = ask_for(&peer, requested);
            assert_eq!(answer.kind(), "trust_grant");
            assert_eq!(answer.payload()["granted_tier"], level);
            assert_eq!(tier_of(&place, &peer), tier);
        }
    }
    let peer = place.peer(&serving, "known");
    assert_eq!(ask_for(&peer, 3).kind(), "trust_deny");
    assert_eq!(tier_of(&place, &peer), "known");
}

#[test]
fn a_request_may_be_granted_by_configuration_and_no_further() {
    let place = Place::configured(&format!("{EXPOSED}\n[peers]\nauto_grant = \"known\"\n"));
    let serving = place.serve(&[]);
    let peer = place.stranger(&serving);
    assert_eq!(ask_for(&peer, 2).kind(), "trust_deny");
    assert_eq!(tier_of(&place, &peer), "untrusted");
    let granted = ask_for(&peer, 1);
    assert_eq!(
        (granted.kind().as_str(), &granted.payload()["granted_tier"]),
        ("trust_grant", &json!(1))
    );
    assert_eq!(tier_of(&place, &peer), "known");
}

#[test]
fn a_revocation_sticks() {
    let place = Place::configured(&format!("{EXPOSED}\n[peers]\nauto_grant = \"known\"\n"));
    place.drop_in("echo.wasm", "echo.wasm");
    let mut serving = place.serve(&[]);
    let peer = place.stranger(&serving);
    assert_eq!(ask_for(&peer, 1).kind(), "trust_grant");
    assert_eq!(peer.discover(), ["echo"]);
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    let refused = |place: &Place| {
        assert_eq!(ask_for(&peer, 1).kind(), "trust_deny");
        assert_eq!(peer.discover(), [""; 0]);
        assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
        assert_eq!(tier_of(place, &peer), "untrusted");
    };
    refused(&place);
    assert!(serving.terminate().success());
    serving = place.serve(&[]);
    refused(&place);
    place.owner(json!({ "do": "peers_forget", "peer": peer.id }));
    refused(&place);
    // Until the owner lifts it.
    place.set_tier(&peer, "known");
    assert_eq!(peer.discover(), ["echo"]);
    drop(serving);
}

#[test]
fn a_revocation_ends_what_waits_and_what_runs_and_drops_what_was_not_delivered() {
    let place = Place::configured(&EXPOSED.replace("[host]", "[host]\nlive_instances = 2"));
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let mut peer = place.peer(&serving, "internal");
    // An answer that cannot be delivered.
    let undelivered = peer.say(
        "task_request",
        json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 1_000 } }),
    );
    peer.offline();
    until("the answer waits", || {
        let status = place.owner(json!({ "do": "status" }));
        (status["outbox"]["waiting"] == 1).then_some(())
    });
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    assert_eq!(
        place.owner(json!({ "do": "status" }))["outbox"]["waiting"],
        0
    );
    place.set_tier(&peer, "internal");
    peer.online();
    // One that runs, and three that wait.
    let asked: Vec<String> = (0..4)
        .map(|n| {
            peer.say(
                "task_request",
                json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 20_000 + n } }),
            )
        })
        .collect();
    until("one runs", || {
        let status = place.owner(json!({ "do": "status" }));
        (status["tasks"]["running"] == 1).then_some(())
    });
    let revoked = place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    assert_eq!(revoked["cancelled"], 4, "{revoked}");
    place.settled();
    let cancelled = place
        .tasks()
        .iter()
        .filter(|task| task["state"] == "cancelled")
        .count();
    assert_eq!(cancelled, 4);
    place.set_tier(&peer, "internal");
    assert_eq!(
        peer.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
    for correlation in asked.iter().chain([&undelivered]) {
        assert_eq!(peer.answers(correlation).len(), 0, "no answer of before");
    }
}

#[test]
fn a_tier_that_falls_while_a_request_waits_counts_when_its_turn_comes() {
    let place = Place::configured(&EXPOSED.replace("[host]", "[host]\nlive_instances = 2"));
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let serving = place.serve(&[]);
    place
        .owner(json!({ "do": "skills_configure", "name": "hostile-wasi", "min_tier": "internal" }));
    let peer = place.peer(&serving, "internal");
    let sleep = |n: u32| json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": n } });
    let first = peer.say("task_request", sleep(3_000));
    let second = peer.say("task_request", sleep(1));
    until("the first runs", || {
        let status = place.owner(json!({ "do": "status" }));
        (status["tasks"] == json!({ "running": 1, "queued": 1 })).then_some(())
    });
    place.set_tier(&peer, "known");
    assert_eq!(
        peer.answer(&second).payload()["error"],
        "Unknown skill: hostile-wasi"
    );
    assert_eq!(
        peer.answer(&first).payload()["success"],
        true,
        "what runs may end"
    );
}

fn lease(place: &Place, peer: &Peer, terms: Value) {
    let mut request = json!({ "do": "trust_set", "peer": peer.id, "tier": "known" });
    let request_terms = request.as_object_mut().expect("an object");
    request_terms.extend(terms.as_object().expect("an object").clone());
    place.owner(request);
}

fn two_skills() -> (Place, Serving) {
    Place::serving(&["echo.wasm", "hostile.wasm"])
}

#[test]
fn a_lease_ends_with_its_time() {
    let (place, serving) = two_skills();
    let peer = place.stranger(&serving);
    lease(&place, &peer, json!({ "for": "1h" }));
    assert_eq!(peer.discover(), ["echo", "hostile"]);
    assert_eq!(peer.call("echo", json!({ "a": 1 }))["success"], true);
    lease(&place, &peer, json!({ "for": "1ms" }));
    until("the lease ends", || {
        (peer.discover() == [""; 0]).then_some(())
    });
    assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
}

#[test]
fn a_lease_ends_with_its_calls_over_a_restart() {
    let (place, serving) = two_skills();
    let peer = place.stranger(&serving);
    lease(&place, &peer, json!({ "calls": 2 }));
    assert_eq!(peer.call("echo", json!({ "a": 1 }))["success"], true);
    // Looking and being refused costs nothing.
    assert_eq!(peer.discover(), ["echo", "hostile"]);
    assert_eq!(peer.call("absent", json!({}))["success"], false);
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    assert_eq!(peer.call("echo", json!({ "a": 2 }))["success"], true);
    assert_eq!(
        peer.call("echo", json!({ "a": 3 }))["error"],
        "Unknown skill: echo"
    );
    assert_eq!(peer.discover(), [""; 0]);
}

#[test]
fn a_lease_for_a_skill_shows_that_skill_alone() {
    let (place, serving) = two_skills();
    let peer = place.stranger(&serving);
    lease(&place, &peer, json!({ "skills": ["echo"] }));
    assert_eq!(peer.discover(), ["echo"]);
    assert_eq!(peer.call("echo", json!({ "a": 1 }))["success"], true);
    assert_eq!(
        peer.call("hostile", json!({ "mode": "ok" }))["error"],
        "Unknown skill: hostile"
    );
}

#[test]
fn a_lease_that_would_give_nothing_is_refused_and_changes_nothing() {
    let (place, serving) = two_skills();
    let peer = place.peer(&serving, "known");
    lease(&place, &peer, json!({ "tier": "internal", "calls": 7 }));
    let before = place.owner(json!({ "do": "peers_show", "peer": peer.id }))["lease"].clone();
    for (terms, words) in [
        (json!({ "for": "0s" }), "no time"),
        (json!({ "calls": 0 }), "no calls"),
        (json!({ "skills": [] }), "no skills"),
        (json!({ "skills": ["ecko"] }), "no skill ecko"),
        (
            json!({ "skills": ["echo", "nonesuch"] }),
            "no skill nonesuch",
        ),
        (json!({ "skills": [""] }), "no skill"),
        (json!({ "tier": "known", "for": "1h" }), "known for good"),
        (json!({ "tier": "untrusted", "for": "1h" }), "untrusted"),
    ] {
        let mut request = json!({ "do": "trust_set", "peer": peer.id, "tier": "privileged" });
        let fields = request.as_object_mut().expect("an object");
        fields.extend(terms.as_object().expect("an object").clone());
        let refused = place
            .try_owner(request.clone())
            .expect_err("it gives nothing");
        assert!(refused.what.contains(words), "{request}: {refused:?}");
        assert!(refused.hint.is_some(), "{request}: {refused:?}");
        let after = place.owner(json!({ "do": "peers_show", "peer": peer.id }));
        assert_eq!(after["lease"], before, "{request}");
    }
    let near = place.run(&[
        "trust",
        "set",
        &peer.id.to_string(),
        "internal",
        "--skill",
        "ecko",
    ]);
    assert_eq!(near.code, 1);
    assert!(
        near.stderr.contains("did you mean echo?"),
        "{}",
        near.stderr
    );
    // A block is not lifted by what was refused.
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    let none = json!({ "do": "trust_set", "peer": peer.id, "tier": "known", "for": "0s" });
    assert!(place.try_owner(none).is_err());
    let row = place.owner(json!({ "do": "peers_show", "peer": peer.id }));
    assert_eq!(row["blocked"], true, "{row}");
}

#[test]
fn a_lease_for_a_skill_is_of_a_tier_that_shows_it() {
    let (place, serving) = two_skills();
    place.owner(json!({ "do": "skills_configure", "name": "echo", "min_tier": "privileged" }));
    let peer = place.stranger(&serving);
    let low = json!({ "do": "trust_set", "peer": peer.id, "tier": "internal", "skills": ["echo"] });
    let refused = place.try_owner(low).expect_err("it shows nothing");
    assert!(refused.what.contains("does not show it"), "{refused:?}");
    lease(
        &place,
        &peer,
        json!({ "tier": "privileged", "skills": ["echo"] }),
    );
    assert_eq!(peer.discover(), ["echo"]);
    // The same without a running host, whose skills are looked at first.
    assert!(serving.terminate().success());
    let peer = peer.id.to_string();
    let set = |skill: &str| place.run(&["trust", "set", &peer, "privileged", "--skill", skill]);
    assert_eq!(set("hostile").code, 0);
    let absent = set("nonesuch");
    assert_eq!(absent.code, 1, "{}", absent.stderr);
    assert!(
        absent.stderr.contains("no skill nonesuch"),
        "{}",
        absent.stderr
    );
}

#[test]
fn the_owner_may_try_every_tier_with_a_throw_away_peer() {
    let (place, serving) = two_skills();
    let call = |tier: &str| {
        place.run(&[
            "--json",
            "call",
            "self",
            "echo",
            "--input",
            "{\"a\":1}",
            "--as",
            tier,
        ])
    };
    let (low, high) = (call("untrusted"), call("known"));
    assert_eq!(low.code, 1, "{}", low.stderr);
    let reply: Value = serde_json::from_str(&low.stdout).expect("the reply");
    assert_eq!(
        reply,
        json!({ "success": false, "error": "Unknown skill: echo" })
    );
    assert_eq!(high.code, 0, "{}", high.stderr);
    let reply: Value = serde_json::from_str(&high.stdout).expect("the reply");
    assert_eq!(reply["result"], json!({ "a": 1 }));
    assert_eq!(
        place.owner(json!({ "do": "peers_list" })),
        json!([]),
        "nobody was met"
    );
    drop(serving);
}

#[test]
fn the_record_says_the_tier_of_then() {
    let (place, serving) = Place::serving(&["echo.wasm", "hostile-wasi.wasm"]);
    let peer = place.peer(&serving, "privileged");
    assert_eq!(peer.call("echo", json!({ "a": 1 }))["success"], true);
    peer.say(
        "task_request",
        json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 25_000 } }),
    );
    place.wait_until_running(1, 1);
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    assert_eq!(peer.call("echo", json!({}))["success"], false);
    let tier = |skill: &str, outcome: &str| {
        let task = place.task_of(skill, outcome);
        // People read the same.
        let id = task["task"].as_str().expect("an id");
        let shown = place.run(&["logs", "--task", id]);
        let tier = task["tier"].as_str().expect("a tier").to_owned();
        let line = shown.stdout.lines().find(|line| line.starts_with("tier"));
        assert!(
            line.is_some_and(|line| line.ends_with(&tier)),
            "{}",
            shown.seen()
        );
        tier
    };
    assert_eq!(tier("echo", "OK"), "privileged");
    assert_eq!(tier("hostile-wasi", "CANCELLED"), "privileged");
    assert_eq!(tier("echo", "UNKNOWN_SKILL"), "untrusted");
    // What is lent counts where it is lent.
    place.owner(json!({ "do": "trust_set", "peer": peer.id, "tier": "known" }));
    let lent = json!({ "do": "trust_set", "peer": peer.id, "tier": "internal", "for": "1h", "skills": ["echo"] });
    place.owner(lent);
    assert_eq!(
        peer.call("hostile-wasi", json!({ "mode": "now" }))["success"],
        true
    );
    assert_eq!(peer.call("echo", json!({}))["success"], true);
    assert_eq!(tier("hostile-wasi", "OK"), "known");
    assert_eq!(tier("echo", "OK"), "internal");
}
