//! A peer that is no host: a key of its own on the loopback transport, free to send any bytes, and with every byte that
//! comes back in its hands.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coworker_core::{PeerId, Timestamp};
use coworker_host::home::Identity;
use coworker_host::tasks::Tasks;
use coworker_host::transport::{Inbound, Outgoing, SendError, loopback};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How long anything may take before a test gives up. Machines that run tests are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Messages that `send_all` keeps on the wire.
const WINDOW: usize = 256;

/// Carries the messages of all peers of a test.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads")
});

/// Runs one asynchronous piece of work.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    RUNTIME.block_on(work)
}

/// Asks until there is an answer; fails the test when there is none in time.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "this never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A message that came back.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// The transport's id of it: equal for two tries of one message.
    pub(crate) id: String,
    /// Who sent it, proved.
    pub(crate) from: PeerId,
    /// Every byte.
    pub(crate) bytes: Vec<u8>,
    /// What it answers, if it says so.
    pub(crate) correlation: Option<String>,
}

impl Got {
    fn new(id: String, from: PeerId, bytes: Vec<u8>) -> Self {
        let envelope: Option<Value> = serde_json::from_slice(&bytes).ok();
        let correlation = envelope.and_then(|it| it["correlation_id"].as_str().map(str::to_owned));
        Self {
            id,
            from,
            bytes,
            correlation,
        }
    }

    /// Returns the envelope.
    pub(crate) fn envelope(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a host writes strict JSON")
    }

    /// Returns the type of the message.
    pub(crate) fn kind(&self) -> String {
        self.envelope()["type"].as_str().expect("a type").to_owned()
    }

    /// Returns the payload.
    pub(crate) fn payload(&self) -> Value {
        self.envelope()["payload"].clone()
    }

    /// Returns the bytes with what differs from answer to answer blotted out: correlation, time, and a name.
    pub(crate) fn blotted(&self, name: &str) -> String {
        let envelope = self.envelope();
        let mut text = String::from_utf8(self.bytes.clone()).expect("UTF-8");
        for key in ["correlation_id", "timestamp"] {
            if let Some(value) = envelope[key].as_str() {
                text = text.replace(&format!("\"{value}\""), &format!("\"<{key}>\""));
            }
        }
        text.replace(
            &format!("Unknown skill: {name}\""),
            "Unknown skill: <name>\"",
        )
    }
}

type Mail = Arc<(Mutex<Vec<Got>>, Condvar)>;

/// A key, its socket, and everything that came.
pub(crate) struct Peer {
    /// Under which id the host knows it.
    pub(crate) id: PeerId,
    host: PeerId,
    dir: PathBuf,
    secret: [u8; 32],
    tasks: Tasks,
    outbox: Option<mpsc::Sender<Outgoing>>,
    mail: Mail,
    count: AtomicU64,
}

impl Peer {
    /// Makes a peer that nobody knows, whose counterpart is `host`.
    pub(crate) fn new(dir: PathBuf, host: &str) -> Self {
        let mut secret = [0; 32];
        let random = coworker_host::clock::random::<32>();
        secret.copy_from_slice(&random);
        let identity = Identity::from_secret(&secret);
        let mut peer = Self {
            id: identity.peer(),
            host: host.parse().expect("a peer id"),
            dir,
            secret,
            tasks: Tasks::new(),
            outbox: None,
            mail: Mail::default(),
            count: AtomicU64::new(0),
        };
        peer.online();
        peer
    }

    /// Opens the peer's socket again.
    pub(crate) fn online(&mut self) {
        let identity = Arc::new(Identity::from_secret(&self.secret));
        self.tasks = Tasks::new();
        let link = block_on(loopback::open(&self.dir, identity, &self.tasks)).expect("a socket");
        self.outbox = Some(link.outbox);
        let (mail, mut inbox) = (self.mail.clone(), link.inbox);
        self.tasks.spawn_on_test(async move {
            while let Some(Inbound {
                from,
                id,
                bytes,
                kept,
                ..
            }) = inbox.recv().await
            {
                let (all, came) = &*mail;
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(Got::new(id, from, bytes));
                // A host that went away meanwhile sends it again.
                let _ = kept.send(coworker_host::transport::Kept::Done);
                came.notify_all();
            }
        });
    }

    /// Closes the socket: whoever wants to reach the peer cannot.
    pub(crate) fn offline(&mut self) {
        self.outbox = None;
        self.tasks.stop();
        block_on(self.tasks.ended());
    }

    /// Sends bytes under a transport id of its own choice. Returns when the host has them on disk, or has refused them
    /// for good.
    pub(crate) fn send_as(&self, id: &str, bytes: &[u8]) -> Result<(), SendError> {
        block_on(self.sending(id.to_owned(), bytes.to_vec()))
    }

