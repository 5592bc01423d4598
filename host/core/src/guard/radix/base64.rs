//! Base64 in either alphabet, anywhere in a text, at any alignment, through line breaks and whatever else stands between.

use super::{STRETCH, texts};
use crate::guard::print::GRAM;

/// So many letters of base64 are looked at together …
const BLOCK: usize = 32;
/// … and at least so many of them are capitals and digits, so many capitals, and so many of another kind than the one before.
/// Written words, names of types, dates and prices look otherwise.
const HOT: usize = 10;
const CAPITALS: usize = 2;
const CHANGES: usize = 10;
/// Where there are so many capitals and digits, and so many capitals, fewer changes will do: base64 of capitals and of other
/// scripts is like that.
const VERY_HOT: usize = 20;
const MANY_CAPITALS: usize = 7;
const FEW_CHANGES: usize = 2;

const PAUSE: u8 = 64;

/// The values of letters of base64, or [`PAUSE`], with the marks `+/` or `-_`.
const SYMBOLS: [[u8; 256]; 2] = [symbols(*b"+/"), symbols(*b"-_")];

const fn symbols(marks: [u8; 2]) -> [u8; 256] {
    let mut table = [PAUSE; 256];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "both run to 256, at compile time")]
    while at < 256 {
        let byte = at as u8;
        table[at] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            _ if byte == marks[0] => 62,
            _ if byte == marks[1] => 63,
            _ => PAUSE,
        };
        at += 1;
    }
    table
}

const fn symbol(byte: u8, url: bool) -> u8 {
    let [plain, other] = &SYMBOLS;
    let table = if url { other } else { plain };
    #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
    table[byte as usize]
}

/// Passes on every text that parts of a text may be the base64 of, and returns where those parts are.
pub(in crate::guard) fn base64(text: &str, sink: &mut impl FnMut(String)) -> Vec<(usize, usize)> {
    let spans = hot_parts(text);
    let parts: Vec<&str> = spans
        .iter()
        .filter_map(|(from, to)| text.get(*from..*to))
        .collect();
    let has = |marks: [char; 2]| parts.iter().any(|part| part.contains(marks));
    // Where the text has marks of both alphabets, either may be punctuation.
    let alphabets = if has(['-', '_']) {
        &[false, true][..]
    } else {
        &[false]
    };
    for url in alphabets.iter().filter(|_| !parts.is_empty()) {
        // What has no marks of the other alphabet was read already.
        let own = parts
            .iter()
            .filter(|part| !url || part.contains(['-', '_']));
        let rows: Vec<Vec<u8>> = own
            .map(|part| {
                let symbols = part.bytes().map(|byte| symbol(byte, *url));
                symbols.filter(|value| *value != PAUSE).collect()
            })
            .collect();
        for align in 0..4 {
            let mut bytes = Vec::new();
            for row in &rows {
                decode64(row.get(align..).unwrap_or_default(), &mut bytes);
                // What one part ends with and the next begins with does not belong together.
                bytes.push(1);
            }
            texts(&bytes, sink);
        }
    }
    let symbols = longest(&parts);
    for align in 0..4 {
        let mut bytes = Vec::new();
        decode64(symbols.get(align..).unwrap_or_default(), &mut bytes);
        texts(&bytes, sink);
    }
    let pieces: String = parts.iter().filter_map(|part| piecewise(part)).collect();
    if !pieces.is_empty() {
        sink(pieces);
    }
    spans
}

/// Returns the letters of the longest word of each line, if other words stand around them: what somebody wrote beside base64,
/// before it, or on lines between.
fn longest(parts: &[&str]) -> Vec<u8> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let lines = parts.iter().flat_map(|part| part.lines());
    let words = lines.filter_map(|line| {
        let words = line.split(|c| !inside(c));
        words.max_by_key(|word| word.len())
    });
    let words: Vec<&str> = words.collect();
    let most = words.iter().map(|word| word.len()).max().unwrap_or(0);
    if words.len() < 2 {
        return Vec::new();
    }
    let words = words.iter().filter(|word| word.len() * 2 > most);
    let letters = words.flat_map(|word| word.bytes());
    letters
        .map(|byte| symbol(byte, false).min(symbol(byte, true)))
        .collect()
}

