//! What a component puts together by itself, out of pieces that it was let have one by one: it does not leave, whichever way it
//! takes. Models have no part in it, so it is the guard at the door that holds it back.

use super::*;

/// A component that remembers two pieces that touch.
fn with_two_pieces() -> (Place, Serving, Peer) {
    let (place, serving) = place(&in_pieces(2, LONGEST, LONGEST), PATIENT, 9);
    let peer = place.peer(&serving, "known");
    for n in 0..2 {
        let kept = steal(&peer, "keep", &format!("part {n}."), json!({}));
        assert_eq!(kept["result"]["error"], Value::Null, "{kept}");
    }
    (place, serving, peer)
}

/// Returns how many pieces it remembers.
fn remembered(peer: &Peer) -> usize {
    let brought = steal(peer, "bring", "", json!({}));
    brought["result"]["taken"].as_array().map_or(0, Vec::len)
}

#[test]
fn what_a_component_puts_together_does_not_leave() {
    for (mode, stage) in [
        ("tell", "output"),
        ("confess", "failure"),
        ("blame", "failure"),
        ("note", "state"),
    ] {
        let (place, _serving, peer) = with_two_pieces();
        let answer = steal(&peer, mode, "", json!({}));
        assert_eq!(answer["error_code"], "OUTPUT_REJECTED", "{mode}: {answer}");
        assert!(!answer.to_string().contains("timeline"), "{mode}: {answer}");
        let told = place.owner(json!({ "do": "guard_list" }));
        let rejected = told["rejected"].as_array().expect("rows");
        let stages: Vec<&Value> = rejected.iter().map(|row| &row["stage"]).collect();
        assert_eq!(stages, [stage], "{mode}: {told}");
        let task = place.task(&place.tasks()[0]);
        let log = task["log"].to_string();
        assert!(log.contains(&format!("guard, {stage}")), "{mode}: {log}");
        // What it wanted to remember is not there, and the rest still is.
        assert_eq!(remembered(&peer), 2, "{mode}");
    }
}

#[test]
fn what_the_owner_lets_be_quoted_is_quoted() {
    let line =
        "A guess went out in the letter about Rotterdam, it was wrong, and it cost us the renewal.";
    assert!(PROMPT.contains(line));
    let script = format!("[[rule]]\nanswer = {}\n", json!(line));
    let guard = format!("[guard]\npublic = [{}]\n", json!(line));
    for (guard, is_quoted) in [(guard.as_str(), true), ("", false)] {
        let (place, serving) = guarded(&script, "", 9, guard);
        let peer = place.peer(&serving, "known");
        let answer = steal(&peer, "ask", "", json!({}));
        let taken = unmasked(&answer["result"]["taken"]);
        assert_eq!(taken == line, is_quoted, "{answer}");
        let told = place.owner(json!({ "do": "guard_list" }));
        assert_eq!(told["rejected"] == json!([]), is_quoted, "{told}");
    }
}

#[test]
fn trust_that_was_lent_for_another_skill_redacts_nothing_here() {
    let script = "[[rule]]\nmode = \"repeat\"\n";
    let (place, serving) = guarded(script, PATIENT, 9, "[guard]\nmode = \"redact\"\n");
    place.drop_in("echo.wasm", "echo.wasm");
    place.wait_for("echo", "exposed");
    let peer = place.peer(&serving, "known");
    for (skill, is_answered) in [("echo", false), ("thief", true)] {
        place.owner(json!({
            "do": "trust_set", "peer": peer.id, "tier": "internal", "for": "1h", "skills": [skill],
        }));
        let answer = steal(&peer, "ask", "", json!({}));
        let taken = &answer["result"]["taken"];
        assert_eq!(taken.is_array(), is_answered, "{skill}: {answer}");
        assert_eq!(
            answer.get("duration_ms").is_some(),
            is_answered,
            "{skill}: {answer}"
        );
    }
}

#[test]
fn what_is_let_through_or_taken_out_is_on_record_and_takes_nothing() {
    for (mode, done) in [("warn", "let through"), ("redact", "taken out")] {
        let script = "[[rule]]\nmode = \"repeat\"\n";
        let guard = format!("[guard]\nmode = \"{mode}\"\n");
        let (place, serving) = guarded(script, "[guard]\nrejections = 2\n", 9, &guard);
        let peer = place.peer(&serving, "internal");
        for _ in 0..3 {
            let answer = steal(&peer, "ask", "", json!({}));
            let taken = unmasked(&answer["result"]["taken"]);
            assert_eq!(
                taken.contains("timeline of an outage"),
                mode == "warn",
                "{answer}"
            );
        }
        let told = place.owner(json!({ "do": "guard_list" }));
        let modes: Vec<&Value> = told["rejected"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| &row["mode"])
            .collect();
        assert_eq!(modes, [mode; 3], "{told}");
        assert_eq!(told["barred"], json!([]), "{told}");
        let seen = place.run(&["guard"]).stdout;
        assert!(seen.contains(done), "{seen}");
        // A stream that has begun cannot be redacted: it is held back, and that counts.
        if mode == "redact" {
            steal(&peer, "ask", "", json!({ "streams": true }));
            let told = place.owner(json!({ "do": "guard_list" }));
            assert_eq!(told["rejected"][0]["mode"], "block", "{told}");
            let task = place.task(&place.tasks()[0]);
            let why = "an answer that is read in pieces cannot be redacted";
            assert!(task["log"].to_string().contains(why), "{task}");
            let seen = place.run(&["skills", "inspect", "thief"]).stdout;
            assert!(seen.contains("read in pieces is held back"), "{seen}");
        }
    }
}

#[test]
fn nothing_of_a_report_of_progress_reaches_the_peer() {
    let (_place, _serving, peer) = with_two_pieces();
    let before = peer.all().len();
    let answer = steal(&peer, "report", "", json!({}));
    assert_eq!(answer["result"], json!({}), "{answer}");
    peer.ping();
    // The answer and the pong, and nothing of it in either.
    let came = peer.all();
    assert_eq!(came.len(), before + 2);
    for got in &came {
        assert!(!got.envelope().to_string().contains("timeline"));
    }
}
