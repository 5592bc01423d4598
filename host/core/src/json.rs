//! Lenient reading of JSON from strangers: what other implementations really put on the wire becomes a plain value.
//! It refuses what is not UTF-8, not JSON in any reading, or nested too deep; it never panics.

use std::borrow::Cow;

use serde_json::Value;

/// The deepest nesting that any reader here accepts: the parser's own recursion ends a little later.
pub const MAX_DEPTH: u32 = 120;

/// Why bytes are no JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that fits nowhere.
        at: usize,
    },
    /// Arrays and objects are nested too deep.
    #[error("nested deeper than {max} levels")]
    TooDeep {
        /// The allowed depth.
        max: u32,
    },
    /// The text is not JSON, even read leniently.
    #[error("not JSON: line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
}

/// Reads one JSON value. `NaN`, infinities and numbers beyond every float become null, a lone surrogate becomes
/// U+FFFD, the last of equal keys wins, an integer beyond 64 bits becomes a float, and a byte order mark is skipped.
pub fn read_lenient(bytes: &[u8], max_depth: u32) -> Result<Value, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| ReadError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    let max = max_depth.min(MAX_DEPTH);
    if text_depth(text) > max {
        return Err(ReadError::TooDeep { max });
    }
    // Nearly every text is plain JSON: it pays for the repair only if it fails.
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) => match repair(text) {
            Cow::Borrowed(_) => Err(not_json(&error)),
            Cow::Owned(repaired) => serde_json::from_str(&repaired).map_err(|_| not_json(&error)),
        },
    }
}

/// Returns how deep arrays and objects are nested in a value; a scalar has depth 0.
pub fn depth(value: &Value) -> u32 {
    // Values come from readers that bound the nesting, so that the recursion is bounded too.
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns the deepest nesting of brackets outside strings.
pub(crate) fn text_depth(text: &str) -> u32 {
    let (mut depth, mut deepest) = (0_u32, 0_u32);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

fn not_json(error: &serde_json::Error) -> ReadError {
    ReadError::NotJson {
        line: error.line(),
        column: error.column(),
    }
}

/// Replaces the three words and the escapes that are no JSON, and numbers that no float holds.
fn repair(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    let mut put = |from: usize, to: usize, with: &str| {
        out.push_str(text.get(kept..from).unwrap_or_default());
        out.push_str(with);
        kept = to;
    };
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.as_bytes().first().copied().unwrap_or(0);
        if first == b'"' {
            at = repair_string(text, at + 1, &mut put);
        } else if let Some(word) = ["NaN", "Infinity", "-Infinity"]
            .into_iter()
            .find(|word| rest.starts_with(word))
        {
            put(at, at + word.len(), "null");
            at += word.len();
        } else if first == b'-' || first.is_ascii_digit() {
            let len = number_len(rest);
            let number = rest.get(..len).unwrap_or_default();
            if serde_json::from_str::<Value>(number).is_err()
                && number.parse::<f64>().is_ok_and(f64::is_infinite)
            {
                put(at, at + len, "null");
            }
            at += len;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

fn number_len(text: &str) -> usize {
    text.bytes()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count()
        .max(1)
}

/// Repairs one string from just behind its opening quote and returns where the text goes on.
fn repair_string(text: &str, mut at: usize, put: &mut impl FnMut(usize, usize, &str)) -> usize {
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => match unit(bytes, at) {
                Some(0xD800..=0xDBFF) if matches!(unit(bytes, at + 6), Some(0xDC00..=0xDFFF)) => {
                    at += 12;
                }
                Some(0xD800..=0xDFFF) => {
                    put(at, at + 6, "\\ufffd");
                    at += 6;
                }
                _ => at += 2,
            },
            _ => at += 1,
        }
    }
    at
}

/// Returns the UTF-16 unit of an escape at `at`: `\u` and four hexadecimal digits.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(read_lenient(text.as_bytes(), 16), Ok(expected), "{text}");
    }

    #[test]
    fn python_oddities_become_plain_values() {
        check(
            r#"{"a": NaN, "b": [Infinity, -Infinity], "NaN": "NaN -Infinity"}"#,
            json!({"a": null, "b": [null, null], "NaN": "NaN -Infinity"}),
        );
        check(
            r#"["\ud800", "x\uDC00y", "\ud83d\ude00"]"#,
            json!(["\u{fffd}", "x\u{fffd}y", "😀"]),
        );
        check(
            r#"["\ud800\u0041", "\\ud800", "\ud800\ud800\udc00"]"#,
            json!(["\u{fffd}A", "\\ud800", "\u{fffd}\u{10000}"]),
        );
        check(r#"{"a": 1, "b": 2, "a": 3}"#, json!({"a": 3, "b": 2}));
        check(
            "[18446744073709551615, -9223372036854775808]",
            json!([u64::MAX, i64::MIN]),
        );
        check("18446744073709551616", json!(18_446_744_073_709_551_616.0));
        check(
            &format!("[1e999, -1e999, 1{}, 1]", "0".repeat(400)),
            json!([null, null, null, 1]),
        );
        check("\u{feff}{\"a\": 1}", json!({"a": 1}));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "nan",
            "NaNN",
            "[NaN",
            "01",
            "'a'",
            "\"\\ud800",
            "\"\\x\"",
            "1 2",
            "-",
            "--1",
            "\"\u{1}\"",
        ] {
            assert!(
                matches!(
                    read_lenient(text.as_bytes(), 16),
                    Err(ReadError::NotJson { .. })
                ),
                "{text:?}"
            );
        }
        assert_eq!(
            read_lenient(b"\"\xff\"", 16),
            Err(ReadError::NotUtf8 { at: 1 })
        );
        assert!(
            read_lenient(b"\"\xed\xa0\x80\"", 16).is_err(),
            "a surrogate encoded as UTF-8"
        );
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read_lenient(nest(16).as_bytes(), 16).is_ok());
        assert_eq!(
            read_lenient(nest(17).as_bytes(), 16),
            Err(ReadError::TooDeep { max: 16 })
        );
        assert_eq!(
            read_lenient("[".repeat(1_000_000).as_bytes(), u32::MAX),
            Err(ReadError::TooDeep { max: MAX_DEPTH })
        );
        assert!(read_lenient(nest(MAX_DEPTH as usize).as_bytes(), u32::MAX).is_ok());
        check(
            r#"["[[[[[[[[[[[[[[[[[[[[[[[[\"[["]"#,
            json!(["[[[[[[[[[[[[[[[[[[[[[[[[\"[["]),
        );
        assert_eq!(depth(&json!({"a": [[], 1]})), 3);
        assert_eq!(depth(&json!("[")), 0);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read_lenient(&bytes, 16);
        }

        #[test]
        fn arbitrary_tokens_never_panic(
            tokens in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "d83d", "NaN", "-", "Infinity", "1e999",
                    "1", "é", "null", "\u{feff}", " ",
                ]),
                0..24,
            )
        ) {
            let text = tokens.concat();
            if let Ok(value) = read_lenient(text.as_bytes(), 16) {
                let written = value.to_string();
                prop_assert_eq!(read_lenient(written.as_bytes(), 16), Ok(value));
            }
        }
    }
}
