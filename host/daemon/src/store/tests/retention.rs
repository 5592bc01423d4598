//! What is forgotten, when, and what is not.

use coworker_core::Span;

use super::*;

async fn sweep(store: &Store, now: Timestamp) -> Swept {
    store
        .sweep(now, &Retention::default())
        .await
        .expect("a sweep")
}

#[tokio::test]
async fn each_thing_is_forgotten_in_its_own_time() {
    let store = store();
    serve(&store, arrival(1)).await;
    assert_eq!(sweep(&store, later(HOUR)).await, Swept::default());
    // After a day a repeat is a new question, but the record is still there for the owner.
    assert_eq!(
        sweep(&store, later(DAY + 1)).await,
        Swept {
            known: 1,
            ..Swept::default()
        }
    );
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Answered(b"answer 0".to_vec())
    );
    assert_eq!(
        sweep(&store, later(7 * DAY + 1)).await,
        Swept {
            bodies: 1,
            ..Swept::default()
        }
    );
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Gone
    );
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert_eq!((row.body, row.outcome.as_deref()), (None, Some("OK")));
    // The network may still deliver the message again.
    let of = task(1);
    assert_eq!(
        store.accept(arrival(1)).await.expect("a request"),
        Accepted::SameMessage { of }
    );
    assert_eq!(
        sweep(&store, later(90 * DAY + 1)).await,
        Swept {
            known: 1,
            tasks: 1,
            ..Swept::default()
        }
    );
    assert_eq!(store.task(task(1)).await.expect("a row"), None);
    assert_eq!(
        store.accept(arrival(1)).await.expect("a request"),
        Accepted::Fresh
    );
}

#[tokio::test]
async fn what_is_open_or_not_delivered_stays() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    store.accept(arrival(2)).await.expect("a request");
    store
        .start(task(2), None, Tier::Known)
        .await
        .expect("a start");
    store.accept(arrival(3)).await.expect("a request");
    store.finish(finish(3)).await.expect("an end");
    let patient = Retention {
        undelivered: Span::secs(1_000 * 24 * 3_600),
        ..Retention::default()
    };
    store
        .sweep(later(400 * DAY), &patient)
        .await
        .expect("a sweep");
    assert_eq!(store.queued().await.expect("rows").len(), 1);
    assert_eq!(
        store.running().await.expect("rows")[0].body.as_deref(),
        Some(b"request 2".as_slice())
    );
    assert_eq!(due(&store, later(400 * DAY)).await[0].bytes, b"answer 3");
}

#[tokio::test]
async fn an_answer_that_cannot_be_delivered_is_given_up() {
    let store = store();
    store.accept(arrival(1)).await.expect("a request");
    store.finish(finish(1)).await.expect("an end");
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
    // The age of the message counts from the first sweep that saw it.
    assert_eq!(sweep(&store, later(7 * DAY)).await.undelivered, 0);
    let swept = sweep(&store, later(7 * DAY + 1)).await;
    assert_eq!((swept.undelivered, swept.bodies), (1, 1));
    assert_eq!(store.pending().await.expect("a sum").count, 1);
    assert_eq!(sweep(&store, later(14 * DAY + 1)).await.undelivered, 1);
    assert_eq!(store.pending().await.expect("a sum"), Pending::default());
}

#[tokio::test]
async fn a_large_store_erases_the_oldest_bodies_first_and_no_open_ones() {
    let store = store();
    store
        .accept(Arrival {
            body: vec![b'o'; 100 << 10],
            ..arrival(0)
        })
        .await
        .expect("a request");
    for n in 1..=40 {
        serve(
            &store,
            Arrival {
                body: vec![b'x'; 100 << 10],
                ..arrival(n)
            },
        )
        .await;
    }
    let before = store.used().await.expect("a size");
    assert!(before > Bytes::mib(4));
    let small = Retention {
        size: Bytes::mib(2),
        ..Retention::default()
    };
    let swept = store.sweep(later(1), &small).await.expect("a sweep");
    assert!(swept.bodies > 0, "{swept:?}");
    assert!(store.used().await.expect("a size") <= Bytes::mib(2));
    assert_eq!(
        store.recorded(task(1)).await.expect("a record"),
        Recorded::Gone
    );
    let open = store.task(task(0)).await.expect("a row").expect("the task");
    assert!(open.body.is_some());
}

#[tokio::test]
async fn long_lists_are_swept_to_the_end() {
    let store = store();
    let all = (0..1_700).map(|n| store.accept(arrival(n)));
    futures::future::join_all(all).await;
    let all = (0..1_700).map(|n| {
        store.finish(Finish {
            reply: None,
            ..finish(n)
        })
    });
    futures::future::join_all(all).await;
    let swept = sweep(&store, later(100 * DAY)).await;
    assert_eq!(
        (swept.known, swept.bodies, swept.tasks),
        (3_400, 1_700, 1_700)
    );
}

#[tokio::test]
async fn strangers_probes_and_old_answers_are_forgotten() {
    let store = store();
    let stranger = PeerRow {
        peer: peer(1),
        name: None,
        claimed_name: None,
        tier: coworker_core::Tier::Untrusted,
        blocked: false,
        lease: None,
        first_seen: NOW,
        last_seen: NOW,
    };
    store.put_peer(stranger.clone()).await.expect("a peer");
    store
        .put_peer(PeerRow {
            peer: peer(2),
            blocked: true,
            ..stranger
        })
        .await
        .expect("a peer");
    store.probe(peer(1), "shell", NOW).await.expect("a probe");
    store.ask(question("c", NOW)).await.expect("a question");
    assert_eq!(sweep(&store, later(HOUR)).await.others, 0);
    assert_eq!(sweep(&store, later(91 * DAY)).await.others, 3);
    let left: Vec<_> = store
        .peers()
        .await
        .expect("rows")
        .into_iter()
        .map(|row| row.peer)
        .collect();
    assert_eq!(left, [peer(2)], "a block is never forgotten by itself");
}

#[tokio::test]
async fn a_database_that_is_too_large_lets_go_of_the_oldest_tasks_but_not_of_fresh_transport_ids() {
    let store = store();
    let all = (0..4_000).map(|n| store.accept(arrival(n)));
    futures::future::join_all(all).await;
    let all = (1..4_000).map(|n| {
        store.finish(Finish {
            reply: None,
            usage: None,
            ..finish(n)
        })
    });
    futures::future::join_all(all).await;
    let before = store.used().await.expect("a size");
    let small = Retention {
        size: Bytes(before.0 * 3 / 4),
        ..Retention::default()
    };
    store.sweep(later(1), &small).await.expect("a sweep");
    assert!(store.used().await.expect("a size") <= small.size);
    assert!(
        store.task(task(0)).await.expect("a read").is_some(),
        "it is open"
    );
    assert!(store.task(task(1)).await.expect("a read").is_none());
    assert!(store.task(task(3_999)).await.expect("a read").is_some());
    let again = store.accept(arrival(1)).await.expect("an outcome");
    assert!(matches!(again, Accepted::SameMessage { .. }), "{again:?}");
}
