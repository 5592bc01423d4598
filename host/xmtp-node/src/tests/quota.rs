//! What one installation, one inbox and all connections together may take up.

use std::time::Duration;

use prost::Message;
use tonic::Code;

use super::captured;
use super::client::{Client, is_full, message, start_with};
use super::forged::rows;
use super::signer::{Wish, add, hex, installation, key_package, update, wallet};
use crate::proto::Empty;
use crate::proto::mls::{WelcomeInput, WelcomeInputV1};

#[tokio::test]
async fn an_installation_has_so_much_room_for_its_welcomes_and_its_key_package() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start_with(&folder, |limits| limits.installation_bytes = 10_000).await;
    let now = captured::then();
    let ours = || match installation(1) {
        super::signer::Signer::Installation(key) => key.verifying_key().to_bytes(),
        super::signer::Signer::Wallet(_) => unreachable!("it is an installation"),
    };
    let welcome = |to: [u8; 32], number: u8, size: usize| WelcomeInput {
        v1: Some(WelcomeInputV1 {
            installation_key: to.to_vec().into(),
            data: vec![number; size].into(),
            ..WelcomeInputV1::default()
        }),
        pointer: None,
    };
    // A package in the place of another one takes up no more.
    for age in (0..50).rev() {
        let package = key_package(1, now - age, now + 9);
        client.upload(package.into()).await.expect("room");
    }
    for number in 0..3 {
        let sent = vec![welcome(ours(), number, 2_500)];
        client.welcome(sent).await.expect("room");
    }
    let before = rows(folder.path());
    is_full(client.welcome(vec![welcome(ours(), 3, 2_500)]).await);
    // The size of the key and of what describes a welcome counts too.
    let mut heavy = welcome(ours(), 4, 10);
    let v1 = heavy.v1.as_mut().expect("version 1");
    v1.hpke_public_key = vec![1; 1_250].into();
    v1.welcome_metadata = vec![1; 1_250].into();
    is_full(client.welcome(vec![heavy]).await);
    let both = vec![welcome([9; 32], 0, 10), welcome(ours(), 3, 2_500)];
    is_full(client.welcome(both).await);
    assert_eq!(rows(folder.path()), before, "something changed");
    client
        .welcome(vec![welcome([9; 32], 0, 2_500)])
        .await
        .expect("others have room");
    // Its key package can still be replaced.
    let package = key_package(1, now, now + 10);
    client.upload(package.into()).await.expect("room");
}

#[tokio::test]
async fn a_key_package_needs_room_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start_with(&folder, |limits| limits.installation_bytes = 200).await;
    let now = captured::then();
    is_full(client.upload(key_package(1, now, now + 9).into()).await);
}

#[tokio::test]
async fn the_log_of_an_inbox_has_so_much_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start_with(&folder, |limits| limits.inbox_log_bytes = 2_000).await;
    let owner = wallet(1);
    let publish = |second: u64, wish: Wish| {
        let update = update(&owner.inbox(), second, &[wish]);
        client.publish(update.encode_to_vec().into())
    };
    publish(1, Wish::Create(owner.clone(), 0))
        .await
        .expect("room");
    let mut taken = 1;
    let refused = loop {
        match publish(1 + taken, add(&wallet(10 + taken as u8), &owner)).await {
            Ok(Empty {}) => taken += 1,
            Err(status) => break status,
        }
        assert!(taken < 20, "there is no end to it");
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(taken > 2, "only {taken} had room");
    let log = client.updates(&owner.inbox(), 0).await;
    assert_eq!(log.len() as u64, taken);
    assert_eq!(
        client.inbox_of(&wallet(10 + taken as u8).name()).await,
        None
    );

    let other = update(&wallet(2).inbox(), 1, &[Wish::Create(wallet(2), 0)]);
    client
        .publish(other.encode_to_vec().into())
        .await
        .expect("others have room");
}

#[tokio::test]
async fn connections_are_counted_and_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start_with(&folder, |limits| limits.connections = 2).await;
    client.send(&[message(b"group", b"x")]).await.expect("sent");
    let second = Client::connect(node.address()).await;
    assert_eq!(second.everything(b"group").await.len(), 1);

    let refused = Client::try_connect(node.address()).await;
    let answered = match &refused {
        Ok(third) => third.send(&[message(b"group", b"third")]).await.is_ok(),
        Err(_) => false,
    };
    assert!(!answered, "a connection too many was served");
    assert_eq!(client.everything(b"group").await.len(), 1);

    drop((second, refused));
    let again = async {
        loop {
            if let Ok(third) = Client::try_connect(node.address()).await
                && third.send(&[message(b"group", b"y")]).await.is_ok()
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again)
        .await
        .expect("a place again");
    let texts: Vec<String> = client
        .everything(b"group")
        .await
        .iter()
        .map(|it| hex(&it.data[it.data.len() - 1..]))
        .collect();
    assert_eq!(texts, [hex(b"x"), hex(b"y")]);
}
