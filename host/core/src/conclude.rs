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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Bytes, Digest, Grants, Limits, Manifest, Tier};

    fn entry(output: Value, max: u64) -> Entry {
        let manifest = Manifest {
            name: "a".parse().expect("a name"),
            version: None,
            description: String::new(),
            when_to_use: None,
            category: None,
            input: json!(true),
            output,
            min_tier: Tier::Known,
        };
        let limits = Limits {
            output: Bytes(max),
            ..Limits::default()
        };
        Entry::new(manifest, Digest::of(b"x"), Grants::default(), limits).expect("good schemas")
    }

    #[test]
    fn what_leaves_is_the_parse() {
        let entry = entry(json!({"type": "object"}), 1_000);
        let out = conclude(&entry, " {\"a\" : 1, \"a\": 2} ", None).expect("good output");
        assert_eq!(out.payload(), json!({"success": true, "result": {"a": 2}}));
        let out = conclude(&entry, "{}", Some(Duration::from_micros(5_749))).expect("good output");
        assert_eq!(
            out.payload(),
            json!({"success": true, "result": {}, "duration_ms": 5.7})
        );
    }

    #[test]
    fn what_breaks_a_rule_is_rejected_without_saying_which() {
        let entry = entry(json!({"type": "array"}), 200);
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let large = format!("[\"{}\"]", "x".repeat(200));
        let grows = format!("[{}1e15]", "1e15,".repeat(20));
        for output in [
            "",
            "{}",
            "[NaN]",
            "[1,]",
            "[] []",
            "[\"\\ud800\"]",
            &deep,
            &large,
            &grows,
            "[1e999]",
        ] {
            assert_eq!(
                conclude(&entry, output, None),
                Err(Refusal::OutputRejected),
                "{output}"
            );
        }
    }

    proptest! {
        #[test]
        fn outputs_never_exceed_their_limit(
            numbers in proptest::collection::vec(proptest::num::f64::NORMAL, 0..20), max in 2_u64..200
        ) {
            let entry = entry(json!(true), max);
            let short: Vec<_> = numbers.iter().map(|n| format!("{n:e}")).collect();
            if let Ok(message) = conclude(&entry, &format!("[{}]", short.join(",")), None) {
                prop_assert!(message.payload()["result"].to_string().len() as u64 <= max);
            }
        }
    }
}
