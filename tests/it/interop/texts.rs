//! The reference of the SKILL.md format, asked about every folder of the corpus: the table that the reader's own tests
//! compare with says what the reference says today.

use std::path::Path;
use std::process::Command;

#[test]
fn the_reference_says_what_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/interop/venv/bin/agentskills");
    assert!(
        program.is_file(),
        "target/interop is missing or old: run `cargo xtask interop` first"
    );
    let corpus = root.join("tests/skill-md");
    let table = std::fs::read_to_string(corpus.join("table.toml")).expect("a table");
    let table: toml::Table = toml::from_str(&table).expect("a table");
    assert!(table.len() > 40, "the table was not found");
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(name, row)| {
            let asked = Command::new(&program)
                .arg("validate")
                .arg(corpus.join(name))
                .env_clear()
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .output()
                .expect("the reference runs");
            // It ends with 1 for what is invalid, and also where it cannot go on.
            let says = match asked.status.code() {
                Some(0) => "valid",
                Some(1) => "invalid",
                _ => "nothing",
            };
            let known = row.get("reference").and_then(toml::Value::as_str);
            (known != Some(says)).then(|| {
                let why = String::from_utf8_lossy(&asked.stderr).into_owned();
                format!("{name}: {says}, and not {known:?}: {why}")
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
