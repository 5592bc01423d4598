//! What the Python package suffered from, tried against us by the package itself and over its own network. The numbers
//! are those of the table; what is not here by number is shown where it says.
//!
//! | what happened there | shown by |
//! |---|---|
//! | 1 identity by claim | `claims::no_wallet_in_a_message_makes_its_sender_anybody` |
//! | 2 tracebacks to callers | `defect_2_no_failure_tells_an_agent_where_it_happened`, `calls::an_agents_failure_stays_with_who_called_it` |
//! | 3 private words published, prompts told, undeclared keys | `defect_3_no_question_brings_more_than_the_card`, and all of `prompts` |
//! | 4 a bad envelope costs a batch | `hostile::what_is_no_message_costs_its_neighbours_nothing`, `hostile::times_and_lives_of_any_shape_poison_nothing` |
//! | 5 plans tell and run | `defect_5_a_plan_of_an_agent_learns_of_no_skill` |
//! | 6 requests lower tiers | `meeting::a_second_connect_finds_the_skills_again_and_lowers_nobody`, `quirks::a_request_for_trust_is_answered_at_once_and_lowers_nobody` |
//! | 7 the second connect wipes | `meeting::a_second_connect_finds_the_skills_again_and_lowers_nobody` |
//! | 8 trust never ends | `defect_8_a_lease_ends_with_its_calls` |
//! | 9 late requests lost, errors block | `defect_9_a_request_is_as_good_after_hours`, `defect_9_an_error_blocks_no_later_call`, `calls::what_an_agent_asks_while_the_host_is_down_is_answered_when_it_is_back`, `delegation::the_oldest_of_many_open_tasks_is_answered_like_any_other` |
//! | 10 replays run again | `defect_10_a_request_that_comes_thrice_runs_once` |
//! | 11 one slow skill stops all | `defect_11_no_skill_of_ours_makes_an_agent_wait_for_another`, `defect_11_a_skill_may_be_busy_where_a_call_back_comes` |
//! | 12 two readers of one inbox | `defect_12_a_command_takes_no_mail_from_the_host` |
//! | 13 answers from anybody | `claims::an_answer_counts_from_whom_was_asked_and_once`, `claims::a_name_that_a_peer_takes_is_nobodys_name`, `meeting::a_host_meets_an_agent_as_stranger_and_as_friend` |
//! | 14 the dashboard gave the key | `privacy::a_host_and_its_sidecar_listen_to_nobody` |
//! | 15 nothing enforced | `defect_15_an_agent_meets_schema_and_limits`, `calls::a_megabyte_is_too_much_to_take_and_not_too_much_to_get` |
//! | 16 invites crash | `meeting::invites_of_either_side_lead_to_the_other` |
//! | 17 our failures cost peers trust | `defect_17_no_failure_of_an_agent_costs_it_trust` |
//! | 18 SKILL.md read by hand | not over the wire: where SKILL.md is served |
//! | 19 groups | `defect_19_a_group_brings_nobody_anything` |
//! | 20 mail while down | `defect_20_mail_that_came_while_the_bridge_was_down_is_read` |

use serde_json::{Value, json};

use super::scene::Scene;
use crate::peer::{CARD_KEYS, until};
use crate::xmtp::network::kill;

#[test]
fn defect_2_no_failure_tells_an_agent_where_it_happened() {
    let scene = Scene::trusting(&["hostile.wasm"], "privileged");
    for mode in [
        "panic",
        "trap",
        "failed-telling",
        "failed",
        "divide",
        "bad-utf8-failure",
        "not-json",
    ] {
        let answer = scene.ask(
            "task_request",
            json!({ "skill": "hostile", "input": { "mode": mode } }),
        );
        assert_eq!(answer["success"], false, "{mode}");
        let text = answer.to_string();
        for private in [
            "traceback",
            "/home",
            "lib.rs",
            "wasm",
            "panicked",
            "backtrace",
            "\\u001b",
        ] {
            assert!(!text.contains(private), "{mode}: {text}");
        }
    }
    // Through the package, as its user sees it.
    let answer = scene.call("hostile", json!({ "mode": "panic" }));
    assert_eq!(
        (&answer["error_code"], &answer["traceback"]),
        (&json!("EXECUTION_FAILED"), &Value::Null)
    );
}

