//! The host put together: everything the parts share, and the one place where they meet. Decisions are in the core,
//! storage in the store; here they are only connected.

mod calling;
mod delegating;
mod guarding;
mod handle;
mod inviting;
mod leases;
mod meeting;
mod opened;
mod people;
mod report;
mod shelf;
mod trouble;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coworker_core::{
    CorrelationId, Envelope, FEATURES, Message, PeerId, Scheme, Sender, TaskId, Timestamp, encode,
};
use coworker_sandbox::{Ports, Sandbox};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ask::{Answer, Asks};
use crate::clock::{self, Boundary};
use crate::config::Config;
use crate::guarding::Guards;
use crate::home::{Home, HomeLock};
use crate::inbox::Counters;
use crate::models::Models;
use crate::outbox::Outbox;
use crate::perform::Waiting;
use crate::poison::Poison;
use crate::port;
use crate::report::Failure;
use crate::skills::{ModelCheck, Skills, SkillsOptions};
use crate::store::{OutRow, Store, StoreError, TaskState};
use crate::tasks::{Background, Tasks};
use crate::transport::{Link, xmtp};
use crate::trust::Trust;
use crate::turns::{Bounds, Lines, PerMinute, Places, Rates};

/// How long our own messages are good for: an answer may be read a week later, and a request outlives the wait for it.
const TTL: Duration = Duration::from_secs(8 * 24 * 3_600);
/// How often a network hears whose messages go first, where that has changed, and how many peers these may be.
const FIRST_EVERY: Duration = Duration::from_millis(250);
const FIRST: usize = 4_096;
/// How long a peer goes first after it was asked something.
const ASKED: Duration = Duration::from_secs(60);
/// The largest message that a transport carries.
const LARGEST_SENT: usize = 900 << 10;

pub use opened::OpenHome;

/// What a host is to do.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// Files and folders to serve besides the home's own.
    pub paths: Vec<PathBuf>,
    /// Whether grants that skills of `paths` ask for are given without asking.
    pub allow_grants: bool,
    /// Whether cards may change without review.
    pub dev: bool,
    /// Whether to run what peers ask for. A host that does not keeps their requests for one that does.
    pub serving: bool,
    /// The program to run as compile child; absent means this one.
    pub program: Option<PathBuf>,
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    /// Where everything is kept.
    pub home: Home,
    /// How the owner wants it.
    pub config: Config,
    /// What must survive.
    pub store: Store,
    /// What the host died of.
    pub(crate) poison: Poison,
    /// Where skills run.
    pub sandbox: Arc<Sandbox>,
    /// What there is to run.
    pub skills: Arc<Skills>,
    /// Who answers for models.
    pub models: Models,
    /// What keeps private texts in.
    pub guards: Guards,
    /// Who may do what.
    pub trust: Trust,
    /// What we asked others.
    pub asks: Asks,
    /// What leaves.
    pub outbox: Outbox,
    /// Which guest is on a processor for its first tick.
    pub places: Places,
    /// Which guest that computes for longer is.
    pub long_places: Places,
    /// Where guests go on that compute for long.
    pub background: Background,
    /// How often a peer may start something.
    pub rates: Rates,
    /// When refusals leave.
    pub boundary: Boundary,
    /// What was turned away.
    pub counters: Counters,
    /// Signals that a request came or ended.
    pub wake: Notify,
    /// Loops that take requests in and start them; they stop first.
    pub intake: Tasks,
    /// Loops that carry messages and watch files; they stop last.
    pub tasks: Tasks,
    /// Turns, which are finished first.
    pub jobs: Tasks,
    /// Who we are.
    pub me: PeerId,
    /// The network that carries messages, if one does.
    pub network: Option<xmtp::Network>,
    /// What we call ourselves.
    pub name: String,
    /// Makes callers' keys, which lead back to nobody without it.
    pub caller_secret: [u8; 32],
    /// The largest message that may leave.
    pub largest_message: usize,
    /// The owner asked the host to stop.
    pub stop_requested: CancellationToken,
    /// When the host started.
    pub started: Timestamp,
    serving: bool,
    lines: Mutex<Lines<Waiting>>,
    busy: Mutex<HashMap<PeerId, Instant>>,
    running: Mutex<HashMap<TaskId, (PeerId, CancellationToken)>>,
    /// What the store's trouble kept from its end, to be taken up when that is over.
    stalled: Mutex<HashSet<TaskId>>,
    /// Held for as long as the host lives: two processes never read one inbox.
    _lock: HomeLock,
}

