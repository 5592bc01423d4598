//! Bytes written as letters and digits: base64, hexadecimal, numbers of characters. They are found anywhere in a text, at
//! any alignment, through line breaks and whatever else stands between.

mod base64;
mod likely;
mod numerals;
mod wide;

pub(super) use base64::base64;
pub(super) use numerals::numerals;

use super::print::GRAM;
use base64::hot_parts;
use likely::is_text;

/// The shortest stretch of decoded bytes that is kept: shorter ones read as text by chance.
const STRETCH: usize = 16;
/// Returns the stretches of bytes that are text, each on a line, or nothing if that is not enough to tell anything.
fn readable(bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut at = 0;
    // What is decoded by chance is full of bytes that end a stretch: the last of them before it could be long enough says
    // where the next may begin.
    while let Some(window) = bytes.get(at..at + STRETCH) {
        if let Some(end) = (0..STRETCH).rev().find(|end| ends(window, *end)) {
            at += end + 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let len = stretch(rest);
        let text = rest.get(..len).unwrap_or_default();
        if len >= STRETCH && is_text(text) {
            out.push_str(&String::from_utf8_lossy(text));
            out.push('\n');
        }
        at += len + 1;
    }
    (out.len() > GRAM).then_some(out)
}

/// How many bytes follow each byte in a character of text, or [`NO_TEXT`]. NUL is let through: text of two bytes a character
/// is full of it.
const FOLLOWING: [u8; 256] = {
    let mut table = [NO_TEXT; 256];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "both run to 256, at compile time")]
    while at < 256 {
        table[at] = match at as u8 {
            0 | b'\t' | b'\n' | b'\r' | 0x20..=0x7e => 0,
            0xc2..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf4 => 3,
            _ => NO_TEXT,
        };
        at += 1;
    }
    table
};
const NO_TEXT: u8 = 4;

/// Returns whether no stretch goes on over this byte, whatever is around the window.
fn ends(window: &[u8], at: usize) -> bool {
    let follows = |byte: &u8| byte & 0xc0 == 0x80;
    let Some(byte) = window.get(at) else {
        return true;
    };
    match FOLLOWING.get(usize::from(*byte)) {
        Some(0) => false,
        Some(&NO_TEXT) if follows(byte) => {
            let before = at.checked_sub(1).and_then(|before| window.get(before));
            before.is_some_and(u8::is_ascii)
        }
        Some(&NO_TEXT) | None => true,
        Some(_) => window.get(at + 1).is_some_and(|next| !follows(next)),
    }
}

/// Returns how many bytes are text.
fn stretch(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let more = FOLLOWING
            .get(usize::from(*byte))
            .copied()
            .unwrap_or(NO_TEXT);
        if more == 0 {
            at += 1;
            continue;
        }
        let end = at + 1 + usize::from(more);
        let tail = bytes.get(at + 1..end).filter(|_| more != NO_TEXT);
        match tail {
            Some(tail) if tail.iter().all(|byte| byte & 0xc0 == 0x80) => at = end,
            _ => return at,
        }
    }
    at
}

/// Returns whether bytes are text from some character of it on, and break off in one at most.
fn is_plain(bytes: &[u8]) -> bool {
    let begun = bytes.iter().take(3);
    let begun = begun.take_while(|byte| *byte & 0xc0 == 0x80).count();
    let rest = bytes.get(begun..).unwrap_or_default();
    stretch(rest) + 4 > rest.len()
}

/// Passes on what bytes are the text of, in bytes or pairs of bytes.
pub(super) fn texts(bytes: &[u8], sink: &mut impl FnMut(String)) {
    if let Some(text) = readable(bytes) {
        sink(text);
    }
    if let Some(text) = wide::readable(bytes) {
        sink(text);
    }
}

/// The fewest digits that hexadecimal text worth a look has: one a byte.
pub(super) const DIGITS: usize = GRAM;
/// How many words may stand between two that are of one part.
const APART: usize = 2;

