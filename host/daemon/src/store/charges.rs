//! What a lease was charged for: one call of it a task, on disk with the task, so that no attempt of it pays again.

use coworker_core::TaskId;
use rusqlite::OptionalExtension;

use super::{PeerRow, Store, StoreError, peers};

/// Added by the eleventh migration.
pub(super) const CHARGED: &str = "
ALTER TABLE task ADD COLUMN charged INTEGER NOT NULL DEFAULT 0;
";

impl Store {
    /// Writes down a peer whose lease has a call less, and the task that used it, in one commit.
    ///
    /// Refused with [`StoreError::NotOpen`] if the task was cancelled or ended meanwhile: then nothing is charged.
    pub async fn charge(&self, row: PeerRow, task: TaskId) -> Result<(), StoreError> {
        self.write(move |c| {
            let charged = c
                .prepare_cached("UPDATE task SET charged = 1 WHERE task = ?1 AND open = 1")?
                .execute([task.as_bytes()])?;
            if charged == 0 {
                return Err(StoreError::NotOpen);
            }
            peers::put(c, &row)
        })
        .await
    }

    /// Returns whether a lease was charged for a task.
    pub async fn is_charged(&self, task: TaskId) -> Result<bool, StoreError> {
        self.read(move |c| {
            let charged = c
                .prepare_cached("SELECT charged FROM task WHERE task = ?1")?
                .query_row([task.as_bytes()], |row| row.get(0))
                .optional()?;
            Ok(charged.unwrap_or(false))
        })
        .await
    }
}
