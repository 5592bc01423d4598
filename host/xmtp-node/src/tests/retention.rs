//! What is past its time is deleted, and nothing else is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::captured;
use super::client::{config, message, start, store};
use crate::Node;
use crate::config::NodeLimits;
use crate::node::sweep;
use crate::proto::mls::WelcomeMessage;
use crate::store::{Feed, NewGroupMessage, NewWelcome, Page, Store, now_ns};

const DAY: u64 = 24 * 60 * 60;

fn welcome(number: u32) -> NewWelcome {
    NewWelcome {
        installation: "installation".into(),
        is_pointer: number % 2 == 1,
        data: Bytes::copy_from_slice(&number.to_be_bytes()),
        hpke_key: "key".into(),
        algorithm: 1,
        metadata: Bytes::new(),
    }
}

fn group_message(number: u8) -> NewGroupMessage {
    NewGroupMessage {
        group_id: "group".into(),
        is_commit: false,
        data: vec![number].into(),
        sender_hmac: Bytes::new(),
        should_push: false,
    }
}

async fn kept<M: Feed>(store: &Store, topic: &'static str) -> Vec<u64> {
    let (mut ids, mut last) = (Vec::new(), 0);
    loop {
        let paged = store.page::<M>(topic.into(), Page::after(last)).await;
        let paged = paged.expect("a page");
        ids.extend(paged.rows.iter().map(Feed::id));
        last = ids.last().copied().unwrap_or(0);
        if !paged.full {
            return ids;
        }
    }
}

#[tokio::test]
async fn welcomes_go_by_their_age_a_few_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    // A row costs 160 bytes, the welcome's data four and its key three.
    let limits = NodeLimits {
        installation_bytes: 1_300 * 167,
        ..NodeLimits::default()
    };
    let store = store(&folder, limits);
    let send = |numbers: std::ops::Range<u32>| store.send_welcomes(numbers.map(welcome).collect());
    send(0..1_200).await.expect("room");
    let between = now_ns();
    // Times in the database never repeat, so what comes now is later than what came before.
    while now_ns() <= between + 2_000 {}
    send(1_200..1_300).await.expect("room");
    send(1_300..1_301).await.expect_err("full");
    let all = kept::<WelcomeMessage>(&store, "installation").await;
    assert_eq!(all.len(), 1_300);

    assert!(!store.sweep(0).await.expect("nothing is that old"));
    assert_eq!(kept::<WelcomeMessage>(&store, "installation").await, all);
    for (more, left) in [(true, 800), (true, 300), (false, 100)] {
        assert_eq!(store.sweep(between).await.expect("swept"), more);
        let now = kept::<WelcomeMessage>(&store, "installation").await;
        assert_eq!(now, all[1_300 - left..], "the oldest go first");
    }
    // What is gone takes up no room, and may be sent again.
    send(0..1_200).await.expect("room");
    send(1_300..1_301).await.expect_err("full again");
}

static TIME: AtomicU64 = AtomicU64::new(0);

#[tokio::test]
async fn the_sweep_comes_again_and_goes_by_the_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder, NodeLimits::default());
    let now = u64::try_from(now_ns()).expect("after 1970") / 1_000_000_000;
    store
        .send_welcomes(vec![welcome(1)])
        .await
        .expect("a welcome");
    store
        .send_group(vec![group_message(1)])
        .await
        .expect("a message");
    TIME.store(now + 89 * DAY, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let sweeping = tokio::task::JoinSet::from_iter([sweep(
        store.clone(),
        Duration::from_secs(90 * DAY),
        Duration::from_millis(1),
        || TIME.load(Ordering::SeqCst),
        stop.clone(),
    )]);
    let swept = async || {
        let groups = kept::<crate::proto::mls::GroupMessage>(&store, "group").await;
        let welcomes = kept::<WelcomeMessage>(&store, "installation").await;
        groups.is_empty() && welcomes.is_empty()
    };
    for _ in 0..20 {
        assert!(!swept().await, "a day too early");
    }
    TIME.store(now + 91 * DAY, Ordering::SeqCst);
    let gone = async { while !swept().await {} };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .expect("it never came again");
    stop.cancel();
    sweeping.join_all().await;
}

/// A hundred days after now.
fn much_later() -> u64 {
    u64::try_from(now_ns()).expect("after 1970") / 1_000_000_000 + 100 * DAY
}

#[tokio::test]
async fn a_node_sweeps_when_it_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start(config(&folder)).await;
    client.welcome(captured::welcomes()).await.expect("sent");
    client.send(&[message(b"group", b"x")]).await.expect("sent");
    let key = captured::welcomes()[0].v1.clone().expect("version 1");
    let key = key.installation_key;
    node.shutdown().await.expect("a clean end");

    let node = Node::bind_at(config(&folder), much_later).await;
    let node = node.expect("a node");
    let client = super::client::Client::connect(node.address()).await;
    let gone = async {
        loop {
            let welcomes = client.welcomes(&key, None).await;
            if welcomes.is_empty() && client.everything(b"group").await.is_empty() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .expect("nothing was swept");
}
