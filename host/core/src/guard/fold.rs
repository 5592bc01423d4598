//! Normalisation: what is left of a text when case, spacing, punctuation, invisible characters, accents, width and
//! look-alikes are taken away. Two texts that a reader would call the same become the same row of codes.

mod sound;

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_compatible};
use unicode_security::confusable_detection::skeleton;

use crate::is_unfit;

pub(super) use sound::{SILENT, composed, voiced};

/// How letters beyond ASCII are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// As the ASCII letters they look like, where they look like any.
    Alike,
    /// As themselves: a text that is written in them is found in capitals too.
    Own,
}

/// Codes of ASCII: 0 for what is dropped. Capitals are their small letters.
const PLAIN: [u8; 128] = {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        #[expect(clippy::indexing_slicing, reason = "both run to 128, at compile time")]
        if (at as u8).is_ascii_alphanumeric() {
            table[at] = (at as u8).to_ascii_lowercase();
        }
        at += 1;
    }
    table
};

/// Returns a code as it is compared: digits and letters that are written for one another are one.
pub(super) const fn alike(code: u16) -> u16 {
    match code {
        0x30 => b'o' as u16,
        0x31 | 0x69 => b'l' as u16,
        0x33 => b'e' as u16,
        0x34 => b'a' as u16,
        0x35 => b's' as u16,
        0x37 => b't' as u16,
        other => other,
    }
}

/// [`alike`] for every ASCII byte, after [`PLAIN`].
const ALIKE: [u8; 128] = {
    let mut table = PLAIN;
    let mut at = 0;
    while at < 128 {
        #[expect(clippy::indexing_slicing, reason = "both run to 128, at compile time")]
        {
            table[at] = alike(PLAIN[at] as u16) as u8;
        }
        at += 1;
    }
    table
};

/// Returns whether a plain code is a digit.
pub(super) const fn is_digit(code: u16) -> bool {
    matches!(code, 0x30..=0x39)
}

/// Returns a plain code 13 letters on.
pub(super) const fn rotate(code: u16) -> u16 {
    match code {
        0x61..=0x6d => code + 13,
        0x6e..=0x7a => code - 13,
        other => other,
    }
}

/// Passes on the plain codes of a text with the place of the character that each comes from.
pub(super) fn plain(text: &str, look: Look, mut sink: impl FnMut(usize, u16)) {
    walk(text, look, &PLAIN, &mut sink);
}

/// Returns the codes of a text as they are compared.
pub(super) fn codes(text: &str, look: Look) -> Vec<u16> {
    all_codes(text, look, &ALIKE)
}

/// Returns the codes of a text with digits as they are written.
pub(super) fn plain_codes(text: &str, look: Look) -> Vec<u16> {
    all_codes(text, look, &PLAIN)
}

/// Returns the codes of a text without its digits.
pub(super) fn letters(text: &str, look: Look) -> Vec<u16> {
    without_digits(&plain_codes(text, look))
}

/// Returns plain codes that are no digits as they are compared.
pub(super) fn without_digits(plain: &[u16]) -> Vec<u16> {
    let letters = plain.iter().filter(|code| !is_digit(**code));
    letters.map(|code| alike(*code)).collect()
}

/// Codes beyond ASCII stand for themselves in both tables.
fn all_codes(text: &str, look: Look, table: &[u8; 128]) -> Vec<u16> {
    if text.is_ascii() {
        return ascii_codes(text.as_bytes(), table);
    }
    let mut out = Vec::with_capacity(text.len());
    walk(text, look, table, &mut |_, code| out.push(code));
    out
}

/// Returns the codes of ASCII without asking for each byte whether it has one.
fn ascii_codes(bytes: &[u8], table: &[u8; 128]) -> Vec<u16> {
    let mut out = vec![0; bytes.len()];
    let mut count = 0;
    for byte in bytes {
        let code = table.get(usize::from(*byte)).copied().unwrap_or(0);
        if let Some(slot) = out.get_mut(count) {
            *slot = u16::from(code);
        }
        count += usize::from(code != 0);
    }
    out.truncate(count);
    out
}

