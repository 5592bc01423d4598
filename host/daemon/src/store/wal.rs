//! Room for the write-ahead log. A sync after writing over what a file has is a third faster than one after making it
//! longer, because the new length must be written down too. So the log gets its whole length while nobody waits for the
//! database. Only zeros are written, and only behind the end of the file: SQLite takes them for the end of its log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// How many pages the log has before they are copied into the database: enough that a page that changes all the time is
/// copied seldom.
pub(super) const PAGES: u32 = 4_000;
/// A little more than that many pages of 4 KiB, each with its frame's header.
const LENGTH: u64 = 16 << 20;
/// What is written in one go, which somebody may come to wait for.
const PIECE: usize = 256 << 10;
/// A disk with less room than this keeps it for what must be written.
const SPARE: u64 = 1 << 30;

/// What the log's file lacks.
#[derive(Debug)]
pub(super) struct Room {
    /// None as soon as nothing is to be done any more.
    log: Option<File>,
}

impl Room {
    /// Looks at the log beside a database that is open.
    pub(super) fn beside(database: Option<&Path>) -> Self {
        let path = database.map(|path| {
            let mut path = path.as_os_str().to_owned();
            path.push("-wal");
            path
        });
        Self {
            log: path.and_then(|path| OpenOptions::new().append(true).open(path).ok()),
        }
    }

    /// Makes the log a piece longer. Returns whether that was not the last one.
    pub(super) fn grow(&mut self) -> bool {
        let grown = self
            .log
            .as_mut()
            .is_some_and(|log| grow(log).is_ok_and(|more| more));
        if !grown {
            self.log = None;
        }
        grown
    }
}

fn grow(log: &mut File) -> std::io::Result<bool> {
    let disk = rustix::fs::fstatvfs(&*log)?;
    if log.metadata()?.len() >= LENGTH || disk.f_bavail.saturating_mul(disk.f_frsize) < SPARE {
        return Ok(false);
    }
    log.write_all(&vec![0; PIECE])?;
    log.sync_data()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Opens a database as the store does.
    fn open(path: &Path) -> Connection {
        let c = Connection::open(path).expect("a database");
        for (name, value) in [("locking_mode", "EXCLUSIVE"), ("journal_mode", "WAL")] {
            c.pragma_update_and_check(None, name, value, |_| Ok(()))
                .expect("a setting");
        }
        c
    }

    #[test]
    fn the_log_has_its_length_and_what_was_written_before_and_after_it_grew_is_there_after_a_death()
    {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, copy) = (dir.path().join("a.db"), dir.path().join("b.db"));
        let wal = |path: &Path| path.with_extension("db-wal");
        let c = open(&path);
        c.execute_batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)")
            .expect("a write");
        let mut room = Room::beside(Some(&path));
        assert!(room.grow(), "a piece");
        c.execute_batch("INSERT INTO t VALUES (2)")
            .expect("a write");
        while room.grow() {}
        c.execute_batch("INSERT INTO t VALUES (3)")
            .expect("a write");
        let length = std::fs::metadata(wal(&path)).expect("a log").len();
        assert!((LENGTH..LENGTH + PIECE as u64).contains(&length));
        // As a process leaves it that dies here.
        std::fs::copy(&path, &copy).expect("a copy");
        std::fs::copy(wal(&path), wal(&copy)).expect("a copy");
        let sum = |c: &Connection| c.query_row("SELECT sum(n) FROM t", [], |row| row.get(0));
        assert_eq!(sum(&open(&copy)), Ok(6));
    }

    #[test]
    fn a_database_in_memory_has_no_log() {
        assert!(!Room::beside(None).grow());
    }
}
