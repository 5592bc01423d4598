//! Calls in both directions, short ones and long ones, large ones, and those that wait for somebody who is away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::scene::Scene;
use crate::peer::until;

fn unknown(name: &str) -> Value {
    json!({ "success": false, "error": format!("Unknown skill: {name}") })
}

#[test]
fn an_agent_calls_a_host() {
    let scene = Scene::trusting(
        &["echo.wasm", "hostile.wasm", "shape-name-second.wasm"],
        "known",
    );
    scene
        .host
        .owner(json!({ "do": "skills_hide", "name": "second" }));
    scene
        .host
        .owner(json!({ "do": "skills_configure", "name": "hostile", "min_tier": "internal" }));
    let texts = json!({ "漢字": "ß 🦀 \u{1f468}\u{200d}\u{1f469} \u{0} \u{202e}", "n": [1, -2.5, null, true] });
    let answer = scene.call("echo", texts.clone());
    assert_eq!(
        (&answer["success"], &answer["result"]),
        (&json!(true), &texts)
    );
    let pinned = |version: &str| {
        let call = json!({ "do": "call", "to": scene.to, "skill": "echo", "input": { "a": 1 }, "version": version });
        scene.agent.ask(call)
    };
    assert_eq!(pinned("1.0.0")["result"], json!({ "a": 1 }));
    let expected = json!({
        "success": false, "error": "Version mismatch: requested 9.0.0, available 1.0.0",
        "error_code": "VERSION_MISMATCH", "available_version": "1.0.0", "requested_version": "9.0.0",
    });
    assert_eq!(pinned("9.0.0"), expected);
    // Hidden, too low and absent: the same, also with a version.
    for name in ["second", "hostile", "absent"] {
        for request in [
            json!({ "skill": name, "input": { "mode": "ok" } }),
            json!({ "skill": name, "input": { "mode": "ok" }, "skill_version": "9.0.0" }),
        ] {
            assert_eq!(scene.ask("task_request", request), unknown(name));
        }
    }
    assert_eq!(scene.call("second", json!({})), unknown("second"));
    assert_eq!(
        scene.ask("task_request", json!({ "skill": "echo", "input": "text" }))["error_code"],
        "INVALID_INPUT"
    );
    scene.agent.unharmed();
}

#[test]
fn a_host_calls_an_agent() {
    let scene = Scene::trusting(&[], "known");
    let answer = scene.calls("add", json!({ "a": 2, "b": 40 }));
    assert_eq!(
        (&answer["success"], &answer["reply"]["result"]),
        (&json!(true), &json!({ "sum": 42 }))
    );
    let text = "漢字 ß 🦀 \u{1f468}\u{200d}\u{1f469} \u{202e}";
    let length = text.chars().count();
    let answer = scene.calls("text", json!({ "text": text }));
    assert_eq!(
        answer["reply"]["result"],
        json!({ "text": text, "length": length })
    );
    for (version, success) in [("2.0.0", true), ("1.0.0", false)] {
        let done = scene.host.place.run(&[
            "--json",
            "call",
            &scene.agent.peer(),
            "versioned",
            "--version",
            version,
        ]);
        let reply: Value = serde_json::from_str(&done.stdout).expect("one document");
        assert_eq!(
            (done.code, &reply["success"]),
            (i32::from(!success), &json!(success)),
            "{reply}"
        );
        if !success {
            assert_eq!(reply["error_code"], "VERSION_MISMATCH");
        }
    }
    for name in ["internal", "concealed", "absent"] {
        let answer = scene.calls(name, json!({}));
        assert_eq!(
            (&answer["success"], &answer["reply"]),
            (&json!(false), &unknown(name))
        );
    }
    // No JSON, and what stands for it.
    let answer = scene.calls("odd", json!({}))["reply"]["result"].clone();
    assert_eq!(
        (&answer["nan"], &answer["more"], &answer["less"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!(
        (&answer["half"], answer["huge"].as_f64()),
        (&json!("\u{fffd}"), Some(2f64.powi(80)))
    );
    let ran = scene.agent.ask(json!({ "do": "ran" }));
    assert_eq!(
        ran,
        json!([["add", 2, 40]]),
        "once each, and nothing that is for nobody"
    );
}

#[test]
fn an_agents_failure_stays_with_who_called_it() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let place = &scene.host.place;
    let failed = place.run(&["call", &scene.agent.peer(), "fails"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("it broke in /home/author/secret.py"),
        "{}",
        failed.stderr
    );
    let shown = failed.stdout + &failed.stderr;
    for private in [
        "Traceback",
        "raise ValueError",
        "secret_of_the_author",
        "agent.py",
        "\u{1b}",
    ] {
        assert!(!shown.contains(private), "{private}: {shown}");
    }
    // A program that asks for it gets the reply exactly.
    let exact = scene.calls("fails", json!({}));
    assert!(
        exact["reply"]["traceback"]
            .as_str()
            .is_some_and(|text| text.contains("Traceback")),
        "{exact}"
    );
    // What it says goes to nobody else and into no log.
    assert_eq!(
        scene.calls("coloured", json!({}))["reply"]["result"],
        json!({ "text": "\u{1b}]0;owned\u{7}" })
    );
    let shown = place.run(&["call", &scene.agent.peer(), "coloured"]);
    assert!(
        !shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{7}'),
        "{}",
        shown.stdout
    );
    let log = std::fs::read_to_string(place.path("serve.log")).expect("ours");
    for private in ["Traceback", "sk-not-for-anybody", "secret.py"] {
        assert!(!log.contains(private), "{private}: {log}");
    }
    assert_eq!(
        scene.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
}

#[test]
fn an_agents_skill_that_takes_20_s_is_waited_for_and_stops_nothing() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            (
                Instant::now(),
                scene.calls("slow", json!({ "seconds": 20.0 })),
            )
        });
        let began = |ran: &Value| *ran == json!([["slow", 20.0]]);
        until("it is at work", || {
            Some(scene.agent.ask(json!({ "do": "ran" }))).filter(began)
        });
        // The agent is deaf meanwhile; the host is not.
        for n in 0..5 {
            let answer = scene.ask(
                "task_request",
                json!({ "skill": "echo", "input": { "n": n } }),
            );
            assert_eq!(answer["result"], json!({ "n": n }));
        }
        assert!(!slow.is_finished(), "answered before its time");
        let (started, answer) = slow.join().expect("it ends");
        assert!(started.elapsed() >= Duration::from_secs(20));
        assert_eq!(
            answer["reply"]["result"],
            json!({ "slept": 20.0 }),
            "{answer}"
        );
    });
    assert_eq!(
        scene.agent.ask(json!({ "do": "ran" })),
        json!([["slow", 20.0]]),
        "and asked once"
    );
}

