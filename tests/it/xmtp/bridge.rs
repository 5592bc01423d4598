//! The owner's commands around the sidecar.

use serde_json::{Value, json};

use super::network::{Member, Node, config};
use crate::support::Place;

#[test]
fn a_reset_lets_another_installation_speak_for_the_same_inbox() {
    let place = Place::new();
    let node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &[]);
    let bob = Member::join("bob", &node, &["echo.wasm"]);
    bob.trust(&ann, "known");
    let called = |ann: &Member, n: u8| {
        let answer = ann.call(&bob, "echo", json!({ "n": n }));
        assert_eq!(answer["result"], json!({ "n": n }), "{answer}");
    };
    called(&ann, 1);
    let before = ann.bridge();
    let refused = ann.place.run(&["bridge", "reset", "--yes"]);
    assert_eq!(refused.code, 3, "not while a host runs: {}", refused.stderr);
    ann.kill();
    let asked = ann.place.run(&["bridge", "reset"]);
    assert_eq!(asked.code, 2, "not without a yes: {}", asked.stderr);
    let done = ann.place.run(&["--json", "bridge", "reset", "--yes"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.contains("before-"), "{}", done.stdout);
    ann.serve();
    let after = ann.until_state("ready");
    assert_eq!(before["inbox"], after["inbox"]);
    assert_ne!(before["installation"], after["installation"]);
    // In a conversation of its own, which the others have to notice.
    called(&ann, 2);
    called(&ann, 3);
}

#[test]
fn a_client_database_that_is_gone_waits_for_the_owner() {
    let place = Place::new();
    let node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &[]);
    ann.kill();
    for file in ["client.db3", "client.db3-wal", "client.db3-shm"] {
        // Not all of them are always there.
        let _ = std::fs::remove_file(ann.place.home().join("xmtp/local").join(file));
    }
    ann.serve();
    let bridge = ann.until_state("broken");
    assert!(
        bridge["hint"]
            .as_str()
            .expect("a hint")
            .contains("bridge reset"),
        "{bridge}"
    );
    let status = ann.owner(json!({ "do": "status" }));
    assert_eq!(
        status["peer"].as_str(),
        Some(ann.me.as_str()),
        "it is still itself"
    );
}

#[test]
fn the_bridge_says_what_it_stands_on() {
    let place = Place::configured(&config("test", "127.0.0.1:9"));
    let status = place.run(&["--json", "bridge", "status"]);
    assert_eq!(status.code, 0, "{}", status.stderr);
    let status: Value = serde_json::from_str(&status.stdout).expect("one document");
    let checks = status["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|check| check["ok"] == true), "{status}");
    assert_eq!(status["packages"].as_array().map(Vec::len), Some(3));
    assert!(
        status["packages"]
            .to_string()
            .contains("@xmtp/node-sdk@5.5.0")
    );
    let bare = Place::with_home();
    let status = bare.run(&["bridge", "status"]);
    assert_eq!(status.code, 1, "{}", status.stdout);
    assert!(status.stdout.contains("bridge setup"), "{}", status.stdout);
}

#[test]
fn a_doctor_looks_at_what_the_network_would_need() {
    let doctor = |config: &str| -> (i32, Vec<Value>) {
        let place = Place::configured(config);
        let ended = place.run(&["--json", "doctor"]);
        let checks: Value = serde_json::from_str(&ended.stdout).expect("one document");
        (ended.code, checks.as_array().expect("a list").clone())
    };
    let of = |checks: &[Value], name: &str| -> Value {
        let found = checks.iter().find(|check| check["check"] == name);
        found
            .unwrap_or_else(|| panic!("no {name}: {checks:?}"))
            .clone()
    };
    let whole = config("test", "127.0.0.1:9");
    // Nobody answers, and this home was never on the network: what it would need is all there.
    let (code, checks) = doctor(&whole);
    for name in ["node", "c library", "xmtp client"] {
        assert_eq!(of(&checks, name)["ok"], true, "{checks:?}");
    }
    assert_eq!(code, 0, "{checks:?}");
    // Without a Node.js, and without a client.
    let node = format!("\"{}\"", super::network::node_program().display());
    let (code, checks) = doctor(&whole.replace(&node, "\"/nowhere\""));
    let node = of(&checks, "node");
    assert_eq!((code, &node["ok"]), (1, &json!(false)), "{checks:?}");
    assert!(
        node["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("install Node.js")),
        "{node}"
    );
    assert_eq!(of(&checks, "xmtp client")["ok"], false);
    let sidecar = super::network::sidecar().display().to_string();
    let (code, checks) = doctor(&whole.replace(&sidecar, "/nowhere"));
    let client = of(&checks, "xmtp client");
    assert_eq!((code, &client["ok"]), (1, &json!(false)), "{checks:?}");
    assert!(
        client["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("bridge setup")),
        "{client}"
    );
}

#[test]
fn an_archive_without_the_packages_installs_nothing() {
    let place = Place::with_home();
    place.write("left-pad-1.0.0.tgz", "not a package");
    let made = std::process::Command::new("tar")
        .current_dir(place.path("."))
        .args(["-cf", "packages.tar", "left-pad-1.0.0.tgz"])
        .status()
        .expect("tar runs");
    assert!(made.success());
    let node = super::network::node_program();
    let config = format!("[xmtp]\nnode_program = \"{}\"\n", node.display());
    place.write("home/config.toml", config);
    place.mode("home/config.toml", 0o600);
    let archive = place.path("packages.tar");
    let archive = archive.to_str().expect("plain");
    let ended = place
        .command(&["bridge", "setup", "--offline", archive])
        .env("PATH", std::env::var_os("PATH").expect("a path"))
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(
        told.contains("with the hash of the lockfile") && told.contains("npm pack"),
        "{told}"
    );
    assert!(!place.home().join("xmtp/sidecar").exists());
}
