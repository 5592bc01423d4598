//! What old peers need from whoever talks to them, and what they send that is not what they should, one test each.

use serde_json::{Value, json};

use super::agent::{Agent, Letter};
use super::scene::Scene;
use crate::peer::{names, until};

/// A peer on the scene's network that answers nothing by itself.
fn old(scene: &Scene) -> Agent {
    Agent::mute(&scene.place, "old", &scene.node.address)
}

/// Answers a message as an old peer would.
fn reply(from: &Agent, scene: &Scene, to: &Letter, kind: &str, payload: Value) {
    let correlation = to.envelope()["correlation_id"].clone();
    let (_, text) = from.envelope(kind, payload, &json!({ "correlation_id": correlation }));
    from.write(&scene.to, &[text]);
}

/// The host calls `any`, the peer answers so; returns what the owner gets.
fn answered(scene: &Scene, old: &Agent, skill: &str, kind: &str, payload: &str) -> Value {
    std::thread::scope(|scope| {
        let to = old.peer();
        let call =
            json!({ "do": "call", "peer": to, "skill": skill, "input": {}, "timeout": "100s" });
        let call = scope.spawn(|| scene.host.owner(call));
        let question = old.letter(skill, |letter| {
            letter.kind() == "task_request" && letter.payload()["skill"] == skill
        });
        let correlation = question.envelope()["correlation_id"].clone();
        let (_, text) = old.envelope(
            kind,
            json!("HERE"),
            &json!({ "correlation_id": correlation }),
        );
        old.write(&scene.to, &[text.replace("\"HERE\"", payload)]);
        call.join().expect("it ends")
    })
}

#[test]
fn whatever_we_send_is_an_envelope_that_poisons_nobody() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let connect =
        json!({ "do": "connect", "target": scene.agent.peer(), "tier": "known", "timeout": "60s" });
    scene.host.owner(connect);
    scene.calls("add", json!({ "a": 1, "b": 2 }));
    scene.ask("discover", json!({}));
    scene.ask(
        "trust_request",
        json!({ "requested_tier": 3, "reason": "" }),
    );
    scene.ask(
        "task_request",
        json!({ "skill": "echo", "input": { "text": "漢字" } }),
    );
    scene.ask("task_request", json!({ "skill": "absent", "input": {} }));
    scene.ask("skill_card_query", json!({ "skill": "echo" }));
    scene.ask("agent_card_query", json!({}));
    scene.ask("plan_propose", json!({ "goal": "g", "steps": [] }));
    let letters = scene.agent.letters();
    assert!(letters.len() >= 10, "{letters:?}");
    for letter in letters {
        let envelope = letter.envelope();
        assert_eq!(
            (&envelope["protocol"], &envelope["version"]),
            (&json!("coworker"), &json!("1.0"))
        );
        let time = envelope["timestamp"].as_str().expect("a text");
        let form = time.char_indices().all(|(at, c)| match at {
            4 | 7 => c == '-',
            10 => c == 'T',
            13 | 16 | 29 => c == ':',
            19 => c == '.',
            26 => c == '+',
            _ => c.is_ascii_digit(),
        });
        assert!(
            form && time.len() == 32 && time.ends_with("+00:00"),
            "{time}"
        );
        assert!(
            envelope["ttl"].is_u64() && envelope["payload"].is_object(),
            "{envelope}"
        );
        assert_eq!(
            (&envelope["sender_id"], &envelope["sender_wallet"]),
            (&json!("host"), &json!(scene.wallet))
        );
        assert_eq!(scene.wallet, scene.wallet.to_lowercase());
        assert!(
            envelope["correlation_id"]
                .as_str()
                .is_some_and(|id| !id.is_empty()),
            "{envelope}"
        );
    }
    scene.agent.unharmed();
}

#[test]
fn answers_are_of_kinds_that_old_peers_take_for_answers() {
    let scene = Scene::trusting(&["echo.wasm"], "privileged");
    let taken = [
        "pong",
        "capabilities",
        "trust_grant",
        "trust_deny",
        "task_response",
        "task_error",
        "plan_accept",
        "plan_reject",
        "session_accept",
        "error",
        "skill_card",
        "group_created",
        "group_joined",
        "group_capabilities",
        "group_task_response",
        "group_task_error",
    ];
    let sent = [
        "ping",
        "discover",
        "trust_request",
        "task_request",
        "skill_card_query",
        "agent_card_query",
        "plan_propose",
        "context_query",
        "session_propose",
        "group_create",
        "group_invite",
        "group_message",
        "group_discover",
        "group_task_request",
        "workflow_request",
        "okr_propose",
        "task_cancel",
        "skill_query",
        "skill_install",
        "context_sync",
        "anything",
    ];
    let texts: Vec<(String, String)> = sent
        .iter()
        .map(|kind| {
            let payload = json!({ "skill": "echo", "input": { "a": 1 }, "target_wallet": scene.wallet, "steps": [] });
            scene.agent.envelope(kind, payload, &json!({}))
        })
        .collect();
    let all: Vec<String> = texts.iter().map(|(_, text)| text.clone()).collect();
    scene.agent.write(&scene.to, &all);
    scene.ask(
        "task_request",
        json!({ "skill": "echo", "input": { "last": true } }),
    );
    scene.host.place.settled();
    scene.agent.ping(&scene.to);
    for letter in scene.agent.letters() {
        assert!(taken.contains(&letter.kind().as_str()), "{}", letter.text);
        if letter.kind().starts_with("task_") {
            assert!(letter.payload()["success"].is_boolean(), "{}", letter.text);
            let key = if letter.kind() == "task_response" {
                "result"
            } else {
                "error"
            };
            assert!(letter.payload().get(key).is_some(), "{}", letter.text);
        }
    }
    // Some are answered, and none twice.
    let count = |id: &str| scene.agent.answers(id).len();
    assert!(texts.iter().all(|(id, _)| count(id) <= 1));
    assert!(texts.iter().take(6).all(|(id, _)| count(id) == 1));
    // Asked by its wallet, as members of a group ask, it says the same of every skill: nobody waits in vain.
    let of_group = sent.iter().position(|kind| *kind == "group_task_request");
    let (id, _) = &texts[of_group.expect("it was sent")];
    let told = scene.agent.answers(id);
    let told: Vec<_> = told.iter().map(|it| (it.kind(), it.payload())).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "group_task_error");
    assert_eq!(told[0].1["error"], "Unknown skill: echo");
    scene.agent.unharmed();
}

