use std::sync::atomic::AtomicBool;

use super::*;

fn peer(n: u8) -> PeerId {
    format!("loop:{}", format!("{n:02x}").repeat(32))
        .parse()
        .expect("a peer id")
}

/// A transport that keeps what it was given, and answers as the test says.
struct Wire {
    outbox: Outbox,
    store: Store,
    tasks: Tasks,
    sent: mpsc::UnboundedReceiver<(PeerId, String, Vec<u8>)>,
    down: Arc<AtomicBool>,
}

async fn wire(store: Store, down: &[u8]) -> Wire {
    let (out, mut messages) = mpsc::channel::<Outgoing>(8);
    let (seen, sent) = mpsc::unbounded_channel();
    let tasks = Tasks::new();
    let outbox = Outbox::open(store.clone(), out, &tasks)
        .await
        .expect("a store in memory");
    let unreachable: Vec<PeerId> = down.iter().map(|n| peer(*n)).collect();
    let switch = Arc::new(AtomicBool::new(true));
    let is_down = switch.clone();
    tasks.spawn(async move {
        while let Some(message) = messages.recv().await {
            if is_down.load(Ordering::Relaxed) && unreachable.contains(&message.to) {
                let _ = message.done.send(Err(SendError::Unreachable("off".into())));
            } else {
                let _ = seen.send((message.to, message.id, message.bytes));
                let _ = message.done.send(Ok(()));
            }
        }
    });
    Wire {
        outbox,
        store,
        tasks,
        sent,
        down: switch,
    }
}

impl Wire {
    async fn push(&self, n: u8, text: &str) -> i64 {
        let pushed = self.outbox.push(peer(n), text.as_bytes().to_vec(), None);
        pushed.await.expect("room")
    }

    async fn next(&mut self) -> (PeerId, String) {
        let next = tokio::time::timeout(Duration::from_secs(20), self.sent.recv()).await;
        let (peer, _, bytes) = next.expect("in time").expect("the loop runs");
        (peer, String::from_utf8(bytes).expect("our text"))
    }

