//! The transport alone: order, and what happens between a message's arrival and the host's commit.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use coworker_core::PeerId;
use coworker_host::home::Home;
use coworker_host::store::{Store, StoreOptions};
use coworker_host::tasks::Tasks;
use coworker_host::transport::xmtp::{self, Patience, Record, SidecarFolder};
use coworker_host::transport::{Inbound, Kept, Link, Outgoing, SendError};
use coworker_xmtp_node::{Node, NodeConfig};
use tokio::sync::oneshot;

use super::network::{node_program, sidecar};
use crate::peer::{PATIENCE, block_on};

/// Set for the child that is to be killed: where it lives, and its network.
const CHILD: &str = "COWORKER_TEST_LINK";

/// A node in this process.
async fn node(folder: &tempfile::TempDir) -> (Node, String) {
    let mut config = NodeConfig::new(folder.path().join("node"));
    config.listen = "127.0.0.1:0".parse().expect("an address");
    let node = Node::bind(config).await.expect("a node");
    let url = format!("http://{}", node.address());
    (node, url)
}

/// A home with a transport, and no host.
struct Side {
    home: Home,
    store: Store,
    tasks: Tasks,
    link: Link,
}

impl Side {
    async fn open(folder: &tempfile::TempDir, name: &str, url: &str) -> Self {
        Self::at(&folder.path().join(name), url).await
    }

    async fn at(folder: &Path, url: &str) -> Self {
        Self::paced(folder, url, None).await
    }

    /// The same on a network that allows so many messages in five minutes.
    async fn paced(folder: &Path, url: &str, sends_per_5_min: Option<u32>) -> Self {
        let home = Home::create(folder).expect("a home");
        let store = Store::open(&home.store(), StoreOptions::default()).expect("a store");
        let tasks = Tasks::new();
        let options = xmtp::Options {
            record: Record::open(&home, "local").expect("a folder"),
            store: store.clone(),
            env: "local",
            url: Some(url.to_owned()),
            wallet: Arc::new(home.wallet().expect("a wallet")),
            database_key: [7; 32],
            sidecar: SidecarFolder::locate(&home, Some(&sidecar())),
            node_program: Some(node_program()),
            sends_per_5_min,
            offline_hint: None,
            remembers: Duration::from_secs(3_600),
            patience: Patience::default(),
            stays: true,
            home: home.clone(),
        };
        let link = xmtp::open(options, &tasks).await.expect("a transport");
        Self {
            home,
            store,
            tasks,
            link,
        }
    }

    async fn close(self) {
        self.tasks.stop();
        self.tasks.ended().await;
        self.store.close().await.expect("closed");
    }

