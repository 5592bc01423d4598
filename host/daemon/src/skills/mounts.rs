//! What is mounted where. The same folder may be there under several names, and a folder may hold what lies elsewhere:
//! a path says neither.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "no other system has such a table")
)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The longest table that is read.
#[cfg(target_os = "linux")]
const LARGEST: u64 = 8 << 20;
/// File systems whose files the system makes up: processes, devices, itself.
const PSEUDO: [&str; 45] = [
    "proc",
    "procfs",
    "linprocfs",
    "sysfs",
    "linsysfs",
    "devtmpfs",
    "devfs",
    "devpts",
    "fdescfs",
    "cgroup",
    "cgroup2",
    "cpuset",
    "debugfs",
    "tracefs",
    "securityfs",
    "configfs",
    "bpf",
    "pstore",
    "efivarfs",
    "mqueue",
    "hugetlbfs",
    "fusectl",
    "fuse.lxcfs",
    "binfmt_misc",
    "binder",
    "nsfs",
    "pidfs",
    "pipefs",
    "sockfs",
    "anon_inodefs",
    "bdev",
    "selinuxfs",
    "smackfs",
    "apparmorfs",
    "aafs",
    "resctrl",
    "rpc_pipefs",
    "nfsd",
    "functionfs",
    "gadgetfs",
    "usbfs",
    "usbdevfs",
    "xenfs",
    "secretmem",
    "dax",
];

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The device, as the kernel numbers it.
    device: String,
    /// Which folder of the device is there.
    root: PathBuf,
    /// Where it is there.
    pub(crate) point: PathBuf,
    /// The type of the file system.
    pub(crate) kind: String,
}

/// A folder or file by where it lies on its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    device: String,
    path: PathBuf,
}

/// Everything that is mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MountTable {
    mounts: Vec<Mount>,
}

impl Place {
    /// Returns whether one holds the other, or both are the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.device == other.device
            && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

impl Mount {
    fn place(&self) -> Place {
        Place {
            device: self.device.clone(),
            path: self.root.clone(),
        }
    }
}

impl MountTable {
    /// Reads the table of this process. Other systems than Linux show no folder under a second name.
    #[cfg(target_os = "linux")]
    pub(crate) fn read() -> std::io::Result<Self> {
        use std::io::Read;
        let mut text = Vec::new();
        std::fs::File::open("/proc/self/mountinfo")?
            .take(LARGEST + 1)
            .read_to_end(&mut text)?;
        let table = Self::parse(&text).filter(|_| text.len() as u64 <= LARGEST);
        table.ok_or_else(|| std::io::Error::other("the table of mounts is not understood"))
    }

    /// Reads the table of this process. Other systems than Linux show no folder under a second name.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn read() -> std::io::Result<Self> {
        Ok(Self::default())
    }

    /// Reads a table as `/proc/self/mountinfo` writes it. Returns nothing if a line of it is not understood.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        let mounts: Option<Vec<Mount>> = lines.map(mount).collect();
        mounts
            .filter(|mounts| !mounts.is_empty())
            .map(|mounts| Self { mounts })
    }

    /// Returns every place that a path may name. Where mounts lie on one another, each counts.
    pub(crate) fn places(&self, path: &Path) -> Vec<Place> {
        let over = self.over(path).filter_map(|mount| {
            let below = path.strip_prefix(&mount.point).ok()?;
            Some(Place {
                device: mount.device.clone(),
                path: mount.root.join(below),
            })
        });
        over.collect()
    }

    /// Returns every place that is there below a path.
    pub(crate) fn places_below(&self, path: &Path) -> Vec<Place> {
        self.below(path).map(Mount::place).collect()
    }

    /// Returns the made-up file system that a path lies in, or that is mounted below it.
    pub(crate) fn pseudo(&self, path: &Path) -> Option<&Mount> {
        // Without a file system of its own for devices, they lie in one in memory, which is there as `/dev`.
        let devices: Vec<&Mount> = self.at("/dev").collect();
        let is_devices = |mount: &Mount| {
            let same = |other: &&Mount| other.device == mount.device;
            devices.iter().any(same) && !self.at("/").any(|root| same(&root))
        };
        self.over(path)
            .chain(self.below(path))
            .find(|mount| is_pseudo(&mount.kind) || is_devices(mount))
    }

    fn at(&self, point: &'static str) -> impl Iterator<Item = &Mount> {
        self.mounts
            .iter()
            .filter(move |mount| mount.point == Path::new(point))
    }

    fn over(&self, path: &Path) -> impl Iterator<Item = &Mount> {
        self.mounts
            .iter()
            .filter(move |mount| path.starts_with(&mount.point))
    }

    fn below(&self, path: &Path) -> impl Iterator<Item = &Mount> {
        self.mounts
            .iter()
            .filter(move |mount| mount.point.starts_with(path))
    }
}

/// Returns whether a type of file system is one whose files the system makes up.
pub(crate) fn is_pseudo(kind: &str) -> bool {
    PSEUDO.contains(&kind)
}

/// Reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD…] - TYPE SOURCE OPTIONS`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let device = words.nth(2)?;
    let (root, point) = (words.next()?, words.next()?);
    let kind = words.skip_while(|word| *word != b"-").nth(1)?;
    let mount = Mount {
        device: String::from_utf8(device.to_vec()).ok()?,
        root: path(root),
        point: path(point),
        kind: String::from_utf8(kind.to_vec()).ok()?,
    };
    // A root that was deleted, or is no path, as of namespaces, holds nothing of anybody.
    mount.point.is_absolute().then_some(mount)
}

/// Returns a path of the table, in which spaces, tabs, line ends and backslashes stand as octal numbers.
fn path(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let number =
            octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match number {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}
