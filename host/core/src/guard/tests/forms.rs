//! Forms that a text in any script may be asked for in. The bench of the guard measures how many are seen through.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;

use super::dress::Disguise;

/// The private texts, one in each script.
pub(crate) const SCRIPTS: [(&str, &str); 8] = [
    (
        "Latin",
        include_str!("../../../../../tests/fixtures/scripts/latin.md"),
    ),
    (
        "Cyrillic",
        include_str!("../../../../../tests/fixtures/scripts/cyrillic.md"),
    ),
    (
        "Greek",
        include_str!("../../../../../tests/fixtures/scripts/greek.md"),
    ),
    (
        "Arabic",
        include_str!("../../../../../tests/fixtures/scripts/arabic.md"),
    ),
    (
        "Devanagari",
        include_str!("../../../../../tests/fixtures/scripts/devanagari.md"),
    ),
    (
        "Han",
        include_str!("../../../../../tests/fixtures/scripts/han.md"),
    ),
    (
        "Kana",
        include_str!("../../../../../tests/fixtures/scripts/kana.md"),
    ),
    (
        "Hangul",
        include_str!("../../../../../tests/fixtures/scripts/hangul.md"),
    ),
];

const fn form(name: &'static str, put_on: fn(&str) -> String) -> Disguise {
    Disguise { name, put_on }
}

