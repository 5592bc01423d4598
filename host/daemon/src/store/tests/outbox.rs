//! Messages on their way out: each peer's in their order, and never mistaken for one another.

use super::*;

#[tokio::test]
async fn each_peers_messages_leave_in_their_order() {
    let store = store();
    for n in 0..6 {
        let to = if n < 4 { 1 } else { n };
        store
            .push(
                peer(to),
                vec![n as u8],
                None,
                format!("m{n}"),
                Delivery::AtLeastOnce,
            )
            .await
            .expect("a message");
    }
    let bytes = |rows: Vec<OutRow>| rows.iter().map(|row| row.bytes[0]).collect::<Vec<_>>();
    assert_eq!(
        bytes(store.outgoing(peer(1), NOW, 2).await.expect("rows")),
        [0, 1]
    );
    let sums = store.outbox_sums().await.expect("sums");
    assert_eq!(sums[0], (peer(1), 4, Bytes(4)));
    assert_eq!(sums.len(), 3);
    let first = due(&store, NOW).await.remove(0);
    assert_eq!(first.message_id, "m0");
    store.drop_outgoing(first.id).await.expect("a drop");
    assert_eq!(
        bytes(store.outgoing(peer(1), NOW, 2).await.expect("rows")),
        [1, 2]
    );
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
        .push(
            peer(1),
            b"one".to_vec(),
            None,
            "a".to_owned(),
            Delivery::AtLeastOnce,
        )
        .await
        .expect("a message");
    store.drop_outgoing(first).await.expect("a drop");
    let second = store
        .push(
            peer(1),
            b"two".to_vec(),
            None,
            "b".to_owned(),
            Delivery::AtLeastOnce,
        )
        .await
        .expect("a message");
    assert_ne!(first, second);
    store
        .sent(vec![first], NOW)
        .await
        .expect("a late word about the first");
    assert_eq!(store.pending().await.expect("a sum").count, 1);
}
