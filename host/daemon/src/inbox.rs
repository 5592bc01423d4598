//! What arrives. A request is judged fit to wait by its size, its kind and the room in its peer's line; then it goes to
//! disk, and only then does the transport hear that we have it. Nothing here reads the catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coworker_core::{
    Admission, Envelope, MAX_ANSWER, MAX_ENVELOPE, Message, PeerId, Refusal, Scheme, TaskId,
    Timestamp, admit, decode, fingerprint,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::ask::Answer;
use crate::clock;
use crate::host::Host;
use crate::perform::{Begun, Waiting, What, begin};
use crate::poison::{Key, Stage, content_key, raw_key};
use crate::store::{Accepted, Arrival, Later, StoreError, Stored};
use crate::transport::{Inbound, Kept};

/// How many messages may be on their way to disk while further ones are looked at.
const AHEAD: usize = 64;
/// How often a peer whose line is full hears `BUSY`.
const BUSY_EVERY: Duration = Duration::from_secs(60);
/// How many peers are remembered for that.
const BUSY_PEERS: usize = 4_096;

/// What was turned away, by reason, since the host started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages received.
    pub received: AtomicU64,
    /// Larger than anything we read.
    pub too_large: AtomicU64,
    /// Not a message of the protocol.
    pub undecodable: AtomicU64,
    /// Of a kind that the peer's tier may not send, or that nobody here handles.
    pub dropped: AtomicU64,
    /// Too old.
    pub expired: AtomicU64,
    /// Answers that nobody waited for, or from somebody who was not asked.
    pub unasked: AtomicU64,
    /// Turned away because a line was full.
    pub crowded: AtomicU64,
}

impl Counters {
    /// Returns the counts, by name.
    pub fn value(&self) -> serde_json::Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        serde_json::json!({
            "received": read(&self.received), "too_large": read(&self.too_large), "undecodable": read(&self.undecodable),
            "dropped": read(&self.dropped), "expired": read(&self.expired), "unasked": read(&self.unasked),
            "crowded": read(&self.crowded),
        })
    }
}

/// Reads a transport's inbox until it closes or the host stops.
pub async fn run(host: Arc<Host>, mut inbox: mpsc::Receiver<Inbound>) {
    let (ahead, mut given) = mpsc::channel(AHEAD);
    let read = async {
        // Dropped with this block: the other one ends when it has confirmed what was given.
        let ahead = ahead;
        loop {
            let message = tokio::select! {
                () = host.intake.stopped() => return,
                message = inbox.recv() => message,
            };
            let Some(message) = message else { return };
            if let Some(given) = give(&host, message).await
                && ahead.send(given).await.is_err()
            {
                return;
            }
        }
    };
    // What comes while a commit is under way joins the next one, and does not wait to be looked at until then.
    let confirm = async {
        while let Some(given) = given.recv().await {
            if let Err(error) = confirm(&host, given).await {
                // The owner hears of the store's trouble once, and not with every message.
                tracing::debug!(%error, "a message could not be stored and is delivered again");
            }
        }
    };
    tokio::join!(read, confirm);
}

/// A request with a place in its line, not yet on disk.
struct Candidate<'a> {
    task: TaskId,
    room: Room<'a>,
    expires: Timestamp,
    envelope: Envelope,
    key: Key,
    received: Instant,
    kept: oneshot::Sender<Kept>,
}

/// The place of a request that may not come: dropped, it is given back.
struct Room<'a> {
    host: &'a Host,
    peer: PeerId,
    size: usize,
    begun: Option<Begun>,
    is_taken: bool,
}

impl Room<'_> {
    /// Puts a request that is on disk where it is served from.
    fn take(mut self, waiting: Waiting) {
        self.is_taken = true;
        let mut lines = self.host.lines();
        match self.begun {
            Some(_) => lines.join_begun(&self.peer, waiting, self.size),
            None => lines.join(&self.peer, waiting, self.size),
        }
        drop(lines);
        self.host.wake.notify_one();
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.is_taken {
            return;
        }
        let mut lines = self.host.lines();
        match self.begun {
            Some(_) => lines.leave_begun(&self.peer, self.size),
            None => lines.leave(&self.peer, self.size),
        }
        drop(lines);
        self.host.wake.notify_one();
    }
}

/// What was given to the store, and what tells that it is on disk.
enum Given<'a> {
    Request(Box<Candidate<'a>>, Result<Stored<Accepted>, StoreError>),
    /// The transport hears of it then; whoever waited for it has it already.
    Answer(Result<Later<bool>, StoreError>, oneshot::Sender<Kept>),
}

