//! The guard at work: everything that a model wrote passes here before a guest sees it, and everything that a skill lets out
//! before a peer does. It keeps the accounts, takes skills from peers that reach for the private texts, and tells the owner
//! what was held back, from whom and in which form. Peers learn none of it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use coworker_core::guard::{Leak, Ledger, Sighting, Stretches};
use coworker_core::{Entry, GuardMode, PeerId, Scheme, TaskId, Tier};
use tokio::sync::Mutex;

use crate::clock;
use crate::config::GuardConfig;
use crate::store::{BarRow, RejectionRow, ShownRow, Store, StoreError};

/// Texts up to this size are looked at at once; what takes longer goes where it delays nobody.
const QUICK: usize = 1 << 10;

/// The guard of all skills. Clones share it.
#[derive(Clone)]
pub struct Guards(Arc<Shared>);

struct Shared {
    store: Store,
    config: GuardConfig,
    /// By text: what the skills of one component show of a text they share is one account. Held from a judgement until it
    /// is on disk: two answers at once may not both use what is left.
    ledger: Mutex<Ledger>,
    /// Which skills each peer lost.
    bars: RwLock<HashMap<PeerId, BTreeSet<String>>>,
}

/// For whom something is on its way.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// The call.
    pub task: TaskId,
    /// Who gets it in the end.
    pub peer: &'a PeerId,
    /// How far that peer is trusted.
    pub tier: Tier,
    /// The skill, with its private texts.
    pub entry: &'a Arc<Entry>,
    /// The caller's own input: what it said itself is no secret to it.
    pub input: &'a str,
    /// Whether part of it has gone already: then nothing can stand in for the rest.
    pub is_begun: bool,
    /// What the skill was told earlier in this call, which it can put together with what comes.
    pub earlier: Option<&'a Earlier>,
}

/// What models told a skill within one call.
#[derive(Debug, Default)]
pub struct Earlier(std::sync::Mutex<Stretches>);

impl Earlier {
    fn add(&self, sighting: &Sighting) {
        let mut earlier = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.add(&sighting.stretches);
    }

    fn with(&self, sighting: &Sighting) -> Option<Leak> {
        let earlier = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.with(&sighting.stretches)
    }
}

impl Passing<'_> {
    /// Returns the leak that a text would be: by itself, with what came earlier in the call, or with all that ever came.
    fn leak(&self, ledger: &Ledger, sighting: &Sighting) -> Option<Leak> {
        let own = sighting.leak.clone();
        own.or_else(|| self.earlier?.with(sighting))
            .or_else(|| ledger.judge(self.peer, sighting))
    }
}

/// From where to where something is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From a model to the skill.
    Model,
    /// From the skill to its caller.
    Output,
    /// From the skill to its caller, as the reason of a failure.
    Failure,
    /// From the skill to what it remembers.
    State,
}

/// What may go on, and what the owner should know of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The text, if it is no longer the one that came.
    pub instead: Option<String>,
    /// A line for the owner.
    pub note: Option<String>,
}

/// Why nothing goes on, in words for the owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Held(pub String);

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Output => "output",
            Self::Failure => "failure",
            Self::State => "state",
        }
    }
}

impl Guards {
    /// Returns the guard without a past.
    pub fn new(store: Store, config: GuardConfig) -> Self {
        Self(Arc::new(Shared {
            store,
            config,
            ledger: Mutex::default(),
            bars: RwLock::default(),
        }))
    }

    /// Reads accounts and bars from the store.
    pub async fn recall(&self) -> Result<(), StoreError> {
        let shown = self.0.store.guard_shown().await?;
        let mut ledger = self.0.ledger.lock().await;
        for row in shown {
            ledger.restore(row.text, &row.peer, row.print);
        }
        drop(ledger);
        for row in self.0.store.guard_bars().await? {
            self.bar(&row.peer, &row.skill);
        }
        Ok(())
    }

    /// Returns the skills that a peer lost.
    pub fn barred(&self, peer: &PeerId) -> BTreeSet<String> {
        let bars = self.0.bars.read().unwrap_or_else(PoisonError::into_inner);
        bars.get(peer).cloned().unwrap_or_default()
    }

    fn bar(&self, peer: &PeerId, skill: &str) {
        let mut bars = self.0.bars.write().unwrap_or_else(PoisonError::into_inner);
        bars.entry(peer.clone())
            .or_default()
            .insert(skill.to_owned());
    }

    /// Gives a peer a skill back. Returns whether it had lost it.
    pub async fn lift(&self, peer: &PeerId, skill: &str) -> Result<bool, StoreError> {
        let lifted = self.0.store.guard_lift(peer, skill).await?;
        let mut bars = self.0.bars.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(skills) = bars.get_mut(peer) {
            skills.remove(skill);
            if skills.is_empty() {
                bars.remove(peer);
            }
        }
        Ok(lifted)
    }

    /// Returns who lost which skill, and everything that was rejected, the latest first.
    pub async fn rows(&self) -> Result<(Vec<BarRow>, Vec<RejectionRow>), StoreError> {
        let bars = self.0.store.guard_bars().await?;
        Ok((bars, self.0.store.guard_rejections().await?))
    }