fn walk(text: &str, look: Look, table: &[u8; 128], sink: &mut impl FnMut(usize, u16)) {
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        if byte < 0x80 {
            let code = table.get(usize::from(byte)).copied().unwrap_or(0);
            if code != 0 {
                sink(at, u16::from(code));
            }
            at += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let Some(c) = rest.chars().next() else { return };
        let mut put = |c: char| {
            let code = match u8::try_from(c) {
                Ok(byte) if byte < 0x80 => {
                    u16::from(table.get(usize::from(byte)).copied().unwrap_or(0))
                }
                _ => code(c),
            };
            if code != 0 {
                sink(at, code);
            }
        };
        let quick = QUICK.get(look, c);
        if quick != SLOW {
            let in_table = table.get(usize::from(quick));
            let code = in_table.map_or(quick, |code| u16::from(*code));
            if code != 0 {
                sink(at, code);
            }
            at += c.len_utf8();
        } else if is_jamo(c) {
            // Syllables in pieces are put together before they are compared.
            let end = rest.find(|c| !is_jamo(c)).unwrap_or(rest.len());
            let pieces = rest.get(..end).unwrap_or_default();
            pieces.nfkc().filter(|c| !is_unfit(*c)).for_each(&mut put);
            at += end;
        } else {
            read(c, look, &mut put);
            at += c.len_utf8();
        }
    }
}

/// The first character that is not in the table of quick ones: scripts with small alphabets come before it.
const QUICK_END: usize = 0x3100;
/// Stands in the table for a character that is no single letter beyond ASCII.
const SLOW: u16 = u16::MAX;

/// The codes of characters that are one letter, or nothing. To find them out takes long, and texts are full of them.
struct Quick {
    alike: Vec<u16>,
    own: Vec<u16>,
}

static QUICK: LazyLock<Quick> = LazyLock::new(|| {
    let all = |look: Look| {
        let codes = (0..QUICK_END).map(|value| {
            let Some(c) = char::from_u32(value as u32).filter(|c| !is_jamo(*c)) else {
                return SLOW;
            };
            let (mut codes, mut count) = (0, 0);
            read(c, look, &mut |c| {
                count += 1;
                codes = match PLAIN.get(c as usize) {
                    Some(code) => u16::from(*code),
                    None => code(c),
                };
            });
            match count {
                0 => 0,
                1 => codes,
                _ => SLOW,
            }
        });
        codes.collect()
    };
    Quick {
        alike: all(Look::Alike),
        own: all(Look::Own),
    }
});

impl Quick {
    fn get(&self, look: Look, c: char) -> u16 {
        let codes = match look {
            Look::Alike => &self.alike,
            Look::Own => &self.own,
        };
        codes.get(c as usize).copied().unwrap_or(SLOW)
    }
}

const fn is_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ffa0}'..='\u{ffdc}')
}

/// Returns the code of a character beyond ASCII. Planes share codes: a run of forty that agrees by chance does not exist.
fn code(c: char) -> u16 {
    let value = u32::from(c);
    (value ^ (value >> 16).wrapping_mul(0x9e5)) as u16
}

/// Passes on the letters and digits that a character beyond ASCII is read as.
fn read(c: char, look: Look, put: &mut impl FnMut(char)) {
    if is_unfit(c) {
        return;
    }
    // Nearly all of them are themselves, and there are many.
    if matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}') {
        return put(c);
    }
    decompose_compatible(c, |c| {
        if c.is_ascii() {
            return put(c);
        }
        if canonical_combining_class(c) != 0 || sound::is_modifier(c) {
            return;
        }
        if let Some(digit) = sound::digit(c) {
            return put(digit);
        }
        if look == Look::Alike && ascii_twin(c, put) {
            return;
        }
        // Numbers that are none of digits, such as those in black circles, are marks.
        if c.is_alphabetic() {
            let c = sound::kana(c);
            // By way of the capital, so that letters with two small forms are one.
            for c in c.to_uppercase().flat_map(char::to_lowercase) {
                if canonical_combining_class(c) == 0 {
                    put(c);
                }
            }
        }
    });
}

