//! Nothing that was acknowledged is lost, and nothing runs twice that may not.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc;

use serde_json::json;

use crate::hosts::{EXPOSED, shape};
use crate::peer::{Got, Peer, answers, envelope, until};
use crate::support::{Place, Serving};

/// A host with a skill that counts its runs, which the owner approved.
fn counting() -> (Place, Serving, Peer) {
    let place = Place::configured(EXPOSED);
    place.drop_in_ports();
    let serving = place.serve(&[]);
    place.agree("ports");
    let peer = place.peer(&serving, "privileged");
    (place, serving, peer)
}

fn count(correlation: &str) -> Vec<u8> {
    envelope(
        "task_request",
        correlation,
        &json!({ "skill": "ports", "input": { "mode": "count" } }),
    )
}

#[track_caller]
fn wait_for_answers(peer: &Peer, correlation: &str, number: usize) -> Vec<Got> {
    peer.wait(|all| Some(answers(all, correlation)).filter(|all| all.len() >= number))
        .unwrap_or_else(|| panic!("{number} answers to {correlation}"))
}

#[test]
fn a_request_that_comes_again_gets_the_recorded_answer_and_runs_once() {
    let (place, mut serving, peer) = counting();
    let message = count("one");
    peer.send_as("first", &message).expect("taken");
    let first = wait_for_answers(&peer, "one", 1).remove(0);
    assert_eq!(first.payload()["result"]["count"], 1);
    // The same message of the transport; the same request in another message, later, and after a restart.
    peer.send_as("first", &message).expect("taken");
    wait_for_answers(&peer, "one", 2);
    peer.send_as("second", &count("one")).expect("taken");
    wait_for_answers(&peer, "one", 3);
    assert!(serving.terminate().success());
    serving = place.serve(&[]);
    peer.send_as("third", &count("one")).expect("taken");
    peer.send_as("first", &message).expect("taken");
    let all = wait_for_answers(&peer, "one", 5);
    assert!(
        all.iter().all(|got| got.bytes == first.bytes),
        "one answer, byte for byte"
    );
    // The same id around another question is another request.
    let other = json!({ "skill": "ports", "input": { "mode": "get", "key": "count" } });
    peer.send(&envelope("task_request", "one", &other))
        .expect("taken");
    let all = wait_for_answers(&peer, "one", 6);
    assert_eq!(all[5].payload()["result"]["value"], "1", "it ran once");
    peer.send(&count("two")).expect("taken");
    assert_eq!(peer.answer("two").payload()["result"]["count"], 2);
    // What another peer asks under the same id is that peer's own.
    let another = place.peer(&serving, "privileged");
    another.send(&count("one")).expect("taken");
    assert_eq!(
        another.answer("one").payload()["result"]["count"],
        1,
        "state is kept apart, too"
    );
}

#[test]
fn a_recorded_answer_is_for_who_may_still_call() {
    let (place, _serving, peer) = counting();
    peer.send(&count("one")).expect("taken");
    assert_eq!(peer.answer("one").payload()["result"]["count"], 1);
    place.owner(json!({ "do": "skills_hide", "name": "ports" }));
    peer.send(&count("one")).expect("taken");
    let again = wait_for_answers(&peer, "one", 2).remove(1);
    assert_eq!(
        again.payload(),
        json!({ "success": false, "error": "Unknown skill: ports" })
    );
}

#[test]
fn a_request_that_comes_again_while_it_runs_is_answered_once() {
    let (place, serving) = Place::serving(&["hostile-wasi.wasm", "echo.wasm"]);
    let peer = place.peer(&serving, "privileged");
    let sleep = envelope(
        "task_request",
        "s",
        &json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 2_000 } }),
    );
    for id in ["a", "a", "b", "c", "b"] {
        peer.send_as(id, &sleep).expect("taken");
    }
    peer.answer("s");
    place.settled();
    peer.ping();
    assert_eq!(peer.answers("s").len(), 1);
    let runs = place
        .tasks()
        .iter()
        .filter(|task| task["skill"] == "hostile-wasi")
        .count();
    assert_eq!(runs, 1);
}

