//! What a Python peer can send that is no message, or not the message it says: nothing but itself is affected.

use serde_json::{Value, json};

use super::scene::Scene;
use crate::peer::names;

/// Texts of which none is a message that anybody answers.
fn rubbish(scene: &Scene) -> Vec<String> {
    let (_, good) = scene.agent.envelope("ping", json!({}), &json!({}));
    let with = |more: Value| scene.agent.envelope("ping", json!({}), &more).1;
    let mut texts: Vec<String> = [
        "hello",
        "{",
        "[]",
        "null",
        "\"coworker\"",
        "{}",
        "\u{0}",
        "{\"protocol\":\"coworker\"}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([
        with(json!({ "protocol": "other" })),
        with(json!({ "protocol": ["coworker"] })),
        with(json!({ "type": 7 })),
        with(json!({ "type": "" })),
        with(json!({ "type": "x".repeat(100_000) })),
        with(json!({ "type": "\u{1b}[2J" })),
        with(json!({ "payload": "text" })),
        with(json!({ "payload": [[[[]]]] })),
        good.get(..good.len() / 2).expect("ASCII").to_owned(),
        format!("{good}{good}"),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        good.replacen(
            "\"payload\":{}",
            &format!("\"payload\":{}", "{\"a\":".repeat(5_000)),
            1,
        ),
    ]);
    texts
}

#[test]
fn what_is_no_message_costs_its_neighbours_nothing() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let texts = rubbish(&scene);
    let before = scene.agent.letters().len();
    let mut all = Vec::new();
    let mut asked = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let request = json!({ "skill": "echo", "input": { "n": n } });
        let (correlation, good) = scene.agent.envelope("task_request", request, &json!({}));
        all.extend([text.clone(), good]);
        asked.push(correlation);
    }
    scene.agent.write(&scene.to, &all);
    for (n, correlation) in asked.iter().enumerate() {
        assert_eq!(
            scene.agent.answer(correlation).payload()["result"],
            json!({ "n": n }),
            "{}",
            texts[n]
        );
    }
    let pong = scene.agent.ping(&scene.to);
    let mut others: Vec<String> = scene
        .agent
        .letters()
        .split_off(before)
        .into_iter()
        .map(|it| it.text)
        .collect();
    others.retain(|text| *text != pong.text && !asked.iter().any(|id| text.contains(id.as_str())));
    assert_eq!(others, [""; 0], "nothing else is answered");
    scene.agent.unharmed();
}

#[test]
fn times_and_lives_of_any_shape_poison_nothing() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let odd = [
        json!({ "timestamp": "2026-11-21T03:38:08" }),
        json!({ "timestamp": 1_795_232_288 }),
        json!({ "timestamp": null }),
        json!({ "timestamp": {} }),
        json!({ "timestamp": "yesterday" }),
        json!({ "timestamp": "9999-12-31T23:59:59.999999999Z" }),
        json!({ "timestamp": "0001-01-01T00:00:00+23:59" }),
        json!({ "ttl": null }),
        json!({ "ttl": "3600" }),
        json!({ "ttl": -1 }),
        json!({ "ttl": 1e300 }),
        json!({ "ttl": true }),
        json!({ "ttl": 3600.5 }),
        json!({ "version": "9.9" }),
        json!({ "version": null }),
        json!({ "sender_id": { "a": 1 }, "sender_wallet": [1], "context": 7, "priority": [], "ext": "x" }),
    ];
    let request = |n: usize| json!({ "skill": "echo", "input": { "n": n } });
    let (odd, good): (Vec<_>, Vec<_>) = odd
        .iter()
        .enumerate()
        .map(|(n, more)| {
            let good = scene
                .agent
                .envelope("task_request", request(100 + n), &json!({}));
            (scene.agent.envelope("task_request", request(n), more), good)
        })
        .unzip();
    let texts: Vec<String> = odd
        .iter()
        .zip(&good)
        .flat_map(|(odd, good)| [odd.1.clone(), good.1.clone()])
        .collect();
    scene.agent.write(&scene.to, &texts);
    for (n, (correlation, _)) in good.iter().enumerate() {
        assert_eq!(
            scene.agent.answer(correlation).payload()["result"],
            json!({ "n": 100 + n })
        );
    }
    scene.host.place.settled();
    scene.agent.ping(&scene.to);
    // Each was served, or dropped as too old; none was answered in another way.
    for (correlation, text) in &odd {
        let answers = scene.agent.answers(correlation);
        assert!(
            answers.len() <= 1 && answers.iter().all(|it| it.kind() == "task_response"),
            "{text}"
        );
    }
}

