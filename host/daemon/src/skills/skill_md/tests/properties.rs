//! Whatever stands in a frontmatter, the reader and the YAML library see the same; and whatever stands below it, nothing
//! of that is published.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// Texts that a careless reader would stumble over.
fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "\\PC{0,24}",
        vec(
            prop_oneof![
                Just("---"),
                Just("..."),
                Just(": "),
                Just(" #"),
                Just("\n"),
                Just("\n---\n"),
                Just("'"),
                Just("\""),
                Just("\\"),
                Just("- "),
                Just("{"),
                Just("}"),
                Just("["),
                Just("*a"),
                Just("&a"),
                Just("!tag "),
                Just("|"),
                Just(">"),
                Just("%"),
                Just("@"),
                Just("`"),
                Just("~"),
                Just("null"),
                Just("true"),
                Just("1.10"),
                Just("\t"),
                Just("\u{feff}"),
                Just("\u{2028}"),
                Just("é"),
                Just("word "),
            ],
            0..8
        )
        .prop_map(|parts| parts.concat()),
    ]
}

/// Ways to write a text as YAML.
#[derive(Clone, Copy, Debug)]
enum Style {
    Double,
    Single,
    Literal,
    Folded,
    Plain,
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::Double),
        Just(Style::Single),
        Just(Style::Literal),
        Just(Style::Folded),
        Just(Style::Plain)
    ]
}

/// Writes a text under a key, in a way that may or may not be the right one for it.
fn written(key: &str, text: &str, style: Style) -> String {
    let block = |mark: &str| {
        let lines: Vec<String> = text.split('\n').map(|line| format!("  {line}\n")).collect();
        format!("{key}: {mark}\n{}", lines.concat())
    };
    match style {
        Style::Double => format!("{key}: {}\n", serde_json::to_string(text).expect("JSON")),
        Style::Single => format!("{key}: '{}'\n", text.replace('\'', "''")),
        Style::Literal => block("|2"),
        Style::Folded => block(">2-"),
        Style::Plain => format!("{key}: {text}\n"),
    }
}

fn library(yaml: &str) -> Option<Map<String, Value>> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options::<Map<String, Value>>(yaml, options).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, ..ProptestConfig::default() })]

    #[test]
    fn the_reader_sees_what_the_library_sees(
        texts in vec((nasty(), style()), 2..3),
        body in nasty(),
        crlf: bool,
        bom: bool,
    ) {
        let mut yaml = String::new();
        for (key, (text, style)) in ["description", "when_to_use"].iter().zip(&texts) {
            yaml.push_str(&written(key, text, *style));
        }
        let ends_early = yaml.lines().any(|line| matches!(line.trim_end(), "---" | "..."));
        prop_assume!(!ends_early);
        let known = library(&yaml);
        let mut file = format!("---\n{yaml}---\n{body}");
        if crlf {
            file = file.replace('\n', "\r\n");
        }
        if bom {
            file.insert(0, '\u{feff}');
        }
        let read = read(file.as_bytes(), "folder");
        let Some(known) = known else {
            // What is no YAML is refused, or read with a warning that says so.
            if let Ok(read) = read {
                prop_assert!(read.warnings.iter().any(|warning| warning.contains("not YAML")), "{yaml:?}");
            }
            return Ok(());
        };
        let read = read.expect("YAML is read");
        let body = if crlf { body.replace('\n', "\r\n") } else { body };
        let told = read.slot.as_ref().map_or("", |slot| slot.text.reveal());
        prop_assert_eq!(told, if body.trim().is_empty() { "" } else { body.as_str() });
        let wanted = |key: &str| match known.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        };
        // Numbers and words for truth are texts here, as they are written; lists are joined: neither is compared.
        let plain = |key: &str| matches!(known.get(key), Some(Value::String(_) | Value::Null) | None);
        if plain("description") {
            let found = &read.manifest.description;
            prop_assert_eq!(found, &wanted("description").unwrap_or_else(|| "folder".to_owned()), "{:?}", yaml);
        }
        if plain("when_to_use") {
            prop_assert_eq!(&read.manifest.when_to_use, &wanted("when_to_use"), "{:?}", yaml);
        }
    }

    #[test]
    fn any_text_at_all_is_read_or_refused(text in "\\PC{0,200}|(---|\n|: |[a-z]{1,3}|- |\\[|\\{|\"|'|&a|\\*a|#|\\||>){0,60}") {
        let read = read(text.as_bytes(), "folder");
        let framed = super::read(format!("---\n{text}\n---\nbody").as_bytes(), "folder");
        for read in [read, framed].into_iter().flatten() {
            prop_assert!(!read.manifest.description.is_empty());
            prop_assert!(read.manifest.description.len() <= PROSE);
        }
        let _ = read_slot(text.as_bytes(), &mut Vec::new());
    }

    #[test]
    fn bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = super::read(&bytes, "folder");
        let _ = read_slot(&bytes, &mut Vec::new());
    }

    #[test]
    fn nothing_below_the_frontmatter_is_published(secret in "[b-df-hj-np-tv-z]{12,20}", around in nasty()) {
        let front = "name: a\ndescription: fine\narguments: [x]\n";
        for body in [
            format!("{around} {secret} {around}"),
            format!("description: {secret}\n---\nname: {secret}\n"),
            format!("${secret} {{{secret}}} <{secret}>"),
        ] {
            let read = super::read(format!("---\n{front}---\n{body}").as_bytes(), "folder").expect("fine");
            let published = serde_json::to_string(&read.manifest).expect("JSON");
            prop_assert!(!published.contains(&secret), "{published}");
            prop_assert!(!read.warnings.concat().contains(&secret));
        }
    }
}
