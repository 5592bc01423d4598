//! Requests on their way through: known again, started, ended, taken back, and interrupted.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_request_passes_all_its_stations() {
    let store = store();
    assert_eq!(
        store.accept(arrival(1)).await.expect("a request"),
        Accepted::Fresh
    );
    let queued = store.queued().await.expect("rows");
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].task, queued[0].size.0), (task(1), 9));
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Underway
    );
    let digest = Digest::of(b"component");
    assert_eq!(
        store
            .start(task(1), Some(digest), Tier::Known)
            .await
            .expect("a start"),
        1
    );
    assert!(store.queued().await.expect("rows").is_empty());
    assert_eq!(store.running().await.expect("rows")[0].digest, Some(digest));
    let sent = store
        .finish(finish(1))
        .await
        .expect("an end")
        .expect("an answer");
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Answered(b"answer 1".to_vec())
    );
    let out = due(&store, NOW).await;
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].id, &out[0].message_id), (sent.id, &sent.message_id));
    assert_eq!(
        (out[0].bytes.as_slice(), out[0].task),
        (b"answer 1".as_slice(), Some(task(1)))
    );
    store
        .sent(vec![sent.id], later(SECOND))
        .await
        .expect("a delivery");
    assert!(due(&store, later(HOUR)).await.is_empty());
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert_eq!(
        (row.state, row.attempt, row.delivered),
        (TaskState::Done, 1, Some(later(SECOND)))
    );
    assert_eq!(row.body.as_deref(), Some(b"request 1".as_slice()));
}

#[tokio::test]
async fn the_same_message_is_known_again() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    let again = Arrival {
        task: task(2),
        ..arrival(1)
    };
    assert_eq!(
        store.accept(again).await.expect("a request"),
        Accepted::SameMessage { of: task(1) }
    );
    // Another peer's message with the same id is another message.
    let other = Arrival {
        peer: peer(2),
        ..arrival(3)
    };
    let other = Arrival {
        transport_id: arrival(1).transport_id,
        ..other
    };
    assert_eq!(
        store.accept(other).await.expect("a request"),
        Accepted::Fresh
    );
    assert_eq!(store.queued().await.expect("rows").len(), 2);
}

#[tokio::test]
async fn the_same_request_within_a_day_is_a_duplicate() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    let resent = |n: u64, at| Arrival {
        task: task(n),
        transport_id: format!("message {n}"),
        received: at,
        ..arrival(1)
    };
    let of = task(1);
    assert_eq!(
        store
            .accept(resent(2, later(DAY - 1)))
            .await
            .expect("a request"),
        Accepted::Duplicate { of }
    );
    // The duplicate's own transport id leads to the first task as well.
    let third = Arrival {
        task: task(3),
        ..resent(2, later(DAY - 1))
    };
    assert_eq!(
        store.accept(third).await.expect("a request"),
        Accepted::SameMessage { of }
    );
    for (n, changed) in [
        (
            4,
            Arrival {
                peer: peer(2),
                ..resent(4, NOW)
            },
        ),
        (
            5,
            Arrival {
                correlation: Some("another".to_owned()),
                ..resent(5, NOW)
            },
        ),
        (
            6,
            Arrival {
                fingerprint: [0; 32],
                ..resent(6, NOW)
            },
        ),
        (
            7,
            Arrival {
                correlation: None,
                ..resent(7, NOW)
            },
        ),
        (
            8,
            Arrival {
                correlation: None,
                ..resent(8, NOW)
            },
        ),
        (9, resent(9, later(DAY))),
    ] {
        assert_eq!(
            store.accept(changed).await.expect("a request"),
            Accepted::Fresh,
            "{n}"
        );
    }
    // A day after the first, the newer one is what a repeat belongs to.
    let of = task(9);
    assert_eq!(
        store
            .accept(resent(10, later(DAY + HOUR)))
            .await
            .expect("a request"),
        Accepted::Duplicate { of }
    );
}

