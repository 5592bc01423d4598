//! Keeps a sidecar running and carries what goes through it. One loop owns everything, so that nothing can be half done;
//! it waits for nothing but the next event.

mod credit;
mod flow;
mod hear;
mod pulse;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use coworker_core::{Envelope, PeerId};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::credit::Credit;
use self::pulse::Heartbeat;
use super::cursor::{Cursors, OVERLAP_NS};
use super::frame::{Frame, Have, LARGEST, Order};
use super::pace::{Bucket, Queued, Queues};
use super::process::Process;
use super::program::NodeProgram;
use super::status::{State, Status, Trouble};
use super::twin::Twin;
use super::{Options, Question};
use crate::clock;
use crate::tasks::Tasks;
use crate::transport::{Inbound, Outgoing, SendError};

/// Messages on the wire, of all peers and of one.
const FLIGHT: usize = 64;
const FLIGHT_OF_ONE: usize = 4;
/// Messages on the wire to peers that the host did not name, of all of them: the client sends one after the other, and what is
/// for a named peer waits behind these at most.
const FLIGHT_OF_REST: usize = 2;
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(100);
/// The pauses between tries grow from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// As do those after the network said that we are too fast.
const SLOWED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long ago a message may have been sent that is still looked for when a sidecar starts, and how long it is known up to
/// where the host has what a peer sent, which says nothing any more.
const LOOK_BACK: Duration = Envelope::REMEMBERED;
/// How often the client is told to forget what is old.
const FORGET: Duration = Duration::from_secs(3_600);
/// How long after the store's trouble a message is asked for again.
const AGAIN: Duration = Duration::from_millis(500);

type Keeping = BoxFuture<'static, Settled>;
type Waking = BoxFuture<'static, PeerId>;
/// A group that somebody put us into, and whether we leave it.
type Joining = BoxFuture<'static, (String, bool)>;

/// What became of a message that the host was given.
struct Settled {
    peer: PeerId,
    ticket: u64,
    is_kept: bool,
    is_named: bool,
}

/// A message on the wire.
struct Flight {
    queued: Queued,
    since: Instant,
}

/// A sidecar that runs, and how far we are with it.
struct Session {
    process: Process,
    started: Instant,
    /// What it has said of itself.
    pulse: Heartbeat,
    /// It has said who it is.
    ready: bool,
    online: bool,
    pinged: Instant,
    pings: u64,
    /// When it last said anything.
    heard: Instant,
    /// When it is told to forget what is old.
    forgets: Instant,
}

/// The loop's own.
pub(super) struct Bridge {
    options: Options,
    tasks: Tasks,
    status: watch::Sender<Status>,
    outbox: mpsc::Receiver<Outgoing>,
    questions: mpsc::Receiver<Question>,
    /// To the forwarder, which waits where this loop may not.
    inbox: mpsc::UnboundedSender<Inbound>,
    session: Option<Session>,
    credit: Credit,
    /// The peers whose messages go first.
    named: watch::Receiver<BTreeSet<PeerId>>,
    /// Messages wait and none comes through: until one does, whatever starts anew.
    is_stalled: bool,
    /// What ran the last sidecar, so that the next one need not look for it.
    node: Option<NodeProgram>,
    failures: u32,
    start_at: Instant,
    queues: Queues,
    flights: HashMap<u64, Flight>,
    /// Peers with a message that the network was too busy for. It goes first, once all others on the wire are back.
    held: HashSet<PeerId>,
    /// For each peer the round of messages that is sent back to the outbox: what is left of it would overtake the others.
    turned_back: HashMap<PeerId, u64>,
    asked: HashMap<u64, oneshot::Sender<Result<Option<PeerId>, SendError>>>,
    twin: Arc<Twin>,
    numbers: u64,
    bucket: Bucket,
    slowed_until: Option<Instant>,
    slowed: u32,
    cursors: Cursors,
    keeping: FuturesUnordered<Keeping>,
    again: FuturesUnordered<Waking>,
    joining: FuturesUnordered<Joining>,
}

