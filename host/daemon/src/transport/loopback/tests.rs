use super::*;
use crate::home::Home;

struct Side {
    _home: tempfile::TempDir,
    identity: Arc<Identity>,
    link: Link,
    tasks: Tasks,
}

async fn side(dir: &Path) -> Side {
    let home = tempfile::tempdir().expect("a folder");
    let identity = Arc::new(
        Home::create(&home.path().join("home"))
            .expect("a home")
            .identity()
            .expect("a key"),
    );
    let tasks = Tasks::new();
    let link = open(dir, identity.clone(), &tasks).await.expect("a socket");
    Side {
        _home: home,
        identity,
        link,
        tasks,
    }
}

async fn send(side: &Side, to: &PeerId, id: &str, bytes: &[u8]) -> Result<(), SendError> {
    let (done, sent) = oneshot::channel();
    let message = Outgoing {
        round: 0,
        to: to.clone(),
        id: id.to_owned(),
        bytes: bytes.to_vec(),
        done,
    };
    side.link
        .outbox
        .send(message)
        .await
        .expect("the transport runs");
    sent.await.expect("the transport answers")
}

fn sockets() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("l");
    (parent, dir)
}

#[tokio::test]
async fn messages_arrive_from_whoever_signed_and_are_confirmed_when_kept() {
    let (_parent, dir) = sockets();
    let (ann, mut bob) = (side(&dir).await, side(&dir).await);
    let to = bob.link.me.clone();
    let receive = async {
        let message = bob.link.inbox.recv().await.expect("a message");
        assert_eq!(
            (&message.from, message.id.as_str(), message.bytes.as_slice()),
            (&ann.link.me, "m1", b"hello".as_slice())
        );
        message.kept.send(Kept::Done).expect("the transport waits");
    };
    let (sent, ()) = tokio::join!(send(&ann, &to, "m1", b"hello"), receive);
    assert_eq!(sent, Ok(()));
}

#[tokio::test]
async fn what_was_not_kept_is_not_confirmed() {
    let (_parent, dir) = sockets();
    let (ann, mut bob) = (side(&dir).await, side(&dir).await);
    let to = bob.link.me.clone();
    let receive = async {
        let message = bob.link.inbox.recv().await.expect("a message");
        drop(message.kept);
        bob.tasks.stop();
    };
    let (sent, ()) = tokio::join!(send(&ann, &to, "m1", b"hello"), receive);
    assert_eq!(sent, Err(SendError::Unconfirmed));
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unreachable_and_another_is_not() {
    let (_parent, dir) = sockets();
    let (ann, mut bob) = (side(&dir).await, side(&dir).await);
    let nobody: PeerId = format!("loop:{}", "0".repeat(64)).parse().expect("an id");
    assert!(matches!(
        send(&ann, &nobody, "m1", b"x").await,
        Err(SendError::Unreachable(_))
    ));
    let elsewhere: PeerId = format!("xmtp:{}", "0".repeat(64)).parse().expect("an id");
    assert!(matches!(
        send(&ann, &elsewhere, "m2", b"x").await,
        Err(SendError::Impossible(_))
    ));
    let to = bob.link.me.clone();
    let receive = async {
        bob.link
            .inbox
            .recv()
            .await
            .expect("a message")
            .kept
            .send(Kept::Done)
    };
    let (sent, _) = tokio::join!(send(&ann, &to, "m3", b"x"), receive);
    assert_eq!(sent, Ok(()));
}

#[tokio::test]
async fn another_key_under_a_peers_name_gets_nothing() {
    let (_parent, dir) = sockets();
    let (ann, bob, mut eve) = (side(&dir).await, side(&dir).await, side(&dir).await);
    // Eve puts her socket where Bob's is expected.
    std::fs::rename(socket_of(&dir, &eve.link.me), socket_of(&dir, &bob.link.me))
        .expect("one folder");
    assert!(matches!(
        send(&ann, &bob.link.me, "m1", b"for bob").await,
        Err(SendError::Unreachable(_))
    ));
    assert!(eve.link.inbox.try_recv().is_err());
}

#[tokio::test]
async fn a_caller_without_a_proof_is_nobody() {
    let (_parent, dir) = sockets();
    let mut bob = side(&dir).await;
    let claimed = side(&dir).await.identity.public();
    let domain = b"coworker-host loopback v1\0";
    for (key, tail) in [
        (claimed, [7u8; 64].to_vec()),
        ([0; 32], [0u8; 64].to_vec()),
        (claimed, Vec::new()),
    ] {
        let mut stream = UnixStream::connect(socket_of(&dir, &bob.link.me))
            .await
            .expect("bob listens");
        let hello = [domain.as_slice(), &key, &[1; 32], &tail].concat();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &hello)
            .await
            .expect("bob reads");
        let message = Frame::Message {
            id: "m".into(),
            sent: crate::clock::now(),
            bytes: b"x".to_vec(),
        };
        let _ = message.write(&mut stream).await;
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
        if !tail.is_empty() {
            let _ = tokio::time::timeout(Duration::from_secs(20), read)
                .await
                .expect("bob hangs up");
            assert!(
                rest.len() <= domain.len() + 64,
                "a stranger gets no signature"
            );
        }
    }
    assert!(
        bob.link.inbox.try_recv().is_err(),
        "nothing of it reached the host"
    );
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused() {
    let parent = tempfile::tempdir().expect("a folder");
    let dir = parent.path().join("open");
    std::fs::create_dir(&dir).expect("a folder");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("ours");
    assert!(prepare(&dir).is_err_and(|error| error.to_string().contains("chmod 700")));
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(&dir, &link).expect("a link");
    assert!(prepare(&link).is_err());
}
