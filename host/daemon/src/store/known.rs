//! Which messages came before. `seen` knows a message by its transport's id, `repeat` by what it says. Keys are hashes
//! that cover the peer, so that no peer can make another's message look known.
//!
//! Hashes fall anywhere in an index: writing each at once would write a page of it for every message. They go into a
//! short log instead, which is written at its end only, and into tables in memory that are part of the same
//! transactions; every so often the log is sorted into the indexes.

use coworker_core::{TaskId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::codec::{size, task_at};

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

/// What the log says, by key.
const IN_MEMORY: &str = "
CREATE TEMP TABLE new_seen (key BLOB PRIMARY KEY, task BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE new_repeat (key BLOB PRIMARY KEY, task BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR REPLACE INTO new_seen SELECT seen, task, at FROM arrived ORDER BY seq;
INSERT OR REPLACE INTO new_repeat SELECT repeat, task, at FROM arrived WHERE repeat IS NOT NULL ORDER BY seq;
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

/// Reads the log of an earlier run into memory. Once for each connection.
pub(super) fn open(c: &Connection) -> Result<(), StoreError> {
    Ok(c.execute_batch(IN_MEMORY)?)
}

/// Returns the task that a message of the transport became before.
pub(super) fn seen(c: &Connection, key: &Key) -> Result<Option<TaskId>, StoreError> {
    find(
        c,
        "SELECT task FROM new_seen WHERE key = ?1 AND at > ?2
         UNION ALL SELECT task FROM seen WHERE key = ?1 AND at > ?2",
        key,
        Timestamp(i64::MIN),
    )
}

/// Returns the task that the same request became after `horizon`.
pub(super) fn repeated(
    c: &Connection,
    key: &Key,
    horizon: Timestamp,
) -> Result<Option<TaskId>, StoreError> {
    find(
        c,
        "SELECT task FROM new_repeat WHERE key = ?1 AND at > ?2
         UNION ALL SELECT task FROM repeat WHERE key = ?1 AND at > ?2",
        key,
        horizon,
    )
}

/// Notes what a message became.
pub(super) fn note(
    c: &Connection,
    task: TaskId,
    at: Timestamp,
    seen: &Key,
    repeat: Option<&Key>,
) -> Result<(), StoreError> {
    let task = task.as_bytes();
    c.prepare_cached("INSERT INTO new_seen (key, task, at) VALUES (?1, ?2, ?3)")?
        .execute(params![seen, task, at.0])?;
    if let Some(repeat) = repeat {
        c.prepare_cached("INSERT OR REPLACE INTO new_repeat (key, task, at) VALUES (?1, ?2, ?3)")?
            .execute(params![repeat, task, at.0])?;
    }
    c.prepare_cached("INSERT INTO arrived (task, at, seen, repeat) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![task, at.0, seen, repeat])?;
    // The log is emptied whole, and its rows are numbered from 1 again.
    if c.last_insert_rowid() >= LONGEST {
        sort_in(c)?;
    }
    Ok(())
}

/// Sorts the log into the indexes.
pub(super) fn sort_in(c: &Connection) -> Result<(), StoreError> {
    for statement in [
        "INSERT OR REPLACE INTO seen (key, task, at) SELECT key, task, at FROM new_seen ORDER BY key",
        "INSERT OR REPLACE INTO repeat (key, task, at) SELECT key, task, at FROM new_repeat ORDER BY key",
        "DELETE FROM arrived",
        "DELETE FROM new_seen",
        "DELETE FROM new_repeat",
    ] {
        c.prepare_cached(statement)?.execute([])?;
    }
    Ok(())
}

fn find(
    c: &Connection,
    sql: &str,
    key: &Key,
    after: Timestamp,
) -> Result<Option<TaskId>, StoreError> {
    Ok(c.prepare_cached(sql)?
        .query_row(params![key, after.0], |row| task_at(row, 0))
        .optional()?)
}
