//! Which inbox an address belongs to: the one that it was linked to last, of those that it was not unlinked from.

use prost::Message;
use tonic::{Code, Status};

use super::client::{Client, IDENTITY, config, start};
use super::signer::{Signer, Wish, add, installation, update, wallet};
use crate::identity::check_update;
use crate::proto::Empty;
use crate::proto::identity::{
    GetInboxIdsRequest, GetInboxIdsResponse, IdentityUpdate, InboxIdRequest, InboxIdResponse,
};

/// Publishes an update of the inbox that `owner` creates.
async fn publish(
    client: &Client,
    owner: &Signer,
    second: u64,
    wish: Wish,
) -> Result<Empty, Status> {
    let update = update(&owner.inbox(), second, &[wish]);
    client.publish(update.encode_to_vec().into()).await
}

#[tokio::test]
async fn an_address_belongs_to_its_newest_inbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let (first, second, shared) = (wallet(1), wallet(2), wallet(3));
    let publish = async |owner: &Signer, time: u64, wish: Wish| {
        publish(&client, owner, time, wish).await.expect("honest");
    };
    let inbox = async || client.inbox_of(&shared.name()).await;

    publish(&first, 1, Wish::Create(first.clone(), 0)).await;
    publish(&second, 1, Wish::Create(second.clone(), 0)).await;
    assert_eq!(inbox().await, None);
    publish(&first, 2, add(&shared, &first)).await;
    assert_eq!(inbox().await, Some(first.inbox()));
    publish(&second, 2, add(&shared, &second)).await;
    assert_eq!(inbox().await, Some(second.inbox()), "the newest");
    // Something else in the older one changes nothing.
    publish(&first, 3, add(&wallet(4), &first)).await;
    assert_eq!(inbox().await, Some(second.inbox()));
    publish(&second, 3, Wish::Revoke(shared.clone(), second.clone())).await;
    assert_eq!(inbox().await, Some(first.inbox()), "the one that stands");
    publish(&second, 4, add(&shared, &second)).await;
    assert_eq!(inbox().await, Some(second.inbox()), "the newest again");
    // One of its own is one more.
    publish(&shared, 1, Wish::Create(shared.clone(), 0)).await;
    assert_eq!(inbox().await, Some(shared.inbox()));
    for (owner, stands) in [
        (&shared, Some(&second)),
        (&second, Some(&first)),
        (&first, None),
    ] {
        publish(owner, 9, Wish::Revoke(shared.clone(), owner.clone())).await;
        assert_eq!(inbox().await, stands.map(Signer::inbox));
    }
    // The owners' own addresses stayed where they were.
    assert_eq!(client.inbox_of(&first.name()).await, Some(first.inbox()));
    assert_eq!(
        client.inbox_of(&wallet(4).name()).await,
        Some(first.inbox())
    );
}

#[tokio::test]
async fn each_question_is_answered_in_its_place_and_only_addresses_have_inboxes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let owner = wallet(1);
    publish(&client, &owner, 1, Wish::Create(owner.clone(), 0))
        .await
        .expect("honest");
    let app = add(&installation(2), &owner);
    publish(&client, &owner, 2, app).await.expect("honest");
    let ours = Some(owner.inbox());
    let asked = [
        (owner.name(), 1, ours.clone()),
        (owner.name().to_uppercase().replace("0X", "0x"), 0, ours),
        (owner.name(), 2, None),
        (owner.name(), -1, None),
        (installation(2).name(), 1, None),
        (owner.inbox(), 1, None),
        (String::new(), 1, None),
        ("0x' OR '1'='1".to_owned(), 1, None),
        (wallet(9).name(), 1, None),
    ];
    let requests = asked
        .iter()
        .map(|(identifier, identifier_kind, _)| InboxIdRequest {
            identifier: identifier.clone(),
            identifier_kind: *identifier_kind,
        })
        .collect();
    let answer: GetInboxIdsResponse = client
        .call(IDENTITY, "GetInboxIds", GetInboxIdsRequest { requests })
        .await
        .expect("an answer");
    let expected: Vec<InboxIdResponse> = asked
        .into_iter()
        .map(|(identifier, identifier_kind, inbox_id)| InboxIdResponse {
            identifier,
            inbox_id,
            identifier_kind,
        })
        .collect();
    assert_eq!(answer.responses, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_that_race_are_each_taken_once_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start(config(&folder)).await;
    let owner = wallet(1);
    publish(&client, &owner, 1, Wish::Create(owner.clone(), 0))
        .await
        .expect("honest");
    let mut racers = tokio::task::JoinSet::new();
    for number in 0..16u8 {
        let client = Client::connect(node.address()).await;
        // Each of eight comes twice, over two connections.
        let (owner, member) = (owner.clone(), wallet(20 + number / 2));
        racers.spawn(async move {
            publish(&client, &owner, 2, add(&member, &owner))
                .await
                .is_ok()
        });
    }
    let taken = racers.join_all().await.into_iter().filter(|ok| *ok).count();
    let log: Vec<IdentityUpdate> = client
        .updates(&owner.inbox(), 0)
        .await
        .into_iter()
        .map(|(_, body)| IdentityUpdate::decode(body).expect("an update"))
        .collect();
    assert_eq!(log.len(), 1 + taken);
    assert!((1..=8).contains(&taken), "{taken} were taken");
    for (at, update) in log.iter().enumerate() {
        check_update(&log[..at], update).expect("a log that clients take");
    }
    for (at, update) in log.iter().enumerate() {
        assert!(!log[..at].contains(update), "an update came twice");
    }
}

#[tokio::test]
async fn an_update_with_very_many_actions_is_not_even_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    // An empty action has two bytes here and a thousand in memory.
    let many = [0x0a, 0].repeat(30_000);
    let refused = client.publish(many.into()).await.expect_err("too many");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "too many actions");
}
