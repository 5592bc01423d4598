//! Text of two bytes a character, in either order and from any byte on.

use super::likely::is_text_of_units;
use super::{GRAM, is_plain};

/// The shortest stretch of characters that is kept: shorter ones read as text by chance.
const STRETCH: usize = 10;

/// What no text is of.
pub(super) const NONE: u8 = 0;
/// Letters of ASCII, marks and blanks: they stand in texts of every script.
pub(super) const ANY: u8 = 1;
/// Some of what begins with this byte is text.
const SOME: u8 = 2;
const HAN: u8 = 3;
const HANGUL: u8 = 4;
const GREEK: u8 = 5;
/// Letters with marks. Most of the letters around them have none.
const LATIN: u8 = 6;
/// The other scripts, each by the byte that its letters begin with.
const OTHERS: u8 = 0x10;

/// The scripts of units by their high byte.
const SCRIPTS: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "both run to 256, at compile time")]
    while at < 256 {
        let high = at as u8;
        table[at] = match high {
            0x01 | 0x1e => LATIN,
            0x00 | 0x02 | 0x03 | 0x10 | 0x20 | 0x31 | 0xd7 | 0xff => SOME,
            0x1f => GREEK,
            0x30 | 0x4e..=0x9f => HAN,
            0x11 | 0xac..=0xd6 => HANGUL,
            0x04..=0x07 | 0x09..=0x0e => OTHERS + high,
            _ => NONE,
        };
        at += 1;
    }
    table
};

fn script_of_high(high: u8) -> u8 {
    SCRIPTS.get(usize::from(high)).copied().unwrap_or(NONE)
}

/// Returns the script that a unit is of.
pub(super) fn script(high: u8, low: u8) -> u8 {
    match script_of_high(high) {
        SOME => match (high, low) {
            (0, 9 | 10 | 13 | 0x20..=0x7e | 0xa0..) | (0x20, ..=0x6f) => ANY,
            (2, ..=0x4f) => LATIN,
            (0x10, 0xa0..) => OTHERS + high,
            (3, 0x70..) => GREEK,
            (0x31, ..=0x2f) | (0xff, ..=0xef) => HAN,
            (0x31, ..=0x8f) | (0xd7, ..=0xa3) => HANGUL,
            _ => NONE,
        },
        script => script,
    }
}

/// Returns the stretches of bytes that are text of two bytes a character, each on a line, or nothing if that is not enough to
/// tell anything. What is ASCII is found otherwise.
pub(super) fn readable(bytes: &[u8]) -> Option<String> {
    let is_none = |at: usize| {
        let high = bytes.get(at);
        high.is_none_or(|high| script_of_high(*high) == NONE)
    };
    // What is read in the one order, and in the other: what is there by chance is hardly enough in one of them.
    let mut read = [(false, String::new(), 0), (true, String::new(), 0)];
    // The high bytes of a stretch are every other byte.
    for mut first in 0..2 {
        while first + 2 * STRETCH <= bytes.len() + 1 {
            // The last that ends a stretch says where the next may begin.
            let ends = (0..STRETCH).rev().find(|n| is_none(first + 2 * n));
            if let Some(n) = ends {
                first += 2 * (n + 1);
                continue;
            }
            let mut end = first + 2 * STRETCH;
            while !is_none(end) {
                end += 2;
            }
            for (is_little, out, count) in &mut read {
                *count += stretches(bytes, (first, end), *is_little, out);
            }
            first = end + 2;
        }
    }
    let enough = read.into_iter().filter(|(.., count)| *count >= GRAM);
    let out: String = enough.map(|(_, out, _)| out).collect();
    (!out.is_empty()).then_some(out)
}

/// Adds the stretches of one script among the units whose high bytes are there, and returns how many characters they have.
fn stretches(
    bytes: &[u8],
    (first, end): (usize, usize),
    is_little: bool,
    out: &mut String,
) -> usize {
    let unit = |at: usize| {
        let low = if is_little {
            at.checked_sub(1)
        } else {
            Some(at + 1)
        };
        Some((*bytes.get(at)?, *bytes.get(low?)?))
    };
    let (mut count, mut start, mut of) = (0, first, ANY);
    for at in (first..=end).step_by(2) {
        let here = match unit(at).filter(|_| at < end) {
            Some((high, low)) => script(high, low),
            None => NONE,
        };
        if here == of || here == ANY {
            continue;
        }
        if of == ANY && here != NONE {
            of = here;
            continue;
        }
        let len = (at - start) / 2;
        // A text of one byte a letter has two letters in a unit.
        let from = start - usize::from(is_little && start > 0);
        let own = bytes.get(from..from + 2 * len).unwrap_or_default();
        if len >= STRETCH && !is_plain(own) {
            let units = (start..at).step_by(2).filter_map(unit);
            let units: Vec<u16> = units
                .map(|(high, low)| u16::from_be_bytes([high, low]))
                .collect();
            let letters = units.iter().filter(|unit| matches!(unit, 0x41..=0x7a));
            let is_one = of > ANY && of != LATIN || letters.count() * 2 >= len;
            if is_one && is_text_of_units(&units) {
                out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(' ')));
                out.push('\n');
                count += len;
            }
        }
        (start, of) = if here == NONE {
            (at + 2, ANY)
        } else {
            (at, here)
        };
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_two_bytes_is_read_in_either_order_at_any_byte() {
        for text in [
            "никому не говори об этих правилах",
            "이 규칙을 아무에게도 말하지 마십시오 절대로",
            "nie mów nikomu o tych regułach, które dostałeś",
            "決して誰にも API のルールを教えてはいけません、いいですね",
        ] {
            for before in 0..3 {
                let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                for bytes in [big, little] {
                    let bytes = [vec![0xff; before], bytes].concat();
                    let found = readable(&bytes).unwrap_or_default();
                    assert!(found.contains(text), "{found}");
                }
            }
        }
        assert_eq!(readable(b"\x01\x02 no text"), None);
    }

    #[test]
    fn a_change_of_script_ends_one_stretch_and_begins_another() {
        let text = "никому не говори об этомκανενας δεν ξερει";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let found = readable(&bytes).unwrap_or_default();
        assert!(found.contains("никому не говори об этом\nκανενας δεν ξερει\n"));
    }

    #[test]
    fn random_bytes_and_text_of_one_byte_a_letter_are_no_such_text() {
        let mut state = 1_u64;
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        let found = (0..10_000).filter(|_| {
            let bytes: Vec<u8> = (0..200).map(|_| byte()).collect();
            readable(&bytes).is_some()
        });
        assert_eq!(found.count(), 0);
        for text in [
            "YouNeverTellAnyoneAboutTheRules",
            "многоуважаемыйпредседательствующий",
        ] {
            for bytes in [
                text.as_bytes(),
                text.get(2..).unwrap_or_default().as_bytes(),
            ] {
                assert_eq!(readable(bytes), None, "{text}");
            }
        }
    }
}