#[test]
fn every_repeated_question_is_answered_again() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.stranger(&serving);
    for (kind, payload) in [
        ("ping", json!({})),
        ("discover", json!({})),
        (
            "trust_request",
            json!({ "requested_tier": 1, "reason": "r" }),
        ),
        ("skill_card_query", json!({ "skill": "echo" })),
    ] {
        let message = envelope(kind, kind, &payload);
        for times in 1..=3 {
            peer.send(&message).expect("taken");
            let all = wait_for_answers(&peer, kind, times);
            assert!(
                all.iter().all(|got| got.payload() == all[0].payload()),
                "{kind}"
            );
        }
    }
}

#[test]
fn a_peer_that_was_away_gets_its_answer_over_a_restart_of_either_side() {
    let (place, mut serving) = Place::serving(&["hostile-wasi.wasm"]);
    let mut peer = place.peer(&serving, "privileged");
    let correlation = peer.say(
        "task_request",
        json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 1_000 } }),
    );
    peer.offline();
    until("the answer waits for its peer", || {
        let status = place.owner(json!({ "do": "status" }));
        (status["outbox"]["waiting"] == 1).then_some(())
    });
    drop(serving);
    serving = place.serve(&[]);
    assert_eq!(
        place.owner(json!({ "do": "status" }))["outbox"]["waiting"],
        1
    );
    peer.online();
    assert_eq!(peer.answer(&correlation).payload()["success"], true);
    place.settled();
    assert_eq!(peer.answers(&correlation).len(), 1);
    drop(serving);
}

#[test]
fn a_request_that_was_taken_and_not_started_is_served_after_a_kill() {
    let place = Place::configured(&EXPOSED.replace("[host]", "[host]\nlive_instances = 2"));
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    place.drop_in("echo.wasm", "echo.wasm");
    let mut serving = place.serve(&[]);
    let peer = place.peer(&serving, "privileged");
    let first = peer.say(
        "task_request",
        json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 3_000 } }),
    );
    let others: Vec<String> = (0..5)
        .map(|n| {
            peer.say(
                "task_request",
                json!({ "skill": "echo", "input": { "n": n } }),
            )
        })
        .collect();
    place.wait_until_running(1, 1);
    drop(serving);
    serving = place.serve(&[]);
    for (n, correlation) in others.iter().enumerate() {
        assert_eq!(
            peer.answer(correlation).payload()["result"],
            json!({ "n": n })
        );
    }
    // It had started, acts on nothing, and is run once more.
    assert_eq!(peer.answer(&first).payload()["success"], true);
    drop(serving);
}

#[test]
fn a_component_that_is_there_at_every_death_is_not_run_for_ever() {
    let (place, mut serving) = Place::serving(&["hostile-wasi.wasm", "echo.wasm"]);
    let peer = place.peer(&serving, "privileged");
    let sleep = |n: u32| json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": n } });
    let first = peer.say("task_request", sleep(25_000));
    for attempt in 1..=2 {
        place.wait_until_running(1, attempt);
        drop(serving);
        serving = place.serve(&[]);
    }
    // Run twice, it is not tried a third time.
    let answer = peer.answer(&first).payload();
    assert_eq!(
        answer,
        json!({ "success": false, "error": "Interrupted", "error_code": "INTERRUPTED" })
    );
    assert_eq!(
        place.row("hostile-wasi").expect("listed")["state"],
        "exposed"
    );
    let second = peer.say("task_request", sleep(25_001));
    place.wait_until_running(1, 1);
    drop(serving);
    serving = place.serve(&[]);
    // Three deaths: nobody sees it any more, nor does the request that was under way.
    let row = place.row("hostile-wasi").expect("listed");
    assert_eq!(row["state"], "unavailable", "{row}");
    assert_eq!(
        peer.answer(&second).payload()["error"],
        "Unknown skill: hostile-wasi"
    );
    assert_eq!(peer.discover(), ["echo"]);
    assert_eq!(
        peer.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
    let checks = place.owner(json!({ "do": "doctor" }));
    let quarantine = checks
        .as_array()
        .expect("checks")
        .iter()
        .find(|check| check["check"] == "quarantine");
    assert_eq!(quarantine.expect("doctor says so")["ok"], false);
    // The owner may let it run again.
    place.owner(json!({ "do": "skills_expose", "name": "hostile-wasi" }));
    place.wait_for("hostile-wasi", "exposed");
    assert_eq!(
        peer.call("hostile-wasi", json!({ "mode": "now" }))["success"],
        true
    );
    drop(serving);
}

#[test]
fn a_host_that_is_asked_to_end_finishes_what_runs() {
    let (place, serving) = Place::serving(&["hostile-wasi.wasm"]);
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 1_500 } });
    let asked: Vec<String> = (0..3)
        .map(|_| peer.say("task_request", sleep.clone()))
        .collect();
    place.wait_until_running(3, 1);
    assert!(serving.terminate().success());
    for correlation in &asked {
        assert_eq!(
            peer.answers(correlation).len(),
            1,
            "answered before it left"
        );
        assert_eq!(peer.answer(correlation).payload()["success"], true);
    }
    assert!(
        !place.home().join("control.sock").exists(),
        "it leaves nothing behind"
    );
}

