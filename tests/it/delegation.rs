//! Work given to peers that may be away: what leaves, what counts as its answer, and what survives.

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::invites::{Visitor, raw};
use crate::peer::{Got, Peer, envelope, until};
use crate::support::{Place, Serving};

fn give(place: &Place, peer: &Peer) -> String {
    let work = json!({ "do": "delegate", "peer": peer.id, "skill": "slow", "input": { "n": 1 } });
    let row = place.owner(work);
    row["task"].as_str().expect("an id").to_owned()
}

fn row(place: &Place, task: &str) -> Value {
    place.owner(json!({ "do": "delegated_result", "id": task }))
}

#[track_caller]
fn wait_for_state(place: &Place, task: &str, state: &str) -> Value {
    until(&format!("{task} is {state}"), || {
        Some(row(place, task)).filter(|row| row["state"] == state)
    })
}

fn question(peer: &Peer, task: &str) -> Got {
    peer.answer(task)
}

fn answer(peer: &Peer, task: &str, kind: &str, payload: Value) {
    peer.send(&envelope(kind, task, &payload)).expect("taken");
}

#[test]
fn a_request_says_that_it_may_take_days() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    let task = give(&place, &peer);
    let asked = question(&peer, &task).envelope();
    assert_eq!(asked["type"], "task_request");
    assert_eq!(asked["correlation_id"], task);
    assert_eq!(
        asked["payload"],
        json!({ "skill": "slow", "input": { "n": 1 }, "async": true, "task_id": task })
    );
    assert!(
        asked["ttl"].as_u64().expect("whole seconds") > 604_800,
        "{asked}"
    );
    wait_for_state(&place, &task, "sent");
    let payload = json!({ "success": true, "result": [1, null], "more": { "kept": "as sent" } });
    answer(&peer, &task, "task_response", payload.clone());
    let done = wait_for_state(&place, &task, "done");
    assert_eq!(done["reply"], payload);
    // Exactly the reply, also by the start of its id.
    let shown = place.run(&["--json", "result", &task[..8]]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let shown: Value = serde_json::from_str(&shown.stdout).expect("one document");
    assert_eq!(shown, payload);
}

#[test]
fn only_the_peer_that_was_asked_answers_and_once() {
    let (place, serving) = Place::serving(&[]);
    let (asked, other) = (place.stranger(&serving), place.stranger(&serving));
    let task = give(&place, &asked);
    question(&asked, &task);
    let forged = json!({ "success": true, "result": "forged" });
    answer(&other, &task, "task_response", forged.clone());
    // What is no answer to a task completes none.
    for kind in [
        "pong",
        "trust_grant",
        "capabilities",
        "skill_card",
        "plan_accept",
    ] {
        answer(&asked, &task, kind, json!({ "name": "x", "skills": [] }));
    }
    asked.ping();
    assert_eq!(row(&place, &task)["state"], "sent");
    assert_eq!(place.turned_away("unasked"), 6);
    answer(
        &asked,
        &task,
        "task_response",
        json!({ "success": true, "result": "true" }),
    );
    assert_eq!(
        wait_for_state(&place, &task, "done")["reply"]["result"],
        "true"
    );
    answer(&asked, &task, "task_response", forged);
    asked.ping();
    assert_eq!(row(&place, &task)["reply"]["result"], "true");
}

#[test]
fn the_oldest_of_many_open_tasks_is_answered_like_any_other() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    let oldest = give(&place, &peer);
    for _ in 0..600 {
        give(&place, &peer);
    }
    question(&peer, &oldest);
    let payload = json!({ "success": true, "result": "late" });
    answer(&peer, &oldest, "task_response", payload.clone());
    assert_eq!(wait_for_state(&place, &oldest, "done")["reply"], payload);
}

#[test]
fn a_refusal_in_any_form_is_a_failure() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    for (kind, payload, said) in [
        (
            "task_error",
            json!({ "success": false, "error": "Unknown skill: slow" }),
            "Unknown skill: slow",
        ),
        (
            "task_response",
            json!({ "success": false, "error": "broken" }),
            "broken",
        ),
        (
            "error",
            json!({ "code": "TRUST_TIER_TOO_LOW", "message": "requires more" }),
            "requires more",
        ),
    ] {
        let task = give(&place, &peer);
        question(&peer, &task);
        answer(&peer, &task, kind, payload.clone());
        assert_eq!(wait_for_state(&place, &task, "failed")["reply"], payload);
        let shown = place.run(&["result", &task]);
        assert_eq!(shown.code, 1);
        assert!(shown.stderr.contains(said), "{}", shown.stderr);
    }
}