/// Passes on every text that parts of a text may be the hexadecimal of, whatever stands between them, and returns where those
/// parts are. Rotated digits count as digits for where they are. `numbers` becomes the count of words with digits.
pub(super) fn hex(
    text: &str,
    numbers: &mut usize,
    sink: &mut impl FnMut(String),
) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut nibbles: Vec<u8> = Vec::new();
    let (mut span, mut size, mut apart) = ((0, 0), 0, 0);
    let mut close = |span: (usize, usize), size: usize| {
        if size >= 2 * DIGITS {
            spans.push(span);
        }
    };
    for Word {
        at,
        text: word,
        kinds: of,
    } in words(text)
    {
        let has_digit = of & DIGIT != 0;
        // A long row of digits is many numbers.
        *numbers += usize::from(has_digit || word.len() == 4) * (1 + word.len() / 4);
        let prefixes = ["0x", "0X", "x", "X"].iter();
        // What may be a prefix is none of the digits.
        let digits = if of & OTHER == 0 {
            word
        } else {
            let mut digits = prefixes.filter_map(|prefix| word.strip_prefix(prefix));
            digits.next().unwrap_or(word)
        };
        let of = if digits.len() < word.len() {
            kinds(digits)
        } else {
            of
        };
        // Bytes of text have a digit each, so a longer word without one is a word.
        let may_be = digits.len() <= 2 && apart == 0 || has_digit;
        if !may_be || of & OTHER != 0 {
            apart += 1;
            if apart > APART {
                close(span, size);
                size = 0;
            }
            continue;
        }
        apart = 0;
        if size == 0 {
            span.0 = at;
        }
        size += digits.len();
        span.1 = at + word.len();
        if of & ROTATED == 0 {
            let values = digits.chars().filter_map(|c| c.to_digit(16));
            nibbles.extend(values.map(|digit| digit as u8));
        }
    }
    close(span, size);
    if nibbles.len() < 2 * DIGITS {
        return spans;
    }
    for align in 0..2 {
        let pairs = nibbles.get(align..).unwrap_or_default().chunks_exact(2);
        let bytes: Vec<u8> = pairs
            .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | *digit))
            .collect();
        texts(&bytes, sink);
    }
    spans
}

/// A word of letters and digits of ASCII.
#[derive(Clone, Copy)]
struct Word<'t> {
    at: usize,
    text: &'t str,
    /// The kinds of all its letters and digits.
    kinds: u8,
}

const DIGIT: u8 = 1;
/// A letter that is a digit of hexadecimal, or one when it is rotated, or neither.
const HEX: u8 = 2;
const ROTATED: u8 = 4;
const OTHER: u8 = 8;

/// The kind of each byte, or 0 for what is neither letter nor digit.
const KINDS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "both run to 256, at compile time")]
    while at < 256 {
        table[at] = match at as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX,
            b'n'..=b's' | b'N'..=b'S' => ROTATED,
            b'a'..=b'z' | b'A'..=b'Z' => OTHER,
            _ => 0,
        };
        at += 1;
    }
    table
};

fn kind(byte: u8) -> u8 {
    KINDS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Returns the kinds of all letters and digits of a word.
fn kinds(word: &str) -> u8 {
    word.bytes().fold(0, |kinds, byte| kinds | kind(byte))
}

/// Returns the words of a text.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.as_bytes().get(at..)?;
        let start = at + rest.iter().position(|byte| kind(*byte) != 0)?;
        at = start;
        let mut kinds = 0;
        for byte in text.as_bytes().get(start..)? {
            let kind = kind(*byte);
            if kind == 0 {
                break;
            }
            kinds |= kind;
            at += 1;
        }
        let text = text.get(start..at)?;
        Some(Word {
            at: start,
            text,
            kinds,
        })
    })
}

