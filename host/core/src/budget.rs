//! What models may cost: how much each peer, each skill and all together may ask of them in a minute and in a day. What
//! a question may cost at most is set aside before it is asked, and settled when the answer is there.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ratchet, Timestamp};

/// Peers of tier 0 share one account: a new name costs nothing.
const STRANGERS: &str = "strangers";
/// How many accounts may lie idle before the idle ones are forgotten.
const IDLE: usize = 4_096;
const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Money in billionths of whatever unit the owner's prices are in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cost(pub u64);

/// What questions to models used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Questions.
    pub calls: u64,
    /// Tokens, read and written.
    pub tokens: u64,
    /// What they cost; nothing where no price is known.
    pub cost: Cost,
}

/// How much one account may use. What is absent has no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// In a minute.
    pub minute: Bound,
    /// In a day.
    pub day: Bound,
}

/// The bounds of one window of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Questions.
    pub calls: Option<u64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Cost.
    pub cost: Option<Cost>,
}

/// The owner's budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// For each peer; strangers together are one.
    pub peer: Allowance,
    /// For each skill.
    pub skill: Allowance,
    /// In all.
    pub all: Allowance,
    /// The part of "in all", in per cent, that is kept for peers of tier 1 and more, each an equal share of it.
    pub reserved: u8,
}

/// Who wants to ask, and what it may cost at most.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The peer.
    pub peer: &'a str,
    /// The skill.
    pub skill: &'a str,
    /// The most it may cost.
    pub most: Spent,
    /// Every peer of tier 1 and more.
    pub trusted: &'a HashSet<String>,
}

/// What is set aside for a question that is under way. It must be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "what is set aside stays so until it is settled"]
pub struct Reservation {
    peer: String,
    skill: String,
    most: Spent,
}

/// Whose bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The peer's.
    Peer,
    /// The skill's.
    Skill,
    /// That of all together, less what is kept for others.
    All,
}

/// A bound would be passed. The text is for the owner; a peer learns only that the host is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budget `{}_{measure}_per_{window}` is used up", scope.key())]
pub struct Exhausted {
    /// Whose.
    pub scope: Scope,
    /// `calls`, `tokens` or `cost`.
    pub measure: &'static str,
    /// `minute` or `day`.
    pub window: &'static str,
}

/// What was used and what is set aside, by account.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// A clock that went back gives nothing back, and one that was ahead for a while takes nothing away for longer than
    /// a window.
    time: Ratchet,
    all: Ledger,
    peers: HashMap<String, Ledger>,
    skills: HashMap<String, Ledger>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ledger {
    minute: Window,
    day: Window,
    held: Spent,
}

/// What was used in one minute or day, counted from 1970.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: i64,
    used: Spent,
}

impl Cost {
    /// Returns what so many tokens cost at a price for a million of them.
    pub fn of(tokens: u64, price_per_million: f64) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cost beyond every wallet may be inexact; a negative price was refused"
        )]
        Self((tokens as f64 * price_per_million * 1_000.0).round() as u64)
    }

    /// Returns a sum of the unit that prices are in.
    pub fn units(units: f64) -> Self {
        Self::of(1_000_000, units)
    }

    /// Returns it in the unit that prices are in.
    pub fn value(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a cost beyond every wallet may be inexact"
        )]
        let nano = self.0 as f64;
        nano / 1e9
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

impl Spent {
    /// Returns both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            tokens: self.tokens.saturating_add(other.tokens),
            cost: Cost(self.cost.0.saturating_add(other.cost.0)),
        }
    }

    const fn less(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(other.calls),
            tokens: self.tokens.saturating_sub(other.tokens),
            cost: Cost(self.cost.0.saturating_sub(other.cost.0)),
        }
    }
}

impl Reservation {
    /// Returns what is set aside.
    pub const fn most(&self) -> Spent {
        self.most
    }
}

impl Scope {
    const fn key(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Skill => "skill",
            Self::All => "all",
        }
    }
}