#[test]
fn a_success_after_its_own_error_counts_no_more() {
    let (place, mut serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    let late = json!({ "success": true, "result": "late" });
    let errors = [
        (
            "task_error",
            json!({ "success": false, "error": "Busy: try again later", "error_code": "BUSY" }),
        ),
        (
            "task_response",
            json!({ "success": false, "error": "broken" }),
        ),
        (
            "error",
            json!({ "code": "TRUST_TIER_TOO_LOW", "message": "requires more" }),
        ),
    ];
    let mut given = Vec::new();
    for (kind, payload) in errors {
        let task = give(&place, &peer);
        question(&peer, &task);
        answer(&peer, &task, kind, payload.clone());
        wait_for_state(&place, &task, "failed");
        answer(&peer, &task, "task_response", late.clone());
        given.push((task, payload));
    }
    peer.ping();
    assert_eq!(place.turned_away("unasked"), 3);
    // Nor does it when the host has started again: who wants it asks anew, and gets what comes then.
    drop(serving);
    serving = place.serve(&[]);
    for (task, payload) in &given {
        answer(&peer, task, "task_response", late.clone());
        peer.ping();
        let row = row(&place, task);
        assert_eq!((&row["state"], &row["reply"]), (&json!("failed"), payload));
        assert_eq!(place.run(&["result", task]).code, 1);
    }
    let task = give(&place, &peer);
    question(&peer, &task);
    answer(&peer, &task, "task_response", late.clone());
    assert_eq!(wait_for_state(&place, &task, "done")["reply"], late);
    drop(serving);
}

#[test]
fn what_was_cancelled_does_not_leave_and_is_not_answered() {
    let (place, mut serving) = Place::serving(&[]);
    let mut peer = place.stranger(&serving);
    let sent = give(&place, &peer);
    question(&peer, &sent);
    peer.offline();
    let waiting = give(&place, &peer);
    assert_eq!(row(&place, &waiting)["state"], "queued");
    for task in [&sent, &waiting] {
        let cancelled = place.run(&["cancel", task]);
        assert_eq!(cancelled.code, 0, "{}", cancelled.stderr);
        assert_eq!(place.run(&["cancel", task]).code, 1, "once");
    }
    assert_eq!(
        place.owner(json!({ "do": "status" }))["outbox"]["waiting"],
        0
    );
    peer.online();
    for restart in [false, true] {
        if restart {
            assert!(serving.terminate().success());
            serving = place.serve(&[]);
        }
        answer(
            &peer,
            &sent,
            "task_response",
            json!({ "success": true, "result": 1 }),
        );
        peer.ping();
        assert_eq!(row(&place, &sent)["state"], "cancelled");
        assert_eq!(row(&place, &sent)["reply"], Value::Null);
    }
    // Nothing more was written to the peer: neither the request that had not left, nor a word of the cancelling.
    let kinds: Vec<String> = peer.all().iter().map(Got::kind).collect();
    assert_eq!(kinds, ["task_request", "pong", "pong"]);
    assert_eq!(place.run(&["result", &sent]).code, 1);
}

#[test]
fn nobody_waits_for_ever() {
    let place = Place::configured(EXPOSED);
    let nobody = format!("loop:{}", "0".repeat(64));
    let asked = raw(&place, &["request", &nobody, "slow", "--ttl", "1s"]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let task = asked.stdout.trim();
    let shown = place.run(&["result", task, "--wait"]);
    assert_eq!(shown.code, 4, "{}", shown.stderr);
    assert!(shown.stderr.contains("no answer from"), "{}", shown.stderr);
    let list = place.run(&["tasks"]);
    assert!(list.stdout.contains("expired"), "{}", list.stdout);
    assert_eq!(
        raw(&place, &["request", &nobody, "slow", "--ttl", "8d"]).code,
        2
    );
    assert_eq!(place.run(&["request", "self", "slow"]).code, 2);
    assert_eq!(place.run(&["result", "no-such-task"]).code, 1);
    let shown = raw(
        &place,
        &[
            "request",
            &nobody,
            "slow",
            "--input",
            &format!("\"{}\"", "x".repeat(100_000)),
        ],
    );
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let still = place.run(&["result", shown.stdout.trim(), "--wait", "--timeout", "10ms"]);
    assert_eq!(still.code, 4);
}

#[test]
fn both_sides_may_start_again_and_neither_need_run_when_the_other_does() {
    let (place, mut serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    place.owner(json!({ "do": "trust_set", "peer": ann.id(), "tier": "known" }));
    let me = serving.me().to_owned();
    assert!(serving.terminate().success());
    // Neither runs: the command opens the home itself, and what it asked is on disk.
    let asked = ann.get(&["request", &me, "echo", "--input", "{\"a\":1}"]);
    assert_eq!(asked["state"], "queued");
    let task = asked["task"].as_str().expect("an id");
    assert_eq!(ann.get(&["tasks"])[0]["state"], "queued");
    // Ann's host runs while the peer's does not, and is killed.
    let hers = place.serve(&["--home", &ann.home]);
    assert_eq!(ann.get(&["tasks"])[0]["state"], "queued");
    drop(hers);
    // The peer's host runs while ann's does not; then both do, and the peer's is killed in between.
    serving = place.serve(&[]);
    drop(serving);
    let hers = place.serve(&["--home", &ann.home]);
    serving = place.serve(&[]);
    let reply = ann.get(&["result", task, "--wait"]);
    assert_eq!(reply, json!({ "success": true, "result": { "a": 1 } }));
    drop(hers);
    // It is there without any host.
    assert_eq!(ann.get(&["result", task]), reply);
    assert_eq!(ann.get(&["tasks"])[0]["state"], "done");
    place.settled();
    let runs = place
        .tasks()
        .iter()
        .filter(|task| task["skill"] == "echo")
        .count();
    assert_eq!(runs, 1);
    drop(serving);
}

#[test]
fn an_answer_waits_until_the_asker_is_back() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    place.owner(json!({ "do": "trust_set", "peer": ann.id(), "tier": "known" }));
    // The command sends the request and is gone before or after the answer comes.
    let asked = ann.get(&["request", serving.me(), "echo", "--input", "{\"a\":2}"]);
    until("it was run", || {
        let ran = |task: &Value| task["skill"] == "echo" && task["state"] == "done";
        place.tasks().iter().any(ran).then_some(())
    });
    let task = asked["task"].as_str().expect("an id");
    // A command that waits, where no host runs, takes it in; so would a host.
    assert_eq!(
        ann.get(&["result", task, "--wait"])["result"],
        json!({ "a": 2 })
    );
}

#[test]
fn a_kill_at_any_moment_loses_no_request_and_none_runs_twice() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    place.owner(json!({ "do": "trust_set", "peer": ann.id(), "tier": "known" }));
    let mut hers = place.serve(&["--home", &ann.home]);
    let mut given = Vec::new();
    for n in 0..20 {
        let asked = ann.get(&[
            "request",
            serving.me(),
            "echo",
            "--input",
            &json!({ "n": n }).to_string(),
        ]);
        given.push(asked["task"].as_str().expect("an id").to_owned());
        if n % 4 == 3 {
            drop(hers);
            hers = place.serve(&["--home", &ann.home]);
        }
    }
    for (n, task) in given.iter().enumerate() {
        let reply = ann.get(&["result", task, "--wait"]);
        assert_eq!(reply["result"], json!({ "n": n }), "{reply}");
    }
    place.settled();
    let runs = place
        .tasks()
        .iter()
        .filter(|task| task["skill"] == "echo")
        .count();
    assert_eq!(runs, given.len());
    drop(hers);
}

#[test]
fn a_wait_goes_on_when_the_host_starts_again() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    let task = give(&place, &peer);
    question(&peer, &task);
    let mut running = Some(serving);
    let shown = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| place.run(&["--json", "result", &task, "--wait"]));
        for _ in 0..2 {
            // The one before is killed first.
            drop(running.take());
            running = Some(start_again(&place));
        }
        let payload = json!({ "success": true, "result": 7 });
        answer(&peer, &task, "task_response", payload);
        waiting.join().expect("it ends")
    });
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("\"result\":7"), "{}", shown.stdout);
}

/// Starts a host on a home that a waiting command may just have opened for itself.
fn start_again(place: &Place) -> Serving {
    until("the home is free", || {
        let mut child = place
            .command(&["--json", "serve"])
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut out, &mut line).expect("read");
        match serde_json::from_str(&line) {
            Ok(ready) => Some(Serving::of(child, ready)),
            Err(_) => {
                child.wait().expect("it ends");
                None
            }
        }
    })
}
