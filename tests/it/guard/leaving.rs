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
