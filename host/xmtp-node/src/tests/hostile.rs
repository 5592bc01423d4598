//! Requests as a hostile client makes them: numbers at their ends, much of everything, headers and bodies that are none.
//! Each gets an error or the right answer, changes nothing, and stands in nobody's way.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::{Code, Status};

use super::captured;
use super::client::{Client, IDENTITY, MLS, config, message, next, start};
use super::forged::rows;
use super::signer::{Wish, add, update, wallet};
use crate::proto::identity::{
    GetIdentityUpdatesRequest, GetIdentityUpdatesResponse, GetInboxIdsRequest, GetInboxIdsResponse,
    InboxIdRequest, UpdatesFilter,
};
use crate::proto::mls::{
    FetchKeyPackagesRequest, FetchKeyPackagesResponse, GetNewestGroupMessageRequest,
    GetNewestGroupMessageResponse, GroupMessage, PagingInfo,
};

fn number() -> impl Strategy<Value = u64> {
    let ends = [
        0,
        1,
        i64::MAX as u64,
        i64::MAX as u64 + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    prop_oneof![
        proptest::sample::select(ends.to_vec()),
        1..12u64,
        any::<u64>()
    ]
}

#[test]
fn any_direction_limit_and_cursor_gets_the_right_page() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = runtime.block_on(start(config(&folder)));
    let ids: Vec<u64> = runtime.block_on(async {
        let sent: Vec<Bytes> = (0..10u8).map(|it| message(b"group", &[it])).collect();
        client.send(&sent).await.expect("sent");
        let all = client.everything(b"group").await;
        all.iter().map(|it| it.id).collect()
    });
    let direction = prop_oneof![Just(0), Just(1), Just(2), Just(-1), any::<i32>()];
    let limit = prop_oneof![Just(0), Just(100), Just(101), Just(u32::MAX), 1..12u32];
    proptest!(ProptestConfig::with_cases(300), |(direction in direction, limit in limit, cursor in number())| {
        let (page, paging) = runtime.block_on(client.query(b"group", (direction, limit, cursor)));
        let most = if limit == 0 { 100 } else { limit.min(100) };
        let expected: Vec<u64> = if direction == 1 {
            ids.iter().copied().filter(|id| *id > cursor).take(most as usize).collect()
        } else {
            let before = |id: &u64| cursor == 0 || *id < cursor;
            ids.iter().rev().copied().filter(before).take(most as usize).collect()
        };
        let full = expected.len() == most as usize;
        let next = if full { expected.last().copied().unwrap_or(0) } else { 0 };
        prop_assert_eq!(page.iter().map(|it| it.id).collect::<Vec<_>>(), expected);
        prop_assert_eq!((paging.limit, paging.id_cursor), (most, next));
        prop_assert_eq!(paging.direction, if direction == 1 { 1 } else { 2 });
    });
}

#[test]
fn any_cursor_in_an_inbox_log_and_a_commit_log_gets_what_follows() {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = runtime.block_on(start(config(&folder)));
    let inbox = captured::decode(&captured::log()[0]).inbox_id;
    let (updates, entries) = runtime.block_on(async {
        for update in captured::log() {
            client.publish(update).await.expect("published");
        }
        client.log_commits(0..10, None).await.expect("kept");
        (
            client.updates(&inbox, 0).await,
            entries(&client, 0).await.expect("entries"),
        )
    });
    assert_eq!((updates.len(), entries.len()), (6, 10));
    proptest!(ProptestConfig::with_cases(100), |(cursor in number())| {
        let after = runtime.block_on(client.updates(&inbox, cursor));
        prop_assert!(after.iter().eq(updates.iter().filter(|(id, _)| *id > cursor)));
        let after = runtime.block_on(self::entries(&client, cursor)).expect("entries");
        prop_assert!(after.iter().eq(entries.iter().filter(|id| **id > cursor)));
    });
}

async fn entries(client: &Client, id_cursor: u64) -> Result<Vec<u64>, Status> {
    let paging = PagingInfo {
        id_cursor,
        ..PagingInfo::default()
    };
    let entries = client.commits(Some(paging)).await?;
    Ok(entries.iter().map(|entry| entry.sequence_id).collect())
}

