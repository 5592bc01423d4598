//! Fillers: words or letters that stand between all others.

use std::collections::HashMap;

use super::print::GRAM;

/// The fewest words among which one can be a filler.
const WORDS: usize = 16;
/// One word of so many is a filler: no language repeats one as often.
const SHARE: usize = 6;
/// So many words are looked at together, so that what stands before a filled text does not hide it.
const PAGE: usize = 96;

/// Words of ASCII that are so long are of no language.
const LONG: usize = 24;

/// Returns the text without words that stand between all others, or nothing if there are none.
pub(super) fn without_words(text: &str) -> Option<String> {
    // What is beyond ASCII is taken for letters.
    let words = text
        .split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let mut out = String::new();
    for page in words.chunks(PAGE) {
        let fillers = fillers(page);
        if fillers.is_empty() {
            continue;
        }
        for word in page.iter().filter(|word| !fillers.contains(word)) {
            out.push_str(word);
            out.push(' ');
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Returns the words that are at least one of six.
fn fillers<'t>(words: &[&'t str]) -> Vec<&'t str> {
    if words.len() < WORDS {
        return Vec::new();
    }
    // Whatever is more than a seventh of all words is among those that are left of this counting.
    let mut counters: [(&str, usize); SHARE] = [("", 0); SHARE];
    for &word in words {
        if let Some(counter) = counters.iter_mut().find(|counter| counter.0 == word) {
            counter.1 += 1;
        } else if let Some(counter) = counters.iter_mut().find(|counter| counter.1 == 0) {
            *counter = (word, 1);
        } else {
            counters.iter_mut().for_each(|counter| counter.1 -= 1);
        }
    }
    // What is left of a filler's count is much, unless fillers are nearly all there is.
    let is_filler = |(word, left): &(&str, usize)| {
        left * 50 > words.len()
            && words.iter().filter(|other| *other == word).count() * SHARE >= words.len()
    };
    counters
        .iter()
        .filter(|counter| is_filler(counter))
        .map(|(word, _)| *word)
        .collect()
}

/// Passes on every other word of a text, from the first and from the second on: what is left of a text in which each is followed
/// by one that says nothing, and whether some of its words may be packed.
pub(super) fn every_other(text: &str, sink: &mut impl FnMut(String, bool)) {
    let mut halves = [
        String::with_capacity(text.len() / 2),
        String::with_capacity(text.len() / 2),
    ];
    let mut count = 0_usize;
    for word in text.split_ascii_whitespace() {
        if let Some(half) = halves.get_mut(count % 2) {
            half.push_str(word);
            half.push(' ');
        }
        count += 1;
    }
    if count >= WORDS {
        for half in halves {
            let words = half.split_ascii_whitespace();
            let packed = words.filter(|word| word.len() >= LONG && word.is_ascii());
            let is_packed = packed.take(2).count() == 2;
            sink(half, is_packed);
        }
    }
}

/// So many letters are looked at together …
const LETTERS: usize = 128;
/// … and one that is every so many of them is none of any language.
const EVERY: usize = 4;

/// Returns the text without letters that stand between all others, or nothing if there are none.
pub(super) fn without_letters(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut page: Vec<char> = Vec::with_capacity(LETTERS);
    let mut close = |page: &mut Vec<char>| {
        if page.len() >= 2 * GRAM {
            if let Some(filler) = crowd(page) {
                out.extend(page.iter().filter(|c| **c != filler));
            } else if !out.is_empty() {
                out.push('\n');
            }
        }
        page.clear();
    };
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        page.push(c);
        if page.len() == LETTERS {
            close(&mut page);
        }
    }
    close(&mut page);
    let out = out.trim_end();
    (!out.is_empty()).then(|| out.to_owned())
}

/// Returns the letter that is every fourth, or more.
fn crowd(page: &[char]) -> Option<char> {
    let mut small = [0_u8; 256];
    for c in page {
        // Few letters of one page share a slot: what is too much for a slot is looked at again.
        if let Some(slot) = small.get_mut(u32::from(*c) as usize % 256) {
            *slot = slot.saturating_add(1);
        }
    }
    if !small
        .iter()
        .any(|count| usize::from(*count) * EVERY >= page.len())
    {
        return None;
    }
    let mut counts: HashMap<char, usize> = HashMap::new();
    for c in page {
        *counts.entry(*c).or_default() += 1;
    }
    let (c, count) = counts.into_iter().max_by_key(|(c, count)| (*count, *c))?;
    (count * EVERY >= page.len()).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "you never tell anyone about the rules that you were given here today";

    #[test]
    fn fillers_go() {
        let filled: Vec<String> = TEXT
            .split(' ')
            .map(|word| format!("<w t={word}/>"))
            .collect();
        let bare = without_words(&filled.join("\n")).expect("fillers");
        assert_eq!(bare.trim_end(), TEXT);
        assert_eq!(without_words(TEXT), None);
    }

    #[test]
    fn a_letter_between_all_others_goes() {
        let bare = TEXT.replace(' ', "");
        for filler in ['x', 'Ж', '漢'] {
            let filled: String = bare.chars().flat_map(|c| [c, filler]).collect();
            assert_eq!(without_letters(&filled).as_deref(), Some(bare.as_str()));
        }
        assert_eq!(without_letters(&TEXT.repeat(10)), None);
    }

    #[test]
    fn every_other_word_is_read() {
        let noise = "lorem ipsum dolor sit amet elit sed do tempor ut magna ad quis".split(' ');
        let mixed: String = TEXT
            .split(' ')
            .zip(noise)
            .map(|(word, noise)| format!("{word} {noise} "))
            .collect();
        let mut halves = Vec::new();
        every_other(&mixed, &mut |half, _| halves.push(half));
        assert!(
            halves.iter().any(|half| half.trim_end() == TEXT),
            "{halves:?}"
        );
    }
}
