//! Folders that the owner took up to serve where they lie. What of them is served is decided like any other skill.

use coworker_core::Timestamp;
use rusqlite::params;

use super::codec::time_at;
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE place (folder TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// A folder that is served where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRow {
    /// The folder, without symbolic links.
    pub folder: String,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Takes folders up; those that were taken up before keep their time.
    pub async fn put_places(&self, folders: Vec<String>, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |c| {
            let mut put =
                c.prepare_cached("INSERT OR IGNORE INTO place (folder, at) VALUES (?1, ?2)")?;
            for folder in folders {
                put.execute(params![folder, at.0])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns every folder that was taken up, in order.
    pub async fn places(&self) -> Result<Vec<PlaceRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT folder, at FROM place ORDER BY folder")?;
            let rows = statement.query_map([], |row| {
                Ok(PlaceRow {
                    folder: row.get(0)?,
                    at: time_at(row, 1)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Gives a folder up. Returns whether it had been taken up.
    pub async fn drop_place(&self, folder: String) -> Result<bool, StoreError> {
        self.write(move |c| {
            let gone = c
                .prepare_cached("DELETE FROM place WHERE folder = ?1")?
                .execute([folder])?;
            Ok(gone > 0)
        })
        .await
    }
}
