//! Looks at the places skills come from and reads every file once. It follows no link, waits for no pipe, opens no
//! device, and looks into no folder that others can write to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::{Body, Digest, Limits, SkillName};
use rustix::fs::{AtFlags, CWD, FileType, statat};

use super::files::{Mark, Refused, names, open_folder, read_file, safe_way};
use super::neighbours::{self, Strays};
use super::package::{PROMPTS, Package, Raw, skill_md_in};
use super::text;
use super::vault::Vault;

/// How many skills one folder may hold; what is beyond is counted, not read.
const MOST: usize = 1_000;
/// A file that changed so short a time before it was read may change again without its times showing it.
const SETTLED_SECS: i64 = 2;
/// A text that changed so short a time ago may still be being written: half a text is a text, too.
const WRITTEN_MICROS: i64 = 250_000;
/// The component of a folder that is one skill.
pub(crate) const COMPONENT: &str = "skill.wasm";
/// What it asks for.
pub(crate) const REQUEST: &str = "grants.toml";

/// A place where skills come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The folder, without symbolic links.
    pub(crate) folder: PathBuf,
    /// What is taken from it.
    pub(crate) take: Take,
    /// What keys of its files begin with instead of the folder's path.
    pub(crate) home: bool,
}

impl Source {
    /// Returns the path that no skill may reach because of this source.
    pub(crate) fn reach(&self) -> PathBuf {
        match &self.take {
            Take::File(name) => self.folder.join(name),
            Take::All | Take::Itself => self.folder.clone(),
        }
    }
}

/// What is taken from a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Take {
    /// Every skill in it.
    All,
    /// This component.
    File(String),
    /// The folder is one skill.
    Itself,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    /// Who answers.
    pub(crate) body: Body,
    /// Its component; of a skill without one, its texts and what they publish.
    pub(crate) digest: Digest,
    /// Its texts.
    pub(crate) package: Arc<Package>,
    /// What it asks for.
    pub(crate) text: Option<Arc<str>>,
    /// The name of the file that asks.
    pub(crate) text_name: String,
}

/// What stands at a place where a skill could be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// It was read.
    Read(Snapshot),
    /// It changes while it is read.
    Changing,
    /// It cannot be a skill as it is.
    Broken(String),
}

/// What one look found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Files by key.
    pub(crate) files: BTreeMap<String, Found>,
    /// What was not looked into, with the reason.
    pub(crate) ignored: Vec<(String, String)>,
    /// Folders to watch.
    pub(crate) folders: BTreeSet<PathBuf>,
    /// Folders that may become skills: to watch as far as there is room.
    pub(crate) empty: BTreeSet<PathBuf>,
    /// Whether something was left for a look soon after this one.
    pub(crate) again: bool,
}

/// What is remembered of files between looks, so that an unchanged file is not read again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    components: HashMap<String, (Mark, Digest)>,
    packages: HashMap<String, (Digest, Arc<Package>)>,
}

/// Looks at every source. Files in `known` are read first, so that nothing can crowd them out.
pub(crate) fn scan(
    sources: &[Source],
    known: &BTreeSet<String>,
    memory: &mut Memory,
    vault: &Vault,
) -> Scan {
    let mut scan = Scan::default();
    let mut kept = Memory::default();
    let mut look = Look {
        scan: &mut scan,
        known,
        memory,
        kept: &mut kept,
        vault,
    };
    for source in sources {
        look.source(source);
    }
    *memory = kept;
    scan
}

struct Look<'a> {
    scan: &'a mut Scan,
    known: &'a BTreeSet<String>,
    memory: &'a Memory,
    kept: &'a mut Memory,
    vault: &'a Vault,
}

