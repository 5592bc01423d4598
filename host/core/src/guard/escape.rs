//! Escapes: characters that stand for others. Reading is lenient, as whoever wants the text back would read.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Form;

/// How often escapes within escapes are resolved.
const LAYERS: usize = 6;

/// Returns the text with every escape resolved, also those within others, and of which kinds they were from the outside in;
/// nothing if there are none. Private texts are read in the same way, so it does no harm to resolve what they spell out.
pub(super) fn resolve(text: &str) -> Option<(String, Vec<Form>)> {
    let mut text = text.to_owned();
    let mut forms = Vec::new();
    for _ in 0..LAYERS {
        let before = forms.len();
        for (form, mark, one) in [
            (
                Form::Escapes,
                '\\',
                backslashes as fn(&str) -> Option<String>,
            ),
            (Form::Entities, '&', entities),
            (Form::Percent, '%', |text| hex_pairs(text, b'%')),
        ] {
            if text.contains(mark)
                && let Some(resolved) = one(&text)
            {
                text = resolved;
                forms.push(form);
            }
        }
        if forms.len() == before {
            break;
        }
    }
    (!forms.is_empty()).then_some((text, forms))
}

/// Returns the text with escapes of JSON and of programming languages resolved, or nothing if there are none.
pub(super) fn backslashes(text: &str) -> Option<String> {
    let mut out = Bytes::new(text.len());
    let (mut rest, mut any) = (text, false);
    while let Some((before, after)) = rest.split_once('\\') {
        out.text(before);
        rest = one_backslash(after, &mut out);
        any = true;
    }
    out.text(rest);
    any.then(|| out.finish())
}

/// Resolves what stands after a backslash and returns what follows it.
fn one_backslash<'t>(after: &'t str, out: &mut Bytes) -> &'t str {
    let Some(kind) = after.chars().next() else {
        return after;
    };
    let rest = after.get(kind.len_utf8()..).unwrap_or_default();
    match kind {
        'n' | 't' | 'r' | 'b' | 'f' | 'v' | 'a' => {
            out.text(" ");
            rest
        }
        'x' | 'X' => match hex(rest, 2) {
            Some((value, rest)) => {
                out.bytes.push(value as u8);
                rest
            }
            None => after,
        },
        'u' | 'U' => {
            let (braced, inner) = match rest.strip_prefix('{') {
                Some(inner) => (true, inner),
                None => (false, rest),
            };
            let digits = inner.bytes().take_while(u8::is_ascii_hexdigit).count();
            let width = match (braced, kind) {
                (true, _) => digits.min(6),
                (false, 'U') if digits >= 8 && inner.starts_with("00") => 8,
                _ => 4,
            };
            let Some((value, rest)) = hex(inner, width) else {
                return after;
            };
            let rest = if braced {
                rest.strip_prefix('}').unwrap_or(rest)
            } else {
                rest
            };
            out.unit(value);
            rest
        }
        '0'..='7' => {
            let digits = after
                .bytes()
                .take(3)
                .take_while(|b| matches!(b, b'0'..=b'7'))
                .count();
            let (octal, rest) = after.split_at_checked(digits).unwrap_or((after, ""));
            let value = octal
                .bytes()
                .fold(0_u32, |sum, b| sum * 8 + u32::from(b - b'0'));
            out.bytes.push(value as u8);
            rest
        }
        other => {
            out.text(other.encode_utf8(&mut [0; 4]));
            rest
        }
    }
}

fn hex(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    if digits == 0 || !number.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(number, 16).ok()?, rest))
}

/// Text in the making, of characters, bytes of characters, and halves of characters.
struct Bytes {
    bytes: Vec<u8>,
    half: Option<u32>,
}

impl Bytes {
    fn new(size: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(size),
            half: None,
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Takes a unit of UTF-16, or a whole character.
    fn unit(&mut self, value: u32) {
        let whole = match (self.half.take(), value) {
            (_, 0xd800..=0xdbff) => {
                self.half = Some(value);
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => 0x1_0000 + ((high - 0xd800) << 10) + (value - 0xdc00),
            (_, other) => other,
        };
        let c = char::from_u32(whole).unwrap_or(' ');
        self.text(c.encode_utf8(&mut [0; 4]));
    }

    fn finish(self) -> String {
        into_text(self.bytes)
    }
}

/// Returns bytes as text, whatever they are.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns the text with pairs of hexadecimal digits after a mark resolved, or nothing if there are none: `%20`, `=20`; and
/// `%u0020`, which URLs had once.
pub(super) fn hex_pairs(text: &str, mark: u8) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Bytes::new(bytes.len());
    let (mut at, mut any) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at + 1..).filter(|_| byte == mark);
        let wide = rest
            .filter(|_| mark == b'%')
            .and_then(|rest| hex(rest.strip_prefix(['u', 'U'])?, 4));
        if let Some((value, _)) = wide {
            any = true;
            out.unit(value);
            at += 6;
            continue;
        }
        // A line of mail that goes on.
        if mark == b'='
            && let Some(rest) = rest
            && let Some(after) = rest
                .strip_prefix("\r\n")
                .or_else(|| rest.strip_prefix('\n'))
        {
            at = bytes.len() - after.len();
            continue;
        }
        match rest.and_then(|rest| hex(rest, 2)) {
            Some((value, _)) => {
                any = true;
                out.bytes.push(value as u8);
                at += 3;
            }
            None => {
                out.bytes.push(byte);
                at += 1;
            }
        }
    }
    any.then(|| out.finish())
}