#[test]
fn a_card_query_is_answered_with_capabilities_and_never_with_an_error() {
    let scene = Scene::open(&["echo.wasm"]);
    let query = |cached: Value| {
        let answer = scene.agent.question(
            &scene.to,
            "agent_card_query",
            json!({ "name": "bob", "cached_hash": cached }),
        );
        assert_eq!(answer.kind(), "capabilities");
        answer.payload()
    };
    let as_stranger = query(json!("3ecbe8060500bae8"));
    // The hash of an empty list, as Python makes it.
    assert_eq!(
        (&as_stranger["skills"], &as_stranger["card_hash"]),
        (&json!([]), &json!("4f53cda18c2baa0c"))
    );
    scene.trust("known");
    let first = query(Value::Null);
    assert_eq!(
        (names(&first["skills"]), &first["name"]),
        (vec!["echo".to_owned()], &json!("host"))
    );
    assert_ne!(first["card_hash"], as_stranger["card_hash"]);
    assert_eq!(query(first["card_hash"].clone()), first);
}

#[test]
fn a_request_for_trust_is_answered_at_once_and_lowers_nobody() {
    let scene = Scene::open(&["echo.wasm"]);
    let ask = |tier: u8| {
        let payload = json!({ "requested_tier": tier, "reason": "bob wants to collaborate" });
        scene.agent.question(&scene.to, "trust_request", payload)
    };
    assert_eq!(scene.agent.discover(&scene.to), [""; 0], "before any trust");
    let denied = ask(1);
    assert_eq!(denied.kind(), "trust_deny");
    let expected =
        json!({ "granted": false, "requested_tier": 1, "reason": "manual approval required" });
    assert_eq!(denied.payload(), expected);
    for tier in ["known", "internal", "privileged"] {
        scene.trust(tier);
        for asked in 0..=3 {
            ask(asked);
            assert_eq!(scene.tier(), tier, "asked for {asked}");
        }
    }
    scene.agent.unharmed();
}

#[test]
fn every_refusal_is_one_that_the_packages_own_call_understands() {
    let scene = Scene::open(&["echo.wasm"]);
    // To a stranger too: an `error` would come back from `call` with neither `success` nor `error`.
    let refused = json!({ "success": false, "error": "Unknown skill: echo" });
    assert_eq!(scene.call("echo", json!({})), refused);
    scene.trust("known");
    let pinned =
        json!({ "do": "call", "to": scene.to, "skill": "echo", "input": {}, "version": "0.0.1" });
    for answer in [
        scene.call("absent", json!({})),
        scene.agent.ask(pinned),
        scene.call("echo", json!("text")),
    ] {
        assert_eq!(answer["success"], false);
        assert!(
            answer["error"]
                .as_str()
                .is_some_and(|error| !error.is_empty()),
            "{answer}"
        );
    }
    scene.agent.unharmed();
}

#[test]
fn an_answer_that_is_later_than_a_call_waits_finds_its_request() {
    let scene = Scene::trusting(&["hostile-wasi.wasm"], "known");
    let input = json!({ "mode": "sleep", "n": 4_000 });
    let call = json!({ "do": "call", "to": scene.to, "skill": "hostile-wasi", "input": input, "timeout": 1 });
    assert_eq!(scene.agent.ask(call)["error"], "timeout (1s)");
    let request =
        json!({ "do": "request", "to": scene.to, "skill": "hostile-wasi", "input": input });
    let task = scene.agent.ask(request);
    let done = until("it is answered", || {
        let result = scene.agent.ask(json!({ "do": "result", "task": task }));
        Some(result).filter(|result| result["state"] != "queued")
    });
    assert_eq!(done["state"], "succeeded", "{done}");
    // Only one task_response each, and nothing on the way: no ack, no progress.
    let kinds: Vec<String> = scene.agent.letters().iter().map(Letter::kind).collect();
    assert_eq!(kinds, ["pong", "task_response", "task_response"]);
    scene.agent.unharmed();
}