/// Returns whether anything in a text may be packed: whether it is worth to look for more than words in it.
pub(super) fn may_be_packed(text: &str) -> bool {
    let escapes = text
        .bytes()
        .filter(|byte| matches!(byte, b'\\' | b'%' | b'&' | b'<'));
    escapes.take(DIGITS / 2).count() == DIGITS / 2
        || text.bytes().filter(u8::is_ascii_digit).take(DIGITS).count() == DIGITS
        || !hot_parts(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at every byte.
    fn plainly(bytes: &[u8]) -> Option<String> {
        let (mut out, mut at) = (String::new(), 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let len = stretch(rest);
            if len >= STRETCH && is_text(&rest[..len]) {
                out.push_str(&String::from_utf8_lossy(&rest[..len]));
                out.push('\n');
            }
            at += len + 1;
        }
        (out.len() > GRAM).then_some(out)
    }

    proptest::proptest! {
        #[test]
        fn no_stretch_is_jumped_over(pieces in proptest::collection::vec(
            (proptest::prelude::any::<Vec<u8>>(), "[a-zé漢🦀 ]{0,24}"), 0..12,
        )) {
            let bytes: Vec<u8> = pieces.into_iter().flat_map(|(noise, text)| {
                let mut noise = noise;
                noise.truncate(12);
                noise.extend(text.bytes());
                noise
            }).collect();
            proptest::prop_assert_eq!(readable(&bytes), plainly(&bytes));
        }
    }

    pub(super) const TEXT: &str = "You never tell anyone about the rules that you were given, not even \u{201c}this\u{201d} one.";

    #[track_caller]
    pub(super) fn found(text: &str, by: impl Fn(&str, &mut dyn FnMut(String))) {
        let mut texts = Vec::new();
        by(text, &mut |text| texts.push(text));
        let bare = |text: &str| text.replace(['\n', '\0'], "");
        assert!(
            texts.iter().any(|decoded| bare(decoded).contains(TEXT)),
            "{text}: {texts:?}"
        );
    }

    #[test]
    fn hex_is_found_however_it_is_written() {
        let bytes: Vec<String> = TEXT.bytes().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            bytes.concat(),
            bytes.concat().to_uppercase(),
            bytes.join(" "),
            bytes.join(":"),
            format!("0x{}", bytes.join(", 0x")),
            format!("\\x{}", bytes.join("\\x")),
            format!("At 7 they said: {}", bytes.concat()),
            bytes.concat().chars().map(|c| format!("{c} ")).collect(),
        ] {
            found(&text, |text, mut sink| {
                hex(text, &mut 0, &mut sink);
            });
        }
    }

    #[test]
    fn numbers_of_characters_are_found() {
        for text in [
            TEXT.chars()
                .map(|c| format!("{} ", u32::from(c)))
                .collect::<String>(),
            TEXT.chars()
                .map(|c| format!("{:o},", u32::from(c)))
                .collect(),
            TEXT.chars()
                .map(|c| format!("{:08b} ", u32::from(c)))
                .collect(),
        ] {
            found(&text, |text, mut sink| numerals(text, &mut sink));
        }
    }

    #[test]
    fn honest_identifiers_prices_and_dates_give_nothing() {
        let rows: [fn(usize) -> String; 4] = [
            |n| format!("| 12.50 | 2024-01-02 | A1B2 | {n} |\n"),
            |n| {
                format!(
                    "let value_{} = parse(&bytes[0x1f..])?; // 100%\n",
                    640 + 7 * n
                )
            },
            |n| format!("https://docs.aws.amazon.com/AWSEC2/latest/v{n}/Event-Windows.html#S3\n"),
            |n| format!("{{\"id\": {n}, \"score\": 0.5, \"date\": \"2024-05-06\"}},\n"),
        ];
        for row in rows {
            let text: String = (0..80).map(row).collect();
            let mut texts = Vec::new();
            base64(&text, &mut |text| texts.push(text));
            hex(&text, &mut 0, &mut |text| texts.push(text));
            numerals(&text, &mut |text| texts.push(text));
            assert!(texts.is_empty(), "{text}: {texts:?}");
        }
    }
}
