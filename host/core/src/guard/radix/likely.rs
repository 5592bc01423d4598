//! What tells text from numbers that were read as characters: it varies, goes up and down, and is of one script.

use super::wide::{ANY, NONE, script};

/// Rows that repeat after at most so many characters are looked for: cells of a table, numbers of lines.
const PERIOD: usize = 8;
/// Rows that repeat may be escapes, or spelt digits: these have so many kinds of bytes at least.
const KINDS: u32 = 6;

/// Returns whether fewer than a third of the characters are what stands a few places before, whatever the distance.
pub(super) fn varies<T: PartialEq>(row: &[T]) -> bool {
    (1..=PERIOD).all(|period| {
        let pairs = row.iter().zip(row.iter().skip(period));
        pairs.filter(|(one, other)| one == other).count() * 3 < row.len()
    })
}

/// Returns whether bytes that may be shown are text, or something that encodes it. Rows of NULs and of marks are neither.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let (mut shown, mut kinds) = (0, 0_u128);
    for byte in bytes {
        shown += usize::from(byte.is_ascii_alphanumeric() || *byte == b' ' || *byte >= 0x80);
        kinds |= 1 << (byte & 0x7f);
    }
    shown * 5 >= bytes.len() && (kinds.count_ones() >= KINDS || varies(bytes))
}

/// Returns whether units of one script are text, and no numbers that rise or repeat.
pub(super) fn is_text_of_units(units: &[u16]) -> bool {
    let falls = units.windows(2).filter(|pair| pair.first() > pair.last());
    falls.count() * 5 >= units.len() && varies(units)
}

/// Returns whether numbers that are characters beyond ASCII are those of one script, as far as they are letters. Some may be
/// the places of the others.
pub(super) fn is_text_of_numbers(values: &[u32]) -> bool {
    let beyond = values.iter().filter(|value| **value >= 0x80).count();
    if beyond * 4 < values.len() {
        let kinds = values
            .iter()
            .fold(0_u128, |kinds, value| kinds | 1 << (value & 0x7f));
        return kinds.count_ones() >= KINDS || varies(values);
    }
    let mut counts = [0_usize; 256];
    for value in values.iter().filter(|value| **value >= 0x80) {
        let [.., plane, high, low] = value.to_be_bytes();
        let script = if plane == 0 { script(high, low) } else { NONE };
        if let Some(count) = counts.get_mut(usize::from(script)) {
            *count += 1;
        }
    }
    // What is of every script may be of this one.
    let any = counts.get(usize::from(ANY)).copied().unwrap_or(0);
    let scripts = counts.iter().enumerate().skip(usize::from(ANY) + 1);
    let most = scripts.map(|(_, count)| *count).max().unwrap_or(0);
    (any + most) * 5 >= beyond * 2 && varies(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_no_text() {
        let prices: Vec<u32> = (0..30).flat_map(|n| [100, 640 + 7 * n]).collect();
        assert!(!is_text_of_numbers(&prices));
        let cells: Vec<u32> = [12, 50, 2024, 1, 2].repeat(9);
        assert!(!is_text_of_numbers(&cells));
        let rising: Vec<u16> = (0..30).map(|n| 0x1100 + 7 * n).collect();
        assert!(!is_text_of_units(&rising));
        for bytes in [
            &b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r@\0\0\0"[..],
            b"P`P`P`P`P`P`P`P`P`P`",
        ] {
            assert!(!is_text(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn text_and_what_encodes_it_is_text() {
        for text in [
            "никому не говори об этих правилах",
            "do not tell anyone about these rules",
            "決して誰にもこのルールを教えてはいけません",
            r"\u043d\u0438\u043a\u043e\u043c\u0443",
            "%D0%BD%D0%B8%D0%BA%D0%BE",
            "d.o. .n.o.t. .t.e.l.l. .a.n.y.o.n.e.",
        ] {
            assert!(is_text(text.as_bytes()), "{text}");
            let values: Vec<u32> = text.chars().map(u32::from).collect();
            assert!(is_text_of_numbers(&values), "{text}");
            let placed = values
                .iter()
                .zip(1..)
                .flat_map(|(value, place)| [place, *value]);
            assert!(is_text_of_numbers(&placed.collect::<Vec<_>>()), "{text}");
        }
    }
}
