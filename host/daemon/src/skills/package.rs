//! The texts of a skill: SKILL.md or NAME.md, and `prompts/SLOT.md`. Each is read once, into one snapshot; what is not
//! named here is not read at all, whatever lies in the folder.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use coworker_core::guard::{LONGEST, guarded};
use coworker_core::{Body, Digest, Manifest, PrivateTexts, SKILL_SLOT, Slot, Tier};
use coworker_sandbox::{Ceiling, Examined};
use rustix::fs::{AtFlags, statat};

use super::files::{Mark, Refused, names, open_folder, read_file};
use super::skill_md;

/// The file that makes a folder a skill; the second is how some write it.
pub(crate) const SKILL_MD: [&str; 2] = ["SKILL.md", "skill.md"];
/// The folder of the other slots.
pub(crate) const PROMPTS: &str = "prompts";
/// The most slots.
const MOST: usize = 64;
/// The longest name of a slot, as guests may name one.
const SLOT_NAME: usize = 128;
/// All texts of a skill together.
const ALL: usize = 1 << 20;

/// The most that a skill without a component could ever do.
pub(crate) const ALONE: &str =
    "have a model answer, which is told its private text; it holds no code";

/// The texts of one state of a skill, as they were understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Package {
    /// What models are told, unless there is nothing.
    pub(crate) texts: Option<Arc<PrivateTexts>>,
    /// What SKILL.md publishes, if it serves without a component.
    pub(crate) manifest: Option<Manifest>,
    /// The least tier that SKILL.md asks for.
    pub(crate) min_tier: Option<Tier>,
    /// What its author should look at.
    pub(crate) warnings: Vec<String>,
    /// What its author wrote above the text of SKILL.md, and on which line that text begins.
    pub(crate) front: (String, usize),
    /// What its folder, or its component's file, is called.
    pub(crate) called: String,
}

/// The texts of one state of a skill, as they were read.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// SKILL.md or NAME.md, with its name.
    main: Option<(String, Vec<u8>)>,
    /// `prompts/*.md`, by file name.
    prompts: Vec<(String, Vec<u8>)>,
    /// When one of them changed last, in microseconds since 1970.
    pub(crate) changed: i64,
}

/// Returns the name of the SKILL.md of a folder, if it has one.
pub(crate) fn skill_md_in(folder: impl std::os::fd::AsFd, below: &str) -> Option<&'static str> {
    SKILL_MD.into_iter().find(|name| {
        let path = format!("{below}{name}");
        statat(&folder, path.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    })
}

impl Raw {
    /// Reads the texts of a folder that is one skill. Where SKILL.md is the skill, a link or a pipe in its place is not
    /// looked into; beside a component, the skill as a whole cannot be used with it.
    pub(crate) fn of_folder(folder: &OwnedFd, body: Body) -> Result<Self, Refused> {
        let mut raw = Self::default();
        if let Some(name) = skill_md_in(folder, "") {
            let read = raw.main(folder, name);
            read.map_err(|refused| match body {
                Body::Model => refused,
                Body::Component => refused.of(name),
            })?;
        }
        let prompts = match open_folder(folder, Path::new(PROMPTS)) {
            Ok(prompts) => prompts,
            Err(Refused::Absent) => return Ok(raw),
            Err(refused) => return Err(refused.of(PROMPTS)),
        };
        let unlisted = |error: std::io::Error| Refused::Broken(error.to_string()).of(PROMPTS);
        let (mut found, _) = names(&prompts).map_err(unlisted)?;
        found.retain(|name| name.ends_with(".md"));
        found.sort_unstable();
        if found.len() > MOST {
            return Err(Refused::Broken(format!(
                "it holds {} texts; at most {MOST} are read",
                found.len()
            ))
            .of(PROMPTS));
        }
        for name in found {
            let shown = format!("{PROMPTS}/{name}");
            let bytes = raw
                .read(&prompts, &name)
                .map_err(|refused| refused.of(&shown))?;
            raw.prompts.push((name, bytes));
        }
        let size: usize = raw.prompts.iter().map(|(_, bytes)| bytes.len()).sum();
        if size > ALL {
            return Err(Refused::Broken(format!(
                "its texts have {size} bytes; at most {ALL} are read"
            ))
            .of(PROMPTS));
        }
        Ok(raw)
    }

    /// Reads the text beside a component that lies in a folder with others.
    pub(crate) fn beside(folder: &OwnedFd, name: &str) -> Result<Self, Refused> {
        let mut raw = Self::default();
        match raw.main(folder, name) {
            Ok(()) | Err(Refused::Absent) => Ok(raw),
            Err(refused) => Err(refused.of(name)),
        }
    }

