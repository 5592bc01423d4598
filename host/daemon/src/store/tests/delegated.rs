//! Work given to peers: what counts as its answer, and how far it is.

use super::*;

fn work(n: u64) -> Delegate {
    Delegate {
        task: format!("task-{n}"),
        peer: peer(n),
        skill: "slow".to_owned(),
        bytes: vec![b'x'; 10],
        delivery: Delivery::AtLeastOnce,
        asked: NOW,
        deadline: later(7 * DAY),
    }
}

async fn state(store: &Store, n: u64, now: Timestamp) -> DelegatedState {
    let rows = store.delegated_like(&format!("task-{n}")).await;
    rows.expect("a read")[0].state(now)
}

#[tokio::test]
async fn a_task_is_as_far_as_its_request_and_its_answer() {
    let store = store();
    let id = store.delegate(work(1)).await.expect("a task");
    assert_eq!(state(&store, 1, NOW).await, DelegatedState::Queued);
    store.sent(vec![id], NOW).await.expect("a delivery");
    assert_eq!(state(&store, 1, NOW).await, DelegatedState::Sent);
    assert_eq!(
        state(&store, 1, later(8 * DAY)).await,
        DelegatedState::Expired
    );
    let answer = |n: u64, at: Timestamp| {
        let store = store.clone();
        async move {
            let answered = store.delegated_answer(peer(n), "task-1", b"a".to_vec(), true, at);
            answered.await.expect("a write").0
        }
    };
    assert!(!answer(2, NOW).await, "of another peer");
    assert!(!answer(1, later(8 * DAY)).await, "too late");
    assert!(answer(1, later(6 * DAY)).await);
    assert!(!answer(1, later(6 * DAY)).await, "the second");
    assert_eq!(state(&store, 1, later(9 * DAY)).await, DelegatedState::Done);
    assert_eq!(
        store.delegated_reply("task-1").await.expect("a read"),
        Some(b"a".to_vec())
    );
    assert_eq!(store.delegated_open(NOW).await.expect("a read"), []);
}

#[tokio::test]
async fn what_was_answered_is_not_asked_again() {
    let store = store();
    let first = store.delegate(work(1)).await.expect("a task");
    store.delegate(work(2)).await.expect("a task");
    let waiting = async || due(&store, NOW).await.len();
    assert_eq!(waiting().await, 2);
    let answer = |from: u64, task: &'static str| {
        store.delegated_answer(peer(from), task, b"a".to_vec(), true, NOW)
    };
    let of_another = answer(9, "task-1").await.expect("a write");
    assert_eq!(of_another, (false, None));
    assert_eq!(waiting().await, 2);
    // It left, as there is an answer; that it did was not marked yet.
    let answered = answer(1, "task-1").await.expect("a write");
    assert_eq!(answered, (true, Some(first)));
    assert_eq!(waiting().await, 1);
}

#[tokio::test]
async fn what_can_never_leave_has_failed() {
    let store = store();
    let id = store.delegate(work(1)).await.expect("a task");
    store.drop_outgoing(id).await.expect("a write");
    assert_eq!(state(&store, 1, NOW).await, DelegatedState::Failed);
    store.delegate(work(2)).await.expect("a task");
    store.cancel_peer(peer(2)).await.expect("a write");
    assert_eq!(state(&store, 2, NOW).await, DelegatedState::Failed);
}

#[tokio::test]
async fn another_message_with_the_number_of_a_sent_one_is_not_taken_for_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host.db");
    let open = || Store::open(&path, StoreOptions::default()).expect("a store");
    let store = open();
    let first = store.delegate(work(1)).await.expect("a task");
    store.sent(vec![first], NOW).await.expect("a delivery");
    store.close().await.expect("an end");
    let store = open();
    let second = store.delegate(work(2)).await.expect("a task");
    assert_eq!(first, second, "numbers start again with the host");
    assert_eq!(state(&store, 1, NOW).await, DelegatedState::Sent);
    let cancelled = store.cancel_delegated("task-1", NOW).await;
    assert_eq!(cancelled.expect("a write"), (true, None));
    assert_eq!(state(&store, 2, NOW).await, DelegatedState::Queued);
    let cancelled = store.cancel_delegated("task-2", NOW).await;
    assert_eq!(cancelled.expect("a write"), (true, Some(second)));
    assert_eq!(store.pending().await.expect("a read").count, 0);
    let cancelled = store.cancel_delegated("task-2", NOW).await;
    assert_eq!(cancelled.expect("a write"), (false, None));
}

#[tokio::test]
async fn answers_are_kept_for_a_while_and_open_tasks_until_their_end() {
    let store = store();
    for n in 1..=3 {
        store.delegate(work(n)).await.expect("a task");
    }
    let answered = store.delegated_answer(peer(1), "task-1", Vec::new(), true, NOW);
    assert!(answered.await.expect("a write").0);
    store
        .cancel_delegated("task-2", NOW)
        .await
        .expect("a write");
    let left = |at: Timestamp| {
        let store = store.clone();
        async move {
            store
                .sweep(at, &Retention::default())
                .await
                .expect("a sweep");
            store.delegated(10).await.expect("a read").len()
        }
    };
    assert_eq!(left(later(6 * DAY)).await, 3);
    assert_eq!(left(later(8 * DAY)).await, 1);
    assert_eq!(left(later(15 * DAY)).await, 0);
}
