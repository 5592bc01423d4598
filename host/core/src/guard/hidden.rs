//! Characters that are not shown and stand for others.

use super::print::GRAM;

/// So many characters of no width may be the bits of others.
const BITS: usize = 8 * 16;

/// Passes on what is written in characters that are not shown.
pub(super) fn each(text: &str, sink: &mut impl FnMut(String)) {
    let bytes = text.chars().filter_map(|c| match c {
        '\u{e0020}'..='\u{e007e}' => Some(u32::from(c) - 0xe0000),
        // Bytes as variation marks.
        '\u{fe00}'..='\u{fe0f}' => Some(u32::from(c) - 0xfe00),
        '\u{e0100}'..='\u{e01ef}' => Some(u32::from(c) - 0xe0100 + 16),
        _ => None,
    });
    let bytes: Vec<u8> = bytes.map(|byte| byte as u8).collect();
    if bytes.len() >= GRAM {
        sink(String::from_utf8_lossy(&bytes).into_owned());
    }
    bits(text, sink);
}

/// Passes on what two characters of no width are the bits of.
fn bits(text: &str, sink: &mut impl FnMut(String)) {
    let is_thin =
        |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let thin: Vec<char> = text.chars().filter(is_thin).collect();
    if thin.len() < BITS {
        return;
    }
    let count = |c: char| thin.iter().filter(|other| **other == c).count();
    let mut kinds: Vec<char> = thin.clone();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.sort_by_key(|c| std::cmp::Reverse(count(*c)));
    let [first, second, ..] = *kinds.as_slice() else {
        return;
    };
    for one in [first, second] {
        let bits: Vec<u8> = thin
            .iter()
            .filter(|c| [first, second].contains(c))
            .map(|c| u8::from(*c == one))
            .collect();
        let bytes = bits.chunks_exact(8);
        let bytes = bytes.map(|bits| bits.iter().fold(0, |sum, bit| sum << 1 | *bit));
        super::radix::texts(&bytes.collect::<Vec<_>>(), sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn found(hidden: &str, text: &str) {
        let mut texts = Vec::new();
        each(&format!("x{hidden}y"), &mut |text| texts.push(text));
        assert!(
            texts.iter().any(|found| found.trim_end() == text),
            "{texts:?}"
        );
    }

    #[test]
    fn hidden_characters_are_read() {
        let text = "a text that is not shown";
        let tag = |c: char| char::from_u32(u32::from(c) + 0xe0000);
        found(&text.chars().filter_map(tag).collect::<String>(), text);
        let text = "текст, которого не видно";
        let mark = |byte: u8| match byte {
            0..=15 => char::from_u32(0xfe00 + u32::from(byte)),
            _ => char::from_u32(0xe0100 + u32::from(byte) - 16),
        };
        found(&text.bytes().filter_map(mark).collect::<String>(), text);
        let bit = |byte: u8, at: u8| {
            if byte >> (7 - at) & 1 == 1 {
                '\u{200c}'
            } else {
                '\u{200b}'
            }
        };
        found(
            &text
                .bytes()
                .flat_map(|byte| (0..8).map(move |at| bit(byte, at)))
                .collect::<String>(),
            text,
        );
    }
}