#[tokio::test]
async fn as_many_questions_as_are_allowed_are_answered_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let package = captured::key_packages()[0].clone();
    client.upload(package).await.expect("uploaded");
    for count in [10_000, 10_001] {
        let keys = vec![Bytes::from_static(&[9; 32]); count];
        let fetched: Result<FetchKeyPackagesResponse, _> = client
            .call(
                MLS,
                "FetchKeyPackages",
                FetchKeyPackagesRequest {
                    installation_keys: keys,
                },
            )
            .await;
        let newest: Result<GetNewestGroupMessageResponse, _> = client
            .call(
                MLS,
                "GetNewestGroupMessage",
                GetNewestGroupMessageRequest {
                    group_ids: vec!["none".into(); count],
                    include_content: true,
                },
            )
            .await;
        let asked = InboxIdRequest {
            identifier: wallet(1).name(),
            identifier_kind: 1,
        };
        let inboxes: Result<GetInboxIdsResponse, _> = client
            .call(
                IDENTITY,
                "GetInboxIds",
                GetInboxIdsRequest {
                    requests: vec![asked; count],
                },
            )
            .await;
        let logs = logs(&client, "nobody", count).await;
        let answers = [
            fetched.map(|it| it.key_packages.len()),
            newest.map(|it| it.responses.len()),
            inboxes.map(|it| it.responses.len()),
            logs.map(|it| it.responses.len()),
        ];
        for answer in answers {
            match answer {
                Ok(answered) => assert_eq!((answered, count), (count, 10_000)),
                Err(status) => {
                    assert_eq!((status.code(), count), (Code::InvalidArgument, 10_001));
                }
            }
        }
    }
    // So many questions, each with a small answer, may have too large an answer together.
    let owner = wallet(1);
    let (create, mut wishes) = (Wish::Create(owner.clone(), 0), Vec::new());
    wishes.extend((2..12).map(|seed| add(&wallet(seed), &owner)));
    for (second, wish) in std::iter::once(create).chain(wishes).enumerate() {
        let update = update(&owner.inbox(), second as u64, &[wish]);
        let update = update.encode_to_vec();
        client.publish(update.into()).await.expect("published");
    }
    let refused = logs(&client, &owner.inbox(), 10_000).await.map(drop);
    let refused = refused.expect_err("too large");
    assert_eq!(refused.message(), "the answer would be too large");
    assert_eq!(refused.code(), Code::OutOfRange);
    let some = logs(&client, &owner.inbox(), 1_000).await;
    let some = some.expect("it has room").responses;
    assert!(some.iter().all(|it| it.updates.len() == 11));
}

async fn logs(
    client: &Client,
    inbox: &str,
    count: usize,
) -> Result<GetIdentityUpdatesResponse, Status> {
    let filter = UpdatesFilter {
        inbox_id: inbox.to_owned(),
        sequence_id: 0,
    };
    let ask = GetIdentityUpdatesRequest {
        requests: vec![filter; count],
    };
    client.call(IDENTITY, "GetIdentityUpdates", ask).await
}

#[tokio::test]
async fn a_request_of_very_many_parts_is_not_taken_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let before = rows(folder.path());
    let refused = client.welcome_bytes(vec![Bytes::new(); 1_000_000]).await;
    let refused = refused.expect_err("a million welcomes");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "too much in one request");
    let filters = vec![(b"topic".as_slice(), 0); 100_000];
    let refused = client.subscribe::<GroupMessage>("SubscribeGroupMessages", &filters);
    let refused = refused
        .await
        .map(drop)
        .expect_err("a hundred thousand topics");
    assert_eq!(refused.message(), "too much in one request");
    assert_eq!(rows(folder.path()), before, "something changed");
}

/// The error in an answer's headers, which is where a node that refuses a request puts it.
fn code(answer: Result<http::Response<Body>, Status>) -> Code {
    let answer = answer.expect("an answer");
    match Status::from_header_map(answer.headers()) {
        Some(status) => status.code(),
        None if answer.status().is_success() => Code::Ok,
        None => Code::Unknown,
    }
}

