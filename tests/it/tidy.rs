//! Rules of this repository that no compiler knows. A rule that stands in the way is changed here, with a reason.

mod readme;
mod samples;
mod security;

use std::path::{Path, PathBuf};

/// Longer files want to be cut where they want to be cut.
const LINES: usize = 500;

/// What each crate may depend on: the proof of what it cannot do. `coworker-core` has no clock, files or randomness;
/// `coworker-sandbox` has no network client, database or HTTP server; `coworker-xmtp-node` knows nothing of this project.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    (
        "host/core/Cargo.toml",
        &[
            "base64",
            "blake3",
            "entities",
            "idna",
            "jsonschema",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "time",
            "unicode-normalization",
            "unicode-security",
        ],
    ),
    (
        "host/sandbox/Cargo.toml",
        &[
            "async-trait",
            "blake3",
            "bytes",
            "coworker-core",
            "futures",
            "getrandom",
            "http",
            "http-body",
            "http-body-util",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "wasmtime",
            "wasmtime-wasi",
            "wasmtime-wasi-http",
        ],
    ),
    (
        "host/xmtp-node/Cargo.toml",
        &[
            "bytes",
            "ed25519-dalek",
            "futures",
            "http",
            "hyper",
            "hyper-util",
            "k256",
            "prost",
            "rusqlite",
            "rustix",
            "rustls",
            "sha2",
            "sha3",
            "thiserror",
            "time",
            "tokio",
            "tokio-rustls",
            "tokio-util",
            "tonic",
            "tonic-prost",
            "tracing",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns our Rust sources: everything but what was built or installed.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = ["host", "xtask", "tests", "guest-sdk", "sample-skills"]
        .iter()
        .map(|folder| root().join(folder))
        .collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let entry = entry.expect("a readable entry");
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir()
                && name != "target"
                && name != "node_modules"
                && !name.to_string_lossy().starts_with('.')
            {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 100, "the sources were not found");
    found
}

fn offenders(breaks: impl Fn(&Path, &str) -> bool) -> Vec<PathBuf> {
    sources()
        .into_iter()
        .filter(|(path, text)| breaks(path, text))
        .map(|(path, _)| path)
        .collect()
}

#[test]
fn files_are_short() {
    assert_eq!(
        offenders(|_, text| text.lines().count() > LINES),
        Vec::<PathBuf>::new()
    );
}

#[test]
fn files_say_what_they_are_for() {
    let silent = offenders(|path, text| {
        let test_module = path.file_name().is_some_and(|name| name == "tests.rs")
            || path
                .parent()
                .is_some_and(|folder| folder.ends_with("tests"));
        !test_module && !text.starts_with("//!")
    });
    assert_eq!(silent, Vec::<PathBuf>::new());
}

#[test]
fn modules_have_names() {
    assert_eq!(
        offenders(|path, _| path.ends_with("mod.rs")),
        Vec::<PathBuf>::new()
    );
}

#[test]
fn nothing_is_unfinished_or_waved_through() {
    // In pieces, or this file would be its own offender.
    let words = ["#[all", "#[ign", "tod", "unimplemen", "#[should_"].into_iter();
    let ends = ["ow(", "ore", "o!(", "ted!(", "panic"];
    let words: Vec<String> = words
        .zip(ends)
        .map(|(word, end)| format!("{word}{end}"))
        .collect();
    let found = offenders(|_, text| words.iter().any(|word| text.contains(word.as_str())));
    assert_eq!(found, Vec::<PathBuf>::new());
}

#[test]
fn crates_depend_on_what_they_may() {
    for (manifest, allowed) in DEPENDENCIES {
        let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
        let section = text
            .split("[dependencies]")
            .nth(1)
            .expect("dependencies")
            .split("\n[")
            .next()
            .expect("a section");
        for line in section
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let name = line.split(['.', ' ', '=']).next().expect("a name");
            assert!(
                allowed.contains(&name),
                "{manifest} may not depend on {name}"
            );
        }
    }
}

/// The README's table of configuration keys is what the program reads. `UPDATE_README=1` writes it.
#[test]
fn the_readme_lists_every_key() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).expect("a README");
    let (before, rest) = text
        .split_once("<!-- config: begin")
        .expect("the mark before the table");
    let (mark, rest) = rest.split_once("-->\n").expect("the end of the mark");
    let (_, after) = rest
        .split_once("<!-- config: end -->")
        .expect("the mark after the table");
    let table = coworker_host::config::markdown();
    let wanted = format!("{before}<!-- config: begin{mark}-->\n{table}<!-- config: end -->{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, &wanted).expect("a writable README");
    } else {
        assert_eq!(
            text, wanted,
            "run UPDATE_README=1 cargo test -p coworker-host --test it readme"
        );
    }
}
