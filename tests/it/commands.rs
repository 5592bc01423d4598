//! The owner's commands as they are typed: each for people and for machines, with what it does to the host.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::hosts::PORTS_ASK;
use crate::identity::claiming;
use crate::peer::{Peer, until};
use crate::support::Place;

/// What nobody's terminal may get: a colour, a cleared screen, a new line, text that runs the other way.
const EVIL: &str = "eve\u{1b}[2J\n\u{9b}31m\u{202e}\u{200b}";

/// Runs a command for people; it must work. Returns what it printed.
#[track_caller]
fn people(place: &Place, arguments: &[&str]) -> String {
    let ended = place.run(arguments);
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
    let unseen = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
    let printed = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!printed.contains(unseen), "{arguments:?}: {printed:?}");
    ended.stdout
}

/// Runs a command for machines; it must work. Returns its one document.
#[track_caller]
fn machine(place: &Place, arguments: &[&str]) -> Value {
    let output = place
        .command(&["--json"])
        .args(arguments)
        .output()
        .expect("the binary runs");
    let (stdout, stderr) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert_eq!(stderr, "", "{arguments:?}");
    let text = String::from_utf8(stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

/// Asks for trust under a name that is no name.
fn asks_for_trust(peer: &Peer) {
    let payload = json!({ "requested_tier": 2, "reason": EVIL });
    claiming(
        peer,
        "trust_request",
        "t",
        payload,
        &json!({ "sender_id": EVIL }),
    );
}

/// Returns the id of what a peer asks for.
#[track_caller]
fn request_of(place: &Place, peer: &Peer) -> String {
    let requests = machine(place, &["trust", "requests"]);
    let all = requests.as_array().expect("a list");
    let id = peer.id.to_string();
    let of_it = all.iter().find(|row| row["peer"] == id.as_str());
    of_it.expect("it asks")["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[test]
fn trust_is_given_refused_and_taken_back_by_commands() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peers: Vec<Peer> = (0..4).map(|_| place.stranger(&serving)).collect();
    peers.iter().for_each(asks_for_trust);
    let ids: Vec<String> = peers.iter().map(|peer| peer.id.to_string()).collect();
    let tier = |at: usize| machine(&place, &["peers", "show", &ids[at]])["tier"].clone();

    assert!(people(&place, &["trust", "requests"]).contains("ASKS FOR"));
    people(&place, &["trust", "grant", &request_of(&place, &peers[0])]);
    let granted = machine(&place, &["trust", "grant", &request_of(&place, &peers[1])]);
    assert_eq!(
        (&granted["peer"], &granted["tier"]),
        (&json!(ids[1]), &json!("internal"))
    );
    people(&place, &["trust", "deny", &request_of(&place, &peers[2])]);
    let denied = request_of(&place, &peers[3]);
    let denied = machine(&place, &["trust", "deny", &denied]);
    assert_eq!(denied["peer"], ids[3]);
    assert_eq!([tier(0), tier(1)], ["internal", "internal"]);
    assert_eq!([tier(2), tier(3)], ["untrusted", "untrusted"]);
    assert_eq!(machine(&place, &["trust", "requests"]), json!([]));

    people(&place, &["trust", "revoke", &ids[0]]);
    let revoked = machine(&place, &["trust", "revoke", &ids[1]]);
    assert_eq!(
        (&revoked["tier"], &revoked["cancelled"]),
        (&json!("untrusted"), &json!(0))
    );
    assert_eq!(
        peers[0].call("echo", json!({}))["error"],
        "Unknown skill: echo"
    );
    assert_eq!(machine(&place, &["trust", "list"])[0]["blocked"], true);
    people(&place, &["trust", "list"]);
    people(&place, &["trust", "requests"]);
}

#[test]
fn a_lease_is_given_by_a_command() {
    let (place, serving) = Place::serving(&["echo.wasm", "shape-name-first.wasm"]);
    let peer = place.stranger(&serving);
    let id = peer.id.to_string();
    people(
        &place,
        &["trust", "set", &id, "known", "--for", "2h", "--calls", "9"],
    );
    let lease = [
        "trust", "set", &id, "known", "--for", "1h", "--calls", "2", "--skill", "echo",
    ];
    let lease = machine(&place, &lease);
    assert_eq!(lease["lease"]["tier"], "known", "{lease}");
    assert_eq!(
        (&lease["lease"]["calls_left"], &lease["lease"]["skills"]),
        (&json!(2), &json!(["echo"]))
    );
    let hour = lease["lease"]["until_at"].as_i64().expect("a time") - coworker_host::clock::now().0;
    assert!((0..=3_600_000_000).contains(&hour), "{lease}");
    assert_eq!(peer.discover(), ["echo"]);
    for n in 0..2 {
        assert_eq!(peer.call("echo", json!({ "n": n }))["success"], true);
    }
    assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
    people(&place, &["trust", "list"]);
}

#[test]
fn peers_are_named_and_forgotten_by_commands() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peers = [place.peer(&serving, "known"), place.peer(&serving, "known")];
    peers.iter().for_each(asks_for_trust);
    let ids = peers.each_ref().map(|peer| peer.id.to_string());
    assert!(people(&place, &["peers", "name", &ids[0], "ann"]).contains("is called ann"));
    assert_eq!(
        machine(&place, &["peers", "name", &ids[1], "bob"])["name"],
        "bob"
    );
    assert_eq!(machine(&place, &["peers", "show", "ann"])["peer"], ids[0]);
    people(&place, &["peers", "show", "bob"]);
    people(&place, &["peers", "list"]);
    assert_eq!(
        place.run(&["peers", "name", &ids[1], "ann"]).code,
        1,
        "it is taken"
    );
    assert!(people(&place, &["peers", "name", "bob"]).contains("has no name"));
    assert_eq!(place.run(&["peers", "show", "bob"]).code, 1);

    people(&place, &["peers", "forget", "ann"]);
    assert_eq!(
        machine(&place, &["peers", "forget", &ids[1]]),
        json!({ "forgotten": ids[1] })
    );
    assert_eq!(machine(&place, &["peers", "list"]), json!([]));
    // Whoever is forgotten is a stranger.
    assert_eq!(
        peers[0].call("echo", json!({}))["error"],
        "Unknown skill: echo"
    );
}

#[test]
fn a_skill_is_inspected_compared_and_rolled_back_by_commands() {
    let (place, serving) = Place::serving(&["ports.wasm"]);
    place.drop_in("shape.wasm", "echo.wasm");
    let old = place.wait_for("echo", "exposed")["digest"].clone();
    place.drop_in("shape-code.wasm", "echo.wasm");
    let new = until("the update took over", || {
        let digest = place.row("echo")?["digest"].clone();
        (digest != old).then_some(digest)
    });

    let shown = people(&place, &["skills", "inspect", "echo"]);
    for part in [
        "what callers see:",
        "imports:",
        "the most it could ever do:",
        "what it asks for:",
        "what is granted:",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let all = machine(&place, &["skills", "inspect", "echo"]);
    assert_eq!((&all["digest"], &all["previous"]), (&new, &old));
    assert_eq!(all["card"]["name"], "echo");
    assert_eq!(all["changes"], Value::Null);

    place.write("home/skills/ports.toml", PORTS_ASK);
    place.wait_for("ports", "pending");
    let shown = people(&place, &["skills", "inspect", "echo", "--diff", "ports"]);
    assert!(
        shown.contains("what would change:") && shown.contains("llm"),
        "{shown}"
    );
    let compared = machine(&place, &["skills", "inspect", "echo", "--diff", "ports"]);
    let changes = compared["changes"].as_array().expect("a list");
    assert!(
        changes.iter().any(|change| change["waits"] == true),
        "{compared}"
    );

    people(&place, &["skills", "rollback", "echo"]);
    assert_eq!(place.row("echo").expect("listed")["digest"], old);
    let ended = place.run(&["skills", "rollback", "echo"]);
    assert_eq!(
        ended.code,
        1,
        "nothing was before the first: {}",
        ended.seen()
    );
    people(&place, &["skills", "expose", "echo"]);
    assert_eq!(place.row("echo").expect("listed")["digest"], new);
    let back = machine(&place, &["skills", "rollback", "echo"]);
    assert_eq!((&back["from"], &back["to"]), (&new, &old));
    drop(serving);
}

#[test]
fn probes_are_shown_by_a_command() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let stranger = place.stranger(&serving);
    asks_for_trust(&stranger);
    for skill in ["echo", EVIL] {
        stranger.call(skill, json!({}));
    }
    place.settled();
    assert!(people(&place, &["logs", "--probes"]).contains("echo"));
    let probes = machine(&place, &["logs", "--probes"]);
    let mut classes: Vec<(&Value, &Value)> = probes
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["skill"], &row["class"]))
        .collect();
    classes.sort_by_key(|(skill, _)| skill.to_string());
    assert_eq!(
        classes,
        [
            (&json!("echo"), &json!("too low")),
            (&json!(EVIL), &json!("absent"))
        ]
    );
    people(&place, &["logs"]);
}

