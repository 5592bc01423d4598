//! Texts that others wrote, as far as this machine has any: nothing of them is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shortest text that says something.
const LEAST: usize = 600;
/// No longer than an answer can be.
const MOST: usize = 64 << 10;

/// Names a folder with SKILL.md files that others published; their texts are read without what stands above them.
pub(super) const BODIES: &str = "COWORKER_SKILL_BODIES";
/// What their pile is called.
pub(super) const SKILLS: &str = "skill bodies";

/// Texts, and how many of each kind they are.
pub(super) struct Corpus {
    pub(super) texts: Vec<(PathBuf, String)>,
    pub(super) kinds: BTreeMap<&'static str, usize>,
}

/// Returns so many texts, or what there is, the same ones in every run: manual pages, READMEs and change logs of packages,
/// documentation of Python's and of the system's packages, this repository's own, and the bodies of skills.
pub(super) fn texts(most: usize) -> Corpus {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = [
        ("packages", vec![cargo.join("registry/src")], 4),
        (
            "manual pages",
            vec![
                PathBuf::from("/usr/share/man/man1"),
                PathBuf::from("/usr/share/man/man8"),
            ],
            2,
        ),
        // What `cargo xtask bench` unpacks there.
        (
            "documentation packages",
            vec![repository.join("target/texts")],
            9,
        ),
        ("the system", vec![PathBuf::from("/usr/share/doc")], 4),
        (
            "Python and Node",
            vec![
                home.join(".pyenv/versions"),
                PathBuf::from("/usr/lib/python3"),
                PathBuf::from("/usr/lib/node_modules"),
            ],
            9,
        ),
        ("this repository", vec![repository], 2),
    ];
    let mut piles: Vec<(&str, std::vec::IntoIter<PathBuf>)> = sources
        .into_iter()
        .map(|(kind, roots, depth)| (kind, pile(roots, depth, most, is_text).into_iter()))
        .collect();
    let bodies = std::env::var_os(BODIES).map(PathBuf::from);
    let bodies = pile(bodies.into_iter().collect(), 12, most, is_skill);
    piles.push((SKILLS, bodies.into_iter()));
    let mut corpus = Corpus {
        texts: Vec::new(),
        kinds: piles.iter().map(|(kind, _)| (*kind, 0)).collect(),
    };
    // One of each pile in turn, so that few texts are of all kinds.
    loop {
        let mut any = false;
        for (kind, pile) in &mut piles {
            if corpus.texts.len() >= most {
                return corpus;
            }
            for path in pile.by_ref() {
                if let Some(text) = read(&path) {
                    any = true;
                    corpus.texts.push((path, text));
                    *corpus.kinds.entry(*kind).or_default() += 1;
                    break;
                }
            }
        }
        if !any {
            return corpus;
        }
    }
}

fn pile(roots: Vec<PathBuf>, depth: usize, most: usize, fits: fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for root in roots {
        walk(&root, depth, fits, &mut found);
    }
    found.sort();
    // Neighbours are alike: some from everywhere.
    let step = (found.len() / most.max(1)).max(1);
    found.into_iter().step_by(step).collect()
}

fn walk(folder: &Path, depth: usize, fits: fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir()
            && depth > 0
            && !matches!(name.as_str(), "target" | "prompts" | "scripts" | ".git")
        {
            walk(&path, depth - 1, fits, found);
        } else if kind.is_file() && fits(&name) {
            found.push(path);
        }
    }
}

fn is_skill(name: &str) -> bool {
    name.eq_ignore_ascii_case("SKILL.md")
}

/// Returns what stands below the frontmatter, if there is one.
fn body(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != "---" {
        return text;
    }
    let mut at = first.len();
    for line in lines {
        at += line.len();
        if line.trim_end() == "---" {
            return text.get(at..).unwrap_or_default();
        }
    }
    text
}

fn is_text(name: &str) -> bool {
    let bare = name.strip_suffix(".gz").unwrap_or(name);
    ["md", "rst", "txt", "1", "2", "3", "5", "7", "8"]
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
    if path
        .file_name()
        .is_some_and(|name| is_skill(&name.to_string_lossy()))
    {
        text = body(&text).to_owned();
    }
    let mut end = MOST.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (text.len() >= LEAST).then_some(text)
}