#[test]
fn defect_3_no_question_brings_more_than_the_card() {
    let scene = Scene::trusting(&["echo.wasm"], "privileged");
    let listed = scene.ask("discover", json!({}))["skills"][0].clone();
    let card = scene.ask("skill_card_query", json!({ "skill": "echo" }));
    let again = scene.ask("agent_card_query", json!({ "cached_hash": "" }))["skills"][0].clone();
    for card in [&listed, &card, &again] {
        assert!(
            card.as_object()
                .expect("a card")
                .keys()
                .all(|key| CARD_KEYS.contains(&key.as_str())),
            "{card}"
        );
    }
    assert_eq!((&listed, &listed), (&card, &again));
    for kind in [
        "skill_query",
        "skill_card_get",
        "skill_install",
        "context_query",
        "workflow_request",
    ] {
        let payload = json!({ "skill_name": "echo", "name": "echo", "step": { "step_id": "1", "skill": "echo", "input": {} } });
        let asked = scene.agent.say(&scene.to, kind, payload);
        scene.agent.ping(&scene.to);
        assert!(scene.agent.answers(&asked).is_empty(), "{kind}");
    }
    assert_eq!(scene.runs("echo"), 0);
}

#[test]
fn defect_5_a_plan_of_an_agent_learns_of_no_skill() {
    let scene = Scene::trusting(&["echo.wasm", "hostile.wasm"], "privileged");
    scene
        .host
        .owner(json!({ "do": "skills_hide", "name": "hostile" }));
    let step = |skill: &str| json!({ "skill": skill, "agent": "host", "agent_wallet": scene.wallet, "input": {} });
    for steps in [
        json!([]),
        json!([step("echo")]),
        json!([step("hostile")]),
        json!([step("absent")]),
    ] {
        let plan = json!({ "goal": "any", "steps": steps, "initiator": "bob", "initiator_wallet": scene.agent.wallet });
        let answer = scene.agent.question(&scene.to, "plan_propose", plan);
        assert_eq!(
            (answer.kind().as_str(), answer.payload()),
            ("plan_reject", json!({ "reason": "not taking part" }))
        );
    }
    // The package's own way to a plan ends there too, and says why.
    let ended = scene
        .agent
        .ask(json!({ "do": "collaborate", "to": scene.to, "goal": "echo something" }));
    assert!(ended.to_string().contains("not taking part"), "{ended}");
    assert_eq!(scene.runs("echo") + scene.runs("hostile"), 0);
    assert_eq!(scene.tier(), "privileged");
}

#[test]
fn defect_8_a_lease_ends_with_its_calls() {
    let scene = Scene::open(&["echo.wasm"]);
    let lease =
        json!({ "do": "trust_set", "peer": scene.agent.peer(), "tier": "known", "calls": 2 });
    scene.host.owner(lease);
    for _ in 0..2 {
        assert_eq!(scene.call("echo", json!({ "a": 1 }))["success"], true);
    }
    let refused = json!({ "success": false, "error": "Unknown skill: echo" });
    assert_eq!(scene.call("echo", json!({ "a": 1 })), refused);
    assert_eq!(scene.tier(), "untrusted");
}

#[test]
fn defect_9_a_request_is_as_good_after_hours() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    // As an agent writes it whose message waited for longer than the hour that it gives it.
    let payload = json!({ "skill": "echo", "input": { "a": 1 }, "async": true, "task_id": "t" });
    let old = json!({ "timestamp": "2020-01-01T00:00:00.000000+00:00" });
    for more in [old, json!({ "ttl": 0 })] {
        let (correlation, text) = scene.agent.envelope("task_request", payload.clone(), &more);
        scene.agent.write(&scene.to, &[text]);
        assert_eq!(
            scene.agent.answer(&correlation).payload()["result"],
            json!({ "a": 1 }),
            "{more}"
        );
    }
}

#[test]
fn defect_9_an_error_blocks_no_later_call() {
    let scene = Scene::open(&[]);
    // The agent's gate refuses a stranger with an `error`.
    let refused = scene.calls("add", json!({ "a": 1, "b": 1 }));
    assert_eq!(
        (&refused["success"], &refused["reply"]["code"]),
        (&json!(false), &json!("TRUST_TIER_TOO_LOW"))
    );
    let shown = scene.host.place.run(&["call", &scene.agent.peer(), "add"]);
    assert_eq!(shown.code, 1, "{}{}", shown.stdout, shown.stderr);
    scene.agent_trusts(1);
    assert_eq!(
        scene.calls("add", json!({ "a": 1, "b": 1 }))["reply"]["result"],
        json!({ "sum": 2 })
    );
}

