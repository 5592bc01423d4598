//! The skills that are shown: found as a host finds them, and laid out in a folder of the demo's own with what they ask
//! for. Nobody is there to grant it: who asks for something waits, and is told of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::Context;
use crate::report::Failure;
use crate::skills::{COMPONENT, is_one_skill};

/// How deep a skill's own folders may lie: a home is a person's, and so is what is in it.
const DEEPEST: usize = 16;

/// One skill of a folder: a component with what lies beside it, or a folder.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    path: PathBuf,
    /// The component, unless it is a text that a model answers.
    pub(super) component: Option<PathBuf>,
}

/// Returns the folder to show: the one that was named, the home's, or where the sources build the samples.
pub(super) fn find(context: &Context, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let home = context.home().ok().map(|home| home.skills());
    let holds = |dir: &PathBuf| offers(dir).is_ok_and(|found| !found.is_empty());
    let hint = "name a folder with --skills, or run `cargo xtask samples` in the sources";
    if let Some(dir) = named {
        return if holds(&dir) {
            Ok(dir)
        } else {
            Err(Failure::failed(format!("{} holds no skill", dir.display()))
                .cause(
                    "there is no .wasm file in it, and no folder with a skill.wasm or a SKILL.md",
                )
                .hint(hint))
        };
    }
    home.into_iter()
        .chain([PathBuf::from("target/skills")])
        .find(holds)
        .ok_or_else(|| {
            Failure::failed("there are no skills to show")
                .cause("neither the home's skills folder nor target/skills holds one")
                .hint(hint)
        })
}

/// Returns the skills of a folder, which may be one itself: the largest component first, and those without one last.
pub(super) fn offers(dir: &Path) -> io::Result<Vec<Offer>> {
    if is_one_skill(dir) {
        return Ok(vec![Offer::of_folder(dir.to_owned())]);
    }
    let mut found: Vec<Offer> = fs::read_dir(dir)?
        .flatten()
        .filter_map(|entry| {
            // A link is not followed: a host does not either.
            let (kind, path) = (entry.file_type().ok()?, entry.path());
            let is_component = path.extension().is_some_and(|end| end == "wasm");
            if kind.is_file() && is_component {
                let component = Some(path.clone());
                return Some(Offer { path, component });
            }
            let is_folder = kind.is_dir() && !is_component && is_one_skill(&path);
            is_folder.then(|| Offer::of_folder(path))
        })
        .collect();
    found.sort_by_key(|offer| {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
        let size = offer.component.as_ref().map_or(0, size);
        (std::cmp::Reverse(size), offer.path.clone())
    });
    Ok(found)
}

impl Offer {
    fn of_folder(path: PathBuf) -> Self {
        let component = path.join(COMPONENT);
        let component = component.is_file().then_some(component);
        Self { path, component }
    }

    /// Returns the file that a host lists it by, below the folder that is served.
    pub(super) fn file(&self) -> PathBuf {
        let below = self.path.parent().unwrap_or(Path::new(""));
        let listed = self.component.as_ref().unwrap_or(&self.path);
        listed.strip_prefix(below).unwrap_or(listed).to_owned()
    }

    /// Puts it into a folder, whole at once, by way of another folder beside that one.
    pub(super) fn put(&self, into: &Path) -> io::Result<()> {
        let name = self.path.file_name().unwrap_or_default();
        let by_way_of = into.with_file_name("way");
        fs::create_dir_all(&by_way_of)?;
        let on_its_way = by_way_of.join(name);
        if self.path.is_dir() {
            copy(&self.path, &on_its_way, DEEPEST)?;
        } else {
            fs::copy(&self.path, &on_its_way)?;
            // Its texts and its request, which have to be there before it is.
            for beside in ["md", "toml"].map(|end| self.path.with_extension(end)) {
                if beside.is_file() {
                    fs::copy(&beside, into.join(beside.file_name().unwrap_or_default()))?;
                }
            }
        }
        fs::rename(on_its_way, into.join(name))
    }
}

/// Puts all skills into the folder that is served. The smallest with a component is held back if there are more, to be
/// dropped in later.
pub(super) fn lay_out(skills: &Path, served: &Path) -> io::Result<Option<Offer>> {
    fs::create_dir_all(served)?;
    let mut found = offers(skills)?;
    let last = found.iter().rposition(|offer| offer.component.is_some());
    let late = match last {
        Some(last) if last > 0 => Some(found.remove(last)),
        _ => None,
    };
    for offer in found {
        offer.put(served)?;
    }
    Ok(late)
}

/// Copies the plain files of a folder and of the folders in it.
fn copy(from: &Path, to: &Path, deep: usize) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_file() {
            fs::copy(entry.path(), to)?;
        } else if kind.is_dir() && deep > 0 {
            copy(&entry.path(), &to, deep - 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skills_are_found_as_a_host_finds_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let skills = folder.path().join("skills");
        let write = |name: &str, size: usize| {
            let path = skills.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("ours");
            fs::write(path, vec![b'x'; size]).expect("ours");
        };
        write("large.wasm", 300);
        write("small.wasm", 100);
        write("small.md", 1);
        write("small.toml", 1);
        write("folder/skill.wasm", 200);
        write("folder/grants.toml", 1);
        write("folder/prompts/a.md", 1);
        write("text/SKILL.md", 1);
        write("nothing/README.md", 1);
        write("notes.txt", 1);
        std::os::unix::fs::symlink(skills.join("large.wasm"), skills.join("link.wasm"))
            .expect("ours");

        let found = offers(&skills).expect("a folder");
        let files: Vec<PathBuf> = found.iter().map(Offer::file).collect();
        let expected = ["large.wasm", "folder/skill.wasm", "small.wasm", "text"];
        assert_eq!(files, expected.map(PathBuf::from));
        let one = offers(&skills.join("text")).expect("a folder");
        assert!(one.len() == 1 && one[0].component.is_none());

        let served = folder.path().join("served");
        let late = lay_out(&skills, &served).expect("laid out");
        let late = late.expect("there are more");
        assert_eq!(late.file(), Path::new("small.wasm"));
        let there = |name: &str| served.join(name).exists();
        assert!(there("large.wasm") && there("text/SKILL.md"));
        assert!(there("folder/skill.wasm") && there("folder/prompts/a.md"));
        assert!(there("folder/grants.toml") && !there("link.wasm") && !there("nothing"));
        assert!(!there("small.wasm"));
        late.put(&served).expect("dropped in");
        assert!(there("small.wasm") && there("small.md") && there("small.toml"));
    }
}
