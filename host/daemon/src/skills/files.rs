//! Reads single files so that nobody but the owner decides what is read: it follows no link, waits for no pipe, opens no
//! device, and looks into no folder that others can write to.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// How many entries of a folder are looked at at all.
const MOST_ENTRIES: usize = 100_000;

/// Changes with every write that is not made within the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    device: u64,
    inode: u64,
    size: i64,
    pub(crate) modified: (i64, u64),
    pub(crate) changed: (i64, u64),
}

/// Why something is not used.
pub(crate) enum Refused {
    /// Nothing is there.
    Absent,
    /// It is not looked into.
    Ignored(String),
    /// It cannot be used as it is.
    Broken(String),
    /// It changed meanwhile.
    Changing,
}

impl Refused {
    /// Returns why, for who named the file.
    pub(crate) fn why(self) -> String {
        match self {
            Self::Absent => "it is not there".to_owned(),
            Self::Changing => "it is being written".to_owned(),
            Self::Ignored(why) | Self::Broken(why) => why,
        }
    }
}

impl Mark {
    /// Returns the mark of a file.
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as _,
            inode: stat.st_ino as _,
            size: stat.st_size as _,
            modified: (stat.st_mtime as _, stat.st_mtime_nsec as _),
            changed: (stat.st_ctime as _, stat.st_ctime_nsec as _),
        }
    }
}

/// Returns the names in a folder, and how many were passed over.
pub(crate) fn names(folder: &OwnedFd) -> std::io::Result<(Vec<String>, usize)> {
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

/// Opens a folder that is none of others' business.
pub(crate) fn open_folder(parent: impl std::os::fd::AsFd, path: &Path) -> Result<OwnedFd, Refused> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, path, flags, Mode::empty()).map_err(refused)?;
    let stat = fstat(&folder).map_err(refused)?;
    match unsafe_for_us(&stat) {
        Some(why) => Err(Refused::Ignored(why)),
        None => Ok(folder),
    }
}

/// Reads a file whole, or says why not. What changes meanwhile is not returned.
pub(crate) fn read_file(
    folder: &OwnedFd,
    name: &str,
    most: u64,
) -> Result<(Vec<u8>, Stat), Refused> {
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
pub(crate) fn safe_way(folder: &Path) -> Result<(), String> {
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
