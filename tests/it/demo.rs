//! The demo: what it shows is what happens, over XMTP and over loopback, and it says what it goes without.

use serde_json::{Value, json};

use crate::hosts::PORTS_ASK;
use crate::support::{Place, fixtures, sample, samples};
use crate::xmtp::network::{node_program, sidecar};

/// Runs the demo with two fixtures, and returns what it said.
fn demo(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<Value> {
    let skills = place.path("shown");
    std::fs::create_dir_all(&skills).expect("ours");
    for name in ["echo.wasm", "hostile.wasm"] {
        std::fs::copy(fixtures().join(name), skills.join(name)).expect("ours");
    }
    run(
        place,
        &[&["--skills", "shown"], arguments].concat(),
        environment,
    )
}

/// Runs the demo, and returns what it said.
fn run(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<Value> {
    let output = place
        .command(&["--json", "demo"])
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let left = std::fs::read_dir(place.path(".")).expect("ours");
    let left = left.map(|entry| entry.expect("ours").file_name());
    assert!(
        !left
            .map(|name| name.to_string_lossy().into_owned())
            .any(|name| name.starts_with("coworker-demo")),
        "it cleans up"
    );
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect()
}

#[track_caller]
fn with<'l>(lines: &'l [Value], key: &str, value: &Value) -> &'l Value {
    lines
        .iter()
        .find(|line| line.get(key) == Some(value))
        .unwrap_or_else(|| panic!("no line with {key} {value}: {lines:#?}"))
}

fn steps(lines: &[Value], part: &str) -> usize {
    let steps = lines.iter().filter_map(|line| line["step"].as_str());
    steps.filter(|step| step.contains(part)).count()
}

#[track_caller]
fn shows_the_main_job(lines: &[Value]) {
    for part in [
        "it discovers 0 skills",
        "manual approval required",
        "schemas, and nothing else",
        "more than its owner lets it take",
        "hidden by its owner",
        "never there at all",
        "was dropped into the folder, and offers",
        "was replaced while the host runs",
        "20 calls of",
        "no longer there for it",
    ] {
        assert_eq!(steps(lines, part), 1, "{part}: {lines:#?}");
    }
    assert_eq!(
        with(lines, "side", &json!("icy"))["peer"]["tier"],
        "untrusted"
    );
    assert_eq!(with(lines, "latency", &json!("hot call"))["times"], 20);
}

#[test]
fn the_demo_over_xmtp_finds_nothing_of_what_was_said_at_the_node() {
    let place = Place::new();
    let (sidecar, node) = (sidecar(), node_program());
    let environment = [
        ("COWORKER_XMTP_SIDECAR", sidecar.to_str().expect("plain")),
        ("COWORKER_XMTP_NODE", node.to_str().expect("plain")),
    ];
    let lines = demo(&place, &["--transport", "xmtp"], &environment);
    shows_the_main_job(&lines);
    let node = with(&lines, "side", &json!("node"));
    assert_eq!(
        (&node["inboxes"], &node["addresses"]),
        (&json!(2), &json!(2))
    );
    // A request and an answer for each of the calls, at least.
    assert!(node["messages"].as_u64().expect("a count") > 60, "{node}");
    let search = with(&lines, "found_in_node", &json!(0));
    assert!(search["pieces"].as_u64().expect("a count") > 3, "{search}");
    assert_eq!(search["found_at_owner"], search["pieces"], "{search}");
}

/// Every language's skill runs in a host, and a peer gets the very result that its README promises.
#[test]
fn the_demo_of_the_samples_has_a_result_from_each_language() {
    let place = Place::new();
    let samples = samples();
    for name in ["icy", "text-tools", "json-tools", "dates", "checksums"] {
        sample(&format!("{name}.wasm"));
    }
    let skills = samples.to_str().expect("plain");
    let lines = run(
        &place,
        &["--skills", skills, "--transport", "loopback"],
        &[],
    );
    for (call, result) in [
        (
            "call translate ",
            json!({"translated": "おはようございます"}),
        ),
        (
            "call word-count ",
            json!({"words": 3, "chars": 13, "lines": 2}),
        ),
        (
            "call transform ",
            json!({"text": "name,price\nlamp,40", "count": 1}),
        ),
        (
            "call between ",
            json!({"days": 2, "workdays": 1, "hours": 49.5, "text": "2 days, 1 hours and 30 minutes"}),
        ),
        (
            "call checksum ",
            json!({
                "bytes": 43, "crc32": "414fa339", "adler32": "5bdc0fda", "fnv1a": "f3f9b7f5e7e47110",
                "sha256": "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592",
            }),
        ),
    ] {
        let reply = replies(&lines, call).into_iter().next().expect(call);
        assert_eq!(reply, &json!({"success": true, "result": result}), "{call}");
    }
    let hidden = json!({"success": false, "error": "Unknown skill: translate"});
    assert_eq!(replies(&lines, "hidden by its owner"), [&hidden]);
    assert_eq!(replies(&lines, "no longer there for it"), [&hidden]);
    let absent = json!({"success": false, "error": "Unknown skill: no-such-skill"});
    assert_eq!(replies(&lines, "never there at all"), [&absent]);
    let large = replies(&lines, "more than its owner lets it take");
    assert_eq!(large[0]["error_code"], "INVALID_INPUT");
    let new = replies(&lines, "runs the new one");
    assert_eq!(new[0]["success"], true, "{new:?}");
}

