//! Messages on their way out: in turn, put off, and never mistaken for one another.

use super::*;

#[tokio::test]
async fn the_outbox_serves_peers_in_turn_and_puts_off_what_failed() {
    let store = store();
    for n in 0..6 {
        let to = if n < 4 { 1 } else { n };
        store
            .push(peer(to), vec![n as u8], None, format!("m{n}"))
            .await
            .expect("a message");
    }
    let bytes = |rows: Vec<OutRow>| rows.iter().map(|row| row.bytes[0]).collect::<Vec<_>>();
    assert_eq!(
        bytes(store.due(NOW, 10).await.expect("rows")),
        [0, 1, 2, 3, 4, 5]
    );
    assert_eq!(bytes(store.due(NOW, 3).await.expect("rows")), [0, 4, 5]);
    assert_eq!(
        bytes(store.outgoing(peer(1), NOW, 2).await.expect("rows")),
        [0, 1]
    );
    assert_eq!(store.outbox_peers().await.expect("peers").len(), 3);
    let first = store.due(NOW, 1).await.expect("rows").remove(0);
    store.retry(first.id, later(SECOND)).await.expect("later");
    assert_eq!(
        bytes(store.outgoing(peer(1), NOW, 2).await.expect("rows")),
        [1, 2]
    );
    let again = store.due(later(SECOND), 1).await.expect("rows").remove(0);
    assert_eq!(
        (again.id, again.tries, again.message_id.as_str()),
        (first.id, 1, "m0")
    );
    store.drop_outgoing(first.id).await.expect("a drop");
    assert_eq!(
        store.pending().await.expect("a sum"),
        Pending {
            count: 5,
            bytes: Bytes(5)
        }
    );
}

#[tokio::test]
async fn ids_of_the_outbox_are_not_used_again() {
    let store = store();
    let first = store
        .push(peer(1), b"one".to_vec(), None, "a".to_owned())
        .await
        .expect("a message");
    store.drop_outgoing(first).await.expect("a drop");
    let second = store
        .push(peer(1), b"two".to_vec(), None, "b".to_owned())
        .await
        .expect("a message");
    assert_ne!(first, second);
    store
        .sent(vec![first], NOW)
        .await
        .expect("a late word about the first");
    assert_eq!(store.pending().await.expect("a sum").count, 1);
}
