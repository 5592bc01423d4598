//! The host's own log: in the form and at the level that the owner wants, and one event is one line whatever is in it.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::identity::claiming;
use crate::peer::until;
use crate::support::{Place, Serving, fixture};

/// What would clear a screen, begin a line, and go on in another direction.
const EVIL: &str = "ev\u{1b}[2J\n{\"level\":\"ERROR\"}\u{202e}il";

/// Runs a host with a skill in an oddly named folder, is met by a peer with an odd name, and returns what it logged.
fn logged(config: &str, filter: Option<&str>) -> Vec<String> {
    let place = Place::configured(&format!("{EXPOSED}{config}"));
    let odd = place.path(EVIL);
    std::fs::create_dir(&odd).expect("a name like any other");
    std::fs::copy(fixture("echo.wasm"), odd.join("echo.wasm")).expect("copied");
    let serving = serve(&place, filter);
    let mut peer = place.stranger(&serving);
    let trust = json!({ "requested_tier": 1, "reason": EVIL });
    claiming(
        &peer,
        "trust_request",
        "t",
        trust,
        &json!({ "sender_id": EVIL }),
    );
    claiming(
        &peer,
        "ping",
        EVIL,
        json!({ "message": EVIL }),
        &json!({ "sender_id": EVIL }),
    );
    place.wait_for("echo", "exposed");
    if filter == Some("debug") {
        // An answer that does not find its peer is worth a word to whoever looks closely.
        peer.offline();
        let requests = place.owner(json!({ "do": "trust_requests" }));
        place.owner(json!({ "do": "trust_grant", "id": requests[0]["id"] }));
        until("a failed try is told", || {
            let log = std::fs::read_to_string(place.path("serve.log")).ok()?;
            log.contains("did not leave").then_some(())
        });
    }
    assert_eq!(serving.terminate().code(), Some(0));
    let log = std::fs::read_to_string(place.path("serve.log")).expect("UTF-8");
    log.lines().map(str::to_owned).collect()
}

fn serve(place: &Place, filter: Option<&str>) -> Serving {
    let log = std::fs::File::create(place.path("serve.log")).expect("ours");
    let mut command = place.command(&["--json", "serve", EVIL]);
    command.stderr(log);
    // Advice for people stands beside a log for people, and in a log for machines.
    let config = std::fs::read_to_string(place.path("home/config.toml")).expect("ours");
    if !config.contains("json") {
        command.arg("--quiet");
    }
    if let Some(filter) = filter {
        command.env("RUST_LOG", filter);
    }
    let mut child = command.spawn().expect("the binary runs");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("read");
    Serving::of(child, serde_json::from_str(&line).expect("it is ready"))
}

#[track_caller]
fn events(lines: &[String]) -> Vec<Value> {
    let event = |line: &String| {
        let event: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{error}: no event: {line:?}"));
        assert!(
            event["level"].is_string() && event["fields"].is_object(),
            "{line}"
        );
        event
    };
    lines.iter().map(event).collect()
}

#[track_caller]
fn is_printable(lines: &[String]) {
    for line in lines {
        let unseen = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!line.contains(unseen), "{line:?}");
    }
}

#[test]
fn every_line_of_a_log_in_json_is_one_event() {
    let lines = logged("[log]\nformat = \"json\"\n", None);
    is_printable(&lines);
    let events = events(&lines);
    let approved = events
        .iter()
        .find(|event| event["fields"]["message"] == "approved");
    let file = approved.expect("it is told")["fields"]["file"].clone();
    // Whatever reads the log gets the very name.
    let file = file.as_str().expect("text");
    assert!(file.ends_with(&format!("/{EVIL}/echo.wasm")), "{file:?}");
    assert!(events.iter().all(|event| event["level"] != "DEBUG"));
    let told = |event: &Value| event["fields"]["message"].to_string().contains("finishing");
    assert!(events.iter().any(told), "{events:#?}");

    let more = logged("[log]\nformat = \"json\"\n", Some("debug"));
    is_printable(&more);
    let more = self::events(&more);
    assert!(more.iter().any(|event| event["level"] == "DEBUG"));
    assert!(more.len() > events.len());
}

#[test]
fn one_event_of_a_log_for_people_is_one_line() {
    let lines = logged("[log]\nlevel = \"debug\"\n", None);
    is_printable(&lines);
    let levels = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
    for line in &lines {
        // Time, level, place: a line without them would be the rest of another.
        let mut words = line.split_whitespace();
        let at = words
            .next()
            .is_some_and(|at| at.ends_with('Z') && at.contains('T'));
        let level = words.next().is_some_and(|level| levels.contains(&level));
        assert!(at && level, "{line}");
    }
    let approved = lines.iter().filter(|line| line.contains("approved"));
    let approved: Vec<&String> = approved.collect();
    assert_eq!(approved.len(), 1, "{lines:#?}");
    assert!(approved[0].contains("ev\\u{1b}[2J\\n"), "{approved:?}");
}

#[test]
fn the_level_says_how_much_is_told() {
    assert_eq!(logged("[log]\nlevel = \"debug\"\n", Some("off")), [""; 0]);
    assert_eq!(logged("[log]\nlevel = \"off\"\n", None), [""; 0]);
    assert_ne!(logged("[log]\nlevel = \"off\"\n", Some("info")), [""; 0]);
    // What means nothing to us is not what the owner meant for us.
    assert_ne!(logged("", Some("a=b=c")), [""; 0]);
}