#[test]
fn a_skill_takes_more_where_its_owner_says_so() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    place.wait_for("echo", "exposed");
    let peer = place.peer(&serving, "known");
    let call = || peer.call("echo", json!({ "text": "x".repeat(300 << 10) }));
    assert_eq!(call()["error_code"], "INVALID_INPUT");
    people(
        &place,
        &["skills", "configure", "echo", "--limit", "input=512KiB"],
    );
    let answer = call();
    assert_eq!(answer["success"], true, "{}", answer["error"]);
}

#[test]
fn tasks_are_followed_until_the_host_ends() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    place.wait_for("echo", "exposed");
    let call = || place.run(&["call", "self", "echo", "--input", "{}"]).seen();
    call();
    let mut following = place
        .command(&["--json", "logs", "--follow"])
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut next = || -> Value {
        let line = lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str(&line).expect("a document")
    };
    let first = next();
    call();
    let second = next();
    assert_ne!(first["task"], second["task"]);
    assert_eq!(
        (&first["skill"], &second["skill"]),
        (&json!("echo"), &json!("echo"))
    );
    drop(serving);
    assert!(lines.next().is_none(), "each task once");
    assert_eq!(following.wait().expect("it ends").code(), Some(0));
    assert_eq!(place.run(&["logs", "--follow"]).code, 4);
}

