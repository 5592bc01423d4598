//! What belongs to this host, and must not be reached by a skill that was granted a folder. Folders are compared by device
//! and inode and by where they lie on their device, up and down the tree: a path is a name, and there may be others.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[cfg(target_vendor = "apple")]
use super::mounts::is_pseudo;
use super::mounts::{MountTable, Place};
use crate::config::Config;
use crate::home::Home;
use crate::local_node;

/// How many files of a folder of ours are looked at for a second hard link.
const MOST_OURS: usize = 1_000;
/// How many files of a granted folder are looked at for one.
const MOST_THEIRS: usize = 100_000;

/// Why a folder must not be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It is, holds or lies in something of ours.
    Ours(PathBuf),
    /// It is, holds or lies in files that the system makes up.
    Pseudo(String, PathBuf),
    /// What it is cannot be found out.
    Unknown(String),
}

type Identity = (u64, u64);

/// Returns what belongs to a host besides the places of its skills: its home, and what its configuration names elsewhere.
pub(crate) fn of_host(home: &Home, config: &Config) -> Vec<PathBuf> {
    let mut ours = vec![home.root().to_owned(), config.loopback.folder()];
    ours.extend(local_node::data_folder().ok());
    ours.extend(config.xmtp.sidecar());
    ours.extend(config.xmtp.node_program());
    for provider in config.llm.values() {
        ours.extend(provider.key_file.clone());
        ours.extend(provider.script.clone());
    }
    ours
}

/// Returns why a folder without links on its way must not be granted, if so.
#[cfg(test)]
fn check(folder: &Path, ours: &[PathBuf]) -> Result<(), Reached> {
    check_in(folder, ours, &read()?)
}

/// The same for a folder that was named by another path. One that leads through what the system makes up, as
/// `/proc/self/cwd`, leads elsewhere for everybody who follows it.
pub(crate) fn check_named(given: &Path, real: &Path, ours: &[PathBuf]) -> Result<(), Reached> {
    let table = read()?;
    if let Some(mount) = table.pseudo(given) {
        return Err(Reached::Pseudo(mount.kind.clone(), mount.point.clone()));
    }
    check_in(real, ours, &table)
}

fn read() -> Result<MountTable, Reached> {
    MountTable::read()
        .map_err(|error| Reached::Unknown(format!("what is mounted cannot be read: {error}")))
}

/// The same with a given table of mounts.
fn check_in(folder: &Path, ours: &[PathBuf], table: &MountTable) -> Result<(), Reached> {
    if let Some(mount) = table.pseudo(folder) {
        return Err(Reached::Pseudo(mount.kind.clone(), mount.point.clone()));
    }
    if let Some(kind) = kind_of(folder)? {
        return Err(Reached::Pseudo(kind, folder.to_owned()));
    }
    let granted = Spot::of(folder, table)?;
    for path in ours {
        if granted.reaches(&Spot::of(&real(path), table)?) {
            return Err(Reached::Ours(path.clone()));
        }
    }
    Ok(())
}

/// Returns the file of ours of which a folder holds a second hard link, if it does. Nobody is looked for where no file of
/// ours has a second link, which is how it should be.
pub(crate) fn check_links(folder: &Path, ours: &[PathBuf]) -> Result<(), Reached> {
    let mut linked: HashMap<Identity, PathBuf> = HashMap::new();
    for path in ours {
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        let inside = inside.take(MOST_OURS).map(|entry| entry.path());
        for file in inside.chain([path.clone()]) {
            if let Ok(found) = std::fs::symlink_metadata(&file)
                && found.is_file()
                && found.nlink() > 1
            {
                linked.insert((found.dev(), found.ino()), file);
            }
        }
    }
    if linked.is_empty() {
        return Ok(());
    }
    let unknown = |why: &str| {
        Reached::Unknown(format!(
            "a file of this host has a second hard link, and {why}"
        ))
    };
    let (mut waiting, mut seen) = (vec![folder.to_owned()], 0_usize);
    while let Some(folder) = waiting.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| unknown(&error.to_string()))?;
        for entry in entries.flatten() {
            seen += 1;
            let Ok(found) = entry.metadata() else {
                continue;
            };
            if let Some(file) = linked.get(&(found.dev(), found.ino())) {
                return Err(Reached::Ours(file.clone()));
            }
            if seen > MOST_THEIRS {
                return Err(unknown("the folder holds too many files to look for it"));
            }
            if found.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    Ok(())
}

/// Returns whether one folder is, holds or lies in the other, under whatever names.
pub(crate) fn overlap(a: &Path, b: &Path) -> bool {
    let Ok(table) = MountTable::read() else {
        return a.starts_with(b) || b.starts_with(a);
    };
    match (Spot::of(a, &table), Spot::of(b, &table)) {
        (Ok(a), Ok(b)) => a.reaches(&b),
        // What cannot be looked at might be anything.
        _ => true,
    }
}

