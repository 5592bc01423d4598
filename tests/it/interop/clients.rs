//! Official clients, with no host among them: direct messages, a group of three, clients and nodes that go away, changes of
//! an inbox, and a message too large for anybody.

use std::process::{Command, Stdio};

use super::agent::set_up;
use crate::support::{Place, free_port};
use crate::xmtp::network::node_program;

/// What a run has to show, in its order: the beginning of each line.
const SHOWN: [&str; 18] = [
    "three clients register",
    "50 direct messages arrive in order",
    "50 round trips",
    "a message of 1 MB arrives",
    "the group reaches its second member",
    "the group reaches its third member",
    "the new name reaches both",
    "who stays hears on",
    "who was removed hears nothing more",
    "a message of 25 MB is refused",
    "and harms nobody",
    "25 messages wait for who was away",
    "a killed node loses nothing",
    "a second address is linked",
    "and unlinked",
    "a second installation joins the inbox",
    "and is revoked",
    "the recovery address changes",
];

#[test]
fn unmodified_official_clients_work_against_a_node() {
    let place = Place::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let data = place.path("node");
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/interop/clients.mjs"
    );
    let mut command = Command::new(node_program());
    let ended = command
        .arg(source)
        .arg(format!("http://{listen}"))
        .arg("--data")
        .arg(&data)
        .args([
            "--",
            env!("CARGO_BIN_EXE_coworker-host"),
            "node",
            "--listen",
        ])
        .args([&listen, "--data"])
        .arg(&data)
        .env_clear()
        .env("HOME", place.path("."))
        .env("TMPDIR", place.path("."))
        .current_dir(set_up().join("bridge"))
        .stdin(Stdio::null())
        .output()
        .expect("Node.js runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    let told = || format!("{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{}", told());
    let lines: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ok  "))
        .collect();
    let (last, lines) = lines.split_last().expect("lines");
    assert_eq!(lines.len(), SHOWN.len(), "{}", told());
    for (line, shown) in lines.iter().zip(SHOWN) {
        assert!(line.starts_with(shown), "{shown}: {}", told());
    }
    assert!(
        last.starts_with("nothing that was said is in the node's files"),
        "{last}"
    );
}