#[test]
fn the_configuration_is_explained_with_what_the_environment_says() {
    let place = Place::configured("[log]\nlevel = \"warn\"\nformat = \"json\"\n");
    let shown = people(&place, &["config", "show", "--explain"]);
    assert!(
        shown.contains("MEANING") && shown.contains("What the host logs"),
        "{shown}"
    );
    let shown = machine(&place, &["config", "show", "--explain"]);
    let setting = |shown: &Value, key: &str| {
        let all = shown.as_array().expect("a list");
        let row = all.iter().find(|row| row["key"] == key).expect(key);
        (row["value"].clone(), row["origin"].clone())
    };
    let file = json!({ "from": "file" });
    assert_eq!(
        setting(&shown, "log.level"),
        (json!("\"warn\""), file.clone())
    );

    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("RUST_LOG", "info,coworker_host=trace");
        command.env("COWORKER_XMTP_NODE", "/opt/node");
        String::from_utf8(command.output().expect("it runs").stdout).expect("UTF-8")
    };
    let shown: Value = serde_json::from_str(&run(&["--json", "config", "show"])).expect("JSON");
    let from = |name: &str| json!({ "from": "env", "name": name });
    assert_eq!(
        setting(&shown, "log.level"),
        (json!("\"info,coworker_host=trace\""), from("RUST_LOG"))
    );
    assert_eq!(
        setting(&shown, "xmtp.node_program"),
        (json!("\"/opt/node\""), from("COWORKER_XMTP_NODE"))
    );
    assert_eq!(setting(&shown, "log.format"), (json!("\"json\""), file));
    let people = run(&["config", "show"]);
    let line = people.lines().find(|line| line.starts_with("log.level"));
    assert!(
        line.is_some_and(|line| line.ends_with("RUST_LOG")),
        "{people}"
    );
}

#[test]
fn every_shell_gets_a_script_of_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]);
        assert_eq!((script.code, script.stderr.as_str()), (0, ""));
        for word in ["rollback", "expose", "forget"] {
            assert!(script.stdout.contains(word), "{shell} has no {word}");
        }
        let told = machine(&place, &["completions", shell]);
        assert_eq!(told["shell"], shell);
        let told = told["script"].as_str().expect("text");
        assert!(told.contains("rollback"), "{told}");
    }
}
