//! What skills wrote to their logs, kept with the task until it is swept away. One row holds all lines of a task: a
//! thousand lines cost one insert.

use coworker_core::{TaskId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::codec::unreadable;
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE log (seq INTEGER PRIMARY KEY, lines TEXT NOT NULL) STRICT;
";

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something went wrong.
    Error,
}

/// One line of a skill's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRow {
    /// When it was written.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The text, as the skill wrote it.
    pub line: String,
}

impl LogRow {
    /// Returns a line.
    pub const fn new(at: Timestamp, level: LogLevel, line: String) -> Self {
        Self { at, level, line }
    }
}

impl Store {
    /// Returns the log of a task, in order.
    pub async fn logs(&self, task: TaskId) -> Result<Vec<LogRow>, StoreError> {
        self.read(move |c| {
            let lines = c
                .prepare_cached(
                    "SELECT unseal(lines) FROM log JOIN task USING (seq) WHERE task.task = ?1",
                )?
                .query_row([task.as_bytes()], |row| lines_at(row, 0))
                .optional()?;
            Ok(lines.unwrap_or_default())
        })
        .await
    }
}

/// Stores the log of a task.
pub(super) fn put(c: &Connection, seq: i64, lines: &[LogRow]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(lines).map_err(|_| StoreError::Unreadable { what: "log" })?;
    c.prepare_cached("INSERT OR REPLACE INTO log (seq, lines) VALUES (?1, seal(?2))")?
        .execute(params![seq, text])?;
    Ok(())
}

fn lines_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<LogRow>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|_| unreadable(column, Type::Text, "log"))
}
