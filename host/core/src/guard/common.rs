//! What everybody knows, also where it stands in a private text: names that are learnt in rows, alphabets, notices of licences,
//! addresses of pages, and the shape of an example. An answer that says such a thing tells nothing of the text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::Value;

use super::canary;
use super::fold::{Look, codes as codes_of};
use super::print::{GRAM, each_gram};

/// Names that are learnt in rows, each row on a line.
const LISTS: &str = include_str!("common/lists.txt");
/// Texts that everybody may quote.
const TEXTS: [&str; 2] = [
    include_str!("common/licences.txt"),
    include_str!("common/phrases.txt"),
];

/// Which lists a word is in.
static WORDS: LazyLock<HashMap<Vec<u16>, Vec<usize>>> = LazyLock::new(|| {
    let mut words: HashMap<Vec<u16>, Vec<usize>> = HashMap::new();
    for (list, line) in LISTS.lines().enumerate() {
        for word in line.split_whitespace() {
            words
                .entry(codes_of(word, Look::Own))
                .or_default()
                .push(list);
        }
    }
    words
});

/// The pieces of the texts.
static PIECES: LazyLock<HashSet<u64>> = LazyLock::new(|| {
    let mut pieces = HashSet::new();
    for line in TEXTS.iter().flat_map(|text| text.split("\n\n")) {
        each_gram(&codes_of(line, Look::Alike), GRAM, |_, hash| {
            pieces.insert(hash);
        });
    }
    pieces
});

/// Returns which codes are of a text that everybody may quote, each piece by itself.
pub(super) fn each_known_piece(codes: &[u16], mut sink: impl FnMut(Range<usize>)) {
    each_gram(codes, GRAM, |end, hash| {
        if PIECES.contains(&hash) {
            sink(end - GRAM..end);
        }
    });
}

/// Returns which bytes of a text are what everybody knows.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    lists(text, &mut spans);
    alphabets(text, &mut spans);
    addresses(text, &mut spans);
    examples(text, &mut spans);
    spans
}

/// So many names of one list in a row are that list.
const NAMES: usize = 3;

/// Adds rows of names of one list, with at most one other word between two: `and`.
fn lists(text: &str, spans: &mut Vec<Range<usize>>) {
    // For each list that a row is of: where it starts, how many names it has, where the last one ends, and which word that is.
    let mut rows: HashMap<usize, (usize, usize, usize, usize)> = HashMap::new();
    for (number, word) in words(text).enumerate() {
        let code = codes_of(text.get(word.clone()).unwrap_or_default(), Look::Own);
        for list in WORDS.get(&code).into_iter().flatten() {
            let row = rows
                .entry(*list)
                .or_insert((word.start, 0, word.end, number));
            if number > row.3 + 2 {
                *row = (word.start, 0, word.end, number);
            }
            *row = (row.0, row.1 + 1, word.end, number);
            if row.1 >= NAMES {
                spans.push(row.0..word.end);
            }
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let inside = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(inside)?;
        let word = text.get(start..)?;
        at = start + word.find(|c| !inside(c)).unwrap_or(word.len());
        Some(start..at)
    })
}

/// So many letters that follow one another in the order of their script …
const LETTERS: usize = 8;
/// … of which so many differ, each so many places behind the one before at most, are an alphabet.
const DIFFERENT: usize = 6;
const STEP: i64 = 8;
/// Syllables of Hangul follow one another with so many between.
const HANGUL: i64 = 588;

fn alphabets(text: &str, spans: &mut Vec<Range<usize>>) {
    for direction in [1, -1] {
        let (mut start, mut end, mut count, mut different, mut last) = (0, 0, 0, 0, None);
        let letters = text.char_indices().filter(|(_, c)| c.is_alphanumeric());
        for (at, c) in letters.chain([(text.len(), '\0')]) {
            let value = i64::from(u32::from(c.to_lowercase().next().unwrap_or(c)));
            let step = last.map(|last: i64| (value - last) * direction);
            last = Some(value);
            let follows = |step: i64| {
                (0..=STEP).contains(&step) || step > 0 && step <= 4 * HANGUL && step % HANGUL == 0
            };
            if step.is_some_and(follows) {
                count += 1;
                different += usize::from(step != Some(0));
            } else {
                if count >= LETTERS && different >= DIFFERENT {
                    spans.push(start..end);
                }
                (start, count, different) = (at, 1, 1);
            }
            end = at + c.len_utf8();
        }
    }
}

/// Adds addresses of pages. One with a mark in it is a key, and one that names a user may be.
fn addresses(text: &str, spans: &mut Vec<Range<usize>>) {
    for scheme in ["http://", "https://", "www."] {
        for (at, _) in text.match_indices(scheme) {
            let rest = text.get(at..).unwrap_or_default();
            let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{}|\\?#".contains(c);
            let address = rest
                .get(..rest.find(ends).unwrap_or(rest.len()))
                .unwrap_or_default();
            if !address.contains('@') && !canary::has_mark(address) {
                spans.push(at..at + address.len());
            }
        }
    }
}

/// How many places of a text are tried as the start of an example.
const EXAMPLES: usize = 200;
/// A string that is longer says something of its own.
const SHORT: usize = 24;

/// Adds what examples of JSON are made of: keys, marks, numbers and words that stand alone. Sentences within them are no shape.
fn examples(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut at = 0;
    for _ in 0..EXAMPLES {
        let rest = text.get(at..).unwrap_or_default();
        let Some(start) = rest.find(['{', '[']).map(|found| at + found) else {
            break;
        };
        let mut values = serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default())
            .into_iter::<Value>();
        let is_example = matches!(values.next(), Some(Ok(_)));
        let end = start + if is_example { values.byte_offset() } else { 1 };
        if is_example {
            shape(text, start..end, spans);
        }
        at = end;
    }
    // Keys of examples that leave something out.
    for (end, _) in text.match_indices("\":") {
        let before = text.get(..end).unwrap_or_default();
        if let Some(start) = before.rfind('"').filter(|start| end - start <= 2 * SHORT) {
            spans.push(start..end);
        }
    }
}

fn shape(text: &str, example: Range<usize>, spans: &mut Vec<Range<usize>>) {
    let (mut open, mut at) = (example.start, example.start);
    while let Some(quote) = text.get(at..example.end).and_then(|rest| rest.find('"')) {
        let start = at + quote + 1;
        let rest = text.get(start..example.end).unwrap_or_default();
        let mut escaped = false;
        let len = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = start + len.unwrap_or(rest.len());
        let string = text.get(start..end).unwrap_or_default();
        let is_key = text
            .get(end + 1..)
            .is_some_and(|after| after.trim_start().starts_with(':'));
        if !is_key && (string.chars().count() > SHORT || string.split_whitespace().count() > 3) {
            spans.push(open..start);
            open = end;
        }
        at = end + 1;
    }
    spans.push(open..example.end);
}