    /// Waits until nothing is left on disk.
    async fn drained(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.store.pending().await.expect("a count").count > 0 {
            assert!(Instant::now() < deadline, "confirmed messages stay on disk");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn messages_leave_in_order_and_then_leave_the_disk() {
    let mut wire = wire(Store::in_memory().expect("memory"), &[]).await;
    for n in 0..300 {
        wire.push(1, &n.to_string()).await;
    }
    for n in 0..300 {
        assert_eq!(wire.next().await, (peer(1), n.to_string()));
    }
    wire.drained().await;
}

#[tokio::test]
async fn a_peer_that_is_away_delays_nobody_and_gets_everything_later() {
    let mut wire = wire(Store::in_memory().expect("memory"), &[1]).await;
    for n in 0..400 {
        wire.push(1, &n.to_string()).await;
    }
    wire.push(2, "other").await;
    assert_eq!(wire.next().await, (peer(2), "other".to_owned()));
    wire.down.store(false, Ordering::Relaxed);
    // Something came from the peer: it is there again.
    wire.outbox.awake(&peer(1));
    let mut got: Vec<u32> = Vec::new();
    for _ in 0..400 {
        got.push(wire.next().await.1.parse().expect("a number"));
    }
    assert_eq!(got, (0..400).collect::<Vec<_>>(), "in order, each once");
    wire.drained().await;
}

#[tokio::test]
async fn what_one_run_could_not_send_the_next_one_sends_under_the_same_id() {
    let store = Store::in_memory().expect("memory");
    let first = wire(store.clone(), &[1]).await;
    first.push(1, "late").await;
    let id = store
        .outgoing(peer(1), clock::now(), 9)
        .await
        .expect("rows")[0]
        .message_id
        .clone();
    first.tasks.stop();
    first.tasks.ended().await;
    let mut second = wire(store, &[]).await;
    let (to, message_id, bytes) = second.sent.recv().await.expect("the loop runs");
    assert_eq!((to, message_id, bytes), (peer(1), id, b"late".to_vec()));
}

#[tokio::test]
async fn a_held_message_leaves_at_its_time_and_holds_up_nothing() {
    let mut wire = wire(Store::in_memory().expect("memory"), &[]).await;
    let message_id = clock::long_token();
    let bytes = b"held".to_vec();
    let pushed = wire.store.push(
        peer(1),
        bytes.clone(),
        None,
        message_id.clone(),
        Delivery::AtLeastOnce,
    );
    let id = pushed.await.expect("room");
    let row = OutRow {
        id,
        peer: peer(1),
        bytes,
        task: None,
        message_id,
        delivery: Delivery::AtLeastOnce,
    };
    let release = Instant::now() + Duration::from_millis(200);
    wire.outbox.send(row, Some(release));
    wire.push(1, "at once").await;
    assert_eq!(wire.next().await.1, "at once");
    assert_eq!(wire.next().await.1, "held");
    assert!(Instant::now() >= release);
}

#[tokio::test]
async fn what_was_taken_back_does_not_leave() {
    let mut wire = wire(Store::in_memory().expect("memory"), &[1]).await;
    let unwanted = wire.push(1, "unwanted").await;
    wire.push(1, "wanted").await;
    wire.outbox
        .withdraw(&peer(1), unwanted)
        .await
        .expect("a row");
    wire.down.store(false, Ordering::Relaxed);
    assert_eq!(wire.next().await.1, "wanted");
    wire.drained().await;
}

/// Puts a request of which the peer would run every copy into the outbox.
async fn push_once(store: &Store, text: &str) -> i64 {
    let once = Delivery::AtMostOnce { tried: false };
    let bytes = text.as_bytes().to_vec();
    let pushed = store.push(peer(1), bytes, None, clock::long_token(), once);
    pushed.await.expect("room")
}

#[tokio::test]
async fn a_request_that_may_have_left_is_not_sent_to_an_old_peer_again() {
    let store = Store::in_memory().expect("memory");
    for text in ["away", "lost", "taken"] {
        push_once(&store, text).await;
    }
    let (out, mut messages) = mpsc::channel::<Outgoing>(8);
    let tasks = Tasks::new();
    let outbox = Outbox::open(store.clone(), out, &tasks)
        .await
        .expect("a store in memory");
    let mut seen = Vec::new();
    // The peer is away at first, so that nothing surely left; then the connection breaks under the second message.
    while seen.len() < 6 {
        let message = messages.recv().await.expect("the loop runs");
        let text = String::from_utf8(message.bytes).expect("our text");
        let first_round = seen.len() < 3;
        let result = match text.as_str() {
            _ if first_round => Err(SendError::Unreachable("off".into())),
            "lost" => Err(SendError::Unconfirmed),
            _ => Ok(()),
        };
        seen.push(text);
        let _ = message.done.send(result);
        if seen.len() == 3 {
            while !lock(&outbox.asleep).contains(&peer(1)) {
                tokio::task::yield_now().await;
            }
            outbox.awake(&peer(1));
        }
    }
    assert_eq!(seen[3..], ["away", "lost", "taken"]);
    while store.pending().await.expect("a sum").count > 0 {
        tokio::task::yield_now().await;
    }
    assert!(messages.try_recv().is_err(), "nothing is sent a third time");
}

#[tokio::test]
async fn a_request_that_was_on_its_way_when_the_host_died_is_not_sent_to_an_old_peer_again() {
    let store = Store::in_memory().expect("memory");
    let on_its_way = push_once(&store, "on its way").await;
    push_once(&store, "waits").await;
    store.tried(on_its_way, true).await.expect("a note");
    let mut wire = wire(store, &[]).await;
    assert_eq!(wire.next().await.1, "waits");
    wire.drained().await;
    assert!(wire.sent.try_recv().is_err());
}
