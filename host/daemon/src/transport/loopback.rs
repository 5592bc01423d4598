//! Hosts on one machine: a socket per identity in a folder of the user's own, each side proving its key by signing the
//! other's challenge. Nothing is encrypted: whoever could listen in can also read this user's files.

mod frame;
mod handshake;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coworker_core::{PeerId, Scheme};
use rustix::fs::{FlockOperation, OFlags, flock};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use self::frame::Frame;
use super::{CROWDED_PAUSE, Inbound, Kept, Link, Outgoing, SendError, TransportError};
use crate::home::Identity;
use crate::tasks::Tasks;

/// How many messages may wait for the inbox loop: what a flood can put before another peer's message. More wait in the
/// senders' sockets, one of each peer at the door.
const INBOX: usize = 64;
/// How many messages may wait for one peer's connection, and confirmations to go back over one.
const LANE: usize = 1_024;
/// How many connections a host holds open at a time, so that a local process cannot use up its file handles.
const CONNECTIONS: usize = 512;
/// How long a host that just stops may hold its place.
const LEAVING: Duration = Duration::from_secs(1);
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Returns the socket of a peer in `dir`. Half the fingerprint names it: socket paths end at 108 bytes.
pub fn socket_of(dir: &Path, peer: &PeerId) -> PathBuf {
    dir.join(format!("{}.sock", peer.id().get(..32).unwrap_or(peer.id())))
}

/// Opens the transport: listens under our fingerprint, connects to peers when there is something to send. The caller
/// holds the home's lock, so a socket left behind by an earlier run is ours to remove.
pub async fn open(
    dir: &Path,
    identity: Arc<Identity>,
    tasks: &Tasks,
) -> Result<Link, TransportError> {
    prepare(dir)?;
    let me = identity.peer();
    let path = socket_of(dir, &me);
    let claim = claim(&path).await?;
    let _ = tokio::fs::remove_file(&path).await;
    let failed = |source| TransportError::Listen {
        path: path.display().to_string(),
        source,
    };
    let listener = UnixListener::bind(&path).map_err(failed)?;
    let (inbox_in, inbox) = mpsc::channel(INBOX);
    let (outbox, outbox_out) = mpsc::channel(INBOX);
    tasks.spawn(listen(
        (listener, claim),
        path.clone(),
        identity.clone(),
        inbox_in,
        tasks.clone(),
    ));
    tasks.spawn(dispatch(
        dir.to_owned(),
        identity,
        outbox_out,
        tasks.clone(),
    ));
    Ok(Link {
        me,
        inbox,
        outbox,
        network: None,
    })
}

fn prepare(dir: &Path) -> Result<(), TransportError> {
    let refuse = |why: String| TransportError::Folder {
        path: dir.display().to_string(),
        why,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| refuse(e.to_string()))?;
    let meta = std::fs::symlink_metadata(dir).map_err(|e| refuse(e.to_string()))?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse("it is not a folder of this user".to_owned()));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(refuse(
            "other users may enter it; run `chmod 700` on it".to_owned(),
        ));
    }
    Ok(())
}

/// Takes the place of a key on this machine, or says that it is taken: by a host on a copy of this home, which has a lock
/// of its own. It would go on without being reached, while peers are answered by two hosts in turn.
async fn claim(socket: &Path) -> Result<File, TransportError> {
    let path = socket.with_extension("lock");
    let failed = |source| TransportError::Listen {
        path: path.display().to_string(),
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(failed)?;
    let until = Instant::now() + LEAVING;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                tokio::time::sleep(LEAVING / 50).await;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(TransportError::Taken),
            Err(error) => return Err(failed(error.into())),
        }
    }
}

async fn listen(
    (listener, _claim): (UnixListener, File),
    path: PathBuf,
    identity: Arc<Identity>,
    inbox: mpsc::Sender<Inbound>,
    tasks: Tasks,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = tasks.stopped() => break,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let stream = tokio::select! {
            () = tasks.stopped() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a loopback connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (identity, inbox, stop) = (identity.clone(), inbox.clone(), tasks.clone());
        tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = stop.stopped() => {}
                () = serve(stream, &identity, inbox) => {}
            }
        });
    }
    let _ = tokio::fs::remove_file(&path).await;
}

/// Reads one peer's messages until it hangs up. Confirmations go back as the host keeps each message.
async fn serve(stream: UnixStream, identity: &Identity, inbox: mpsc::Sender<Inbound>) {
    let (mut read, mut write) = stream.into_split();
    let shaken = tokio::time::timeout(
        HANDSHAKE,
        handshake::answer(&mut read, &mut write, identity),
    )
    .await;
    let from = match shaken {
        Ok(Ok(peer)) => peer,
        Ok(Err(error)) => return tracing::debug!(%error, "a loopback handshake failed"),
        Err(_) => return tracing::debug!("a loopback handshake took too long"),
    };
    let (confirm, mut confirmed) = mpsc::channel::<(String, oneshot::Receiver<Kept>)>(LANE);
    let crowded = AtomicBool::new(false);
    let confirmations = async {
        while let Some((id, kept)) = confirmed.recv().await {
            match kept.await {
                Ok(Kept::Done) => {}
                Ok(Kept::Crowded) => crowded.store(true, Ordering::Relaxed),
                Err(_) => continue,
            }
            let confirmation = Frame::Kept { id };
            if confirmation.write(&mut write).await.is_err() {
                break;
            }
        }
    };
    let messages = async {
        // Moved in: with this end gone, the confirmations end too.
        let confirm = confirm;
        while let Ok(Some(frame)) = frame::read(&mut read).await {
            let Frame::Message { id, sent, bytes } = frame else {
                continue;
            };
            let (kept, on_disk) = oneshot::channel();
            let message = Inbound {
                from: from.clone(),
                id: id.clone(),
                sent,
                bytes,
                kept,
            };
            if inbox.send(message).await.is_err() || confirm.send((id, on_disk)).await.is_err() {
                break;
            }
            if crowded.swap(false, Ordering::Relaxed) {
                tokio::time::sleep(CROWDED_PAUSE).await;
            }
        }
    };
    tokio::join!(confirmations, messages);
}