#[test]
fn a_megabyte_is_too_much_to_take_and_not_too_much_to_get() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let answer = scene.call("echo", json!({ "text": "x".repeat(1_000_000) }));
    assert_eq!(
        (&answer["success"], &answer["error_code"]),
        (&json!(false), &json!("INVALID_INPUT")),
        "{answer}"
    );
    assert_eq!(scene.runs("echo"), 0);
    let answer = scene.calls("big", json!({ "size": 1_000_000 }));
    assert_eq!(answer["success"], true);
    assert_eq!(
        answer["reply"]["result"]["text"].as_str().map(str::len),
        Some(1_000_000)
    );
    // What is larger than any message is dropped, and nothing after it.
    let (too_large, text) = scene.agent.envelope(
        "task_request",
        json!({ "skill": "echo", "input": "x".repeat(1_200_000) }),
        &json!({}),
    );
    scene.agent.write(&scene.to, &[text]);
    scene.agent.ping(&scene.to);
    assert_eq!(scene.agent.answers(&too_large).len(), 0);
    scene.agent.unharmed();
}

#[test]
fn what_an_agent_asks_while_the_host_is_down_is_answered_when_it_is_back() {
    let mut scene = Scene::trusting(&["echo.wasm"], "known");
    scene.host.kill();
    let request = |n: u32| {
        scene
            .agent
            .ask(json!({ "do": "request", "to": scene.to, "skill": "echo", "input": { "n": n } }))
    };
    let tasks: Vec<Value> = (0..3).map(request).collect();
    let result = |task: &Value| scene.agent.ask(json!({ "do": "result", "task": task }));
    assert!(tasks.iter().all(|task| result(task)["state"] == "queued"));
    let _serving = scene.host.place.serve(&[]);
    for (n, task) in tasks.iter().enumerate() {
        let done = until("it is answered", || {
            Some(result(task)).filter(|it| it["state"] != "queued")
        });
        assert_eq!(
            (&done["state"], &done["result"]),
            (&json!("succeeded"), &json!({ "n": n })),
            "{done}"
        );
    }
    scene.agent.unharmed();
}

#[test]
fn what_a_host_asks_while_the_agent_is_down_is_answered_when_it_is_back() {
    let mut scene = Scene::trusting(&[], "known");
    let (host, peer) = (&scene.host, scene.agent.peer());
    let (agent, inbox) = (&mut scene.agent, peer.clone());
    std::thread::scope(|scope| {
        let mut asked = Vec::new();
        agent.away(|agent| {
            let before = agent.taken();
            for n in 0..3 {
                let call = json!({
                    "do": "call", "peer": inbox, "skill": "add", "input": { "a": n, "b": 1 }, "timeout": "100s",
                });
                asked.push(scope.spawn(move || host.owner(call)));
            }
            until("its bridge has them", || (agent.taken() >= before + 3).then_some(()));
        });
        for (n, answer) in asked.into_iter().enumerate() {
            let answer = answer.join().expect("an answer");
            assert_eq!(
                answer["reply"]["result"],
                json!({ "sum": n + 1 }),
                "{answer}"
            );
        }
    });
    let ran = scene.agent.ask(json!({ "do": "ran" }));
    assert_eq!(ran.as_array().map(Vec::len), Some(3), "none twice: {ran}");
}

#[test]
fn work_that_a_host_gives_to_an_agent_outlives_that_both_go_away() {
    let mut scene = Scene::trusting(&[], "known");
    let (host, peer) = (&mut scene.host, scene.agent.peer());
    let mut given = Vec::new();
    scene.agent.away(|agent| {
        let before = agent.taken();
        for n in 0..3 {
            let input = json!({ "a": n, "b": 1 });
            let row = host
                .owner(json!({ "do": "delegate", "peer": peer, "skill": "add", "input": input }));
            given.push(row["task"].clone());
        }
        until("its bridge has them", || {
            (agent.taken() >= before + 3).then_some(())
        });
        host.kill();
    });
    // It works and answers while there is no host.
    until("all is done", || {
        let log = scene.agent.log();
        (log.matches("task_response").count() >= 3).then_some(())
    });
    scene.host.serve();
    for (n, task) in given.iter().enumerate() {
        let result = json!({ "do": "delegated_result", "id": task, "wait": "60s" });
        let row = scene.host.owner(result);
        assert_eq!(
            (&row["state"], &row["success"]),
            (&json!("done"), &json!(true)),
            "{row}"
        );
        assert_eq!(row["reply"]["result"], json!({ "sum": n + 1 }));
    }
    let ran = scene.agent.ask(json!({ "do": "ran" }));
    assert_eq!(ran.as_array().map(Vec::len), Some(3), "none twice: {ran}");
}
