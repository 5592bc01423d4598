//! `[guard]`: what happens to answers that hold private texts.

use coworker_core::{GuardMode, GuardRule, Span};
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// `[guard]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// What happens to an answer that holds private text, where a skill says nothing.
    pub mode: GuardMode,
    /// How many rejections make a skill unknown to a peer.
    pub rejections: u32,
    /// Within which time.
    pub within: Span,
    /// Lines of private texts that answers of every skill may quote.
    pub public: Vec<String>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            mode: GuardMode::Block,
            rejections: 5,
            within: Span::secs(7 * 24 * 3_600),
            public: Vec::new(),
        }
    }
}

impl Config {
    /// Checks the lines that may be quoted.
    pub(super) fn check_guard(&self) -> Result<(), ConfigError> {
        if self
            .guard
            .public
            .iter()
            .all(|line| GuardRule::is_line(line))
        {
            return Ok(());
        }
        let message = "it holds a blank line, or one with a line break";
        Err(ConfigError::of_key("guard.public", message))
    }
}
