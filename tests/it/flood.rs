//! Whoever sends as much as it can costs the others nothing that they would notice, and the disk a bounded amount.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use coworker_host::transport::loopback::socket_of;
use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{Peer, envelope};
use crate::support::{Place, Serving};

/// Small bounds, so that a small flood reaches them.
const BOUNDS: &str = "\n[rates]\npeer_requests = 50\npeer_bytes = \"4 MiB\"\nall_requests = 400\nall_bytes = \"32 MiB\"\n\
                      untrusted_bytes = \"1 MiB\"\nknown = 6000\nburst = 100\n";

fn world() -> (Place, Serving) {
    with_bounds(BOUNDS)
}

/// Starts a host with bounds that are not the defaults, and says which they are: what the tests show, they show of these.
fn with_bounds(bounds: &str) -> (Place, Serving) {
    let host = EXPOSED.replace("[host]", "[host]\nlive_instances = 4");
    let config = format!("{host}{bounds}");
    #[expect(
        clippy::print_stdout,
        reason = "shown where a test fails, and wherever output is not captured"
    )]
    {
        println!("the bounds of this test, in config.toml:\n{config}");
    }
    let place = Place::configured(&config);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    (place, serving)
}

/// Returns what the database takes on disk.
fn on_disk(place: &Place) -> u64 {
    let size = |name: &str| std::fs::metadata(place.home().join(name)).map_or(0, |meta| meta.len());
    size("host.db") + size("host.db-wal")
}

#[track_caller]
fn is_served(peer: &Peer) {
    for n in 0..5 {
        assert_eq!(
            peer.call("echo", json!({ "n": n }))["result"],
            json!({ "n": n })
        );
    }
    peer.ping();
}

#[test]
fn one_peer_beyond_its_room_is_told_so_once_and_others_are_served() {
    let (place, serving) = world();
    let (attacker, friend) = (place.peer(&serving, "known"), place.peer(&serving, "known"));
    let before = on_disk(&place);
    let flood = |n: usize| {
        let input =
            json!({ "mode": "sleep", "n": 20_000, "text": format!("{n}{}", "x".repeat(60_000)) });
        envelope(
            "task_request",
            &format!("f{n}"),
            &json!({ "skill": "hostile-wasi", "input": input }),
        )
    };
    let sent = attacker.send_all((0..1_000).map(flood).collect());
    assert!(sent.iter().all(Result::is_ok), "each is dealt with");
    is_served(&friend);
    let crowded = place.turned_away("crowded");
    assert!(
        crowded >= 1_000 - 50 - 4 - 100,
        "{crowded} were turned away"
    );
    let busy = |all: &[crate::peer::Got]| {
        let is_busy = |got: &&crate::peer::Got| got.payload()["error_code"] == "BUSY";
        all.iter().filter(is_busy).count()
    };
    attacker
        .wait(|all| (busy(all) > 0).then_some(()))
        .expect("it is told");
    is_served(&friend);
    assert_eq!(busy(&attacker.all()), 1, "once a minute");
    assert!(
        on_disk(&place) - before < 24 << 20,
        "{} bytes more",
        on_disk(&place) - before
    );
    // What it has waiting is bounded, and the owner can end it all.
    let status = place.owner(json!({ "do": "status" }));
    assert!(
        status["tasks"]["queued"]
            .as_u64()
            .is_some_and(|queued| queued <= 50),
        "{status}"
    );
    place.owner(json!({ "do": "trust_revoke", "peer": attacker.id }));
    place.settled();
    is_served(&friend);
}

#[test]
fn a_peer_that_reads_no_answer_costs_nobody_else_anything() {
    let (place, serving) = world();
    let (mut deaf, friend) = (place.peer(&serving, "known"), place.peer(&serving, "known"));
    for n in 0..40 {
        deaf.say(
            "task_request",
            json!({ "skill": "echo", "input": { "n": n } }),
        );
    }
    deaf.offline();
    is_served(&friend);
    deaf.online();
    deaf.ping();
}

#[test]
fn an_answer_to_us_waits_for_no_room_and_no_token() {
    // Strangers never start anything: what they send fills their line, which stays full.
    let (place, serving) = with_bounds(&format!("{BOUNDS}untrusted = 0\n"));
    let stranger = place.stranger(&serving);
    let call = |n: usize| {
        let payload = json!({ "skill": "echo", "input": { "n": n } });
        envelope("task_request", &format!("f{n}"), &payload)
    };
    let sent = stranger.send_all((0..80).map(call).collect());
    assert!(sent.iter().all(Result::is_ok), "each is dealt with");
    let full = || {
        let status = place.owner(json!({ "do": "status" }));
        // An eighth of all room is for strangers, and an eighth of that for those of whom nothing waits.
        assert_eq!(status["tasks"], json!({ "queued": 44, "running": 0 }));
        place.turned_away("crowded")
    };
    assert_eq!(full(), 36, "its line is full");
    std::thread::scope(|scope| {
        let request = json!({ "do": "call", "peer": stranger.id, "skill": "sum", "input": {}, "timeout": "100s" });
        let asked = scope.spawn(|| place.owner(request));
        let question = stranger.wait(|all| {
            let is_question = |got: &&crate::peer::Got| got.kind() == "task_request";
            all.iter().find(is_question).cloned()
        });
        let id = question.expect("it is asked").correlation.expect("an id");
        let answer = json!({ "success": true, "result": { "sum": 0 } });
        stranger
            .send(&envelope("task_response", &id, &answer))
            .expect("taken");
        assert_eq!(asked.join().expect("the call ends")["reply"], answer);
    });
    assert_eq!(full(), 36, "its own requests wait as before");
}