/// The longest entity that is looked at.
const ENTITY: usize = 32;

/// Returns the text with entities of HTML resolved, also those that nothing ends, or nothing if there are none.
fn entities(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut any) = (text, false);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let bytes = after.bytes().take(ENTITY).enumerate();
        let is_inside =
            |at: usize, byte: u8| byte.is_ascii_alphanumeric() || at == 0 && byte == b'#';
        let len = bytes.take_while(|(at, byte)| is_inside(*at, *byte)).count();
        let (name, end) = after.split_at_checked(len).unwrap_or((after, ""));
        let is_ended = end.starts_with(';');
        match entity(name, is_ended) {
            Some((c, used)) => {
                any = true;
                out.push(c);
                rest = after
                    .get(used + usize::from(is_ended && used == len)..)
                    .unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    any.then_some(out)
}

/// Returns the character of an entity, and how much of the name it is.
fn entity(name: &str, is_ended: bool) -> Option<(char, usize)> {
    if let Some(number) = name.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16),
            None => (number, 10),
        };
        let len = digits
            .find(|c: char| !c.is_digit(radix))
            .unwrap_or(digits.len());
        let value = u32::from_str_radix(digits.get(..len)?, radix).ok()?;
        let c = char::from_u32(value).unwrap_or(' ');
        return Some((c, name.len() - digits.len() + len));
    }
    let named = named(name).or_else(|| named(&name.to_ascii_lowercase()));
    match named {
        Some(c) => Some((c, name.len())),
        // What is ended like one stands for what is no letter.
        None => (is_ended && !name.is_empty()).then_some((' ', name.len())),
    }
}

/// The names that HTML has for characters, sorted.
static NAMES: LazyLock<HashMap<&str, char>> = LazyLock::new(|| {
    let names = entities::ENTITIES.iter().filter_map(|entity| {
        let name = entity.entity.strip_prefix('&')?.strip_suffix(';')?;
        Some((name, entity.characters.chars().next()?))
    });
    names.collect()
});

fn named(name: &str) -> Option<char> {
    NAMES.get(name).copied()
}

/// Returns the text without blanks, and without the one other character that stands between all others.
pub(super) fn closed_up(text: &str) -> String {
    let mut counts = [0_usize; 128];
    for byte in text.bytes() {
        let separates = byte.is_ascii_punctuation() && !b"\\%&#;<>/+=".contains(&byte);
        if separates && let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let most = counts.iter().enumerate().max_by_key(|(_, count)| **count);
    let filler = most
        .filter(|(_, count)| **count * 4 > text.len())
        .map(|(byte, _)| byte as u8);
    text.chars()
        .filter(|c| !c.is_whitespace() && u8::try_from(*c).ok() != filler.or(Some(b' ')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_resolve() {
        for (text, expected) in [
            (r"a\nb\u0063\x64\U00000065\u{66}\147", "a bcdefg"),
            (r"\ud83d\ude00 \/ \\ \q", "😀 / \\ q"),
            (r"\xc3\xa9", "é"),
            (r"\ud800x \u12", "x u12"),
            ("\\", ""),
        ] {
            assert_eq!(backslashes(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn pairs_resolve() {
        assert_eq!(
            hex_pairs("a%20b%c3%a9%zz%2", b'%').as_deref(),
            Some("a bé%zz%2")
        );
        assert_eq!(hex_pairs("100% é", b'%'), None);
    }

    #[test]
    fn entities_resolve() {
        assert_eq!(
            entities("&lt;a&gt; &#104;&#X69; &eacute;&hellip;&nope &AMP;").as_deref(),
            Some("<a> hi é…&nope &")
        );
        assert_eq!(entities("a & b; &&;"), None);
        assert_eq!(
            entities("&Ncy;&icy;&alpha;&#1046&#x436;&#104i &zhcy &hearts;").as_deref(),
            Some("НиαЖжhi ж ♥")
        );
    }

    #[test]
    fn escapes_within_escapes_resolve() {
        for (text, forms) in [
            ("%26%2397%3B", &[Form::Percent, Form::Entities][..]),
            ("&#37;61", &[Form::Entities, Form::Percent]),
            (r"\\u0061", &[Form::Escapes, Form::Escapes]),
        ] {
            assert_eq!(
                resolve(text),
                Some(("a".to_owned(), forms.to_vec())),
                "{text}"
            );
        }
        assert_eq!(resolve("a"), None);
    }

    #[test]
    fn what_stands_between_all_characters_goes() {
        assert_eq!(closed_up(r"\ u 0 0 6 8"), r"\u0068");
        assert_eq!(closed_up("%-6-8-%-6-9-"), "%68%69");
    }
}
