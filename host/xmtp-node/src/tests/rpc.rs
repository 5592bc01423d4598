//! Every RPC, with what official clients sent.

use std::net::SocketAddr;

use bytes::Bytes;
use tempfile::TempDir;
use tonic::Code;

use super::captured;
use super::client::{Client, IDENTITY, MLS, config, message, next, start};
use crate::proto::Empty;
use crate::proto::mls::{
    FetchKeyPackagesRequest, FetchKeyPackagesResponse, GetNewestGroupMessageRequest,
    GetNewestGroupMessageResponse, GroupMessage, WelcomeMessage,
};
use crate::{FolderError, Node, NodeError};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn an_inbox_log_comes_back_as_it_was_published() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    for update in captured::updates() {
        client.publish(update).await.expect("a valid update");
    }
    let log = captured::log();
    let first = captured::decode(&log[0]);
    let inbox = first.inbox_id.as_str();
    let stored = client.updates(inbox, 0).await;
    let bodies: Vec<Bytes> = stored.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(bodies, log);
    assert!(stored.is_sorted_by(|(a, _), (b, _)| a < b));
    let later = client.updates(inbox, stored[1].0).await;
    assert_eq!(later, stored[2..]);

    let owner = first.actions[0].create_inbox.clone().expect("a creation");
    let owner = owner.initial_identifier;
    assert_eq!(client.inbox_of(&owner).await.as_deref(), Some(inbox));
    let linked = captured::decode(&log[1]).actions[0].clone();
    let linked = linked.add.and_then(|add| add.new_member);
    let linked = linked.and_then(|it| it.ethereum_address);
    let linked = linked.expect("an address");
    assert_eq!(client.inbox_of(&linked).await, None, "it was unlinked");
}

#[tokio::test]
async fn an_address_is_known_as_long_as_it_is_linked() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let log = captured::log();
    let linked = captured::decode(&log[1]).actions[0].clone();
    let linked = linked.add.and_then(|add| add.new_member);
    let linked = linked.and_then(|it| it.ethereum_address);
    let linked = linked.expect("an address");
    client.publish(log[0].clone()).await.expect("created");
    assert_eq!(client.inbox_of(&linked).await, None);
    client.publish(log[1].clone()).await.expect("linked");
    assert!(client.inbox_of(&linked).await.is_some());
    client.publish(log[2].clone()).await.expect("unlinked");
    assert_eq!(client.inbox_of(&linked).await, None);
}

#[tokio::test]
async fn updates_that_come_at_once_are_checked_one_after_the_other() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let log = captured::log();
    client.publish(log[0].clone()).await.expect("created");
    // Linking an address and adding an installation stand beside each other; each of them comes twice.
    let publish = |at: usize| client.publish(log[at].clone());
    let (a, b, c, d) = tokio::join!(publish(1), publish(3), publish(1), publish(3));
    let taken = [a, b, c, d].iter().filter(|it| it.is_ok()).count();
    assert_eq!(taken, 2, "each of them once");
    let inbox = captured::decode(&log[0]).inbox_id;
    assert_eq!(client.updates(&inbox, 0).await.len(), 3);
}

#[tokio::test]
async fn a_subscriber_of_many_topics_misses_none() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let topics: Vec<Vec<u8>> = (0..700u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let messages: Vec<Bytes> = topics.iter().map(|it| message(it, b"x")).collect();
    client.send(&messages).await.expect("sent");
    let filters: Vec<(&[u8], u64)> = topics.iter().map(|it| (it.as_slice(), 0)).collect();
    let mut stream = client
        .subscribe::<GroupMessage>("SubscribeGroupMessages", &filters)
        .await
        .expect("a subscription");
    let mut heard = Vec::new();
    for _ in &topics {
        let message = next(&mut stream).await;
        heard.push(message.v1.expect("version 1").group_id.to_vec());
    }
    heard.sort();
    assert_eq!(heard, topics);
}

#[tokio::test]
async fn key_packages_are_fetched_in_the_order_asked_for() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let packages = captured::key_packages();
    for package in &packages {
        client.upload(package.clone()).await.expect("a key package");
    }
    let keys: Vec<Bytes> = packages
        .iter()
        .map(|package| {
            let checked = crate::mls::check_key_package(package, captured::then());
            let key = checked.expect("a key package").installation;
            Bytes::copy_from_slice(&key)
        })
        .collect();
    let unknown = Bytes::from_static(&[9; 32]);
    let asked = vec![keys[1].clone(), unknown, keys[0].clone()];
    let answer: FetchKeyPackagesResponse = client
        .call(
            MLS,
            "FetchKeyPackages",
            FetchKeyPackagesRequest {
                installation_keys: asked,
            },
        )
        .await
        .expect("an answer");
    let got: Vec<&Bytes> = answer.key_packages.iter().map(|it| &it.bytes).collect();
    assert_eq!(got, [&packages[1], &Bytes::new(), &packages[0]]);
}

