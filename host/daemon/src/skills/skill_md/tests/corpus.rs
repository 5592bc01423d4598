//! Files of our own, valid and not, beside a table of what this host and the format's reference say of each. The other
//! half, which asks the reference, is among the tests with other people's programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::LimitsConfig;
use crate::skills::{scan_tree, wrap};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    reference: String,
    host: String,
    says: Option<String>,
    differs: Option<String>,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/skill-md")
}

fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(corpus().join("table.toml")).expect("a table");
    toml::from_str(&text).expect("a table")
}

#[test]
fn the_table_says_what_is_read_and_where_the_reference_differs() {
    let limits = LimitsConfig::default();
    let mut table = table();
    let mut folders = 0;
    for entry in std::fs::read_dir(corpus()).expect("a corpus").flatten() {
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().expect("Unicode");
        let row = table
            .remove(&name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        folders += 1;
        let (host, said) = match wrap(&entry.path(), &limits, None) {
            Ok(wrapped) if wrapped.warnings.is_empty() => ("fine", String::new()),
            Ok(wrapped) => ("warns", wrapped.warnings.join("\n")),
            Err(error) => (
                "refused",
                crate::report::Failure::from(error).causes.join("\n"),
            ),
        };
        assert_eq!(host, row.host, "{name}: {said}");
        assert!(
            said.contains(row.says.as_deref().unwrap_or_default()),
            "{name}: {said}"
        );
        assert_eq!(
            row.says.is_none(),
            host == "fine",
            "{name}: the table says what is said"
        );
        let agree = (row.reference == "valid") == (host == "fine");
        assert_eq!(
            row.differs.is_none(),
            agree,
            "{name}: the table says why they differ"
        );
    }
    assert!(folders > 40, "the corpus was not found");
    assert!(table.is_empty(), "without a folder: {:?}", table.keys());
}

#[test]
fn no_line_of_a_private_text_is_in_its_card() {
    let scanned = scan_tree(&corpus(), &LimitsConfig::default());
    let read: Vec<_> = scanned
        .iter()
        .filter_map(|one| one.found.as_ref().ok())
        .collect();
    assert!(read.len() > 30);
    for wrapped in read {
        assert!(wrapped.leaks.is_empty(), "{:?}", wrapped.folder);
        // And once more, by nothing but the bytes.
        let file = std::fs::read(wrapped.folder.join("SKILL.md")).expect("the file");
        let read = super::super::read(&file, "folder").expect("read before");
        let cards = serde_json::to_string(&wrapped.tiers).expect("JSON");
        let slot = read.slot.expect("a private text");
        for line in slot.text.reveal().lines().filter(|line| line.len() > 5) {
            assert!(
                !cards.contains(line.trim()),
                "{line:?} of {:?}",
                wrapped.folder
            );
        }
        for word in ["$topic", "audience", "nobody", "never"] {
            assert!(!cards.contains(word), "{word}");
        }
    }
}
