//! Whether the items of an array differ. Each is written in one form, and the digests of these are compared: the time
//! grows with the size of the array alone. A table of hashes that a stranger can make collide would grow with its square.

use std::collections::HashSet;

use serde_json::Value;

use super::evaluate::pay;

/// How many bytes of an item's one form take a step of work.
const BYTES_STEP: u64 = 32;

/// Returns whether no item equals another, or nothing if that takes more work than is left.
pub(super) fn is_unique(items: &[Value], left: &mut u64) -> Option<bool> {
    let mut seen: HashSet<[u8; 16]> = HashSet::new();
    let mut form = Vec::new();
    for item in items {
        form.clear();
        write(item, &mut form);
        pay(left, 2 + form.len() as u64 / BYTES_STEP)?;
        let digest = blake3::hash(&form);
        let mut short = [0; 16];
        short.copy_from_slice(digest.as_bytes().get(..16)?);
        if !seen.insert(short) {
            return Some(false);
        }
    }
    Some(true)
}

/// Writes a value so that equal values, and no others, are equal bytes.
fn write(value: &Value, form: &mut Vec<u8>) {
    let length = |form: &mut Vec<u8>, length: usize| {
        form.extend_from_slice(&(length as u64).to_le_bytes());
    };
    match value {
        Value::Null => form.push(b'n'),
        Value::Bool(is) => form.extend_from_slice(&[b'b', u8::from(*is)]),
        Value::Number(number) => {
            // A float without a fraction is the same number as the integer.
            let whole = number.as_f64().filter(|float| {
                number.is_f64()
                    && float.fract() == 0.0
                    && float.abs() < 18_446_744_073_709_551_616.0
            });
            let whole = whole.map(|float| float as i128);
            let whole = whole.or_else(|| number.as_i64().map(i128::from));
            match whole.or_else(|| number.as_u64().map(i128::from)) {
                Some(whole) => {
                    form.push(b'i');
                    form.extend_from_slice(&whole.to_le_bytes());
                }
                None => {
                    form.push(b'f');
                    let float = number.as_f64().unwrap_or_default();
                    form.extend_from_slice(&float.to_bits().to_le_bytes());
                }
            }
        }
        Value::String(text) => {
            form.push(b's');
            length(form, text.len());
            form.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            form.push(b'a');
            length(form, items.len());
            for item in items {
                write(item, form);
            }
        }
        Value::Object(map) => {
            form.push(b'o');
            length(form, map.len());
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in members {
                length(form, key.len());
                form.extend_from_slice(key.as_bytes());
                write(value, form);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(items: Value, expected: bool) {
        let items = items.as_array().expect("an array");
        assert_eq!(
            is_unique(items, &mut 1_000_000),
            Some(expected),
            "{items:?}"
        );
    }

    #[test]
    fn equal_items_are_found_however_they_are_written() {
        check(json!([]), true);
        check(
            json!([1, 2, "1", [1], {"1": 1}, null, true, false, 1.5]),
            true,
        );
        check(json!([1, 1.0]), false);
        check(json!([0, -0.0]), false);
        check(json!([u64::MAX, 18_446_744_073_709_551_615.0]), true);
        check(json!([i64::MAX, i64::MAX - 1]), true);
        check(json!([1e300, 1e300]), false);
        check(json!([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]), false);
        check(json!([[["a"], "b"], ["a", ["b"]], [[], []], [[[]]]]), true);
        check(json!(["ab", "a", "b", ""]), true);
    }

    #[test]
    fn work_is_paid_for() {
        let items = vec![json!("x".repeat(100_000)); 2];
        assert_eq!(is_unique(&items, &mut 1_000), None);
        assert_eq!(is_unique(&items, &mut 10_000), Some(false));
    }
}
