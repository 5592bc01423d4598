//! What models may cost: `[budget]`. The defaults let people work and keep a mistake, or a peer, from a night of calls.

use coworker_core::budget::{Allowance, Bound, Budget, Cost};
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// `[budget]`: for each peer, each skill and in all; by the minute and by the day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each is named for its account, its measure and its window"
)]
pub struct BudgetConfig {
    pub peer_calls_per_minute: u64,
    pub peer_calls_per_day: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_tokens_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_tokens_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_cost_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_cost_per_day: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_calls_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_calls_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_tokens_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_tokens_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_cost_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill_cost_per_day: Option<f64>,
    pub all_calls_per_minute: u64,
    pub all_calls_per_day: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_tokens_per_minute: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_tokens_per_day: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_cost_per_minute: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_cost_per_day: Option<f64>,
    /// The part of "in all" that is kept for peers of tier 1 and more, in per cent.
    pub reserved: u8,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            peer_calls_per_minute: 60,
            peer_calls_per_day: 2_000,
            peer_tokens_per_minute: None,
            peer_tokens_per_day: None,
            peer_cost_per_minute: None,
            peer_cost_per_day: None,
            skill_calls_per_minute: None,
            skill_calls_per_day: None,
            skill_tokens_per_minute: None,
            skill_tokens_per_day: None,
            skill_cost_per_minute: None,
            skill_cost_per_day: None,
            all_calls_per_minute: 300,
            all_calls_per_day: 10_000,
            all_tokens_per_minute: None,
            all_tokens_per_day: None,
            all_cost_per_minute: None,
            all_cost_per_day: None,
            reserved: 50,
        }
    }
}

impl BudgetConfig {
    /// Returns the budget as it is reckoned with.
    pub fn budget(&self) -> Budget {
        let bound = |calls, tokens, cost: Option<f64>| Bound {
            calls,
            tokens,
            cost: cost.map(Cost::units),
        };
        Budget {
            peer: Allowance {
                minute: bound(
                    Some(self.peer_calls_per_minute),
                    self.peer_tokens_per_minute,
                    self.peer_cost_per_minute,
                ),
                day: bound(
                    Some(self.peer_calls_per_day),
                    self.peer_tokens_per_day,
                    self.peer_cost_per_day,
                ),
            },
            skill: Allowance {
                minute: bound(
                    self.skill_calls_per_minute,
                    self.skill_tokens_per_minute,
                    self.skill_cost_per_minute,
                ),
                day: bound(
                    self.skill_calls_per_day,
                    self.skill_tokens_per_day,
                    self.skill_cost_per_day,
                ),
            },
            all: Allowance {
                minute: bound(
                    Some(self.all_calls_per_minute),
                    self.all_tokens_per_minute,
                    self.all_cost_per_minute,
                ),
                day: bound(
                    Some(self.all_calls_per_day),
                    self.all_tokens_per_day,
                    self.all_cost_per_day,
                ),
            },
            reserved: self.reserved,
        }
    }

    /// Returns whether a cost is bounded anywhere: where a price is not known, no such bound can hold.
    pub fn bounds_cost(&self) -> bool {
        let Budget {
            peer, skill, all, ..
        } = self.budget();
        [peer, skill, all]
            .iter()
            .any(|of| of.minute.cost.is_some() || of.day.cost.is_some())
    }
}

impl Config {
    /// Checks what can be wrong with the budget beyond the types of values.
    pub(super) fn check_budget(&self) -> Result<(), ConfigError> {
        let budget = &self.budget;
        let wrong =
            |key: &str, message: &str| ConfigError::of_key(format!("budget.{key}"), message);
        if budget.reserved > 100 {
            return Err(wrong("reserved", "it is a part of a hundred"));
        }
        for (key, cost) in [
            ("peer_cost_per_minute", budget.peer_cost_per_minute),
            ("peer_cost_per_day", budget.peer_cost_per_day),
            ("skill_cost_per_minute", budget.skill_cost_per_minute),
            ("skill_cost_per_day", budget.skill_cost_per_day),
            ("all_cost_per_minute", budget.all_cost_per_minute),
            ("all_cost_per_day", budget.all_cost_per_day),
        ] {
            if cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
                return Err(wrong(key, "a cost is zero or more"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