impl Host {
    /// Opens a home and connects its parts to a transport. Nothing runs before `start`.
    pub async fn open(
        opened: OpenHome,
        link: &Link,
        options: HostOptions,
    ) -> Result<Arc<Self>, Failure> {
        let OpenHome {
            home,
            config,
            identity,
            store,
            poison,
            tasks,
            lock,
        } = opened;
        let network = port::http::Network::new(port::http::environment()).map_err(|error| {
            Failure::internal("the HTTP client cannot be set up").cause(error.to_string())
        })?;
        let guards = Guards::new(store.clone(), config.guard.clone());
        guards.recall().await?;
        let environment = port::http::environment();
        let models = Models::new(&config, home.root(), environment, guards.clone())?;
        let ports = Ports {
            llm: Some(Arc::new(models.clone())),
            state: Some(Arc::new(port::state::StoredState(store.clone()))),
            http: Some(Arc::new(network)),
        };
        let live = config.host.live_instances;
        let sandbox = Sandbox::new(
            coworker_sandbox::Config {
                cache_dir: Some(home.cache()),
                live_instances: live,
            },
            ports,
        )
        .map_err(|error| {
            Failure::config("the sandbox cannot be set up").cause(error.to_string())
        })?;
        let program = match options.program {
            Some(program) => program,
            None => crate::skills::this_program().map_err(|error| {
                Failure::internal("this program cannot find itself").cause(error.to_string())
            })?,
        };
        let skills = Skills::open(
            SkillsOptions {
                home: home.clone(),
                config: config.clone(),
                paths: options.paths,
                allow_grants: options.allow_grants,
                dev: options.dev,
                exe: program,
                models: {
                    let models = models.clone();
                    ModelCheck::new(move |wish| models.why_unavailable(wish))
                },
            },
            sandbox.clone(),
            store.clone(),
            tasks.clone(),
        )
        .await?;
        let trust = Trust::open(store.clone(), config.peers.auto_grant.tier()).await?;
        models.recall(&store, |peer| trust.tier(peer)).await?;
        let outbox = Outbox::open(store.clone(), link.outbox.clone(), &tasks).await?;
        let rates = &config.rates;
        let host = Self {
            places: Places::new(crate::tasks::places()),
            long_places: Places::new(crate::tasks::long_places()),
            background: Background::new().map_err(|error| {
                Failure::internal("the threads of guests cannot be started")
                    .cause(error.to_string())
            })?,
            rates: Rates::new(PerMinute {
                untrusted: rates.untrusted,
                known: rates.known,
                internal: rates.internal,
                burst: rates.burst,
            }),
            lines: Mutex::new(Lines::new(Bounds {
                peer_requests: rates.peer_requests,
                peer_bytes: rates.peer_bytes,
                all_requests: rates.all_requests,
                all_bytes: rates.all_bytes,
                untrusted_bytes: rates.untrusted_bytes,
                live: live as usize,
            })),
            boundary: Boundary::new(),
            counters: Counters::default(),
            wake: Notify::new(),
            jobs: Tasks::new(),
            intake: Tasks::new(),
            me: link.me.clone(),
            network: link.network.clone(),
            name: config.host.name.clone(),
            caller_secret: identity.derive("coworker-host caller partition v1"),
            largest_message: LARGEST_SENT,
            stop_requested: CancellationToken::new(),
            started: clock::now(),
            serving: options.serving,
            asks: Asks::default(),
            busy: Mutex::default(),
            running: Mutex::default(),
            stalled: Mutex::default(),
            _lock: lock,
            home,
            config,
            store,
            poison,
            sandbox,
            skills,
            models,
            guards,
            trust,
            outbox,
            tasks,
        };
        Ok(Arc::new(host))
    }

    /// Starts the loops over a transport's inbox, with what earlier runs left waiting.
    pub async fn start(self: &Arc<Self>, link: Link) -> Result<(), StoreError> {
        self.asks
            .resume(self.store.delegated_open(clock::now()).await?);
        if self.serving {
            self.restore().await?;
        }
        self.intake
            .spawn(crate::inbox::run(self.clone(), link.inbox));
        self.intake.spawn(crate::perform::run(self.clone()));
        self.intake.spawn(crate::server::housekeeping(self.clone()));
        self.intake.spawn(trouble::tend(self.clone()));
        if let Some(network) = &self.network {
            let reached = follow(network.watch(), self.outbox.clone(), self.intake.clone());
            self.intake.spawn(reached);
            self.intake.spawn(put_first(self.clone(), network.clone()));
        }
        Ok(())
    }

    /// Puts requests of earlier runs back into their lines.
    async fn restore(&self) -> Result<(), StoreError> {
        self.restore_those(|_| true).await
    }