#[tokio::test]
async fn an_end_is_whole_or_not_at_all() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    store
        .start(task(1), None, Tier::Known)
        .await
        .expect("a start");
    let area = AreaRow {
        skill: "notes".to_owned(),
        caller: None,
    };
    let write = |key: &str, size| StateWriteRow {
        area: area.clone(),
        key: key.to_owned(),
        value: Some(vec![0; size]),
    };
    let too_much = Finish {
        writes: vec![write("a", 1), write("b", 2 << 20)],
        ..finish(1)
    };
    assert!(matches!(
        store.finish(too_much).await,
        Err(StoreError::StateFull { .. })
    ));
    assert_eq!(
        store.state_used(area.clone()).await.expect("a sum"),
        StateUse::default()
    );
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Underway
    );
    assert_eq!(store.pending().await.expect("a sum"), Pending::default());
    let log = vec![LogRow::new(NOW, LogLevel::Info, "hello".to_owned())];
    let good = Finish {
        writes: vec![write("a", 1)],
        log: log.clone(),
        ..finish(1)
    };
    store.finish(good).await.expect("an end");
    assert_eq!(
        store
            .state_get(area, "a".to_owned())
            .await
            .expect("a value"),
        Some(vec![0])
    );
    assert_eq!(store.logs(task(1)).await.expect("a log"), log);
    assert_eq!(store.pending().await.expect("a sum").count, 1);
}

#[tokio::test]
async fn what_has_ended_does_not_change() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    store.finish(finish(1)).await.expect("an end");
    assert!(matches!(
        store.start(task(1), None, Tier::Known).await,
        Err(StoreError::NotOpen)
    ));
    assert!(matches!(
        store.finish(finish(1)).await,
        Err(StoreError::NotOpen)
    ));
    store.drop_task(task(1)).await.expect("nothing to do");
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert_eq!(row.state, TaskState::Done);
    assert_eq!(store.pending().await.expect("a sum").count, 1);
}

#[tokio::test]
async fn a_dropped_request_leaves_only_that_it_was_seen() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    store.drop_task(task(1)).await.expect("a drop");
    assert!(store.queued().await.expect("rows").is_empty());
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Gone
    );
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert_eq!((row.state, row.body), (TaskState::Dropped, None));
    let of = task(1);
    assert_eq!(
        store.accept(arrival(1)).await.expect("a request"),
        Accepted::SameMessage { of }
    );
}

#[tokio::test]
async fn revoking_a_peer_takes_back_everything_open_and_nothing_else() {
    let store = store();
    for n in 1..=4 {
        store.accept(arrival(n)).await.expect("a request");
    }
    store
        .accept(Arrival {
            peer: peer(2),
            ..arrival(5)
        })
        .await
        .expect("a request");
    store
        .start(task(2), None, Tier::Known)
        .await
        .expect("a start");
    let delivered = store
        .finish(finish(3))
        .await
        .expect("an end")
        .expect("an answer");
    store
        .sent(vec![delivered.id], NOW)
        .await
        .expect("a delivery");
    store.finish(finish(4)).await.expect("an end");
    store
        .push(
            peer(1),
            b"news".to_vec(),
            None,
            "m".to_owned(),
            Delivery::AtLeastOnce,
        )
        .await
        .expect("a message");
    store
        .finish(Finish {
            reply: Some(b"for another".to_vec()),
            ..finish(5)
        })
        .await
        .expect("an end");
    let mut cancelled = store.cancel_peer(peer(1)).await.expect("a revocation");
    cancelled.sort();
    assert_eq!(cancelled, [task(1), task(2)]);
    let out = due(&store, NOW).await;
    assert_eq!(
        out.iter().map(|row| row.peer.clone()).collect::<Vec<_>>(),
        [peer(2)]
    );
    assert!(
        store.queued().await.expect("rows").is_empty()
            && store.running().await.expect("rows").is_empty()
    );
    // The guest of the running one ends now: too late.
    assert!(matches!(
        store.finish(finish(2)).await,
        Err(StoreError::NotOpen)
    ));
    for (n, recorded) in [
        (1, Recorded::Gone),
        (2, Recorded::Gone),
        (3, Recorded::Answered(b"answer 3".to_vec())),
        (4, Recorded::Gone),
    ] {
        assert_eq!(
            store.recorded(task(n)).await.expect("a record"),
            recorded,
            "{n}"
        );
    }
}

