//! What looks like a tier and is not understood refuses the file: every file of the table is refused with words that help,
//! and every other is served as it says.

use std::path::Path;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    refused: Vec<Refused>,
    served: Vec<Served>,
}

/// A file that is not served.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    file: String,
    says: String,
}

/// A file that is served from a tier on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    file: String,
    tier: u8,
}

fn table(name: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/skill-md")
        .join(name);
    toml::from_str(&std::fs::read_to_string(path).expect("a table")).expect("a table")
}

#[test]
fn a_tier_that_is_not_understood_refuses_the_file() {
    let table = table("tiers.toml");
    let mut wrong = Vec::new();
    for row in &table.refused {
        match read(row.file.as_bytes(), "folder") {
            Ok(read) => wrong.push(format!(
                "served from {}: {:?}",
                read.manifest.min_tier, row.file
            )),
            Err(error) if !error.to_string().contains(&row.says) => {
                wrong.push(format!("{error}, without {:?}: {:?}", row.says, row.file));
            }
            // What stands below a frontmatter is private, whatever it looks like.
            Err(error) => assert!(!error.to_string().contains("secret steps"), "{error}"),
        }
    }
    for row in &table.served {
        match read(row.file.as_bytes(), "folder") {
            Ok(read) if read.manifest.min_tier.level() == row.tier => {}
            Ok(read) => wrong.push(format!(
                "served from {}: {:?}",
                read.manifest.min_tier, row.file
            )),
            Err(error) => wrong.push(format!("refused, {error}: {:?}", row.file)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.refused.len() > 80 && table.served.len() > 20);
}

#[test]
fn a_slot_with_a_tier_of_its_own_is_refused() {
    for text in [
        "---\nmodel: big\nmin_trust_tier: 3\n---\nDo it.",
        "---\nmin_trust_tier: 3\n---\nDo it.",
        "---\nname: x\nminTier: 3\n---\nDo it.",
        "---\nmodel: big\n---\n---\nmin_trust_tier: 3\n---\nDo it.",
        "---\nmin_trust_tier: 3\nDo it.",
        "---\nmodel: big\nmetadata: {tier: 3}\n---\nDo it.",
    ] {
        assert!(
            read_slot(text.as_bytes(), &mut Vec::new()).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn no_key_of_ours_or_of_others_looks_like_a_tier() {
    for key in super::super::words::all() {
        let is_tier = super::super::keys::TIERS.contains(&key);
        assert_eq!(
            super::super::likeness::of_key(key) != super::super::likeness::Likeness::Plain,
            is_tier,
            "{key}"
        );
    }
}