/// Where a folder or file is, by everything that tells.
struct Spot {
    path: PathBuf,
    /// Itself, if it is there.
    itself: Option<Identity>,
    /// Itself and every folder above it.
    way: HashSet<Identity>,
    places: Vec<Place>,
    below: Vec<Place>,
}

impl Spot {
    fn of(path: &Path, table: &MountTable) -> Result<Self, Reached> {
        let mut way = HashSet::new();
        for step in path.ancestors() {
            way.extend(identity(step)?);
        }
        Ok(Self {
            itself: identity(path)?,
            way,
            places: table.places(path),
            below: table.places_below(path),
            path: path.to_owned(),
        })
    }

    fn reaches(&self, other: &Self) -> bool {
        let on = |way: &HashSet<Identity>, one: Option<Identity>| {
            one.is_some_and(|one| way.contains(&one))
        };
        let meet = |ours: &[Place], theirs: &[Place]| {
            ours.iter().any(|a| theirs.iter().any(|b| a.overlaps(b)))
        };
        self.path.starts_with(&other.path)
            || other.path.starts_with(&self.path)
            || on(&self.way, other.itself)
            || on(&other.way, self.itself)
            || meet(&self.places, &other.places)
            || meet(&self.below, &other.places)
            || meet(&self.places, &other.below)
    }
}

/// Returns the device and inode of what a path leads to, if something is there.
fn identity(path: &Path) -> Result<Option<Identity>, Reached> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(Reached::Unknown(format!("{}: {error}", path.display()))),
    }
}

/// Returns a path without links as far as it is there.
fn real(path: &Path) -> PathBuf {
    for step in path.ancestors() {
        if let Ok(found) = std::fs::canonicalize(step) {
            let rest = path.strip_prefix(step).unwrap_or(Path::new(""));
            return if rest.as_os_str().is_empty() {
                found
            } else {
                found.join(rest)
            };
        }
    }
    path.to_owned()
}

/// Returns the type of the made-up file system that a folder lies in, if it lies in one.
#[cfg(target_os = "linux")]
pub(crate) fn kind_of(folder: &Path) -> Result<Option<String>, Reached> {
    const MAGIC: [(u64, &str); 32] = [
        (0x9fa0, "proc"),
        (0x6265_6572, "sysfs"),
        (0x1cd1, "devpts"),
        (0x0027_e0eb, "cgroup"),
        (0x6367_7270, "cgroup2"),
        (0x6462_6720, "debugfs"),
        (0x7472_6163, "tracefs"),
        (0x7363_6673, "securityfs"),
        (0x6265_6570, "configfs"),
        (0xcafe_4a11, "bpf"),
        (0x6165_676c, "pstore"),
        (0xde5e_81e4, "efivarfs"),
        (0x1980_0202, "mqueue"),
        (0x9584_58f6, "hugetlbfs"),
        (0x6573_5543, "fusectl"),
        (0x4249_4e4d, "binfmt_misc"),
        (0x6c6f_6f70, "binder"),
        (0x6e73_6673, "nsfs"),
        (0x5049_4446, "pidfs"),
        (0x5049_5045, "pipefs"),
        (0x534f_434b, "sockfs"),
        (0x0904_1934, "anon_inodefs"),
        (0xf97c_ff8c, "selinuxfs"),
        (0x4341_5d53, "smackfs"),
        (0x5a3c_69f0, "apparmorfs"),
        (0x0765_5821, "resctrl"),
        (0x6759_6969, "rpc_pipefs"),
        (0x6e66_7364, "nfsd"),
        (0x9fa2, "usbdevfs"),
        (0x9fa1, "openprom"),
        (0xabba_1974, "xenfs"),
        (0x5345_434d, "secretmem"),
    ];
    let found = rustix::fs::statfs(folder)
        .map_err(|error| Reached::Unknown(format!("{}: {error}", folder.display())))?;
    // The kernel's word is signed on some machines and half as long on others.
    let magic = found.f_type as u64 & 0xffff_ffff;
    let kind = MAGIC.iter().find(|(known, _)| *known == magic);
    Ok(kind.map(|(_, name)| (*name).to_owned()))
}

/// Returns the type of the made-up file system that a folder lies in, if it lies in one.
#[cfg(target_vendor = "apple")]
pub(crate) fn kind_of(folder: &Path) -> Result<Option<String>, Reached> {
    let found = rustix::fs::statfs(folder)
        .map_err(|error| Reached::Unknown(format!("{}: {error}", folder.display())))?;
    let name = found.f_fstypename.iter().take_while(|byte| **byte != 0);
    let name: String = name.map(|byte| char::from(*byte as u8)).collect();
    Ok(Some(name).filter(|name| is_pseudo(name)))
}

#[cfg(test)]
pub(crate) mod tests;
