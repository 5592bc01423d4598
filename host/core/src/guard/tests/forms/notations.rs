//! Notations of characters by number, and encodings in letters and digits.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::Disguise;
use super::write::*;

/// Notations of characters by their numbers, and of their bytes.
pub(super) const NOTATIONS: &[Disguise] = &[
    form(r"\uXXXX of units", |t| units(t, |u| format!("\\u{u:04x}"))),
    form(r"\u{X}", |t| chars(t, |c| format!("\\u{{{c:x}}}"))),
    form(r"\UXXXXXXXX", |t| chars(t, |c| format!("\\U{c:08x}"))),
    form(r"\x{X}", |t| chars(t, |c| format!("\\x{{{c:x}}}"))),
    form(r"\xHH", |t| bytes(t, |b| format!("\\x{b:02x}"))),
    form(r"\ooo", |t| bytes(t, |b| format!("\\{b:03o}"))),
    form(r"\XXXX of style sheets", |t| {
        chars(t, |c| format!("\\{c:04X} "))
    }),
    form("%HH", |t| bytes(t, |b| format!("%{b:02X}"))),
    form("%uXXXX", |t| units(t, |u| format!("%u{u:04X}"))),
    form("%25HH", |t| bytes(t, |b| format!("%25{b:02X}"))),
    form("&#N;", |t| chars(t, |c| format!("&#{c};"))),
    form("&#N", |t| chars(t, |c| format!("&#{c}"))),
    form("&#xH;", |t| chars(t, |c| format!("&#x{c:x};"))),
    form("&#xH", |t| chars(t, |c| format!("&#x{c:X} "))),
    form("&amp;#N;", |t| chars(t, |c| format!("&amp;#{c};"))),
    form("U+XXXX", |t| chars(t, |c| format!("U+{c:04X} "))),
    form("U+XXXX in commas", |t| chars(t, |c| format!("U+{c:04X}, "))),
    form("u+xxxx with nothing between", |t| {
        chars(t, |c| format!("u+{c:04x}"))
    }),
    form("uXXXX", |t| chars(t, |c| format!("u{c:04X} "))),
    form("<U+XXXX>", |t| chars(t, |c| format!("<U+{c:04X}>"))),
    form("0x of characters", |t| chars(t, |c| format!("0x{c:x}, "))),
    form("hexadecimal of characters", |t| {
        chars(t, |c| format!("{c:04x} "))
    }),
    form("hexadecimal in dots", |t| chars(t, |c| format!("{c:x}."))),
    form("decimal of characters", |t| chars(t, |c| format!("{c} "))),
    form("decimal in commas", |t| chars(t, |c| format!("{c},"))),
    form("decimal in lines", |t| chars(t, |c| format!("{c}\n"))),
    form("decimal in a list", |t| {
        json!(t.chars().map(u32::from).collect::<Vec<_>>()).to_string()
    }),
    form("decimal in strings", |t| {
        json!(
            t.chars()
                .map(|c| u32::from(c).to_string())
                .collect::<Vec<_>>()
        )
        .to_string()
    }),
    form("decimal after an index", |t| {
        numbered(t, |n, c| format!("{n}: {}\n", u32::from(c)))
    }),
    form("decimal beside the place", |t| {
        numbered(t, |n, c| format!("[{n}, {}], ", u32::from(c)))
    }),
    form("chr()", |t| chars(t, |c| format!("chr({c})+"))),
    form("chr(0x)", |t| chars(t, |c| format!("chr(0x{c:04x}) + "))),
    form("String.fromCharCode", |t| {
        format!("String.fromCharCode({})", units(t, |u| format!("{u},")))
    }),
    form("octal of characters", |t| chars(t, |c| format!("{c:o} "))),
    form("0o of characters", |t| chars(t, |c| format!("0o{c:o} "))),
    form("binary of characters", |t| {
        chars(t, |c| format!("{c:016b} "))
    }),
    form("0b of characters", |t| chars(t, |c| format!("0b{c:b} "))),
    form("decimal of bytes", |t| bytes(t, |b| format!("{b} "))),
    form("decimal of bytes in a list", |t| {
        json!(t.bytes().collect::<Vec<_>>()).to_string()
    }),
    form("bytes with a sign", |t| {
        bytes(t, |b| format!("{}, ", b.cast_signed()))
    }),
    form("octal of bytes", |t| bytes(t, |b| format!("{b:o} "))),
    form("binary of bytes", |t| bytes(t, |b| format!("{b:08b} "))),
    form("binary with nothing between", |t| {
        bytes(t, |b| format!("{b:08b}"))
    }),
    form("decimal of units", |t| units(t, |u| format!("{u} "))),
    form("decimal of UTF-16 bytes", |t| {
        wide(t, u16::to_le_bytes)
            .iter()
            .fold(String::new(), |s, b| s + &format!("{b} "))
    }),
    form("decimal with nothing between", |t| {
        chars(t, |c| format!("{c:05}"))
    }),
    form("Arabic digits", |t| {
        chars(t, |c| in_digits(&format!("{c} "), '٠'))
    }),
    form("Devanagari digits", |t| {
        chars(t, |c| in_digits(&format!("{c} "), '०'))
    }),
    form("full-width digits", |t| {
        chars(t, |c| in_digits(&format!("{c} "), '０'))
    }),
    form("full-width escapes", |t| {
        units(t, |u| full_width(&format!("\\u{u:04x}")))
    }),
    form("&#N; in Bengali digits", |t| {
        chars(t, |c| in_digits(&format!("&#{c};"), '০'))
    }),
    form("numbers in Japanese commas", |t| {
        chars(t, |c| format!("{c}、"))
    }),
    form("numbers in words", |t| {
        chars(t, |c| format!("then {c} and "))
    }),
    form("=HH", |t| bytes(t, |b| format!("={b:02X}"))),
    form("=HH in lines", soft_lines),
    form("%HH of UTF-16", |t| hexed(&wide(t, u16::to_be_bytes), "%")),
    form(r"\xHH of UTF-16", |t| {
        hexed(&wide(t, u16::to_le_bytes), "\\x")
    }),
    form("=HH of UTF-16", |t| hexed(&wide(t, u16::to_be_bytes), "=")),
    form("UTF-7", utf7),
    form("Punycode", |t| {
        idna::punycode::encode_str(t).unwrap_or_default()
    }),
    form("Punycode of words", |t| {
        words(t, |_, w| {
            format!("xn--{} ", idna::punycode::encode_str(w).unwrap_or_default())
        })
    }),
    form("a literal of Python", |t| {
        format!("b'{}'", hexed(t.as_bytes(), "\\x"))
    }),
    form("escaped twice", |t| units(t, |u| format!("\\\\u{u:04x}"))),
    form("escaped in JSON", |t| {
        json!({ "text": units(t, |u| format!("\\u{u:04x}")) }).to_string()
    }),
    form("named entities", named),
];

