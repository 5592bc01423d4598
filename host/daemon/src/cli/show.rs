//! Values of answers as people read them: one line, printable, a dash for what is not known.

use coworker_core::Timestamp;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use super::ui::Ui;
use crate::report::printable;

/// Returns the text of a value.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(items)
            if items
                .iter()
                .all(|item| !item.is_object() && !item.is_array()) =>
        {
            let texts: Vec<String> = items.iter().map(plain).collect();
            texts.join(", ")
        }
        other => printable(&other.to_string()),
    }
}

/// Returns the text under a key, or a dash.
pub(super) fn text(row: &Value, key: &str) -> String {
    row.get(key).map_or_else(|| "-".to_owned(), plain)
}

/// Returns the text under a key cut at `most` characters, for a table.
pub(super) fn short(row: &Value, key: &str, most: usize) -> String {
    cut(&text(row, key), most)
}

/// Returns `text` cut at `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Returns whether a key is there and not null.
pub(super) fn has(row: &Value, key: &str) -> bool {
    row.get(key).is_some_and(|value| !value.is_null())
}

/// Returns the items under a key.
pub(super) fn list<'v>(row: &'v Value, key: &str) -> &'v [Value] {
    row.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the rows of an answer that is a list.
pub(super) fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Prints what the authors of skills should look at, below a list of them.
pub(super) fn warnings(ui: &Ui, rows: &[Value]) {
    for row in rows {
        let name = if has(row, "name") {
            text(row, "name")
        } else {
            text(row, "file")
        };
        for warning in list(row, "warnings") {
            ui.line(&format!("{name}: to look at: {}", plain(warning)));
        }
    }
}

/// Returns the point in time under a key, in UTC.
pub(super) fn at(row: &Value, key: &str) -> String {
    row.get(key)
        .and_then(Value::as_i64)
        .map_or_else(|| "-".to_owned(), |micros| moment(Timestamp(micros)))
}

fn moment(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000_000))
        .ok()
        .and_then(|at| {
            at.format(format_description!(
                "[year]-[month]-[day] [hour]:[minute]:[second]Z"
            ))
            .ok()
        })
        .unwrap_or_else(|| "-".to_owned())
}

/// Returns the milliseconds under a key, with a unit.
pub(super) fn took(row: &Value, key: &str) -> String {
    match row.get(key).and_then(Value::as_f64) {
        Some(ms) if ms >= 1_000.0 => format!("{:.1} s", ms / 1_000.0),
        Some(ms) => format!("{ms:.1} ms"),
        None => "-".to_owned(),
    }
}

/// Returns how to call a peer: the owner's name for it, else its own claim in quotes.
pub(super) fn called(row: &Value) -> String {
    if has(row, "name") {
        return text(row, "name");
    }
    match row.get("claimed_name").and_then(Value::as_str) {
        Some(claim) => format!("\"{}\"", cut(&printable(claim), 40)),
        None => "-".to_owned(),
    }
}

/// Returns a digest or peer id short enough for a table; still enough of it to be told apart.
pub(super) fn id(row: &Value, key: &str) -> String {
    cut(&text(row, key), 22)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_one_printable_line() {
        let row = json!({"a": "x\ny", "b": null, "c": ["p", 1], "t": 1_700_000_000_000_000_i64, "ms": 1500.0,
            "claimed_name": "eve\u{202e}"});
        assert_eq!(text(&row, "a"), "x\\ny");
        assert_eq!(text(&row, "b"), "-");
        assert_eq!(text(&row, "c"), "p, 1");
        assert_eq!(text(&row, "none"), "-");
        assert_eq!(at(&row, "t"), "2023-11-14 22:13:20Z");
        assert_eq!(took(&row, "ms"), "1.5 s");
        assert_eq!(called(&row), "\"eve\\u{202e}\"");
        assert_eq!(short(&json!({"d": "abcdef"}), "d", 4), "abc…");
    }
}
