//! Takes copies of private texts out of a text and leaves the rest. What is disguised as a whole cannot be taken out: then
//! there is nothing to pass on.

use serde_json::Value;

use super::fold::{Look, alike, plain};
use super::index::Index;
use super::scan::runs;

/// What stands where something was taken out.
const GAP: &str = "[…]";

impl Index {
    /// Returns the text without every part that agrees with a private text for as long as a fingerprint. Whoever uses it
    /// inspects the result again: what cannot be taken out is still there.
    pub fn redact(&self, text: &str) -> String {
        match serde_json::from_str::<Value>(text) {
            Ok(mut document @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
                self.redact_value(&mut document);
                document.to_string()
            }
            _ => self.redact_plain(text),
        }
    }

    fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact_plain(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.redact_value(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn redact_plain(&self, text: &str) -> String {
        let (mut codes, mut places) = (Vec::new(), Vec::new());
        plain(text, Look::Alike, |at, code| {
            codes.push(alike(code));
            places.push(at);
        });
        let mut spans: Vec<(usize, usize)> = runs(self, &codes, &mut 0)
            .iter()
            .filter_map(|run| {
                let first = *places.get(run.from)?;
                let last = *places.get(run.from + run.len - 1)?;
                let width = text.get(last..)?.chars().next()?.len_utf8();
                Some((first, last + width))
            })
            .collect();
        spans.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (start, end) in spans {
            if end <= at {
                continue;
            }
            if start >= at {
                out.push_str(text.get(at..start).unwrap_or_default());
                out.push_str(GAP);
            }
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}