#[test]
fn a_request_whose_time_passes_in_its_line_is_told_so_and_not_run() {
    // Half of the two places are all that one peer gets.
    let host = EXPOSED.replace("[host]", "[host]\nlive_instances = 2");
    let place = Place::configured(&host);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 4_000 } });
    let first = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    let call = json!({ "skill": "echo", "input": { "a": 1 } });
    let short = |id: &str, ttl: u32| {
        let mut message: Value =
            serde_json::from_slice(&envelope("task_request", id, &call)).expect("JSON");
        message["ttl"] = json!(ttl);
        peer.send(message.to_string().as_bytes()).expect("taken");
    };
    short("hurried", 1);
    short("patient", 3_600);
    assert_eq!(
        peer.answer("hurried").payload(),
        json!({ "success": false, "error": "Busy: try again later", "error_code": "BUSY" })
    );
    let task = place.task_of("echo", "BUSY");
    assert_eq!(task["attempts"], 0, "it was not begun: {task}");
    assert_eq!(task["used"], Value::Null, "{task}");
    // Those before and behind it are served.
    assert_eq!(peer.answer(&first).payload()["success"], true);
    assert_eq!(
        peer.answer("patient").payload()["result"],
        json!({ "a": 1 })
    );
    assert_eq!(
        place.turned_away("expired"),
        0,
        "it was in time when it came"
    );
}

#[test]
fn a_hundred_strangers_are_no_more_than_one() {
    let (place, serving) = world();
    let friend = place.peer(&serving, "known");
    let before = on_disk(&place);
    let strangers: Vec<Peer> = (0..100).map(|_| place.stranger(&serving)).collect();
    let filler = "y".repeat(30_000);
    std::thread::scope(|scope| {
        for some in strangers.chunks(25) {
            let filler = &filler;
            scope.spawn(move || {
                for (n, stranger) in some.iter().enumerate() {
                    let call = |m: usize| {
                        let payload = json!({ "skill": format!("skill-{n}-{m}-{filler}"), "input": { "text": filler } });
                        envelope("task_request", &format!("s{m}"), &payload)
                    };
                    let mut messages: Vec<Vec<u8>> = (0..20).map(call).collect();
                    messages.push(envelope("trust_request", "t", &json!({ "requested_tier": 3, "reason": filler })));
                    messages.push(envelope("discover", "d", &json!({})));
                    assert!(stranger.send_all(messages).iter().all(Result::is_ok));
                }
            });
        }
        is_served(&friend);
    });
    is_served(&friend);
    // What was offered is three times that.
    assert!(
        place.turned_away("crowded") > 0,
        "all of them together have an eighth"
    );
    assert!(
        on_disk(&place) - before < 48 << 20,
        "{} bytes more",
        on_disk(&place) - before
    );
    let status = place.owner(json!({ "do": "status" }));
    assert!(
        status["tasks"]["queued"]
            .as_u64()
            .is_some_and(|queued| queued <= 50),
        "{status}"
    );
    // However long the names were, what is kept of them is short.
    let probes = place.owner(json!({ "do": "probes" }));
    for probe in probes.as_array().expect("rows") {
        assert!(
            probe["skill"]
                .as_str()
                .is_some_and(|name| name.chars().count() <= 200)
        );
    }
    let requests = place.owner(json!({ "do": "trust_requests" }));
    for request in requests.as_array().expect("rows") {
        assert!(
            request["reason"]
                .as_str()
                .is_some_and(|reason| reason.chars().count() <= 500)
        );
    }
}

#[test]
fn whoever_does_not_prove_a_key_is_nobody() {
    let (place, serving) = world();
    let friend = place.peer(&serving, "known");
    let socket = socket_of(&place.sockets(), &serving.me().parse().expect("an id"));
    let pour = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(Path::new(&socket)).expect("it listens");
        // The host may hang up at any byte.
        let _ = stream.write_all(bytes);
        stream
    };
    let open: Vec<UnixStream> = (0..100u8).map(|n| pour(&vec![n; 1_000])).collect();
    let _large = pour(&vec![0xff; 1 << 20]);
    is_served(&friend);
    drop(open);
    let people: Value = place.owner(json!({ "do": "peers_list" }));
    assert_eq!(
        people.as_array().map(Vec::len),
        Some(1),
        "only the friend was met"
    );
}