/// Kills, and calls of each round.
const KILLS: usize = 20;
const CALLS: usize = 100;

#[test]
fn kills_at_any_moment_lose_no_request_and_answer_none_twice() {
    let place = Place::configured(EXPOSED);
    // A skill for every round: one that is there at three deaths would be put aside.
    for round in 0..KILLS {
        place.write(
            &format!("home/skills/e{round}.wasm"),
            shape(&format!("name=e{round}")),
        );
    }
    let mut serving = place.serve(&[]);
    let peer = place.peer(&serving, "privileged");
    let mut resent = HashSet::new();
    for round in 0..KILLS {
        let call = |n: usize| {
            let input = json!({ "round": round, "n": n });
            envelope(
                "task_request",
                &format!("r{round}-{n}"),
                &json!({ "skill": format!("e{round}"), "input": input }),
            )
        };
        let moment = usize::from(u16::from_be_bytes(coworker_host::clock::random())) % (CALLS + 1);
        let (confirmed, confirmations) = mpsc::channel();
        let unsure = std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut unsure = Vec::new();
                // Some at a time, so that the kill finds requests in every state.
                for chunk in (0..CALLS).collect::<Vec<_>>().chunks(10) {
                    let sent = peer.send_all(chunk.iter().map(|n| call(*n)).collect());
                    for (n, sent) in chunk.iter().zip(sent) {
                        match sent {
                            Ok(()) => confirmed.send(()).expect("counted"),
                            Err(_) => unsure.push(*n),
                        }
                    }
                }
                drop(confirmed);
                unsure
            });
            // A moment that depends on how far the host is, and on nothing else.
            for _ in 0..moment {
                if confirmations.recv().is_err() {
                    break;
                }
            }
            drop(serving);
            sending.join().expect("it ends")
        });
        serving = place.serve(&[]);
        // What was not confirmed may have arrived or not: a sender sends it again.
        for n in unsure {
            resent.insert((round, n));
            peer.send(&call(n)).expect("the host is there again");
        }
    }
    let mut interrupted = 0;
    for round in 0..KILLS {
        for n in 0..CALLS {
            let correlation = format!("r{round}-{n}");
            let payload = peer.answer(&correlation).payload();
            if payload["error_code"] == "INTERRUPTED" {
                interrupted += 1;
            } else {
                assert_eq!(
                    payload["result"],
                    json!({ "round": round, "n": n }),
                    "{correlation}: {payload}"
                );
            }
        }
    }
    place.settled();
    let mut got_back: HashMap<String, HashMap<String, Vec<u8>>> = HashMap::new();
    for got in peer.all() {
        let correlation = got.envelope()["correlation_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        got_back
            .entry(correlation)
            .or_default()
            .insert(got.id, got.bytes);
    }
    for round in 0..KILLS {
        for n in 0..CALLS {
            let all = &got_back[&format!("r{round}-{n}")];
            let texts: HashSet<&Vec<u8>> = all.values().collect();
            assert_eq!(texts.len(), 1, "one answer");
            // Asked once, answered by one message; the transport may have carried it twice.
            assert!(
                all.len() == 1 || resent.contains(&(round, n)),
                "{} messages",
                all.len()
            );
        }
    }
    assert!(interrupted <= KILLS * 64, "{interrupted} interrupted");
    let doctor = place.owner(json!({ "do": "doctor" }));
    assert!(
        doctor
            .as_array()
            .expect("checks")
            .iter()
            .all(|check| check["ok"] == true),
        "{doctor}"
    );
    assert!(serving.terminate().success());
    let store = rusqlite::Connection::open(place.home().join("host.db")).expect("the store");
    let whole: String = store
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("checked");
    assert_eq!(whole, "ok");
    let open: u32 = store
        .query_row("SELECT count(*) FROM task WHERE open = 1", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(open, 0, "nothing is left over");
}
