//! The run of a skill within a turn: the attempt on disk, the call, and what it left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coworker_core::{
    Body, Bytes, CallerKey, Digest, Entry, Job, PeerId, Refusal, Scheme, Tier, conclude,
};
use coworker_sandbox::{CallError, Done, Event, EventSender, Turn, Usage, Which};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{Ran, Release};
use super::leave::Leaving;
use super::{ATTEMPTS, Live, Turning};
use crate::clock;
use crate::host::Host;
use crate::models::{Begun, Conversation, Fault, Models, Told};
use crate::poison::Stage;
use crate::store::{Allowed, LogLevel, LogRow, Measured, StoreError, UsageRow};
use crate::turns::Place;

impl Turning<'_> {
    /// Runs a skill and ends the task with its answer. `begun` is what was written down as running when the request
    /// arrived. `live` is given back as soon as the guest is gone.
    pub(super) async fn run(
        mut self,
        entry: &Arc<Entry>,
        input: String,
        begun: Option<Digest>,
        live: Live<'_>,
    ) -> Result<(), StoreError> {
        let Self {
            host,
            peer,
            task,
            tier,
            ..
        } = self;
        // From here on the component is named, with each of its attempts.
        self.handling = None;
        let stop = CancellationToken::new();
        let _running = host.running(task, peer, &stop);
        let attempt = match begun {
            Some(digest) if digest == entry.digest => 1,
            _ => host.store.start(task, Some(entry.digest), tier).await?,
        };
        if attempt > ATTEMPTS {
            return self.refuse(&Refusal::Interrupted, Ran::default()).await;
        }
        let (events, mut told) = mpsc::unbounded_channel();
        let asked = self.conversation(entry, &input);
        let said = entry.private.as_ref().map(|_| input.clone());
        let started = Instant::now();
        let result = tokio::select! {
            () = stop.cancelled() => None,
            result = self.answer(entry, input, asked.as_ref(), events) => Some(result),
        };
        drop(live);
        let Some(result) = result else {
            // Nobody wants the answer any more; what was asked of models for it is on the bill all the same.
            let asked = asked.map(Begun::end).unwrap_or_default();
            let usage = usage_row(entry, Usage::default(), started.elapsed(), asked);
            host.store.measure(task, usage, clock::now()).await?;
            return Err(StoreError::NotOpen);
        };
        self.is_handled_again().await;
        let (output, mut usage, mut log) = gather(&mut told, &result);
        usage.output = usage.output.max(Bytes(output.len() as u64));
        let asked = asked.map(Begun::end).unwrap_or_default();
        let duration = started.elapsed();
        let may_see_duration = self.may_see_duration();
        let (answer, writes) = match result {
            Ok(done) => {
                let leaving = Leaving {
                    output,
                    writes: done.writes,
                };
                match self
                    .let_out(entry, said.as_deref(), leaving, &mut log)
                    .await
                {
                    Ok(Leaving { output, writes }) => {
                        let duration = Some(duration).filter(|_| may_see_duration);
                        (conclude(entry, &output, duration), writes)
                    }
                    Err(refusal) => (Err(refusal), Vec::new()),
                }
            }
            Err(stopped) => {
                let refusal = stopped.refusal(&asked);
                let refusal = self
                    .let_tell(entry, said.as_deref(), refusal, &mut log)
                    .await;
                (Err(refusal), Vec::new())
            }
        };
        log.splice(0..0, asked.log.iter().cloned());
        let ran = |writes| Ran {
            usage: Some(usage_row(entry, usage, duration, asked)),
            writes,
            log,
            probe: None,
        };
        match answer {
            Ok(message) => {
                self.finish("OK", Some(message), ran(writes), Release::AtOnce)
                    .await
            }
            // What failed leaves nothing behind.
            Err(refusal) => self.refuse(&refusal, ran(Vec::new())).await,
        }
    }

    /// Names the request again: what its component left is looked at by the host itself.
    async fn is_handled_again(&mut self) {
        let (poison, answering) = (&self.host.poison, (self.key, Stage::Answer));
        let id = self.task.to_string();
        self.handling = poison
            .handle(self.peer, &id, answering, Some(self.task))
            .await;
        poison.pass(Stage::Answer, || {
            format!("{:?}", self.envelope).into_bytes()
        });
    }

    /// Lets models be asked for this call, if they may be.
    fn conversation(&self, entry: &Arc<Entry>, input: &str) -> Option<Begun> {
        let Self {
            host,
            peer,
            task,
            tier,
            ..
        } = self;
        Models::concerns(entry).then(|| {
            let caller = ((*peer).clone(), *tier);
            let trusted = host.trust.trusted(clock::now());
            let input = input.to_owned();
            host.models.begin(Conversation::new(
                *task,
                caller,
                entry.clone(),
                input,
                trusted,
            ))
        })
    }

    /// Has the skill answer: its component in the sandbox, or the model that its text is for.
    async fn answer(
        &self,
        entry: &Arc<Entry>,
        input: String,
        asked: Option<&Begun>,
        events: EventSender,
    ) -> Result<Done, Stopped> {
        let Self {
            host, peer, task, ..
        } = *self;
        if entry.body == Body::Model {
            let asked = asked.ok_or_else(|| Fault::Unconfigured("nobody was asked".to_owned()))?;
            let output = asked.answer().await?;
            // The receiver waits for this call: it is there.
            let _ = events.send(Event::Chunk(output));
            return Ok(Done::default());
        }
        let job = Job {
            digest: entry.digest,
            skill: entry.manifest.name.clone(),
            input,
            grants: entry.grants.clone(),
            limits: entry.limits,
            deadline: clock::now().after(entry.limits.wall.0),
            task,
            caller: caller_key(host, peer),
        };
        let place = Arc::new(Paced::new(host, peer));
        Ok(call(host, job, place, events).await?)
    }

    /// Durations are for peers of the inner circle: they tell how a skill works.
    fn may_see_duration(&self) -> bool {
        self.tier >= Tier::Internal
    }
}