    /// Puts requests on disk back into their lines: first those that had started when the host died or the store failed.
    async fn restore_those(&self, wanted: impl Fn(&TaskId) -> bool) -> Result<(), StoreError> {
        use crate::perform::What;
        let (running, queued) = (self.store.running().await?, self.store.queued().await?);
        let running = running.into_iter().map(|row| {
            debug_assert_eq!(row.state, TaskState::Running);
            let what = What::Interrupted(row.digest);
            (row.peer, row.task, what, row.expires, row.size)
        });
        let queued = queued
            .into_iter()
            .map(|row| (row.peer, row.task, What::First, row.expires, row.size));
        for (peer, task, what, expires, size) in running.chain(queued) {
            if wanted(&task) {
                let waiting = Waiting::stored(task, what, expires);
                let tier = self.trust.tier(&peer);
                self.lines().restore(&peer, tier, waiting, size.len());
            }
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Stops taking requests, lets those under way finish within `grace`, and closes the store.
    pub async fn close(&self, grace: Duration) -> Result<(), StoreError> {
        self.intake.stop();
        let drained = async {
            self.intake.ended().await;
            self.jobs.ended().await;
            while self.outbox.load() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(grace, drained).await.is_err() {
            tracing::warn!(
                "some work was not finished in time and is taken up again at the next start"
            );
        }
        self.background.close().await;
        self.tasks.stop();
        self.tasks.ended().await;
        self.store.clone().close().await
    }

    /// Returns whether the host runs what this peer asks for.
    pub fn performs(&self, peer: &PeerId) -> bool {
        self.serving || peer.scheme() == Scheme::Local
    }

    /// Returns the wallet that peers on the network know this host by.
    pub(crate) fn wallet(&self) -> Option<&str> {
        self.network.as_ref().map(xmtp::Network::wallet)
    }

    /// Returns whether another program answers peers as this host, so that nothing is served until the owner chooses.
    pub(crate) fn has_twin(&self) -> bool {
        self.network.as_ref().is_some_and(xmtp::Network::has_twin)
    }

    /// Returns a message of ours as bytes for the wire.
    pub fn encode(&self, correlation: Option<CorrelationId>, message: Message) -> String {
        let envelope = Envelope {
            correlation,
            timestamp: Some(clock::now()),
            ttl: Some(TTL),
            claimed_name: None,
            claimed_wallet: None,
            accepts: features(&message),
            message,
        };
        encode(
            &envelope,
            &Sender {
                name: &self.name,
                wallet: self.wallet(),
            },
        )
    }

    /// Sends an answer that is on disk: to a session at this machine at once, to others by the outbox.
    pub async fn deliver(&self, row: OutRow, release: Option<Instant>) {
        if row.peer.scheme() != Scheme::Local {
            return self.outbox.send(row, release);
        }
        if let Some(release) = release {
            tokio::time::sleep_until(release).await;
        }
        if let Ok(envelope) = coworker_core::decode(&row.bytes) {
            let correlation = envelope
                .correlation
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.asks.complete(
                &row.peer,
                &correlation,
                Answer {
                    envelope,
                    bytes: row.bytes,
                },
            );
        }
        if let Err(error) = self.store.sent(vec![row.id], clock::now()).await {
            tracing::warn!(%error, "an answer could not be marked as delivered");
        }
    }

    /// The lines of waiting requests.
    pub fn lines(&self) -> MutexGuard<'_, Lines<Waiting>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When each peer last heard that we are busy.
    pub fn busy(&self) -> MutexGuard<'_, HashMap<PeerId, Instant>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a task runs, until the guard is dropped, so that the owner can stop it.
    pub fn running<'h>(
        &'h self,
        task: TaskId,
        peer: &PeerId,
        stop: &CancellationToken,
    ) -> Running<'h> {
        self.runs().insert(task, (peer.clone(), stop.clone()));
        Running { host: self, task }
    }

    /// Stops what runs for a peer.
    pub fn stop_running(&self, peer: &PeerId) {
        for (_, stop) in self.runs().values().filter(|(owner, _)| owner == peer) {
            stop.cancel();
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<TaskId, (PeerId, CancellationToken)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what waits whenever the network is back.
async fn follow(mut status: watch::Receiver<xmtp::Status>, outbox: Outbox, intake: Tasks) {
    loop {
        tokio::select! {
            () = intake.stopped() => return,
            changed = status.changed() => if changed.is_err() { return },
        }
        if status.borrow_and_update().state == xmtp::State::Ready {
            outbox.awake_all();
        }
    }
}

/// Keeps the network told whose messages go first: those of peers that the owner trusts, and of those whom this host asked
/// something. Everybody else shares what is left, however many they are.
async fn put_first(host: Arc<Host>, network: xmtp::Network) {
    let mut asked: HashMap<PeerId, Instant> = HashMap::new();
    let mut times = tokio::time::interval(FIRST_EVERY);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = host.intake.stopped() => return,
            _ = times.tick() => {}
        }
        let now = Instant::now();
        asked.retain(|_, at| at.elapsed() < ASKED);
        asked.extend(host.asks.awaited().into_iter().map(|peer| (peer, now)));
        let known = host.trust.known(clock::now());
        let peers = asked.keys().cloned().chain(known);
        network.put_first(peers.take(FIRST).collect());
    }
}

/// Returns the features to name around a message: only where peers get to know each other, as calls are many.
fn features(message: &Message) -> Vec<String> {
    match message {
        Message::Discover { .. }
        | Message::Capabilities { .. }
        | Message::AgentCardQuery { .. }
        | Message::TrustRequest { .. }
        | Message::TrustGrant { .. }
        | Message::TrustDeny { .. } => FEATURES.map(str::to_owned).to_vec(),
        _ => Vec::new(),
    }
}

/// A task that runs, for as long as this lives.
#[derive(Debug)]
pub struct Running<'h> {
    host: &'h Host,
    task: TaskId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.host.runs().remove(&self.task);
    }
}
