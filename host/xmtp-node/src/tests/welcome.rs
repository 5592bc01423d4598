//! Welcomes that point to where the welcome is: kept and handed out like the others, in one sequence with them.

use bytes::Bytes;
use tonic::{Code, Status};

use super::client::{Client, config, next, start, start_with};
use crate::proto::Empty;
use crate::proto::mls::{
    PagingInfo, WelcomeInput, WelcomeInputV1, WelcomeMessage, WelcomePointer, WelcomePointerInput,
};

const KEY: &[u8] = &[7; 32];

fn pointer(data: &'static [u8]) -> WelcomePointerInput {
    WelcomePointerInput {
        installation_key: KEY.into(),
        welcome_pointer: data.into(),
        hpke_public_key: "key".into(),
        wrapper_algorithm: 2,
    }
}

fn pointing(pointer: WelcomePointerInput) -> WelcomeInput {
    WelcomeInput {
        v1: None,
        pointer: Some(pointer),
    }
}

fn whole(data: &'static [u8]) -> WelcomeInput {
    WelcomeInput {
        v1: Some(WelcomeInputV1 {
            installation_key: KEY.into(),
            data: data.into(),
            hpke_public_key: "key".into(),
            wrapper_algorithm: 1,
            welcome_metadata: "metadata".into(),
        }),
        pointer: None,
    }
}

async fn stored(client: &Client) -> Vec<WelcomeMessage> {
    let oldest_first = PagingInfo {
        direction: 1,
        ..PagingInfo::default()
    };
    client.welcomes(KEY, Some(oldest_first)).await
}

#[tokio::test]
async fn pointers_stand_among_the_welcomes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let mut stream = client
        .subscribe::<WelcomeMessage>("SubscribeWelcomeMessages", &[(KEY, 0)])
        .await
        .expect("a subscription");
    let sent = vec![whole(b"one"), pointing(pointer(b"two")), whole(b"three")];
    client.welcome(sent).await.expect("sent");
    // What is here already is left out. A pointer is not a welcome that says the same.
    let again = vec![pointing(pointer(b"two")), pointing(pointer(b"one"))];
    client.welcome(again).await.expect("sent");

    let stored = stored(&client).await;
    assert_eq!(stored.len(), 4);
    let mut heard = Vec::new();
    for _ in &stored {
        heard.push(next(&mut stream).await);
    }
    assert_eq!(heard, stored, "live as from the database");
    let second = stored[1].pointer.clone().expect("a pointer");
    let expected = WelcomePointer {
        id: second.id,
        created_ns: second.created_ns,
        installation_key: KEY.into(),
        welcome_pointer: "two".into(),
        hpke_public_key: "key".into(),
        wrapper_algorithm: 2,
    };
    assert_eq!(second, expected);
    assert_eq!(stored[1].v1, None);
    let last = stored[3].pointer.clone().expect("a pointer");
    assert_eq!(last.welcome_pointer, "one");
    let first = stored[0].v1.clone().expect("a welcome");
    let third = stored[2].v1.clone().expect("a welcome");
    assert_eq!((first.data, third.data), ("one".into(), "three".into()));
    assert!(first.id < second.id && second.id < third.id && third.id < last.id);
    assert!(first.created_ns < second.created_ns && second.created_ns < third.created_ns);
}

#[tokio::test]
async fn a_pointer_is_as_bounded_as_a_welcome() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start_with(&folder, |limits| limits.welcome_bytes = 1_000).await;
    let changed = |change: fn(&mut WelcomePointerInput)| {
        let mut wrong = pointer(b"pointer");
        change(&mut wrong);
        wrong
    };
    for wrong in [
        changed(|it| it.welcome_pointer.clear()),
        changed(|it| it.welcome_pointer = vec![1; 1_001].into()),
        changed(|it| it.hpke_public_key = vec![1; 4 * 1024 + 1].into()),
        changed(|it| it.installation_key.clear()),
        changed(|it| it.installation_key = vec![1; 65].into()),
    ] {
        let sent = vec![pointing(pointer(b"good")), pointing(wrong)];
        let answer: Result<Empty, Status> = client.welcome(sent).await;
        assert_eq!(answer.expect_err("wrong").code(), Code::InvalidArgument);
    }
    assert!(stored(&client).await.is_empty(), "all or none");
    let most = changed(|it| it.welcome_pointer = Bytes::from(vec![1; 1_000]));
    client.welcome(vec![pointing(most)]).await.expect("room");
    assert_eq!(stored(&client).await.len(), 1);
}
