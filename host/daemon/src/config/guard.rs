//! `[guard]`: what happens to answers that hold private texts.

use coworker_core::{GuardMode, Span};
use serde::{Deserialize, Serialize};

/// `[guard]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardConfig {
    /// What happens to an answer that holds private text, where a skill says nothing.
    pub mode: GuardMode,
    /// How many rejections make a skill unknown to a peer.
    pub rejections: u32,
    /// Within which time.
    pub within: Span,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            mode: GuardMode::Block,
            rejections: 5,
            within: Span::secs(7 * 24 * 3_600),
        }
    }
}
