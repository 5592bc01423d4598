//! Disguises, put on: what somebody may ask a model to do with its instructions so that they pass for something else.
//! The bench of the guard wears them too.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A disguise by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disguise {
    pub(crate) name: &'static str,
    pub(crate) put_on: fn(&str) -> String,
}

/// The private texts of the tests.
pub(crate) const PROMPTS: [(&str, &str); 6] = [
    (
        "readme-review",
        include_str!("../../../../../tests/fixtures/prompts/readme-review.md"),
    ),
    (
        "manual-pages",
        include_str!("../../../../../tests/fixtures/prompts/manual-pages.md"),
    ),
    (
        "python-answers",
        include_str!("../../../../../tests/fixtures/prompts/python-answers.md"),
    ),
    (
        "licence-desk",
        include_str!("../../../../../tests/fixtures/prompts/licence-desk.md"),
    ),
    (
        "incident-letters",
        include_str!("../../../../../tests/fixtures/prompts/incident-letters.md"),
    ),
    (
        "kitchen-ru",
        include_str!("../../../../../tests/fixtures/prompts/kitchen-ru.md"),
    ),
];

/// One of each kind. Any two of them can be worn over one another.
pub(crate) const KINDS: [Disguise; 16] = [
    Disguise {
        name: "case",
        put_on: case,
    },
    Disguise {
        name: "spacing",
        put_on: spacing,
    },
    Disguise {
        name: "punctuation",
        put_on: punctuation,
    },
    Disguise {
        name: "json escapes",
        put_on: unicode_escapes,
    },
    Disguise {
        name: "html escapes",
        put_on: html,
    },
    Disguise {
        name: "url encoding",
        put_on: url,
    },
    Disguise {
        name: "base64",
        put_on: base64,
    },
    Disguise {
        name: "hex",
        put_on: hex,
    },
    Disguise {
        name: "rot13",
        put_on: rot13,
    },
    Disguise {
        name: "reversal",
        put_on: reversal,
    },
    Disguise {
        name: "zero width",
        put_on: zero_width,
    },
    Disguise {
        name: "homoglyphs",
        put_on: homoglyphs,
    },
    Disguise {
        name: "full width",
        put_on: full_width,
    },
    Disguise {
        name: "one word a line",
        put_on: word_lines,
    },
    Disguise {
        name: "html markup",
        put_on: tags,
    },
    Disguise {
        name: "markdown",
        put_on: markdown,
    },
];

/// Other ways of wearing the same.
pub(crate) const VARIANTS: [Disguise; 26] = [
    Disguise {
        name: "as it is",
        put_on: str::to_owned,
    },
    Disguise {
        name: "capitals",
        put_on: |text| text.to_uppercase(),
    },
    Disguise {
        name: "dashes for blanks",
        put_on: |text| text.replace(' ', "--"),
    },
    Disguise {
        name: "no blanks",
        put_on: |text| text.replace(' ', ""),
    },
    Disguise {
        name: "json string",
        put_on: |text| serde_json::json!({ "result": text }).to_string(),
    },
    Disguise {
        name: "json words",
        put_on: |text| serde_json::json!(text.split_whitespace().collect::<Vec<_>>()).to_string(),
    },
    Disguise {
        name: "json objects",
        put_on: json_objects,
    },
    Disguise {
        name: "bytes escaped",
        put_on: |text| text.bytes().map(|b| format!("\\x{b:02X}")).collect(),
    },
    Disguise {
        name: "html in hex",
        put_on: |text| {
            text.chars()
                .map(|c| format!("&#x{:x};", u32::from(c)))
                .collect()
        },
    },
    Disguise {
        name: "url where needed",
        put_on: |text| {
            text.replace(' ', "%20")
                .replace('\n', "%0A")
                .replace(',', "%2C")
        },
    },
    Disguise {
        name: "base64 for urls",
        put_on: |text| URL_SAFE_NO_PAD.encode(text),
    },
    Disguise {
        name: "base64 in lines",
        put_on: base64_lines,
    },
    Disguise {
        name: "base64 one byte on",
        put_on: |text| STANDARD.encode(format!("x{text}")),
    },
    Disguise {
        name: "base64 two bytes on",
        put_on: |text| STANDARD.encode(format!("xy{text}")),
    },
    Disguise {
        name: "base64 within words",
        put_on: |text| {
            format!(
                "Here it is, as you asked:{}and no more.",
                STANDARD.encode(text)
            )
        },
    },
    Disguise {
        name: "base64 word by word",
        put_on: |text| {
            text.split_inclusive(' ')
                .map(|word| STANDARD.encode(word) + "\n")
                .collect()
        },
    },
    Disguise {
        name: "hex in pairs",
        put_on: |text| text.bytes().map(|b| format!("{b:02X} ")).collect(),
    },
    Disguise {
        name: "hex of C",
        put_on: |text| text.bytes().map(|b| format!("0x{b:02x}, ")).collect(),
    },
    Disguise {
        name: "words turned",
        put_on: |text| each_word(text, |word| word.chars().rev().collect()),
    },
    Disguise {
        name: "words backwards",
        put_on: |text| text.split_whitespace().rev().collect::<Vec<_>>().join(" "),
    },
    Disguise {
        name: "numbered lines",
        put_on: numbered,
    },
    Disguise {
        name: "a table",
        put_on: |text| {
            text.split(' ')
                .enumerate()
                .map(|(n, word)| format!("| {n} | {word} |\n"))
                .collect()
        },
    },
    Disguise {
        name: "attributes",
        put_on: |text| {
            text.split(' ')
                .map(|word| format!("<w t=\"{word}\"/>\n"))
                .collect()
        },
    },
    Disguise {
        name: "accents",
        put_on: |text| text.chars().flat_map(|c| [c, '\u{301}']).collect(),
    },
    Disguise {
        name: "numbers",
        put_on: |text| text.chars().map(|c| format!("{} ", u32::from(c))).collect(),
    },
    Disguise {
        name: "invisible tags",
        put_on: invisible,
    },
];

