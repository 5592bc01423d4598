//! What else lies in a skill's folder, and every SKILL.md below a folder. Links are not followed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::package::PROMPTS;
use super::super::scan::{COMPONENT, REQUEST};
use super::{LimitsConfig, Wrapped, component_in, wrap};

/// The most files that are listed of one folder, and of a tree.
const MOST: usize = 1_000;
/// The most entries of a tree that are looked at.
const MOST_ENTRIES: usize = 200_000;
/// How deep to look.
const DEPTH: usize = 24;

/// A file that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileRow {
    /// Its path below the skill's folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// One SKILL.md of a tree.
#[derive(Debug)]
pub struct Scanned {
    /// The file.
    pub file: PathBuf,
    /// What it would be served as, or why it would not.
    pub found: Result<Box<Wrapped>, String>,
    /// Whether a component lies beside it, so that it publishes nothing of its own.
    pub component: bool,
}

/// Returns the files of a skill's folder that nobody reads.
pub(super) fn others(folder: &Path) -> Vec<FileRow> {
    let read = |path: &Path| {
        let parent = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default();
        let top = parent.as_os_str().is_empty();
        (top && (name.eq_ignore_ascii_case("skill.md") || name == COMPONENT || name == REQUEST))
            || (parent == Path::new(PROMPTS) && path.extension().is_some_and(|end| end == "md"))
    };
    let mut found = Vec::new();
    walk(folder, |path, bytes| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        if !read(below) {
            found.push(FileRow {
                path: below.to_owned(),
                bytes,
            });
        }
        found.len() < MOST
    });
    found
}

/// Looks at every SKILL.md below a folder.
pub fn scan_tree(folder: &Path, limits: &LimitsConfig) -> Vec<Scanned> {
    let mut files = Vec::new();
    walk(folder, |path, _| {
        if path
            .file_name()
            .is_some_and(|name| name.eq_ignore_ascii_case("skill.md"))
        {
            files.push(path.to_owned());
        }
        true
    });
    let scanned = files.into_iter().map(|file| Scanned {
        component: component_in(&file).is_some(),
        found: wrap(&file, limits, None)
            .map(Box::new)
            .map_err(|error| match error {
                super::SkillsError::Unfit { why, .. } => why,
                other => other.to_string(),
            }),
        file,
    });
    scanned.collect()
}

/// Calls `each` with every file below a folder, in order, until it has had enough.
fn walk(folder: &Path, mut each: impl FnMut(&Path, u64) -> bool) {
    let mut waiting = vec![(folder.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut entries: Vec<_> = entries.flatten().take(MOST_ENTRIES).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        let mut folders = Vec::new();
        for entry in entries {
            seen += 1;
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && depth < DEPTH && entry.file_name() != ".git" {
                folders.push((entry.path(), depth + 1));
            }
            let bytes = entry.metadata().map_or(0, |about| about.len());
            if seen > MOST_ENTRIES || (kind.is_file() && !each(&entry.path(), bytes)) {
                return;
            }
        }
        waiting.extend(folders.into_iter().rev());
    }
}
