//! What a call tells while it runs, and what it leaves behind. Bounded by the limits of the call, so that the channel
//! needs no bound of its own.

use coworker_core::{Bytes, CallerKey, Span};
use serde::{Deserialize, Serialize};

/// Where the events of a call go.
pub type EventSender = tokio::sync::mpsc::UnboundedSender<Event>;

/// How loud a line of log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the author.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// One thing that a call tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A line for the owner. The guest wrote it: print it with control characters made visible.
    Log {
        /// How loud.
        level: Level,
        /// The line, at most 4 KiB.
        line: String,
    },
    /// How far the work is.
    Progress {
        /// From 0 to 1, where it is known.
        done: Option<f32>,
        /// A short text, at most 1 KiB.
        text: String,
    },
    /// A piece of the output. The pieces together are the output, valid only once the call returned `Ok`.
    Chunk(String),
    /// What the call used: the last event of every call that ran, failed or not.
    Used(Usage),
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Time on the processor.
    pub cpu: Span,
    /// Time from start to end.
    pub wall: Span,
    /// The most memory that was held at one time.
    pub memory_peak: Bytes,
    /// Host calls.
    pub host_calls: u32,
    /// Bytes that crossed the boundary in host calls.
    pub host_bytes: Bytes,
    /// Calls of a model.
    pub model_calls: u32,
    /// Tokens read by models, where the providers say.
    pub tokens_in: u64,
    /// Tokens written by models, where the providers say.
    pub tokens_out: u64,
    /// The output's size.
    pub output: Bytes,
    /// Lines of log, those left out included.
    pub log_lines: u32,
}

/// The end of a call that succeeded. The output went ahead as chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What it used.
    pub usage: Usage,
    /// What it wants remembered. To be stored together with the outcome, or not at all.
    pub writes: Vec<StateWrite>,
}

/// Where a skill remembers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateArea {
    /// The skill, the same for every version of its component.
    pub skill: String,
    /// Whose part of it.
    pub partition: Partition,
}

/// A part of a skill's memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// What one caller left.
    Caller(CallerKey),
    /// What all callers see.
    Shared,
}

/// One change of what a skill remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateWrite {
    /// Where.
    pub area: StateArea,
    /// The key, 1 to 256 bytes.
    pub key: String,
    /// The new value, at most 256 KiB, or nothing to remove the key.
    pub value: Option<Vec<u8>>,
}
