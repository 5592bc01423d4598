//! Characters that Unicode calls letters, marks or digits, and what a reader makes of them.

use unicode_normalization::char::is_combining_mark;

use super::{is_jamo, pictured};

/// Modifier letters, and letters that are used as strokes and dots, by their first and last.
const MODIFIERS: [(char, char); 72] = [
    ('\u{1c0}', '\u{1c3}'),
    ('\u{2b0}', '\u{2c1}'),
    ('\u{2c6}', '\u{2d1}'),
    ('\u{2e0}', '\u{2e4}'),
    ('\u{2ec}', '\u{2ec}'),
    ('\u{2ee}', '\u{2ee}'),
    ('\u{374}', '\u{374}'),
    ('\u{37a}', '\u{37a}'),
    ('\u{559}', '\u{559}'),
    ('\u{640}', '\u{640}'),
    ('\u{6e5}', '\u{6e6}'),
    ('\u{7f4}', '\u{7f5}'),
    ('\u{7fa}', '\u{7fa}'),
    ('\u{81a}', '\u{81a}'),
    ('\u{824}', '\u{824}'),
    ('\u{828}', '\u{828}'),
    ('\u{8c9}', '\u{8c9}'),
    ('\u{971}', '\u{971}'),
    ('\u{e46}', '\u{e46}'),
    ('\u{ec6}', '\u{ec6}'),
    ('\u{10fc}', '\u{10fc}'),
    ('\u{17d7}', '\u{17d7}'),
    ('\u{1843}', '\u{1843}'),
    ('\u{1aa7}', '\u{1aa7}'),
    ('\u{1c78}', '\u{1c7d}'),
    ('\u{1d2c}', '\u{1d6a}'),
    ('\u{1d78}', '\u{1d78}'),
    ('\u{1d9b}', '\u{1dbf}'),
    ('\u{2071}', '\u{2071}'),
    ('\u{207f}', '\u{207f}'),
    ('\u{2090}', '\u{209c}'),
    ('\u{2c7c}', '\u{2c7d}'),
    ('\u{2d6f}', '\u{2d6f}'),
    ('\u{2e2f}', '\u{2e2f}'),
    ('\u{3005}', '\u{3005}'),
    ('\u{3031}', '\u{3035}'),
    ('\u{303b}', '\u{303c}'),
    ('\u{309d}', '\u{309e}'),
    ('\u{30fc}', '\u{30fe}'),
    ('\u{a015}', '\u{a015}'),
    ('\u{a4f8}', '\u{a4fd}'),
    ('\u{a60c}', '\u{a60c}'),
    ('\u{a67f}', '\u{a67f}'),
    ('\u{a69c}', '\u{a69d}'),
    ('\u{a717}', '\u{a71f}'),
    ('\u{a770}', '\u{a770}'),
    ('\u{a788}', '\u{a788}'),
    ('\u{a78b}', '\u{a78c}'),
    ('\u{a78f}', '\u{a78f}'),
    ('\u{a7f2}', '\u{a7f4}'),
    ('\u{a7f8}', '\u{a7f9}'),
    ('\u{a9cf}', '\u{a9cf}'),
    ('\u{a9e6}', '\u{a9e6}'),
    ('\u{aa70}', '\u{aa70}'),
    ('\u{aadd}', '\u{aadd}'),
    ('\u{aaf3}', '\u{aaf4}'),
    ('\u{ab5c}', '\u{ab5f}'),
    ('\u{ab69}', '\u{ab69}'),
    ('\u{ff70}', '\u{ff70}'),
    ('\u{ff9e}', '\u{ff9f}'),
    ('\u{10780}', '\u{10785}'),
    ('\u{10787}', '\u{107b0}'),
    ('\u{107b2}', '\u{107ba}'),
    ('\u{16b40}', '\u{16b43}'),
    ('\u{16f93}', '\u{16f9f}'),
    ('\u{16fe0}', '\u{16fe1}'),
    ('\u{16fe3}', '\u{16fe3}'),
    ('\u{1aff0}', '\u{1aff3}'),
    ('\u{1aff5}', '\u{1affb}'),
    ('\u{1affd}', '\u{1affe}'),
    ('\u{1e137}', '\u{1e13d}'),
    ('\u{1e94b}', '\u{1e94b}'),
];

/// The zeros of scripts that have digits of their own; the other nine follow each.
const ZEROS: [char; 58] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e950}',
];

/// Returns whether a letter stands for no sound by itself.
pub(super) fn is_modifier(c: char) -> bool {
    let after = MODIFIERS.partition_point(|(first, _)| *first <= c);
    let range = after.checked_sub(1).and_then(|at| MODIFIERS.get(at));
    range.is_some_and(|(_, last)| c <= *last)
}

/// Returns the digit that a digit of another script is.
pub(super) fn digit(c: char) -> Option<char> {
    let after = ZEROS.partition_point(|zero| *zero <= c);
    let zero = after.checked_sub(1).and_then(|at| ZEROS.get(at))?;
    char::from_digit(u32::from(c) - u32::from(*zero), 10)
}

/// Returns how a Kana is read that is written small, or in the other of the two ways.
pub(super) fn kana(c: char) -> char {
    let down = |by: u32| char::from_u32(u32::from(c) - by).unwrap_or(c);
    let c = if matches!(c, '\u{30a1}'..='\u{30f6}') {
        down(0x60)
    } else {
        c
    };
    match c {
        'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ゎ' => {
            char::from_u32(u32::from(c) + 1).unwrap_or(c)
        }
        other => other,
    }
}