    /// Sends bytes under a new transport id.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), SendError> {
        self.send_as(&self.next_id(), bytes)
    }

    /// Sends many messages, many at a time. Returns how each ended.
    pub(crate) fn send_all(&self, messages: Vec<Vec<u8>>) -> Vec<Result<(), SendError>> {
        let room = Semaphore::new(WINDOW);
        let sends = messages.into_iter().map(|bytes| {
            let id = self.next_id();
            let room = &room;
            async move {
                let _place = room.acquire().await.expect("open");
                self.sending(id, bytes).await
            }
        });
        block_on(futures::future::join_all(sends))
    }

    async fn sending(&self, id: String, bytes: Vec<u8>) -> Result<(), SendError> {
        let (done, sent) = oneshot::channel();
        let to = self.host.clone();
        let outbox = self.outbox.as_ref().expect("the peer is online");
        let message = Outgoing {
            round: 0,
            to,
            id,
            bytes,
            done,
        };
        if outbox.send(message).await.is_err() {
            return Err(SendError::Unreachable("the transport ended".to_owned()));
        }
        tokio::time::timeout(PATIENCE, sent)
            .await
            .expect("the host answers or hangs up")
            .unwrap_or(Err(SendError::Unconfirmed))
    }

    fn next_id(&self) -> String {
        format!("m{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends an envelope. Returns its correlation id.
    #[track_caller]
    pub(crate) fn say(&self, kind: &str, payload: Value) -> String {
        let correlation = format!("c-{}", self.next_id());
        self.send(&envelope(kind, &correlation, &payload))
            .expect("the host took it");
        correlation
    }

    /// Sends an envelope and returns the answer to it.
    #[track_caller]
    pub(crate) fn ask(&self, kind: &str, payload: Value) -> Got {
        let correlation = self.say(kind, payload);
        self.answer(&correlation)
    }

    /// Calls a skill and returns the payload of the answer.
    #[track_caller]
    pub(crate) fn call(&self, skill: &str, input: Value) -> Value {
        self.ask("task_request", json!({ "skill": skill, "input": input }))
            .payload()
    }

    /// Waits for the first answer under a correlation id.
    #[track_caller]
    pub(crate) fn answer(&self, correlation: &str) -> Got {
        let got = self.wait(|all| answers(all, correlation).into_iter().next());
        got.unwrap_or_else(|| panic!("no answer to {correlation}"))
    }

    /// Returns every answer under a correlation id that has come so far.
    pub(crate) fn answers(&self, correlation: &str) -> Vec<Got> {
        answers(&self.all(), correlation)
    }

    /// Returns everything that has come so far.
    pub(crate) fn all(&self) -> Vec<Got> {
        self.mail
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until what has come is enough; nothing when it never is.
    pub(crate) fn wait<T>(&self, enough: impl Fn(&[Got]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let (all, came) = &*self.mail;
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = enough(&all) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            all = came
                .wait_timeout(all, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Shows that the host still answers.
    #[track_caller]
    pub(crate) fn ping(&self) {
        assert_eq!(self.ask("ping", json!({ "message": "?" })).kind(), "pong");
    }

    /// Returns the names of the skills that a discovery shows.
    #[track_caller]
    pub(crate) fn discover(&self) -> Vec<String> {
        let payload = self.ask("discover", json!({})).payload();
        names(&payload["skills"])
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// Returns the names in a list of cards.
pub(crate) fn names(cards: &Value) -> Vec<String> {
    let cards = cards.as_array().expect("a list of cards");
    let name = |card: &Value| card["name"].as_str().expect("a name").to_owned();
    cards.iter().map(name).collect()
}

/// Everything that a card may say.
pub(crate) const CARD_KEYS: [&str; 10] = [
    "name",
    "description",
    "input_schema",
    "output_schema",
    "min_trust_tier",
    "max_context_privacy_tier",
    "version",
    "when_to_use",
    "category",
    "ext",
];

/// Returns an envelope as an old peer writes it, sent now.
pub(crate) fn envelope(kind: &str, correlation: &str, payload: &Value) -> Vec<u8> {
    json!({
        "protocol": "coworker", "version": "1.0", "type": kind, "payload": payload, "timestamp": now(), "ttl": 3_600,
        "sender_id": "somebody", "correlation_id": correlation,
    })
    .to_string()
    .into_bytes()
}

fn now() -> String {
    let Timestamp(micros) = coworker_host::clock::now();
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000);
    let form = &time::format_description::well_known::Rfc3339;
    at.expect("a date").format(form).expect("a date")
}

/// Returns those that answer a question.
pub(crate) fn answers(all: &[Got], correlation: &str) -> Vec<Got> {
    let is_answer = |got: &&Got| got.correlation.as_deref() == Some(correlation);
    all.iter().filter(is_answer).cloned().collect()
}

/// Spawning on the runtime of the tests, from a thread that is on none.
trait SpawnOnTest {
    fn spawn_on_test(&self, work: impl Future<Output = ()> + Send + 'static);
}

impl SpawnOnTest for Tasks {
    fn spawn_on_test(&self, work: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.clone();
        block_on(async move {
            let stop = tasks.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.stopped() => {}
                    () = work => {}
                }
            });
        });
    }
}
