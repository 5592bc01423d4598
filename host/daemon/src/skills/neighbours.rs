//! Files that lie beside a skill and are not read because of their name. Their author asked for a tier, a limit or less
//! visibility in them, so the skill is not served as if they were not there.

use std::collections::BTreeSet;

use super::package::SKILL_MD;
use super::scan::{COMPONENT, REQUEST};
use crate::spelling::{is_meant_for, normal_form};

/// How many files of a folder are compared with the names that are read.
const MOST: usize = 1_000;

/// Returns why a folder that is one skill cannot be served with the files in it. `called` is the folder's name.
pub(crate) fn in_folder(names: &[String], called: &str) -> Option<String> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let md = SKILL_MD.into_iter().find(|name| has(name));
    let is_component = has(COMPONENT);
    for name in names.iter().filter(|name| *name != COMPONENT) {
        if is_meant_for(name, REQUEST) {
            return Some(missed(name, REQUEST));
        }
        let stem = name.strip_suffix(".toml");
        if stem.is_some_and(|stem| [called, "skill", COMPONENT].contains(&stem)) {
            return Some(missed(name, REQUEST));
        }
        let same = normal_form(&name.to_lowercase()) == normal_form("skill.md");
        let wanted = md.unwrap_or(SKILL_MD[0]);
        let is_missed = match md {
            // What another file is called by accident is not the second text of a skill that has one.
            Some(md) => same && name != md && is_meant_for(name, md),
            None => is_component && is_meant_for(name, wanted),
        };
        if is_missed {
            return Some(missed(name, wanted));
        }
    }
    None
}

/// The files of a folder that belong to none of its components.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    names: Vec<String>,
    texts: BTreeSet<String>,
}

impl Strays {
    /// Returns the strays of a folder.
    pub(crate) fn of(names: &[String]) -> Self {
        let stems: BTreeSet<&str> = names
            .iter()
            .filter_map(|name| name.strip_suffix(".wasm"))
            .collect();
        let own = |name: &String| {
            let stem = name
                .strip_suffix(".toml")
                .or_else(|| name.strip_suffix(".md"));
            name.ends_with(".wasm") || stem.is_some_and(|stem| stems.contains(stem))
        };
        let texts = names.iter().filter(|name| own(name)).cloned().collect();
        let strays = names.iter().filter(|name| !own(name));
        Self {
            names: strays.take(MOST).cloned().collect(),
            texts,
        }
    }

    /// Returns what lies there as a request of no skill.
    pub(crate) fn request(&self) -> Option<&str> {
        let is_request = |name: &&String| *name == REQUEST || is_meant_for(name, REQUEST);
        self.names.iter().find(is_request).map(String::as_str)
    }

    /// Returns why a component cannot be served with them. `stem` is its name without `.wasm`.
    pub(crate) fn beside(&self, stem: &str) -> Option<String> {
        let (request, text) = (format!("{stem}.toml"), format!("{stem}.md"));
        let more = [format!("{stem}.wasm.toml"), format!("{stem}.grants.toml")];
        let is_bare = !self.texts.contains(&request);
        self.names.iter().find_map(|name| {
            if more.contains(name) || is_meant_for(name, &request) {
                Some(missed(name, &request))
            } else if is_meant_for(name, &text) && !name.eq_ignore_ascii_case("readme.md") {
                Some(missed(name, &text))
            } else if is_bare && (name == REQUEST || is_meant_for(name, REQUEST)) {
                Some(format!(
                    "{name:?} is read only in a folder that is one skill: call it {request:?}"
                ))
            } else {
                None
            }
        })
    }
}

fn missed(name: &str, wanted: &str) -> String {
    format!("{name:?} lies beside it and is not read: call it {wanted:?}, or move it away")
}
