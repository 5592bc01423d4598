//! Words and sentences, well enough for ranking and counting: no dictionary, no locale.

/// Returns the words in lower case; a CJK sign is a word of its own, since no spaces divide them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .flat_map(|run| {
            let (mut parts, mut word) = (Vec::new(), String::new());
            for c in run.trim_matches(['\'', '’']).chars() {
                if is_cjk(c) {
                    parts.push(std::mem::take(&mut word));
                    parts.push(c.to_string());
                } else {
                    word.extend(c.to_lowercase());
                }
            }
            parts.push(word);
            parts
        })
        .filter(|word| !word.is_empty())
}

/// Cuts a text into its sentences. A full stop ends one only before a space and a capital, so that "3.5" and most
/// abbreviations stay whole.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = at + c.len_utf8();
        let ends = match c {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => opens_sentence(&text[after..]),
            '\n' => chars.peek().is_some_and(|(_, next)| *next == '\n'),
            _ => false,
        };
        if ends {
            found.push(text[start..after].trim());
            start = after;
        }
    }
    found.push(text[start..].trim());
    found.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    found
}

fn opens_sentence(rest: &str) -> bool {
    let rest = rest.trim_start_matches(['"', '”', '\'', '’', ')', ']']);
    match rest.trim_start().chars().next() {
        None => true,
        Some(next) => rest.starts_with(char::is_whitespace) && !next.is_lowercase(),
    }
}

/// Guesses the syllables of an English word: its groups of vowels, less a silent e.
pub(crate) fn syllables(word: &str) -> usize {
    let is_vowel = |c: char| "aeiouyäöü".contains(c);
    let groups = word
        .split(|c| !is_vowel(c))
        .filter(|group| !group.is_empty())
        .count();
    let silent = word.ends_with('e') && !word.ends_with("le") && groups > 1;
    groups.saturating_sub(usize::from(silent)).max(1)
}

/// Tells whether a word is so common that it says nothing about a text.
pub(crate) fn is_common(word: &str) -> bool {
    const COMMON: &str = " a about after all also an and any are as at be been but by can could did do does for from \
        had has have he her his how i if in into is it its just me more most my no not of on one only or other our out \
        she so some such than that the their them then there these they this to too up us was we were what when which \
        who will with would you your ";
    COMMON.contains(&format!(" {word} "))
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}