/// What is measured, each with where it stands in a use and in a bound.
type Measure = (&'static str, fn(&Spent) -> u64, fn(&Bound) -> Option<u64>);

const MEASURES: [Measure; 3] = [
    ("calls", |spent| spent.calls, |bound| bound.calls),
    ("tokens", |spent| spent.tokens, |bound| bound.tokens),
    (
        "cost",
        |spent| spent.cost.0,
        |bound| bound.cost.map(|cost| cost.0),
    ),
];

impl Books {
    /// Sets aside what a question may cost, or says which bound that would pass.
    pub fn reserve(
        &mut self,
        budget: &Budget,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<Reservation, Exhausted> {
        let now = self.time.at(now);
        self.forget(now);
        let payer = payer(claim.peer, claim.trusted);
        for ledger in self.ledgers(payer, claim.skill) {
            ledger.minute.take_back(now.0.div_euclid(MINUTE));
            ledger.day.take_back(now.0.div_euclid(DAY));
        }
        let peer = self.peers.get(payer).copied().unwrap_or_default();
        let skill = self.skills.get(claim.skill).copied().unwrap_or_default();
        check(Scope::Peer, &budget.peer, &peer, claim.most, now)?;
        check(Scope::Skill, &budget.skill, &skill, claim.most, now)?;
        for (window, bound, length) in windows(&budget.all) {
            for (measure, amount, most) in MEASURES {
                let Some(limit) = most(bound) else { continue };
                let taken = |ledger: &Ledger| amount(&ledger.taken(length, now));
                let kept = self.kept(limit, budget.reserved, claim, taken);
                let wanted = amount(&claim.most);
                // Its own share is there for it even where shares shrank because more peers are trusted now.
                let in_share = kept.share > 0
                    && payer != STRANGERS
                    && taken(&peer).saturating_add(wanted) <= kept.share;
                let bound = if in_share {
                    limit
                } else {
                    limit.saturating_sub(kept.for_others)
                };
                if taken(&self.all).saturating_add(wanted) > bound {
                    return Err(Exhausted {
                        scope: Scope::All,
                        measure,
                        window,
                    });
                }
            }
        }
        self.hold(payer, claim.skill, |held| *held = held.plus(claim.most));
        Ok(Reservation {
            peer: payer.to_owned(),
            skill: claim.skill.to_owned(),
            most: claim.most,
        })
    }

    /// Gives back what was set aside, and books what was used.
    pub fn settle(&mut self, reservation: &Reservation, used: Spent, now: Timestamp) {
        let now = self.time.at(now);
        let Reservation { peer, skill, most } = reservation;
        self.hold(peer, skill, |held| *held = held.less(*most));
        self.book(peer, skill, used, now);
    }

    /// Books what was used before this process began.
    pub fn restore(
        &mut self,
        peer: &str,
        is_trusted: bool,
        skill: &str,
        used: Spent,
        at: Timestamp,
    ) {
        let payer = if is_trusted { peer } else { STRANGERS };
        self.book(payer, skill, used, at);
    }

    fn book(&mut self, payer: &str, skill: &str, used: Spent, at: Timestamp) {
        for ledger in self.ledgers(payer, skill) {
            ledger.minute.add(used, at.0.div_euclid(MINUTE));
            ledger.day.add(used, at.0.div_euclid(DAY));
        }
    }

    fn hold(&mut self, payer: &str, skill: &str, change: impl Fn(&mut Spent)) {
        for ledger in self.ledgers(payer, skill) {
            change(&mut ledger.held);
        }
    }

    fn ledgers(&mut self, payer: &str, skill: &str) -> [&mut Ledger; 3] {
        [
            &mut self.all,
            self.peers.entry(payer.to_owned()).or_default(),
            self.skills.entry(skill.to_owned()).or_default(),
        ]
    }

    /// Returns how large a share is, and how much of all is not for this peer because others have not used theirs.
    fn kept(
        &self,
        limit: u64,
        percent: u8,
        claim: &Claim<'_>,
        taken: impl Fn(&Ledger) -> u64,
    ) -> Kept {
        let others = claim.trusted.len() - usize::from(claim.trusted.contains(claim.peer));
        let shares = claim.trusted.len().max(1) as u64;
        let share = limit.saturating_mul(u64::from(percent.min(100))) / 100 / shares;
        let used: u64 = self
            .peers
            .iter()
            .filter(|(peer, _)| *peer != claim.peer && claim.trusted.contains(*peer))
            .map(|(_, ledger)| taken(ledger).min(share))
            .sum();
        Kept {
            share,
            for_others: share.saturating_mul(others as u64).saturating_sub(used),
        }
    }

    /// Forgets accounts of which nothing counts any more, once there are many.
    fn forget(&mut self, now: Timestamp) {
        let today = now.0.div_euclid(DAY);
        for accounts in [&mut self.peers, &mut self.skills] {
            if accounts.len() > IDLE {
                accounts.retain(|_, ledger| {
                    ledger.day.number >= today || ledger.held != Spent::default()
                });
            }
        }
    }
}

struct Kept {
    share: u64,
    for_others: u64,
}

impl Ledger {
    /// Returns what counts now: what was used in the window, and what is set aside.
    fn taken(&self, length: i64, now: Timestamp) -> Spent {
        let window = if length == MINUTE {
            &self.minute
        } else {
            &self.day
        };
        let is_over = window.number < now.0.div_euclid(length);
        let used = if is_over {
            Spent::default()
        } else {
            window.used
        };
        used.plus(self.held)
    }
}

impl Window {
    /// Moves what an earlier process booked ahead of its time into the window that runs.
    fn take_back(&mut self, number: i64) {
        self.number = self.number.min(number);
    }

    fn add(&mut self, used: Spent, number: i64) {
        if number > self.number {
            *self = Self {
                number,
                used: Spent::default(),
            };
        }
        if number == self.number {
            self.used = self.used.plus(used);
        }
    }
}

fn payer<'a>(peer: &'a str, trusted: &HashSet<String>) -> &'a str {
    if trusted.contains(peer) {
        peer
    } else {
        STRANGERS
    }
}

fn windows(allowance: &Allowance) -> [(&'static str, &Bound, i64); 2] {
    [
        ("minute", &allowance.minute, MINUTE),
        ("day", &allowance.day, DAY),
    ]
}

fn check(
    scope: Scope,
    allowance: &Allowance,
    ledger: &Ledger,
    wanted: Spent,
    now: Timestamp,
) -> Result<(), Exhausted> {
    for (window, bound, length) in windows(allowance) {
        let taken = ledger.taken(length, now).plus(wanted);
        for (measure, amount, most) in MEASURES {
            if most(bound).is_some_and(|limit| amount(&taken) > limit) {
                return Err(Exhausted {
                    scope,
                    measure,
                    window,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