/// Notations of characters by their numbers, and of their bytes.
pub(crate) const NOTATIONS: &[Disguise] = &[
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
    form("=HH in lines", |t| soft_lines(t)),
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
pub(crate) const ENCODINGS: &[Disguise] = &[
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

/// Characters between, beside and instead of letters.
pub(crate) const LETTERS: &[Disguise] = &[
    form("as it is", str::to_owned),
    form("capitals", |t| t.to_uppercase()),
    form("decomposed", |t| t.nfd().collect()),
    form("composed for looks", |t| t.nfkc().collect()),
    form("spaced", |t| chars_of(t, " ")),
    form("no blanks", |t| t.split_whitespace().collect()),
    form("each on a line", |t| chars_of(t, "\n")),
    form("each on a line after a number", |t| {
        numbered(t, |n, c| format!("{}. {c}\n", n + 1))
    }),
    form("dashes between", |t| chars_of(t, "-")),
    form("strokes between", |t| chars_of(t, "|")),
    form("zero width between", |t| chars_of(t, "\u{200b}")),
    form("joiners between", |t| chars_of(t, "\u{200d}")),
    form("soft hyphens between", |t| chars_of(t, "\u{ad}")),
    form("variation selectors between", |t| chars_of(t, "\u{fe0f}")),
    form("kashida between", |t| chars_of(t, "\u{640}")),
    form("length marks between", |t| chars_of(t, "\u{30fc}")),
    form("modifier letters between", |t| chars_of(t, "\u{2b0}")),
    form("apostrophe letters between", |t| chars_of(t, "\u{2bc}")),
    form("stress marks between", |t| chars_of(t, "\u{2c8}")),
    form("click letters between", |t| chars_of(t, "\u{1c0}")),
    form("tone letters between", |t| chars_of(t, "\u{2e9}")),
    form("fillers of Hangul between", |t| chars_of(t, "\u{3164}")),
    form("accents above", |t| chars_of(t, "\u{301}")),
    form("strokes through", |t| chars_of(t, "\u{336}")),
    form("circles around", |t| chars_of(t, "\u{20dd}")),
    form("vowel signs of another script", |t| {
        chars_of(
            t,
            if t.contains('क') {
                "\u{b47}"
            } else {
                "\u{947}"
            },
        )
    }),
    form("points of Hebrew", |t| chars_of(t, "\u{5b8}")),
    form("superscripts between", |t| chars_of(t, "\u{2071}")),
    form("flags between", |t| words(t, |_, w| format!("{w} 🇩🇪 "))),
    form("a letter between", |t| chars_of(t, "x")),
    form("a letter of another script between", |t| chars_of(t, "Ж")),
    form("emoji between words", |t| {
        words(t, |_, w| format!("{w} 🎉 "))
    }),
    form("a word between words", |t| {
        words(t, |_, w| format!("{w} um "))
    }),
    form("noise between words", |t| {
        words(t, |n, w| format!("{w} {} ", NOISE[n % NOISE.len()]))
    }),
    form("variation selectors as bytes", |t| hidden(t)),
    form("bits of no width", bits),
    form("isolates around", |t| {
        words(t, |_, w| format!("\u{2067}{w}\u{2069} "))
    }),
];

/// Orders other than the text's.
pub(crate) const ORDERS: &[Disguise] = &[
    form("reversed", |t| t.chars().rev().collect()),
    form("words reversed", |t| {
        words(t, |_, w| w.chars().rev().collect::<String>() + " ")
    }),
    form("words backwards", |t| {
        t.split_whitespace().rev().collect::<Vec<_>>().join(" ")
    }),
    form("lines backwards", |t| {
        t.lines().rev().collect::<Vec<_>>().join("\n")
    }),
    form("lines reversed", |t| {
        t.lines()
            .map(|l| l.chars().rev().collect::<String>() + "\n")
            .collect()
    }),
    form("clusters reversed", clusters_reversed),
    form("reversed and spaced", |t| {
        chars_of(&t.chars().rev().collect::<String>(), " ")
    }),
];

/// Marks of lists, and of quotes and comments.
pub(crate) const LISTS: &[Disguise] = &[
    form("1.", |t| words(t, |n, w| format!("{}. {w}\n", n + 1))),
    form("a)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('a', n, 26)))
    }),
    form("(a)", |t| {
        words(t, |n, w| format!("({}) {w}\n", letter('a', n, 26)))
    }),
    form("(a) in a row", |t| {
        words(t, |n, w| format!("({}) {w} ", letter('a', n, 26)))
    }),
    form("A.", |t| {
        words(t, |n, w| format!("{}. {w}\n", letter('A', n, 26)))
    }),
    form("iv.", |t| {
        words(t, |n, w| format!("{}. {w}\n", ROMAN[n % ROMAN.len()]))
    }),
    form("①", |t| {
        words(t, |n, w| format!("{} {w}\n", letter('①', n, 20)))
    }),
    form("❶", |t| {
        words(t, |n, w| format!("{} {w}\n", letter('❶', n, 10)))
    }),
    form("а)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('а', n, 32)))
    }),
    form("α.", |t| {
        words(t, |n, w| format!("{}. {w}\n", letter('α', n, 17)))
    }),
    form("ア、", |t| {
        words(t, |n, w| format!("{}、{w}\n", letter('ア', n * 2, 40)))
    }),
    form("가.", |t| {
        words(t, |n, w| format!("{}. {w}\n", HANGUL[n % HANGUL.len()]))
    }),
    form("أ-", |t| {
        words(t, |n, w| format!("{}- {w}\n", ABJAD[n % ABJAD.len()]))
    }),
    form("क)", |t| {
        words(t, |n, w| format!("{}) {w}\n", letter('क', n, 20)))
    }),
    form("一、", |t| {
        words(t, |n, w| format!("{}、{w}\n", HAN[n % HAN.len()]))
    }),
    form("•", |t| words(t, |_, w| format!("• {w}\n"))),
    form("- [ ]", |t| words(t, |_, w| format!("- [ ] {w}\n"))),
    form("- [x]", |t| words(t, |_, w| format!("- [x] {w}\n"))),
    form("> ", |t| words(t, |_, w| format!("> {w}\n"))),
    form("// ", |t| words(t, |_, w| format!("// {w}\n"))),
    form("# ", |t| words(t, |_, w| format!("# {w}\n"))),
    form("REM ", |t| words(t, |_, w| format!("REM {w}\n"))),
    form("| |", |t| words(t, |_, w| format!("| {w} |\n"))),
    form("step by step", |t| {
        words(t, |n, w| format!("Step {}: {w}\n", n + 1))
    }),
    form("one word a line", |t| words(t, |_, w| format!("{w}\n"))),
    form("letters after a)", |t| {
        numbered(t, |n, c| format!("{}) {c}\n", letter('a', n, 26)))
    }),
    form("bold", |t| words(t, |_, w| format!("**{w}** "))),
];

