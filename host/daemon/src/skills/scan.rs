//! Looks at the places skills come from and reads every file once. It follows no link, waits for no pipe, opens no
//! device, and looks into no folder that others can write to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::{Digest, Limits, SkillName};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

use super::text;
use super::vault::Vault;

/// How many skills one folder may hold; what is beyond is counted, not read.
const MOST: usize = 1_000;
/// How many entries of a folder are looked at at all.
const MOST_ENTRIES: usize = 100_000;
/// A file that changed so short a time before it was read may change again without its times showing it.
const SETTLED_SECS: i64 = 2;

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
    /// Its component.
    pub(crate) digest: Digest,
    /// The text beside it.
    pub(crate) text: Option<Arc<str>>,
    /// That text's file name.
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
}

/// What is remembered of files between looks, so that an unchanged file is not read again.
#[derive(Debug, Default)]
pub(crate) struct Memory(HashMap<String, (Mark, Digest)>);

/// Changes with every write that is not made within the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
    changed: (i64, u64),
}

enum Refused {
    /// Nothing is there.
    Absent,
    /// It is not looked into.
    Ignored(String),
    /// It cannot be used as it is.
    Broken(String),
    /// It changed meanwhile.
    Changing,
}

/// Looks at every source. Files in `known` are read first, so that nothing can crowd them out.
pub(crate) fn scan(
    sources: &[Source],
    known: &BTreeSet<String>,
    memory: &mut Memory,
    vault: &Vault,
) -> Scan {
    let mut scan = Scan::default();
    let mut kept = HashMap::new();
    let mut look = Look {
        scan: &mut scan,
        memory,
        kept: &mut kept,
        vault,
    };
    for source in sources {
        look.source(source, known);
    }
    memory.0 = kept;
    scan
}

struct Look<'a> {
    scan: &'a mut Scan,
    memory: &'a Memory,
    kept: &'a mut HashMap<String, (Mark, Digest)>,
    vault: &'a Vault,
}

impl Look<'_> {
    fn source(&mut self, source: &Source, known: &BTreeSet<String>) {
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
            Take::All => self.folder(source, &folder, known),
            Take::File(name) => self.component(source, &folder, name),
            Take::Itself => self.within(key(source, "skill.wasm"), &folder),
        }
    }

    fn folder(&mut self, source: &Source, folder: &OwnedFd, known: &BTreeSet<String>) {
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
            let of_file = known.contains(&key(source, name));
            let of_folder = known.contains(&key(source, &format!("{name}/skill.wasm")));
            (!of_file && !of_folder, name.clone())
        });
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
                    let inner = format!("{name}/skill.wasm");
                    statat(folder, inner.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
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
                self.component(source, folder, &name);
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
        let key = key(source, &format!("{name}/skill.wasm"));
        self.scan.folders.insert(source.folder.join(name));
        if let Err(error) = name.parse::<SkillName>() {
            return self.scan.ignored.push((key, error.to_string()));
        }
        match open_folder(parent, Path::new(name)) {
            Ok(folder) => self.within(key, &folder),
            Err(refused) => self.put(key, Err(refused)),
        }
    }

    fn within(&mut self, key: String, folder: &OwnedFd) {
        let found = self.read(&key, folder, "skill.wasm", "grants.toml");
        self.put(key, found);
    }

    fn component(&mut self, source: &Source, folder: &OwnedFd, name: &str) {
        let key = key(source, name);
        let stem = name.strip_suffix(".wasm").unwrap_or(name);
        if let Err(error) = stem.parse::<SkillName>() {
            return self.scan.ignored.push((key, error.to_string()));
        }
        let found = self.read(&key, folder, name, &format!("{stem}.toml"));
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

    fn read(
        &mut self,
        key: &str,
        folder: &OwnedFd,
        name: &str,
        text_name: &str,
    ) -> Result<Found, Refused> {
        // The text first: a component that is replaced after its text was read is seen again by the next look.
        let text = match read_file(folder, text_name, text::LARGEST) {
            Ok((bytes, _)) => match String::from_utf8(bytes) {
                Ok(text) => Some(Arc::from(text)),
                Err(_) => return Ok(Found::Broken(format!("{text_name}: it is not UTF-8"))),
            },
            Err(Refused::Absent) => None,
            Err(Refused::Changing) => return Ok(Found::Changing),
            Err(Refused::Ignored(why) | Refused::Broken(why)) => {
                return Ok(Found::Broken(format!("{text_name}: {why}")));
            }
        };
        let digest = self.digest(key, folder, name)?;
        Ok(Found::Read(Snapshot {
            digest,
            text,
            text_name: text_name.to_owned(),
        }))
    }

    fn digest(&mut self, key: &str, folder: &OwnedFd, name: &str) -> Result<Digest, Refused> {
        if let Some((mark, digest)) = self.memory.0.get(key)
            && statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| Mark::of(&stat) == *mark)
            && self.vault.has(digest)
        {
            self.kept.insert(key.to_owned(), (*mark, *digest));
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
            self.kept.insert(key.to_owned(), (mark, digest));
        }
        Ok(digest)
    }
}

