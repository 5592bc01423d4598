//! Work given to other peers, whose answers may come days later. Request and record are one write, and so are answer and
//! state; an answer counts from the peer that was asked, once, until the deadline, unless the owner gave up waiting.

use std::borrow::Borrow;

use coworker_core::{PeerId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::codec::{int, maybe_time_at, peer_at, peer_key, size, time_at};
use super::{Delivery, Store, StoreError};

/// `outgoing` is the row of the outbox that holds the request until it has left, under the task's id as its message id:
/// after a restart another row may have the same number.
pub(super) const TABLES: &str = "
CREATE TABLE delegated (
    task TEXT PRIMARY KEY,
    peer BLOB NOT NULL,
    skill TEXT NOT NULL,
    asked INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    outgoing INTEGER NOT NULL,
    given_up INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER,
    answered INTEGER,
    success INTEGER,
    answer BLOB
) STRICT;
CREATE INDEX delegated_open ON delegated (deadline) WHERE answered IS NULL AND cancelled IS NULL;
CREATE INDEX delegated_outgoing ON delegated (outgoing) WHERE answered IS NULL AND cancelled IS NULL;
CREATE INDEX delegated_asked ON delegated (asked);
";

/// The most that may be open: more than any owner has in mind, few enough to list.
const OPEN: i64 = 10_000;

/// What was given to a peer, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelegatedRow {
    /// Its id, which is also the correlation id on the wire.
    pub task: String,
    /// Who was asked.
    pub peer: PeerId,
    /// For which skill.
    pub skill: String,
    /// When.
    pub asked: Timestamp,
    /// Until when an answer counts.
    pub deadline: Timestamp,
    /// Whether the request still waits in the outbox.
    pub waiting: bool,
    /// Whether the request can never be delivered.
    pub given_up: bool,
    /// When the owner stopped waiting.
    pub cancelled: Option<Timestamp>,
    /// When the answer came.
    pub answered: Option<Timestamp>,
    /// Whether the answer is a result.
    pub success: bool,
}

/// How far delegated work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DelegatedState {
    /// The request has not left.
    Queued,
    /// The transport has it.
    Sent,
    /// There is a result.
    Done,
    /// The peer answered that there is none, or can never be asked.
    Failed,
    /// Nobody answered in time.
    Expired,
    /// The owner stopped waiting.
    Cancelled,
}

impl DelegatedState {
    /// Returns whether an answer may still come.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Sent)
    }
}

impl DelegatedRow {
    /// Returns how far it is at this time.
    pub fn state(&self, now: Timestamp) -> DelegatedState {
        if self.answered.is_some() {
            return if self.success {
                DelegatedState::Done
            } else {
                DelegatedState::Failed
            };
        }
        if self.cancelled.is_some() {
            DelegatedState::Cancelled
        } else if self.given_up {
            DelegatedState::Failed
        } else if self.deadline < now {
            DelegatedState::Expired
        } else if self.waiting {
            DelegatedState::Queued
        } else {
            DelegatedState::Sent
        }
    }
}

/// Work to give to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// Its id.
    pub task: String,
    /// Whom to ask.
    pub peer: PeerId,
    /// For which skill.
    pub skill: String,
    /// The request's envelope.
    pub bytes: Vec<u8>,
    /// How often it may be sent.
    pub delivery: Delivery,
    /// When.
    pub asked: Timestamp,
    /// Until when an answer counts.
    pub deadline: Timestamp,
}

const COLUMNS: &str = "task, peer, skill, asked, deadline, \
    EXISTS (SELECT 1 FROM outbox WHERE id = outgoing AND message = task), given_up, \
    cancelled, answered, success";

