//! Kill whatever there is, in turn, while calls go on: each is answered once, and nothing runs twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::network::{Member, Node, kill};
use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::Place;

/// How many calls there are, and how many at a time.
const CALLS: usize = 500;
const AT_A_TIME: usize = 8;

/// Waits until so many more calls were answered, so that every kill meets calls under way.
fn after(answered: &AtomicUsize, more: usize) {
    let goal = answered.load(Ordering::SeqCst) + more;
    until("calls go on", || {
        (answered.load(Ordering::SeqCst) >= goal).then_some(())
    });
}

/// Returns how a host is and what it logged since its last start.
fn told(home: &Path) -> String {
    let log = std::fs::read_to_string(home.with_file_name("serve.log")).unwrap_or_default();
    let status = ask_at(home, json!({ "do": "status" }));
    format!("{status:?}\n{log}")
}

#[test]
fn calls_survive_the_death_of_everything_in_turn() {
    let place = Place::new();
    let mut node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &[]);
    ann.place.drop_in_ports();
    ann.place.agree("ports");
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "privileged");
    // Whoever has met a host knows that it may be asked twice: an old peer would not be.
    bob.owner(json!({ "do": "connect", "target": ann.me, "name": "ann" }));
    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let replies = Mutex::new(Vec::<(String, Value)>::new());
    let (to, caller, server) = (ann.me.clone(), bob.place.home(), ann.place.home());
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..AT_A_TIME)
            .map(|number| {
                let key = format!("-{number}");
                let (next, answered, replies) = (&next, &answered, &replies);
                let (to, caller, server) = (&to, &caller, &server);
                scope.spawn(move || {
                    while next.fetch_add(1, Ordering::SeqCst) < CALLS {
                        let call = json!({
                            "do": "call", "peer": to, "skill": "ports", "input": { "mode": "count", "key": key }, "timeout": "100s",
                        });
                        let answer = ask_at(caller, call)
                            .unwrap_or_else(|why| panic!("{why:?}\n{}\n{}", told(server), told(caller)));
                        replies.lock().expect("whole").push((key.clone(), answer["reply"].clone()));
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            after(&answered, 40);
            kill(&ann.bridge()["pid"]);
            after(&answered, 40);
            node.kill_and_restart();
            after(&answered, 40);
            ann.kill();
            ann.serve();
            after(&answered, 40);
            kill(&bob.bridge()["pid"]);
        }
        for caller in callers {
            caller.join().expect("a caller");
        }
    });
    let replies = replies.into_inner().expect("whole");
    assert_eq!(replies.len(), CALLS);
    let is_interrupted = |(_, reply): &&(String, Value)| reply["error_code"] == "INTERRUPTED";
    let interrupted = replies.iter().filter(is_interrupted).count();
    let mut counts = BTreeMap::<&str, Vec<u64>>::new();
    for (key, reply) in replies.iter().filter(|reply| !is_interrupted(reply)) {
        let count = reply["result"]["count"].as_u64();
        let count = count.unwrap_or_else(|| panic!("neither counted nor interrupted: {reply}"));
        counts.entry(key).or_default().push(count);
    }
    // A run is counted with its answer: one that was answered twice, or ran twice and left its mark twice, would show.
    for (key, counts) in counts {
        let once: Vec<u64> = (1..=counts.len() as u64).collect();
        assert_eq!(counts, once, "{key}");
    }
    // Two deaths of the host interrupt what ran then, and nothing else.
    assert!(
        interrupted <= 2 * AT_A_TIME,
        "{interrupted} were interrupted"
    );
    let tasks = ann.place.tasks();
    let calls: Vec<&Value> = tasks
        .iter()
        .filter(|task| task["skill"] == "ports")
        .collect();
    assert_eq!(calls.len(), CALLS, "a request that came twice is one task");
    let attempts = |call: &&Value| ann.place.task(call)["attempts"].as_u64().expect("a number");
    let attempts: Vec<u64> = calls.iter().map(attempts).collect();
    let again = attempts.iter().filter(|attempts| **attempts == 2).count();
    // What a death interrupted may run once more, since nothing of the first run is left.
    assert!(
        attempts.iter().all(|attempts| (1..=2).contains(attempts)),
        "{attempts:?}"
    );
    assert!(again <= 2 * AT_A_TIME, "{again} ran again");
    ann.until_state("ready");
}
