//! No message is lost or comes out of order: not over a kill, not for a slow subscriber, not in a flood.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

use super::client::{Client, config, message, next, start};
use crate::proto::mls::{GroupMessage, GroupMessageV1};
use crate::{Node, NodeConfig};

/// Tells this test binary to be a node, and where.
const SERVE: &str = "XMTP_NODE_TEST_SERVES";

/// Not a test of its own: what [`a_killed_node_keeps_what_it_acknowledged`] starts and kills.
#[tokio::test]
async fn serves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(SERVE) else {
        return;
    };
    let mut config = NodeConfig::new(folder);
    config.listen.set_port(0);
    let node = Node::bind(config).await.expect("a node");
    println!("\nlistens {}", node.address());
    node.join().await.expect("never");
}

async fn spawn(folder: &Path) -> (Child, Client) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "tests::lasting::serves_until_it_is_killed"])
        .args(["--nocapture", "--test-threads=1"])
        .env(SERVE, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let output = BufReader::new(child.stdout.take().expect("its output"));
    let address = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listens ").map(str::to_owned))
        .expect("an address");
    let client = Client::connect(address.parse().expect("an address")).await;
    (child, client)
}

/// Sends numbered messages one after the other until the node is gone. Returns how many were acknowledged.
async fn send_until_killed(client: Client, group: Bytes, acknowledged: Sender<()>) -> u32 {
    for number in 0u32.. {
        let message = message(&group, &number.to_be_bytes());
        if client.send(&[message]).await.is_err() {
            return number;
        }
        // Once the node is about to be killed nobody counts any more.
        let _ = acknowledged.try_send(());
    }
    0
}

fn number(message: &GroupMessageV1) -> u32 {
    let (_, last) = message.data.split_at(message.data.len() - 4);
    u32::from_be_bytes(last.try_into().expect("four bytes"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut newest = 0;
    for round in 0..3u8 {
        let (mut child, client) = spawn(folder.path()).await;
        let (acknowledged, mut count) = mpsc::channel(1_000);
        let mut senders = JoinSet::new();
        for group in 0..8u8 {
            let (client, group) = (client.clone(), Bytes::from(vec![round, group]));
            let acknowledged = acknowledged.clone();
            senders.spawn(async move {
                let sent = send_until_killed(client, group.clone(), acknowledged).await;
                (group, sent)
            });
        }
        for _ in 0..100 {
            count.recv().await.expect("an acknowledgement");
        }
        child.kill().expect("killed");
        child.wait().expect("ended");
        let sent = senders.join_all().await;

        let (mut child, client) = spawn(folder.path()).await;
        let mut acknowledged = 0;
        let mut latest = newest;
        for (group, count) in sent {
            acknowledged += count;
            let kept = client.everything(&group).await;
            let numbers: Vec<u32> = kept.iter().map(number).collect();
            // One more than was acknowledged may have reached the disk.
            assert!(numbers.len() as u32 >= count, "{numbers:?} of {count}");
            assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
            assert!(kept.iter().all(|it| it.id > newest), "an id came twice");
            latest = kept.last().map_or(latest, |it| latest.max(it.id));
        }
        assert!(acknowledged >= 100, "only {acknowledged} before the kill");
        newest = latest;
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_subscriber_loses_nothing() {
    // More than the channel and the connection's window hold, and messages too large for the channel among them.
    const COUNT: u32 = 6_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let slow = Client::connect(_node.address()).await;
    let filters: [(&[u8], u64); 2] = [(b"one", 0), (b"two", 0)];
    let mut stream = slow
        .subscribe::<GroupMessage>("SubscribeGroupMessages", &filters)
        .await
        .expect("a subscription");
    let text = |number: u32| {
        let size = if number % 100 == 7 { 40_000 } else { 2_000 };
        [vec![1; size], number.to_be_bytes().to_vec()].concat()
    };
    for start in (0..COUNT).step_by(50) {
        let messages: Vec<Bytes> = (start..start + 50)
            .map(|it| message(if it % 3 == 0 { b"one" } else { b"two" }, &text(it)))
            .collect();
        client.send(&messages).await.expect("sent");
    }
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..COUNT {
        let heard = next(&mut stream).await;
        let heard = heard.v1.expect("version 1");
        let which = if heard.group_id == "one" {
            &mut one
        } else {
            &mut two
        };
        which.push(number(&heard));
    }
    assert_eq!(one, (0..COUNT).filter(|it| it % 3 == 0).collect::<Vec<_>>());
    assert_eq!(two, (0..COUNT).filter(|it| it % 3 != 0).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flood_everybody_hears_everything_in_the_same_order() {
    const SENDERS: u8 = 8;
    const EACH: u32 = 150;
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start(config(&folder)).await;
    let address = node.address();
    let mut listeners = JoinSet::new();
    for _ in 0..4 {
        let client = Client::connect(address).await;
        let mut stream = client
            .subscribe::<GroupMessage>("SubscribeGroupMessages", &[(b"flood", 0)])
            .await
            .expect("a subscription");
        listeners.spawn(async move {
            let mut heard = Vec::new();
            for _ in 0..u32::from(SENDERS) * EACH {
                let message = next(&mut stream).await;
                heard.push(message.v1.expect("version 1"));
            }
            heard
        });
    }
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let client = Client::connect(address).await;
        senders.spawn(async move {
            for number in 0..EACH {
                let text = [vec![sender], number.to_be_bytes().to_vec()].concat();
                client
                    .send(&[message(b"flood", &text)])
                    .await
                    .expect("sent");
            }
        });
    }
    senders.join_all().await;
    let stored = client.everything(b"flood").await;
    assert_eq!(stored.len(), usize::from(SENDERS) * EACH as usize);
    assert!(stored.is_sorted_by(|a, b| a.id < b.id && a.created_ns < b.created_ns));
    for heard in listeners.join_all().await {
        assert_eq!(heard, stored);
    }
}
