//! The socket as its two ends see it: what is refused, what is finished, and that a hostile line hurts nobody.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as Dead;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::server::may_ask;
use super::{Client, ControlError, Listener, Progress, Request};
use crate::report::{Exit, Failure};
use crate::tasks::Tasks;

struct Running {
    _folder: tempfile::TempDir,
    path: PathBuf,
    tasks: Tasks,
    dropped: mpsc::UnboundedReceiver<()>,
}

/// Tells when a handler ends, finished or not.
struct Guard(mpsc::UnboundedSender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

async fn handle(request: Request, progress: Progress, guard: Guard) -> Result<Value, Failure> {
    let _guard = guard;
    match request {
        Request::Status {} => Ok(json!({"pid": 7})),
        Request::SkillsHide { name } => {
            progress.say("hiding");
            Err(Failure::failed(format!("no skill is called {name}")))
        }
        Request::SkillsList {} => panic!("a fault in a handler"),
        Request::Call { .. } => std::future::pending().await,
        other => Ok(serde_json::to_value(other).expect("plain data")),
    }
}

fn run() -> Running {
    run_for(None)
}

/// Runs a socket of a user, or of this one.
fn run_for(owner: Option<u32>) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    let tasks = Tasks::new();
    let (gone, dropped) = mpsc::unbounded_channel();
    let mut listener = Listener::bind(&path).expect("a new socket");
    listener.owner = owner.unwrap_or(listener.owner);
    tasks.spawn(
        listener.serve(tasks.clone(), Duration::ZERO, move |request, progress| {
            handle(request, progress, Guard(gone.clone()))
        }),
    );
    Running {
        _folder: folder,
        path,
        tasks,
        dropped,
    }
}

async fn client(running: &Running) -> Client {
    Client::connect(&running.path)
        .await
        .expect("ours")
        .expect("a host runs")
}

fn call() -> Request {
    Request::Call {
        peer: "self".into(),
        skill: "slow".into(),
        input: json!({}),
        version: None,
        timeout: None,
        as_tier: None,
    }
}

#[tokio::test]
async fn answers_failures_and_progress_arrive() {
    let running = run();
    let mode = std::fs::metadata(&running.path)
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = client(&running).await;
    let answer = client.ask(&Request::Status {}, |_| {}).await;
    assert_eq!(answer, Ok(json!({"pid": 7})));
    let mut notes = Vec::new();
    let hide = Request::SkillsHide { name: "x".into() };
    let answer = client.ask(&hide, |note| notes.push(note.text)).await;
    assert_eq!(answer, Err(Failure::failed("no skill is called x")));
    assert_eq!(notes, ["hiding"]);
}

#[tokio::test]
async fn another_user_gets_nothing_from_the_control_socket() {
    use std::io::{Error, ErrorKind};
    let (me, other) = (1_000, 1_001);
    assert!(may_ask(Ok(me), me));
    for stranger in [
        Ok(other),
        Ok(0),
        Ok(u32::MAX),
        Err(Error::from(ErrorKind::NotConnected)),
    ] {
        let who = format!("{stranger:?}");
        assert!(!may_ask(stranger, me), "{who}");
    }
    // To a host of somebody else, this process is another user.
    let running = run_for(Some(rustix::process::geteuid().as_raw() + 1));
    let mut stream = UnixStream::connect(&running.path).await.expect("a socket");
    // The host may have hung up already, which is the same to us.
    let _ = stream.write_all(b"{\"do\":\"status\"}\n").await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    assert_eq!(heard, b"", "it is not answered, and not told why");
}

#[tokio::test]
async fn a_handler_that_breaks_takes_nothing_with_it() {
    let running = run();
    let mut client = client(&running).await;
    let broken = client.ask(&Request::SkillsList {}, |_| {}).await;
    assert_eq!(broken.map_err(|failure| failure.exit), Err(Exit::Internal));
    assert!(client.ask(&Request::Status {}, |_| {}).await.is_ok());
}

#[tokio::test]
async fn hostile_lines_get_an_error_and_hurt_nobody() {
    let running = run();
    for bad in [
        &b"\n"[..],
        b"{}\n",
        b"{\"do\":\"reboot\"}\n",
        b"\xff\xfe\x00\n",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
    ] {
        let mut stream = UnixStream::connect(&running.path).await.expect("a host");
        stream.write_all(bad).await.expect("sent");
        stream.write_all(b"{\"do\":\"status\"}\n").await.expect("sent");
        stream.shutdown().await.expect("half closed");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("an answer");
        let mut lines = said.lines();
        assert!(lines.next().is_some_and(|line| line.starts_with("{\"error\":")), "{said}");
    }
    // Bytes without an end are cut off, not collected.
    let mut stream = UnixStream::connect(&running.path).await.expect("a host");
    let flood = vec![b' '; 1 << 20];
    let mut sent = 0_usize;
    while stream.write_all(&flood).await.is_ok() {
        sent += flood.len();
        assert!(sent < 64 << 20, "the host reads for ever");
    }
    assert!(
        client(&running)
            .await
            .ask(&Request::Status {}, |_| {})
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn clients_beyond_the_bound_are_told_so() {
    let running = run();
    let mut kept = Vec::new();
    for _ in 0..64 {
        let mut client = client(&running).await;
        client
            .ask(&Request::Status {}, |_| {})
            .await
            .expect("a place");
        kept.push(client);
    }
    let turned_away = client(&running)
        .await
        .ask(&Request::Status {}, |_| {})
        .await;
    assert_eq!(
        turned_away.map_err(|failure| failure.what),
        Err("the host is busy with other commands".to_owned())
    );
    drop(kept);
}

#[tokio::test]
async fn a_client_that_leaves_ends_what_only_waits() {
    let mut running = run();
    let mut stream = UnixStream::connect(&running.path).await.expect("a host");
    let line = serde_json::to_string(&call()).expect("plain data") + "\n";
    stream.write_all(line.as_bytes()).await.expect("sent");
    drop(stream);
    assert_eq!(running.dropped.recv().await, Some(()));
}

#[tokio::test]
async fn a_host_that_leaves_says_so_and_removes_its_socket() {
    let running = run();
    let mut client = client(&running).await;
    let slow = call();
    let (answer, ()) = tokio::join!(client.ask(&slow, |_| {}), async {
        running.tasks.stop();
        running.tasks.ended().await;
    });
    assert_eq!(
        answer.map_err(|failure| failure.exit),
        Err(Exit::Unreachable)
    );
    assert!(!running.path.exists());
    assert!(matches!(Client::connect(&running.path).await, Ok(None)));
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_another_file_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("control.sock");
    drop(Dead::bind(&path).expect("a socket"));
    assert!(
        matches!(Client::connect(&path).await, Ok(None)),
        "nobody is there"
    );
    drop(Listener::bind(&path).expect("takes the place of the dead one"));
    std::fs::write(&path, "mine").expect("a file");
    assert!(matches!(
        Listener::bind(&path),
        Err(ControlError::NotASocket(_))
    ));
    let long = folder.path().join("x".repeat(120));
    assert!(matches!(
        Listener::bind(&long),
        Err(ControlError::PathTooLong(_))
    ));
}
