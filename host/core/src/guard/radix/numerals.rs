//! Numbers of characters, of bytes of them, or of units of UTF-16, in any notation, with anything between them.

use unicode_normalization::char::canonical_combining_class;

use super::likely::is_text_of_numbers;
use super::{DIGIT, GRAM, HEX, Word, texts, words};

/// A number as it is written.
struct Number<'t> {
    digits: &'t str,
    /// Of which base its prefix says that it is.
    radix: Option<u32>,
    /// Whether a sign stands before it.
    is_negative: bool,
}

/// The prefixes of numbers that say their base.
const PREFIXES: [(&str, u32); 9] = [
    ("0x", 16),
    ("0X", 16),
    ("0o", 8),
    ("0O", 8),
    ("0b", 2),
    ("0B", 2),
    ("u", 16),
    ("U", 16),
    ("x", 16),
];

/// So many negative numbers are bytes with a sign.
const NEGATIVE: usize = 8;
/// Digits in a longer row have nothing between the numbers.
const ROW: usize = 40;

/// Passes on the texts that the numbers of a text may be the characters of.
pub(in crate::guard) fn numerals(text: &str, sink: &mut impl FnMut(String)) {
    let mut numbers = Vec::new();
    let mut rows = String::new();
    for word in words(text) {
        if word.kinds == DIGIT && word.text.len() >= ROW {
            rows.push_str(word.text);
        } else if may_be(word)
            && let Some(number) = number(text, word.at, word.text)
        {
            numbers.push(number);
        }
    }
    for radix in [10, 16, 8, 2] {
        let values = numbers.iter().filter_map(|number| number.value(radix));
        spelt(&values.collect::<Vec<_>>(), sink);
    }
    if numbers.iter().filter(|number| number.is_negative).count() >= NEGATIVE {
        let signed = |number: &Number<'_>| {
            let value = number.value(10).filter(|value| *value <= 256)?;
            Some(if number.is_negative {
                256 - value
            } else {
                value
            })
        };
        spelt(&numbers.iter().filter_map(signed).collect::<Vec<_>>(), sink);
    }
    unbroken(&rows, sink);
}

/// Returns whether a word may be a number, by what is cheap to know: most words are not.
fn may_be(word: Word<'_>) -> bool {
    word.kinds & DIGIT != 0 || word.kinds == HEX || {
        word.text.starts_with(['u', 'U', 'x']) || word.text.ends_with(['u', 'U'])
    }
}

fn number<'t>(text: &str, at: usize, word: &'t str) -> Option<Number<'t>> {
    // `u+043du+0430`: what begins the next number.
    let word = match word.strip_suffix(['u', 'U']) {
        Some(rest) if rest.len() >= 4 => rest,
        _ => word,
    };
    let prefix = PREFIXES.iter().find_map(|(prefix, radix)| {
        let digits = word.strip_prefix(prefix)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then_some((digits, Some(*radix)))
    });
    let (digits, radix) = prefix
        .filter(|(digits, _)| !digits.is_empty())
        .unwrap_or((word, None));
    let is_number = digits.len() <= 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        // Of words that are no numbers, few are as long as a number of a letter.
        && (radix.is_some() || matches!(digits.len(), 2 | 4) || digits.bytes().any(|byte| byte.is_ascii_digit()));
    let before = |back: usize| at.checked_sub(back).and_then(|at| text.as_bytes().get(at));
    let is_negative =
        before(1) == Some(&b'-') && before(2).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    is_number.then_some(Number {
        digits,
        radix,
        is_negative,
    })
}

impl Number<'_> {
    fn value(&self, radix: u32) -> Option<u32> {
        if self.radix.is_some_and(|own| own != radix) || radix == 2 && self.digits.len() < 6 {
            return None;
        }
        u32::from_str_radix(self.digits, radix).ok()
    }
}

/// Passes on what numbers spell: as characters, as bytes of them, as letters of the alphabet.
fn spelt(values: &[u32], sink: &mut impl FnMut(String)) {
    if values.len() < GRAM {
        return;
    }
    if is_text_of_numbers(values) {
        characters(values, sink);
    }
    let bytes: Vec<u8> = values
        .iter()
        .filter_map(|value| u8::try_from(*value).ok())
        .collect();
    if bytes.iter().any(|byte| *byte >= 0x80 || *byte < 9) {
        texts(&bytes, sink);
    }
    let letters = values.iter().filter(|value| (1..=26).contains(*value));
    if letters.clone().count() * 10 >= values.len() * 9 {
        sink(
            letters
                .filter_map(|value| char::from_u32(0x60 + value))
                .collect(),
        );
    }
}

/// Passes on what numbers spell as characters.
fn characters(values: &[u32], sink: &mut impl FnMut(String)) {
    let units = values.iter().flat_map(|value| {
        // A unit of UTF-16 stands for itself until it meets its other half.
        let mut room = [0; 2];
        let count = match (char::from_u32(*value), u16::try_from(*value)) {
            (Some(c), _) if c.is_control() && !c.is_whitespace() => 0,
            (Some(c), _) => c.encode_utf16(&mut room).len(),
            (None, Ok(unit)) => {
                room = [unit, 0];
                1
            }
            (None, Err(_)) => 0,
        };
        room.into_iter().take(count)
    });
    let text: String = char::decode_utf16(units)
        .map(|c| c.unwrap_or(' '))
        .collect();
    // Numbers that mean numbers spell characters of all kinds.
    let is_letter = |c: &char| {
        c.is_alphanumeric() || matches!(c, ' ' | '\n') || canonical_combining_class(*c) != 0
    };
    if text.chars().filter(is_letter).count() * 2 >= values.len() {
        sink(text);
    }
}

/// Passes on what digits spell that have nothing between them: numbers of one length.
fn unbroken(digits: &str, sink: &mut impl FnMut(String)) {
    if digits.len() < ROW {
        return;
    }
    let is_binary = digits.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    let widths: &[(usize, u32)] = if is_binary {
        &[(8, 2), (16, 2), (7, 2)]
    } else {
        &[(3, 10), (4, 10), (5, 10), (3, 8)]
    };
    for (width, radix) in widths {
        let numbers = digits.as_bytes().chunks_exact(*width);
        let value =
            |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, *radix).ok();
        spelt(&numbers.filter_map(value).collect::<Vec<_>>(), sink);
    }
}
