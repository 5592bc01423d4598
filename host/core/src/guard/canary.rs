//! Canaries: keys, identifiers and other marks that stand in a private text and nowhere else. One of them alone tells
//! that the text was copied, however short it is.

use std::sync::Arc;

use super::Form;
use super::fold::{Look, alike, codes, is_digit, plain, rotate};
use super::print::each_gram;

/// The shortest mark, in codes.
const LEAST: usize = 12;
/// The longest one that is looked at.
const MOST: usize = 200;
/// How many digits make it no word.
const DIGITS: usize = 4;
/// How often it goes from letters to digits and back: dates and versions do so less often.
const CHANGES: usize = 4;

/// A mark and how it looks in other forms.
pub(super) struct Canary {
    pub(super) slot: Arc<str>,
    ways: Vec<(u64, Vec<u16>, Vec<Form>)>,
}

/// Returns the marks of a text that are not open.
pub(super) fn find(text: &str, slot: &str, is_open: impl Fn(&str) -> bool) -> Vec<Canary> {
    words(text)
        .filter(|word| is_mark(word) && !is_open(word))
        .map(|word| Canary::new(word, slot))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
    text.split(move |c| !inside(c))
}

/// Returns whether a mark stands in a text.
pub(super) fn has_mark(text: &str) -> bool {
    words(text).any(is_mark)
}

/// Returns whether a mark is said in public anyway.
pub(super) fn is_open(mark: &str, published: &[String], public: &[String]) -> bool {
    published
        .iter()
        .chain(public)
        .any(|text| text.contains(mark))
}

fn is_mark(word: &str) -> bool {
    if word.len() < LEAST || word.len() > MOST {
        return false;
    }
    let mut all = Vec::new();
    plain(word, Look::Alike, |_, code| all.push(code));
    let digits = all.iter().filter(|code| is_digit(**code)).count();
    let changes = all
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if is_digit(*a) != is_digit(*b)))
        .count();
    all.len() >= LEAST && digits >= DIGITS && changes >= CHANGES
}

impl Canary {
    fn new(word: &str, slot: &str) -> Self {
        let mut straight = Vec::new();
        plain(word, Look::Alike, |_, code| straight.push(code));
        let rotated: Vec<u16> = straight.iter().map(|code| rotate(*code)).collect();
        let back = |codes: &[u16]| codes.iter().rev().copied().collect::<Vec<_>>();
        let ways = [
            (straight.clone(), vec![]),
            (back(&straight), vec![Form::Reversed]),
            (rotated.clone(), vec![Form::Rot13]),
            (back(&rotated), vec![Form::Reversed, Form::Rot13]),
        ];
        let ways = ways.into_iter().filter_map(|(codes, forms)| {
            let codes: Vec<u16> = codes.into_iter().map(alike).collect();
            let mut key = None;
            each_gram(codes.get(..LEAST)?, LEAST, |_, hash| key = Some(hash));
            Some((key?, codes, forms))
        });
        Self {
            slot: slot.into(),
            ways: ways.collect(),
        }
    }

    /// Returns in which form the mark stands in the caller's own words, if it does.
    pub(super) fn is_said_by(&self, input: &str) -> bool {
        let said = codes(input, Look::Alike);
        let ways = self.ways.iter();
        ways.into_iter()
            .any(|(_, mark, _)| said.windows(mark.len()).any(|part| part == mark))
    }
}

/// Returns the marks that stand in a row of codes, and in which form.
pub(super) fn seen<'i>(canaries: &'i [Canary], codes: &[u16]) -> Vec<(&'i Canary, &'i [Form])> {
    let mut found = Vec::new();
    if canaries.is_empty() {
        return found;
    }
    let ways = || {
        let each = |canary: &'i Canary| canary.ways.iter().map(move |way| (canary, way));
        canaries.iter().flat_map(each)
    };
    // Most hashes are of no mark.
    let bit = |hash: u64| 1_u64 << (hash >> 58);
    let sieve = ways().fold(0, |sieve, (_, (key, ..))| sieve | bit(*key));
    each_gram(codes, LEAST, |end, hash| {
        if sieve & bit(hash) == 0 {
            return;
        }
        for (canary, (key, mark, forms)) in ways() {
            let rest = codes.get(end - LEAST..).unwrap_or_default();
            if *key == hash && rest.starts_with(mark) {
                found.push((canary, forms.as_slice()));
            }
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_marks_and_words_are_not() {
        for mark in [
            "3f2a9c41-77de-4b1a-9c55-0e1f2a3b4c5d",
            "sk-a1b2c3d4e5f6a7b8",
            "CANARY-7f3a9b-x20q",
        ] {
            assert!(is_mark(mark), "{mark}");
        }
        for word in [
            "internationalisation",
            "2024-01-15T10",
            "x86_64-unknown-linux-gnu",
            "1234567890123456",
            "a1b2c3",
            "release-2024-preview",
        ] {
            assert!(!is_mark(word), "{word}");
        }
    }

    #[test]
    fn a_mark_is_seen_in_other_forms() {
        let canaries = find("key: sk-a1b2c3d4e5f6a7b8.", "skill", |_| false);
        for (text, forms) in [
            ("it is SK A1B2C3 D4E5F6 A7B8", vec![]),
            ("8b7a6f5e4d3c2b1a-ks", vec![Form::Reversed]),
            ("fx-n1o2p3q4r5s6n7o8", vec![Form::Rot13]),
        ] {
            let codes = codes(text, Look::Alike);
            let seen = seen(&canaries, &codes);
            assert_eq!(
                seen.first().map(|(_, found)| found.to_vec()),
                Some(forms),
                "{text}"
            );
        }
        assert!(seen(&canaries, &codes("sk-a1b2c3d4e5f6a7", Look::Alike)).is_empty());
    }
}
