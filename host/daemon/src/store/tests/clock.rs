//! Records that a clock dated which was ahead for a while.

use std::time::Duration;

use coworker_core::GuardMode;

use super::*;

const YEARS: i64 = 1_500 * DAY;

/// Serves a call of a skill that asked a model, at a time by the clock of then.
async fn ask(store: &Store, n: u64, at: Timestamp) {
    store.accept(arrival(n)).await.expect("a request");
    let usage = UsageRow {
        model_calls: 1,
        ..UsageRow::default()
    };
    let end = Finish {
        at,
        release_at: at,
        usage: Some(usage),
        ..finish(n)
    };
    store.finish(end).await.expect("an end");
}

/// Returns when what was spent in the day before `now` counts.
async fn spent(store: &Store, now: Timestamp) -> Vec<(Timestamp, u64)> {
    let since = Timestamp(now.0 - DAY);
    let rows = store.spent_since(since, now).await.expect("sums");
    rows.iter().map(|row| (row.at, row.calls)).collect()
}

#[tokio::test]
async fn what_was_spent_ahead_of_the_clock_counts_for_a_day_over_any_number_of_starts() {
    let store = store();
    ask(&store, 1, NOW).await;
    ask(&store, 2, later(YEARS)).await;
    ask(&store, 3, later(YEARS + DAY)).await;
    let found = later(HOUR);
    for now in [found, later(2 * HOUR), later(20 * HOUR)] {
        let all = spent(&store, now).await;
        assert_eq!(all, [(NOW, 1), (found, 1), (found, 1)], "{now:?}");
    }
    assert_eq!(spent(&store, later(2 * DAY)).await, []);
    // The clock is ahead once more, and back.
    ask(&store, 4, later(YEARS + 2 * DAY)).await;
    let again = later(3 * DAY);
    assert_eq!(spent(&store, again).await.len(), 3);
    assert_eq!(spent(&store, later(5 * DAY)).await, []);
    // Where the clock of now was the wrong one, nothing is lost.
    let right = later(YEARS + 2 * DAY + HOUR);
    assert_eq!(spent(&store, right).await, [(later(YEARS + 2 * DAY), 1)]);
}

#[tokio::test]
async fn what_was_rejected_far_ahead_of_the_clock_takes_no_skill_from_a_peer() {
    let store = store();
    let day = Duration::from_secs(24 * 3_600);
    let reject = async |n, at| {
        let row = RejectionRow {
            peer: peer(1),
            skill: "echo".to_owned(),
            task: task(n),
            at,
            stage: "output".to_owned(),
            mode: GuardMode::Block,
            what: "a line".to_owned(),
        };
        store.guard_reject(row, day, 2).await.expect("a row")
    };
    assert!(!reject(1, later(YEARS)).await);
    assert!(!reject(2, NOW).await, "the other one is years ahead");
    // A small step back forgives nothing.
    assert!(reject(3, later(-HOUR)).await);
}

#[tokio::test]
async fn an_answer_that_was_dated_ahead_of_the_clock_leaves() {
    let store = store();
    ask(&store, 1, later(YEARS)).await;
    ask(&store, 2, NOW).await;
    ask(&store, 3, later(SECOND / 40)).await;
    let ready = |rows: Vec<OutRow>| rows.iter().filter_map(|row| row.task).collect::<Vec<_>>();
    assert_eq!(ready(due(&store, NOW).await), [task(1), task(2)]);
    assert_eq!(ready(due(&store, later(SECOND / 40)).await).len(), 3);
}
