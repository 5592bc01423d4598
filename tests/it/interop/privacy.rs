//! What others can see: the node between the peers, and whoever shares the machine.

use serde_json::{Value, json};

use super::scene::Scene;
use crate::support::{holding, sockets};
use crate::xmtp::network::Member;

#[test]
fn two_hosts_and_an_agent_talk_and_the_node_reads_none_of_it() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    let other = Member::join("other", &scene.node, &["echo.wasm"]);
    scene.host.trust(&other, "known");
    other.trust(&scene.host, "known");
    other.owner(json!({ "do": "trust_set", "peer": scene.agent.peer(), "tier": "known" }));
    let inbox = other.me.strip_prefix("xmtp:").expect("an inbox");
    scene.agent.ping(inbox);
    scene
        .agent
        .ask(json!({ "do": "trust", "peer": wallet(&other, &scene), "tier": 1 }));
    let secret = |n: u32| json!({ "text": format!("in-confidence-{n}") });
    // Everybody asks everybody.
    assert_eq!(
        other.call(&scene.host, "echo", secret(1))["result"],
        secret(1)
    );
    assert_eq!(
        scene.host.call(&other, "echo", secret(2))["result"],
        secret(2)
    );
    assert_eq!(
        scene.ask(
            "task_request",
            json!({ "skill": "echo", "input": secret(3) })
        )["result"],
        secret(3)
    );
    assert_eq!(
        scene.agent.call(inbox, "echo", secret(4))["result"],
        secret(4)
    );
    let text = |answer: &Value| answer["reply"]["result"]["text"].clone();
    assert_eq!(text(&scene.calls("text", secret(5))), "in-confidence-5");
    let call = json!({
        "do": "call", "peer": scene.agent.peer(), "skill": "text", "input": secret(6), "timeout": "100s",
    });
    assert_eq!(text(&other.owner(call)), "in-confidence-6");
    scene.agent.unharmed();
    // It is there to be found: whoever took part has it.
    assert_ne!(
        holding(&scene.host.place.home(), "in-confidence-1"),
        [""; 0]
    );
    let node = scene.place.path("node");
    // It knows who they are, and that is all.
    assert_ne!(holding(&node, inbox), [""; 0]);
    for said in [
        "in-confidence",
        "task_request",
        "\"protocol\"",
        "coworker\"",
    ] {
        assert_eq!(holding(&node, said), [""; 0], "{said}");
    }
}

fn wallet(other: &Member, scene: &Scene) -> Value {
    let from = other.me.strip_prefix("xmtp:").expect("an inbox").to_owned();
    scene
        .agent
        .letter("a pong", |letter| letter.from == from)
        .envelope()["sender_wallet"]
        .clone()
}

#[test]
fn a_host_and_its_sidecar_listen_to_nobody() {
    let scene = Scene::trusting(&["echo.wasm"], "known");
    scene.call("echo", json!({ "a": 1 }));
    let host = scene.host.serving.as_ref().expect("it serves").id();
    let sidecar = scene.host.bridge()["pid"].as_u64().expect("a process");
    let sidecar = u32::try_from(sidecar).expect("a process");
    for id in [host, sidecar] {
        let (all, on_the_network) = sockets(id);
        assert!(all > 0, "{id}");
        for row in on_the_network {
            // A connection to the node is one; that somebody may connect to is none.
            let connected = row.table.starts_with("tcp") && row.words[3] != "0A";
            assert!(connected, "{id} {row:?}");
        }
    }
}
