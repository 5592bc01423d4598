//! Which components were running when the host died. Counted at the next start, once for each death, so that a request
//! that kills its host is not run for ever.

use coworker_core::{Digest, TaskId};
use rusqlite::{Connection, OptionalExtension};

use super::codec::digest_at;
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE death (digest BLOB PRIMARY KEY, deaths INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

impl Store {
    /// Returns how many host deaths a component was running at.
    pub async fn deaths(&self, digest: Digest) -> Result<u32, StoreError> {
        self.read(move |c| {
            Ok(
                c.prepare_cached("SELECT deaths FROM death WHERE digest = ?1")?
                    .query_row([digest.as_bytes()], |row| row.get(0))
                    .optional()?
                    .unwrap_or(0),
            )
        })
        .await
    }

    /// Returns every component that was running at `least` or more host deaths, with the number.
    pub async fn quarantined(&self, least: u32) -> Result<Vec<(Digest, u32)>, StoreError> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(
                "SELECT digest, deaths FROM death WHERE deaths >= ?1 ORDER BY digest",
            )?;
            let rows = statement.query_map([least], |row| Ok((digest_at(row, 0)?, row.get(1)?)))?;
            let mut found = Vec::new();
            for row in rows {
                if let (Some(digest), deaths) = row? {
                    found.push((digest, deaths));
                }
            }
            Ok(found)
        })
        .await
    }

    /// Forgets the deaths of a component, because the owner lets it run again.
    pub async fn pardon(&self, digest: Digest) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM death WHERE digest = ?1", [digest.as_bytes()])?;
            Ok(())
        })
        .await
    }
}

/// Counts one death for each component that was running when the last process died, once for each attempt. A component
/// whose tasks had all ended was not running, though the host had not written their answers down.
pub(super) fn count_deaths(c: &Connection, ended: &[TaskId]) -> Result<(), StoreError> {
    for task in ended {
        c.execute(
            "UPDATE task SET counted = attempt WHERE task = ?1 AND open = 1 AND state = 1",
            [task.as_bytes()],
        )?;
    }
    c.execute_batch(
        "BEGIN IMMEDIATE;
         INSERT INTO death (digest, deaths, at)
         SELECT digest, 1, max(received) FROM task INDEXED BY task_open
         WHERE open = 1 AND state = 1 AND counted < attempt AND digest IS NOT NULL GROUP BY digest
         ON CONFLICT DO UPDATE SET deaths = deaths + 1, at = excluded.at;
         UPDATE task INDEXED BY task_open SET counted = attempt WHERE open = 1 AND state = 1;
         COMMIT",
    )?;
    Ok(())
}

/// Notes at an orderly end that what still runs was not the death of anybody.
pub(super) fn end_cleanly(c: &Connection) -> Result<(), StoreError> {
    c.execute(
        "UPDATE task INDEXED BY task_open SET counted = attempt WHERE open = 1 AND state = 1",
        [],
    )?;
    Ok(())
}
