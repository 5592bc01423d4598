//! A node that is killed between a host and an agent of the Python package, which never asks twice and never answers
//! twice: whatever was under way is asked once and answered once. The agent's bridge hears nothing for a minute after the
//! node has died, and never what came in that minute; so it is started anew before anything is sent to it.

use serde_json::{Value, json};

use super::scene::Scene;
use crate::peer::until;
use crate::xmtp::network::Member;

/// Waits until so many messages wait in a host for the network.
fn waiting(host: &Member, count: u64) {
    until("it waits for the network", || {
        let status = host.owner(json!({ "do": "status" }));
        (status["outbox"]["waiting"] == count).then_some(())
    });
}

fn restart_bridge(scene: &Scene) {
    scene.agent.ask(json!({ "do": "bridge_restart" }));
}

#[test]
fn an_agent_is_asked_once_by_a_host_over_the_death_of_the_node() {
    let mut scene = Scene::trusting(&[], "known");
    let peer = scene.agent.peer();
    let call = |host: &Member, skill: &str, input: Value| {
        host.owner(json!({ "do": "call", "peer": peer, "skill": skill, "input": input, "timeout": "100s" }))
    };
    // It dies while the agent is at work, and is back for the answer.
    let (host, agent, node) = (&scene.host, &scene.agent, &mut scene.node);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| call(host, "slow", json!({ "seconds": 5.0 })));
        until("it is at work", || {
            let ran = agent.ask(json!({ "do": "ran" }));
            (ran == json!([["slow", 5.0]])).then_some(())
        });
        node.kill_and_restart();
        let answer = slow.join().expect("it ends");
        assert_eq!(
            answer["reply"]["result"],
            json!({ "slept": 5.0 }),
            "{answer}"
        );
    });
    // It is dead when the host wants to ask. The question waits, also over the death of the host.
    let mut given = Vec::new();
    let host = &mut scene.host;
    scene.node.away(|| {
        for a in 0..3 {
            let input = json!({ "a": a, "b": 1 });
            let work = json!({ "do": "delegate", "peer": peer, "skill": "add", "input": input });
            given.push(host.owner(work)["task"].clone());
        }
        waiting(host, 3);
        host.kill();
    });
    restart_bridge(&scene);
    scene.host.serve();
    for (a, task) in given.iter().enumerate() {
        let result = json!({ "do": "delegated_result", "id": task, "wait": "100s" });
        let row = scene.host.owner(result);
        assert_eq!(
            (&row["state"], &row["reply"]["result"]),
            (&json!("done"), &json!({ "sum": a + 1 })),
            "{row}"
        );
    }
    let answer = call(&scene.host, "add", json!({ "a": 7, "b": 1 }));
    assert_eq!(answer["reply"]["result"], json!({ "sum": 8 }));
    let ran = scene.agent.ask(json!({ "do": "ran" }));
    assert_eq!(
        ran,
        json!([
            ["slow", 5.0],
            ["add", 0, 1],
            ["add", 1, 1],
            ["add", 2, 1],
            ["add", 7, 1]
        ]),
        "in their order, and none twice"
    );
}

#[test]
fn a_host_is_asked_once_by_an_agent_over_the_death_of_the_node() {
    let mut scene = Scene::trusting(&["echo.wasm", "hostile-wasi.wasm"], "known");
    let to = scene.to.clone();
    // It dies while the host is at work, and is away when the answer wants to leave, and when the host dies too.
    let input = json!({ "mode": "sleep", "n": 3_000 });
    let called = scene.agent.begin(
        json!({ "do": "call", "to": to, "skill": "hostile-wasi", "input": input, "timeout": 100 }),
    );
    scene.host.place.wait_until_running(1, 1);
    let host = &mut scene.host;
    scene.node.away(|| {
        waiting(host, 1);
        host.kill();
    });
    restart_bridge(&scene);
    scene.host.serve();
    let answer = scene.agent.end(called).expect("it ends");
    assert_eq!(answer["success"], true, "{answer}");

    // It has what the host has not got yet: that is on its disk.
    scene.host.kill();
    let asked: Vec<String> = (0..3)
        .map(|n| {
            let request = json!({ "skill": "echo", "input": { "n": n } });
            scene.agent.say(&to, "task_request", request)
        })
        .collect();
    scene.node.kill_and_restart();
    restart_bridge(&scene);
    scene.host.serve();
    for (n, asked) in asked.iter().enumerate() {
        assert_eq!(
            scene.agent.answer(asked).payload()["result"],
            json!({ "n": n })
        );
    }

    // It is away when the agent wants to ask. Whether or not that leaves later, its user tries again.
    let request = json!({ "skill": "echo", "input": { "n": 3 } });
    let (again, text) = scene.agent.envelope("task_request", request, &json!({}));
    let agent = &scene.agent;
    scene.node.away(|| {
        let order = json!({ "do": "raw", "to": to, "texts": [text] });
        let failed = agent.end(agent.begin(order));
        assert!(failed.is_err(), "{failed:?}");
    });
    restart_bridge(&scene);
    scene.agent.write(&to, &[text]);
    assert_eq!(
        scene.agent.answer(&again).payload()["result"],
        json!({ "n": 3 })
    );

    // The package's own call, when all is as it was.
    assert_eq!(
        scene.call("echo", json!({ "n": 4 }))["result"],
        json!({ "n": 4 })
    );
    scene.host.place.settled();
    assert_eq!(
        (scene.runs("echo"), scene.runs("hostile-wasi")),
        (5, 1),
        "each once"
    );
    for asked in asked {
        assert_eq!(scene.agent.answers(&asked).len(), 1, "{asked}");
    }
}
