//! Private texts as rows of codes, with what their disguises need to know: where words and lines start, and which code of one
//! reading is which of another.

use std::collections::HashMap;

use unicode_normalization::char::is_combining_mark;

use super::fold::{Look, plain};
use super::print::each_gram;
use super::{Form, escape, markup};

/// A reading in the making: its codes, where each comes from, and where words, lines and letters start.
pub(super) struct Layout {
    pub(super) look: Look,
    pub(super) codes: Vec<u16>,
    pub(super) offsets: Vec<u32>,
    pub(super) words: Vec<u32>,
    pub(super) lines: Vec<u32>,
    /// Where letters start, each with the signs that stand on it.
    pub(super) clusters: Vec<u32>,
}

impl Layout {
    pub(super) fn read(text: &str, look: Look) -> Self {
        let mut layout = Self {
            look,
            codes: Vec::new(),
            offsets: Vec::new(),
            words: vec![0],
            lines: vec![0],
            clusters: vec![0],
        };
        let mut last = 0;
        plain(text, look, |at, code| {
            let between = text.get(last..at).unwrap_or_default();
            let count = layout.codes.len() as u32;
            if count > 0 && between.contains(char::is_whitespace) {
                layout.words.push(count);
                if between.contains('\n') {
                    layout.lines.push(count);
                }
            }
            let c = text.get(at..).and_then(|rest| rest.chars().next());
            if count > 0 && !c.is_some_and(is_combining_mark) {
                layout.clusters.push(count);
            }
            last = at;
            layout.codes.push(code);
            layout.offsets.push(at as u32);
        });
        layout
    }
}

/// Returns what is left of a text without its markup, and with its escapes resolved: whoever takes disguises off takes these
/// off with them.
pub(super) fn other_readings(text: &str) -> Vec<(Vec<Form>, String)> {
    let resolved = escape::resolve(text);
    let bare = |text: &str| Some((vec![Form::Markup], markup::strip(text)?));
    let mut readings: Vec<_> = bare(text).into_iter().collect();
    if let Some((text, forms)) = resolved {
        readings.extend(bare(&text));
        readings.push((forms, text));
    }
    readings
}

/// How many codes must agree for two places to be the same.
const ANCHOR: usize = 12;

/// Returns which code of the first reading each code of another one is, or the one beside it.
pub(super) fn aligned(codes: &[u16], first: &[u16]) -> Vec<u32> {
    let mut places = HashMap::new();
    each_gram(first, ANCHOR, |end, hash| {
        places.entry(hash).or_insert(end as u32);
    });
    let mut home: Vec<Option<u32>> = vec![None; codes.len()];
    each_gram(codes, ANCHOR, |end, hash| {
        if let (Some(place), Some(part)) = (places.get(&hash), home.get_mut(end - ANCHOR..end)) {
            for (back, slot) in part.iter_mut().rev().enumerate() {
                *slot = Some(place.saturating_sub(back as u32 + 1));
            }
        }
    });
    let mut last = 0;
    home.into_iter()
        .map(|place| {
            last = place.unwrap_or(last);
            last
        })
        .collect()
}

/// Returns the places of a reading with each part turned round where it stands.
pub(super) fn turned(layout: &Layout, starts: &[u32]) -> Vec<u32> {
    let end = layout.codes.len() as u32;
    let ends = starts.iter().skip(1).copied().chain([end]);
    let parts = starts.iter().zip(ends);
    parts.flat_map(|(start, end)| (*start..end).rev()).collect()
}
