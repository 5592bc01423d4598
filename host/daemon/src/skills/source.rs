//! Which places skills come from: the home's own folder, and those that the owner names at the start.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::SkillsError;
use super::package::skill_md_in;
use super::protected;
use super::scan::{COMPONENT, Source, Take};
use crate::home::Home;

/// Returns every place, and which of their folders and files the owner named. Naming the home's own folder names
/// nothing: what lies there is reviewed one by one.
pub(crate) fn sources(
    home: &Home,
    paths: &[PathBuf],
) -> Result<(Vec<Source>, BTreeSet<PathBuf>), SkillsError> {
    let own = std::fs::canonicalize(home.skills()).unwrap_or_else(|_| home.skills());
    let mut sources = vec![Source {
        folder: own.clone(),
        take: Take::All,
        home: true,
    }];
    let mut named = BTreeSet::new();
    for path in paths {
        let refuse = |why: String| SkillsError::Path {
            path: path.clone(),
            why,
        };
        let real = std::fs::canonicalize(path).map_err(|error| refuse(error.to_string()))?;
        if real.starts_with(&own) {
            tracing::info!(path = %real.display(), "it is in the home's own skills folder, which is served anyway");
            continue;
        }
        if protected::overlap(&real, home.root()) {
            return Err(refuse("it holds the home, or lies in it".to_owned()));
        }
        let source = place(&real).map_err(refuse)?;
        // Who names a SKILL.md means the skill, and with it what lies beside.
        named.insert(match source.take {
            Take::Itself => source.folder.clone(),
            Take::All | Take::File(_) => real,
        });
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    Ok((sources, named))
}

/// Returns whether a folder is one skill, and not a folder of skills.
pub(crate) fn is_one_skill(folder: &Path) -> bool {
    let below = format!("{}/", folder.display());
    folder.join(COMPONENT).symlink_metadata().is_ok() || skill_md_in(CWD, &below).is_some()
}

/// Returns what a path stands for.
pub(crate) fn place(real: &Path) -> Result<Source, String> {
    if real.to_str().is_none() {
        return Err("its name is not Unicode".to_owned());
    }
    if real.is_dir() {
        let take = if is_one_skill(real) {
            Take::Itself
        } else {
            Take::All
        };
        return Ok(Source {
            folder: real.to_owned(),
            take,
            home: false,
        });
    }
    match (
        real.parent(),
        real.file_name().and_then(|name| name.to_str()),
    ) {
        (Some(folder), Some(name)) if name.ends_with(".wasm") => Ok(Source {
            folder: folder.to_owned(),
            take: Take::File(name.to_owned()),
            home: false,
        }),
        (Some(folder), Some(name)) if name.eq_ignore_ascii_case("skill.md") => Ok(Source {
            folder: folder.to_owned(),
            take: Take::Itself,
            home: false,
        }),
        _ => Err("it is neither a .wasm file, a SKILL.md nor a folder".to_owned()),
    }
}