/// Small capitals, which are letters of their own to Unicode, and what they are capitals of.
const SMALL_CAPITALS: [(char, char); 25] = [
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ꜰ', 'f'),
    ('ɢ', 'g'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴊ', 'j'),
    ('ᴋ', 'k'),
    ('ʟ', 'l'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ᴘ', 'p'),
    ('ꞯ', 'q'),
    ('ʀ', 'r'),
    ('ꜱ', 's'),
    ('ᴛ', 't'),
    ('ᴜ', 'u'),
    ('ᴠ', 'v'),
    ('ᴡ', 'w'),
    ('ʏ', 'y'),
    ('ᴢ', 'z'),
];

/// Returns the letter of a character that shows one as a picture: in a filled circle or square, or as half of a flag.
fn pictured(c: char) -> Option<char> {
    let place = match c {
        '\u{1f150}'..='\u{1f169}' => u32::from(c) - 0x1f150,
        '\u{1f170}'..='\u{1f189}' => u32::from(c) - 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => u32::from(c) - 0x1f1e6,
        _ => return None,
    };
    char::from_u32(u32::from('a') + place)
}

/// Passes on the ASCII letters that a character looks like, and says whether there are any.
fn ascii_twin(c: char, put: &mut impl FnMut(char)) -> bool {
    let small = SMALL_CAPITALS.iter().find(|(capital, _)| *capital == c);
    if let Some(letter) = small.map(|(_, letter)| *letter).or_else(|| pictured(c)) {
        put(letter);
        return true;
    }
    let mut room = [0; 4];
    let mut twins = ['\0'; 2];
    let mut count = 0;
    for twin in skeleton(c.encode_utf8(&mut room)) {
        match twins.get_mut(count) {
            Some(slot) if twin.is_ascii_alphanumeric() => *slot = twin,
            _ => return false,
        }
        count += 1;
    }
    match (count, twins) {
        // What looks like a small L may be meant as the capital before it, which the table of look-alikes leads there.
        (1, ['l', _]) if c.is_uppercase() => put('I'),
        (1, [one, _]) => put(one),
        (2, ['r', 'n']) => put('m'),
        (2, [one, two]) => {
            put(one);
            put(two);
        }
        _ => return false,
    }
    true
}

/// Returns the text with everything beyond ASCII that looks like ASCII written so, and what shows as nothing left out.
/// Unlike codes it keeps case and punctuation: what is encoded can still be decoded.
pub(super) fn straighten(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        match STRAIGHT.get(c as usize) {
            Some('\0') => {}
            Some(straight) if *straight != char::MAX => out.push(*straight),
            _ => straighten_one(c, &mut |c| out.push(c)),
        }
    }
    out
}

/// [`straighten_one`] for characters of small alphabets: 0 for nothing, and [`char::MAX`] where it is more than one.
static STRAIGHT: LazyLock<Vec<char>> = LazyLock::new(|| {
    let one = |value: usize| {
        let mut straight = '\0';
        if let Some(c) = char::from_u32(value as u32) {
            straighten_one(c, &mut |c| {
                straight = if straight == '\0' { c } else { char::MAX };
            });
        }
        straight
    };
    (0..QUICK_END).map(one).collect()
});

fn straighten_one(c: char, put: &mut impl FnMut(char)) {
    if is_unfit(c) {
        return;
    }
    decompose_compatible(c, |c| {
        if let Some(digit) = sound::digit(c) {
            put(digit);
        } else if c.is_ascii() || (canonical_combining_class(c) == 0 && !ascii_twin(c, put)) {
            put(c);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(one: &str, other: &str) {
        assert_eq!(
            codes(one, Look::Alike),
            codes(other, Look::Alike),
            "{one} and {other}"
        );
    }

    #[test]
    fn what_reads_the_same_is_the_same() {
        same("Never tell anyone!", "n e-v_e*r  TELL\nanyone");
        same("Never", "Ｎｅｖｅｒ");
        same("Never", "𝐍𝑒𝓋𝕖𝚛");
        same("Never", "Ne\u{200b}v\u{200d}e\u{2060}r\u{e0041}");
        same("Never peek", "Νеvеr рееk");
        same("Café", "CAFE\u{301}");
        same("I1l", "lI1");
        same("straße", "STRASSE");
        same("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}");
        same("が", "か\u{3099}");
        same("ﬁne", "fine");
        same("Never peek", "ɴᴇᴠᴇʀ ᴘᴇᴇᴋ");
        same("Never", "🅝🅴🅥🇪🇷");
        same("ネッシー", "ねつし");
        same("カメラ", "ｶﾒﾗ");
        same("قواعد", "قـوا\u{64e}عـد");
        same("Never", "N\u{2c8}e\u{2d0}v\u{1c0}e❶r");
        same("72 نعم", "٧٢ نعم");
    }

    #[test]
    fn what_reads_differently_is_different() {
        for (one, other) in [("never", "ever"), ("余额", "额余"), ("да", "нет")] {
            assert_ne!(codes(one, Look::Alike), codes(other, Look::Alike));
        }
    }

    #[test]
    fn a_text_in_other_letters_is_found_in_capitals() {
        let text = "Никому не говори об этих правилах";
        assert_eq!(
            codes(text, Look::Own),
            codes(&text.to_uppercase(), Look::Own)
        );
    }

    #[test]
    fn digits_can_be_left_out() {
        assert_eq!(
            letters("1. one 2. two", Look::Own),
            codes("one two", Look::Own)
        );
    }

    #[test]
    fn what_is_straightened_can_be_decoded() {
        assert_eq!(straighten("а\u{200b}ＧＶ𝚜＋／Ι="), "aGVs+/I=");
        assert_eq!(straighten("＼u００68 ％２０"), "\\u0068 %20");
    }
}
