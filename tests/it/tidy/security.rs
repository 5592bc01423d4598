//! SECURITY.md: what it says is shown by a test is, and what no test shows it calls undefended.

use std::collections::BTreeSet;

use super::{root, sources};

/// Returns the names of all tests in our Rust sources.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in sources() {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                found.insert(name.trim().to_owned());
                is_test = false;
            }
        }
    }
    assert!(found.len() > 300, "the tests were not found");
    found
}

/// Returns the last cell of every row of the tables, without their heads.
fn last_cells(text: &str) -> Vec<&str> {
    let is_row = |line: &&str| line.starts_with('|');
    let lines: Vec<&str> = text.lines().collect();
    let heads = lines.windows(2).filter(|pair| pair[1].starts_with("|---"));
    let heads: Vec<&str> = heads.flatten().copied().collect();
    let rows = lines.iter().copied().filter(is_row);
    rows.filter(|row| !heads.contains(row))
        .map(|row| {
            let row = row.trim_end().trim_end_matches('|');
            row.rsplit_once(" | ").map_or("", |(_, cell)| cell.trim())
        })
        .collect()
}

/// Returns what stands in backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn is_name_of_a_test(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    word.contains('_') && word.chars().all(plain)
}

#[test]
fn every_line_about_security_names_its_test_or_says_not_defended() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).expect("a page");
    let (tests, cells) = (tests(), last_cells(&text));
    assert!(cells.len() > 80, "the tables were not found");
    let bare: Vec<&&str> = cells
        .iter()
        .filter(|cell| {
            !cell.contains("not defended") && !quoted(cell).any(|word| tests.contains(word))
        })
        .collect();
    assert!(bare.is_empty(), "rows without a test: {bare:#?}");
    // In the tables and around them, so that a test that is renamed takes its name along.
    let prose = text.lines().filter(|line| !line.starts_with('|'));
    let gone: Vec<&str> = prose
        .chain(cells)
        .flat_map(quoted)
        .filter(|word| is_name_of_a_test(word) && !tests.contains(*word))
        .collect();
    assert_eq!(gone, Vec::<&str>::new(), "there are no such tests");
}
