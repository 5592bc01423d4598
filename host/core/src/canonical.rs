//! Canonical JSON as Python writes it, and the hashes that peers compute over it. Nothing here is a proof of anything:
//! the hashes only tell a peer whether its copy of a card is still the same.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Returns what Python's `json.dumps(value, sort_keys=True)` returns.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, ", ", ": ");
    out
}

/// Returns the hash of the parts of a card that a caller relies on: name, version, minimum tier and type words.
/// A missing version counts as the empty text.
pub fn schema_hash(card: &Value) -> String {
    let part = |key: &str| card.get(key).cloned();
    let empty = || Value::Object(Map::new());
    let fields = Map::from_iter([
        (
            "input_schema".to_owned(),
            part("input_schema").unwrap_or_else(empty),
        ),
        (
            "min_trust_tier".to_owned(),
            part("min_trust_tier").unwrap_or(Value::from(1)),
        ),
        ("name".to_owned(), part("name").unwrap_or_default()),
        (
            "output_schema".to_owned(),
            part("output_schema").unwrap_or_else(empty),
        ),
        (
            "version".to_owned(),
            part("version").unwrap_or(Value::from("")),
        ),
    ]);
    short_hash(&Value::Object(fields))
}

/// Returns the hash of a list of summaries (`name`, `schema_hash`, and `version` and `when_to_use` where there are).
pub fn card_hash(summaries: &[Value]) -> String {
    list_hash(summaries)
}

/// Returns the hash of a list of whole cards, which peers keep beside the list to ask whether it changed.
pub fn connect_cache_hash(skills: &[Value]) -> String {
    list_hash(skills)
}

fn list_hash(items: &[Value]) -> String {
    hash_items(items.iter())
}

/// Returns the hash of a list whose items are lent.
pub(crate) fn hash_items<'a>(items: impl Iterator<Item = &'a Value>) -> String {
    let mut out = String::from("[");
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        write_value(&mut out, item, ", ", ": ");
    }
    out.push(']');
    short(&out)
}

fn short_hash(value: &Value) -> String {
    short(&canonical(value))
}

fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .fold(String::new(), |mut out, byte| {
            // Writing into a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}

fn write_value(out: &mut String, value: &Value, comma: &str, colon: &str) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => write_float(out, float),
            None => {
                let _ = write!(out, "{number}");
            }
        },
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push_str(comma);
                }
                write_value(out, item, comma, colon);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // The order of UTF-8 bytes is the order of code points, which is Python's.
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (n, (key, item)) in fields.into_iter().enumerate() {
                if n > 0 {
                    out.push_str(comma);
                }
                write_text(out, key);
                out.push_str(colon);
                write_value(out, item, comma, colon);
            }
            out.push('}');
        }
    }
}

/// Writes the shortest digits that lead back, placed as Python's `repr` places them.
fn write_float(out: &mut String, float: f64) {
    let text = format!("{float:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = float.to_string();
        out.push_str(&plain);
        if !plain.contains('.') {
            out.push_str(".0");
        }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs());
    }
}

pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0_u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../tests/fixtures/hash-vectors.json"))
            .expect("the vectors are JSON")
    }

    #[test]
    fn schema_hashes_match_the_vectors() {
        let vectors = vectors();
        let rows = vectors["schema_hash"].as_array().expect("a list");
        assert!(rows.len() >= 6);
        for row in rows {
            assert_eq!(
                canonical(&row["fields"]),
                row["preimage"].as_str().expect("text")
            );
            assert_eq!(
                schema_hash(&row["fields"]),
                row["hash"].as_str().expect("text")
            );
        }
    }

    #[test]
    fn list_hashes_match_the_vectors() {
        let vectors = vectors();
        for family in ["card_hash", "connect_cache_hash"] {
            let rows = vectors[family].as_array().expect("a list");
            assert!(rows.len() >= 2);
            for row in rows {
                let skills = row["skills"].as_array().expect("a list");
                assert_eq!(
                    canonical(&row["skills"]),
                    row["preimage"].as_str().expect("text")
                );
                assert_eq!(card_hash(skills), row["hash"].as_str().expect("text"));
                assert_eq!(
                    connect_cache_hash(skills),
                    row["hash"].as_str().expect("text")
                );
            }
        }
    }

    #[test]
    fn absent_parts_hash_as_python_fills_them_in() {
        let whole = json!({"name": "x", "version": "", "input_schema": {}, "output_schema": {}, "min_trust_tier": 1});
        assert_eq!(schema_hash(&json!({"name": "x"})), schema_hash(&whole));
    }

    #[test]
    fn floats_read_as_python_repr() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
        ] {
            assert_eq!(canonical(&json!(float)), text);
        }
    }

    #[test]
    fn keys_sort_by_code_point() {
        // U+FF5E is above U+1F600 in UTF-16 units and below it in code points.
        assert_eq!(
            canonical(&json!({"\u{ff5e}": 1, "😀": 2, "b": 3, "B": 4})),
            r#"{"B": 4, "b": 3, "\uff5e": 1, "\ud83d\ude00": 2}"#
        );
    }
}
