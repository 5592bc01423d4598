//! What one call may use. A guest that hits a limit loses its own call and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bytes, Span};

/// The limits of one call. The defaults suit a skill that computes; the owner may set others up to the ceilings of
/// the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All linear memories of the call together.
    pub memory: Bytes,
    /// Time on the processor.
    pub cpu: Span,
    /// Time from start to end, waits in host calls included.
    pub wall: Span,
    /// The input, as JSON text.
    pub input: Bytes,
    /// The output, as JSON text, all chunks together.
    pub output: Bytes,
    /// What crosses the boundary in host calls, both ways together.
    pub host_bytes: Bytes,
    /// Host calls.
    pub host_calls: u32,
    /// Calls of a model.
    pub model_calls: u32,
    /// Handles the guest holds at one time.
    pub handles: u32,
    /// Random bytes.
    pub randomness: Bytes,
    /// Elements of all tables together.
    pub table_elements: u32,
    /// Linear memories.
    pub memories: u32,
    /// Core instances.
    pub instances: u32,
    /// Lines of log, 4 KiB each.
    pub log_lines: u32,
    /// Reports of progress, 1 KiB each.
    pub progress: u32,
}

impl Limits {
    /// The deepest nesting of arrays and objects in an input.
    pub const INPUT_DEPTH: u32 = 64;
    /// The stack of a guest. The same for all: it belongs to the engine.
    pub const STACK: Bytes = Bytes::kib(512);
    /// The longest line of log.
    pub const LOG_LINE: Bytes = Bytes::kib(4);
    /// The longest text of a progress report.
    pub const PROGRESS_TEXT: Bytes = Bytes::kib(1);
    /// The largest component file.
    pub const COMPONENT: Bytes = Bytes::mib(64);
    /// The most skills of one component.
    pub const SKILLS_PER_COMPONENT: usize = 64;
    /// The wall clock of a skill that may ask models.
    pub const WALL_WITH_MODEL: Span = Span::secs(120);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Bytes::mib(64),
            cpu: Span::secs(5),
            wall: Span::secs(30),
            input: Bytes::kib(256),
            output: Bytes::kib(512),
            host_bytes: Bytes::mib(4),
            host_calls: 10_000,
            model_calls: 8,
            handles: 1_000,
            randomness: Bytes::kib(64),
            table_elements: 100_000,
            memories: 8,
            instances: 64,
            log_lines: 1_000,
            progress: 100,
        }
    }
}

/// One limit, for comparison and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitField {
    /// Its key in files.
    pub key: &'static str,
    /// Its size, in the smallest unit.
    pub value: u128,
    /// As people write it.
    pub text: String,
}

impl Limits {
    /// Returns every limit with its key, in a fixed order.
    pub fn fields(&self) -> [LimitField; 15] {
        fn field(key: &'static str, value: u128, text: impl fmt::Display) -> LimitField {
            LimitField {
                key,
                value,
                text: text.to_string(),
            }
        }
        let count = |key, n: u32| field(key, n.into(), n);
        [
            field("memory", self.memory.0.into(), self.memory),
            field("cpu", self.cpu.0.as_nanos(), self.cpu),
            field("wall", self.wall.0.as_nanos(), self.wall),
            field("input", self.input.0.into(), self.input),
            field("output", self.output.0.into(), self.output),
            field("host_bytes", self.host_bytes.0.into(), self.host_bytes),
            count("host_calls", self.host_calls),
            count("model_calls", self.model_calls),
            count("handles", self.handles),
            field("randomness", self.randomness.0.into(), self.randomness),
            count("table_elements", self.table_elements),
            count("memories", self.memories),
            count("instances", self.instances),
            count("log_lines", self.log_lines),
            count("progress", self.progress),
        ]
    }

    /// Returns those limits that are above `usual`, each after the usual one.
    pub fn above(&self, usual: &Self) -> Vec<(LimitField, LimitField)> {
        let pairs = usual.fields().into_iter().zip(self.fields());
        pairs
            .filter(|(usual, asked)| asked.value > usual.value)
            .collect()
    }
}