/// Returns the replies of the steps that say this.
fn replies<'l>(lines: &'l [Value], part: &str) -> Vec<&'l Value> {
    let said = |line: &&Value| {
        line["step"]
            .as_str()
            .is_some_and(|step| step.contains(part))
    };
    lines
        .iter()
        .filter(said)
        .map(|line| &line["reply"])
        .collect()
}

#[test]
fn the_demo_shows_the_named_folder_else_the_homes_else_the_samples() {
    let place = Place::with_home();
    let folders = ["home/skills", "target/skills", "named"];
    for (folder, skill) in folders.iter().zip(["echo", "hostile", "hostile"]) {
        std::fs::create_dir_all(place.path(folder)).expect("ours");
        let to = place.path(folder).join(format!("{skill}.wasm"));
        std::fs::copy(fixtures().join(format!("{skill}.wasm")), to).expect("ours");
    }
    let shown = |arguments: &[&str]| -> Vec<bool> {
        let arguments = [&["--transport", "loopback"], arguments].concat();
        let lines = json!(run(&place, &arguments, &[])).to_string();
        let skills = ["call echo", "call hostile"];
        skills.iter().map(|call| lines.contains(call)).collect()
    };
    assert_eq!(shown(&["--skills", "named"]), [false, true]);
    assert_eq!(shown(&[]), [true, false]);
    std::fs::remove_file(place.path("home/skills/echo.wasm")).expect("ours");
    assert_eq!(shown(&[]), [false, true]);
    std::fs::remove_file(place.path("target/skills/hostile.wasm")).expect("ours");
    let nothing = place.run(&["demo"]);
    assert_eq!(nothing.code, 1, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("--skills"), "{}", nothing.stderr);
}

#[test]
fn the_demo_shows_skills_that_are_folders() {
    let place = Place::new();
    for (fixture, to) in [
        ("echo.wasm", "shown/folder/skill.wasm"),
        ("hostile.wasm", "shown/hostile.wasm"),
    ] {
        let to = place.path(to);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("ours");
        std::fs::copy(fixtures().join(fixture), to).expect("ours");
    }
    std::fs::create_dir_all(place.path("shown/letters")).expect("ours");
    let text = "---\ndescription: Writes letters\n---\nYou write letters.\n";
    place.write("shown/letters/SKILL.md", text);
    let loopback = ["--transport", "loopback"];
    let shown = |folder: &str| {
        run(
            &place,
            &[&["--skills", folder], &loopback[..]].concat(),
            &[],
        )
    };
    // Who asks for something waits for an owner, and who cannot be offered at all has a file and no name.
    let ports = std::fs::read(fixtures().join("ports.wasm")).expect("built");
    for folder in ["asks", "asks-not"] {
        std::fs::create_dir_all(place.path(&format!("shown/{folder}"))).expect("ours");
        place.write(&format!("shown/{folder}/skill.wasm"), &ports);
    }
    place.write("shown/asks/grants.toml", PORTS_ASK);
    let lines = shown("shown");
    shows_the_main_job(&lines);
    assert!(steps(&lines, "call hostile") > 0, "{lines:#?}");
    let waits = with(&lines, "left_out", &json!("ports"));
    assert_eq!(waits["state"], "pending");
    assert!(waits["reason"].to_string().contains("llm"), "{waits}");
    let broken = with(&lines, "left_out", &json!("asks-not/skill.wasm"));
    assert_eq!(broken["state"], "broken");
    // The smaller one comes later, and is then the one to be replaced.
    let dropped = "folder/skill.wasm was dropped into the folder, and offers echo";
    assert_eq!(steps(&lines, dropped), 1, "{lines:#?}");
    let replaced = "echo was replaced while the host runs";
    assert_eq!(steps(&lines, replaced), 1, "{lines:#?}");
    // A text needs a model, which the demo has not: that is said.
    let left_out = with(&lines, "left_out", &json!("letters"));
    let reason = left_out["reason"].as_str().expect("text");
    assert!(reason.contains("model"), "{left_out}");

    // A folder that is one skill is shown, too.
    let lines = shown("shown/folder");
    assert!(steps(&lines, "20 calls of echo") == 1, "{lines:#?}");
}

#[test]
fn without_a_client_the_demo_says_so_and_runs_over_loopback() {
    let place = Place::new();
    let node = place.write("node", "no program");
    let environment = [("COWORKER_XMTP_NODE", node.to_str().expect("plain"))];
    let lines = demo(&place, &[], &environment);
    shows_the_main_job(&lines);
    let said = with(&lines, "transport", &json!("loopback"));
    let missing = said["missing"].as_str().expect("text");
    assert!(missing.contains("is no Node.js"), "{said}");
    assert!(
        said["hint"]
            .as_str()
            .expect("text")
            .contains("install Node.js"),
        "{said}"
    );
    assert!(lines.iter().all(|line| line["side"] != "node"));
}

#[test]
fn a_demo_that_has_to_be_over_xmtp_is_not_shown_over_anything_else() {
    let place = Place::new();
    place.write("shown.wasm", "nothing that is compiled");
    let ended = place.run(&["demo", "--skills", ".", "--transport", "xmtp"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("error: the demo cannot run over XMTP"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
}
