//! A home brought from agent-coworker, as its own commands left it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::invites::raw;
use crate::support::Place;

const KEY: &str = "7478a4827cb137b170ebd8ccd15b35951338dca84a282e2526d5dd840a01ec1a\n";

/// Makes a place whose user has such a home.
fn with_agent() -> Place {
    let place = Place::new();
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/coworker-0.6.1-home");
    std::fs::create_dir(place.path(".coworker")).expect("ours");
    for file in ["config.json", "wallet.json", "peers.json", "trust.json"] {
        std::fs::copy(from.join(file), place.path(".coworker").join(file)).expect("copied");
    }
    place
}

fn get(place: &Place, arguments: &[&str]) -> Value {
    let ended = raw(place, &[&["--json"], arguments].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("one document")
}

#[test]
fn an_identity_comes_along_and_nobody_is_trusted_by_it() {
    let place = with_agent();
    let made = get(&place, &["init", "--import", ".coworker"]);
    assert_eq!(
        (&made["imported"]["proposals"], &made["imported"]["skipped"]),
        (&json!(4), &json!(0))
    );
    let key = place.path("home/wallet.key");
    assert_eq!(std::fs::read_to_string(&key).expect("a key"), KEY);
    let mode = std::fs::metadata(&key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(get(&place, &["trust", "list"]), json!([]));
    assert_eq!(get(&place, &["peers", "list"]), json!([]));
    let serving = place.serve(&[]);
    assert_eq!(serving.ready["name"], "bob");
    let waiting = place.owner(json!({ "do": "trust_requests" }));
    let rows: Vec<(&Value, &Value)> = waiting
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["claimed_name"], &row["tier"]))
        .collect();
    assert_eq!(
        rows,
        [
            (&Value::Null, &json!("privileged")),
            (&json!("dave"), &json!("internal")),
            (&json!("alice"), &json!("known")),
            (&json!("carol the third"), &json!("untrusted")),
        ]
    );
    assert!(
        waiting
            .as_array()
            .expect("a list")
            .iter()
            .all(|row| row["origin"] == "import")
    );
}

#[test]
fn each_proposal_is_decided_by_itself() {
    let place = with_agent();
    get(&place, &["init", "--import", ".coworker", "--name", "me"]);
    let serving = place.serve(&[]);
    assert_eq!(serving.ready["name"], "me");
    let waiting = place.owner(json!({ "do": "trust_requests" }));
    let id = |name: &str| {
        let rows = waiting.as_array().expect("a list");
        let row = rows
            .iter()
            .find(|row| row["claimed_name"] == name)
            .expect("it waits");
        row["id"].clone()
    };
    let grant = |name: &str| place.try_owner(json!({ "do": "trust_grant", "id": id(name) }));
    let alice = grant("alice").expect("its inbox is known");
    assert_eq!(
        (&alice["name"], &alice["tier"]),
        (&json!("alice"), &json!("known"))
    );
    assert_eq!(alice["peer"], format!("xmtp:{}", "a1".repeat(32)));
    // A name alone lets nobody in.
    let carol = grant("carol the third").expect("its inbox is known");
    assert_eq!(
        (&carol["name"], &carol["tier"]),
        (&json!("carol the third"), &json!("untrusted"))
    );
    let dave = grant("dave").expect_err("whose wallet that is was not proved");
    assert!(
        dave.what
            .contains("0xdf538866e918f5f2edbda690e450c9aa2c91a6d6"),
        "{dave}"
    );
    place.owner(json!({ "do": "trust_deny", "id": id("dave") }));
    assert!(grant("alice").is_err(), "once");
    assert_eq!(
        place
            .owner(json!({ "do": "trust_requests" }))
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let nothing_was_said = place.owner(json!({ "do": "status" }))["outbox"]["waiting"].clone();
    assert_eq!(nothing_was_said, 0);
}

#[test]
fn nothing_is_overwritten_and_a_break_is_mended_by_doing_it_again() {
    let place = with_agent();
    get(&place, &["init", "--import", ".coworker"]);
    assert_eq!(raw(&place, &["init", "--import", ".coworker"]).code, 3);
    // As if it had been cut off before the last step.
    std::fs::remove_file(place.path("home/config.toml")).expect("ours");
    get(&place, &["init", "--import", ".coworker"]);
    assert_eq!(
        get(&place, &["trust", "requests"]).as_array().map(Vec::len),
        Some(4)
    );
    // Another wallet is not put in its place.
    std::fs::remove_file(place.path("home/config.toml")).expect("ours");
    place.write(
        ".coworker/wallet.json",
        json!({ "private_key": "07".repeat(32) }).to_string(),
    );
    assert_eq!(raw(&place, &["init", "--import", ".coworker"]).code, 3);
    assert_eq!(
        std::fs::read_to_string(place.path("home/wallet.key")).expect("a key"),
        KEY
    );
}

#[test]
fn an_agent_that_runs_keeps_its_identity_to_itself() {
    let place = with_agent();
    let bridge = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = bridge.local_addr().expect("bound").port();
    place.write(".coworker/bridge_port", port.to_string());
    let refused = raw(&place, &["init", "--import", ".coworker"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("is running"), "{}", refused.stderr);
    assert!(!place.home().exists(), "nothing was made");
    drop(bridge);
    get(&place, &["init", "--import", ".coworker"]);
    assert_eq!(raw(&place, &["init", "--import", "nowhere"]).code, 3);
}