impl Mark {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as _,
            inode: stat.st_ino as _,
            size: stat.st_size as _,
            modified: (stat.st_mtime as _, stat.st_mtime_nsec as _),
            changed: (stat.st_ctime as _, stat.st_ctime_nsec as _),
        }
    }
}

fn key(source: &Source, name: &str) -> String {
    if source.home {
        format!("skills/{name}")
    } else {
        source.folder.join(name).display().to_string()
    }
}

fn names(folder: &OwnedFd) -> std::io::Result<(Vec<String>, usize)> {
    let (mut names, mut unread) = (Vec::new(), 0);
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let bytes = entry.file_name().to_bytes();
        if bytes.first() == Some(&b'.') {
            continue;
        }
        if names.len() == MOST_ENTRIES {
            unread += 1;
        } else if let Ok(name) = std::str::from_utf8(bytes) {
            names.push(name.to_owned());
        } else if bytes.ends_with(b".wasm") {
            unread += 1;
        }
    }
    Ok((names, unread))
}

fn open_folder(parent: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Refused> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, path, flags, Mode::empty()).map_err(refused)?;
    let stat = fstat(&folder).map_err(refused)?;
    match unsafe_for_us(&stat) {
        Some(why) => Err(Refused::Ignored(why)),
        None => Ok(folder),
    }
}

/// Reads a file whole, or says why not. What changes meanwhile is not returned.
fn read_file(folder: &OwnedFd, name: &str, most: u64) -> Result<(Vec<u8>, Stat), Refused> {
    // Opening a device can do things, so what is there is looked at before it is opened, and again after.
    check_file(
        &statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(refused)?,
        most,
    )?;
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty()).map_err(refused)?;
    let before = fstat(&file).map_err(refused)?;
    check_file(&before, most)?;
    let mut file = std::fs::File::from(file);
    let mut bytes = Vec::new();
    file.by_ref()
        .take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Refused::Broken(format!("it cannot be read: {error}")))?;
    let after = fstat(&file).map_err(refused)?;
    let whole = u64::try_from(after.st_size).is_ok_and(|size| size == bytes.len() as u64);
    if Mark::of(&before) != Mark::of(&after) || !whole {
        return Err(Refused::Changing);
    }
    Ok((bytes, after))
}

fn check_file(stat: &Stat, most: u64) -> Result<(), Refused> {
    let ignored = |why: &str| Err(Refused::Ignored(why.to_owned()));
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return ignored("it is a symbolic link"),
        FileType::Fifo => return ignored("it is a pipe"),
        FileType::Directory => return ignored("it is a folder"),
        _ => return ignored("it is not a regular file"),
    }
    if let Some(why) = unsafe_for_us(stat) {
        return Err(Refused::Ignored(why));
    }
    if u64::try_from(stat.st_size).unwrap_or(0) > most {
        return Err(Refused::Broken(format!(
            "it has {} bytes; at most {most} are read",
            stat.st_size
        )));
    }
    Ok(())
}

/// Returns why others could change it, if they could.
fn unsafe_for_us(stat: &Stat) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if stat.st_uid != me && stat.st_uid != 0 {
        return Some("it belongs to another user".to_owned());
    }
    (stat.st_mode & 0o022 != 0)
        .then(|| "other users can write to it: run `chmod go-w` on it".to_owned())
}

/// Says why others could put another folder in this one's place, if they could.
fn safe_way(folder: &Path) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    for step in folder.ancestors().skip(1) {
        let stat =
            statat(CWD, step, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| error.to_string())?;
        // In a sticky folder, such as /tmp, others can make things but not move ours.
        let open = stat.st_mode & 0o022 != 0 && stat.st_mode & 0o1000 == 0;
        if open || (stat.st_uid != me && stat.st_uid != 0) {
            return Err(format!(
                "other users can replace it through {}",
                step.display()
            ));
        }
    }
    Ok(())
}

fn refused(error: rustix::io::Errno) -> Refused {
    use rustix::io::Errno;
    match error {
        Errno::NOENT => Refused::Absent,
        Errno::LOOP | Errno::NOTDIR => {
            Refused::Ignored("it is a symbolic link or no folder".to_owned())
        }
        error => Refused::Broken(format!("it cannot be read: {error}")),
    }
}