/// Takes a message in, and returns the task that it became. The store's trouble is for whoever gave the message.
pub(crate) async fn take(host: &Host, message: Inbound) -> Result<Option<TaskId>, StoreError> {
    match give(host, message).await {
        Some(given) => confirm(host, given).await,
        None => Ok(None),
    }
}

/// Waits until a message is on disk, tells the transport, and puts a request into its line. The store's trouble leaves
/// the message with the transport: without a confirmation it is delivered again.
async fn confirm(host: &Host, given: Given<'_>) -> Result<Option<TaskId>, StoreError> {
    match given {
        Given::Request(candidate, stored) => {
            let accepted = stored?.kept().await?;
            Ok(Some(keep(host, *candidate, accepted)))
        }
        Given::Answer(stored, kept) => {
            stored?.kept().await?;
            let _ = kept.send(Kept::Done);
            Ok(None)
        }
    }
}

/// Gives a message to the store if it is to be kept. Everything else is dealt with here; a bad one affects itself only.
async fn give(host: &Host, message: Inbound) -> Option<Given<'_>> {
    let received = Instant::now();
    host.counters.received.fetch_add(1, Ordering::Relaxed);
    host.outbox.awake(&message.from);
    let Inbound {
        from,
        id,
        sent,
        bytes,
        kept,
    } = message;
    let count = |counter: &AtomicU64| {
        counter.fetch_add(1, Ordering::Relaxed);
    };
    let done = |kept: oneshot::Sender<Kept>| {
        let _ = kept.send(Kept::Done);
        None
    };
    let crowded = |kept: oneshot::Sender<Kept>| {
        host.counters.crowded.fetch_add(1, Ordering::Relaxed);
        let _ = kept.send(Kept::Crowded);
        None
    };
    let largest = if host.asks.awaits(&from) {
        MAX_ANSWER
    } else {
        MAX_ENVELOPE
    };
    if bytes.len() > largest.len() {
        count(&host.counters.too_large);
        tracing::debug!(peer = %from, bytes = bytes.len(), "a message is too large and was dropped");
        return done(kept);
    }
    let tier = host.trust.tier(&from);
    // Who floods is not even read, once it has heard that we are busy; unless we wait for an answer of it.
    if !host.lines().has_room(&from, tier, bytes.len())
        && !busy_again(host, &from)
        && !host.asks.awaits(&from)
    {
        return crowded(kept);
    }
    let raw = raw_key(&from, &bytes);
    let Some(mut handling) = host
        .poison
        .handle(&from, &id, (raw, Stage::Decode), None)
        .await
    else {
        return done(kept);
    };
    host.poison.pass(Stage::Decode, || bytes.clone());
    let decoded = decode(&bytes);
    host.poison.survived(raw);
    let envelope = match decoded {
        Ok(envelope) => envelope,
        Err(why) => {
            count(&host.counters.undecodable);
            tracing::debug!(peer = %from, %why, "a message was dropped");
            return done(kept);
        }
    };
    let fingerprint = fingerprint(&envelope.message);
    let content = content_key(&from, &fingerprint);
    if !handling
        .enter(&from, &id, (content, Stage::Judge), None)
        .await
    {
        return done(kept);
    }
    host.poison.pass(Stage::Judge, || bytes.clone());
    let now = clock::now();
    match admit(envelope.message.kind(), tier) {
        Admission::Serve => {}
        Admission::Reply => {
            let given = answer(host, from, envelope, bytes, now, kept).await;
            host.poison.survived(content);
            return given;
        }
        Admission::Drop(_) => {
            host.poison.survived(content);
            count(&host.counters.dropped);
            return done(kept);
        }
    }
    // By the transport's clock, and not by what the envelope claims.
    let expires = envelope.expires(sent);
    if expires <= now {
        host.poison.survived(content);
        count(&host.counters.expired);
        return done(kept);
    }
    if from.scheme() != Scheme::Local
        && let Err(error) = host
            .trust
            .seen(&from, envelope.claimed_name.as_deref(), now)
            .await
    {
        tracing::error!(%error, "a peer could not be noted");
        return None;
    }
    let size = bytes.len();
    if host.lines().reserve(&from, tier, size).is_err() {
        busy(host, &from, &envelope).await;
        return crowded(kept);
    }
    let begun = begin(host, &from, tier, &envelope, (size, expires));
    let arrival = Arrival {
        task: clock::task_id(),
        peer: from,
        transport_id: id,
        kind: envelope.message.type_name().to_owned(),
        correlation: envelope.correlation.as_ref().map(ToString::to_string),
        fingerprint,
        skill: skill_of(&envelope.message),
        body: bytes,
        received: now,
        expires,
        begun: begun.as_ref().and_then(|begun| begun.run),
    };
    let room = Room {
        host,
        peer: arrival.peer.clone(),
        size,
        begun,
        is_taken: false,
    };
    let candidate = Candidate {
        task: arrival.task,
        room,
        expires,
        envelope,
        key: content,
        received,
        kept,
    };
    // The way to disk is the same for every message: no death there is this one's doing.
    drop(handling);
    let stored = host.store.begin_accept(arrival).await;
    Some(Given::Request(Box::new(candidate), stored))
}

