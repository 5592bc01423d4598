//! XMTP, through the official client in a process of its own. The sidecar carries bytes; the host keeps the wallet's key,
//! decides what is signed, remembers what it has, and starts the sidecar again whatever happens to it.
//!
//! The sidecar is trusted with who sent what, and with what it says: the client in it decrypts. It is not trusted with the
//! wallet: what it may have signed is in [`consent`](self).

mod bridge;
mod consent;
mod cursor;
mod frame;
mod install;
mod libc;
mod pace;
mod process;
mod program;
mod record;
mod status;
mod twin;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coworker_core::PeerId;
use tokio::sync::{mpsc, oneshot, watch};

pub use install::{Finding, InstallError, Source, examine, install, packages};
pub use program::{INDEX, LOCK, NodeProgram, PACKAGE, RUNS, SUPPORTED, SidecarFolder};
pub use record::Record;
pub use status::{PassedOver, State, Status, Trouble};

use self::bridge::Bridge;
use self::cursor::Cursors;
use self::twin::Twin;
use super::{Link, SendError, TransportError};
use crate::clock;
use crate::home::{Home, HomeError, Wallet};
use crate::store::Store;
use crate::tasks::Tasks;

/// How many messages may wait for the inbox loop, and for this one.
const INBOX: usize = 64;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The first registration, before the transport opens.
    pub first: Duration,
    /// Between two looks whether the sidecar lives.
    pub ping: Duration,
    /// Without a word from the sidecar, before it counts as hung.
    pub silence: Duration,
    /// One message, before the sidecar counts as hung. The client itself gives up after 9 to 13 s.
    pub send: Duration,
    /// While messages wait and none comes through, before the sidecar is started again.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            ping: Duration::from_secs(1),
            silence: Duration::from_secs(10),
            send: Duration::from_secs(60),
            stall: Duration::from_secs(10),
        }
    }
}

/// What the transport needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The home.
    pub home: Home,
    /// Where it remembers.
    pub store: Store,
    /// The name of the network, as the client calls it.
    pub env: &'static str,
    /// Where the network is, if not where the client thinks.
    pub url: Option<String>,
    /// What was written down about the network.
    pub record: Record,
    /// The host's wallet.
    pub wallet: Arc<Wallet>,
    /// The key of the client's database.
    pub database_key: [u8; 32],
    /// Where the sidecar is.
    pub sidecar: SidecarFolder,
    /// The Node.js that the owner named.
    pub node_program: Option<PathBuf>,
    /// How many messages may leave in five minutes, if the network counts.
    pub sends_per_5_min: Option<u32>,
    /// What to say when the network does not answer.
    pub offline_hint: Option<&'static str>,
    /// How long things may take.
    pub patience: Patience,
    /// How long the client's own database keeps what was said.
    pub remembers: Duration,
    /// Whether to wait for a network that does not answer, the first time. A command does not.
    pub stays: bool,
}

/// Somebody wants to know whose inbox a wallet has.
#[derive(Debug)]
struct Question {
    address: String,
    answer: oneshot::Sender<Result<Option<PeerId>, SendError>>,
}

/// What a transport over XMTP tells besides messages.
#[derive(Clone, Debug)]
pub struct Network {
    status: watch::Receiver<Status>,
    questions: mpsc::Sender<Question>,
    named: Arc<watch::Sender<BTreeSet<PeerId>>>,
    twin: Arc<Twin>,
    wallet: String,
}

impl Network {
    /// Returns how the bridge is now.
    pub fn status(&self) -> Status {
        let mut status = self.status.borrow().clone();
        status.twin = self.twin.is_there();
        // What keeps the bridge from carrying anything comes first.
        if let Some(trouble) = self.twin.trouble().filter(|_| status.why.is_none()) {
            status.why = Some(trouble.why);
            status.hint = trouble.hint.map(str::to_owned);
        }
        status
    }

