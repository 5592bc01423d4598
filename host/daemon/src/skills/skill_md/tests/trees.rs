//! Whole frontmatters, with values in values: whatever they hold and however they are laid out, the reader has the map that
//! was written, and it is the map that the YAML library has.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Number};

use super::super::{front, split};
use super::*;

/// Keys that mean something here, and keys that a careless reader would stumble over.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "name",
            "description",
            "when_to_use",
            "arguments",
            "input_schema",
            "output_schema",
            "metadata",
            "type",
            "properties",
            "required",
            "enum",
            "default",
            "on",
            "no",
            "null",
            "~",
            "1",
            "1.10",
            "---",
            "...",
            "- a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!a",
            "<<",
            "[x]",
            "{",
            "é",
            "",
            " ",
            "|",
            ">",
            "\"",
            "'",
            "\\",
            "%",
            "@",
            "`",
            "?",
            ":",
        ])
        .prop_map(str::to_owned),
        "[a-z_]{1,12}",
        "\\PC{1,12}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,30}",
        "\\PC{0,20}",
        proptest::sample::select(vec![
            "---",
            "a\n---\nb",
            "\n---\n",
            "...\n",
            "yes",
            "null",
            "1e3",
            "0x10",
            "1_000",
            "2001-01-01",
            "- x",
            "a: b",
            "\t",
            "line\n  deeper\nend",
            "# no",
            "key: |\n  x",
            "{a: [b]}",
            "\u{2028}",
            "\u{85}",
            "'",
            "\"",
            "\\n",
        ])
        .prop_map(str::to_owned),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::from),
        (-10_000_i32..10_000)
            .prop_map(|n| Number::from_f64(f64::from(n) / 8.0).map_or(Value::Null, Value::Number)),
        text().prop_map(Value::String),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((key(), inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Writes values as YAML, each in one of the ways there are; which one, `ways` decides.
struct Writer<'a> {
    ways: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    out: String,
}

impl Writer<'_> {
    fn way(&mut self) -> u8 {
        self.ways.next().copied().unwrap_or(0)
    }

    fn entries(&mut self, map: &Map<String, Value>, depth: usize) {
        for (key, value) in map {
            let is_word = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let is_plain = is_word && key.len() > 4 && !["false"].contains(&key.as_str());
            let key = match self.way() % 2 {
                0 if is_plain => key.clone(),
                1 if !key.contains(|c: char| {
                    c.is_control() || "\u{85}\u{2028}\u{2029}\u{feff}".contains(c)
                }) =>
                {
                    format!("'{}'", key.replace('\'', "''"))
                }
                _ => quoted(key),
            };
            self.out.push_str(&format!("{}{key}:", "  ".repeat(depth)));
            self.value(value, depth);
        }
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Object(map) if !map.is_empty() && !self.way().is_multiple_of(3) => {
                self.out.push('\n');
                self.entries(map, depth + 1);
            }
            Value::Array(items) if !items.is_empty() && !self.way().is_multiple_of(3) => {
                self.out.push('\n');
                for item in items {
                    self.out.push_str(&format!("{}-", "  ".repeat(depth + 1)));
                    self.value(item, depth + 1);
                }
            }
            Value::String(text) if is_block(text) && self.way().is_multiple_of(2) => {
                self.out.push_str(" |-\n");
                for line in text.split('\n') {
                    self.out
                        .push_str(&format!("{}{line}\n", "  ".repeat(depth + 1)));
                }
            }
            other => {
                let flow = flow(other);
                self.out.push_str(&format!(" {flow}\n"));
            }
        }
    }
}

/// Returns a text in quotes that everybody reads alike.
fn quoted(text: &str) -> String {
    let mut out = serde_json::to_string(text).expect("JSON");
    for odd in ['\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'] {
        out = out.replace(odd, &format!("\\u{:04x}", u32::from(odd)));
    }
    out
}

/// Returns a value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns whether a text can stand as a block: each of its lines begins and ends with something to see.
fn is_block(text: &str) -> bool {
    let is_line = |line: &str| {
        !line.is_empty()
            && line.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && line.trim() == line
    };
    text.contains('\n') && text.split('\n').all(is_line)
}

fn library(yaml: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options::<Value>(yaml, options).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_frontmatter_is_what_the_library_reads(
        entries in vec((key(), tree()), 1..6), input in text(), ways in vec(any::<u8>(), 1..24), body in text(), crlf: bool,
    ) {
        let mut map: Map<String, Value> = entries.into_iter().collect();
        map.insert("input".to_owned(), Value::String(input));
        let mut writer = Writer { ways: ways.iter().cycle(), out: String::new() };
        writer.entries(&map, 0);
        let yaml = writer.out;
        let known = library(&yaml);
        prop_assert_eq!(known.as_ref(), Some(&Value::Object(map.clone())), "{}", yaml);
        let mut file = format!("---\n{yaml}---\n{body}");
        if crlf {
            file = file.replace('\n', "\r\n");
        }
        let parts = split::split(&file).expect("it has an end");
        let wanted = if crlf { body.replace('\n', "\r\n") } else { body };
        prop_assert_eq!(parts.body, wanted.as_str());
        let mut warnings = Vec::new();
        let front = front::parse(parts.front.expect("it has one"), parts.front_line, &mut warnings);
        let front = front.expect("it is YAML").expect("it is a map");
        let read: Map<String, Value> = front
            .keys()
            .map(|key| (key.to_owned(), front.get(key).cloned().unwrap_or_default()))
            .collect();
        prop_assert_eq!(&read, &map, "{}", yaml);
        prop_assert!(warnings.is_empty(), "{warnings:?}");
        // What is made of it may be refused for what it says, never for how it is written.
        if let Err(error) = read_all(&file) {
            prop_assert!(!matches!(error, SkillMdError::Yaml { .. }), "{error}: {yaml}");
        }
    }
}

fn read_all(file: &str) -> Result<SkillMd, SkillMdError> {
    super::read(file.as_bytes(), "folder")
}
