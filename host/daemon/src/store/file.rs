//! The database's file, before SQLite has it: a new one is made only where there is none, and never seen half made. To
//! SQLite an empty file is a new database; to the owner of a home that was in use it is a lost one.

use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::{StoreError, frames, migrations};

/// What stands beside a database that was made once, and stays when the database is gone.
const MARK: &str = ".made";

/// Sees to it that there is a database. Returns whether it was made just now though there had been one.
pub(super) fn prepare(path: &Path) -> Result<bool, StoreError> {
    let mark = beside(path, MARK);
    let had_one = mark.exists();
    let is_new = prepare_file(path)?;
    if !had_one {
        // Without it, a lost database is only not called one.
        let _ = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(mark);
    }
    Ok(is_new && had_one)
}

/// Returns whether the database had to be made.
fn prepare_file(path: &Path) -> Result<bool, StoreError> {
    let lost = |why| StoreError::Lost {
        path: path.to_owned(),
        why,
    };
    match std::fs::metadata(path) {
        Ok(found) if found.len() == 0 => Err(lost("the file is empty")),
        Ok(_) if frames::is_damaged(&beside(path, "-wal")) => Err(lost(
            "its log is damaged in the middle, before commits that were acknowledged",
        )),
        // Whatever else is wrong with it, SQLite says.
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let log = std::fs::metadata(beside(path, "-wal"));
            if log.is_ok_and(|log| log.len() > 0) {
                return Err(lost("its log is there, and the database is not"));
            }
            make(path).map(|()| true)
        }
        Err(_) => Ok(false),
    }
}

/// Opens a database that is there.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE
        | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX
        | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(path, flags).map_err(|source| refused(path, source))
}

/// Makes a database of ours under another name, and gives it its own when it is whole and on disk.
fn make(path: &Path) -> Result<(), StoreError> {
    let part = beside(path, ".new");
    let made = make_whole(&part).and_then(|()| {
        std::fs::rename(&part, path)
            .and_then(|()| std::fs::File::open(path.parent().unwrap_or(path))?.sync_all())
            .map_err(|error| refused(path, system(&error)))
    });
    if made.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    made
}

fn make_whole(part: &Path) -> Result<(), StoreError> {
    // Left by a start that was cut off.
    let _ = std::fs::remove_file(part);
    // Ours alone from the first byte; the files beside it get the mode that it has.
    std::fs::OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(part)
        .map_err(|error| refused(part, system(&error)))?;
    let connection = open(part)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "application_id", migrations::APPLICATION)?;
    connection.close().map_err(|(_, error)| error.into())
}

fn refused(path: &Path, source: rusqlite::Error) -> StoreError {
    StoreError::Open {
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

fn system(error: &std::io::Error) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
        Some(error.to_string()),
    )
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
