//! Clients that stop in the middle: of a request, or of an answer. What they hold on to is bounded in number and in time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use hyper::body::Frame;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::{Code, Status};

use super::client::{Client, MLS, config, message, next, start, start_with, store};
use crate::Node;
use crate::api::Room;
use crate::config::NodeLimits;
use crate::proto::mls::{GroupMessage, SubscribeFilter};
use crate::rate::Share;
use crate::store::NewGroupMessage;
use crate::subscription::{Keeper, Subscription};

/// The beginning of a request that never ends.
struct Endless(Option<Bytes>);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

/// Starts a node that holds one message of `size` bytes in `group`.
async fn holding(
    folder: &TempDir,
    size: usize,
    change: impl FnOnce(&mut NodeLimits),
) -> (Node, Client) {
    let (node, client) = start_with(folder, change).await;
    let large = message(b"group", &vec![7; size]);
    client.send(&[large]).await.expect("sent");
    (node, client)
}

/// Connects as somebody who has room for one byte of each answer, and reads no more.
async fn reluctant(node: &Node) -> Client {
    Client::with_window(node.address(), 1)
        .await
        .expect("a node that listens")
}

/// Asks so many times for everything in `group`, and returns the answers that come.
async fn asked(client: &Client, times: usize) -> Vec<Body> {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..times {
        let client = client.clone();
        asking.spawn(async move {
            let path = format!("{MLS}QueryGroupMessages");
            let body = Body::new("\0\0\0\0\x07\x0a\x05group".to_owned());
            let answer = client.raw(&path, &[], body).await?;
            match Status::from_header_map(answer.headers()) {
                Some(status) => Err(status),
                None => Ok(answer.into_body()),
            }
        });
    }
    // None of those that come is read. The others come to nothing when the connection ends.
    let mut begun = Vec::new();
    while let Some(answer) = asking.join_next().await {
        begun.extend(answer.expect("no panic"));
    }
    begun
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let folder = tempfile::tempdir().expect("a folder");
    // The request at the end has the same time, and a disk may be slow.
    let time = |limits: &mut NodeLimits| limits.request_time = Duration::from_secs(1);
    let (_node, client) = start_with(&folder, time).await;
    for method in ["SendGroupMessages", "SubscribeGroupMessages"] {
        let path = format!("{MLS}{method}");
        // A hundred bytes are promised.
        let body = Body::new(Endless(Some(Bytes::from_static(b"\0\0\0\0\x64some"))));
        let answer = client.raw(&path, &[], body).await.expect("an answer");
        let status = Status::from_header_map(answer.headers()).expect("a status");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{method}");
    }
    client.send(&[message(b"group", b"x")]).await.expect("sent");
}

fn four_seconds(limits: &mut NodeLimits) {
    limits.request_time = Duration::from_secs(4);
}

#[tokio::test]
async fn who_does_not_read_its_answers_gets_few_and_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = holding(&folder, 10_000_000, four_seconds).await;
    let large = message(b"group", &vec![8; 10_000_000]);
    client.send(&[large]).await.expect("sent");

    // As many as may be asked for at once, each with the 20 MB of both messages.
    let begun = asked(&reluctant(&node).await, 16).await;
    assert!((1..=10).contains(&begun.len()), "{} at once", begun.len());
    // Meanwhile, and after it, everybody else is answered.
    assert_eq!(client.everything(b"group").await.len(), 2);
    for body in begun {
        is_cut_off(body).await;
    }
}

#[tokio::test]
async fn who_does_not_read_answers_of_less_than_a_megabyte_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = holding(&folder, 900_000, four_seconds).await;
    let begun = asked(&reluctant(&node).await, 12).await;
    assert!(!begun.is_empty(), "nothing was answered");
    assert_eq!(client.everything(b"group").await.len(), 1);
    for body in begun {
        is_cut_off(body).await;
    }
}

#[tokio::test]
async fn who_does_not_read_what_it_subscribed_to_is_cut_off() {
    for size in [900_000, 3_000_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let (node, client) = holding(&folder, size, four_seconds).await;
        let mut stream = client
            .subscribe::<GroupMessage>("SubscribeGroupMessages", &[(b"other", 0)])
            .await
            .expect("a subscription");

        let hostile = reluctant(&node).await;
        let mut begun = Vec::new();
        for _ in 0..12 {
            let path = format!("{MLS}SubscribeGroupMessages");
            let body = Body::new("\0\0\0\0\x09\x0a\x07\x0a\x05group".to_owned());
            // On a slow machine the first may be cut off before the last is there.
            let Ok(answer) = hostile.raw(&path, &[], body).await else {
                break;
            };
            assert!(Status::from_header_map(answer.headers()).is_none());
            begun.push(answer.into_body());
        }
        for body in begun {
            is_cut_off(body).await;
        }
        // Everybody else hears what comes, before and after.
        let small = message(b"other", b"x");
        client
            .send(std::slice::from_ref(&small))
            .await
            .expect("sent");
        let heard = next(&mut stream).await.v1.expect("version 1");
        assert_eq!(heard.data, small);
    }
}