/// A message behind the five bytes that say how long it is and whether it is compressed.
fn framed(compressed: u8, message: &[u8]) -> Body {
    let length = u32::try_from(message.len()).expect("a short message");
    let bytes = [&[compressed][..], &length.to_be_bytes(), message].concat();
    Body::new(String::from_utf8(bytes).expect("what is ASCII"))
}

#[tokio::test]
async fn what_is_compressed_or_no_grpc_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let before = rows(folder.path());
    let path = format!("{MLS}QueryGroupMessages");
    let ask = async |headers: &[(&'static str, &str)], compressed: u8| {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let body = framed(compressed, b"\x0a\x05group");
        code(client.raw(&path, &headers, body).await)
    };
    assert_eq!(ask(&[], 0).await, Code::Ok);
    assert_eq!(ask(&[("grpc-encoding", "identity")], 0).await, Code::Ok);
    // Nothing is unpacked here, so nothing can grow while it is.
    for packed in ["gzip", "deflate", "zstd", "nonsense"] {
        let headers = [("grpc-encoding", packed)];
        assert_eq!(ask(&headers, 1).await, Code::Unimplemented, "{packed}");
    }
    assert_eq!(ask(&[], 1).await, Code::Internal);
    assert_ne!(ask(&[], 7).await, Code::Ok);
    for other in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
    ] {
        let headers = [("content-type", other)];
        assert_eq!(ask(&headers, 0).await, Code::InvalidArgument, "{other}");
    }
    // A message that says it is longer than it is, and one that is cut off in its head.
    for cut in ["\0\0\0\0\x20\x0a\x05group", "\0\0\0"] {
        let answer = client.raw(&path, &[], Body::new(cut.to_owned())).await;
        assert_ne!(code(answer), Code::Ok);
    }
    assert_eq!(rows(folder.path()), before, "something changed");
}

#[tokio::test]
async fn headers_of_any_size_stand_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start(config(&folder)).await;
    let path = format!("{MLS}QueryGroupMessages");
    let query = || framed(0, b"\x0a\x05group");
    let small = [("x-app-version", "1".repeat(2_000))];
    assert_eq!(code(client.raw(&path, &small, query()).await), Code::Ok);
    for size in [20_000, 200_000] {
        let hostile = Client::connect(node.address()).await;
        let large = [("x-app-version", "1".repeat(size))];
        match hostile.raw(&path, &large, query()).await {
            Ok(answer) => assert_ne!(code(Ok(answer)), Code::Ok, "{size}"),
            Err(status) => assert_eq!(status.code(), Code::Unavailable),
        }
    }
    assert!(client.everything(b"group").await.is_empty());
}

#[tokio::test]
async fn a_subscriber_gets_what_follows_the_least_of_its_cursors_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let sent: Vec<Bytes> = (0..6u8).map(|it| message(b"group", &[it])).collect();
    client.send(&sent[..3]).await.expect("sent");
    let ids: Vec<u64> = client
        .everything(b"group")
        .await
        .iter()
        .map(|it| it.id)
        .collect();
    let filters: [(&[u8], u64); 5] = [
        (b"group", u64::MAX),
        (b"group", ids[0]),
        (b"group", ids[1]),
        (b"unknown", 0),
        (b"unknown", i64::MAX as u64),
    ];
    let subscribe = |filters| client.subscribe::<GroupMessage>("SubscribeGroupMessages", filters);
    let mut stream = subscribe(&filters).await.expect("a subscription");
    // One that wants only what comes after the end of all numbers hears nothing, and disturbs nobody.
    let _never = subscribe(&[(b"group", u64::MAX)])
        .await
        .expect("a subscription");
    client.send(&sent[3..]).await.expect("sent");
    let first = message(b"unknown", b"now it is known");
    client
        .send(std::slice::from_ref(&first))
        .await
        .expect("sent");
    for expected in sent[1..].iter().chain([&first]) {
        let heard = next(&mut stream).await;
        assert_eq!(heard.v1.expect("version 1").data, expected);
    }
    for wrong in [[(b"".as_slice(), 0)], [(&[1; 65], 0)]] {
        let refused = client.subscribe::<GroupMessage>("SubscribeGroupMessages", &wrong);
        let refused = refused.await.map(drop);
        assert_eq!(refused.expect_err("no topic").code(), Code::InvalidArgument);
    }
}