fn keep(host: &Host, candidate: Candidate<'_>, accepted: Accepted) -> TaskId {
    let Candidate {
        task: new,
        room,
        expires,
        envelope,
        key,
        received,
        kept,
    } = candidate;
    let (task, what) = match accepted {
        Accepted::Fresh => (new, What::First),
        Accepted::SameMessage { of } | Accepted::Duplicate { of } => (of, What::Again),
    };
    let _ = kept.send(Kept::Done);
    if host.performs(&room.peer) {
        // What came again has an attempt of its own, or none.
        let run = room.begun.as_ref().and_then(|begun| begun.run);
        let run = run
            .filter(|_| what == What::First)
            .map(|(digest, _)| digest);
        let waiting = Waiting::new(task, what, envelope, received, expires, room.size);
        room.take(waiting.begun(run).of(key));
    }
    task
}

async fn answer(
    host: &Host,
    from: PeerId,
    envelope: Envelope,
    bytes: Vec<u8>,
    now: Timestamp,
    kept: oneshot::Sender<Kept>,
) -> Option<Given<'static>> {
    let correlation = envelope
        .correlation
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    // Asked here first, so that answers to nothing cost no write.
    if !host.asks.expects(&from, &correlation) {
        host.counters.unasked.fetch_add(1, Ordering::Relaxed);
        let _ = kept.send(Kept::Done);
        return None;
    }
    if host.asks.is_delegated(&from, &correlation) {
        work_answered(host, &from, &correlation, &envelope, bytes, now, kept).await;
        return None;
    }
    // Whoever waits here is gone after a crash: it need not wait for the disk too. The transport does.
    let told = Answer {
        envelope,
        bytes: bytes.clone(),
    };
    if !host.asks.complete(&from, &correlation, told) {
        host.counters.unasked.fetch_add(1, Ordering::Relaxed);
    }
    let stored = host.store.answered(&from, &correlation, bytes, now).await;
    Some(Given::Answer(stored, kept))
}

/// Takes the answer to work that was given to this peer. A pong under the same id is none.
async fn work_answered(
    host: &Host,
    from: &PeerId,
    task: &str,
    envelope: &Envelope,
    bytes: Vec<u8>,
    now: Timestamp,
    kept: oneshot::Sender<Kept>,
) {
    let success = match envelope.message {
        Message::TaskResponse { .. } => Some(true),
        Message::TaskError(_) | Message::Error { .. } => Some(false),
        _ => None,
    };
    let counts = match success {
        Some(success) => {
            host.store
                .delegated_answer(from, task, bytes, success, now)
                .await
        }
        None => Ok((false, None)),
    };
    match counts {
        Ok((true, taken_back)) => {
            if let Some(outgoing) = taken_back {
                host.outbox.leave_out(from, outgoing);
            }
            host.asks.settle(from, task);
        }
        Ok((false, _)) => {
            host.counters.unasked.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be stored");
            return;
        }
    }
    let _ = kept.send(Kept::Done);
}

/// Tells a peer whose line is full that we are busy, once a minute.
async fn busy(host: &Host, peer: &PeerId, envelope: &Envelope) {
    if !busy_again(host, peer) || !matches!(envelope.message, Message::TaskRequest(_)) {
        return;
    }
    {
        let mut told = host.busy();
        if told.len() >= BUSY_PEERS {
            told.retain(|_, at| at.elapsed() < BUSY_EVERY);
        }
        if told.len() >= BUSY_PEERS {
            return;
        }
        told.insert(peer.clone(), Instant::now());
    }
    let reply = host.encode(envelope.correlation.clone(), Refusal::Busy.message());
    let pushed = host.outbox.push(peer.clone(), reply.into_bytes(), None);
    if let Err(error) = pushed.await {
        tracing::warn!(%error, "a peer could not be told that we are busy");
    }
}

/// Returns whether it is time to tell a peer that we are busy.
fn busy_again(host: &Host, peer: &PeerId) -> bool {
    host.busy()
        .get(peer)
        .is_none_or(|at| at.elapsed() >= BUSY_EVERY)
}

fn skill_of(message: &Message) -> Option<String> {
    match message {
        Message::TaskRequest(request) => Some(request.skill.clone()),
        Message::SkillCardQuery { skill } => Some(skill.clone()),
        _ => None,
    }
}
