//! Calls that are under way when their skill is replaced or removed end as they began.

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, with_section};
use crate::peer::{Peer, until};
use crate::support::{Place, Serving};

const FILE: &str = "hostile-wasi.wasm";
const SKILL: &str = "hostile-wasi";
/// How often a test tries to have a call under way at the moment it is about. A machine that stands still for longer
/// than a call takes lets one try pass.
const TRIES: usize = 5;

fn world() -> (Place, Serving, Peer) {
    let place = Place::configured(EXPOSED);
    place.drop_in(FILE, FILE);
    let serving = place.serve(&[]);
    place.wait_for(SKILL, "exposed");
    let peer = place.peer(&serving, "privileged");
    (place, serving, peer)
}

/// Begins a call that takes two seconds, lets `change` happen to its skill, and returns the digest that it began with
/// once a call was still under way after the change.
#[track_caller]
fn spans(place: &Place, peer: &Peer, change: impl Fn(usize)) -> Value {
    for n in 0..TRIES {
        let digest = place.wait_for(SKILL, "exposed")["digest"].clone();
        let input = json!({ "mode": "sleep", "n": 2_000 + n });
        let correlation = peer.say("task_request", json!({ "skill": SKILL, "input": input }));
        place.wait_until_running(1, 1);
        let begun = place.tasks().remove(0);
        change(n);
        let is_under_way = place.task(&begun)["state"] == "running";
        let answer = peer.answer(&correlation).payload();
        if !is_under_way {
            place.drop_in(FILE, FILE);
            continue;
        }
        assert_eq!(answer["success"], true, "{answer}");
        assert_eq!(answer["result"]["slept"], 2_000 + n, "{answer}");
        let task = place.task(&begun);
        assert_eq!(task["outcome"], "OK", "{task}");
        assert_eq!(task["digest"], digest, "it ended on what it began with");
        return digest;
    }
    panic!("no call was under way when its skill changed");
}

#[test]
fn a_call_ends_on_the_code_it_began_with() {
    let (place, _serving, peer) = world();
    let old = spans(&place, &peer, |n| {
        let before = place.row(SKILL).expect("listed")["digest"].clone();
        place.put(&with_section(FILE, &format!("build {n}")), FILE);
        until("the new code serves", || {
            let row = place.row(SKILL)?;
            (row["state"] == "exposed" && row["digest"] != before).then_some(())
        });
    });
    let next = peer.call(SKILL, json!({ "mode": "now" }));
    assert_eq!(next["success"], true, "{next}");
    let newest = place.tasks().remove(0);
    let digest = place.task(&newest)["digest"].clone();
    assert_eq!(digest, place.row(SKILL).expect("listed")["digest"]);
    assert_ne!(digest, old, "what came after the change ran the new code");
}

#[test]
fn a_call_ends_although_its_skill_is_gone() {
    let (place, _serving, peer) = world();
    spans(&place, &peer, |_| {
        std::fs::remove_file(place.home().join("skills").join(FILE)).expect("ours");
        until("the skill is gone", || {
            place.row(SKILL).is_none().then_some(())
        });
    });
    let next = peer.call(SKILL, json!({ "mode": "now" }));
    assert_eq!(next["error"], "Unknown skill: hostile-wasi");
}