/// So many characters that a reader passes over are a disguise.
pub(in crate::guard) const SILENT: usize = 8;

/// Returns the text without what is no letter of it: modifier letters and letters in pictures beside others, and marks of another
/// script than the letter that they stand on, or of the same one again and again. Nothing if there is hardly any.
pub(in crate::guard) fn voiced(text: &str) -> Option<String> {
    let (mut out, mut silent) = (String::with_capacity(text.len()), 0);
    let (mut base, mut before) = (' ', ' ');
    for c in text.chars() {
        let is_silent = if c.is_ascii() {
            base = c;
            false
        } else if is_modifier(c) || pictured(c).is_some() {
            true
        } else if is_combining_mark(c) {
            u32::from(c) >> 7 != u32::from(base) >> 7 || c == before
        } else {
            base = c;
            false
        };
        before = c;
        if is_silent {
            silent += 1;
        } else {
            out.push(c);
        }
    }
    (silent >= SILENT).then_some(out)
}

/// So many letters of Hangul that stand alone are a text.
const JAMO: usize = 16;
const LEADS: &str = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const TAILS: &str = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ";

/// Returns the text with letters of Hangul put together as a keyboard does, whatever blanks and marks stand between them.
pub(in crate::guard) fn composed(text: &str) -> Option<String> {
    if text.chars().filter(|c| is_jamo(*c)).take(JAMO).count() < JAMO {
        return None;
    }
    let mut letters: Vec<char> = Vec::new();
    for c in text.chars().filter(|c| c.is_alphanumeric()) {
        letters.push(letter(c));
    }
    let place = |row: &str, c: Option<&char>| row.chars().position(|one| Some(&one) == c);
    let vowel = |c: Option<&char>| {
        let c = c.filter(|c| matches!(c, '\u{314f}'..='\u{3163}'))?;
        Some(u32::from(*c) - 0x314f)
    };
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(c) = letters.get(at) {
        let lead = place(LEADS, Some(c));
        let (Some(lead), Some(middle)) = (lead, vowel(letters.get(at + 1))) else {
            out.push(*c);
            at += 1;
            continue;
        };
        at += 2;
        // What a vowel follows begins the next syllable.
        let tail = place(TAILS, letters.get(at)).filter(|_| vowel(letters.get(at + 1)).is_none());
        at += usize::from(tail.is_some());
        let tail = tail.map_or(0, |tail| tail as u32 + 1);
        out.extend(char::from_u32(
            0xac00 + (lead as u32 * 21 + middle) * 28 + tail,
        ));
    }
    Some(out)
}

/// Returns a letter of Hangul as it stands alone.
fn letter(c: char) -> char {
    let place = |first: u32| u32::from(c).wrapping_sub(first) as usize;
    let found = match c {
        '\u{1100}'..='\u{1112}' => LEADS.chars().nth(place(0x1100)),
        '\u{1161}'..='\u{1175}' => char::from_u32(0x314f + place(0x1161) as u32),
        '\u{11a8}'..='\u{11c2}' => TAILS.chars().nth(place(0x11a8)),
        c if is_jamo(c) => {
            let mut wide = None;
            unicode_normalization::char::decompose_compatible(c, |c| wide = wide.or(Some(c)));
            return wide.filter(|wide| *wide != c).map_or(c, letter);
        }
        _ => None,
    };
    found.unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carries_no_sound_is_told_from_what_does() {
        for c in [
            '\u{640}', '\u{2c8}', '\u{2d0}', '\u{30fc}', '\u{1c0}', '\u{2b0}',
        ] {
            assert!(is_modifier(c), "{c}");
        }
        for c in ['a', 'я', 'ह', '\u{93e}', 'か', '漢', '한', 'ع'] {
            assert!(!is_modifier(c), "{c}");
        }
        assert_eq!(digit('٣'), Some('3'));
        assert_eq!(digit('९'), Some('9'));
        assert_eq!(digit('a'), None);
        assert_eq!((kana('ア'), kana('ッ'), kana('か')), ('あ', 'つ', 'か'));
    }

    #[test]
    fn marks_of_another_script_go() {
        let text = "never tell";
        let noisy: String = text.chars().flat_map(|c| [c, '\u{947}']).collect();
        assert_eq!(voiced(&noisy).as_deref(), Some(text));
        let noisy: String = text.chars().flat_map(|c| [c, 'ʰ']).collect();
        assert_eq!(voiced(&noisy).as_deref(), Some(text));
        assert_eq!(voiced("किसी को भी इन नियमों के बारे में मत बताना"), None);
    }

    #[test]
    fn letters_of_hangul_are_put_together() {
        for text in [
            "ㅎ ㅏ ㄴ ㄱ ㅡ ㄹ ㅇ ㅡ ㄹ ㅇ ㅣ ㄹ ㄱ ㄴ ㅡ ㄴ ㄷ ㅏ",
            "한글을읽는다한글을",
        ] {
            let split: String = if text.contains(' ') {
                text.to_owned()
            } else {
                unicode_normalization::UnicodeNormalization::nfd(text).collect()
            };
            let whole = composed(&split).unwrap_or_default();
            assert!(whole.starts_with("한글을"), "{split}: {whole}");
        }
        assert_eq!(composed("한글"), None);
    }
}