/// Hands each outgoing message to the lane of its receiver, so that a slow peer delays nobody else.
async fn dispatch(
    dir: PathBuf,
    identity: Arc<Identity>,
    mut outbox: mpsc::Receiver<Outgoing>,
    tasks: Tasks,
) {
    let mut lanes: HashMap<PeerId, mpsc::Sender<Outgoing>> = HashMap::new();
    loop {
        let message = tokio::select! {
            () = tasks.stopped() => break,
            message = outbox.recv() => match message { Some(message) => message, None => break },
        };
        if message.to.scheme() != Scheme::Loop {
            let _ = message.done.send(Err(SendError::Impossible(format!(
                "{} is not on loopback",
                message.to
            ))));
            continue;
        }
        lanes.retain(|_, lane| !lane.is_closed());
        let lane = lanes.entry(message.to.clone()).or_insert_with(|| {
            let (lane, messages) = mpsc::channel(LANE);
            let (path, peer) = (socket_of(&dir, &message.to), message.to.clone());
            let (identity, stop) = (identity.clone(), tasks.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.stopped() => {}
                    () = carry(path, peer, &identity, messages) => {}
                }
            });
            lane
        });
        if let Err(refused) = lane.try_send(message) {
            let message = refused.into_inner();
            let _ = message.done.send(Err(SendError::Unreachable(
                "too much is waiting for this peer".to_owned(),
            )));
        }
    }
}

type Unconfirmed = Arc<Mutex<HashMap<String, oneshot::Sender<Result<(), SendError>>>>>;

/// Sends one peer's messages over one connection, until the connection breaks or nothing was sent for a while.
async fn carry(
    path: PathBuf,
    peer: PeerId,
    identity: &Identity,
    mut messages: mpsc::Receiver<Outgoing>,
) {
    let connected = tokio::time::timeout(HANDSHAKE, connect(&path, &peer, identity)).await;
    let (mut read, mut write) = match connected {
        Ok(Ok(halves)) => halves,
        Ok(Err(why)) => return fail(&mut messages, why),
        Err(_) => return fail(&mut messages, "the handshake took too long".to_owned()),
    };
    let unconfirmed = Unconfirmed::default();
    let waiting = unconfirmed.clone();
    let confirmations = async move {
        while let Ok(Some(frame)) = frame::read(&mut read).await {
            if let Frame::Kept { id } = frame
                && let Some(done) = waiting.lock().await.remove(&id)
            {
                let _ = done.send(Ok(()));
            }
        }
    };
    let sending = async {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), messages.recv()).await;
            let Ok(Some(message)) = next else { break };
            unconfirmed
                .lock()
                .await
                .insert(message.id.clone(), message.done);
            let frame = Frame::Message {
                id: message.id,
                sent: crate::clock::now(),
                bytes: message.bytes,
            };
            if frame.write(&mut write).await.is_err() {
                break;
            }
        }
        // An idle lane closes, but not before what it sent was confirmed or given up.
        tokio::time::sleep(patience(unconfirmed.lock().await.len())).await;
    };
    tokio::select! {
        () = confirmations => {}
        () = sending => {}
    }
    for (_, done) in unconfirmed.lock().await.drain() {
        let _ = done.send(Err(SendError::Unconfirmed));
    }
    fail(&mut messages, "the connection closed".to_owned());
}

/// Returns how long to wait for confirmations that are still missing.
const fn patience(missing: usize) -> Duration {
    if missing == 0 {
        Duration::ZERO
    } else {
        HANDSHAKE
    }
}

async fn connect(
    path: &Path,
    peer: &PeerId,
    identity: &Identity,
) -> Result<(OwnedReadHalf, OwnedWriteHalf), String> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(|error| format!("no host answers under {peer} ({error})"))?;
    let (mut read, mut write) = stream.into_split();
    let there = handshake::open(&mut read, &mut write, identity)
        .await
        .map_err(|error| error.to_string())?;
    if there == *peer {
        Ok((read, write))
    } else {
        Err(format!("another key answers there: {there}"))
    }
}

fn fail(messages: &mut mpsc::Receiver<Outgoing>, why: String) {
    messages.close();
    while let Ok(message) = messages.try_recv() {
        let _ = message.done.send(Err(SendError::Unreachable(why.clone())));
    }
}

#[cfg(test)]
mod tests;
