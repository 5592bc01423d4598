//! What the demo calls skills with, and what it has to hear back: a demo that shows a failure like anything else would
//! show nothing.

use serde_json::{Value, json};

use crate::report::Failure;

/// Calls worth showing, for the skills of the samples.
const CALLS: &[(&str, &str)] = &[
    ("translate", r#"{"text": "Good morning!", "to_lang": "ja"}"#),
    ("word-count", r#"{"text": "one two\nthree"}"#),
    (
        "transform",
        r#"{"text": "{\"items\": [{\"name\": \"pen\", \"price\": 2}, {\"name\": \"lamp\", \"price\": 40}]}", "path": "$.items[?price > 10].{name,price}", "to": "csv"}"#,
    ),
    (
        "between",
        r#"{"start": "2026-03-01T12:00", "end": "2026-03-03T13:30"}"#,
    ),
    (
        "checksum",
        r#"{"text": "The quick brown fox jumps over the lazy dog"}"#,
    ),
];

/// Returns the calls worth showing of these skills.
pub(super) fn shown(names: &[String]) -> Vec<&'static str> {
    CALLS
        .iter()
        .map(|(skill, _)| *skill)
        .filter(|skill| names.iter().any(|name| name == skill))
        .collect()
}

/// Returns the input of a call worth showing.
pub(super) fn input(skill: &str) -> Option<Value> {
    let (_, input) = CALLS.iter().find(|(name, _)| *name == skill)?;
    serde_json::from_str(input).ok()
}

/// Refuses a reply that is no answer. A skill that is none of the samples may say no to an input that was only guessed.
pub(super) fn answered(skill: &str, reply: &Value) -> Result<(), Failure> {
    let success = reply.get("success") == Some(&Value::Bool(true));
    let guessed = input(skill).is_none();
    if success && reply.get("result").is_some() {
        return Ok(());
    }
    if guessed && reply.get("error_code").is_some() {
        return Ok(());
    }
    Err(wrong(skill, "an answer", reply))
}

/// Refuses a reply that is not what a caller hears whose input is wrong.
pub(super) fn invalid(skill: &str, reply: &Value) -> Result<(), Failure> {
    let failed = reply.get("success") == Some(&Value::Bool(false));
    if failed && reply.get("error_code") == Some(&json!("INVALID_INPUT")) {
        return Ok(());
    }
    Err(wrong(skill, "INVALID_INPUT", reply))
}

/// Refuses a reply that says anything but that there is no such skill: a word more would tell that there is one.
pub(super) fn unknown(skill: &str, reply: &Value) -> Result<(), Failure> {
    let refusal = json!({ "success": false, "error": format!("Unknown skill: {skill}") });
    if *reply == refusal {
        return Ok(());
    }
    Err(wrong(skill, &refusal.to_string(), reply))
}

fn wrong(skill: &str, wanted: &str, reply: &Value) -> Failure {
    unexpected(
        format!("the call of {skill} was not answered as it has to be"),
        format!("wanted {wanted}, and heard {reply}"),
    )
}

/// The demonstration showed something else than it promises.
pub(super) fn unexpected(what: String, cause: String) -> Failure {
    Failure::failed(what)
        .cause(cause)
        .hint("run the demo again; if it fails again, tell the maintainers what it said")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_promised_passes() {
        let ok = json!({"success": true, "result": {"words": 3}});
        let refused = json!({"success": false, "error": "Unknown skill: word-count"});
        let bad = json!({"success": false, "error": "input: …", "error_code": "INVALID_INPUT"});
        let told =
            json!({"success": false, "error": "Unknown skill: word-count", "error_code": "HIDDEN"});
        assert!(answered("word-count", &ok).is_ok());
        assert!(answered("of-somebody", &bad).is_ok());
        assert!(answered("of-somebody", &refused).is_err());
        assert!(unknown("word-count", &refused).is_ok());
        assert!(invalid("word-count", &bad).is_ok());
        for reply in [
            &refused,
            &bad,
            &told,
            &Value::Null,
            &json!({"success": true}),
        ] {
            assert!(answered("word-count", reply).is_err(), "{reply}");
        }
        for reply in [&ok, &bad, &told, &Value::Null] {
            assert!(unknown("word-count", reply).is_err(), "{reply}");
        }
        assert!(unknown("other", &refused).is_err());
        for reply in [&ok, &refused, &told, &Value::Null] {
            assert!(invalid("word-count", reply).is_err(), "{reply}");
        }
    }

    #[test]
    fn every_example_is_json() {
        for (skill, _) in CALLS {
            assert!(
                input(skill).is_some_and(|input| input.is_object()),
                "{skill}"
            );
        }
        assert_eq!(input("none"), None);
    }
}
