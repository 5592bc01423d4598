//! One turn: a request that is on disk is judged, run if it may run, and answered, with everything it changed in one
//! commit. Nobody enters the sandbox any other way.

mod answer;
mod begin;
mod envelope;
mod leave;
mod run;

use std::sync::Arc;
use std::time::Duration;

use coworker_core::{
    Digest, Envelope, Message, PeerId, Prior, Refusal, Sight, TaskId, Tier, Timestamp, Verdict,
    judge,
};
use tokio::time::Instant;

use self::answer::{Ran, Release};
pub(crate) use self::begin::{Begun, begin};
use self::begin::{may_start, view};
use self::envelope::{Found, open, put_aside};
use crate::clock;
use crate::host::Host;
use crate::poison::{Handling, Key};
use crate::store::{Recorded, StoreError};
use crate::trust::Asked;
use crate::turns::Next;

/// How often a started request may start again after the host died under it.
const ATTEMPTS: u32 = 2;
/// What envelopes may hold in memory while they wait; more are read from disk again when their turn comes.
const CACHED: usize = 32 << 10;

/// How soon a peer is looked at again that has not taken what waits for it.
const OWED: Duration = Duration::from_secs(1);

/// The target under which each refusal traces how long after its receipt it was ready.
pub const REFUSALS: &str = "coworker_host::refusals";

/// A request in its line.
#[derive(Debug)]
pub struct Waiting {
    task: TaskId,
    what: What,
    envelope: Option<Box<Envelope>>,
    received: Instant,
    expires: Timestamp,
    /// The component whose first attempt was written down when the request arrived.
    begun: Option<Digest>,
    /// What stands for its sender and content, where that is known.
    key: Option<Key>,
}

/// Why a request is in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It came.
    First,
    /// It came before; what was recorded of it is the answer.
    Again,
    /// It had started with this component when the host died.
    Interrupted(Option<Digest>),
}

impl Waiting {
    /// Returns a request for its line. A large one is read again from disk.
    pub fn new(
        task: TaskId,
        what: What,
        envelope: Envelope,
        received: Instant,
        expires: Timestamp,
        size: usize,
    ) -> Self {
        let envelope = (size <= CACHED).then(|| Box::new(envelope));
        Self {
            task,
            what,
            envelope,
            received,
            expires,
            begun: None,
            key: None,
        }
    }

    /// Says what stands for its sender and content.
    pub(crate) fn of(self, key: Key) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Says that the first attempt is on disk already.
    pub fn begun(self, digest: Option<Digest>) -> Self {
        Self {
            begun: digest,
            ..self
        }
    }

    /// Returns a request from an earlier run of the host.
    pub fn stored(task: TaskId, what: What, expires: Timestamp) -> Self {
        Self {
            task,
            what,
            envelope: None,
            received: Instant::now(),
            expires,
            begun: None,
            key: None,
        }
    }
}

/// Starts requests as their turns come, until the host stops.
pub async fn run(host: Arc<Host>) {
    loop {
        if host.intake.is_stopping() {
            return;
        }
        let next = host.lines().next(
            |peer| host.trust.tier(peer),
            |peer, tier| may_start(&host, peer, tier),
        );
        match next {
            Next::Start(peer, waiting) => {
                let host = host.clone();
                host.jobs
                    .clone()
                    .spawn(async move { turn(host, peer, waiting).await });
            }
            Next::Later(wait) => tokio::select! {
                () = host.intake.stopped() => return,
                () = host.wake.notified() => {}
                () = tokio::time::sleep(wait.min(Duration::from_secs(60))) => {}
            },
            Next::Idle => tokio::select! {
                () = host.intake.stopped() => return,
                () = host.wake.notified() => {}
            },
        }
    }
}

/// Gives a live place back when its turn is over, however it ended.
struct Live<'a> {
    host: &'a Host,
    peer: &'a PeerId,
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.host.lines().ended(self.peer);
        self.host.wake.notify_one();
    }
}