    /// Sends a text, again and again until the network has it.
    async fn send(&self, to: &PeerId, text: &str) {
        loop {
            let (done, outcome) = oneshot::channel();
            let message = Outgoing {
                round: 0,
                to: to.clone(),
                id: text.to_owned(),
                bytes: text.as_bytes().to_vec(),
                done,
            };
            self.link.outbox.send(message).await.expect("it runs");
            match outcome.await.expect("an outcome") {
                Ok(()) => return,
                Err(SendError::Impossible(why)) => panic!("{why}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn next(&mut self) -> Inbound {
        tokio::time::timeout(PATIENCE, self.link.inbox.recv())
            .await
            .expect("a message in time")
            .expect("the transport runs")
    }
}

impl Side {
    /// Returns the next message that is not one of these, which may come again after a restart.
    async fn next_but(&mut self, had: &[String]) -> Inbound {
        loop {
            let message = self.next().await;
            if !had.contains(&message.id) {
                return message;
            }
            message.kept.send(Kept::Done).expect("the transport waits");
        }
    }
}

fn text(message: &Inbound) -> &str {
    std::str::from_utf8(&message.bytes).expect("text")
}

#[test]
fn what_a_network_does_not_allow_yet_waits_and_is_not_lost() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (node, url) = node(&folder).await;
        // One a minute, and five at once.
        let ann = Side::paced(&folder.path().join("ann"), &url, Some(5)).await;
        let mut bob = Side::open(&folder, "bob", &url).await;
        let network = ann.link.network.as_ref().expect("a network");
        let mut status = network.watch();
        status
            .wait_for(|status| status.state == xmtp::State::Ready)
            .await
            .expect("it runs");
        let mut outcomes = Vec::new();
        for number in 0..8u8 {
            let (done, outcome) = oneshot::channel();
            let message = Outgoing {
                round: 0,
                to: bob.link.me.clone(),
                id: number.to_string(),
                bytes: number.to_string().into_bytes(),
                done,
            };
            ann.link.outbox.send(message).await.expect("it runs");
            outcomes.push(outcome);
        }
        for (number, outcome) in outcomes.drain(..5).enumerate() {
            outcome.await.expect("an outcome").expect("sent");
            let heard = bob.next().await;
            assert_eq!(text(&heard), number.to_string());
            heard.kept.send(Kept::Done).expect("the transport waits");
        }
        let slowed =
            status.wait_for(|status| status.slowed_until_at.is_some() && status.sending == 3);
        let slowed = tokio::time::timeout(PATIENCE, slowed).await;
        let slowed = slowed.expect("it waits").expect("it runs").state;
        assert_eq!(slowed, xmtp::State::Ready);
        for outcome in &mut outcomes {
            let waits = outcome.try_recv().expect_err("it has no outcome yet");
            assert_eq!(waits, oneshot::error::TryRecvError::Empty);
        }
        ann.close().await;
        bob.close().await;
        node.shutdown().await.expect("closed");
    });
}

#[test]
fn a_thousand_messages_wait_for_who_was_away_and_come_in_their_order() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (node, url) = node(&folder).await;
        let ann = Side::open(&folder, "ann", &url).await;
        let eve = Side::open(&folder, "eve", &url).await;
        let bob = Side::open(&folder, "bob", &url).await;
        let to = bob.link.me.clone();
        bob.close().await;
        let from = |side: &Side| side.link.me.clone();
        let count = 500;
        let send = async |side: &Side, name: &str| {
            for n in 0..count {
                side.send(&to, &format!("{name} {n}")).await;
            }
        };
        tokio::join!(send(&ann, "ann"), send(&eve, "eve"));
        let mut bob = Side::open(&folder, "bob", &url).await;
        assert_eq!(bob.link.me, to);
        let (mut ann_next, mut eve_next) = (0, 0);
        while ann_next < count || eve_next < count {
            let message = bob.next().await;
            let (name, next) = if message.from == from(&ann) {
                ("ann", &mut ann_next)
            } else {
                ("eve", &mut eve_next)
            };
            assert_eq!(text(&message), format!("{name} {next}"));
            *next += 1;
            message.kept.send(Kept::Done).expect("the transport waits");
        }
        for side in [ann, eve, bob] {
            side.close().await;
        }
        node.shutdown().await.expect("it stops");
    });
}

