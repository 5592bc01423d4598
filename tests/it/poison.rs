//! A message that the host dies of: its sender sends it again and again, and it is handled twice at most.

use std::path::Path;

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{Peer, envelope};
use crate::support::{Place, Serving};

/// What a host of these tests dies of.
const MARK: &str = "poison-mark";

/// Returns what makes a host die at a stage of every message with the mark.
pub(crate) fn trap(stage: &str) -> String {
    format!("{stage}:{MARK}")
}

fn serve(place: &Place, stage: &str) -> Serving {
    place.serve_with(&[], &[("COWORKER_TEST_DIE_AT", Path::new(&trap(stage)))])
}

fn call(correlation: &str, text: &str) -> Vec<u8> {
    let payload = json!({ "skill": "echo", "input": { "text": text } });
    envelope("task_request", correlation, &payload)
}

fn poison(place: &Place) -> Vec<Value> {
    let status = place.owner(json!({ "do": "status" }));
    status["poison"].as_array().expect("a list").clone()
}

fn place() -> (Place, Serving, Peer, Peer) {
    let place = Place::configured(EXPOSED);
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    place.wait_for("echo", "exposed");
    let (mallory, friend) = (place.peer(&serving, "known"), place.peer(&serving, "known"));
    (place, serving, mallory, friend)
}

fn ours(place: &Place, friend: &Peer, text: &str) {
    let answer = friend.call("echo", json!({ "text": text }));
    assert_eq!(answer["result"]["text"], text, "{answer}");
    assert!(
        poison(place)
            .iter()
            .all(|row| row["peer"] != json!(friend.id))
    );
}

#[test]
fn poison_message_is_named_and_not_judged_a_third_time() {
    for stage in ["decode", "judge"] {
        let (place, serving, mallory, friend) = place();
        drop(serving);
        let serving = serve(&place, stage);
        // The sender's own retry: the same bytes under another id of the transport.
        let bytes = call("c", MARK);
        mallory.send_as("first", &bytes).expect_err("it dies");
        serving.has_died();
        let serving = serve(&place, stage);
        let rows = poison(&place);
        assert_eq!(rows.len(), 1, "{stage}: {rows:?}");
        assert_eq!(
            (
                &rows[0]["peer"],
                &rows[0]["message"],
                &rows[0]["deaths"],
                &rows[0]["refused"]
            ),
            (
                &json!(mallory.id),
                &json!("first"),
                &json!(1),
                &json!(false)
            )
        );
        ours(&place, &friend, "between");
        // The same call made anew has another correlation id, and before it is decoded nobody can tell that it is the same.
        let again = if stage == "judge" {
            call("d", MARK)
        } else {
            bytes.clone()
        };
        mallory
            .send_as("second", &again)
            .expect_err("it dies again");
        serving.has_died();

        let serving = serve(&place, stage);
        place.wait_for_log("it is not handled any more");
        let rows = poison(&place);
        assert_eq!(rows.len(), 1, "{stage}: {rows:?}");
        assert_eq!(
            (
                &rows[0]["peer"],
                &rows[0]["message"],
                &rows[0]["deaths"],
                &rows[0]["refused"]
            ),
            (
                &json!(mallory.id),
                &json!("second"),
                &json!(2),
                &json!(true)
            )
        );
        let doctor = place.owner(json!({ "do": "doctor" }));
        let told = doctor
            .as_array()
            .expect("checks")
            .iter()
            .find(|check| check["check"] == "poison");
        let told = told.expect("doctor says so")["detail"].to_string();
        assert!(
            told.contains("second") && told.contains(&mallory.id.to_string()),
            "{told}"
        );
        mallory
            .send_as("third", &again)
            .expect("it is taken off its sender's hands");
        assert_eq!(place.turned_away("poison"), 1);
        ours(&place, &friend, "after");
        mallory.ping();
        assert_eq!(
            mallory.call("echo", json!({ "text": "fine" }))["result"]["text"],
            "fine"
        );
        // A restart does not forget it.
        assert!(serving.terminate().success());
        let _serving = serve(&place, stage);
        mallory.send_as("fourth", &again).expect("the same");
        mallory.ping();
        assert!(mallory.answers("c").is_empty() && mallory.answers("d").is_empty());
    }
}

#[test]
fn poison_answer_is_no_death_of_its_component() {
    let (place, serving, mallory, friend) = place();
    drop(serving);
    // Two requests, four deaths: more than a component may be running at.
    for (n, correlation) in ["a", "b"].into_iter().enumerate() {
        let serving = serve(&place, "answer");
        let bytes = call(correlation, &format!("{MARK} {n}"));
        mallory
            .send_as(correlation, &bytes)
            .expect("it is on disk before anybody looks at its answer");
        serving.has_died();
        // It ran, so that it runs once more; nobody has to send it again.
        place.serve_to_death(&[("COWORKER_TEST_DIE_AT", Path::new(&trap("answer")))]);
        let _serving = serve(&place, "answer");
        assert_eq!(
            mallory.answer(correlation).payload()["error_code"],
            "INTERRUPTED"
        );
        let task = place.task_of("echo", "INTERRUPTED");
        let named = poison(&place);
        let named = named
            .iter()
            .find(|row| row["message"] == correlation)
            .expect("named");
        assert_eq!(
            (&named["peer"], &named["task"], &named["deaths"]),
            (&json!(mallory.id), &task["task"], &json!(2))
        );
        assert_eq!(task["attempts"], 2, "{task}");
        ours(&place, &friend, "between");
    }
    let _serving = serve(&place, "answer");
    place.wait_for("echo", "exposed");
    let doctor = place.owner(json!({ "do": "doctor" }));
    let quarantined = doctor
        .as_array()
        .expect("checks")
        .iter()
        .any(|check| check["check"] == "quarantine");
    assert!(!quarantined, "{doctor}");
    // Asked anew, the same is not run again.
    mallory
        .send(&call("again", &format!("{MARK} 1")))
        .expect("taken");
    mallory.ping();
    assert!(mallory.answers("again").is_empty());
}

#[test]
fn poison_message_among_many_leaves_the_others_alone() {
    let (place, serving, mallory, friend) = place();
    drop(serving);
    let many = |peer: &Peer, round: usize| {
        let mut all: Vec<Vec<u8>> = (0..64)
            .map(|n| call(&format!("{round}-{n}"), &format!("fine {n}")))
            .collect();
        if peer.id == mallory.id {
            all.insert(32, call(&format!("{round}-bad"), MARK));
        }
        peer.send_all(all)
    };
    for round in 0..2 {
        let serving = serve(&place, "judge");
        std::thread::scope(|scope| {
            scope.spawn(|| many(&friend, round));
            many(&mallory, round);
        });
        serving.has_died();
    }
    let _serving = serve(&place, "judge");
    for peer in [&mallory, &friend] {
        assert!(many(peer, 2).iter().all(Result::is_ok));
        for n in 0..64 {
            let answer = peer.answer(&format!("2-{n}")).payload();
            assert_eq!(answer["result"]["text"], format!("fine {n}"));
        }
    }
    let refused: Vec<Value> = poison(&place)
        .into_iter()
        .filter(|row| row["refused"] == true)
        .collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0]["peer"], json!(mallory.id));
}