async fn turn(host: Arc<Host>, peer: PeerId, waiting: Waiting) {
    let live = Live {
        host: &host,
        peer: &peer,
    };
    let task = waiting.task;
    match serve(&host, &peer, waiting, live).await {
        Ok(()) => {}
        // The owner took the peer's tasks back while this one ran: its answer is not wanted.
        Err(StoreError::NotOpen) => tracing::debug!(%task, "a task was cancelled"),
        Err(error) => {
            host.stall(&peer, task, &error);
            // Who waits at this machine need not wait until its time is over.
            host.asks.give_up(&peer);
        }
    }
}

/// A request under way.
struct Turning<'a> {
    host: &'a Host,
    peer: &'a PeerId,
    task: TaskId,
    envelope: Envelope,
    /// The tier that held for what was asked when it was decided.
    tier: Tier,
    received: Instant,
    key: Key,
    /// It is named as what the host handles, until its component runs, and again once that ended.
    handling: Option<Handling<'a>>,
}

async fn serve(
    host: &Host,
    peer: &PeerId,
    mut waiting: Waiting,
    live: Live<'_>,
) -> Result<(), StoreError> {
    let task = waiting.task;
    // What comes again was charged the first time, and what is read from disk perhaps by an earlier run of the host.
    let may_be_charged = waiting.what == What::Again || waiting.envelope.is_none();
    let is_charged = may_be_charged && host.store.is_charged(task).await?;
    let (envelope, key, handling) = match open(host, peer, &mut waiting).await? {
        Found::Open(opened) => (opened.envelope, opened.key, opened.handling),
        Found::Gone => {
            // A request whose body is gone was answered without a run: its refusal holds for whoever repeats it.
            if let Recorded::Answered(bytes) = host.store.recorded(task).await? {
                host.outbox.push(peer.clone(), bytes, None).await?;
            }
            return Ok(());
        }
        Found::Poison(envelope) => {
            let turning = envelope.map(|envelope| Turning {
                host,
                peer,
                task,
                envelope: *envelope,
                tier: host.trust.tier(peer),
                received: waiting.received,
                key: Key::default(),
                handling: None,
            });
            return put_aside(turning, (host, task), waiting.what).await;
        }
    };
    let sight = host.sight_for(peer, is_charged, clock::now());
    let tier = match &envelope.message {
        Message::TaskRequest(request) => sight.tier_for(&request.skill),
        Message::SkillCardQuery { skill } => sight.tier_for(skill),
        _ => sight.tier(),
    };
    let turning = Turning {
        host,
        peer,
        task,
        envelope,
        tier,
        received: waiting.received,
        key,
        handling,
    };
    let served = decide(turning, &waiting, (&sight, is_charged), live).await;
    host.poison.survived(key);
    served
}

