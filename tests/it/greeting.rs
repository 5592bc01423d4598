//! What a host says to people when it starts: who it is, what peers see, and a line that calls a skill.

use std::fs::File;
use std::process::Command;

use insta::assert_snapshot;

use crate::peer::until;
use crate::support::{Place, Serving, sample};

/// Starts a host for people and waits until it has said everything; returns it and what it said.
pub(crate) fn greeted(place: &Place, arguments: &[&str]) -> (Serving, String) {
    let file = |name: &str| File::create(place.path(name)).expect("ours");
    let mut command = place.command(&["serve"]);
    // Not the log: what it tells has a time.
    command.args(arguments).env("RUST_LOG", "off");
    let child = command
        .stdout(file("out"))
        .stderr(file("err"))
        .spawn()
        .expect("the binary runs");
    // Held from here on, so that it ends with the test.
    let serving = Serving::of(child, serde_json::Value::Null);
    let said = |name: &str| std::fs::read_to_string(place.path(name)).unwrap_or_default();
    until("the last line is said", || {
        let last = said("err");
        let is_last = |line: &str| line.starts_with("try: ") || line.starts_with("nothing is");
        let whole = last.ends_with('\n') && last.lines().any(is_last);
        whole.then_some(())
    });
    let all = format!("{}--- stderr\n{}", said("out"), said("err"));
    (serving, all)
}

/// Puts words where a run differs from the next.
fn masked(text: &str) -> String {
    let mask = |line: &str| match line.split_once("  ") {
        Some((key @ ("peer" | "invite"), _)) => format!("{key:<12}  […]"),
        _ => line.to_owned(),
    };
    text.lines().map(mask).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_host_says_who_it_is_what_tiers_see_and_how_to_call() {
    let place = Place::new();
    let skill = sample("text-tools.wasm");
    let (serving, said) = greeted(&place, &["--transport", "loopback", &skill]);
    let folder = place.path("");
    let here = folder.to_str().expect("plain").trim_end_matches('/');
    assert_snapshot!(masked(&said).replace(here, "[PLACE]"), @r#"
    name          coworker-host
    peer          […]
    invite        […]
    network       loopback
    untrusted     sees nothing
    known         sees readability, summarize, word-count
    internal      sees readability, summarize, word-count
    privileged    sees readability, summarize, word-count
    --- stderr
    made the home [PLACE]/home
    try: coworker-host call self readability --input '{"text":"text"}'
    "#);

    // The line is for a shell, and what it asks for is answered.
    let line = said.lines().find_map(|line| line.strip_prefix("try: "));
    let line = line.expect("a line to paste");
    let program = env!("CARGO_BIN_EXE_coworker-host");
    let called = Command::new("/bin/sh")
        .args(["-c", &line.replacen("coworker-host", program, 1)])
        .env_clear()
        .env("HOME", place.path(""))
        .env("COWORKER_HOME", place.home())
        .env("TMPDIR", place.path(""))
        .output()
        .expect("a shell");
    let told = String::from_utf8_lossy(&called.stderr);
    assert!(called.status.success(), "{line}: {told}");
    assert!(!called.stdout.is_empty());
    assert_eq!(serving.terminate().code(), Some(0));
}

#[test]
fn a_host_without_skills_says_how_to_offer_some() {
    let place = Place::with_home();
    let (serving, said) = greeted(&place, &["--transport", "loopback"]);
    assert_snapshot!(masked(&said), @r"
    name          test
    peer          […]
    invite        […]
    network       loopback
    untrusted     sees nothing
    known         sees nothing
    internal      sees nothing
    privileged    sees nothing
    --- stderr
    nothing is offered yet: run `coworker-host skills list`, then `coworker-host skills expose NAME`
    ");
    assert_eq!(serving.terminate().code(), Some(0));
}