#[test]
fn defect_10_a_request_that_comes_thrice_runs_once() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let request = json!({ "skill": "echo", "input": { "a": 1 } });
    let (correlation, text) = scene.agent.envelope("task_request", request, &json!({}));
    let answers = |least: usize| {
        until("it is answered", || {
            Some(scene.agent.answers(&correlation)).filter(|answers| answers.len() >= least)
        })
    };
    // What comes again while the first still runs is answered with it; what comes later gets the same answer again.
    scene.agent.write(&scene.to, &[text.clone(), text.clone()]);
    let before = answers(1).len();
    scene.agent.write(&scene.to, &[text]);
    let answers = answers(before + 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.payload()["result"] == json!({ "a": 1 }))
    );
    assert_eq!(scene.runs("echo"), 1);
}

#[test]
fn defect_11_no_skill_of_ours_makes_an_agent_wait_for_another() {
    let scene = Scene::trusting(&["hostile.wasm", "hostile-wasi.wasm", "echo.wasm"], "known");
    let limits = json!({ "cpu": "1s" });
    scene
        .host
        .owner(json!({ "do": "skills_configure", "name": "hostile", "limits": limits }));
    let busy: Vec<String> = (0..4)
        .map(|n| {
            let input = json!({ "mode": "loop", "n": n });
            scene.agent.say(
                &scene.to,
                "task_request",
                json!({ "skill": "hostile", "input": input }),
            )
        })
        .collect();
    let exit = json!({ "skill": "hostile-wasi", "input": { "mode": "exit", "n": 1 } });
    assert_eq!(
        scene.ask("task_request", exit)["error_code"],
        "EXECUTION_FAILED"
    );
    for n in 0..5 {
        let request = json!({ "skill": "echo", "input": { "n": n } });
        assert_eq!(
            scene.ask("task_request", request)["result"],
            json!({ "n": n })
        );
    }
    assert!(
        busy.iter().any(|id| scene.agent.answers(id).is_empty()),
        "they loop for a second each"
    );
    for id in busy {
        assert_eq!(scene.agent.answer(&id).payload()["error_code"], "TIMEOUT");
    }
}

#[test]
fn defect_11_a_skill_may_be_busy_where_a_call_back_comes() {
    let scene = Scene::trusting(&["hostile-wasi.wasm"], "known");
    // Each waits for the other; neither for itself.
    let input = json!({ "mode": "sleep", "n": 3_000 });
    let theirs = json!({ "do": "call", "to": scene.to, "skill": "hostile-wasi", "input": input });
    let begun = scene.agent.begin(theirs);
    assert_eq!(
        scene.calls("add", json!({ "a": 1, "b": 2 }))["reply"]["result"],
        json!({ "sum": 3 })
    );
    assert_eq!(scene.agent.end(begun).expect("it ends")["success"], true);
}

#[test]
fn defect_12_a_command_takes_no_mail_from_the_host() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    std::thread::scope(|scope| {
        let commands = scope.spawn(|| {
            let ended =
                (0..3).map(|_| scene.host.place.run(&["inspect", &scene.agent.peer()]).code);
            ended.collect::<Vec<i32>>()
        });
        let mut n = 0;
        while !commands.is_finished() {
            let answer = scene.ask(
                "task_request",
                json!({ "skill": "echo", "input": { "n": n } }),
            );
            assert_eq!(answer["result"], json!({ "n": n }));
            n += 1;
        }
        assert_eq!(commands.join().expect("they end"), [0, 0, 0]);
        assert!(n > 10, "{n}");
    });
}

#[test]
fn defect_15_an_agent_meets_schema_and_limits() {
    let scene = Scene::trusting(&["hostile.wasm"], "known");
    for input in [
        json!({}),
        json!({ "mode": 1 }),
        json!([]),
        json!("ok"),
        Value::Null,
        deep(100),
    ] {
        let answer = scene.ask(
            "task_request",
            json!({ "skill": "hostile", "input": input }),
        );
        assert_eq!(answer["error_code"], "INVALID_INPUT", "{answer}");
    }
    for (mode, code) in [
        ("grow", None),
        ("alloc", Some("EXECUTION_FAILED")),
        ("output", Some("OUTPUT_REJECTED")),
    ] {
        let answer = scene.ask(
            "task_request",
            json!({ "skill": "hostile", "input": { "mode": mode } }),
        );
        assert_eq!(answer["error_code"].as_str(), code, "{mode}: {answer}");
    }
    assert_eq!(
        scene.call("hostile", json!({ "mode": "wrong-shape" }))["error_code"],
        "OUTPUT_REJECTED"
    );
}

