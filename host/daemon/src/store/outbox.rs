//! The outbox: what has to leave, at least once. A row goes when the transport took it; an answer's bytes are kept
//! with its task, not a second time here.

use std::borrow::Borrow;

use coworker_core::{Bytes, PeerId, TaskId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::codec::{peer_at, peer_key, size, uint_at};
use super::{Store, StoreError};

/// `created` is 0 until the first sweep that sees the row: nothing else needs to know its age.
/// `bytes` is null if the row stands for the answer of its task. It is the last column, so that looking for rows
/// does not read it.
pub(super) const TABLES: &str = "
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    peer BLOB NOT NULL,
    seq INTEGER,
    message TEXT NOT NULL,
    size INTEGER NOT NULL,
    created INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    bytes BLOB
) STRICT;
CREATE INDEX outbox_peer ON outbox (peer);
";

/// `once` marks a request that the peer would run again if it came twice; `tries` then counts attempts that may have
/// succeeded.
pub(super) const ONCE: &str = "ALTER TABLE outbox ADD COLUMN once INTEGER NOT NULL DEFAULT 0;";

/// A message that has to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRow {
    /// The row.
    pub id: i64,
    /// To whom.
    pub peer: PeerId,
    /// The envelope.
    pub bytes: Vec<u8>,
    /// The task it belongs to, if any.
    pub task: Option<TaskId>,
    /// Random text, the same at each try: a transport that gets it twice can tell.
    pub message_id: String,
    /// How often it may be sent.
    pub delivery: Delivery,
}

/// How often a message may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Until the transport has it: whoever gets it twice can tell.
    #[default]
    AtLeastOnce,
    /// Again only if it surely did not leave: whoever gets it twice does it twice.
    AtMostOnce {
        /// An attempt was made and may have succeeded.
        tried: bool,
    },
}

/// How much waits to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Messages.
    pub count: u64,
    /// Their size.
    pub bytes: Bytes,
}

/// An answer waits for a moment at most: one that is dated further ahead was dated by a clock that was wrong, and leaves.
/// The index by peer is the smaller evil: without it, one peer that cannot be reached would slow down all others.
const OF_PEER: &str = "SELECT o.id, o.peer, unseal(coalesce(o.bytes, answer.body)), task.task, o.message, o.once, o.tries
 FROM (SELECT * FROM outbox INDEXED BY outbox_peer WHERE peer = ?1
 AND not_before NOT BETWEEN ?2 + 1 AND ?2 + 1000000 ORDER BY id LIMIT ?3) o
 LEFT JOIN task USING (seq) LEFT JOIN answer ON o.bytes IS NULL AND answer.seq = o.seq ORDER BY o.id";

impl Store {
    /// Puts a message into the outbox. `task` says which task it belongs to; it is not taken for that task's answer.
    /// `message_id` is random text that stays the same at each try.
    pub async fn push(
        &self,
        peer: impl Borrow<PeerId>,
        bytes: Vec<u8>,
        task: Option<TaskId>,
        message_id: String,
        delivery: Delivery,
    ) -> Result<i64, StoreError> {
        let id = self.next_out();
        let peer = peer_key(peer.borrow());
        self.write(move |c| {
            put(c, id, &peer, task, (&bytes, &message_id), delivery)?;
            Ok(id)
        })
        .await
    }

    /// Notes that a message which may be sent only once is about to leave, or that it surely did not.
    pub async fn tried(&self, id: i64, tried: bool) -> Result<(), StoreError> {
        self.write_whole(move |c| {
            c.prepare_cached("UPDATE outbox SET tries = ?2 WHERE id = ?1")?
                .execute(params![id, tried])?;
            Ok(())
        })
        .await
    }

