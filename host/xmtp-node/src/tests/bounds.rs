//! Rates, quotas, ages and numbers: what goes beyond is refused, and everybody else is served on.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use super::captured;
use super::client::{Client, config, is_full, message, start, start_with, store};
use crate::config::NodeLimits;
use crate::identity::Change;
use crate::proto::mls::GroupMessage;
use crate::store::{StoreError, now_ns};
use crate::{Node, Rate, TlsFiles};

#[tokio::test]
async fn a_full_topic_takes_no_more_and_others_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let quotas = |limits: &mut NodeLimits| {
        limits.group_bytes = 10_000;
        limits.node_bytes = 25_000;
    };
    let (_node, client) = start_with(&folder, quotas).await;
    let text = |n: u8| vec![n; 3_000];
    for number in 0..3 {
        client
            .send(&[message(b"one", &text(number))])
            .await
            .expect("room");
    }
    is_full(client.send(&[message(b"one", &text(3))]).await);
    let mixed = [message(b"two", b"x"), message(b"one", &text(3))];
    is_full(client.send(&mixed).await);
    assert!(client.everything(b"two").await.is_empty(), "all or none");
    for number in 0..3 {
        client
            .send(&[message(b"two", &text(number))])
            .await
            .expect("room");
    }
    let three = [&b"three"[..], b"four", b"five"].map(|group| message(group, &text(0)));
    is_full(client.send(&three).await);
    // A duplicate needs no room.
    client
        .send(&[message(b"one", &text(0))])
        .await
        .expect("sent before");
}

#[tokio::test]
async fn a_client_that_asks_too_fast_waits_and_others_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let rate = Rate {
        per_second: 1,
        burst: 5,
    };
    let (node, client) = start_with(&folder, |limits| limits.local_rate = rate).await;
    for number in 0..5u8 {
        client
            .send(&[message(b"group", &[number])])
            .await
            .expect("in time");
    }
    let refused = client.send(&[message(b"group", b"late")]).await;
    assert_eq!(
        refused.expect_err("too fast").code(),
        Code::ResourceExhausted
    );
    let other = Client::connect(node.address()).await;
    assert_eq!(other.everything(b"group").await.len(), 5);
}

#[tokio::test]
async fn subscriptions_are_counted_and_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let few = |limits: &mut NodeLimits| {
        limits.subscriptions = 2;
        limits.topics = 3;
    };
    let (_node, client) = start_with(&folder, few).await;
    let subscribe = |filters: &'static [(&'static [u8], u64)]| {
        client.subscribe::<GroupMessage>("SubscribeGroupMessages", filters)
    };
    let code = |answer: Result<_, tonic::Status>| {
        answer
            .map(|_: tonic::Streaming<GroupMessage>| ())
            .expect_err("refused")
            .code()
    };
    let topics: &[(&[u8], u64)] = &[(b"a", 0), (b"b", 0), (b"c", 0), (b"d", 0)];
    assert_eq!(code(subscribe(topics).await), Code::InvalidArgument);
    let first = subscribe(&[(b"a", 0)]).await.expect("a place");
    let _second = subscribe(&[]).await.expect("a place");
    assert_eq!(code(subscribe(&[]).await), Code::ResourceExhausted);
    drop(first);
    let again = async { while subscribe(&[]).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .expect("a place again");
}

#[tokio::test]
async fn too_many_commit_log_entries_are_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_node, client) = start(config(&folder)).await;
    let answer = client.log_commits(0..11, None).await;
    assert_eq!(answer.expect_err("too many").code(), Code::InvalidArgument);
    let kept = client.commits(None).await.expect("a page");
    assert!(kept.is_empty(), "all or none");
}

#[tokio::test]
async fn the_log_of_an_inbox_ends_somewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(&folder, NodeLimits::default());
    let append = |last| {
        let (inbox, body) = ("inbox".to_owned(), Bytes::from_static(b"update"));
        store.append_update(inbox, last, body, Change::default())
    };
    for last in 0..256 {
        append(last).await.expect("room");
    }
    assert!(matches!(append(256).await, Err(StoreError::LogFull)));
    assert!(matches!(append(200).await, Err(StoreError::Moved)));
}

#[tokio::test]
async fn old_messages_go_and_commits_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, client) = start(config(&folder)).await;
    let sent = captured::group_messages();
    client.send(&sent).await.expect("sent");
    client.welcome(captured::welcomes()).await.expect("sent");
    let group = crate::mls::read_message(&sent[0])
        .expect("a frame")
        .group_id;
    let newest = client.everything(group).await.last().expect("messages").id;
    client
        .send(&[message(b"large", &vec![1; 3_000_000])])
        .await
        .expect("sent");
    node.shutdown().await.expect("a clean end");

    let size = || {
        let database = rusqlite::Connection::open(folder.path().join("node.db"));
        let database = database.expect("a database");
        let pages = database.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0));
        pages.expect("a number") * 4_096
    };
    assert!(size() > 3_000_000);
    let swept = store(&folder, NodeLimits::default());
    assert!(!swept.sweep(0).await.expect("nothing is that old"));
    assert!(!swept.sweep(now_ns()).await.expect("everything is that old"));
    swept.close().await.expect("closed");
    drop(swept);
    assert!(size() < 1_000_000, "the disk gets its room back");

    let (_node, client) = start(config(&folder)).await;
    let kept = client.everything(group).await;
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|it| it.is_commit));
    client.send(&[message(group, b"new")]).await.expect("sent");
    let all = client.everything(group).await;
    assert!(
        all.last().expect("the new one").id > newest,
        "no id comes twice"
    );
}

#[tokio::test]
async fn the_data_folder_is_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(&folder);
    config.data = folder.path().join("a/b");
    let (_node, client) = start(config).await;
    client.send(&[message(b"group", b"x")]).await.expect("sent");
    let mode = |path: &str| {
        let found = folder.path().join("a/b").join(path).metadata();
        found.expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for file in ["node.db", "node.db-wal", "lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let certificate = file("certificate.pem", include_str!("certificate.pem"));
    let mut config = config(&folder);
    config.data = folder.path().join("data");
    config.tls = Some(TlsFiles {
        certificate: certificate.clone(),
        key: file("key.pem", include_str!("key.pem")),
    });
    let node = Node::bind(config).await.expect("a node");

    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_file(&certificate).expect("a certificate");
    roots.add(root).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let stream = TcpStream::connect(node.address())
        .await
        .expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(name, stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // The client's preface and empty settings; the first frame that comes back is the server's settings.
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("written");
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.expect("a frame");
    assert_eq!(frame[3], 4, "settings");
}