/// Why a call has no output.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    /// The component did not give one.
    #[error(transparent)]
    Component(#[from] CallError),
    /// The model did not.
    #[error(transparent)]
    Model(#[from] Fault),
}

impl Stopped {
    /// Returns what a caller learns.
    fn refusal(self, asked: &Told) -> Refusal {
        match self {
            Self::Model(fault) => fault.refusal(),
            // A skill that gives up because its model costs too much is busy, whatever it says itself.
            Self::Component(CallError::Failed(_)) if asked.is_over_budget => Refusal::Busy,
            Self::Component(error) => refusal(error),
        }
    }
}

/// Calls the skill. Most calls end within a tick and stay where they began; one that computes for longer goes on in the
/// background, where it delays nobody.
async fn call(
    host: &Host,
    job: Job,
    place: Arc<Paced>,
    events: EventSender,
) -> Result<Done, CallError> {
    if !job.grants.fs.is_empty() {
        let (skills, grants) = (host.skills.clone(), job.grants.clone());
        // A folder on a disk that does not answer must not hold up other calls.
        let looked = tokio::task::spawn_blocking(move || skills.unreachable(&grants)).await;
        if let Some(why) = looked.unwrap_or_else(|error| Some(error.to_string())) {
            return Err(CallError::Unavailable(why));
        }
    }
    let loaded = host
        .skills
        .load(&job.digest)
        .await
        .map_err(|error| CallError::Unavailable(error.to_string()))?;
    place.resume().await;
    let (sandbox, turn) = (host.sandbox.clone(), place.clone());
    let mut called = Box::pin(async move { sandbox.call(&loaded, &job, turn, &events).await });
    tokio::select! {
        biased;
        result = &mut called => return result,
        () = place.ticked.notified() => {}
    }
    let result = host.background.run(called).await;
    result.unwrap_or_else(|| Err(CallError::Unavailable("the host failed".to_owned())))
}

/// Collects what a call told: its output, what it used, and its log with the reason of a failure at the end.
fn gather(
    told: &mut mpsc::UnboundedReceiver<Event>,
    result: &Result<Done, Stopped>,
) -> (String, Usage, Vec<LogRow>) {
    let (mut output, mut usage, mut log) = (String::new(), Usage::default(), Vec::new());
    while let Ok(event) = told.try_recv() {
        match event {
            Event::Chunk(piece) if output.is_empty() => output = piece,
            Event::Chunk(piece) => output.push_str(&piece),
            Event::Log { level, line } => {
                log.push(LogRow::new(clock::now(), level_of(level), line));
            }
            Event::Progress { .. } => {}
            Event::Used(used) => usage = used,
        }
    }
    // What a model did was written down when it happened.
    if let Err(Stopped::Component(error)) = result {
        log.push(LogRow::new(
            clock::now(),
            LogLevel::Error,
            error.to_string(),
        ));
    }
    (output, usage, log)
}

/// Returns what a caller learns of a failure.
fn refusal(error: CallError) -> Refusal {
    match error {
        CallError::InvalidInput(text) => Refusal::InvalidInput {
            message: coworker_core::scrub(&text),
        },
        CallError::Failed(text) => Refusal::ExecutionFailed {
            message: Some(coworker_core::scrub(&text)),
        },
        CallError::Limit(Which::Output) => Refusal::OutputRejected,
        // To a caller it is the same whether the skill waited or computed for too long.
        CallError::Limit(Which::Cpu) | CallError::TimedOut(_) => Refusal::Timeout,
        CallError::Trap { .. } | CallError::Limit(_) | CallError::Unavailable(_) => {
            Refusal::ExecutionFailed { message: None }
        }
        CallError::Rejected(_) => Refusal::OutputRejected,
    }
}

/// Returns the key of a caller's partition: the same for the same peer, and leading back to nobody without our key.
fn caller_key(host: &Host, peer: &PeerId) -> CallerKey {
    // The owner's sessions are one caller, or nothing would be remembered from one to the next.
    let who = if peer.scheme() == Scheme::Local {
        "local:owner".to_owned()
    } else {
        peer.to_string()
    };
    CallerKey(
        blake3::keyed_hash(&host.caller_secret, who.as_bytes())
            .to_hex()
            .to_string(),
    )
}

fn usage_row(entry: &Entry, usage: Usage, duration: Duration, asked: Told) -> UsageRow {
    let models: Vec<String> = asked.models.into_iter().collect();
    UsageRow {
        cpu: usage.cpu,
        wall: coworker_core::Span(duration),
        memory_peak: usage.memory_peak,
        host_calls: usage.host_calls,
        model_calls: asked.questions,
        tokens_in: asked.tokens_in,
        tokens_out: asked.tokens_out,
        cost: asked.cost,
        model: (!models.is_empty()).then(|| models.join(", ")),
        version: entry.manifest.version.clone(),
        measured: Some(Measured {
            host_bytes: usage.host_bytes,
            output: usage.output,
            log_lines: usage.log_lines,
            limits: Allowed::of(&entry.limits),
        }),
    }
}

fn level_of(level: coworker_sandbox::Level) -> LogLevel {
    match level {
        coworker_sandbox::Level::Debug => LogLevel::Debug,
        coworker_sandbox::Level::Info => LogLevel::Info,
        coworker_sandbox::Level::Warn => LogLevel::Warn,
        coworker_sandbox::Level::Error => LogLevel::Error,
    }
}

/// A place on the processor, as the sandbox knows it: for the first tick one of those that are soon free again, then one
/// among the guests that compute for long.
struct Paced {
    short: Place,
    long: Place,
    is_long: AtomicBool,
    /// Told when the guest has computed for a whole tick.
    ticked: Notify,
}

impl Paced {
    fn new(host: &Host, peer: &PeerId) -> Self {
        Self {
            short: host.places.claim(peer.clone()),
            long: host.long_places.claim(peer.clone()),
            is_long: AtomicBool::new(false),
            ticked: Notify::new(),
        }
    }

    fn place(&self) -> &Place {
        if self.is_long.load(Ordering::Relaxed) {
            &self.long
        } else {
            &self.short
        }
    }
}

#[async_trait::async_trait]
impl Turn for Paced {
    fn pause(&self) {
        self.short.give();
        self.long.give();
    }

    async fn resume(&self) {
        self.place().take().await;
    }

    fn should_yield(&self) -> bool {
        if self.is_long.swap(true, Ordering::Relaxed) {
            return self.long.should_yield();
        }
        self.ticked.notify_one();
        true
    }
}