/// Structure, whole and in part.
pub(crate) const STRUCTURES: &[Disguise] = &[
    form("a JSON string", |t| json!({ "result": t }).to_string()),
    form("a JSON array of words", |t| {
        json!(t.split_whitespace().collect::<Vec<_>>()).to_string()
    }),
    form("a JSON array of characters", |t| {
        json!(t.chars().map(String::from).collect::<Vec<_>>()).to_string()
    }),
    form("prose before JSON", |t| {
        format!("Here it is, as you asked:\n\n{}\n", object(t))
    }),
    form("a pipe of 5\" before JSON", |t| {
        format!("A 5\" pipe, then. {}\n", object(t))
    }),
    form("JSON in a fence", |t| {
        format!("```json\n{:#}\n```\nAnything else?", Value::from(object(t)))
    }),
    form("JSON lines", |t| {
        words(t, |n, w| json!({ "n": n, "w": w }).to_string() + "\n")
    }),
    form("JSON lines with a noise key", |t| {
        words(t, |n, w| {
            json!({ format!("k{n}zq"): NOISE[n % NOISE.len()], "w": w }).to_string() + "\n"
        })
    }),
    form("a noise key for every word", |t| {
        object_of(t, |n, w| {
            (format!("{}{n}qz", NOISE[n % NOISE.len()]), w.to_owned())
        })
    }),
    form("noise keys in many objects", |t| {
        words(t, |n, w| {
            json!({ format!("{}{n}", NOISE[n % NOISE.len()]): w }).to_string() + ", "
        })
    }),
    form("keys for values", |t| {
        object_of(t, |n, w| (w.to_owned(), NOISE[n % NOISE.len()].to_owned()))
    }),
    form("keys of numbers", |t| {
        object_with(t, |n, w| (w.to_owned(), Value::from(n)))
    }),
    form("keys of truths", |t| {
        words(t, |_, w| json!({ w: true }).to_string())
    }),
    form("values and noise", |t| {
        json!(
            t.split_whitespace()
                .enumerate()
                .flat_map(|(n, w)| [w.to_owned(), NOISE[n % NOISE.len()].to_owned()])
                .collect::<Vec<_>>()
        )
        .to_string()
    }),
    form("objects with noise", |t| {
        objects(
            t,
            |n, w| json!({ "noise": NOISE[n % NOISE.len()], "id": n, "word": w }),
        )
    }),
    form("JSON in JSON", |t| {
        json!({ "a": json!({ "b": t }).to_string() }).to_string()
    }),
    form("JSON in JSON in a fence", |t| {
        format!("Sure:\n```\n{}\n```", json!({ "a": object(t) }))
    }),
    form("JSON that breaks off", |t| {
        object(t).trim_end_matches(['}', '"']).to_owned()
    }),
    form("values cut in two", |t| {
        let half = |w: &str| {
            let c: Vec<char> = w.chars().collect();
            let (a, b) = c.split_at(c.len() / 2);
            [a.iter().collect::<String>(), b.iter().collect()]
        };
        json!(t.split_whitespace().map(half).collect::<Vec<_>>()).to_string()
    }),
    form("a dict of Python", |t| {
        words(t, |n, w| format!("{{'k{n}': '{w}'}}, "))
    }),
    form("YAML", |t| {
        words(t, |n, w| format!("- id: {n}\n  word: {w}\n"))
    }),
    form("YAML with noise keys", |t| {
        words(t, |n, w| format!("{}{n}: {w}\n", NOISE[n % NOISE.len()]))
    }),
    form("YAML with noise", |t| {
        words(t, |n, w| {
            format!("- noise: {}\n  word: {w}\n", NOISE[n % NOISE.len()])
        })
    }),
    form("TOML", |t| words(t, |n, w| format!("key{n}x = \"{w}\"\n"))),
    form("TOML with noise", |t| {
        words(t, |n, w| {
            format!(
                "[[row]]\nnoise = \"{}\"\nword = \"{w}\"\n",
                NOISE[n % NOISE.len()]
            )
        })
    }),
    form("INI", |t| {
        words(t, |n, w| format!("{}.{n}={w}\n", NOISE[n % NOISE.len()]))
    }),
    form("headers", |t| {
        words(t, |n, w| {
            format!("X-{}-{n}: {w}\r\n", NOISE[n % NOISE.len()])
        })
    }),
    form("CSV", |t| {
        words(t, |n, w| format!("{n},{w},{}\n", NOISE[n % NOISE.len()]))
    }),
    form("CSV in quotes", |t| {
        words(t, |n, w| {
            format!("\"{n}\",\"{w}\",\"{}\"\n", NOISE[n % NOISE.len()])
        })
    }),
    form("TSV", |t| {
        words(t, |n, w| format!("{}\t{w}\n", NOISE[n % NOISE.len()]))
    }),
    form("a table", |t| {
        words(t, |n, w| format!("| {} | {w} |\n", NOISE[n % NOISE.len()]))
    }),
    form("XML elements", |t| words(t, |_, w| format!("<w>{w}</w>\n"))),
    form("XML elements with noise", |t| {
        words(t, |n, w| {
            format!(
                "<row><noise>{}</noise><word>{w}</word></row>\n",
                NOISE[n % NOISE.len()]
            )
        })
    }),
    form("XML attributes", |t| {
        words(t, |n, w| format!("<w id=\"{n}\" t=\"{w}\"/>\n"))
    }),
    form("XML attributes with noise", |t| {
        words(t, |n, w| {
            format!("<w noise=\"{}\" t=\"{w}\"/>\n", NOISE[n % NOISE.len()])
        })
    }),
    form("noise in long tags", |t| {
        words(t, |n, w| {
            format!(
                "<span class=\"{}\">{w}</span> ",
                NOISE[n % NOISE.len()].repeat(80)
            )
        })
    }),
    form("comments between", |t| {
        words(t, |n, w| {
            format!("{w}<!-- {} -->", NOISE[n % NOISE.len()].repeat(40))
        })
    }),
    form("links", |t| {
        words(t, |n, w| {
            format!("[{w}](https://example.org/{}) ", NOISE[n % NOISE.len()])
        })
    }),
    form("assignments", |t| {
        words(t, |n, w| {
            format!("let {}{n} = \"{w}\";\n", NOISE[n % NOISE.len()])
        })
    }),
    form("S-expressions", |t| {
        words(t, |n, w| {
            format!("({}{n} \"{w}\")\n", NOISE[n % NOISE.len()])
        })
    }),
    form("a query", |t| words(t, |n, w| format!("k{n}={w}&"))),
    form("LaTeX", |t| words(t, |_, w| format!("\\textbf{{{w}}} "))),
];

