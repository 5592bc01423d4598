//! One call while models may be asked for it: who asks, for which skill, until when, and what it has cost so far.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coworker_core::budget::Cost;
use coworker_core::{Entry, PeerId, Scheme, TaskId, Tier};
use tokio::time::Instant;

use super::{Fault, Inner};
use crate::clock;
use crate::guarding::Earlier;
use crate::store::{LogLevel, LogRow};

/// How many lines for the owner a call may make.
const LINES: usize = 100;

/// A call for which models may be asked.
pub struct Conversation {
    /// Which call.
    pub task: TaskId,
    /// Who calls.
    pub peer: PeerId,
    /// How far the caller is trusted.
    pub tier: Tier,
    /// The skill, with its private texts.
    pub entry: Arc<Entry>,
    /// The caller's own input, validated and written again.
    pub input: String,
    /// Under which name the budget knows the caller.
    pub(super) payer: String,
    /// Every payer of tier 1 and more: the budget keeps a share for each.
    pub(super) trusted: HashSet<String>,
    /// When an answer is of no more use.
    pub deadline: Instant,
    /// What the skill was told of its private texts so far.
    pub(super) earlier: Earlier,
    told: Mutex<Told>,
}

/// What a call's questions came to.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Lines for the owner.
    pub log: Vec<LogRow>,
    /// Questions.
    pub questions: u32,
    /// Tokens read.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
    /// What they cost, where the price of each is known.
    pub cost: Option<Cost>,
    /// The models that were asked.
    pub models: BTreeSet<String>,
    /// Whether a budget was used up.
    pub is_over_budget: bool,
    unpriced: bool,
}

/// A conversation that models can be asked for as long as this lives.
#[must_use = "models answer for as long as this lives"]
pub struct Begun {
    pub(super) inner: Arc<Inner>,
    pub(super) conversation: Arc<Conversation>,
}

impl Conversation {
    /// Returns the conversation of a call; `trusted` are all peers of tier 1 and more, by id.
    pub fn new(
        task: TaskId,
        (peer, tier): (PeerId, Tier),
        entry: Arc<Entry>,
        input: String,
        mut trusted: HashSet<String>,
    ) -> Self {
        let payer = payer(&peer);
        if tier >= Tier::Known {
            trusted.insert(payer.clone());
        }
        let deadline = Instant::now() + entry.limits.wall.0;
        Self {
            task,
            peer,
            tier,
            entry,
            input,
            payer,
            trusted,
            deadline,
            earlier: Earlier::default(),
            told: Mutex::default(),
        }
    }

    /// Writes a line for the owner.
    pub(super) fn note(&self, level: LogLevel, line: String) {
        let mut told = self.told();
        if told.log.len() < LINES {
            told.log.push(LogRow::new(clock::now(), level, line));
        }
    }

    /// Writes down why there is no answer, and what to do about it.
    pub(super) fn note_fault(&self, fault: &Fault, provider: &str) {
        self.note(LogLevel::Error, fault.to_string());
        if let Some(hint) = fault.hint(provider) {
            self.note(LogLevel::Info, format!("hint: {hint}"));
        }
        if matches!(fault, Fault::OverBudget(_)) {
            self.told().is_over_budget = true;
        }
    }

    /// Adds what a question used.
    pub(super) fn add(&self, model: &str, read: u64, written: u64, cost: Option<Cost>) {
        let mut told = self.told();
        told.questions += 1;
        told.tokens_in = told.tokens_in.saturating_add(read);
        told.tokens_out = told.tokens_out.saturating_add(written);
        told.unpriced |= cost.is_none();
        let before = told.cost.unwrap_or_default();
        let sum = cost.map(|cost| Cost(before.0.saturating_add(cost.0)));
        told.cost = sum.filter(|_| !told.unpriced);
        told.models.insert(model.to_owned());
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns under which name the budget knows a peer. The owner's sessions, each of which is a peer of its own, are one.
pub(super) fn payer(peer: &PeerId) -> String {
    match peer.scheme() {
        Scheme::Local => "local:owner".to_owned(),
        _ => peer.to_string(),
    }
}

impl Begun {
    /// Ends the conversation and returns what it came to.
    pub fn end(self) -> Told {
        std::mem::take(&mut *self.conversation.told())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.inner.conversations().remove(&self.conversation.task);
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conversation.fmt(f)
    }
}
