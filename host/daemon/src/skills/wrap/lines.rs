//! Looks for lines of private texts in cards. It knows nothing of how cards are made, and compares what it finds there
//! with what must not be there.

use coworker_core::guard::published;
use coworker_core::{Manifest, SKILL_SLOT};
use serde::Serialize;
use serde_json::Value;

use super::super::package::Package;

/// From how many characters on a line says something of its own: `---` and `## Steps` stand in every file.
const LEAST: usize = 12;
/// From how many characters on a line that its author published as well is worth a word: a title often is.
const REPEATED: usize = 40;

/// A line of a private text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineRow {
    /// The slot of the text.
    pub slot: String,
    /// The line: of SKILL.md as a whole, of another text counted from its own first.
    pub line: usize,
}

/// Lines of private texts that a card shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// Those that nobody published.
    pub(super) leaks: Vec<LineRow>,
    /// Those that the author published himself, above the text.
    pub(super) repeats: Vec<LineRow>,
}

/// Returns the lines of the private texts that nobody published and that the cards of these skills show.
pub(in crate::skills) fn private_in_cards(
    package: &Package,
    manifests: &[Manifest],
) -> Vec<LineRow> {
    // Most skills have none, and a host that starts looks at all of them.
    if package.texts.is_none() {
        return Vec::new();
    }
    let cards = manifests
        .iter()
        .map(|manifest| Value::from(published(manifest)));
    shown(package, &cards.collect::<Vec<_>>()).leaks
}

/// Looks for every line of the private texts in what the cards say.
pub(super) fn shown(package: &Package, cards: &[Value]) -> Shown {
    let mut said = Vec::new();
    cards.iter().for_each(|card| strings(card, &mut said));
    // A skill without a name is called as its folder is, and so are many titles.
    let published = [plain(&package.front.0), plain(&package.called)];
    let mut shown = Shown::default();
    let texts = package.texts.iter().flat_map(|texts| texts.slots());
    for (slot, held) in texts {
        let first = if slot == SKILL_SLOT {
            package.front.1
        } else {
            1
        };
        for (n, line) in held.text.reveal().lines().enumerate() {
            let line = plain(line);
            if line.chars().count() < LEAST || !said.iter().any(|text| text.contains(&line)) {
                continue;
            }
            let row = LineRow {
                slot: slot.to_owned(),
                line: first + n,
            };
            if published.iter().any(|text| text.contains(&line)) {
                if line.chars().count() > REPEATED {
                    shown.repeats.push(row);
                }
            } else {
                shown.leaks.push(row);
            }
        }
    }
    shown
}

/// Collects every text of a value, keys too.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(plain(text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(map) => {
            for (key, value) in map {
                found.push(plain(key));
                strings(value, found);
            }
        }
        _ => {}
    }
}

/// Returns a text without the marks of its layout: letters and digits of any script, in lower case, with single spaces.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if !plain.ends_with(' ') && !plain.is_empty() {
            plain.push(' ');
        }
    }
    plain.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::skills::package::Raw;

    use super::*;

    fn look(front: &str, body: &str, card: &Value) -> (usize, usize) {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(
            dir.path().join("SKILL.md"),
            format!("---\n{front}\n---\n{body}"),
        )
        .expect("written");
        let folder = crate::skills::files::open_folder(rustix::fs::CWD, dir.path())
            .ok()
            .expect("a folder");
        let raw = Raw::of_folder(&folder, coworker_core::Body::Model)
            .ok()
            .expect("read");
        let package = raw.understand("household-secrets").expect("understood");
        let shown = shown(&package, std::slice::from_ref(card));
        (shown.leaks.len(), shown.repeats.len())
    }

    #[test]
    fn a_line_in_a_card_is_found_in_any_layout() {
        let body = "# Steps\n\n- Ask for the **secret word** first.\n- ok\n";
        for card in [
            json!({"description": "Do it. Ask for the secret word first."}),
            json!({"ext": {"input": {"ASK FOR THE SECRET\nWORD, FIRST": {}}}}),
            json!([["> 1. Ask for the `secret` word first"]]),
        ] {
            assert_eq!(look("name: x", body, &card), (1, 0), "{card}");
        }
        assert_eq!(
            look("name: x", body, &json!({"description": "Steps, ok"})),
            (0, 0)
        );
        let named = json!({"name": "household-secrets"});
        assert_eq!(look("", "# Household secrets\n", &named), (0, 0));
        assert_eq!(
            look(
                "",
                "# Household secrets of all\n",
                &json!("household secrets of all")
            ),
            (1, 0)
        );
        let long = "Ask for the secret word first, and then for the number of the house";
        let said = json!({ "description": long });
        assert_eq!(look(&format!("description: {long}"), long, &said), (0, 1));
        assert_eq!(look("name: x", long, &said), (1, 0));
    }
}