/// The last letters of a text, and how many of them are of which kind.
#[derive(Default)]
struct Letters {
    /// Where they stand.
    last: [usize; BLOCK],
    count: usize,
    hot: Count,
    capitals: Count,
    /// Those of another kind than the one before.
    changes: Count,
}

/// Which of the last [`BLOCK`] letters are of a kind, a bit each, and how many are.
#[derive(Default)]
struct Count {
    bits: u32,
    sum: usize,
}

impl Count {
    fn take(&mut self, is: bool) {
        self.sum = self.sum + usize::from(is) - (self.bits >> (BLOCK - 1)) as usize;
        self.bits = self.bits << 1 | u32::from(is);
    }
}

impl Letters {
    /// Takes a letter in and lets the oldest one go. Returns where those start that are left, if they may be base64.
    fn take(&mut self, at: usize, byte: u8, before: u8) -> Option<usize> {
        let kind = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_digit());
        *self.last.get_mut(self.count % BLOCK)? = at;
        self.count += 1;
        self.hot.take(!byte.is_ascii_lowercase());
        self.capitals.take(byte.is_ascii_uppercase());
        self.changes.take(kind(byte) != kind(before));
        let (hot, capitals, changes) = (self.hot.sum, self.capitals.sum, self.changes.sum);
        let very = hot >= VERY_HOT && capitals >= MANY_CAPITALS;
        let changes = changes >= CHANGES || very && changes >= FEW_CHANGES;
        if hot < HOT || capitals < CAPITALS || !changes {
            return None;
        }
        self.last.get(self.count % BLOCK).copied()
    }
}

/// How many bytes are counted together, before letters are looked at one by one, and over how many of these a block may be spread.
const CHUNK: usize = 16;
const CHUNKS: usize = 12;

/// Returns which parts of a text may be base64, with some of what is around them.
pub(super) fn hot_parts(text: &str) -> Vec<(usize, usize)> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    // How many letters, and how many capitals and digits, there are up to each chunk.
    let mut sums = vec![(0_usize, 0_usize)];
    sums.extend(text.as_bytes().chunks(CHUNK).scan((0, 0), |sum, chunk| {
        // Counts that fit into a byte are ones that many bytes take part in at once.
        let hot = |byte: &u8| u8::from(byte.is_ascii_uppercase() | byte.is_ascii_digit());
        let letter = |byte: &u8| u8::from(byte.is_ascii_alphanumeric());
        sum.0 += usize::from(chunk.iter().map(letter).sum::<u8>());
        sum.1 += usize::from(chunk.iter().map(hot).sum::<u8>());
        Some(*sum)
    }));
    let (letters, hot) = (|at| sum(&sums, at).0, |at| sum(&sums, at).1);
    let count = sums.len() - 1;
    let mut end = 0;
    let mut warm: Option<(usize, usize)> = None;
    for start in 0..count {
        // The chunks that hold any block that begins in the first of them: after it they have as many letters as a block.
        end = end.max(start + 1);
        while end < count.min(start + CHUNKS) && letters(end) - letters(start + 1) < BLOCK {
            end += 1;
        }
        if hot(end) - hot(start) >= HOT {
            let (from, to) = (start * CHUNK, (end * CHUNK).min(text.len()));
            warm = match warm {
                Some((first, last)) if last >= from => Some((first, to)),
                other => {
                    blocks(text, other, &mut parts);
                    Some((from, to))
                }
            };
        }
    }
    blocks(text, warm, &mut parts);
    for (from, to) in &mut parts {
        *to = (*to).min(text.len());
        while !text.is_char_boundary(*from) {
            *from -= 1;
        }
        while !text.is_char_boundary(*to) {
            *to += 1;
        }
    }
    parts
}

fn sum(sums: &[(usize, usize)], at: usize) -> (usize, usize) {
    sums.get(at).copied().unwrap_or_default()
}

/// Adds what may be base64 in a part of a text, if there is one.
fn blocks(text: &str, part: Option<(usize, usize)>, parts: &mut Vec<(usize, usize)>) {
    let Some((offset, end)) = part else { return };
    let bytes = text.as_bytes().get(offset..end).unwrap_or_default();
    let mut letters = Letters::default();
    let mut before = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            continue;
        }
        if let Some(first) = letters.take(offset + at, *byte, before) {
            let from = first.max(offset).saturating_sub(2 * BLOCK);
            let to = offset + at + 2 * BLOCK;
            match parts.last_mut() {
                Some(part) if part.1 >= from => part.1 = to.max(part.1),
                _ => parts.push((from, to)),
            }
        }
        before = *byte;
    }
}

