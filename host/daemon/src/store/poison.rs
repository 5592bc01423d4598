//! Messages that the host was handling when it died. Counted at the next start, once for each death, by peer and content:
//! what a peer sends again is the same message, under whatever id.

use coworker_core::{PeerId, TaskId, Timestamp};
use rusqlite::params;

use super::codec::{peer_at, peer_key, time_at};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE poison (key BLOB PRIMARY KEY, peer BLOB NOT NULL, message TEXT NOT NULL, stage TEXT NOT NULL,
 task BLOB, deaths INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// A message that the host was handling when it died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonRow {
    /// Stands for its sender and its content.
    pub key: [u8; 16],
    /// Who sent it.
    pub peer: PeerId,
    /// The transport's id of it.
    pub message: String,
    /// The task that it became, if it had become one.
    pub task: Option<TaskId>,
    /// What the host was doing with it.
    pub stage: String,
    /// At how many deaths, with no time in between at which it was handled to the end.
    pub deaths: u32,
    /// The last one.
    pub at: Timestamp,
}

impl PoisonRow {
    /// How many deaths are enough.
    const DEATHS: u32 = 2;

    /// Returns whether the host died of it often enough.
    pub const fn is_refused(&self) -> bool {
        self.deaths >= Self::DEATHS
    }
}

impl Store {
    /// Counts one death for each message.
    pub async fn poisoned(&self, rows: Vec<PoisonRow>) -> Result<(), StoreError> {
        self.write(move |c| {
            let mut statement = c.prepare_cached(
                "INSERT INTO poison (key, peer, message, stage, task, deaths, at)
                 VALUES (?1, ?2, coalesce((SELECT transport_id FROM task WHERE task = ?5), ?3), ?4, ?5, 1, ?6)
                 ON CONFLICT DO UPDATE SET deaths = deaths + 1, message = excluded.message, stage = excluded.stage,
                 task = coalesce(excluded.task, task), at = excluded.at",
            )?;
            for row in &rows {
                statement.execute(params![
                    row.key,
                    peer_key(&row.peer),
                    row.message,
                    row.stage,
                    row.task.as_ref().map(TaskId::as_bytes),
                    row.at.0
                ])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns every message that was being handled at a death and not handled to the end since, latest first.
    pub async fn poison(&self) -> Result<Vec<PoisonRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT key, peer, message, stage, task, deaths, at FROM poison ORDER BY at DESC, key",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(PoisonRow {
                    key: row.get(0)?,
                    peer: peer_at(row, 1)?,
                    message: row.get(2)?,
                    stage: row.get(3)?,
                    task: row.get::<_, Option<_>>(4)?.map(TaskId::from_random),
                    deaths: row.get(5)?,
                    at: time_at(row, 6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Forgets a message, because it was handled to the end.
    pub async fn harmless(&self, key: [u8; 16]) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached("DELETE FROM poison WHERE key = ?1")?
                .execute([key])?;
            Ok(())
        })
        .await
    }
}
