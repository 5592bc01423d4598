//! Words and sentences, well enough for ranking and counting: no dictionary, no locale.

/// Words so common that they say nothing about a text.
const COMMON: &str = include_str!("common.txt");

/// Returns the words in lower case; a CJK sign is a word of its own, since no spaces divide them.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut spaced = String::new();
    for c in text.chars() {
        match c {
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => {
                spaced.extend([' ', c, ' '])
            }
            '\'' | '’' => spaced.push('\''),
            _ if c.is_alphanumeric() => spaced.extend(c.to_lowercase()),
            _ => spaced.push(' '),
        }
    }
    let words = spaced.split(' ').map(|word| word.trim_matches('\''));
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Cuts a text into its sentences.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let (mut found, mut start) = (Vec::new(), 0);
    for (at, c) in text.char_indices() {
        let after = at + c.len_utf8();
        if ends(c, &text[after..]) {
            found.push(text[start..after].trim());
            start = after;
        }
    }
    found.push(text[start..].trim());
    found.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    found
}

/// Tells whether a sentence ends with this sign. A full stop ends one only before a space and a capital, so that "3.5" and
/// most abbreviations stay whole.
fn ends(sign: char, rest: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '”', '\'', '’', ')', ']']);
    let next = rest.trim_start().chars().next();
    match sign {
        '.' | '!' | '?' => {
            next.is_none_or(|c| rest.starts_with(char::is_whitespace) && !c.is_lowercase())
        }
        '\n' => rest.starts_with('\n'),
        _ => matches!(sign, '。' | '！' | '？'),
    }
}

/// Guesses the syllables of an English word: its groups of vowels, less a silent e.
pub(crate) fn syllables(word: &str) -> usize {
    let groups = word.split(|c| !"aeiouyäöü".contains(c));
    let groups = groups.filter(|group| !group.is_empty()).count();
    let silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    groups.saturating_sub(usize::from(silent)).max(1)
}

/// Tells whether a word is so common that it says nothing about a text.
pub(crate) fn is_common(word: &str) -> bool {
    COMMON.split_whitespace().any(|common| common == word)
}