#[tokio::test]
async fn group_messages_are_paged_both_ways() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let sent: Vec<Bytes> = (0..250u32)
        .map(|n| message(b"group", &n.to_be_bytes()))
        .collect();
    client.send(&sent).await.expect("sent");
    client
        .send(&sent[..3])
        .await
        .expect("a duplicate counts as sent");
    client.send(&[message(b"other", b"x")]).await.expect("sent");

    let all = client.everything(b"group").await;
    let data: Vec<Bytes> = all.iter().map(|it| it.data.clone()).collect();
    assert_eq!(data, sent);
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    assert!(
        all.iter()
            .all(|it| it.sender_hmac == "hmac" && it.should_push && !it.is_commit)
    );

    let (newest, paging) = client.query(b"group", (0, 0, 0)).await;
    assert_eq!((newest.len(), newest[0].id), (100, all[249].id));
    assert_eq!(paging.id_cursor, all[150].id);
    let (page, paging) = client.query(b"group", (2, 60, all[50].id)).await;
    assert_eq!((page.len(), paging.id_cursor), (50, 0));
    assert_eq!(page[0].id, all[49].id);

    let ask = GetNewestGroupMessageRequest {
        group_ids: vec!["group".into(), "none".into()],
        include_content: false,
    };
    let answer: GetNewestGroupMessageResponse = client
        .call(MLS, "GetNewestGroupMessage", ask)
        .await
        .expect("an answer");
    let newest = answer.responses[0].group_message.clone();
    let newest = newest.and_then(|it| it.v1).expect("a message");
    assert_eq!((newest.id, newest.data.len()), (all[249].id, 0));
    assert_eq!(answer.responses[1].group_message, None);
}

#[tokio::test]
async fn commits_are_told_from_messages() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let sent = captured::group_messages();
    client.send(&sent).await.expect("sent");
    let group = crate::mls::read_message(&sent[0])
        .expect("a frame")
        .group_id;
    let all = client.everything(group).await;
    assert_eq!(all.len(), sent.len());
    assert_eq!(all.iter().filter(|it| it.is_commit).count(), 3);
}

#[tokio::test]
async fn a_subscriber_hears_what_was_and_what_comes() {
    let folder = folder();
    let (node, client) = start(config(&folder)).await;
    let sent: Vec<Bytes> = (0..130u32)
        .map(|n| message(b"group", &n.to_be_bytes()))
        .collect();
    client.send(&sent[..120]).await.expect("sent");
    let first = client.everything(b"group").await[0].id;
    let mut stream = client
        .subscribe::<GroupMessage>("SubscribeGroupMessages", &[(b"group", first), (b"none", 0)])
        .await
        .expect("a subscription");
    client
        .send(&[message(b"unasked", b"x")])
        .await
        .expect("sent");
    for message in &sent[120..] {
        client
            .send(std::slice::from_ref(message))
            .await
            .expect("sent");
    }
    for expected in &sent[1..] {
        let message = next(&mut stream).await;
        assert_eq!(message.v1.expect("version 1").data, expected);
    }
    let (stopped, ended) = tokio::join!(node.shutdown(), stream.message());
    assert_eq!(ended.expect_err("ended").code(), Code::Unavailable);
    stopped.expect("a clean end");
}

#[tokio::test]
async fn welcomes_reach_their_installation() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let welcomes = captured::welcomes();
    let key = welcomes[0].v1.clone().expect("version 1").installation_key;
    let empty = client
        .subscribe::<WelcomeMessage>("SubscribeWelcomeMessages", &[])
        .await;
    assert_eq!(empty.err().map(|it| it.code()), Some(Code::InvalidArgument));
    let mut stream = client
        .subscribe::<WelcomeMessage>("SubscribeWelcomeMessages", &[(&key, 0)])
        .await
        .expect("a subscription");
    client.welcome(welcomes.clone()).await.expect("sent");
    let heard = next(&mut stream).await;
    let (heard, sent) = (heard.v1.expect("v1"), welcomes[0].v1.clone().expect("v1"));
    assert_eq!(heard.installation_key, key);
    assert_eq!(heard.data, sent.data);
    assert_eq!(heard.hpke_public_key, sent.hpke_public_key);
    assert_eq!(heard.wrapper_algorithm, sent.wrapper_algorithm);
    assert_eq!(heard.welcome_metadata, sent.welcome_metadata);
    let stored = client.welcomes(&key, None).await;
    assert!(stored.iter().any(|it| it.v1.as_ref() == Some(&heard)));
}

#[tokio::test]
async fn the_commit_log_is_kept() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let signature = Some("signature".into());
    client.log_commits(0..10, signature).await.expect("kept");
    let entries = client.commits(None).await.expect("entries");
    let kept: Vec<u8> = entries.iter().map(|it| it.entry[0]).collect();
    assert_eq!(kept, (0..10).collect::<Vec<u8>>());
    assert!(
        entries
            .iter()
            .all(|it| it.signature.as_deref() == Some(b"signature"))
    );
}

#[tokio::test]
async fn what_is_unknown_is_unimplemented() {
    let folder = folder();
    let (_node, client) = start(config(&folder)).await;
    let answer: Result<Empty, _> = client
        .call(IDENTITY, "VerifySmartContractWalletSignatures", Empty {})
        .await;
    assert_eq!(
        answer.expect_err("no such method").code(),
        Code::Unimplemented
    );
}

#[tokio::test]
async fn one_node_a_folder_and_what_it_holds_survives() {
    let folder = folder();
    let (node, client) = start(config(&folder)).await;
    client.send(&[message(b"group", b"x")]).await.expect("sent");
    let second = Node::bind(config(&folder)).await;
    assert!(matches!(
        second,
        Err(NodeError::Folder(FolderError::InUse(_)))
    ));
    node.shutdown().await.expect("a clean end");
    let (node, client) = start(config(&folder)).await;
    assert_eq!(client.everything(b"group").await.len(), 1);
    drop(node);
}

#[tokio::test]
async fn it_is_not_exposed_by_accident() {
    let folder = folder();
    let mut config = config(&folder);
    config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Node::bind(config.clone()).await;
    assert!(matches!(refused, Err(NodeError::Exposed(_))));
    config.insecure = true;
    let node = Node::bind(config)
        .await
        .expect("it was said to be insecure");
    let port = node.address().port();
    Client::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
}