    /// Returns whether another installation of the inbox answers peers: nothing is served then.
    pub fn has_twin(&self) -> bool {
        self.twin.is_there()
    }

    /// Serves again although another installation answered, by the owner's word. Returns whether nothing was served.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn resume(&self) -> Result<bool, HomeError> {
        self.twin.resume(clock::now())
    }

    /// Returns how the bridge is from now on.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Returns the address of the host's wallet, in lower case.
    pub fn wallet(&self) -> &str {
        &self.wallet
    }

    /// Names the peers whose messages go before those of everybody else.
    pub fn put_first(&self, peers: BTreeSet<PeerId>) {
        self.named.send_if_modified(|named| {
            let is_new = *named != peers;
            *named = peers;
            is_new
        });
    }

    /// Finds who has a wallet. The network's nodes do not decide that: the inbox's own log must name the wallet, which
    /// the client verifies.
    ///
    /// # Errors
    /// If the network cannot be asked now.
    pub async fn inbox_of(&self, wallet: &str) -> Result<Option<PeerId>, SendError> {
        let stopped = || SendError::Unreachable("the bridge has stopped".to_owned());
        let (answer, found) = oneshot::channel();
        let question = Question {
            address: wallet.to_ascii_lowercase(),
            answer,
        };
        self.questions.send(question).await.map_err(|_| stopped())?;
        found.await.map_err(|_| stopped())?
    }
}

/// Opens the transport. A home that is known to the network is at once ready, and the sidecar starts beside it; the first
/// time, this waits until the network knows us.
pub async fn open(options: Options, tasks: &Tasks) -> Result<Link, TransportError> {
    let rows = options.store.cursors(options.env).await;
    let rows = rows.map_err(|error| TransportError::Broken {
        why: error.to_string(),
        hint: None,
    })?;
    let (inbox_in, inbox) = mpsc::channel(INBOX);
    let (outbox, outbox_out) = mpsc::channel(INBOX);
    let (questions, asked) = mpsc::channel(INBOX);
    let wallet = options.wallet.address();
    let mut first = Status::new(options.env, options.url.clone(), wallet.clone());
    let known = options.record.me();
    first.inbox = known.as_ref().map(|me| me.id().to_owned());
    let (told, status) = watch::channel(first);
    let (named, first) = watch::channel(BTreeSet::new());
    let (patience, stays) = (options.patience.first, options.stays);
    let twin = Arc::new(Twin::new(options.record.clone(), clock::now()));
    let bridge = Bridge::new(
        options,
        Cursors::new(rows),
        told,
        (outbox_out, asked, first),
        inbox_in,
        twin.clone(),
        tasks,
    );
    tasks.spawn(bridge.run());
    let me = match known {
        Some(me) => me,
        None => registered(status.clone(), patience, stays).await?,
    };
    Ok(Link {
        me,
        inbox,
        outbox,
        network: Some(Network {
            status,
            questions,
            named: Arc::new(named),
            twin,
            wallet,
        }),
    })
}

/// Waits until the network knows us, or until it is clear that it will not.
async fn registered(
    mut status: watch::Receiver<Status>,
    patience: Duration,
    stays: bool,
) -> Result<PeerId, TransportError> {
    let done = |status: &Status| match status.state {
        State::Ready | State::Missing | State::Broken | State::Stopped => true,
        State::Offline => !stays,
        State::Starting | State::Restarting | State::Stalled => false,
    };
    // Whether it is done or not in time, the last status says how it is.
    let _ = tokio::time::timeout(patience, status.wait_for(done)).await;
    let last = status.borrow().clone();
    let me = last
        .inbox
        .as_ref()
        .filter(|_| last.state == State::Ready)
        .and_then(|inbox| format!("xmtp:{inbox}").parse().ok());
    me.ok_or_else(|| TransportError::Broken {
        why: last.why.unwrap_or_else(|| last.state.words().to_owned()),
        hint: last.hint,
    })
}