    /// Returns whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.main.is_none() && self.prompts.is_empty()
    }

    /// Returns the digest of all that was read.
    pub(crate) fn digest(&self) -> Digest {
        let mut all = Vec::new();
        for (name, bytes) in self.main.iter().chain(&self.prompts) {
            for part in [name.as_bytes(), bytes] {
                all.extend((part.len() as u64).to_le_bytes());
                all.extend(part);
            }
        }
        Digest::of(&all)
    }

    /// Understands what was read. The skill's folder, or the component's file, gives its name where nothing else does.
    pub(crate) fn understand(&self, called: &str) -> Result<Package, String> {
        let mut package = Package {
            called: called.to_owned(),
            ..Package::default()
        };
        let mut slots: BTreeMap<String, Slot> = BTreeMap::new();
        if let Some((name, bytes)) = &self.main {
            let read = skill_md::read(bytes, called).map_err(|error| format!("{name}: {error}"))?;
            slots.extend(read.slot.map(|slot| (SKILL_SLOT.to_owned(), slot)));
            package.manifest = Some(read.manifest);
            package.min_tier = read.min_tier;
            package.warnings = read.warnings;
            package.front = (read.front, read.body_line);
        }
        for (name, bytes) in &self.prompts {
            let shown = format!("{PROMPTS}/{name}");
            let slot = name.strip_suffix(".md").unwrap_or(name);
            if slot == SKILL_SLOT || !is_slot(slot) {
                let why = if slot == SKILL_SLOT {
                    "the slot `skill` is the text of SKILL.md"
                } else {
                    "it cannot name a slot"
                };
                package.warnings.push(format!("{shown} is not read: {why}"));
                continue;
            }
            let mut said = Vec::new();
            let read = skill_md::read_slot(bytes, &mut said)
                .map_err(|error| format!("{shown}: {error}"))?;
            package.warnings.extend(
                said.into_iter()
                    .map(|warning| format!("{shown}: {warning}")),
            );
            match read {
                Some(read) => drop(slots.insert(slot.to_owned(), read)),
                None => package
                    .warnings
                    .push(format!("{shown} is blank, and bound to nothing")),
            }
        }
        for (name, slot) in &slots {
            package.warnings.extend(unguarded(name, slot));
        }
        package.texts = (!slots.is_empty()).then(|| Arc::new(PrivateTexts::new(slots)));
        Ok(package)
    }

    fn main(&mut self, folder: &OwnedFd, name: &str) -> Result<(), Refused> {
        let bytes = self.read(folder, name)?;
        self.main = Some((name.to_owned(), bytes));
        Ok(())
    }

    fn read(&mut self, folder: &OwnedFd, name: &str) -> Result<Vec<u8>, Refused> {
        let (bytes, stat) = read_file(folder, name, skill_md::LARGEST)?;
        let (seconds, nanos) = Mark::of(&stat).changed;
        let at = seconds
            .saturating_mul(1_000_000)
            .saturating_add_unsigned(nanos / 1_000);
        self.changed = self.changed.max(at);
        Ok(bytes)
    }
}

/// Says that a text is not guarded, if it is not: the guard lets runs of so many letters pass, of any text.
fn unguarded(name: &str, slot: &Slot) -> Option<String> {
    let own = guarded(slot.text.reveal());
    (own <= LONGEST).then(|| {
        format!(
            "the text of the slot {name:?} is not guarded: it has {own} letters and digits of its own, and any answer may hold \
             {LONGEST} in a row"
        )
    })
}

impl Package {
    /// Returns what a skill that is these texts and no component would be approved as.
    pub(crate) fn serve_alone(&self) -> Result<(Digest, Examined), String> {
        let (Some(manifest), Some(texts)) = (&self.manifest, &self.texts) else {
            return Err("SKILL.md: there is no text below its frontmatter".to_owned());
        };
        if texts.slot(SKILL_SLOT).is_none() {
            return Err("SKILL.md: there is no text below its frontmatter".to_owned());
        }
        let digest = texts.package(manifest);
        let ceiling = Ceiling {
            sentences: vec![ALONE.to_owned()],
            ..Ceiling::default()
        };
        Ok((
            digest,
            Examined {
                digest,
                imports: Vec::new(),
                ceiling,
                manifests: vec![manifest.clone()],
                log: Vec::new(),
            },
        ))
    }

    /// Returns the digest of the private texts.
    pub(crate) fn private(&self) -> Option<Digest> {
        self.texts.as_ref().map(|texts| texts.digest())
    }
}

impl Refused {
    /// Says what of a skill is not used; with that, the skill as a whole cannot be.
    fn of(self, name: &str) -> Self {
        match self {
            Self::Ignored(why) | Self::Broken(why) => Self::Broken(format!("{name}: {why}")),
            other => other,
        }
    }
}

fn is_slot(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=SLOT_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}