/// Judges a request and does what the verdict says.
async fn decide(
    turning: Turning<'_>,
    waiting: &Waiting,
    (sight, is_charged): (&Sight, bool),
    live: Live<'_>,
) -> Result<(), StoreError> {
    let Turning {
        host, peer, task, ..
    } = turning;
    let Waiting {
        what,
        expires,
        begun,
        ..
    } = *waiting;
    let again = what == What::Again;
    let now = clock::now();
    let prior = match what {
        What::Again => host.store.recorded(task).await?,
        What::First | What::Interrupted(_) => Recorded::Gone,
    };
    let catalog = host.skills.catalog();
    let known = match (&what, &prior) {
        (What::First | What::Interrupted(_), _) => Prior::None,
        (What::Again, Recorded::Underway) => Prior::Underway,
        (What::Again, Recorded::Answered(bytes)) => Prior::Answered(bytes),
        (What::Again, Recorded::Gone) => Prior::Gone,
    };
    let view = view(host, now, (&catalog, sight), known);
    let mut verdict = judge(&turning.envelope, &view);
    if let Verdict::Redeem(secret) = &verdict
        && !again
    {
        let network = host.network_name();
        verdict = match host.trust.redeem(peer, secret, &network, now).await? {
            Some(tier) => Verdict::Reply(Message::TrustGrant {
                tier,
                reason: "granted".to_owned(),
            }),
            // Whatever was wrong with it, the peer hears what it would have heard without one.
            None => judge(&turning.envelope.without_invite(), &view),
        };
    }
    match verdict {
        Verdict::Ignore(_) if again => Ok(()),
        Verdict::Ignore(_) => host.store.drop_task(task).await,
        Verdict::Repeat => turning.send_again(prior).await,
        // The owner was asked once; the peer hears what it heard then.
        Verdict::TrustAsk { .. } if again => turning.send_again(prior).await,
        // It was redeemed above, unless it came again.
        Verdict::Redeem(_) => turning.send_again(prior).await,
        // What came again has no task of its own: its refusal is sent, not recorded.
        Verdict::Reply(message) if again => turning.send(message).await,
        Verdict::Hidden(message) if again => turning.send_refusal(message, now).await,
        Verdict::Hidden(message) => {
            let ran = Ran {
                probe: turning.asked_in_vain(),
                ..Ran::default()
            };
            turning
                .finish("UNKNOWN_SKILL", Some(message), ran, Release::Boundary)
                .await
        }
        Verdict::Reply(message) => {
            let outcome = outcome_of(&message);
            turning
                .finish(outcome, Some(message), Ran::default(), Release::AtOnce)
                .await
        }
        Verdict::TrustAsk { requested, reason } => {
            let correlation = turning
                .envelope
                .correlation
                .as_ref()
                .map(ToString::to_string);
            let message = match host
                .trust
                .asked(peer, requested, &reason, correlation)
                .await?
            {
                Asked::Granted(tier) => Message::TrustGrant {
                    tier,
                    reason: "granted".to_owned(),
                },
                Asked::Waits => Message::TrustDeny {
                    requested,
                    reason: "manual approval required".to_owned(),
                },
            };
            turning
                .finish("TRUST", Some(message), Ran::default(), Release::AtOnce)
                .await
        }
        Verdict::Run { entry, input } => {
            let is_late = expires <= now;
            // Looked at before its time: what may have acted is not to be asked for again as if nobody had come to it.
            if let What::Interrupted(digest) = what
                && (is_late || digest != Some(entry.digest) || entry.grants.acts())
            {
                return turning.refuse(&Refusal::Interrupted, Ran::default()).await;
            }
            if is_late {
                return turning.refuse(&Refusal::Busy, Ran::default()).await;
            }
            let min_tier = entry.manifest.min_tier;
            // A request pays once, however often it is begun.
            let may_call = is_charged || host.trust.charge(peer, task, min_tier, now).await?;
            if !may_call {
                let refusal = Refusal::UnknownSkill {
                    name: entry.manifest.name.to_string(),
                };
                // It ended between two looks: the peer hears it as it hears of any skill it does not see.
                let message = Some(refusal.message());
                return turning
                    .finish(refusal.code(), message, Ran::default(), Release::Boundary)
                    .await;
            }
            turning.run(&entry, input, begun, live).await
        }
    }
}

fn outcome_of(message: &Message) -> &'static str {
    match message {
        Message::TaskError(failure) => failure_code(failure),
        Message::Error { .. } => "ERROR",
        _ => "OK",
    }
}

/// Returns the refusal's code for the owner's records. Codes are ours here: the message was made by `judge`.
fn failure_code(failure: &coworker_core::TaskFailure) -> &'static str {
    const CODES: [&str; 6] = [
        "VERSION_MISMATCH",
        "INVALID_INPUT",
        "EXECUTION_FAILED",
        "TIMEOUT",
        "BUSY",
        "INTERRUPTED",
    ];
    CODES
        .into_iter()
        .find(|code| failure.code.as_deref() == Some(code))
        .unwrap_or("REFUSED")
}
