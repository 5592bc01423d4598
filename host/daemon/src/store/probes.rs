//! Names of skills that were asked for and refused. A name is kept as text, bounded; what it would have been is worked
//! out when the owner looks, never while a peer waits.

use std::borrow::Borrow;

use coworker_core::{PeerId, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;

use super::codec::{peer_at, peer_key, time_at, uint_at};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE probe (
    peer BLOB NOT NULL,
    name TEXT NOT NULL,
    times INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (peer, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX probe_last ON probe (last);
";

/// Names kept of one peer: enough to see what it is after.
const PER_PEER: i64 = 64;
/// Names kept of all peers together.
const IN_ALL: i64 = 10_000;
/// Characters kept of a name.
const NAME: usize = 200;

/// A name that a peer asked for in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeRow {
    /// Who asked.
    pub peer: PeerId,
    /// For what.
    pub name: String,
    /// How often.
    pub times: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

impl Store {
    /// Notes that a peer asked for a name in vain. The oldest make room for the newest.
    pub async fn probe(
        &self,
        peer: impl Borrow<PeerId>,
        name: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (peer, name) = (peer_key(peer.borrow()), name.to_owned());
        self.write(move |c| put(c, &peer, &name, at)).await
    }

    /// Returns the names, the latest first.
    pub async fn probes(&self) -> Result<Vec<ProbeRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT peer, name, times, first, last FROM probe ORDER BY last DESC, peer, name",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ProbeRow {
                    peer: peer_at(row, 0)?,
                    name: row.get(1)?,
                    times: uint_at(row, 2)?,
                    first: time_at(row, 3)?,
                    last: time_at(row, 4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

pub(super) fn put(
    c: &Connection,
    peer: &[u8],
    name: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let name: String = name.chars().take(NAME).collect();
    let known = c
        .prepare_cached(
            "UPDATE probe SET times = times + 1, last = ?3 WHERE peer = ?1 AND name = ?2",
        )?
        .execute(params![peer, name, at.0])?;
    if known > 0 {
        return Ok(());
    }
    c.prepare_cached(
        "DELETE FROM probe WHERE (peer, name) IN
         (SELECT peer, name FROM probe WHERE peer = ?1 ORDER BY last DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![peer, PER_PEER - 1])?;
    let all: i64 = c
        .prepare_cached("SELECT count(*) FROM probe")?
        .query_row([], |row| row.get(0))?;
    if all >= IN_ALL {
        c.prepare_cached(
            "DELETE FROM probe WHERE (peer, name) IN (SELECT peer, name FROM probe ORDER BY last LIMIT ?1)",
        )?
        .execute([all - IN_ALL + 1])?;
    }
    c.prepare_cached(
        "INSERT INTO probe (peer, name, times, first, last) VALUES (?1, ?2, 1, ?3, ?3)",
    )?
    .execute(params![peer, name, at.0])?;
    Ok(())
}
