//! The tables. Ids come from sequences that never give a number twice, not even after rows were deleted: clients keep the
//! last id they saw.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE group_message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ns  INTEGER NOT NULL,
    group_id    BLOB NOT NULL,
    data        BLOB NOT NULL,
    sender_hmac BLOB NOT NULL,
    should_push INTEGER NOT NULL,
    is_commit   INTEGER NOT NULL,
    digest      BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX group_message_topic ON group_message (group_id, id);
CREATE INDEX group_message_age ON group_message (created_ns) WHERE is_commit = 0;

CREATE TABLE welcome (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ns   INTEGER NOT NULL,
    installation BLOB NOT NULL,
    is_pointer   INTEGER NOT NULL,
    data         BLOB NOT NULL,
    hpke_key     BLOB NOT NULL,
    algorithm    INTEGER NOT NULL,
    metadata     BLOB NOT NULL,
    digest       BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX welcome_topic ON welcome (installation, id);
CREATE INDEX welcome_age ON welcome (created_ns);

CREATE TABLE key_package (
    installation BLOB PRIMARY KEY,
    package      BLOB NOT NULL,
    not_before   INTEGER NOT NULL,
    uploaded_ns  INTEGER NOT NULL
) STRICT;

CREATE TABLE inbox_log (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    inbox     TEXT NOT NULL,
    server_ns INTEGER NOT NULL,
    body      BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_log_inbox ON inbox_log (inbox, sequence);

-- An address may have been linked to several inboxes one after the other; the newest link that stands counts.
CREATE TABLE address_log (
    address  TEXT NOT NULL,
    inbox    TEXT NOT NULL,
    linked   INTEGER NOT NULL,
    unlinked INTEGER
) STRICT;
CREATE INDEX address_log_address ON address_log (address, linked);

CREATE TABLE commit_log (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id  BLOB NOT NULL,
    entry     BLOB NOT NULL,
    signature BLOB
) STRICT;
CREATE INDEX commit_log_group ON commit_log (group_id, sequence);

-- How many bytes each topic holds; the empty scope is the whole node.
CREATE TABLE usage (
    scope BLOB PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
";

/// Opens the database for writing, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // Only a database without tables takes this; what the sweep deletes is then given back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
        0 => transaction.execute_batch(TABLES)?,
        VERSION => {}
        _ => return Err(StoreError::Later),
    }
    transaction.commit()?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the database once more, for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