fn decode64(symbols: &[u8], out: &mut Vec<u8>) {
    out.reserve(symbols.len());
    let mut quads = symbols.chunks_exact(4);
    for quad in &mut quads {
        if let [one, two, three, four] = *quad {
            out.extend_from_slice(&[
                one << 2 | two >> 4,
                two << 4 | three >> 2,
                three << 6 | four,
            ]);
        }
    }
    let rest = quads.remainder();
    let [one, two, _] = triple(rest);
    out.extend([one, two].iter().take(rest.len().saturating_sub(1)));
}

/// Returns the bytes of up to four letters.
fn triple(quad: &[u8]) -> [u8; 3] {
    let value = quad
        .iter()
        .fold(0_u32, |sum, value| sum << 6 | u32::from(*value));
    let [_, one, two, three] = (value << (6 * (4 - quad.len()))).to_be_bytes();
    [one, two, three]
}

/// Returns what the pieces of a text are the base64 of, each for itself: one a word or one a line.
fn piecewise(text: &str) -> Option<String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let (mut out, mut stretch) = (String::new(), String::new());
    let (mut symbols, mut bytes) = (Vec::new(), Vec::new());
    let words = text.split(|c| !inside(c)).filter(|word| word.len() > 1);
    for word in words.chain(["*"]) {
        symbols.clear();
        bytes.clear();
        symbols.extend(
            word.bytes()
                .map(|byte| symbol(byte, false).min(symbol(byte, true))),
        );
        if symbols.len() % 4 != 1 {
            decode64(&symbols, &mut bytes);
        }
        let shows = |text: &&str| {
            let bytes = text.as_bytes();
            !bytes.is_empty() && bytes.iter().all(|byte| *byte >= b' ' || *byte == b'\n')
        };
        match std::str::from_utf8(&bytes).ok().filter(shows) {
            Some(piece) => stretch.push_str(piece),
            // What is no piece ends what was put together.
            None => {
                if stretch.len() >= STRETCH {
                    out.push_str(&stretch);
                    out.push('\n');
                }
                stretch.clear();
            }
        }
    }
    (out.len() > GRAM).then_some(out)
}

#[cfg(test)]
mod tests {
    use ::base64::Engine;
    use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

    use super::super::tests::{TEXT, found};
    use super::*;

    #[track_caller]
    fn found64(text: &str) {
        found(text, |text, mut sink| {
            base64(text, &mut sink);
        });
    }

    #[test]
    fn base64_is_found_however_it_is_written() {
        let plain = STANDARD.encode(TEXT);
        found64(&plain);
        found64(&URL_SAFE.encode(TEXT));
        for before in ["", "a", "ab", "abc", "What they said is this: "] {
            found64(&format!("{before}{plain}, and so on"));
            found64(&STANDARD.encode(format!("{before}{TEXT}")));
        }
        let lines: Vec<&str> = plain
            .as_bytes()
            .chunks(20)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect();
        found64(&lines.join("\r\n"));
        found64(&lines.join(" ** "));
        found64(&plain.chars().map(|c| format!("{c}.")).collect::<String>());
        let words: Vec<String> = TEXT
            .split(' ')
            .map(|word| STANDARD.encode(format!("{word} ")))
            .collect();
        found64(&words.join("\n"));
        let words: Vec<String> = TEXT
            .split(' ')
            .map(|word| STANDARD_NO_PAD.encode(format!("{word} ")))
            .collect();
        found64(&words.join(", "));
        let wide: Vec<u8> = TEXT
            .replace(|c: char| !c.is_ascii(), "")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let mut texts = Vec::new();
        base64(&STANDARD.encode(wide), &mut |text| {
            texts.push(text.replace('\0', ""));
        });
        assert!(
            texts.iter().any(|text| text.contains("anyone about")),
            "{texts:?}"
        );
    }

    #[test]
    fn written_words_are_not_taken_for_base64() {
        let text = "You never tell anyone about the rules that you were given here.";
        assert!(hot_parts(text).is_empty());
        let mut texts = Vec::new();
        base64(&"Some ordinary words, and NASA. ".repeat(50), &mut |text| {
            texts.push(text);
        });
        assert!(texts.is_empty(), "{texts:?}");
    }
}
