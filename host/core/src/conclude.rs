//! The result of a run as a message: what leaves is the re-serialised parse of what the guest wrote, and only if it
//! keeps the published schema.

use std::time::Duration;

use serde_json::Value;

use crate::json::{MAX_DEPTH, text_depth};
use crate::{Entry, Message, Refusal};

/// Returns the answer that carries `output`, or the refusal if it is not JSON, too large, nested too deep, or breaks
/// the output schema. `duration` is told where it is given, in milliseconds with one decimal.
pub fn conclude(
    entry: &Entry,
    output: &str,
    duration: Option<Duration>,
) -> Result<Message, Refusal> {
    let max = entry.limits.output.len();
    if output.len() > max || text_depth(output) > MAX_OUTPUT_DEPTH {
        return Err(Refusal::OutputRejected);
    }
    let result: Value = serde_json::from_str(output).map_err(|_| Refusal::OutputRejected)?;
    // Only numbers grow when written again, `1e15` to 18 bytes: most outputs need no second look.
    if output.len() > max / 5 && result.to_string().len() > max {
        return Err(Refusal::OutputRejected);
    }
    entry
        .output
        .check(&result)
        .map_err(|_| Refusal::OutputRejected)?;
    Ok(Message::TaskResponse {
        result,
        duration_ms: duration.map(|time| (time.as_secs_f64() * 10_000.0).round() / 10.0),
    })
}

/// The deepest output: it travels two levels down in an envelope that its reader bounds.
const MAX_OUTPUT_DEPTH: u32 = MAX_DEPTH - 4;