impl Store {
    /// Records work for a peer and puts the request into the outbox, both or neither. Returns the outbox row.
    pub async fn delegate(&self, work: Delegate) -> Result<i64, StoreError> {
        let id = self.next_out();
        self.write(move |c| {
            let open: i64 = c
                .prepare_cached(
                    "SELECT count(*) FROM delegated INDEXED BY delegated_open
                     WHERE answered IS NULL AND cancelled IS NULL AND deadline >= ?1",
                )?
                .query_row([work.asked.0], |row| row.get(0))?;
            if open >= OPEN {
                return Err(StoreError::Bound {
                    what: "open tasks at other peers",
                    limit: OPEN.unsigned_abs(),
                });
            }
            let peer = peer_key(&work.peer);
            c.prepare_cached(
                "INSERT INTO outbox (id, peer, message, size, created, not_before, bytes, once)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, seal(?6), ?7)",
            )?
            .execute(params![
                id,
                peer,
                work.task,
                size(work.bytes.len()),
                work.asked.0,
                work.bytes,
                work.delivery != Delivery::AtLeastOnce,
            ])?;
            c.prepare_cached(
                "INSERT INTO delegated (task, peer, skill, asked, deadline, outgoing) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                work.task,
                peer,
                work.skill,
                work.asked.0,
                work.deadline.0,
                id
            ])?;
            Ok(id)
        })
        .await
    }

    /// Records an answer, and takes the request back: who answered has it, whether or not it was marked as sent. Returns
    /// whether the answer counts, and the outbox row that was taken back.
    pub async fn delegated_answer(
        &self,
        peer: impl Borrow<PeerId>,
        task: &str,
        bytes: Vec<u8>,
        success: bool,
        at: Timestamp,
    ) -> Result<(bool, Option<i64>), StoreError> {
        let (peer, task) = (peer_key(peer.borrow()), task.to_owned());
        self.write(move |c| {
            let outgoing = c
                .prepare_cached(
                    "UPDATE delegated SET answered = ?3, answer = seal(?4), success = ?5
                     WHERE task = ?1 AND peer = ?2 AND answered IS NULL AND cancelled IS NULL AND deadline >= ?3
                     RETURNING outgoing",
                )?
                .query_row(params![task, peer, at.0, bytes, success], |row| row.get(0))
                .optional()?;
            take_back(c, &task, outgoing)
        })
        .await
    }

    /// Returns what was given to peers, the newest first.
    pub async fn delegated(&self, limit: usize) -> Result<Vec<DelegatedRow>, StoreError> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM delegated INDEXED BY delegated_asked ORDER BY asked DESC LIMIT ?1"
            ))?;
            let rows = statement.query_map([int(limit as u64)], delegated_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns the work whose id begins like this: at most two, which is enough to know that one is not meant.
    pub async fn delegated_like(&self, start: &str) -> Result<Vec<DelegatedRow>, StoreError> {
        let start = start.to_owned();
        self.read(move |c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM delegated WHERE substr(task, 1, length(?1)) = ?1 LIMIT 2"
            ))?;
            let rows = statement.query_map([start], delegated_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns the answer's envelope, once it came.
    pub async fn delegated_reply(&self, task: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let task = task.to_owned();
        self.read(move |c| {
            let found = c
                .prepare_cached("SELECT unseal(answer) FROM delegated WHERE task = ?1")?
                .query_row([task], |row| row.get::<_, Option<Vec<u8>>>(0))
                .optional()?;
            Ok(found.flatten())
        })
        .await
    }

    /// Returns the work that awaits its answer, with the deadline.
    pub async fn delegated_open(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(PeerId, String, Timestamp)>, StoreError> {
        self.read(move |c| {
            let mut statement = c.prepare_cached(
                "SELECT peer, task, deadline FROM delegated INDEXED BY delegated_open
                 WHERE answered IS NULL AND cancelled IS NULL AND deadline >= ?1",
            )?;
            let rows = statement.query_map([now.0], |row| {
                Ok((peer_at(row, 0)?, row.get(1)?, time_at(row, 2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Stops waiting for an answer, and takes the request back if it has not left. Returns whether there was anything to
    /// wait for, and the outbox row that was taken back.
    pub async fn cancel_delegated(
        &self,
        task: &str,
        at: Timestamp,
    ) -> Result<(bool, Option<i64>), StoreError> {
        let task = task.to_owned();
        self.write(move |c| {
            let outgoing = c
                .prepare_cached(
                    "UPDATE delegated SET cancelled = ?2 WHERE task = ?1 AND answered IS NULL AND cancelled IS NULL
                     RETURNING outgoing",
                )?
                .query_row(params![task, at.0], |row| row.get(0))
                .optional()?;
            take_back(c, &task, outgoing)
        })
        .await
    }
}

/// Takes the request of a task that ended back, if it lies in the outbox still. Returns whether a task ended, and the row
/// that was taken back.
fn take_back(
    c: &Connection,
    task: &str,
    outgoing: Option<i64>,
) -> Result<(bool, Option<i64>), StoreError> {
    let Some(row) = outgoing else {
        return Ok((false, None));
    };
    // Numbers of rows that are gone come again.
    let taken = c
        .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND message = ?2")?
        .execute(params![row, task])?;
    Ok((true, (taken > 0).then_some(row)))
}

fn delegated_row(row: &Row<'_>) -> rusqlite::Result<DelegatedRow> {
    Ok(DelegatedRow {
        task: row.get(0)?,
        peer: peer_at(row, 1)?,
        skill: row.get(2)?,
        asked: time_at(row, 3)?,
        deadline: time_at(row, 4)?,
        waiting: row.get(5)?,
        given_up: row.get(6)?,
        cancelled: maybe_time_at(row, 7)?,
        answered: maybe_time_at(row, 8)?,
        success: row.get::<_, Option<bool>>(9)?.unwrap_or_default(),
    })
}