#[test]
fn payloads_of_any_shape_are_refused_or_dropped() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let odd = [
        Value::Null,
        json!(7),
        json!("1"),
        json!([]),
        json!({}),
        json!(0.5),
        json!(-1),
        json!(1e300),
        json!("\u{1b}"),
    ];
    let mut texts = Vec::new();
    for value in &odd {
        for (kind, payload) in [
            ("task_request", json!({ "skill": value, "input": {} })),
            ("task_request", json!({ "skill": "echo", "input": value })),
            (
                "task_request",
                json!({ "skill": "echo", "input": {}, "skill_version": value }),
            ),
            (
                "task_request",
                json!({ "skill": "echo", "input": {}, "async": value, "task_id": value }),
            ),
            (
                "trust_request",
                json!({ "requested_tier": value, "reason": value }),
            ),
            ("discover", json!({ "name": value, "wallet": value })),
            ("skill_card_query", json!({ "skill": value })),
            (
                "agent_card_query",
                json!({ "name": value, "cached_hash": value }),
            ),
            ("plan_propose", json!({ "goal": value, "steps": value })),
            (
                "group_task_request",
                json!({ "skill": value, "target_wallet": value }),
            ),
            (
                "task_response",
                json!({ "success": value, "result": value }),
            ),
            ("capabilities", json!({ "name": value, "skills": value })),
            (
                "trust_grant",
                json!({ "granted": value, "granted_tier": 3 }),
            ),
        ] {
            texts.push(scene.agent.envelope(kind, payload, &json!({})).1);
            texts.push(
                scene
                    .agent
                    .envelope(kind, json!({}), &json!({ "correlation_id": value }))
                    .1,
            );
        }
    }
    scene.agent.write(&scene.to, &texts);
    let answer = scene.ask(
        "task_request",
        json!({ "skill": "echo", "input": { "a": 1 } }),
    );
    assert_eq!(answer["result"], json!({ "a": 1 }));
    assert_eq!(scene.tier(), "known");
    assert_eq!(scene.agent.discover(&scene.to), ["echo"]);
    scene.agent.unharmed();
}

#[test]
fn json_as_python_writes_it_is_read() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    for (written, read) in [
        ("NaN", json!(null)),
        ("-Infinity", json!(null)),
        ("\"\\ud800 \\u6f22\"", json!("\u{fffd} 漢")),
        ("\"\\ud83e\\udd80\"", json!("🦀")),
        ("1208925819614629174706176", json!(2f64.powi(80))),
        ("1e999", json!(null)),
        ("{\"b\": 1, \"b\": 2}", json!({ "b": 2 })),
    ] {
        let request = json!({ "skill": "echo", "input": { "a": "HERE" } });
        let (correlation, text) = scene.agent.envelope("task_request", request, &json!({}));
        scene
            .agent
            .write(&scene.to, &[text.replace("\"HERE\"", written)]);
        assert_eq!(
            scene.agent.answer(&correlation).payload()["result"],
            json!({ "a": read }),
            "{written}"
        );
    }
    scene.agent.unharmed();
}

#[test]
fn files_and_broadcasts_are_dropped_or_answered_to_their_sender() {
    let scene = Scene::trusting(&["echo.wasm"], "privileged");
    let file = scene.host.place.write("file.txt", "text");
    let before = scene.agent.letters().len();
    scene
        .agent
        .ask(json!({ "do": "attach", "to": scene.to, "path": file }));
    scene.agent.ping(&scene.to);
    assert_eq!(
        scene.agent.letters().len() - before,
        1,
        "a file is taken by nobody"
    );
    // A broadcast says of no wallet that it is its sender's.
    scene
        .agent
        .ask(json!({ "do": "broadcast", "to": [scene.wallet], "type": "discover", "payload": {} }));
    let answer = scene.agent.letter("an answer", |letter| {
        letter.kind() == "capabilities"
            && letter.envelope()["correlation_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("bcast_"))
    });
    assert_eq!(names(&answer.payload()["skills"]), ["echo"]);
    scene.agent.unharmed();
}
