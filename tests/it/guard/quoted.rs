//! Lines that the owner lets be quoted: of a text, of a component's slots, and of a skill that stays where another program keeps
//! it. All others of the same text stay held back.

use super::*;
use crate::hosts::PORTS_ASK;

const QUOTABLE: &str =
    "Thank you for writing to the harbour office; somebody answers within two working days.";
const KEPT: &str =
    "Ships under the flag of Lindisfarne are never told which quay is free before noon.";

/// Says the one line or the other, as it is asked.
fn script() -> String {
    format!(
        "[[rule]]\ncontains = \"politely\"\nanswer = \"{QUOTABLE}\"\n[[rule]]\nanswer = \"{KEPT}\"\n"
    )
}

fn text(name: &str) -> String {
    format!(
        "---\nname: {name}\ndescription: Answers.\n---\n# The office\n\n{KEPT}\n\n> {QUOTABLE}\n"
    )
}

/// A `[guard]`, or `grants.toml`, that lets the line be quoted.
fn public() -> String {
    format!("[guard]\npublic = [\"{QUOTABLE}\"]\n")
}

fn harbour(guard: &str) -> Place {
    Place::scripted(script(), guard)
}

/// Returns what a peer gets of the line that may be quoted, and of the other.
fn answers(peer: &Peer, ask: impl Fn(&str) -> (&'static str, Value)) -> [Value; 2] {
    ["politely", "plainly"].map(|how| {
        let (skill, input) = ask(how);
        let answer = peer.call(skill, input);
        match answer
            .pointer("/result/result")
            .or(answer.pointer("/result/text"))
        {
            Some(text) => text.clone(),
            None => answer["error_code"].clone(),
        }
    })
}

fn of_text(how: &str) -> (&'static str, Value) {
    ("office", json!({ "input": how }))
}

#[test]
fn a_line_of_a_text_is_quoted_once_its_owner_agreed() {
    let place = harbour("");
    let folder = place.home().join("skills/office");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), text("office")).expect("written");
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "known");
    place.wait_for("office", "exposed");
    let held = json!("OUTPUT_REJECTED");
    assert_eq!(answers(&peer, of_text), [held.clone(), held.clone()]);
    // Its author asks, and that is not enough.
    std::fs::write(folder.join("grants.toml"), public()).expect("written");
    let waits = || {
        let rows = place.owner(json!({ "do": "skills_list" })).to_string();
        rows.contains("may be quoted").then_some(())
    };
    crate::peer::until("the update waits", waits);
    assert_eq!(answers(&peer, of_text), [held.clone(), held.clone()]);
    place.owner(json!({ "do": "skills_expose", "name": "office" }));
    // Another peer: this one lost the skill by its fifth try.
    let other = place.peer(&serving, "known");
    assert_eq!(answers(&other, of_text), [json!(QUOTABLE), held]);
}

#[test]
fn a_line_of_a_components_slot_is_quoted_once_its_owner_agreed() {
    let place = harbour("");
    let folder = place.home().join("skills/ports");
    std::fs::create_dir_all(folder.join("prompts")).expect("a folder");
    std::fs::write(folder.join("prompts/short.md"), text("short")).expect("written");
    std::fs::write(
        folder.join("grants.toml"),
        format!("{PORTS_ASK}{}", public()),
    )
    .expect("written");
    std::fs::copy(fixture("ports.wasm"), folder.join("skill.wasm")).expect("copied");
    let serving = place.serve(&[]);
    let row = place.wait_for("ports", "pending");
    assert!(
        row["reason"]
            .to_string()
            .contains("line(s) of its private texts be quoted"),
        "{row}"
    );
    place.owner(json!({ "do": "skills_expose", "name": "ports" }));
    let peer = place.peer(&serving, "known");
    let ask = |how: &str| {
        let value = json!({ "how": how }).to_string();
        (
            "ports",
            json!({ "mode": "ask", "key": "short", "value": value }),
        )
    };
    let [quoted, kept] = answers(&peer, ask);
    assert_eq!(quoted, json!(QUOTABLE));
    assert_eq!(kept, json!("EXECUTION_FAILED"), "its question was rejected");
}

#[test]
fn a_line_of_an_imported_skill_is_quoted_where_it_lies() {
    for (guard, quoted) in [
        (String::new(), json!("OUTPUT_REJECTED")),
        (public(), json!(QUOTABLE)),
    ] {
        let place = harbour(&guard);
        let theirs = place.path("theirs/office");
        std::fs::create_dir_all(&theirs).expect("a folder");
        std::fs::write(theirs.join("SKILL.md"), text("office")).expect("written");
        let serving = place.serve(&[]);
        let from = place.path("theirs").display().to_string();
        let taken = place.run(&["skills", "import", "--from", &from, "--all"]);
        assert_eq!(taken.code, 0, "{}", taken.stderr);
        place.wait_for("office", "exposed");
        let peer = place.peer(&serving, "known");
        assert_eq!(answers(&peer, of_text), [quoted, json!("OUTPUT_REJECTED")]);
        // The owner sees what holds for it.
        let shown = place.run(&["skills", "inspect", "office"]).stdout;
        assert_eq!(shown.contains(QUOTABLE), !guard.is_empty(), "{shown}");
        let left: Vec<_> = std::fs::read_dir(&theirs)
            .expect("theirs")
            .flatten()
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(
            std::fs::read_to_string(theirs.join("SKILL.md")).expect("theirs"),
            text("office")
        );
    }
}

#[test]
fn a_line_to_be_quoted_is_one_line() {
    for bad in [
        "[guard]\npublic = [\" \"]\n",
        "[guard]\npublic = [\"a\\nb\"]\n",
    ] {
        let place = Place::configured(bad);
        let checked = place.run(&["config", "check"]);
        assert_eq!(checked.code, 3, "{}", checked.stderr);
        assert!(
            checked.stderr.contains("guard.public"),
            "{}",
            checked.stderr
        );
    }
}
