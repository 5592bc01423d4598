//! What ran when its host was killed runs again only where nobody can tell that it ran before: by the same code, and
//! with no grant to act on anything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, with_section};
use crate::peer::{Peer, answers, envelope, until};
use crate::support::{Place, Serving};

/// Longer than any test takes: what is not killed does not end.
const ENDLESS: u32 = 25_000;

#[test]
fn what_may_have_written_files_is_not_run_again() {
    let place = Place::configured(EXPOSED);
    let data = place.path("data");
    std::fs::create_dir(&data).expect("ours");
    let asks = format!(
        "[[grants.fs]]\nhost = \"{}\"\nguest = \"/data\"\nwrite = true\n",
        data.display()
    );
    place.write("home/skills/hostile-wasi.toml", asks);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    place.agree("hostile-wasi");
    let peer = place.peer(&serving, "privileged");
    let write = json!({ "mode": "write", "text": "file" });
    assert_eq!(
        peer.call("hostile-wasi", write)["result"]["got"],
        7,
        "it may act"
    );
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let correlation = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    drop(serving);
    serving = place.serve(&[]);
    assert_eq!(
        peer.answer(&correlation).payload(),
        json!({ "success": false, "error": "Interrupted", "error_code": "INTERRUPTED" })
    );
    let task = place.task_of("hostile-wasi", "INTERRUPTED");
    assert_eq!(task["attempts"], 1, "it was not begun again: {task}");
    drop(serving);
}

#[test]
fn what_had_begun_and_is_past_its_time_is_not_called_busy() {
    let place = Place::configured(EXPOSED);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    place.wait_for("hostile-wasi", "exposed");
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let mut request: Value =
        serde_json::from_slice(&envelope("task_request", "late", &sleep)).expect("JSON");
    request["ttl"] = json!(4);
    peer.send(request.to_string().as_bytes()).expect("taken");
    place.wait_until_running(1, 1);
    drop(serving);
    std::thread::sleep(Duration::from_secs(4));
    serving = place.serve(&[]);
    let answer = peer.answer("late").payload();
    assert_eq!(answer["error_code"], "INTERRUPTED", "{answer}");
    drop(serving);
}

#[test]
fn what_other_code_would_answer_is_not_run_again() {
    let place = Place::configured(EXPOSED);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    let old = place.wait_for("hostile-wasi", "exposed")["digest"].clone();
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let correlation = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    drop(serving);
    place.put(
        &with_section("hostile-wasi.wasm", "another build"),
        "hostile-wasi.wasm",
    );
    // A command without a host looks at the folder until it has seen everything, and answers nobody: the host that
    // starts then serves the new code from the first moment.
    let listed = place.run(&["--json", "skills", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    serving = place.serve(&[]);
    let row = place.row("hostile-wasi").expect("listed");
    assert_eq!(row["state"], "exposed", "{row}");
    assert_ne!(row["digest"], old, "{row}");
    assert_eq!(
        peer.answer(&correlation).payload()["error_code"],
        "INTERRUPTED"
    );
    let task = place.task_of("hostile-wasi", "INTERRUPTED");
    assert_eq!(task["attempts"], 1, "it was not begun again: {task}");
    assert_eq!(task["digest"], old, "what had run is on record");
    let now = peer.call("hostile-wasi", json!({ "mode": "now" }));
    assert_eq!(now["success"], true, "the new code serves: {now}");
    drop(serving);
}

/// Makes a host whose peer has a lease of so many calls, and a call of it that runs.
fn lent(calls: u32) -> (Place, Peer, Serving, String) {
    let place = Place::configured(EXPOSED);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let serving = place.serve(&[]);
    place.wait_for("hostile-wasi", "exposed");
    let peer = place.stranger(&serving);
    let lease = json!({ "do": "trust_set", "peer": peer.id, "tier": "privileged", "calls": calls });
    place.owner(lease);
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 3_000 } });
    let correlation = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    until("the lease is charged", || {
        (calls_left(&place, &peer) == json!(calls - 1)).then_some(())
    });
    (place, peer, serving, correlation)
}

fn calls_left(place: &Place, peer: &Peer) -> Value {
    place.owner(json!({ "do": "peers_show", "peer": peer.id }))["lease"]["calls_left"].clone()
}

#[test]
fn a_request_that_is_begun_again_pays_its_lease_once() {
    let (place, peer, serving, correlation) = lent(2);
    drop(serving);
    let serving = place.serve(&[]);
    assert_eq!(peer.answer(&correlation).payload()["success"], true);
    assert_eq!(calls_left(&place, &peer), json!(1));
    drop(serving);
}

#[test]
fn the_last_call_of_a_lease_is_answered_over_a_restart_and_when_it_comes_again() {
    let (place, peer, serving, correlation) = lent(1);
    drop(serving);
    let serving = place.serve(&[]);
    let answer = peer.answer(&correlation).payload();
    assert_eq!(answer["success"], true, "it was paid for: {answer}");
    assert_eq!(calls_left(&place, &peer), json!(0));
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 3_000 } });
    peer.send(&envelope("task_request", &correlation, &sleep))
        .expect("taken");
    let both = peer.wait(|all| Some(answers(all, &correlation)).filter(|both| both.len() == 2));
    let again = both.expect("the recorded answer")[1].payload();
    assert_eq!(again, answer, "the same request, and no second call");
    let another = peer.call("hostile-wasi", json!({ "mode": "now" }));
    assert_eq!(another["error"], "Unknown skill: hostile-wasi");
    drop(serving);
}

#[test]
fn a_lease_that_was_taken_back_ends_what_it_paid_for() {
    let (place, peer, serving, _) = lent(1);
    drop(serving);
    // A command without a host: the request is still open when the next one starts.
    let revoked = place.run(&["--json", "trust", "revoke", &peer.id.to_string()]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    let serving = place.serve(&[]);
    let task = place.task_of("hostile-wasi", "CANCELLED");
    assert_eq!(task["attempts"], 1, "it was not begun again: {task}");
    drop(serving);
}