#[test]
fn an_old_peer_is_asked_for_trust_only_where_it_shows_nothing() {
    let scene = Scene::open(&[]);
    let old = old(&scene);
    let card = json!({ "name": "a", "description": "A", "input_schema": {}, "output_schema": {}, "min_trust_tier": 1 });
    std::thread::scope(|scope| {
        let connect =
            json!({ "do": "connect", "target": old.peer(), "tier": "known", "timeout": "60s" });
        let met = scope.spawn(|| scene.host.owner(connect));
        let nth = |kind: &str, n: usize| {
            until(kind, || {
                let mut all = old.letters();
                all.retain(|letter| letter.kind() == kind);
                all.get(n).cloned()
            })
        };
        let first = nth("discover", 0);
        reply(
            &old,
            &scene,
            &first,
            "capabilities",
            json!({ "name": "old", "skills": [] }),
        );
        let asked = nth("trust_request", 0);
        assert_eq!(asked.payload()["requested_tier"], 1);
        reply(
            &old,
            &scene,
            &asked,
            "trust_grant",
            json!({ "granted": true, "granted_tier": 1, "reason": "auto-accepted" }),
        );
        let second = nth("discover", 1);
        reply(
            &old,
            &scene,
            &second,
            "capabilities",
            json!({ "name": "old", "skills": [card] }),
        );
        let met = met.join().expect("they meet");
        assert_eq!(
            (&met["granted"], names(&met["skills"])),
            (&json!("known"), vec!["a".to_owned()])
        );
    });
    let kinds: Vec<String> = old.letters().iter().map(Letter::kind).collect();
    assert!(
        kinds
            .iter()
            .all(|kind| ["discover", "trust_request"].contains(&kind.as_str())),
        "{kinds:?}"
    );
}

#[test]
fn old_answers_of_every_shape_are_read() {
    let scene = Scene::open(&[]);
    let old = old(&scene);
    let ask = |skill: &str, kind: &str, payload: &str| answered(&scene, &old, skill, kind, payload);
    // An `error` in place of a `task_error`; no `success`; refusals that say too much; what is no JSON.
    let answer = ask(
        "one",
        "error",
        r#"{"code": "TRUST_TIER_TOO_LOW", "message": "peer has tier 0"}"#,
    );
    assert_eq!(
        (&answer["success"], &answer["reply"]["code"]),
        (&json!(false), &json!("TRUST_TIER_TOO_LOW"))
    );
    let answer = ask("two", "task_response", r#"{"result": 1}"#);
    assert_eq!(answer["reply"]["result"], 1);
    for error in [
        "Skill 'tier2' requires trust tier >= 2, but you have tier 1",
        "Unknown skill: three",
    ] {
        let payload =
            json!({ "success": false, "error": error, "available_skills": ["a", "b"] }).to_string();
        let answer = ask(error.get(..13).expect("ASCII"), "task_error", &payload);
        assert_eq!(
            (&answer["success"], &answer["reply"]["error"]),
            (&json!(false), &json!(error))
        );
    }
    let answer = ask(
        "four",
        "task_response",
        r#"{"success": true, "result": [NaN, "\ud800", 1208925819614629174706176]}"#,
    );
    assert_eq!(
        answer["reply"]["result"],
        json!([null, "\u{fffd}", 2f64.powi(80)])
    );
    let answer = ask(
        "five",
        "task_response",
        r#"{"success": true, "result": null, "duration_ms": "long"}"#,
    );
    assert_eq!(
        (&answer["success"], &answer["reply"]["result"]),
        (&json!(true), &Value::Null)
    );
    let answer = ask(
        "six",
        "task_error",
        r#"{"success": false, "error": {"a": 1}, "traceback": 7}"#,
    );
    assert_eq!(answer["success"], false, "{answer}");
}

#[test]
fn skills_that_are_bare_words_or_half_a_card_are_shown() {
    let scene = Scene::open(&[]);
    let old = old(&scene);
    std::thread::scope(|scope| {
        let inspect = json!({ "do": "peer_inspect", "peer": old.peer(), "timeout": "60s" });
        let met = scope.spawn(|| scene.host.owner(inspect));
        let asked = old.letter("discover", |letter| letter.kind() == "discover");
        let skills = json!([
            "word", { "name": "half" }, { "name": "listed", "description": ["a", "b"], "more": 1 },
            { "description": "no name" }, 7, null, { "name": "far away/ß", "input_schema": { "a": 7 } },
        ]);
        reply(
            &old,
            &scene,
            &asked,
            "capabilities",
            json!({ "name": "old", "skills": skills }),
        );
        let met = met.join().expect("it ends");
        let seen: Vec<&str> = met["skills"]
            .as_array()
            .expect("cards")
            .iter()
            .filter_map(|card| card["name"].as_str())
            .collect();
        for name in ["word", "half", "listed", "far away/ß"] {
            assert!(seen.contains(&name), "{name}: {met}");
        }
    });
}
