//! Which messages came before. `seen` knows a message by its transport's id, `repeat` by what it says. Keys are hashes
//! that cover the peer, so that no peer can make another's message look known.
//!
//! Hashes fall anywhere in an index: writing each at once would write a page of it for every message. They go into a
//! short log instead, which is written at its end only and known by heart; every so often it is sorted into the indexes.

use std::collections::HashMap;

use coworker_core::{TaskId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{size, task_at, time_at};
use super::{Db, StoreError};

/// The indexes.
pub(super) const TABLES: &str = "
CREATE TABLE seen (key BLOB PRIMARY KEY, task BLOB NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE repeat (key BLOB PRIMARY KEY, task BLOB NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX repeat_at ON repeat (at);
";

/// The log.
pub(super) const LOG: &str = "
CREATE TABLE arrived (seq INTEGER PRIMARY KEY, task BLOB NOT NULL, at INTEGER NOT NULL, seen BLOB NOT NULL, repeat BLOB)
STRICT;
";

/// Messages in the log before it is sorted into the indexes, which takes a few milliseconds.
const LONGEST: i64 = 1_024;

/// 16 bytes that stand for a message.
pub(super) type Key = [u8; 16];

/// Returns the key of these parts. Lengths go in too, so that no two lists of parts run together.
pub(super) fn key(parts: &[&[u8]]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&size(part.len()).to_le_bytes());
        hasher.update(part);
    }
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

/// What the log says, by key.
#[derive(Debug, Default)]
pub(super) struct Log {
    seen: HashMap<Key, TaskId>,
    repeat: HashMap<Key, (TaskId, Timestamp)>,
    /// How often it changed.
    changes: u64,
}

impl Log {
    /// Reads the table.
    pub(super) fn read(c: &Connection) -> Result<Self, StoreError> {
        let mut log = Self::default();
        let mut statement =
            c.prepare_cached("SELECT task, at, seen, repeat FROM arrived ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            log.note(task_at(row, 0)?, time_at(row, 1)?, row.get(2)?, row.get(3)?);
        }
        Ok(log)
    }

    /// Returns a number that is another one after each change.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    fn note(&mut self, task: TaskId, at: Timestamp, seen: Key, repeat: Option<Key>) {
        self.seen.insert(seen, task);
        if let Some(repeat) = repeat {
            self.repeat.insert(repeat, (task, at));
        }
        self.changes += 1;
    }

    fn clear(&mut self) {
        self.seen.clear();
        self.repeat.clear();
        self.changes += 1;
    }
}

/// Returns the task that a message of the transport became before.
pub(super) fn seen(db: &Db, key: &Key) -> Result<Option<TaskId>, StoreError> {
    if let Some(task) = db.log()?.seen.get(key) {
        return Ok(Some(*task));
    }
    let mut statement = db.prepare_cached("SELECT task FROM seen WHERE key = ?1")?;
    Ok(statement
        .query_row([key], |row| task_at(row, 0))
        .optional()?)
}

/// Returns the task that the same request became after `horizon`.
pub(super) fn repeated(
    db: &Db,
    key: &Key,
    horizon: Timestamp,
) -> Result<Option<TaskId>, StoreError> {
    if let Some((task, at)) = db.log()?.repeat.get(key)
        && *at > horizon
    {
        return Ok(Some(*task));
    }
    let mut statement = db.prepare_cached("SELECT task FROM repeat WHERE key = ?1 AND at > ?2")?;
    Ok(statement
        .query_row(params![key, horizon.0], |row| task_at(row, 0))
        .optional()?)
}

/// Notes what a message became.
pub(super) fn note(
    db: &Db,
    task: TaskId,
    at: Timestamp,
    seen: &Key,
    repeat: Option<&Key>,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO arrived (task, at, seen, repeat) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![task.as_bytes(), at.0, seen, repeat])?;
    let last = db.last_insert_rowid();
    db.log()?.note(task, at, *seen, repeat.copied());
    // The log is emptied whole, and its rows are numbered from 1 again.
    if last >= LONGEST {
        sort_in(db)?;
    }
    Ok(())
}

/// Sorts the log into the indexes. Of what came twice, the later counts.
pub(super) fn sort_in(db: &Db) -> Result<(), StoreError> {
    for statement in [
        "INSERT OR REPLACE INTO seen (key, task, at) SELECT seen, task, at FROM arrived ORDER BY seen, seq",
        "INSERT OR REPLACE INTO repeat (key, task, at)
         SELECT repeat, task, at FROM arrived WHERE repeat IS NOT NULL ORDER BY repeat, seq",
        "DELETE FROM arrived",
    ] {
        db.prepare_cached(statement)?.execute([])?;
    }
    db.log()?.clear();
    Ok(())
}