#[tokio::test]
async fn who_stops_reading_before_there_is_anything_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = NodeLimits {
        request_time: Duration::from_secs(1),
        ..NodeLimits::default()
    };
    let store = store(&folder, limits.clone());
    let sent = store.send_group(vec![large(0, 7)]).await;
    sent.expect("sent");
    let share = Arc::new(Share::new(limits.local_rate, std::time::Instant::now()));
    let client = Arc::new(crate::api::Client::new(share, &limits));
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned();
    let keeper = Keeper {
        client: client.clone(),
        answers: Arc::new(Semaphore::new(1_000)),
        tasks: TaskTracker::new(),
        room: Room::default(),
        _place: place.expect("a place"),
    };
    let filters = vec![SubscribeFilter {
        topic: vec![0].into(),
        id_cursor: 0,
    }];
    let opened =
        Subscription::<GroupMessage>::open(store, CancellationToken::new(), filters, keeper);
    let mut stream = opened.stream();
    // It asks the database, and does not look what came of it: so it is if a client takes back what room it gave.
    assert!(futures::poll!(stream.next()).is_pending());
    tokio::time::timeout(Duration::from_secs(30), client.stalls())
        .await
        .expect("it may keep it for ever");
}

#[tokio::test]
async fn who_reads_what_it_subscribed_to_gives_its_places_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = holding(&folder, 9_000_000, |_| {}).await;
    // More than there is room for at once, each of them open for as long as the others.
    let mut open = Vec::new();
    for _ in 0..24 {
        let mut stream = client
            .subscribe::<GroupMessage>("SubscribeGroupMessages", &[(b"group", 0)])
            .await
            .expect("a subscription");
        let heard = next(&mut stream).await.v1.expect("version 1");
        assert!(heard.data.len() > 9_000_000);
        open.push(stream);
    }
}

/// Waits until an answer ends without having been read to its end.
async fn is_cut_off(mut body: Body) {
    let ended = async {
        loop {
            let frame = std::future::poll_fn(|context| {
                hyper::body::Body::poll_frame(Pin::new(&mut body), context)
            });
            match frame.await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return,
                None => panic!("it was read to its end"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("it was never cut off");
}

#[tokio::test]
async fn who_reads_its_answers_gets_as_many_as_it_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = holding(&folder, 9_000_000, |_| {}).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let client = client.clone();
        asking.spawn(async move { client.everything(b"group").await.len() });
    }
    let answered = tokio::time::timeout(Duration::from_secs(60), asking.join_all()).await;
    assert_eq!(answered.expect("answers"), vec![1; 24]);
}

/// A message of 600,000 bytes.
fn large(group: u8, number: u8) -> NewGroupMessage {
    NewGroupMessage {
        group_id: vec![group].into(),
        is_commit: false,
        data: vec![number; 600_000].into(),
        sender_hmac: Bytes::new(),
        should_push: false,
    }
}

#[tokio::test]
async fn who_catches_up_reads_a_little_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder, NodeLimits::default());
    let sent = (0..4)
        .flat_map(|group| (0..3).map(move |number| large(group, number)))
        .collect();
    store.send_group(sent).await.expect("sent");
    let topics = |groups: std::ops::Range<u8>, cursor: u64| {
        groups.map(|it| (vec![it].into(), cursor)).collect()
    };
    // Two of a topic, and no other topic.
    let read = store.catch_up::<GroupMessage>(topics(0..4, 0)).await;
    let read = read.expect("pages");
    let counts: Vec<(usize, bool)> = read.iter().map(|it| (it.rows.len(), it.full)).collect();
    assert_eq!(counts, [(2, true)]);
    // What is left of the first, and two of the next: a megabyte is passed with it.
    let read = store.catch_up::<GroupMessage>(topics(0..4, 2)).await;
    let read = read.expect("pages");
    let counts: Vec<(usize, bool)> = read.iter().map(|it| (it.rows.len(), it.full)).collect();
    assert_eq!(counts, [(1, false), (2, true)]);
    // One of each topic, until a megabyte is passed.
    store
        .send_group((10..14).map(|group| large(group, 0)).collect())
        .await
        .expect("sent");
    let read = store.catch_up::<GroupMessage>(topics(10..14, 0)).await;
    assert_eq!(read.expect("pages").len(), 2);
    store.close().await.expect("closed");
    drop(store);

    let (_node, client) = start(config(&folder)).await;
    let filters: [(&[u8], u64); 4] = [(&[0], 0), (&[1], 0), (&[2], 0), (&[3], 0)];
    let mut stream = client
        .subscribe::<GroupMessage>("SubscribeGroupMessages", &filters)
        .await
        .expect("a subscription");
    let mut heard = Vec::new();
    for _ in 0..12 {
        heard.push(next(&mut stream).await.v1.expect("version 1").id);
    }
    heard.sort_unstable();
    assert_eq!(
        heard,
        (1..=12).collect::<Vec<u64>>(),
        "all of it all the same"
    );
}