impl Look<'_> {
    fn source(&mut self, source: &Source) {
        self.scan.folders.insert(source.folder.clone());
        let shown = source.folder.display().to_string();
        let folder = match open_folder(CWD, &source.folder) {
            Ok(folder) => folder,
            Err(Refused::Absent | Refused::Changing) => return,
            Err(Refused::Ignored(why) | Refused::Broken(why)) => {
                return self.scan.ignored.push((shown, why));
            }
        };
        if let Err(why) = safe_way(&source.folder) {
            return self.scan.ignored.push((shown, why));
        }
        match &source.take {
            Take::All => self.folder(source, &folder),
            Take::File(name) => match names(&folder) {
                Ok((names, _)) => {
                    self.component(source, &folder, name, &Strays::of(&names));
                }
                Err(error) => self.scan.ignored.push((shown, error.to_string())),
            },
            Take::Itself => {
                let name = source.folder.file_name().unwrap_or_default();
                self.within(source, "", &folder, &name.to_string_lossy());
            }
        }
    }

    fn folder(&mut self, source: &Source, folder: &OwnedFd) {
        let (mut names, unread) = match names(folder) {
            Ok(found) => found,
            Err(error) => {
                return self
                    .scan
                    .ignored
                    .push((source.folder.display().to_string(), error.to_string()));
            }
        };
        names.sort_unstable_by_key(|name| {
            let is_known = ["", "/skill.wasm", "/SKILL.md", "/skill.md"]
                .iter()
                .any(|end| self.known.contains(&key(source, &format!("{name}{end}"))));
            (!is_known, name.clone())
        });
        let strays = Strays::of(&names);
        if let Some(stray) = strays.request() {
            let why =
                "it asks for nothing here: it is read in a folder that is one skill".to_owned();
            self.scan.ignored.push((key(source, stray), why));
        }
        let mut seen = 0_usize;
        let mut beyond = unread;
        for name in names {
            let Ok(stat) = statat(folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let kind = FileType::from_raw_mode(stat.st_mode);
            let stem = name.strip_suffix(".wasm");
            let meant = match kind {
                FileType::Directory if stem.is_none() => {
                    // What makes it a skill may come later, and is then reported by the folder alone.
                    self.scan.empty.insert(source.folder.join(&name));
                    let below = format!("{name}/");
                    has_component(folder, &below) || skill_md_in(folder, &below).is_some()
                }
                FileType::Symlink => true,
                _ => stem.is_some(),
            };
            if !meant {
                continue;
            }
            if seen == MOST {
                beyond += 1;
                continue;
            }
            seen += 1;
            if kind == FileType::Symlink {
                self.scan
                    .ignored
                    .push((key(source, &name), "it is a symbolic link".to_owned()));
            } else if kind == FileType::Directory && stem.is_none() {
                self.skill_folder(source, folder, &name);
            } else {
                self.component(source, folder, &name, &strays);
            }
        }
        if beyond > 0 {
            let why = format!(
                "{beyond} further entries are not read: a folder holds at most {MOST} skills"
            );
            self.scan
                .ignored
                .push((source.folder.display().to_string(), why));
        }
    }

    fn skill_folder(&mut self, source: &Source, parent: &OwnedFd, name: &str) {
        let below = format!("{name}/");
        let key = match skill_md_in(parent, &below) {
            Some(md) if !has_component(parent, &below) => key(source, &format!("{below}{md}")),
            _ => key(source, &format!("{below}{COMPONENT}")),
        };
        if let Err(error) = name.parse::<SkillName>() {
            return self.scan.ignored.push((key, error.to_string()));
        }
        match open_folder(parent, Path::new(name)) {
            Ok(folder) => self.within(source, &below, &folder, name),
            Err(refused) => self.put(key, Err(refused)),
        }
    }

    /// Reads a folder that is one skill. Where its SKILL.md was approved by itself and a component appears beside it, it
    /// stays the same skill: the approved text goes on serving until the owner approves the component.
    fn within(&mut self, source: &Source, below: &str, folder: &OwnedFd, called: &str) {
        if statat(folder, PROMPTS, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            let prompts = source.folder.join(below).join(PROMPTS);
            self.scan.folders.insert(prompts);
        }
        let md = skill_md_in(folder, "").map(|md| key(source, &format!("{below}{md}")));
        let component = has_component(folder, "");
        let (key, body) = match md {
            Some(md) if !component => (md, Body::Model),
            Some(md) if self.known.contains(&md) => (md, Body::Component),
            _ => (key(source, &format!("{below}{COMPONENT}")), Body::Component),
        };
        let place = Place {
            folder,
            component: COMPONENT,
            asks: REQUEST,
            beside: None,
            called,
        };
        let missed = match names(folder) {
            Ok((names, _)) => neighbours::in_folder(&names, called),
            Err(error) => Some(error.to_string()),
        };
        let mut found = match missed {
            Some(why) => Ok(Found::Broken(why)),
            None => self.read(&key, body, &place),
        };
        if body == Body::Component
            && !key.ends_with(COMPONENT)
            && let Err(Refused::Ignored(why)) = found
        {
            found = Ok(Found::Broken(format!("{COMPONENT}: {why}")));
        }
        self.put(key, found);
    }

    fn component(&mut self, source: &Source, folder: &OwnedFd, name: &str, strays: &Strays) {
        let key = key(source, name);
        let stem = name.strip_suffix(".wasm").unwrap_or(name);
        if let Err(error) = stem.parse::<SkillName>() {
            return self.scan.ignored.push((key, error.to_string()));
        }
        let place = Place {
            folder,
            component: name,
            asks: &format!("{stem}.toml"),
            beside: Some(&format!("{stem}.md")),
            called: stem,
        };
        let found = match strays.beside(stem) {
            Some(why) => Ok(Found::Broken(why)),
            None => self.read(&key, Body::Component, &place),
        };
        self.put(key, found);
    }

    fn put(&mut self, key: String, found: Result<Found, Refused>) {
        match found {
            Ok(found) => drop(self.scan.files.insert(key, found)),
            Err(Refused::Absent) => {}
            Err(Refused::Ignored(why)) => self.scan.ignored.push((key, why)),
            Err(Refused::Broken(why)) => drop(self.scan.files.insert(key, Found::Broken(why))),
            Err(Refused::Changing) => drop(self.scan.files.insert(key, Found::Changing)),
        }
    }

    fn read(&mut self, key: &str, body: Body, place: &Place<'_>) -> Result<Found, Refused> {
        // The texts first: a component that is replaced after they were read is seen again by the next look.
        let text = match read_file(place.folder, place.asks, text::LARGEST) {
            Ok((bytes, _)) => match String::from_utf8(bytes) {
                Ok(text) => Some(Arc::from(text)),
                Err(_) => return Ok(Found::Broken(format!("{}: it is not UTF-8", place.asks))),
            },
            Err(Refused::Absent) => None,
            Err(Refused::Changing) => return Ok(Found::Changing),
            Err(Refused::Ignored(why) | Refused::Broken(why)) => {
                return Ok(Found::Broken(format!("{}: {why}", place.asks)));
            }
        };
        let Some(package) = self.package(key, body, place)? else {
            return Ok(Found::Changing);
        };
        let package = match package {
            Ok(package) => package,
            Err(why) => return Ok(Found::Broken(why)),
        };
        let digest = match body {
            Body::Component => self.digest(key, place.folder, place.component)?,
            Body::Model => match package.serve_alone() {
                Ok((digest, _)) => digest,
                Err(why) => return Ok(Found::Broken(why)),
            },
        };
        Ok(Found::Read(Snapshot {
            body,
            digest,
            package,
            text,
            text_name: place.asks.to_owned(),
        }))
    }

    /// Reads and understands the texts of a skill, again only where one of them changed. Returns nothing for texts of an
    /// approved skill that are so new that they may be half written.
    fn package(
        &mut self,
        key: &str,
        body: Body,
        place: &Place<'_>,
    ) -> Result<Option<Result<Arc<Package>, String>>, Refused> {
        let raw = match place.beside {
            Some(name) => Raw::beside(place.folder, name)?,
            None => Raw::of_folder(place.folder, body)?,
        };
        if raw.is_empty() {
            return Ok(Some(Ok(Arc::default())));
        }
        let digest = raw.digest();
        if let Some((known, package)) = self.memory.packages.get(key)
            && *known == digest
        {
            self.kept
                .packages
                .insert(key.to_owned(), (digest, package.clone()));
            return Ok(Some(Ok(package.clone())));
        }
        let age = crate::clock::now().0.saturating_sub(raw.changed);
        if self.known.contains(key) && (0..WRITTEN_MICROS).contains(&age) {
            self.scan.again = true;
            return Ok(None);
        }
        Ok(Some(raw.understand(place.called).map(|package| {
            let package = Arc::new(package);
            self.kept
                .packages
                .insert(key.to_owned(), (digest, package.clone()));
            package
        })))
    }

    fn digest(&mut self, key: &str, folder: &OwnedFd, name: &str) -> Result<Digest, Refused> {
        if let Some((mark, digest)) = self.memory.components.get(key)
            && statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| Mark::of(&stat) == *mark)
            && self.vault.has(digest)
        {
            self.kept
                .components
                .insert(key.to_owned(), (*mark, *digest));
            return Ok(*digest);
        }
        let (bytes, stat) = read_file(folder, name, Limits::COMPONENT.0)?;
        let digest = Digest::of(&bytes);
        self.vault
            .stage(&digest, &bytes)
            .map_err(|error| Refused::Broken(format!("no private copy could be made: {error}")))?;
        let mark = Mark::of(&stat);
        let now = crate::clock::now().0 / 1_000_000;
        if now.saturating_sub(mark.changed.0.max(mark.modified.0)) >= SETTLED_SECS {
            self.kept.components.insert(key.to_owned(), (mark, digest));
        }
        Ok(digest)
    }
}

/// Where the parts of one skill lie.
struct Place<'p> {
    folder: &'p OwnedFd,
    component: &'p str,
    /// What it asks for.
    asks: &'p str,
    /// Its private text, where the folder is not its own.
    beside: Option<&'p str>,
    /// What names it where nothing in it does.
    called: &'p str,
}

fn has_component(folder: &OwnedFd, below: &str) -> bool {
    let path = format!("{below}{COMPONENT}");
    statat(folder, path.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn key(source: &Source, name: &str) -> String {
    if source.home {
        format!("skills/{name}")
    } else {
        source.folder.join(name).display().to_string()
    }
}