/// Arrays in arrays: more of them than an input may have.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!({ "mode": "ok" }), |inner, _| json!([inner]))
}

#[test]
fn defect_17_no_failure_of_an_agent_costs_it_trust() {
    let scene = Scene::trusting(&["echo.wasm"], "internal");
    for _ in 0..3 {
        assert_eq!(scene.calls("fails", json!({}))["success"], false);
    }
    // It never answers what it cannot write.
    for _ in 0..2 {
        let ended =
            scene
                .host
                .place
                .run(&["call", &scene.agent.peer(), "mute", "--timeout", "200ms"]);
        assert_eq!(ended.code, 4, "{}", ended.stderr);
    }
    for _ in 0..5 {
        scene.ask("task_request", json!({ "skill": "echo", "input": 7 }));
    }
    assert_eq!(scene.tier(), "internal");
    assert_eq!(scene.call("echo", json!({ "a": 1 }))["success"], true);
}

#[test]
fn defect_19_a_group_brings_nobody_anything() {
    let scene = Scene::open(&["echo.wasm"]);
    let claim = |kind: &str, payload: Value| {
        scene
            .agent
            .envelope(kind, payload, &json!({ "_group_id": "0" }))
            .1
    };
    let call = json!({ "skill": "echo", "input": {}, "target_wallet": scene.wallet, "requester_wallet": scene.wallet });
    let texts = vec![
        claim(
            "group_discover",
            json!({ "name": "bob", "wallet": scene.wallet }),
        ),
        claim("group_task_request", call),
        claim(
            "group_message",
            json!({ "text": "hello", "sender": "bob", "sender_wallet": scene.agent.wallet }),
        ),
        claim("ping", json!({})),
        claim("trust_request", json!({ "requested_tier": 1 })),
    ];
    let made = scene
        .agent
        .ask(json!({ "do": "group", "members": [scene.wallet], "texts": texts }));
    scene.agent.ping(&scene.to);
    until("the host leaves", || {
        let log = std::fs::read_to_string(scene.host.place.path("serve.log")).expect("ours");
        log.contains("a group that nobody asked for is left")
            .then_some(())
    });
    let said = |conversation: &str| {
        let all = scene.agent.letters();
        all.iter()
            .filter(|letter| {
                letter.conversation == conversation && letter.envelope()["type"].is_string()
            })
            .count()
    };
    scene.agent.ping(&scene.to);
    assert_eq!(
        said(made.as_str().expect("an id")),
        0,
        "nothing is said in a group"
    );
    assert_eq!(scene.runs("echo"), 0);
    assert_eq!(scene.tier(), "untrusted", "and a group makes nobody known");
    assert_eq!(
        scene.host.owner(json!({ "do": "trust_requests" })),
        json!([])
    );
}

#[test]
fn defect_20_mail_that_came_while_the_bridge_was_down_is_read() {
    let mut scene = Scene::trusting(&["echo.wasm"], "known");
    let texts = |from: usize| -> (Vec<String>, Vec<String>) {
        (from..from + 5)
            .map(|n| {
                scene.agent.envelope(
                    "task_request",
                    json!({ "skill": "echo", "input": { "n": n } }),
                    &json!({}),
                )
            })
            .unzip()
    };
    // The sidecar is killed, and the host.
    let (first, mail) = texts(0);
    kill(&scene.host.bridge()["pid"]);
    scene.agent.write(&scene.to, &mail);
    for id in &first {
        assert_eq!(scene.agent.answer(id).payload()["success"], true);
    }
    let (second, mail) = texts(5);
    scene.host.kill();
    scene.agent.write(&scene.to, &mail);
    scene.host.serve();
    for id in first.iter().chain(&second) {
        assert_eq!(scene.agent.answer(id).payload()["success"], true);
    }
    scene.host.place.settled();
    assert_eq!(scene.runs("echo"), 10, "each once");
}
