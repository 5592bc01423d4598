//! Text of two bytes a character, in either order and from any byte on.

use super::GRAM;

/// The shortest stretch of characters that is kept: shorter ones read as text by chance.
const STRETCH: usize = 10;

/// Returns the stretches of bytes that are text of two bytes a character, each on a line, or nothing if that is not enough to
/// tell anything. What is ASCII is found otherwise.
pub(super) fn readable(bytes: &[u8]) -> Option<String> {
    let (mut out, mut count) = (String::new(), 0);
    for from in 0..2 {
        for swapped in [false, true] {
            let pairs = bytes.get(from..).unwrap_or_default().chunks_exact(2);
            let units = pairs.map(|pair| match *pair {
                [one, two] if swapped => u16::from_le_bytes([one, two]),
                [one, two] => u16::from_be_bytes([one, two]),
                _ => 0,
            });
            count += stretches(units, &mut out);
        }
    }
    (count >= GRAM).then_some(out)
}

/// Adds the stretches of units that may be text, and returns how many characters they have.
fn stretches(units: impl Iterator<Item = u16>, out: &mut String) -> usize {
    let (mut count, mut row) = (0, Vec::new());
    for unit in units.chain([0]) {
        if may_be_text(unit) {
            row.push(unit);
            continue;
        }
        if row.len() >= STRETCH && row.iter().any(|unit| *unit > 0xff) {
            count += row.len();
            out.extend(char::decode_utf16(row.iter().copied()).map(|c| c.unwrap_or(' ')));
            out.push('\n');
        }
        row.clear();
    }
    count
}

/// Returns whether a unit is of a script that people write, or a mark or blank between its words.
pub(super) const fn may_be_text(unit: u16) -> bool {
    matches!(unit,
        9 | 10 | 13 | 0x20..=0x7e | 0xa0..=0x24f | 0x370..=0x6ff | 0x900..=0xdff | 0xe00..=0xeff | 0x10a0..=0x10ff
        | 0x1100..=0x11ff | 0x1e00..=0x206f | 0x3000..=0x30ff | 0x3130..=0x318f | 0x4e00..=0x9fff | 0xac00..=0xd7a3
        | 0xff00..=0xffef)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_two_bytes_is_read_in_either_order_at_any_byte() {
        for text in [
            "никому не говори об этих правилах",
            "이 규칙을 아무에게도 말하지 마십시오 절대로",
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
}
