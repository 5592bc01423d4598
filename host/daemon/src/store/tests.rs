//! Tests of the store as a whole: what survives, what is known again, and what is forgotten.

mod clock;
mod crash;
mod delegated;
mod failure;
mod families;
mod inbox;
mod invites;
mod outbox;
mod remembered;
mod retention;

use coworker_core::{Digest, PeerId, TaskId, Tier, Timestamp};

use super::*;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// A point in time that none of the sums below takes under zero.
const NOW: Timestamp = Timestamp(1_000 * DAY);

fn store() -> Store {
    Store::in_memory().expect("memory")
}

fn peer(n: u64) -> PeerId {
    format!("loop:{n:064x}").parse().expect("64 digits")
}

fn task(n: u64) -> TaskId {
    TaskId::from_random(u128::from(n).to_be_bytes())
}

fn later(by: i64) -> Timestamp {
    Timestamp(NOW.0 + by)
}

/// A request of peer 1 that nothing else is like.
fn arrival(n: u64) -> Arrival {
    Arrival {
        task: task(n),
        peer: peer(1),
        transport_id: format!("message {n}"),
        kind: "task_request".to_owned(),
        correlation: Some(format!("correlation {n}")),
        fingerprint: *blake3::hash(&n.to_le_bytes()).as_bytes(),
        skill: Some("echo".to_owned()),
        body: format!("request {n}").into_bytes(),
        received: NOW,
        expires: later(HOUR),
        begun: None,
    }
}

fn finish(n: u64) -> Finish {
    Finish {
        task: task(n),
        outcome: Store::OK.to_owned(),
        reply: Some(format!("answer {n}").into_bytes()),
        release_at: NOW,
        tier: Tier::Known,
        usage: Some(UsageRow::default()),
        writes: Vec::new(),
        log: Vec::new(),
        probe: None,
        at: NOW,
    }
}

/// Returns what may leave, the oldest first.
async fn due(store: &Store, now: Timestamp) -> Vec<OutRow> {
    let mut all = Vec::new();
    for (peer, _, _) in store.outbox_sums().await.expect("sums") {
        all.extend(store.outgoing(peer, now, usize::MAX).await.expect("rows"));
    }
    all.sort_by_key(|row| row.id);
    all
}

/// Returns a question to peer 1.
fn question(correlation: &str, deadline: Timestamp) -> Question {
    Question {
        peer: peer(1),
        correlation: correlation.to_owned(),
        deadline,
        bytes: b"question".to_vec(),
        message_id: format!("question {correlation}"),
        delivery: |_, _| Delivery::AtLeastOnce,
    }
}

/// Makes changes to what skills remember.
async fn put(store: &Store, writes: Vec<StateWriteRow>) -> Result<(), StoreError> {
    store.write(move |c| state::apply(c, &writes)).await
}

/// Takes a request all the way to its delivered answer.
async fn serve(store: &Store, arrival: Arrival) {
    let (task, at) = (arrival.task, arrival.received);
    assert_eq!(
        store.accept(arrival).await.expect("a request"),
        Accepted::Fresh
    );
    store
        .start(task, Some(Digest::of(b"component")), Tier::Known)
        .await
        .expect("a start");
    let end = Finish {
        task,
        release_at: at,
        at,
        ..finish(0)
    };
    let sent = store.finish(end).await.expect("an end").expect("an answer");
    store.sent(vec![sent.id], at).await.expect("a delivery");
}
