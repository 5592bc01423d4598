mod corpus;
mod hostile;
mod nasty;
mod properties;
mod strict;
mod trees;

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn ok(text: &str) -> SkillMd {
    read(text.as_bytes(), "folder").unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn refused(text: &str) -> String {
    match read(text.as_bytes(), "folder") {
        Ok(read) => {
            let start: String = text.chars().take(200).collect();
            panic!("{start} is read as {read:?}")
        }
        Err(error) => error.to_string(),
    }
}

fn body(read: &SkillMd) -> &str {
    read.slot.as_ref().map_or("", |slot| slot.text.reveal())
}

#[track_caller]
fn warns(text: &str, words: &str) {
    let read = ok(text);
    assert!(
        read.warnings.iter().any(|warning| warning.contains(words)),
        "{words:?} is not in {:?}",
        read.warnings
    );
}

const WHOLE: &str = "\
---
name: release-notes
description: >
  Writes release notes
  from commits.
when_to_use: |
  Before a release.
  Not after it.
version: 1.10
license: Apache-2.0
metadata:
  author: somebody
  nested: {deep: [1, 2, {er: true}]}
allowed-tools: Read Bash(git:*)
provider: local
model: small-1
temperature: 0.2
max_tokens: 800
min_trust_tier: 2
---
# The secret way

Do this with $commits and {audience}.
";

#[test]
fn everything_the_format_names_is_read() {
    let read = ok(WHOLE);
    let card = &read.manifest;
    assert_eq!(card.name.as_str(), "release-notes");
    assert_eq!(card.description, "Writes release notes from commits.");
    assert_eq!(
        card.when_to_use.as_deref(),
        Some("Before a release.\nNot after it.")
    );
    assert_eq!(card.version.as_deref(), Some("1.10"));
    assert_eq!(
        (card.min_tier, read.min_tier),
        (Tier::Internal, Some(Tier::Internal))
    );
    assert_eq!(
        card.input,
        json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]})
    );
    assert_eq!(
        card.output,
        json!({"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]})
    );
    let slot = read.slot.as_ref().expect("a private text");
    assert_eq!(
        slot.text.reveal(),
        "# The secret way\n\nDo this with $commits and {audience}.\n"
    );
    let wish = &slot.wish;
    assert_eq!(wish.provider.as_deref(), Some("local"));
    assert_eq!(wish.model.as_deref(), Some("small-1"));
    assert_eq!((wish.temperature, wish.max_tokens), (Some(0.2), Some(800)));
    let published = serde_json::to_string(card).expect("a manifest");
    for private in [
        "secret",
        "commits and",
        "$",
        "audience",
        "somebody",
        "Bash",
        "local",
        "small-1",
        "Apache",
    ] {
        assert!(!published.contains(private), "{private} is published");
    }
}

#[test]
fn the_private_text_is_kept_byte_for_byte() {
    for text in [
        "x",
        "\n\n x \n",
        "a\r\nb\r\n",
        "---\nagain\n---\n",
        "\u{feff}x",
        "```yaml\n---\na: b\n---\n```\n",
    ] {
        assert_eq!(body(&ok(&format!("---\nname: a\n---\n{text}"))), text);
        assert_eq!(
            body(&ok(&format!("\u{feff}---\r\nname: a\r\n---\r\n{text}"))),
            text
        );
    }
    assert!(ok("---\nname: a\n---\n \n\t\n").slot.is_none());
}

#[test]
fn marks_and_line_ends_of_other_systems_change_nothing() {
    let plain = ok(WHOLE);
    for text in [
        format!("\u{feff}{WHOLE}"),
        WHOLE.replace('\n', "\r\n"),
        format!("\n\n{WHOLE}"),
        WHOLE.replacen("\n---\n", "\n---  \n", 1),
    ] {
        assert_eq!(ok(&text).manifest, plain.manifest, "{text:?}");
    }
}

#[test]
fn a_file_that_says_nothing_of_itself_has_its_folders_name() {
    for text in [
        "# Title\n\nbody",
        "",
        "---\n---\nbody",
        "---\n# a comment\n---\nbody",
        "---\n~\n---\n",
    ] {
        let read = ok(text);
        assert_eq!(read.manifest.name.as_str(), "folder");
        assert_eq!(read.manifest.description, "folder");
        assert_eq!((read.manifest.min_tier, read.min_tier), (Tier::Known, None));
    }
    assert_eq!(body(&ok("# Title\n\nbody")), "# Title\n\nbody");
    let prose = "---\nThis is a rule above a paragraph\nand not frontmatter\n---\nmore";
    assert_eq!(body(&ok(prose)), prose);
    warns(prose, "all of the file is private");
    warns("---\n- a\n- b\n---\nx", "all of the file is private");
}

#[test]
fn names_are_made_fit() {
    for (given, name) in [
        ("pdf-tools", "pdf-tools"),
        ("PDF Tools", "PDF-Tools"),
        ("\"  spaced   out  \"", "spaced-out"),
        ("a/b:c", "a-b-c"),
        ("-lead-", "lead"),
        ("123", "123"),
        ("1.10", "1.10"),
        ("true", "true"),
        ("日本語", "folder"),
        ("[a, b]", "a-b"),
        ("{a: b}", "folder"),
        ("~", "folder"),
        ("''", "folder"),
    ] {
        let read = ok(&format!("---\nname: {given}\n---\nx"));
        assert_eq!(read.manifest.name.as_str(), name, "{given}");
    }
    let long = ok(&format!("---\nname: {}\n---\nx", "n".repeat(100)));
    assert_eq!(long.manifest.name.as_str().len(), 64);
    warns("---\nname: PDF\n---\nx", "lower-case");
    warns("---\nname: other\n---\nx", "lies in a folder");
    let odd = read(b"---\nname: fine\n---\nx", "odd folder!").expect("a name of its own");
    assert_eq!(odd.manifest.name.as_str(), "fine");
    assert_eq!(
        read(b"x", "odd folder")
            .expect("made fit")
            .manifest
            .name
            .as_str(),
        "odd-folder"
    );
    assert!(matches!(read(b"x", "日本"), Err(SkillMdError::NoName(_))));
}

#[test]
fn long_texts_are_cut_and_odd_ones_left_out() {
    let long = ok(&format!("---\ndescription: {}\n---\nx", "é".repeat(3_000)));
    assert_eq!(long.manifest.description.len(), PROSE);
    warns(
        &format!("---\ndescription: {}\n---\nx", "a".repeat(1_025)),
        "1025 characters",
    );
    warns("---\ndescription: {a: b}\n---\nx", "no text");
    assert_eq!(
        ok("---\ndescription: {a: b}\n---\nx").manifest.description,
        "folder"
    );
    assert_eq!(
        ok("---\ndescription: [one, two]\n---\nx")
            .manifest
            .description,
        "one, two"
    );
    assert_eq!(
        ok("---\ndescription: 1.50\n---\nx").manifest.description,
        "1.50"
    );
    assert_eq!(
        ok("---\ndescription: yes\n---\nx").manifest.description,
        "yes"
    );
    assert_eq!(
        ok("---\ndescription: true\n---\nx").manifest.description,
        "true"
    );
    let version = |text: &str| ok(&format!("---\n{text}\n---\nx")).manifest.version;
    assert_eq!(version("version: 1.0").as_deref(), Some("1.0"));
    assert_eq!(version("version: 2").as_deref(), Some("2"));
    assert_eq!(version("version: '1.2.3'").as_deref(), Some("1.2.3"));
    assert_eq!(
        version("version: 2024-01-02").as_deref(),
        Some("2024-01-02")
    );
    assert_eq!(
        version("metadata:\n  version: 1.20").as_deref(),
        Some("1.20")
    );
    assert_eq!(version("metadata: {version: '3'}").as_deref(), Some("3"));
    assert_eq!(version(&format!("version: {}", "v".repeat(65))), None);
    assert_eq!(version("license: MIT"), None);
}

#[test]
fn tiers_are_numbers_or_words_and_nothing_else() {
    let tier = |text: &str| {
        ok(&format!("---\nmin_trust_tier: {text}\n---\nx"))
            .manifest
            .min_tier
    };
    for (text, wanted) in [
        ("0", Tier::Untrusted),
        ("3", Tier::Privileged),
        ("\"2\"", Tier::Internal),
        ("internal", Tier::Internal),
        ("Privileged", Tier::Privileged),
    ] {
        assert_eq!(tier(text), wanted, "{text}");
    }
    assert_eq!(
        ok("---\nmin-trust-tier: 3\n---\nx").manifest.min_tier,
        Tier::Privileged
    );
    assert_eq!(
        ok("---\nmin_tier: 3\nmin_trust_tier: 1\n---\nx")
            .manifest
            .min_tier,
        Tier::Privileged
    );
    for bad in [
        "4",
        "-1",
        "secret",
        "1.5",
        "3.0",
        "[2]",
        "{a: 2}",
        "true",
        "yes",
        "~",
        "",
        "''",
        "three",
        "level 3",
        "tier 3",
        "'3 # internal'",
        "３",
        "рrivileged",
        "256",
        "1e0",
        ".inf",
        "known or internal",
    ] {
        let error = refused(&format!("---\nmin_trust_tier: {bad}\n---\nx"));
        assert!(error.contains("min_trust_tier"), "{error}");
    }
}

#[test]
fn what_a_model_is_told_besides_is_checked() {
    let wish = |text: &str| {
        ok(&format!("---\n{text}\n---\nx"))
            .slot
            .expect("a text")
            .wish
    };
    assert_eq!(wish("model: inherit").model, None);
    assert_eq!(wish("model: sonnet").model, None);
    assert_eq!(
        wish("model: sonnet\nprovider: mine").model.as_deref(),
        Some("sonnet")
    );
    assert_eq!(wish("model: 4.10").model.as_deref(), Some("4.10"));
    assert_eq!(wish("temperature: '0.5'").temperature, Some(0.5));
    assert_eq!(wish("temperature: 2.5").temperature, None);
    assert_eq!(wish("temperature: .nan").temperature, None);
    assert_eq!(wish("max_tokens: 0").max_tokens, None);
    assert_eq!(wish("max-tokens: 12").max_tokens, Some(12));
    assert_eq!(wish("max_tokens: 99999999999").max_tokens, None);
    warns("---\ntemprature: 1\n---\nx", "did you mean `temperature`");
    warns("---\nDescription: x\n---\nx", "write `description`");
}

#[test]
fn a_slot_says_how_it_is_answered_and_nothing_else() {
    let slot = |text: &str| {
        let mut warnings = Vec::new();
        let slot = read_slot(text.as_bytes(), &mut warnings).expect("readable");
        (
            slot.map(|slot| (slot.text.reveal().to_owned(), slot.wish)),
            warnings,
        )
    };
    let (read, warnings) = slot("---\nmodel: big\nmax_tokens: 5\nname: x\n---\nDo it.");
    let (text, wish) = read.expect("a text");
    assert_eq!(
        (text.as_str(), wish.model.as_deref(), wish.max_tokens),
        ("Do it.", Some("big"), Some(5))
    );
    assert!(warnings[0].contains("`name`"), "{warnings:?}");
    for whole in [
        "---\nname: x\n---\nDo it.",
        "---\nJust a rule\n---\nx",
        "---\nno end",
        "Do it.",
        "---\na: [\n---\nx",
    ] {
        assert_eq!(slot(whole).0.expect("a text").0, whole);
    }
    assert!(slot(" \n").0.is_none());
    assert!(read_slot(&[0xff], &mut Vec::new()).is_err());
}

#[test]
fn nothing_of_the_private_text_declares_anything() {
    let read = ok(
        "# Heading\n\nname: evil\ndescription: from the body\narguments: [a]\n$topic ${x} {{y}}\n",
    );
    assert_eq!(read.manifest.description, "folder");
    assert_eq!(read.manifest.input, ok("").manifest.input);
}
