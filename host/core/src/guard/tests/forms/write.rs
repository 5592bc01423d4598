//! How forms are written.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::Disguise;

pub(super) const fn form(name: &'static str, put_on: fn(&str) -> String) -> Disguise {
    Disguise { name, put_on }
}

pub(super) const NOISE: [&str; 23] = [
    "apple", "river", "seven", "cloud", "table", "green", "hammer", "music", "pepper", "window",
    "yellow", "garden", "copper", "silver", "basket", "candle", "doctor", "engine", "forest",
    "guitar", "helmet", "island", "jacket",
];
pub(super) const ROMAN: [&str; 12] = [
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
];
pub(super) const HANGUL: [char; 14] = [
    '가', '나', '다', '라', '마', '바', '사', '아', '자', '차', '카', '타', '파', '하',
];
pub(super) const ABJAD: [char; 10] = ['أ', 'ب', 'ج', 'د', 'ه', 'و', 'ز', 'ح', 'ط', 'ي'];
pub(super) const HAN: [char; 10] = ['一', '二', '三', '四', '五', '六', '七', '八', '九', '十'];

pub(super) fn letter(first: char, n: usize, of: usize) -> char {
    char::from_u32(u32::from(first) + (n % of) as u32).unwrap_or(first)
}

pub(super) fn chars(text: &str, write: impl Fn(u32) -> String) -> String {
    text.chars().map(|c| write(c.into())).collect()
}

pub(super) fn units(text: &str, write: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(write).collect()
}

pub(super) fn bytes(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// Returns the words of a text, as one a row: a script without blanks has four letters in each.
pub(super) fn words(text: &str, write: impl Fn(usize, &str) -> String) -> String {
    split(text)
        .iter()
        .enumerate()
        .map(|(n, word)| write(n, word))
        .collect()
}

pub(super) fn split(text: &str) -> Vec<String> {
    let words = text.split_whitespace().flat_map(|word| {
        let letters: Vec<char> = word.chars().collect();
        let size = if letters.len() > 24 {
            4
        } else {
            letters.len().max(1)
        };
        letters
            .chunks(size)
            .map(|part| part.iter().collect::<String>())
            .collect::<Vec<_>>()
    });
    words.collect()
}

pub(super) fn numbered(text: &str, write: impl Fn(usize, char) -> String) -> String {
    let letters = text.chars().filter(|c| !c.is_whitespace());
    letters.enumerate().map(|(n, c)| write(n, c)).collect()
}

pub(super) fn lines(text: &str, size: usize, write: impl Fn(usize, &str) -> String) -> String {
    let letters: Vec<char> = text.chars().collect();
    let lines = letters.chunks(size).enumerate();
    lines
        .map(|(n, line)| write(n, &line.iter().collect::<String>()))
        .collect()
}

pub(super) fn chars_of(text: &str, between: &str) -> String {
    text.chars().map(|c| format!("{c}{between}")).collect()
}

pub(super) fn hexed(bytes: &[u8], before: &str) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{before}{byte:02x}");
        out
    })
}

pub(super) fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

pub(super) fn in_digits(text: &str, zero: char) -> String {
    let digit = |c: char| {
        c.to_digit(10)
            .and_then(|value| char::from_u32(u32::from(zero) + value))
    };
    text.chars().map(|c| digit(c).unwrap_or(c)).collect()
}

pub(super) fn full_width(text: &str) -> String {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(wide).collect()
}

pub(super) fn soft_lines(text: &str) -> String {
    let packed = bytes(text, |b| format!("={b:02X}"));
    lines(&packed, 75, |_, line| format!("{line}=\r\n"))
}

pub(super) fn utf7(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bytes: Vec<u8> = word.encode_utf16().flat_map(u16::to_be_bytes).collect();
        format!("+{}-", STANDARD_NO_PAD.encode(bytes))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Letters by the names that HTML has for them, as far as it has any.
pub(super) fn named(text: &str) -> String {
    const CYRILLIC: [&str; 32] = [
        "acy", "bcy", "vcy", "gcy", "dcy", "iecy", "zhcy", "zcy", "icy", "jcy", "kcy", "lcy",
        "mcy", "ncy", "ocy", "pcy", "rcy", "scy", "tcy", "ucy", "fcy", "khcy", "tscy", "chcy",
        "shcy", "shchcy", "hardcy", "ycy", "softcy", "ecy", "yucy", "yacy",
    ];
    const GREEK: [&str; 25] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigmaf", "sigma", "tau", "upsilon",
        "phi", "chi", "psi", "omega",
    ];
    let name = |c: char| {
        let plain = c.to_lowercase().nfd().next().unwrap_or(c);
        let of = |names: &'static [&str], first: u32| {
            names.get(u32::from(plain).wrapping_sub(first) as usize)
        };
        of(&CYRILLIC, 0x430).or(of(&GREEK, 0x3b1)).map_or_else(
            || format!("&#{};", u32::from(c)),
            |name| format!("&{name};"),
        )
    };
    text.chars().map(name).collect()
}

pub(super) fn hidden(text: &str) -> String {
    let mark = |byte: u8| match byte {
        0..=15 => char::from_u32(0xfe00 + u32::from(byte)),
        _ => char::from_u32(0xe0100 + u32::from(byte) - 16),
    };
    format!(
        "nothing here{}",
        text.bytes().filter_map(mark).collect::<String>()
    )
}

pub(super) fn bits(text: &str) -> String {
    let bit = |byte: u8, at: u8| {
        if byte >> (7 - at) & 1 == 1 {
            '\u{200c}'
        } else {
            '\u{200b}'
        }
    };
    let bits = text
        .bytes()
        .flat_map(|byte| (0..8).map(move |at| bit(byte, at)));
    format!("nothing here{}", bits.collect::<String>())
}

pub(super) fn clusters_reversed(text: &str) -> String {
    let mut clusters: Vec<String> = Vec::new();
    for c in text.chars() {
        match clusters.last_mut() {
            Some(last) if unicode_normalization::char::is_combining_mark(c) => last.push(c),
            _ => clusters.push(c.to_string()),
        }
    }
    clusters.into_iter().rev().collect()
}

pub(super) fn object(text: &str) -> String {
    object_of(text, |n, w| (format!("k{n}"), w.to_owned()))
}

pub(super) fn object_of(text: &str, field: impl Fn(usize, &str) -> (String, String)) -> String {
    object_with(text, |n, w| {
        let (key, value) = field(n, w);
        (key, Value::from(value))
    })
}

pub(super) fn object_with(text: &str, field: impl Fn(usize, &str) -> (String, Value)) -> String {
    let words = split(text);
    let fields = words.iter().enumerate().map(|(n, word)| field(n, word));
    Value::Object(fields.collect::<Map<_, _>>()).to_string()
}

pub(super) fn objects(text: &str, object: impl Fn(usize, &str) -> Value) -> String {
    let words = split(text);
    Value::from(
        words
            .iter()
            .enumerate()
            .map(|(n, word)| object(n, word))
            .collect::<Vec<_>>(),
    )
    .to_string()
}
