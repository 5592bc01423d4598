//! Texts that others wrote, as far as this machine has any: nothing of them is kept.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The shortest text that says something.
const LEAST: usize = 600;
/// No longer than an answer can be.
const MOST: usize = 64 << 10;

/// Returns so many texts, or what there is, the same ones in every run: manual pages, READMEs and change logs of packages,
/// documentation of Python's and of the system's packages, and this repository's own.
pub(super) fn texts(most: usize) -> Vec<(PathBuf, String)> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = [
        (vec![cargo.join("registry/src")], 4),
        (
            vec![
                PathBuf::from("/usr/share/man/man1"),
                PathBuf::from("/usr/share/man/man8"),
            ],
            2,
        ),
        (vec![PathBuf::from("/usr/share/doc")], 4),
        (
            vec![
                home.join(".pyenv/versions"),
                PathBuf::from("/usr/lib/python3"),
                PathBuf::from("/usr/lib/node_modules"),
            ],
            9,
        ),
        (vec![repository], 2),
    ];
    let mut piles: Vec<std::vec::IntoIter<PathBuf>> = sources
        .into_iter()
        .map(|(roots, depth)| pile(roots, depth, most).into_iter())
        .collect();
    let mut texts = Vec::new();
    // One of each pile in turn, so that few texts are of all kinds.
    loop {
        let mut any = false;
        for pile in &mut piles {
            if texts.len() >= most {
                return texts;
            }
            for path in pile.by_ref() {
                if let Some(text) = read(&path) {
                    any = true;
                    texts.push((path, text));
                    break;
                }
            }
        }
        if !any {
            return texts;
        }
    }
}

fn pile(roots: Vec<PathBuf>, depth: usize, most: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in roots {
        walk(&root, depth, &mut found);
    }
    found.sort();
    // Neighbours are alike: some from everywhere.
    let step = (found.len() / most.max(1)).max(1);
    found.into_iter().step_by(step).collect()
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && depth > 0 && !matches!(name.as_str(), "target" | "prompts" | ".git") {
            walk(&path, depth - 1, found);
        } else if kind.is_file() && is_text(&name) {
            found.push(path);
        }
    }
}

fn is_text(name: &str) -> bool {
    let bare = name.strip_suffix(".gz").unwrap_or(name);
    ["md", "rst", "txt", "1", "8"]
        .iter()
        .any(|end| Path::new(bare).extension().is_some_and(|ext| ext == *end))
        || ["README", "METADATA", "copyright", "changelog"].contains(&bare)
}

fn read(path: &Path) -> Option<String> {
    let bytes = if path.extension().is_some_and(|end| end == "gz") {
        Command::new("gzip")
            .arg("-dc")
            .arg(path)
            .output()
            .ok()?
            .stdout
    } else {
        std::fs::read(path).ok()?
    };
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let mut end = MOST.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (text.len() >= LEAST).then_some(text)
}