    /// Looks at a text on its way, and says what of it may go on.
    pub async fn pass(
        &self,
        passing: Passing<'_>,
        stage: Stage,
        text: &str,
    ) -> Result<Passed, Held> {
        if passing.entry.private.is_none() {
            return Ok(Passed::default());
        }
        let sighting = look(passing.entry, text, passing.input).await?;
        if sighting == Sighting::default() {
            return Ok(Passed::default());
        }
        self.judge(passing, stage, text, &sighting).await
    }

    async fn judge(
        &self,
        passing: Passing<'_>,
        stage: Stage,
        text: &str,
        sighting: &Sighting,
    ) -> Result<Passed, Held> {
        let mut shared = self.0.ledger.lock().await;
        // The owner tries skills as often as needed: that is on nobody's account.
        let mut own = Ledger::default();
        let is_owner = passing.peer.scheme() == Scheme::Local;
        let ledger = if is_owner { &mut own } else { &mut shared };
        let Some(leak) = passing.leak(ledger, sighting) else {
            self.add(ledger, passing, sighting).await?;
            return Ok(Passed::default());
        };
        let told = format!("guard, {}: {leak}", stage.word());
        let mode = passing.entry.guard.mode.unwrap_or(self.0.config.mode);
        match mode {
            GuardMode::Warn => {
                self.add(ledger, passing, sighting).await?;
                self.note(passing, stage, mode, &leak).await?;
                return Ok(Passed {
                    instead: None,
                    note: Some(format!("{told}; let through as the skill is set to warn")),
                });
            }
            // Whoever sees what was taken out knows where it stood: that is for peers of the inner circle.
            GuardMode::Redact if passing.tier >= Tier::Internal && !passing.is_begun => {
                let redacted = redact(passing.entry, text);
                let left = look(passing.entry, &redacted, passing.input).await?;
                if passing.leak(ledger, &left).is_none() {
                    self.add(ledger, passing, &left).await?;
                    self.note(passing, stage, mode, &leak).await?;
                    return Ok(Passed {
                        instead: Some(redacted),
                        note: Some(format!("{told}; taken out")),
                    });
                }
            }
            GuardMode::Redact | GuardMode::Block => {}
        }
        self.note(passing, stage, GuardMode::Block, &leak).await?;
        match mode {
            GuardMode::Redact if passing.is_begun => Err(Held(format!(
                "{told}; held back, as an answer that is read in pieces cannot be redacted"
            ))),
            _ => Err(Held(told)),
        }
    }

    async fn add(
        &self,
        ledger: &mut Ledger,
        passing: Passing<'_>,
        sighting: &Sighting,
    ) -> Result<(), Held> {
        if let Some(earlier) = passing.earlier {
            earlier.add(sighting);
        }
        let new = ledger.add(passing.peer, sighting);
        if new.is_empty() || passing.peer.scheme() == Scheme::Local {
            return Ok(());
        }
        let rows = new.into_iter().map(|(text, print)| ShownRow {
            skill: passing.entry.name().to_owned(),
            text,
            peer: passing.peer.clone(),
            print,
        });
        self.0
            .store
            .guard_show(rows.collect())
            .await
            .map_err(unwritten)
    }

    /// Takes down what held private text and what became of it. What the owner tries is on nobody's account.
    async fn note(
        &self,
        passing: Passing<'_>,
        stage: Stage,
        mode: GuardMode,
        leak: &Leak,
    ) -> Result<(), Held> {
        let (peer, skill) = (passing.peer, passing.entry.name());
        if peer.scheme() == Scheme::Local {
            return Ok(());
        }
        let GuardConfig {
            rejections, within, ..
        } = self.0.config;
        let at = clock::now();
        let what = leak.to_string();
        tracing::warn!(%peer, skill, task = %passing.task, stage = stage.word(), mode = mode.word(), what, "an answer held private text");
        let row = RejectionRow {
            peer: peer.clone(),
            skill: skill.to_owned(),
            task: passing.task,
            at,
            stage: stage.word().to_owned(),
            mode,
            what,
        };
        let store = &self.0.store;
        if store
            .guard_reject(row, within.0, rejections)
            .await
            .map_err(unwritten)?
        {
            self.bar(peer, skill);
            tracing::warn!(%peer, skill, "the skill is unknown to this peer now: see `coworker-host guard`");
        }
        Ok(())
    }
}

/// What cannot be taken down is not let through: the account would be wrong after a restart.
fn unwritten(error: StoreError) -> Held {
    Held(format!("the guard's account cannot be written: {error}"))
}

/// Looks at a text; a long one, or the first one of a skill, where it delays nobody.
async fn look(entry: &Arc<Entry>, text: &str, input: &str) -> Result<Sighting, Held> {
    let inspect = |entry: &Entry, text: &str, input: &str| {
        entry
            .index()
            .map(|index| index.inspect(text, input))
            .unwrap_or_default()
    };
    if entry.has_index() && text.len() + input.len() <= QUICK {
        return Ok(inspect(entry, text, input));
    }
    let (entry, text, input) = (entry.clone(), text.to_owned(), input.to_owned());
    tokio::task::spawn_blocking(move || inspect(&entry, &text, &input))
        .await
        .map_err(|error| Held(format!("the guard failed: {error}")))
}

fn redact(entry: &Entry, text: &str) -> String {
    let index = entry.index();
    index.map_or_else(String::new, |index| index.redact(text))
}

impl fmt::Debug for Guards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guards").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