#[tokio::test]
async fn text_of_peers_is_bounded() {
    let store = store();
    let long = Arrival {
        kind: "k".repeat(10_000),
        correlation: Some("é".repeat(10_000)),
        skill: Some("s".repeat(10_000)),
        transport_id: "t".repeat(10_000),
        ..arrival(1)
    };
    store.accept(long.clone()).await.expect("a request");
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert!(row.kind.len() <= 256 && row.transport_id.len() <= 256);
    assert!(
        row.correlation
            .is_some_and(|text| text.len() <= 256 && text.starts_with('é'))
    );
    assert!(row.skill.is_some_and(|text| text.len() <= 800));
    // Cut for display only: what is recognised is the whole.
    let other = Arrival {
        transport_id: format!("{}!", long.transport_id),
        correlation: None,
        task: task(2),
        ..long
    };
    assert_eq!(
        store.accept(other).await.expect("a request"),
        Accepted::Fresh
    );
}

#[tokio::test]
async fn what_waits_keeps_the_order_of_its_arrival() {
    let store = store();
    for n in 1..=4 {
        store.accept(arrival(n)).await.expect("a request");
    }
    store
        .start(task(1), None, Tier::Known)
        .await
        .expect("a start");
    let queued = store.queued().await.expect("rows");
    let order: Vec<_> = queued.iter().map(|row| row.task).collect();
    assert_eq!(order, [task(2), task(3), task(4)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever comes in whatever order, a task is run for each new question and for nothing else.
    #[test]
    fn each_question_is_one_task(messages in prop::collection::vec((0u64..3, 0u64..4, 0u64..4), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let store = store();
            let mut ids = std::collections::HashMap::new();
            let mut questions = std::collections::HashMap::new();
            for (n, (from, id, question)) in (100..).zip(messages) {
                let message = Arrival {
                    peer: peer(from),
                    transport_id: format!("id {id}"),
                    ..Arrival { task: task(n), ..arrival(question) }
                };
                let expected = match (ids.get(&(from, id)), questions.get(&(from, question))) {
                    (Some(of), _) => Accepted::SameMessage { of: *of },
                    (None, Some(of)) => Accepted::Duplicate { of: *of },
                    (None, None) => Accepted::Fresh,
                };
                let of = match expected {
                    Accepted::Fresh => task(n),
                    Accepted::SameMessage { of } | Accepted::Duplicate { of } => of,
                };
                if expected == Accepted::Fresh {
                    questions.insert((from, question), of);
                }
                ids.entry((from, id)).or_insert(of);
                assert_eq!(store.accept(message).await.expect("a request"), expected);
            }
            assert_eq!(store.queued().await.expect("rows").len(), questions.len());
        });
    }
}

#[tokio::test]
async fn what_never_ran_leaves_no_body() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    let refused = Finish {
        usage: None,
        outcome: "UNKNOWN_SKILL".to_owned(),
        ..finish(1)
    };
    store.finish(refused).await.expect("an answer");
    let row = store
        .task(task(1))
        .await
        .expect("a row")
        .expect("it is kept");
    assert_eq!(row.body, None, "a refused request weighs nothing");
    assert_eq!(
        store.recorded(task(1)).await.expect("a row"),
        Recorded::Answered(b"answer 1".to_vec()),
        "and its answer is still known"
    );
}
