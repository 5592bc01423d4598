//! Components that ask models: by slot, in pieces, within their grant, and what their callers hear when there is no answer.

use super::*;
use crate::support::fixture;

/// A place with the fixture that asks as its input says, in a folder of its own with its texts.
fn asking(script: &str, config: &str, grants: &str) -> Place {
    let place = scripted(script, config);
    let folder = place.home().join("skills/ports");
    std::fs::create_dir_all(folder.join("prompts")).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), format!("{SOUP}{SECRET}")).expect("written");
    std::fs::write(folder.join("prompts/short.md"), "Say it shorter.").expect("written");
    std::fs::write(folder.join("grants.toml"), grants).expect("written");
    std::fs::copy(fixture("ports.wasm"), folder.join("skill.wasm")).expect("copied");
    place
}

fn world(script: &str, config: &str) -> (Place, Serving, Peer) {
    let place = asking(script, config, PORTS_ASK);
    let serving = place.serve(&[]);
    place.agree("ports");
    let peer = place.peer(&serving, "known");
    (place, serving, peer)
}

fn ask(peer: &Peer, mode: &str, slot: &str) -> Value {
    peer.call(
        "ports",
        json!({ "mode": mode, "key": slot, "value": "{\"text\": \"leek\"}" }),
    )
}

#[test]
fn a_card_that_shows_a_private_line_waits_for_the_owner() {
    let place = Place::configured(EXPOSED);
    let folder = place.home().join("skills/echo");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(fixture("echo.wasm"), folder.join("skill.wasm")).expect("copied");
    let text = |line: &str| format!("---\nname: echo\n---\nBe kind.\n- {line}\n");
    // What its component says of itself stands in its private text.
    std::fs::write(folder.join("SKILL.md"), text("Returns its **input**.")).expect("written");
    let serving = place.serve(&[]);
    let row = place.wait_for("echo", "pending");
    let why = row["reason"].as_str().expect("a reason");
    assert!(
        why.contains("its card shows line 5 of the private text \"skill\""),
        "{row}"
    );
    let peer = place.peer(&serving, "privileged");
    assert!(peer.discover().is_empty());
    // Another text gives nothing away, and nothing else keeps it from being shown.
    std::fs::write(folder.join("SKILL.md"), text("Repeat what you get.")).expect("written");
    place.wait_for("echo", "exposed");
    assert_eq!(peer.discover(), ["echo"]);
    // An update that would show one waits as well, and what was approved is served on.
    std::fs::write(folder.join("SKILL.md"), text("Returns its input.")).expect("written");
    let waits = || {
        let rows = place.owner(json!({ "do": "skills_list" }));
        rows.to_string()
            .contains("its card shows line 5")
            .then_some(())
    };
    crate::peer::until("the update waits", waits);
    assert_eq!(peer.discover(), ["echo"]);
    // Whoever looked at it and wants it so has it.
    place.owner(json!({ "do": "skills_expose", "name": "echo" }));
    place.wait_for("echo", "exposed");
}

#[test]
fn a_component_whose_models_nobody_answers_for_is_no_skill() {
    let place = place("", SOUP);
    let folder = place.home().join("skills/ports");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), format!("{SOUP}{SECRET}")).expect("written");
    std::fs::write(folder.join("grants.toml"), PORTS_ASK).expect("written");
    std::fs::copy(fixture("ports.wasm"), folder.join("skill.wasm")).expect("copied");
    let serving = place.serve(&[]);
    place.agree("ports");
    let row = place.wait_for("ports", "unavailable");
    let why = row["reason"].as_str().expect("a reason");
    assert!(
        why.contains("ANTHROPIC_API_KEY") && why.contains("[llm.NAME]"),
        "{row}"
    );
    let peer = place.peer(&serving, "privileged");
    assert_eq!(
        ask(&peer, "ask", "skill"),
        json!({ "success": false, "error": "Unknown skill: ports" })
    );
    assert!(peer.discover().is_empty());
}

#[test]
fn a_component_asks_by_slot_and_holds_no_prompt() {
    let (place, _serving, peer) = world(
        "[[rule]]\nsystem_contains = \"shorter\"\nmode = \"echo\"\n[[rule]]\nanswer = \"Boil it for twelve minutes.\"\n",
        "",
    );
    let answer = ask(&peer, "ask", "short");
    assert_eq!(answer["result"]["text"], "{\"text\":\"leek\"}", "{answer}");
    assert_eq!(
        ask(&peer, "ask", "skill")["result"]["text"],
        "Boil it for twelve minutes."
    );
    let pieces = ask(&peer, "stream", "skill")["result"]["pieces"].clone();
    let text: String = pieces
        .as_array()
        .expect("pieces")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(text, "Boil it for twelve minutes.");
    let used = newest(&place, "ports")["used"].clone();
    assert_eq!(
        (&used["model_calls"], &used["model"]),
        (&json!(1), &json!("script"))
    );
    let missing = ask(&peer, "ask", "nowhere");
    assert_eq!(missing["error"], "llm: Error::NoSuchSlot", "{missing}");
    assert!(
        newest(&place, "ports")["log"]
            .to_string()
            .contains("prompts/nowhere.md")
    );
}

#[test]
fn a_component_that_gives_up_tells_its_caller_no_reason_of_ours() {
    let (place, _serving, peer) = world("[[rule]]\nfail = \"wrong-key\"\n", "");
    for mode in ["ask", "stream"] {
        let answer = ask(&peer, mode, "skill");
        assert_eq!(
            (&answer["error_code"], &answer["error"]),
            (
                &json!("EXECUTION_FAILED"),
                &json!("llm: Error::Unavailable")
            )
        );
        let log = newest(&place, "ports")["log"].to_string();
        assert!(
            log.contains("refuses the key") && log.contains("hint: "),
            "{log}"
        );
        assert!(!log.contains("saffron"));
    }
}

#[test]
fn a_component_over_budget_is_busy() {
    let (place, _serving, peer) = world(
        "[[rule]]\nanswer = \"Boil it.\"\n",
        "[budget]\nskill_calls_per_day = 2\n",
    );
    for _ in 0..2 {
        assert_eq!(ask(&peer, "ask", "skill")["success"], true);
    }
    assert_eq!(
        ask(&peer, "ask", "skill"),
        json!({ "success": false, "error": "Busy: try again later", "error_code": "BUSY" })
    );
    assert!(
        newest(&place, "ports")["log"]
            .to_string()
            .contains("skill_calls_per_day")
    );
    // Eight questions a call are all there is, whatever the budget says.
    let many = peer.call(
        "ports",
        json!({ "mode": "ask-many", "key": "skill", "n": 20 }),
    );
    assert_eq!(many["result"]["refused"], 20, "{many}");
}

#[test]
fn what_is_open_when_a_call_ends_is_paid_for() {
    let (place, _serving, peer) = world("[[rule]]\nanswer = \"Boil it.\"\n", "max_tokens = 50\n");
    let held = peer.call("ports", json!({ "mode": "open-many", "key": "skill" }));
    assert_eq!(held["result"]["held"], 8, "{held}");
    let used = newest(&place, "ports")["used"].clone();
    assert_eq!(
        (&used["model_calls"], &used["tokens_out"]),
        (&json!(8), &json!(400))
    );
}
