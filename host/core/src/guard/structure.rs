//! Structure taken off: the strings of documents and the fields of lines, wherever they stand in a text. A document is read as
//! far as it goes: one that breaks off is read as if it ended there, or a stream would hand out what only its end gives away.

mod columns;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::print::GRAM;

pub(super) use columns::{columns, elements};

/// So many quotes make a text worth a look.
const QUOTES: usize = 6;
/// A string among other text that is longer is recognised where it stands.
const LONG: usize = 96;
/// A key that comes so often has a column of its own …
const OFTEN: usize = 3;
/// … but no more than so many keys have, of so many that are counted.
const COLUMNS: usize = 5;
const COUNTED: usize = 256;

/// The strings of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Strings {
    /// The values, one after another.
    pub(super) values: String,
    /// The keys, their values, and both as they stand: what somebody hides in one of them stands in a row in one of these.
    pub(super) columns: Vec<String>,
    /// Whether there is but one value, so that nothing stands in it that is not of it: whoever read the document read that.
    pub(super) is_read: bool,
}

/// Returns whether a text is one JSON document, or several in a row, as far as it goes.
pub(super) fn is_document(text: &str) -> bool {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return false;
    }
    serde_json::Deserializer::from_str(text)
        .into_iter::<IgnoredAny>()
        .all(|document| match document {
            Ok(_) => true,
            Err(error) => error.is_eof(),
        })
}

/// Returns the strings of a text that is a document, also those of keys that come twice, of which readers of JSON know only
/// the last.
pub(super) fn strings(text: &str) -> Strings {
    let pieces = split(text, b'"');
    let mut rows = Rows::default();
    rows.take(&pieces, true, usize::MAX);
    rows.finish(text)
}

/// Returns the strings of the documents that stand anywhere in a text, or nothing if there are hardly any. Which quote opens
/// and which one closes is not known: both are tried.
pub(super) fn quoted(text: &str) -> Option<Strings> {
    let mut rows = Rows::default();
    for quote in [b'"', b'\'', b'`'] {
        if !is_used(text, quote) {
            continue;
        }
        let pieces = split(text, quote);
        rows.take(&pieces, true, LONG);
        rows.take(&pieces, false, LONG);
    }
    let strings = rows.finish(text);
    let is_any = strings.values.len() > GRAM || !strings.columns.is_empty();
    is_any.then_some(strings)
}

/// Returns whether a mark quotes in a text. An apostrophe does where what follows it belongs to a document.
fn is_used(text: &str, quote: u8) -> bool {
    let bytes = text.as_bytes();
    let marks = bytes.iter().enumerate().filter(|(at, byte)| {
        **byte == quote
            && (quote == b'"'
                || bytes
                    .get(at + 1)
                    .is_none_or(|next| b",:]})=;> \n".contains(next)))
    });
    marks.take(QUOTES).count() == QUOTES
}

/// Returns what stands between quotes that nothing escapes.
fn split(text: &str, quote: u8) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        if byte == quote && !escaped {
            pieces.push(text.get(from..at).unwrap_or_default());
            from = at + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    pieces.push(text.get(from..).unwrap_or_default());
    pieces
}

/// Strings in the making.
#[derive(Default)]
struct Rows<'t> {
    values: String,
    keys: String,
    all: String,
    columns: BTreeMap<&'t str, Column>,
    /// How long the keys are that differ.
    bytes_of_keys: usize,
    count: usize,
}

#[derive(Default)]
struct Column {
    text: String,
    count: usize,
}

fn put(out: &mut String, piece: &str) {
    out.push_str(piece);
    out.push('\n');
}

impl<'t> Rows<'t> {
    /// Takes every other piece that is not too long: those within quotes if each quote opens or closes as it seems to, else those
    /// between.
    fn take(&mut self, pieces: &[&'t str], sound: bool, most: usize) {
        let mut key = "";
        for at in (usize::from(sound)..pieces.len()).step_by(2) {
            let piece = pieces.get(at).copied().unwrap_or_default();
            if piece.len() > most || !sound && !piece.contains(char::is_alphanumeric) {
                continue;
            }
            let before = at.checked_sub(1).and_then(|at| pieces.get(at).copied());
            key = before.and_then(name).unwrap_or(key);
            let after = pieces.get(at + 1).copied().unwrap_or_default();
            put(&mut self.all, piece);
            if after.trim_start().starts_with([':', '=']) {
                key = piece;
                put(&mut self.keys, piece);
                if self.column(piece).is_some_and(|column| column.count == 0) {
                    self.bytes_of_keys += piece.len();
                }
                continue;
            }
            self.field(key, piece);
        }
    }

    /// Takes a value.
    fn field(&mut self, key: &'t str, value: &str) {
        self.count += 1;
        put(&mut self.values, value);
        if let Some(column) = self.column(key) {
            column.count += 1;
            put(&mut column.text, value);
        }
    }

    fn column(&mut self, key: &'t str) -> Option<&mut Column> {
        if self.columns.len() >= COUNTED && !self.columns.contains_key(key) {
            return None;
        }
        Some(self.columns.entry(key).or_default())
    }

    fn finish(self, text: &str) -> Strings {
        let mut columns = Vec::new();
        let is_worth = |text: &String| text.len() >= 2 * GRAM;
        // Lists of things have the same keys again and again.
        if self.bytes_of_keys >= 2 * GRAM {
            columns.push(self.keys);
            // Where nothing but strings is, they stand in the text as they stand here.
            if ["\\", "null", "true", "false"]
                .iter()
                .any(|word| text.contains(word))
            {
                columns.push(self.all);
            }
        }
        let (mut often, seldom): (Vec<Column>, Vec<Column>) = self
            .columns
            .into_values()
            .partition(|column| column.count >= OFTEN);
        often.sort_by_key(|column| Reverse(column.text.len()));
        // A column that is nearly all there is tells nothing more.
        let first = often.first().map_or(0, |first| first.text.len());
        if first > 0 && first * 8 < self.values.len() * 7 {
            let rest: String = seldom.into_iter().map(|column| column.text).collect();
            let often = often.into_iter().take(COLUMNS).map(|column| column.text);
            columns.extend(often.chain([rest]).filter(is_worth));
        }
        Strings {
            values: self.values,
            columns,
            is_read: self.count < 2,
        }
    }
}

/// Returns the name that what stands before a quote gives to what it quotes: `word = `, `<w t=`, `word: `.
fn name(before: &str) -> Option<&str> {
    let before = before.trim_end().trim_end_matches('>').trim_end();
    let before = before
        .strip_suffix([':', '='])?
        .trim_end_matches([':', '='])
        .trim_end();
    let start = before
        .char_indices()
        .rev()
        .take(64)
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-'))
        .last()?
        .0;
    before.get(start..)
}

#[cfg(test)]
mod tests;
