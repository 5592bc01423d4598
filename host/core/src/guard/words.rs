//! Encodings that take a text word by word, each in letters of ASCII: UTF-7 and Punycode.

use ::base64::Engine;
use ::base64::alphabet::{IMAP_MUTF7, STANDARD};
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::print::GRAM;

/// So many words of UTF-7 are a text.
pub(super) const LEAST: usize = 4;
/// What an encoded name of a host begins with.
pub(super) const PREFIX: &str = "xn--";
/// A word that is so long may be the Punycode of a text.
pub(super) const LONG: usize = 24;

/// Over how many lines a text is looked for that is packed as a whole.
const LINES: usize = 8;
/// How much may be unpacked in one text: 8 KiB at once, or many short lines.
const WORK: usize = 1 << 26;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const MAIL: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, LENIENT);

/// Returns the text with words of UTF-7 resolved, `+BB0EOA-`, and of the form of it that mailboxes have, `&BB0EOA-`; nothing if there
/// are none.
pub(super) fn utf7(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut count) = (text, 0);
    while let Some(at) = rest.find(['+', '&']) {
        let (before, after) = rest.split_at_checked(at)?;
        out.push_str(before);
        let (mark, after) = after.split_at_checked(1)?;
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | ',');
        let len = after.find(|c| !inside(c)).unwrap_or(after.len());
        let (word, end) = after.split_at_checked(len)?;
        match decode(word, mark) {
            Some(decoded) => {
                count += 1;
                out.push_str(&decoded);
                rest = end.strip_prefix('-').unwrap_or(end);
            }
            None => {
                out.push_str(mark);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    (count >= LEAST).then_some(out)
}

fn decode(word: &str, mark: &str) -> Option<String> {
    let engine = if mark == "&" { &MAIL } else { &PLAIN };
    // What a stream breaks off in has some bits too many.
    let whole = word.len() - usize::from(word.len() % 4 == 1);
    let bytes = engine.decode(word.get(..whole)?).ok()?;
    let units = bytes.chunks_exact(2).map(|pair| match *pair {
        [one, two] => u16::from_be_bytes([one, two]),
        _ => 0,
    });
    let text = char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .ok()?;
    (!text.is_empty()).then_some(text)
}

/// Passes on the text with names of hosts resolved, and what lines are the Punycode of as a whole.
pub(super) fn punycode(text: &str, sink: &mut impl FnMut(String)) {
    if text.contains(PREFIX) {
        let names: String = text
            .split_whitespace()
            .map(|word| name(word) + " ")
            .collect();
        sink(names);
    }
    let mut starts = vec![0];
    let (mut end, mut work) = (0, 0_usize);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let tail = line.trim_end().rsplit_once('-');
        let tail = tail.map_or(line.trim_end(), |(_, tail)| tail);
        if tail.len() >= LONG && tail.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            // What is packed begins on this line, or on one of those before it.
            for start in starts.iter().rev().take(LINES) {
                // To unpack takes as long as the square of what is packed.
                work += (end - start).pow(2);
                if work > WORK {
                    return;
                }
                let packed = text.get(*start..end).unwrap_or_default().trim_end();
                let decoded = idna::punycode::decode_to_string(packed);
                let is_text =
                    |text: &String| text.chars().filter(|c| !c.is_ascii()).count() >= GRAM;
                decoded.filter(is_text).into_iter().for_each(&mut *sink);
            }
        }
        starts.push(end);
    }
}

/// Returns a word with the name of a host in it resolved.
fn name(word: &str) -> String {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let Some((before, packed)) = word.split_once(PREFIX) else {
        return word.to_owned();
    };
    // What ends the name may be a mark of the text, and be part of what is packed.
    let end = packed.find(|c| !inside(c)).unwrap_or(packed.len());
    let ways = [packed, packed.get(..end).unwrap_or_default()];
    let decoded = ways.into_iter().find_map(idna::punycode::decode_to_string);
    format!("{before}{}", decoded.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf7_resolves() {
        let text = "+BB0EOAQ6BD4EPAQ9- +BD0ENQ- +BDMEPgQyBD4EQAQ4- +BD4EMQ- x";
        assert!(
            utf7(text).is_some_and(|text| text.contains(" не ") || text.contains("говори")),
            "{:?}",
            utf7(text)
        );
        assert_eq!(utf7("1+1 and a+b, &c."), None);
    }

    #[test]
    fn punycode_resolves() {
        let text = "никому не говори об этих правилах";
        let words: Vec<String> = text
            .split(' ')
            .map(|word| format!("xn--{}", idna::punycode::encode_str(word).expect("it fits")))
            .collect();
        let whole = idna::punycode::encode_str(text).expect("it fits");
        for packed in [words.join(" "), format!("Here:\n{whole}\n")] {
            let mut texts = Vec::new();
            punycode(&packed, &mut |text| texts.push(text));
            assert!(
                texts.iter().any(|found| found.contains(text)),
                "{packed}: {texts:?}"
            );
        }
    }
}
