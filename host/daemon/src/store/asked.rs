//! What this host asked of others. An answer counts from the peer that was asked, once, while it is awaited; anything
//! else changes nothing here.

use std::borrow::Borrow;

use coworker_core::{PeerId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::along::Later;
use super::codec::{peer_at, peer_key, time_at};
use super::{Delivery, Store, StoreError, cards, outbox};

pub(super) const TABLES: &str = "
CREATE TABLE asked (
    correlation TEXT PRIMARY KEY,
    peer BLOB NOT NULL,
    deadline INTEGER NOT NULL,
    answered INTEGER,
    answer BLOB
) STRICT;
CREATE INDEX asked_open ON asked (deadline) WHERE answered IS NULL;
";

/// The most requests of ours that may be open: more than any owner has in mind, few enough to list.
const OPEN: u64 = 10_000;

/// A request of ours that awaits its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskedRow {
    /// The correlation id that we gave it.
    pub correlation: String,
    /// Who was asked.
    pub peer: PeerId,
    /// Until when the answer counts.
    pub deadline: Timestamp,
}

/// The answer to a request of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// Who was asked, and so who answered.
    pub peer: PeerId,
    /// Until when the answer counts.
    pub deadline: Timestamp,
    /// The answer's envelope and when it came, once it did.
    pub answer: Option<(Vec<u8>, Timestamp)>,
}

/// A question to a peer.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who is asked.
    pub peer: PeerId,
    /// What its answer will carry.
    pub correlation: String,
    /// When nobody waits any more.
    pub deadline: Timestamp,
    /// The message.
    pub bytes: Vec<u8>,
    /// Random text, the same at each try.
    pub message_id: String,
    /// Says how often it may be sent to a peer that has named these features.
    pub delivery: fn(&PeerId, &[String]) -> Delivery,
}

impl Store {
    /// Notes that a peer is asked something, and puts the question into the outbox with it. Returns its row there, and how
    /// often it may be sent.
    pub async fn ask(&self, question: Question) -> Result<(i64, Delivery), StoreError> {
        let id = self.next_out();
        self.write(move |c| {
            let peer = peer_key(&question.peer);
            note(c, &peer, &question.correlation, question.deadline)?;
            let delivery = (question.delivery)(&question.peer, &cards::accepts(c, &peer)?);
            let row = (question.bytes.as_slice(), question.message_id.as_str());
            outbox::put(c, id, &peer, None, row, delivery)?;
            Ok((id, delivery))
        })
        .await
    }

    /// Records an answer, along with what is written next: whoever waits for it need not wait for the disk. Returns whether
    /// it counts: it is from the peer that was asked, the first, and in time.
    pub async fn answered(
        &self,
        peer: impl Borrow<PeerId>,
        correlation: &str,
        bytes: Vec<u8>,
        at: Timestamp,
    ) -> Result<Later<bool>, StoreError> {
        let (peer, correlation) = (peer_key(peer.borrow()), correlation.to_owned());
        self.begin_along(move |c| {
            let counted = c
                .prepare_cached(
                    "UPDATE asked SET answered = ?3, answer = seal(?4)
                     WHERE correlation = ?1 AND peer = ?2 AND answered IS NULL AND deadline >= ?3",
                )?
                .execute(params![correlation, peer, at.0, bytes])?;
            Ok(counted > 0)
        })
        .await
    }

    /// Returns what is known of a request of ours.
    pub async fn reply(&self, correlation: &str) -> Result<Option<AnswerRow>, StoreError> {
        let correlation = correlation.to_owned();
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT peer, deadline, unseal(answer), answered FROM asked WHERE correlation = ?1",
            )?
            .query_row([correlation], |row| {
                let bytes: Option<Vec<u8>> = row.get(2)?;
                let at: Option<i64> = row.get(3)?;
                Ok(AnswerRow {
                    peer: peer_at(row, 0)?,
                    deadline: time_at(row, 1)?,
                    answer: bytes.zip(at.map(Timestamp)),
                })
            })
            .optional()?)
        })
        .await
    }

    /// Returns the requests that await their answers, the next deadline first.
    pub async fn asked_open(&self) -> Result<Vec<AskedRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT correlation, peer, deadline FROM asked INDEXED BY asked_open
                 WHERE answered IS NULL ORDER BY deadline, correlation",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(AskedRow {
                    correlation: row.get(0)?,
                    peer: peer_at(row, 1)?,
                    deadline: time_at(row, 2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Stops waiting for an answer; one that comes later does not count.
    pub async fn unask(&self, correlation: &str) -> Result<(), StoreError> {
        let correlation = correlation.to_owned();
        self.write(move |c| {
            c.execute(
                "DELETE FROM asked WHERE correlation = ?1 AND answered IS NULL",
                [correlation],
            )?;
            Ok(())
        })
        .await
    }
}

fn note(
    c: &Connection,
    peer: &[u8],
    correlation: &str,
    deadline: Timestamp,
) -> Result<(), StoreError> {
    let open: i64 = c
        .prepare_cached("SELECT count(*) FROM asked INDEXED BY asked_open WHERE answered IS NULL")?
        .query_row([], |row| row.get(0))?;
    if u64::try_from(open).unwrap_or(0) >= OPEN {
        return Err(StoreError::Bound {
            what: "open requests",
            limit: OPEN,
        });
    }
    c.prepare_cached("INSERT INTO asked (correlation, peer, deadline) VALUES (?1, ?2, ?3)")?
        .execute(params![correlation, peer, deadline.0])?;
    Ok(())
}