/// Returns all forms.
pub(crate) fn all() -> impl Iterator<Item = &'static Disguise> {
    [NOTATIONS, ENCODINGS, LETTERS, ORDERS, LISTS, STRUCTURES]
        .into_iter()
        .flatten()
}

const NOISE: [&str; 23] = [
    "apple", "river", "seven", "cloud", "table", "green", "hammer", "music", "pepper", "window",
    "yellow", "garden", "copper", "silver", "basket", "candle", "doctor", "engine", "forest",
    "guitar", "helmet", "island", "jacket",
];
const ROMAN: [&str; 12] = [
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
];
const HANGUL: [char; 14] = [
    '가', '나', '다', '라', '마', '바', '사', '아', '자', '차', '카', '타', '파', '하',
];
const ABJAD: [char; 10] = ['أ', 'ب', 'ج', 'د', 'ه', 'و', 'ز', 'ح', 'ط', 'ي'];
const HAN: [char; 10] = ['一', '二', '三', '四', '五', '六', '七', '八', '九', '十'];

fn letter(first: char, n: usize, of: usize) -> char {
    char::from_u32(u32::from(first) + (n % of) as u32).unwrap_or(first)
}

fn chars(text: &str, write: impl Fn(u32) -> String) -> String {
    text.chars().map(|c| write(c.into())).collect()
}

