//! What of a private text is not private: what the card says, and lines that the owner lets be quoted.

use std::collections::HashSet;
use std::ops::Range;

use super::fold::{Look, codes as codes_of};
use super::print::{GRAM, each_gram};

/// The shortest line that the owner lets be quoted which counts within other text.
const PUBLIC_LEAST: usize = 4;
/// The shortest word of a card that counts within other text: shorter ones are everywhere.
const PUBLISHED_LEAST: usize = 8;

/// Returns which codes are not private.
pub(super) fn open_places(codes: &[u16], published: &[String], public: &[String]) -> Vec<bool> {
    let mut open = vec![false; codes.len()];
    let mut pieces = HashSet::new();
    let lines = public.iter().map(|line| (line, PUBLIC_LEAST));
    for (line, least) in lines.chain(published.iter().map(|word| (word, PUBLISHED_LEAST))) {
        let line = codes_of(line, Look::Alike);
        if line.len() >= GRAM {
            each_gram(&line, GRAM, |_, hash| {
                pieces.insert(hash);
            });
        } else if line.len() >= least {
            for at in 0..codes.len() {
                if codes.get(at..).is_some_and(|rest| rest.starts_with(&line)) {
                    mark(&mut open, at..at + line.len());
                }
            }
        }
    }
    each_gram(codes, GRAM, |end, hash| {
        if pieces.contains(&hash) {
            mark(&mut open, end - GRAM..end);
        }
    });
    open
}

/// Says that some codes are not private.
pub(super) fn mark(open: &mut [bool], codes: Range<usize>) {
    let part = open.get_mut(codes).unwrap_or_default();
    part.fill(true);
}

/// Returns what a card says: every text that a peer may read anyway.
pub fn published(manifest: &crate::Manifest) -> Vec<String> {
    let mut texts = vec![manifest.name.to_string(), manifest.description.clone()];
    texts.extend(manifest.when_to_use.clone());
    texts.extend(manifest.category.clone());
    texts.extend(manifest.version.clone());
    for schema in [&manifest.input, &manifest.output] {
        collect(schema, &mut texts);
    }
    texts
}

fn collect(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                texts.push(key.clone());
                collect(value, texts);
            }
        }
        _ => {}
    }
}
