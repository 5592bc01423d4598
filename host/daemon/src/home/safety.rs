//! Whether others could change what lies in a folder: by writing into it, or by putting another in its place.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::HomeError;

const WRITE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Returns the folder without symbolic links, if only this user and the administrator can change what is in it or
/// what its name leads to.
pub(super) fn check(given: &Path) -> Result<PathBuf, HomeError> {
    let real =
        std::fs::canonicalize(given).map_err(|source| HomeError::io("find", given, source))?;
    let meta = look(&real)?;
    if !meta.is_dir() {
        return Err(HomeError::NotAFolder(real));
    }
    if meta.uid() != me() {
        return Err(HomeError::Unsafe {
            why: "it belongs to another user".to_owned(),
            hint: "name a home of your own with --home DIR".to_owned(),
            path: real,
        });
    }
    refuse_writable(&real, &meta)?;
    // The name as it was given may go through links; the folder that it leads to has its own way from the top.
    for way in [given, &real] {
        for folder in way.ancestors().skip(1) {
            check_step(folder)?;
        }
    }
    let link = look(given)?;
    if link.is_symlink() {
        check_owner(given, &link)?;
    }
    Ok(real)
}

/// Makes a folder of ours unreadable for others, if it is not yet.
pub(super) fn close_to_others(folder: &Path) -> Result<(), HomeError> {
    if look(folder)?.mode() & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .map_err(|source| HomeError::io("close to others", folder, source))
}

/// Checks one folder on the way, or a link in its place.
fn check_step(path: &Path) -> Result<(), HomeError> {
    let meta = look(path)?;
    check_owner(path, &meta)?;
    // A link has no rights of its own; where it leads was checked on the way without links.
    if meta.is_symlink() {
        return Ok(());
    }
    // In a sticky folder, such as /tmp, others can make things but not move ours.
    if meta.mode() & STICKY != 0 {
        return Ok(());
    }
    refuse_writable(path, &meta)
}

fn check_owner(path: &Path, meta: &Metadata) -> Result<(), HomeError> {
    if meta.uid() == me() || meta.uid() == 0 {
        return Ok(());
    }
    Err(HomeError::Unsafe {
        path: path.to_owned(),
        why: "it belongs to another user, who could put another folder in its place".to_owned(),
        hint: "name a home elsewhere with --home DIR".to_owned(),
    })
}

fn refuse_writable(path: &Path, meta: &Metadata) -> Result<(), HomeError> {
    if meta.mode() & WRITE_BY_OTHERS == 0 {
        return Ok(());
    }
    Err(HomeError::Unsafe {
        path: path.to_owned(),
        why: "other users can write to it".to_owned(),
        hint: format!("run `chmod go-w {}`", path.display()),
    })
}

fn look(path: &Path) -> Result<Metadata, HomeError> {
    std::fs::symlink_metadata(path).map_err(|source| HomeError::io("look at", path, source))
}

fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}
