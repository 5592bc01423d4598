//! The limits of calls: what they are if nobody says otherwise, and how far the owner of a skill may raise them.

use coworker_core::{Bytes, Limits, Span};
use serde::{Deserialize, Serialize};

/// `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// What a call may use unless its skill says otherwise.
    pub default: Limits,
    /// The most that a skill may be set to.
    #[serde(deserialize_with = "CeilingDef::deserialize")]
    pub ceiling: Limits,
}

/// A limit is set above its ceiling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{key}` is {asked}, above the ceiling of {ceiling}")]
pub struct AboveCeiling {
    /// Which limit.
    pub key: &'static str,
    /// What it is set to.
    pub asked: String,
    /// The most it may be.
    pub ceiling: String,
}

impl LimitsConfig {
    /// Returns the limits if none is above its ceiling, else the first that is.
    pub fn check(&self, limits: &Limits) -> Result<Limits, AboveCeiling> {
        match limits_above(limits, &self.ceiling) {
            Some(error) => Err(error),
            None => Ok(*limits),
        }
    }

    /// Returns the limits, each lowered to its ceiling where it is above.
    pub fn clamp(&self, limits: &Limits) -> Limits {
        let ceiling = &self.ceiling;
        Limits {
            memory: limits.memory.min(ceiling.memory),
            cpu: limits.cpu.min(ceiling.cpu),
            wall: limits.wall.min(ceiling.wall),
            input: limits.input.min(ceiling.input),
            output: limits.output.min(ceiling.output),
            host_bytes: limits.host_bytes.min(ceiling.host_bytes),
            host_calls: limits.host_calls.min(ceiling.host_calls),
            model_calls: limits.model_calls.min(ceiling.model_calls),
            handles: limits.handles.min(ceiling.handles),
            randomness: limits.randomness.min(ceiling.randomness),
            table_elements: limits.table_elements.min(ceiling.table_elements),
            memories: limits.memories.min(ceiling.memories),
            instances: limits.instances.min(ceiling.instances),
            log_lines: limits.log_lines.min(ceiling.log_lines),
            progress: limits.progress.min(ceiling.progress),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            default: Limits::default(),
            ceiling: ceiling(),
        }
    }
}

/// The ceilings if nobody says otherwise: what one call may use on a small machine without its owner noticing.
/// Input and output stay below what transports carry.
fn ceiling() -> Limits {
    Limits {
        memory: Bytes::mib(1_024),
        cpu: Span::secs(60),
        wall: Span::secs(600),
        input: Bytes::kib(768),
        output: Bytes::kib(768),
        host_bytes: Bytes::mib(64),
        host_calls: 1_000_000,
        model_calls: 64,
        handles: 10_000,
        randomness: Bytes::mib(1),
        table_elements: 1_000_000,
        memories: 64,
        instances: 256,
        log_lines: 10_000,
        progress: 1_000,
    }
}

/// How ceilings are read: a key that is absent keeps the ceiling's default, not the limit's.
#[derive(Deserialize)]
#[serde(remote = "Limits", default = "ceiling", deny_unknown_fields)]
struct CeilingDef {
    memory: Bytes,
    cpu: Span,
    wall: Span,
    input: Bytes,
    output: Bytes,
    host_bytes: Bytes,
    host_calls: u32,
    model_calls: u32,
    handles: u32,
    randomness: Bytes,
    table_elements: u32,
    memories: u32,
    instances: u32,
    log_lines: u32,
    progress: u32,
}

fn limits_above(limits: &Limits, ceiling: &Limits) -> Option<AboveCeiling> {
    fn above<T: Ord + ToString>(key: &'static str, asked: T, ceiling: T) -> Option<AboveCeiling> {
        (asked > ceiling).then(|| AboveCeiling {
            key,
            asked: asked.to_string(),
            ceiling: ceiling.to_string(),
        })
    }
    let c = ceiling;
    above("memory", limits.memory, c.memory)
        .or_else(|| above("cpu", limits.cpu, c.cpu))
        .or_else(|| above("wall", limits.wall, c.wall))
        .or_else(|| above("input", limits.input, c.input))
        .or_else(|| above("output", limits.output, c.output))
        .or_else(|| above("host_bytes", limits.host_bytes, c.host_bytes))
        .or_else(|| above("host_calls", limits.host_calls, c.host_calls))
        .or_else(|| above("model_calls", limits.model_calls, c.model_calls))
        .or_else(|| above("handles", limits.handles, c.handles))
        .or_else(|| above("randomness", limits.randomness, c.randomness))
        .or_else(|| above("table_elements", limits.table_elements, c.table_elements))
        .or_else(|| above("memories", limits.memories, c.memories))
        .or_else(|| above("instances", limits.instances, c.instances))
        .or_else(|| above("log_lines", limits.log_lines, c.log_lines))
        .or_else(|| above("progress", limits.progress, c.progress))
}
