//! Peers that send as much as they can, through the real sidecar on a client with any amount of mail: what they cost a peer
//! that talks to us meanwhile, and what they cost us.

use std::time::Instant;

use serde_json::{Value, json};

use super::fake::Faked;
use crate::peer::until;

/// Who talks to us: a request, its answer, the next request.
const ANN: &str = "9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a";
/// How many requests it makes.
const TALKS: usize = 20;
/// How much one peer has sent, and how much each of many others.
const FLOOD: u64 = 200_000;
const EACH: u64 = 2_000;
const OTHERS: usize = 60;
/// The most that may be read of one peer's mail at a time.
const PAGE: u64 = 256;

/// Small bounds, so that a flood reaches them.
const BOUNDS: &str = "[rates]\npeer_requests = 50\nall_requests = 400\nall_bytes = \"32 MiB\"\nuntrusted_bytes = \"1 MiB\"\n";

/// Returns what left for a peer.
fn told(faked: &Faked, peer: &str) -> Vec<Value> {
    let noted = faked.noted().into_iter();
    let texts = noted.filter(|note| note["to"] == peer);
    texts
        .map(|note| serde_json::from_str(note["text"].as_str().expect("text")).expect("JSON"))
        .collect()
}

/// Returns what the database takes on disk.
fn on_disk(faked: &Faked) -> u64 {
    let size = |name: &str| {
        let path = faked.place.home().join(name);
        std::fs::metadata(path).map_or(0, |meta| meta.len())
    };
    size("host.db") + size("host.db-wal")
}

/// Returns what the client knows of a peer.
fn peer(peer: &str, waiting: u64, talks: usize, pours: u64) -> Value {
    json!({ "peer": peer, "waiting": waiting, "size": 500, "talks": talks, "pours": pours, "apart": 1_000_000, "ago": 60 })
}

#[test]
fn a_peer_is_answered_in_the_middle_of_a_flood_that_is_bounded() {
    let faked = Faked::with_client();
    faked.place.configure_more(BOUNDS);
    faked.place.drop_in("echo.wasm", "echo.wasm");
    faked.world(&json!([]));
    let serving = faked.place.serve(&[]);
    faked.place.wait_for("echo", "exposed");
    // A friend, and somebody known, who may have more waiting than a stranger; the others are strangers.
    let eve = "ee".repeat(32);
    for (peer, tier) in [(ANN, "privileged"), (&eve, "known")] {
        let set = json!({ "do": "trust_set", "peer": format!("xmtp:{peer}"), "tier": tier });
        faked.place.owner(set);
    }
    drop(serving);
    let before = on_disk(&faked);

    // All of it waits when the host comes, the friend's last; the first of them goes on as fast as it can.
    let mut world = vec![peer(&eve, FLOOD, 0, FLOOD)];
    let strangers: Vec<String> = (0..OTHERS).map(|n| format!("{n:064x}")).collect();
    world.extend(strangers.iter().map(|id| peer(id, EACH, 0, 0)));
    world.push(peer(ANN, 1, TALKS, 0));
    faked.world(&json!(world));
    let begun = Instant::now();
    let minutes = || usize::try_from(begun.elapsed().as_secs() / 60 + 1).unwrap_or(usize::MAX - 1);
    let _serving = faked.place.serve(&[]);
    let answers = until("the friend is answered", || {
        Some(told(&faked, ANN)).filter(|answers| answers.len() >= TALKS)
    });
    let received = faked.place.turned_away("received");
    let numbers: Vec<&Value> = answers
        .iter()
        .map(|answer| &answer["payload"]["result"]["n"])
        .collect();
    assert_eq!(
        json!(numbers),
        json!((0..TALKS).collect::<Vec<usize>>()),
        "in their order"
    );
    // It had its turns among them, and did not wait for their end.
    assert!(
        received < FLOOD / 4,
        "{received} came before its last answer"
    );

    // The floods are let in as far as there is room, are told so once, and cost the disk and us no more than that.
    until("much more has come", || {
        (faked.place.turned_away("crowded") >= 5_000).then_some(())
    });
    let status = faked.place.owner(json!({ "do": "status" }));
    let queued = status["tasks"]["queued"].as_u64();
    assert!(queued.is_some_and(|queued| queued <= 400), "{status}");
    for peer in strangers.iter().chain([&eve]) {
        let busy = told(&faked, peer)
            .iter()
            .filter(|answer| answer["payload"]["error_code"] == "BUSY")
            .count();
        // Once a minute, whatever the machine does meanwhile.
        assert!(busy <= 1 + minutes(), "{peer} was told {busy} times");
    }
    let grown = on_disk(&faked).saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes more");
    let most = faked
        .noted()
        .iter()
        .filter_map(|note| note["most"].as_u64())
        .max();
    assert!(
        most.is_some_and(|most| most <= PAGE),
        "{most:?} messages were read at once"
    );
    let bridge = faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
    assert_eq!(bridge["restarts"], 0, "{bridge}");
}

