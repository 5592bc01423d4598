//! What the guard let through of private texts, what it rejected, and which skills peers lost by that. Of the texts
//! themselves there are digests and hashes only.

use std::borrow::Borrow;
use std::time::Duration;

use coworker_core::{Digest, GuardMode, PeerId, TaskId, Timestamp};
use rusqlite::params;
use serde::Serialize;

use super::codec::{bounded, digest_at, peer_at, peer_key, task_at, time_at, unreadable};
use super::{Store, StoreError};

pub(super) const TABLES: &str = "
CREATE TABLE guard_shown (
    skill TEXT NOT NULL,
    text BLOB NOT NULL,
    peer BLOB NOT NULL,
    print INTEGER NOT NULL,
    PRIMARY KEY (skill, text, peer, print)
) STRICT, WITHOUT ROWID;
CREATE TABLE guard_rejection (
    peer BLOB NOT NULL,
    skill TEXT NOT NULL,
    task BLOB NOT NULL,
    at INTEGER NOT NULL,
    stage TEXT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (peer, skill, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX guard_rejection_at ON guard_rejection (at);
CREATE TABLE guard_bar (
    peer BLOB NOT NULL,
    skill TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (peer, skill)
) STRICT, WITHOUT ROWID;
";

/// What became of what held private text: only what was held back counts against the peer.
pub(super) const MODES: &str = "
ALTER TABLE guard_rejection ADD COLUMN mode TEXT NOT NULL DEFAULT 'block';
";

/// Rejections kept of all peers together.
const REJECTIONS: i64 = 10_000;
/// Bytes kept of what was rejected.
const WHAT: usize = 300;

/// A fingerprint that a peer was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRow {
    /// The skill.
    pub skill: String,
    /// The private text, by its digest.
    pub text: Digest,
    /// Who was shown it.
    pub peer: PeerId,
    /// Which one.
    pub print: u64,
}

/// Something that held private text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectionRow {
    /// Who would have got it.
    pub peer: PeerId,
    /// The skill.
    pub skill: String,
    /// In which task.
    pub task: TaskId,
    /// When.
    pub at: Timestamp,
    /// On its way from where.
    pub stage: String,
    /// What became of it: held back, redacted, or let through with a warning.
    pub mode: GuardMode,
    /// What it was, without any of it.
    pub what: String,
}

/// A skill that a peer no longer sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BarRow {
    /// Who.
    pub peer: PeerId,
    /// Which skill.
    pub skill: String,
    /// Since when.
    pub at: Timestamp,
}

impl Store {
    /// Takes down what a peer is shown.
    pub async fn guard_show(&self, rows: Vec<ShownRow>) -> Result<(), StoreError> {
        self.write(move |c| {
            let mut statement = c.prepare_cached(
                "INSERT OR IGNORE INTO guard_shown (skill, text, peer, print) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for row in &rows {
                statement.execute(params![
                    row.skill,
                    row.text.as_bytes(),
                    peer_key(&row.peer),
                    row.print.cast_signed()
                ])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns everything that anybody was shown.
    pub async fn guard_shown(&self) -> Result<Vec<ShownRow>, StoreError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT skill, text, peer, print FROM guard_shown")?;
            let rows = statement.query_map([], |row| {
                let text = digest_at(row, 1)?;
                Ok(ShownRow {
                    skill: row.get(0)?,
                    text: text
                        .ok_or_else(|| unreadable(1, rusqlite::types::Type::Blob, "digest"))?,
                    peer: peer_at(row, 2)?,
                    print: row.get::<_, i64>(3)?.cast_unsigned(),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes down what held private text. If it was held back, and that makes `most` times `within` that time, the skill is
    /// taken from the peer. A task counts once, and what was dated further ahead than that by a clock that was wrong does
    /// not. Returns whether the skill was taken now.
    pub async fn guard_reject(
        &self,
        row: RejectionRow,
        within: Duration,
        most: u32,
    ) -> Result<bool, StoreError> {
        let (since, until) = (row.at.before(within), row.at.after(within));
        self.write(move |c| {
            let peer = peer_key(&row.peer);
            c.prepare_cached(
                "INSERT INTO guard_rejection (peer, skill, task, at, stage, what, mode) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (peer, skill, task) DO UPDATE
                 SET at = excluded.at, stage = excluded.stage, what = excluded.what, mode = excluded.mode
                 WHERE guard_rejection.mode <> 'block' AND excluded.mode = 'block'",
            )?
            .execute(params![
                peer,
                row.skill,
                row.task.as_bytes(),
                row.at.0,
                row.stage,
                bounded(&row.what, WHAT),
                row.mode.word()
            ])?;
            c.prepare_cached(
                "DELETE FROM guard_rejection WHERE (peer, skill, task) IN
                 (SELECT peer, skill, task FROM guard_rejection ORDER BY at DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([REJECTIONS])?;
            if row.mode != GuardMode::Block {
                return Ok(false);
            }
            let count: i64 = c
                .prepare_cached(
                    "SELECT count(*) FROM guard_rejection WHERE peer = ?1 AND skill = ?2 AND at > ?3 AND at < ?4
                     AND mode = 'block'",
                )?
                .query_row(params![peer, row.skill, since.0, until.0], |row| row.get(0))?;
            if count < i64::from(most) {
                return Ok(false);
            }
            let taken = c
                .prepare_cached("INSERT OR IGNORE INTO guard_bar (peer, skill, at) VALUES (?1, ?2, ?3)")?
                .execute(params![peer, row.skill, row.at.0])?;
            Ok(taken > 0)
        })
        .await
    }

    /// Returns all that held private text, the latest first.
    pub async fn guard_rejections(&self) -> Result<Vec<RejectionRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT peer, skill, task, at, stage, what, mode FROM guard_rejection ORDER BY at DESC",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(RejectionRow {
                    peer: peer_at(row, 0)?,
                    skill: row.get(1)?,
                    task: task_at(row, 2)?,
                    at: time_at(row, 3)?,
                    stage: row.get(4)?,
                    what: row.get(5)?,
                    mode: GuardMode::of(&row.get::<_, String>(6)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns who lost which skill.
    pub async fn guard_bars(&self) -> Result<Vec<BarRow>, StoreError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT peer, skill, at FROM guard_bar ORDER BY at DESC")?;
            let rows = statement.query_map([], |row| {
                Ok(BarRow {
                    peer: peer_at(row, 0)?,
                    skill: row.get(1)?,
                    at: time_at(row, 2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Gives a peer a skill back, and forgets its rejections there. Returns whether it had lost it.
    pub async fn guard_lift(
        &self,
        peer: impl Borrow<PeerId>,
        skill: &str,
    ) -> Result<bool, StoreError> {
        let (peer, skill) = (peer_key(peer.borrow()), skill.to_owned());
        self.write(move |c| {
            c.prepare_cached("DELETE FROM guard_rejection WHERE peer = ?1 AND skill = ?2")?
                .execute(params![peer, skill])?;
            let lifted = c
                .prepare_cached("DELETE FROM guard_bar WHERE peer = ?1 AND skill = ?2")?
                .execute(params![peer, skill])?;
            Ok(lifted > 0)
        })
        .await
    }
}