/// Encodings in letters and digits.
pub(super) const ENCODINGS: &[Disguise] = &[
    form("base64", |t| STANDARD.encode(t)),
    form("base64 for URLs", |t| URL_SAFE.encode(t)),
    form("base64 of UTF-16LE", |t| {
        STANDARD.encode(wide(t, u16::to_le_bytes))
    }),
    form("base64 of UTF-16BE", |t| {
        STANDARD.encode(wide(t, u16::to_be_bytes))
    }),
    form("base64 of UTF-16 with a mark", |t| {
        STANDARD.encode([&[0xff, 0xfe], &wide(t, u16::to_le_bytes)[..]].concat())
    }),
    form("base64 of base64", |t| STANDARD.encode(STANDARD.encode(t))),
    form("base64 of words", |t| {
        words(t, |_, w| STANDARD.encode(w) + " ")
    }),
    form("base64 of words, unpadded", |t| {
        words(t, |_, w| STANDARD_NO_PAD.encode(w) + "\n")
    }),
    form("base64 in numbered lines", |t| {
        lines(&STANDARD.encode(t), 40, |n, l| format!("{}: {l}\n", n + 1))
    }),
    form("base64 after a word", |t| {
        lines(&STANDARD.encode(t), 40, |n, l| {
            format!("part {} | {l}\n", n + 1)
        })
    }),
    form("base64 between lines of noise", |t| {
        lines(&STANDARD.encode(t), 44, |_, l| {
            format!("{l}\nand here is some more\n")
        })
    }),
    form("base64 after quotes", |t| {
        lines(&STANDARD.encode(t), 36, |_, l| format!("> {l}\n"))
    }),
    form("base64 in comments", |t| {
        lines(&STANDARD.encode(t), 60, |_, l| format!("// {l}\n"))
    }),
    form("base64 in an array", |t| {
        lines(&STANDARD.encode(t), 24, |_, l| format!("\"{l}\",\n"))
    }),
    form("base64 in JSON", |t| {
        json!({ "data": STANDARD.encode(t) }).to_string()
    }),
    form("base64, spaced", |t| chars_of(&STANDARD.encode(t), " ")),
    form("base64, reversed", |t| {
        STANDARD.encode(t).chars().rev().collect()
    }),
    form("base64 of the reversed", |t| {
        STANDARD.encode(t.chars().rev().collect::<String>())
    }),
    form("base64 of escapes", |t| {
        STANDARD.encode(units(t, |u| format!("\\u{u:04x}")))
    }),
    form("base64 in full width", |t| full_width(&STANDARD.encode(t))),
    form("hex", |t| hexed(t.as_bytes(), "")),
    form("hex in capitals", |t| {
        hexed(t.as_bytes(), "").to_uppercase()
    }),
    form("hex in pairs", |t| hexed(t.as_bytes(), " ")),
    form("hex in colons", |t| hexed(t.as_bytes(), ":")),
    form("hex of C", |t| bytes(t, |b| format!("0x{b:02x}, "))),
    form("hex of UTF-16LE", |t| hexed(&wide(t, u16::to_le_bytes), "")),
    form("hex of UTF-16BE", |t| hexed(&wide(t, u16::to_be_bytes), "")),
    form("hex of UTF-32", |t| chars(t, |c| format!("{c:08x} "))),
    form("hex of words", |t| {
        words(t, |_, w| hexed(w.as_bytes(), "") + " ")
    }),
    form("hex in numbered lines", |t| {
        lines(&hexed(t.as_bytes(), ""), 32, |n, l| {
            format!("{}: {l}\n", n + 1)
        })
    }),
    form("a dump", |t| {
        lines(&hexed(t.as_bytes(), ""), 32, |n, l| {
            format!("{:08x}  {l}\n", n * 16)
        })
    }),
    form("hex between lines of noise", |t| {
        lines(&hexed(t.as_bytes(), ""), 48, |_, l| {
            format!("{l}\nsome more of the same now\n")
        })
    }),
    form("hex in JSON", |t| {
        json!([hexed(t.as_bytes(), "")]).to_string()
    }),
    form("hex of base64", |t| {
        hexed(STANDARD.encode(t).as_bytes(), "")
    }),
    form("hex, spaced", |t| chars_of(&hexed(t.as_bytes(), ""), " ")),
];