#[test]
fn what_the_host_did_not_keep_comes_again() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (node, url) = node(&folder).await;
        let ann = Side::open(&folder, "ann", &url).await;
        let mut bob = Side::open(&folder, "bob", &url).await;
        let to = bob.link.me.clone();
        for n in 0..6 {
            ann.send(&to, &n.to_string()).await;
        }
        let mut had = Vec::new();
        // The host keeps 0 and 1, then its store is in trouble.
        for expected in ["0", "1"] {
            let message = bob.next().await;
            assert_eq!(text(&message), expected);
            had.push(message.id.clone());
            message.kept.send(Kept::Done).expect("the transport waits");
        }
        let mut ids = Vec::new();
        for expected in ["2", "3", "4", "5"] {
            let message = bob.next().await;
            assert_eq!(text(&message), expected);
            ids.push(message.id.clone());
            if expected == "3" {
                message.kept.send(Kept::Done).expect("the transport waits");
            }
        }
        // 2 was not kept: all from there on comes again, under the same ids.
        for (expected, id) in ["2", "3", "4", "5"].iter().zip(&ids) {
            let message = bob.next().await;
            assert_eq!((text(&message), &message.id), (*expected, id));
            if *expected != "5" {
                message.kept.send(Kept::Done).expect("the transport waits");
            }
        }
        // The host dies before it kept 5.
        bob.close().await;
        let mut bob = Side::open(&folder, "bob", &url).await;
        had.extend_from_slice(&ids[..3]);
        let message = bob.next_but(&had).await;
        assert_eq!((text(&message), &message.id), ("5", &ids[3]));
        message.kept.send(Kept::Done).expect("the transport waits");
        ann.send(&to, "6").await;
        assert_eq!(text(&bob.next_but(&had).await), "6");
        ann.close().await;
        bob.close().await;
        node.shutdown().await.expect("it stops");
    });
}

/// Takes one message, says so, and is killed before it is on disk.
fn receive_until_killed(place: &str) -> ! {
    let (home, url) = place.split_once(' ').expect("two words");
    block_on(async {
        let mut bob = Side::at(Path::new(home), url).await;
        tell(&format!("me {}", bob.link.me));
        let message = bob.next().await;
        tell(&format!("took {} {}", message.id, text(&message)));
        std::future::pending().await
    })
}

#[expect(clippy::print_stdout, reason = "it is how the child talks to the test")]
fn tell(line: &str) {
    // The harness has begun a line of its own.
    println!("\n{line}");
}

#[test]
fn a_host_that_is_killed_before_its_commit_gets_the_message_again() {
    if let Some(place) = std::env::var_os(CHILD) {
        receive_until_killed(place.to_str().expect("plain"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (node, url) = block_on(node(&folder));
    let home = folder.path().join("bob");
    let name = concat!(
        module_path!(),
        "::a_host_that_is_killed_before_its_commit_gets_the_message_again"
    );
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name.split_once("::").expect("a path").1])
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{} {url}", home.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut hear = |what: &str| {
        let line = said
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with(what));
        line.expect("the child goes on")[what.len()..].to_owned()
    };
    let to: PeerId = hear("me ").parse().expect("an id");
    let ann = block_on(async {
        let ann = Side::open(&folder, "ann", &url).await;
        ann.send(&to, "one").await;
        ann
    });
    let took = hear("took ");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    block_on(async {
        let mut bob = Side::open(&folder, "bob", &url).await;
        assert_eq!(bob.link.me, to);
        let again = bob.next().await;
        assert_eq!(took, format!("{} {}", again.id, text(&again)));
        again.kept.send(Kept::Done).expect("the transport waits");
        // Once: what comes next is what was sent next.
        ann.send(&to, "two").await;
        let next = bob.next().await;
        assert_eq!(text(&next), "two");
        next.kept.send(Kept::Done).expect("the transport waits");
        ann.close().await;
        bob.close().await;
        node.shutdown().await.expect("it stops");
    });
}

#[test]
fn a_wallet_leads_to_its_inbox() {
    block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let (node, url) = node(&folder).await;
        let ann = Side::open(&folder, "ann", &url).await;
        let bob = Side::open(&folder, "bob", &url).await;
        let network = ann.link.network.clone().expect("a network");
        let wallet = bob.home.wallet().expect("a wallet").address();
        let found = network
            .inbox_of(&wallet.to_uppercase().replace("0X", "0x"))
            .await;
        assert_eq!(found, Ok(Some(bob.link.me.clone())));
        let nobody = format!("0x{}", "12".repeat(20));
        assert_eq!(network.inbox_of(&nobody).await, Ok(None));
        ann.close().await;
        bob.close().await;
        node.shutdown().await.expect("it stops");
    });
}