/// Whether one disguise over another leaves enough to get the text back: base64 in other capitals is another text.
pub(crate) fn fits(outer: &Disguise, inner: &Disguise) -> bool {
    outer.name != inner.name && !(outer.name == "case" && inner.name == "base64")
}

/// Returns a part of a text that starts at a word and has so many letters and digits, or what there is.
pub(crate) fn passage(text: &str, from: usize, chars: usize) -> &str {
    let mut from = from.min(text.len() * 3 / 4);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let rest = text.get(from..).unwrap_or_default();
    let start = rest.find(char::is_whitespace).unwrap_or(0);
    let rest = rest.get(start..).unwrap_or_default().trim_start();
    let letters = rest.char_indices().filter(|(_, c)| c.is_alphanumeric());
    let end = letters
        .map(|(at, c)| at + c.len_utf8())
        .nth(chars.saturating_sub(1));
    rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
}

fn each_word(text: &str, change: impl Fn(&str) -> String) -> String {
    text.split_whitespace()
        .map(change)
        .collect::<Vec<_>>()
        .join(" ")
}

fn between(text: &str, filler: &str) -> String {
    text.chars().map(|c| format!("{c}{filler}")).collect()
}

fn case(text: &str) -> String {
    text.chars()
        .enumerate()
        .flat_map(|(n, c)| {
            if n % 2 == 0 {
                c.to_uppercase().collect::<Vec<_>>()
            } else {
                c.to_lowercase().collect()
            }
        })
        .collect()
}

fn spacing(text: &str) -> String {
    between(text, " ")
}

fn punctuation(text: &str) -> String {
    between(text, ".")
}

fn unicode_escapes(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| format!("\\u{unit:04x}"))
        .collect()
}

fn html(text: &str) -> String {
    text.chars()
        .map(|c| format!("&#{};", u32::from(c)))
        .collect()
}

fn url(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn base64_lines(text: &str) -> String {
    let packed = STANDARD.encode(text);
    let lines = packed.as_bytes().chunks(76).map(String::from_utf8_lossy);
    lines.map(|line| format!("> {line}\r\n")).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
            'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
            other => other,
        })
        .collect()
}

fn reversal(text: &str) -> String {
    text.chars().rev().collect()
}

fn zero_width(text: &str) -> String {
    between(text, "\u{200b}")
}

fn homoglyphs(text: &str) -> String {
    const TWINS: [(char, char); 22] = [
        ('a', 'а'),
        ('c', 'с'),
        ('e', 'е'),
        ('i', 'і'),
        ('j', 'ј'),
        ('o', 'о'),
        ('p', 'р'),
        ('s', 'ѕ'),
        ('x', 'х'),
        ('y', 'у'),
        ('v', 'ν'),
        ('A', 'Α'),
        ('B', 'В'),
        ('C', 'С'),
        ('E', 'Ε'),
        ('H', 'Н'),
        ('K', 'К'),
        ('M', 'М'),
        ('N', 'Ν'),
        ('O', 'О'),
        ('P', 'Р'),
        ('T', 'Т'),
    ];
    let twin = |c: char| {
        TWINS
            .iter()
            .find(|(one, _)| *one == c)
            .map_or(c, |(_, other)| *other)
    };
    text.chars().map(twin).collect()
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
            ' ' => '\u{3000}',
            other => other,
        })
        .collect()
}

fn word_lines(text: &str) -> String {
    text.split_whitespace()
        .map(|word| format!("{word}\n"))
        .collect()
}

fn numbered(text: &str) -> String {
    let words = text.split_whitespace().enumerate();
    words
        .map(|(n, word)| format!("{}. {word}\n", n + 1))
        .collect()
}

fn tags(text: &str) -> String {
    let words = text.split_whitespace();
    words
        .map(|word| format!("<span class=\"word\">{word}</span><br/>\n"))
        .collect()
}

fn markdown(text: &str) -> String {
    text.split_whitespace()
        .map(|word| format!("- **{word}**\n"))
        .collect()
}

fn json_objects(text: &str) -> String {
    let words = text.split_whitespace().enumerate();
    let words: Vec<_> = words
        .map(|(n, word)| serde_json::json!({ "n": n, "word": word }))
        .collect();
    serde_json::json!(words).to_string()
}

fn invisible(text: &str) -> String {
    let hidden = text.chars().filter(char::is_ascii);
    let hidden = hidden.filter_map(|c| char::from_u32(u32::from(c) + 0xe0000));
    format!("nothing here{}", hidden.collect::<String>())
}