fn units(text: &str, write: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(write).collect()
}

fn bytes(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// Returns the words of a text, as one a row: a script without blanks has four letters in each.
fn words(text: &str, write: impl Fn(usize, &str) -> String) -> String {
    split(text)
        .iter()
        .enumerate()
        .map(|(n, word)| write(n, word))
        .collect()
}

fn split(text: &str) -> Vec<String> {
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

fn numbered(text: &str, write: impl Fn(usize, char) -> String) -> String {
    let letters = text.chars().filter(|c| !c.is_whitespace());
    letters.enumerate().map(|(n, c)| write(n, c)).collect()
}

fn lines(text: &str, size: usize, write: impl Fn(usize, &str) -> String) -> String {
    let letters: Vec<char> = text.chars().collect();
    let lines = letters.chunks(size).enumerate();
    lines
        .map(|(n, line)| write(n, &line.iter().collect::<String>()))
        .collect()
}

fn chars_of(text: &str, between: &str) -> String {
    text.chars().map(|c| format!("{c}{between}")).collect()
}

fn hexed(bytes: &[u8], before: &str) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{before}{byte:02x}");
        out
    })
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

fn in_digits(text: &str, zero: char) -> String {
    let digit = |c: char| {
        c.to_digit(10)
            .and_then(|value| char::from_u32(u32::from(zero) + value))
    };
    text.chars().map(|c| digit(c).unwrap_or(c)).collect()
}

fn full_width(text: &str) -> String {
    let wide = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(wide).collect()
}

fn soft_lines(text: &str) -> String {
    let packed = bytes(text, |b| format!("={b:02X}"));
    lines(&packed, 75, |_, line| format!("{line}=\r\n"))
}

fn utf7(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bytes: Vec<u8> = word.encode_utf16().flat_map(u16::to_be_bytes).collect();
        format!("+{}-", STANDARD_NO_PAD.encode(bytes))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Letters by the names that HTML has for them, as far as it has any.
fn named(text: &str) -> String {
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

fn hidden(text: &str) -> String {
    let mark = |byte: u8| match byte {
        0..=15 => char::from_u32(0xfe00 + u32::from(byte)),
        _ => char::from_u32(0xe0100 + u32::from(byte) - 16),
    };
    format!(
        "nothing here{}",
        text.bytes().filter_map(mark).collect::<String>()
    )
}

fn bits(text: &str) -> String {
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

fn clusters_reversed(text: &str) -> String {
    let mut clusters: Vec<String> = Vec::new();
    for c in text.chars() {
        match clusters.last_mut() {
            Some(last) if unicode_normalization::char::is_combining_mark(c) => last.push(c),
            _ => clusters.push(c.to_string()),
        }
    }
    clusters.into_iter().rev().collect()
}

fn object(text: &str) -> String {
    object_of(text, |n, w| (format!("k{n}"), w.to_owned()))
}

fn object_of(text: &str, field: impl Fn(usize, &str) -> (String, String)) -> String {
    object_with(text, |n, w| {
        let (key, value) = field(n, w);
        (key, Value::from(value))
    })
}

fn object_with(text: &str, field: impl Fn(usize, &str) -> (String, Value)) -> String {
    let words = split(text);
    let fields = words.iter().enumerate().map(|(n, word)| field(n, word));
    Value::Object(fields.collect::<Map<_, _>>()).to_string()
}

fn objects(text: &str, object: impl Fn(usize, &str) -> Value) -> String {
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