#[test]
fn all_that_was_said_in_one_moment_comes_and_once() {
    let faked = Faked::with_client();
    faked.place.drop_in("echo.wasm", "echo.wasm");
    faked.world(&json!([]));
    let serving = faked.place.serve(&[]);
    faked.place.wait_for("echo", "exposed");
    faked
        .place
        .owner(json!({ "do": "trust_set", "peer": format!("xmtp:{ANN}"), "tier": "privileged" }));
    drop(serving);
    // More than any page holds that is read where a moment does not fill it.
    let count = 2 * usize::try_from(PAGE).expect("small") + 100;
    let mut ann = peer(ANN, count as u64, 0, 0);
    ann["apart"] = json!(0);
    faked.world(&json!([ann]));
    let _serving = faked.place.serve(&[]);
    let answers = until("all is answered", || {
        Some(told(&faked, ANN)).filter(|answers| answers.len() >= count)
    });
    let mut numbers: Vec<u64> = answers
        .iter()
        .filter_map(|answer| answer["payload"]["result"]["n"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count as u64).collect::<Vec<u64>>());
    assert_eq!(faked.place.turned_away("received"), count as u64);
}

/// Returns how many peers have a mark, after `change` was made of them. The host must not run.
fn marks(faked: &Faked, change: &str) -> i64 {
    let database = rusqlite::Connection::open(faked.place.home().join("host.db")).expect("ours");
    database.execute_batch(change).expect("a change");
    let count = database.query_row("SELECT count(*) FROM cursor", [], |row| row.get(0));
    count.expect("a count")
}

#[test]
fn who_sends_nothing_for_long_leaves_no_mark_and_is_heard_again() {
    let faked = Faked::with_client();
    faked.place.drop_in("echo.wasm", "echo.wasm");
    faked.world(&json!([]));
    let (bob, eve) = ("b0".repeat(32), "ee".repeat(32));
    let serving = faked.place.serve(&[]);
    faked.place.wait_for("echo", "exposed");
    for peer in [ANN, &bob, &eve] {
        faked.place.owner(
            json!({ "do": "trust_set", "peer": format!("xmtp:{peer}"), "tier": "privileged" }),
        );
    }
    drop(serving);
    let ago = |mut peer: Value, days: u64| {
        peer["ago"] = json!(60 + days * 24 * 3_600);
        peer
    };
    // What is older than anything that is served is not looked for, though it comes first.
    faked.world(&json!([
        ago(peer(&eve, 50, 0, 0), 9),
        peer(&bob, 1, 0, 0),
        peer(ANN, 3, 0, 0)
    ]));
    let serving = faked.place.serve(&[]);
    until("all that is new is answered", || {
        (told(&faked, ANN).len() == 3 && told(&faked, &bob).len() == 1).then_some(())
    });
    assert_eq!(faked.place.turned_away("received"), 4);
    faked.place.settled();
    assert!(serving.terminate().success());
    assert_eq!(marks(&faked, ""), 2);

    // Both have sent nothing for long, and then one does again.
    let nine_days_ns = 9_i64 * 24 * 3_600 * 1_000_000_000;
    marks(
        &faked,
        &format!("UPDATE cursor SET sent_ns = sent_ns - {nine_days_ns}"),
    );
    faked.world(&json!([ago(peer(&bob, 1, 0, 0), 9), peer(ANN, 4, 0, 0)]));
    let serving = faked.place.serve(&[]);
    until("the new one is answered", || {
        let answers = told(&faked, ANN);
        let is_new = |answer: &Value| answer["payload"]["result"]["n"] == 3;
        answers.iter().any(is_new).then_some(())
    });
    faked.place.wait_for_log("forgot what is old");
    faked.place.settled();
    let ran = faked
        .place
        .tasks()
        .iter()
        .filter(|task| task["skill"] == "echo")
        .count();
    assert_eq!(ran, 5, "each once");
    assert_eq!(told(&faked, &bob).len(), 1);
    assert!(serving.terminate().success());
    assert_eq!(marks(&faked, ""), 1);
}