    /// Returns what may leave to one peer now, the oldest first.
    pub async fn outgoing(
        &self,
        peer: impl Borrow<PeerId>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutRow>, StoreError> {
        let peer = peer_key(peer.borrow());
        self.read(move |c| {
            let mut statement = c.prepare_cached(OF_PEER)?;
            let rows = statement.query_map(params![peer, now.0, size(limit)], out_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns every peer for whom something waits, with the number of rows and their bytes.
    pub async fn outbox_sums(&self) -> Result<Vec<(PeerId, u64, Bytes)>, StoreError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT peer, count(*), sum(size) FROM outbox GROUP BY peer")?;
            let rows = statement.query_map([], |row| {
                Ok((peer_at(row, 0)?, uint_at(row, 1)?, Bytes(uint_at(row, 2)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes rows out, because the transport has the messages.
    pub async fn sent(&self, ids: Vec<i64>, at: Timestamp) -> Result<(), StoreError> {
        self.write_whole(move |c| {
            for id in ids {
                let task: Option<Option<i64>> = c
                    .prepare_cached(
                        "SELECT iif(bytes IS NULL, seq, NULL) FROM outbox WHERE id = ?1",
                    )?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                c.prepare_cached("DELETE FROM outbox WHERE id = ?1")?
                    .execute([id])?;
                if let Some(Some(seq)) = task {
                    c.prepare_cached("UPDATE task SET delivered = ?2 WHERE seq = ?1")?
                        .execute(params![seq, at.0])?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Takes a row out unsent. The answer of its task, if it was one, stays recorded.
    pub async fn drop_outgoing(&self, id: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            give_up(c, "id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Returns how much waits to leave.
    pub async fn pending(&self) -> Result<Pending, StoreError> {
        self.read(|c| {
            Ok(
                c.prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM outbox")?
                    .query_row([], |row| {
                        Ok(Pending {
                            count: uint_at(row, 0)?,
                            bytes: Bytes(uint_at(row, 1)?),
                        })
                    })?,
            )
        })
        .await
    }
}

/// Adds the answer of a task.
pub(super) fn put_answer(
    c: &Connection,
    id: i64,
    peer: &[u8],
    seq: i64,
    size: i64,
    message: &str,
    not_before: Timestamp,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO outbox (id, peer, seq, message, size, created, not_before) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![id, peer, seq, message, size, not_before.0])?;
    Ok(())
}

/// Puts a message into the outbox.
pub(super) fn put(
    c: &Connection,
    id: i64,
    peer: &[u8],
    task: Option<TaskId>,
    (bytes, message_id): (&[u8], &str),
    delivery: Delivery,
) -> Result<(), StoreError> {
    c.prepare_cached(
        "INSERT INTO outbox (id, peer, seq, message, size, created, not_before, bytes, once)
         VALUES (?1, ?2, (SELECT seq FROM task WHERE task = ?3), ?4, ?5, 0, 0, seal(?6), ?7)",
    )?
    .execute(params![
        id,
        peer,
        task.as_ref().map(TaskId::as_bytes),
        message_id,
        size(bytes.len()),
        bytes,
        delivery != Delivery::AtLeastOnce,
    ])?;
    Ok(())
}

/// Drops everything that waits for a peer. Answers dropped this way are not replayed to a repeated request either.
pub(super) fn drop_peer(c: &Connection, peer: &[u8]) -> Result<(), StoreError> {
    c.prepare_cached("DELETE FROM answer WHERE seq IN (SELECT seq FROM outbox WHERE peer = ?1 AND bytes IS NULL)")?
        .execute([peer])?;
    give_up(c, "peer = ?1", [peer])?;
    Ok(())
}

/// Deletes rows unsent. What we asked by them is not waited for any more. Their tasks count as delivered when they arrived, so that their bodies do not stay for ever.
pub(super) fn give_up(
    c: &Connection,
    which: &str,
    parameters: impl rusqlite::Params + Clone,
) -> Result<usize, StoreError> {
    c.prepare_cached(&format!(
        "UPDATE task SET delivered = coalesce(finished, received)
         WHERE seq IN (SELECT seq FROM outbox WHERE {which} AND bytes IS NULL)"
    ))?
    .execute(parameters.clone())?;
    c.prepare_cached(&format!(
        "UPDATE delegated SET given_up = 1 WHERE answered IS NULL AND cancelled IS NULL
         AND (outgoing, task) IN (SELECT id, message FROM outbox WHERE {which})"
    ))?
    .execute(parameters.clone())?;
    Ok(
        c.prepare_cached(&format!("DELETE FROM outbox WHERE {which}"))?
            .execute(parameters)?,
    )
}

/// Returns the highest id that is in use.
pub(super) fn highest(c: &Connection) -> Result<i64, StoreError> {
    Ok(
        c.query_row("SELECT coalesce(max(id), 0) FROM outbox", [], |row| {
            row.get(0)
        })?,
    )
}

fn out_row(row: &Row<'_>) -> rusqlite::Result<OutRow> {
    Ok(OutRow {
        id: row.get(0)?,
        peer: peer_at(row, 1)?,
        bytes: row.get::<_, Option<Vec<u8>>>(2)?.unwrap_or_default(),
        task: row.get::<_, Option<[u8; 16]>>(3)?.map(TaskId::from_random),
        message_id: row.get(4)?,
        delivery: if row.get(5)? {
            Delivery::AtMostOnce {
                tried: row.get::<_, i64>(6)? > 0,
            }
        } else {
            Delivery::AtLeastOnce
        },
    })
}
