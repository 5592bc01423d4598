//! The sample components around a model, in Rust and in Python, as they are built: what they hide, keep and leave out.

use std::path::Path;

use super::*;

/// Answers for both: for each as its own private text leads to.
const SCRIPT: &str = r#"
[[rule]]
system_contains = "notes of meetings"
json = { summary = "The printer is broken.", tasks = [{ what = "Call the repair shop", who = "Bob" }, { what = "Buy seventeen elephants", who = "Ann" }] }

[[rule]]
system_contains = "a shop for bicycles"
contains = "[PHONE-1]"
json = { category = "complaint", urgent = true, reply = "We call [PHONE-1] today. [CARD-7]" }
"#;

fn sample(place: &Place, name: &str) {
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/skills")
        .join(name);
    let to = place.home().join("skills").join(name);
    std::fs::create_dir(&to).expect("a folder");
    for file in ["SKILL.md", "grants.toml", "skill.wasm"] {
        let from = built.join(file);
        assert!(
            from.is_file(),
            "{name} is missing: run `cargo xtask samples` first"
        );
        std::fs::copy(from, to.join(file)).expect("copied");
    }
}

#[test]
fn components_work_before_and_after_the_model() {
    let place = Place::scripted(SCRIPT, "");
    for name in ["meeting-notes", "mail-desk"] {
        sample(&place, name);
    }
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "known");
    for name in ["meeting-notes", "mail-desk"] {
        // It asks for the grant, and does not have it before the owner says so.
        place.wait_for(name, "pending");
        assert_eq!(
            peer.call(name, json!({}))["error"],
            format!("Unknown skill: {name}")
        );
        place.owner(json!({ "do": "skills_expose", "name": name }));
        place.wait_for(name, "exposed");
    }
    let transcript = "[00:01] Ann: The printer in the hall is broken.\n[00:05] Bob: I call the repair shop tomorrow morning.\n";
    let notes = peer.call("meeting-notes", json!({ "transcript": transcript }));
    assert_eq!(
        notes["result"],
        json!({ "summary": "The printer is broken.", "tasks": [{ "what": "Call the repair shop", "who": "Bob" }], "left_out": 1 }),
        "{notes} {}",
        newest(&place, "meeting-notes")["log"]
    );
    let mail = "My brake is loose, call +49 30 1234567!";
    let answer = peer.call("mail-desk", json!({ "mail": mail }));
    assert_eq!(
        answer["result"],
        json!({ "category": "complaint", "urgent": true, "reply": "We call +49 30 1234567 today.", "hidden": 1 }),
        "{answer} {}",
        newest(&place, "mail-desk")["log"]
    );
    for name in ["meeting-notes", "mail-desk"] {
        let card = peer
            .ask("skill_card_query", json!({ "skill": name }))
            .payload()
            .to_string();
        assert!(
            !card.contains("small company") && !card.contains("bicycles"),
            "{card}"
        );
    }
}