impl Bridge {
    pub(super) fn new(
        options: Options,
        cursors: Cursors,
        status: watch::Sender<Status>,
        (outbox, questions, named): (
            mpsc::Receiver<Outgoing>,
            mpsc::Receiver<Question>,
            watch::Receiver<BTreeSet<PeerId>>,
        ),
        inbox: mpsc::Sender<Inbound>,
        twin: Arc<Twin>,
        tasks: &Tasks,
    ) -> Self {
        let (to_forwarder, messages) = mpsc::unbounded_channel();
        tasks.spawn(forward(messages, inbox, tasks.clone()));
        Self {
            bucket: Bucket::new(options.sends_per_5_min),
            tasks: tasks.clone(),
            outbox,
            questions,
            inbox: to_forwarder,
            session: None,
            credit: Credit::default(),
            named,
            is_stalled: false,
            node: None,
            failures: 0,
            start_at: Instant::now(),
            queues: Queues::default(),
            flights: HashMap::new(),
            held: HashSet::new(),
            turned_back: HashMap::new(),
            asked: HashMap::new(),
            twin,
            numbers: 0,
            slowed_until: None,
            slowed: 0,
            keeping: FuturesUnordered::new(),
            again: FuturesUnordered::new(),
            joining: FuturesUnordered::new(),
            options,
            cursors,
            status,
        }
    }

    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let tasks = self.tasks.clone();
        loop {
            tokio::select! {
                () = tasks.stopped() => break,
                said = next(&mut self.session) => self.hear(said).await,
                Some(message) = self.outbox.recv(), if self.queues.has_room() => self.line_up(message),
                Some(question) = self.questions.recv() => self.ask(question),
                Some(settled) = self.keeping.next() => self.settle(settled),
                Some(peer) = self.again.next() => self.want_again(&peer),
                Some((group, leave)) = self.joining.next() => if leave { self.say(&Order::Leave { id: &group }); },
                Ok(()) = self.named.changed() => self.name(),
                _ = ticks.tick() => self.look_at_time().await,
            }
            self.send();
        }
        self.status.send_modify(|status| {
            status.turn(State::Stopped, None);
        });
        if let Some(session) = self.session.take() {
            session.process.end().await;
        }
        self.write_cursors().await;
    }

    // ---- the sidecar's life

    async fn look_at_time(&mut self) {
        let now = Instant::now();
        if self.session.is_none() && now >= self.start_at {
            self.start().await;
        }
        let patience = self.options.patience;
        if let Some(session) = &mut self.session {
            if now.duration_since(session.heard) > patience.silence {
                let why = "the sidecar did not answer in time";
                return self.fail(Trouble::passing(why), true).await;
            }
            if now.duration_since(session.pinged) >= patience.ping {
                session.pinged = now;
                session.pings += 1;
                session.process.say(&Order::Ping { id: session.pings });
            }
            let slow = |flight: &Flight| now.duration_since(flight.since) > patience.send;
            if self.flights.values().any(slow) {
                let why = "a message was neither sent nor refused in time";
                return self.fail(Trouble::passing(why), true).await;
            }
        }
        if let Some(trouble) = self.look_at_pulse(now) {
            return self.fail(trouble, true).await;
        }
        self.give_credit(true);
        self.write_cursors().await;
        self.forget(now);
        let sending = self.queues.len() + self.flights.len();
        let slowed = self.slowed_until.filter(|until| *until > now);
        let slowed = slowed.map(|until| clock::now().after(until - now));
        let under_way = self.credit.under_way();
        self.status.send_if_modified(|status| {
            let changed =
                status.sending != sending || status.slowed_until_at.is_some() != slowed.is_some();
            status.sending = sending;
            status.under_way = under_way;
            status.slowed_until_at = slowed;
            changed
        });
    }

    async fn start(&mut self) {
        self.turn(State::Starting, None);
        match self.launch().await {
            Ok(session) => {
                let pid = session.process.id();
                self.status.send_modify(|status| status.pid = pid);
                self.session = Some(session);
            }
            Err(trouble) => self.rest(trouble),
        }
    }

    async fn launch(&mut self) -> Result<Session, Trouble> {
        let options = &self.options;
        options.sidecar.prepare(&options.home)?;
        let node = match &self.node {
            Some(node) if node.path.exists() => node.clone(),
            _ => {
                let named = options.node_program.as_deref();
                NodeProgram::find(named, &options.sidecar.path).await?
            }
        };
        let folder = options.record.folder();
        let index = options.sidecar.index();
        let process = Process::start(&node.path, &index, folder, &self.tasks).await?;
        let database = options.record.database();
        let places = self.credit.start();
        let have: BTreeMap<&str, Have<'_>> = self.cursors.restart().collect();
        process.say(&Order::Hello {
            env: options.env,
            url: options.url.as_deref(),
            database: database.to_str().unwrap_or_default(),
            database_key: crate::home::hex(&options.database_key),
            address: &options.wallet.address(),
            version: concat!("coworker-host/", env!("CARGO_PKG_VERSION")),
            credit: places.all,
            rest: places.rest,
            largest: LARGEST,
            overlap_ns: OVERLAP_NS.to_string(),
            since_ns: flow::since_ns().to_string(),
            have,
        });
        self.node = Some(node);
        process.say(&Order::Name {
            peers: self
                .named
                .borrow_and_update()
                .iter()
                .map(PeerId::id)
                .collect(),
        });
        let now = Instant::now();
        Ok(Session {
            process,
            started: now,
            pulse: Heartbeat::new(now),
            ready: false,
            online: false,
            pinged: now,
            pings: 0,
            heard: now,
            forgets: now,
        })
    }

    /// Ends the sidecar, and starts another one later.
    async fn fail(&mut self, trouble: Trouble, hung: bool) {
        let Some(session) = self.session.take() else {
            return;
        };
        let lived = session.started.elapsed();
        let trouble = if hung {
            session.process.kill().await;
            trouble
        } else {
            let words = session.process.end().await;
            match trouble.why.is_empty() {
                true => Trouble::read(&words),
                false => trouble,
            }
        };
        if session.ready && lived > PAUSES.1 && !self.is_stalled {
            self.failures = 0;
        }
        for (_, flight) in std::mem::take(&mut self.flights) {
            self.turn_back(flight.queued.message, SendError::Unconfirmed);
        }
        self.held.clear();
        for (_, asked) in self.asked.drain() {
            let _ = asked.send(Err(SendError::Unreachable(trouble.why.clone())));
        }
        self.status.send_modify(|status| {
            status.restarts += 1;
            status.pid = None;
        });
        self.rest(trouble);
    }

    fn rest(&mut self, trouble: Trouble) {
        let mends_itself = matches!(trouble.state, State::Restarting | State::Stalled);
        let failures = if mends_itself {
            self.failures
        } else {
            u32::MAX
        };
        let pause = match trouble.state {
            // Somebody may be installing it right now.
            State::Missing => PAUSES.0 * 10,
            _ => clock::pause(PAUSES.0, PAUSES.1, failures),
        };
        self.failures = self.failures.saturating_add(1);
        self.start_at = Instant::now() + pause;
        if self.turn(trouble.state, Some(trouble.clone())) {
            tracing::warn!(
                why = trouble.why,
                hint = trouble.hint,
                "the bridge to XMTP is down"
            );
        }
    }

    fn turn(&self, state: State, why: Option<Trouble>) -> bool {
        self.status.send_if_modified(|status| {
            // A start that failed for the same reason as the one before is no news.
            if state == State::Starting && status.why.is_some() {
                return false;
            }
            status.turn(state, why)
        })
    }

    fn say(&self, order: &Order<'_>) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.process.say(order))
    }
}

async fn next(session: &mut Option<Session>) -> Option<Result<Frame, String>> {
    match session {
        Some(session) => session.process.next().await,
        None => std::future::pending().await,
    }
}

/// Hands messages to the host in their order. As many wait as have a place.
async fn forward(
    mut messages: mpsc::UnboundedReceiver<Inbound>,
    inbox: mpsc::Sender<Inbound>,
    tasks: Tasks,
) {
    loop {
        let next = tokio::select! {
            () = tasks.stopped() => return,
            next = messages.recv() => next,
        };
        let Some(message) = next else {
            return;
        };
        let sent = tokio::select! {
            () = tasks.stopped() => return,
            sent = inbox.send(message) => sent,
        };
        if sent.is_err() {
            return;
        }
    }
}
