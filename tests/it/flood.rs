//! Whoever sends as much as it can costs the others nothing that they would notice, and the disk a bounded amount.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use coworker_host::transport::loopback::socket_of;
use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{Peer, envelope};
use crate::support::{Place, Serving};

/// Small bounds, so that a small flood reaches them; printed here because they are not the defaults.
const BOUNDS: &str = "\n[rates]\npeer_requests = 50\npeer_bytes = \"4 MiB\"\nall_requests = 400\nall_bytes = \"32 MiB\"\n\
                      untrusted_bytes = \"1 MiB\"\nknown = 6000\nburst = 100\n";

fn world() -> (Place, Serving) {
    let place = Place::configured(&format!(
        "{}{BOUNDS}",
        EXPOSED.replace("[host]", "[host]\nlive_instances = 4")
    ));
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
