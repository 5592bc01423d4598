//! The inbox: a request is here before it counts as received, and leaves with its answer in one commit. A message that
//! comes again is known again. It does not judge, pace or bound anything: that is done before and after it.

use std::borrow::Borrow;
use std::time::Duration;

use coworker_core::{Bytes, Digest, PeerId, TaskId, Tier, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{bounded, int, peer_at, peer_key, size, task_at, time_at, uint_at};
use super::tasks::{COLUMNS, micros, rows};
use super::{
    Db, LogRow, Measured, StateWriteRow, Store, StoreError, Stored, TaskRow, TaskState, UsageRow,
    known, logs, outbox, probes, state,
};

/// The longest text of a peer that is kept beside a request.
const TEXT: usize = 256;
/// The longest name of a skill that is kept: 200 characters of any script.
const SKILL: usize = 800;

/// A message on its way in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The id that it gets.
    pub task: TaskId,
    /// Who sent it, as the transport authenticated.
    pub peer: PeerId,
    /// The transport's own id of the message.
    pub transport_id: String,
    /// The kind of message.
    pub kind: String,
    /// The correlation id, as sent.
    pub correlation: Option<String>,
    /// What it asks, hashed.
    pub fingerprint: [u8; 32],
    /// The skill's name, as sent.
    pub skill: Option<String>,
    /// The whole message.
    pub body: Vec<u8>,
    /// When it arrived.
    pub received: Timestamp,
    /// When its answer is of no more use.
    pub expires: Timestamp,
    /// The component that it starts as soon as it is on disk, and the tier that it was decided with: its first attempt is
    /// written down with it.
    pub begun: Option<(Digest, Tier)>,
}

/// What became of an arrival. It is on disk in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// New: it waits in the queue.
    Fresh,
    /// The transport delivered the same message before.
    SameMessage {
        /// The task that the first delivery became.
        of: TaskId,
    },
    /// Another message of the peer asked the same under the same correlation id.
    Duplicate {
        /// The task that the first message became.
        of: TaskId,
    },
}

/// A request that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRow {
    /// Its id.
    pub task: TaskId,
    /// Who asked.
    pub peer: PeerId,
    /// The length of the request.
    pub size: Bytes,
    /// When it arrived.
    pub received: Timestamp,
    /// When its answer is of no more use.
    pub expires: Timestamp,
    /// The kind of message.
    pub kind: String,
}

/// How a task ended, and everything that becomes true with it.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Which task.
    pub task: TaskId,
    /// How it ended, for the owner.
    pub outcome: String,
    /// The answer's envelope, if there is one to send.
    pub reply: Option<Vec<u8>>,
    /// When the answer may leave.
    pub release_at: Timestamp,
    /// The tier that it was decided with.
    pub tier: Tier,
    /// What the run used, if there was one.
    pub usage: Option<UsageRow>,
    /// What the skill remembers from now on.
    pub writes: Vec<StateWriteRow>,
    /// What the skill wrote to its log.
    pub log: Vec<LogRow>,
    /// The name that the peer asked for in vain, as sent.
    pub probe: Option<String>,
    /// When it ended.
    pub at: Timestamp,
}

impl Finish {
    fn measured(&self) -> Option<&Measured> {
        self.usage.as_ref()?.measured.as_ref()
    }
}

/// Where an answer waits to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its row in the outbox.
    pub id: i64,
    /// Random text, the same at each try.
    pub message_id: String,
}

/// What is known of the answer to a request that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It waits or runs.
    Underway,
    /// It was answered with these bytes.
    Answered(Vec<u8>),
    /// There is no answer, or it is no longer kept.
    Gone,
}

impl Store {
    /// Takes a message in, unless it is known already.
    pub async fn accept(&self, arrival: Arrival) -> Result<Accepted, StoreError> {
        self.begin_accept(arrival).await?.kept().await
    }

    /// Gives a message to the store, after those that were given before it, and does not wait for the commit.
    pub async fn begin_accept(&self, arrival: Arrival) -> Result<Stored<Accepted>, StoreError> {
        let window = self.shared.answers;
        self.begin(move |c| accept(c, &arrival, window)).await
    }

    /// Returns what waits, in the order in which it arrived.
    pub async fn queued(&self) -> Result<Vec<QueuedRow>, StoreError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT task, peer, size, received, expires, kind FROM task INDEXED BY task_open
                 WHERE open = 1 AND state = 0 ORDER BY seq",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(QueuedRow {
                    task: task_at(row, 0)?,
                    peer: peer_at(row, 1)?,
                    size: Bytes(uint_at(row, 2)?),
                    received: time_at(row, 3)?,
                    expires: time_at(row, 4)?,
                    kind: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns a task with its body; the same as [`Store::task`].
    pub async fn body(&self, task: TaskId) -> Result<Option<TaskRow>, StoreError> {
        self.task(task).await
    }

    /// Writes down that a task starts, and with which tier, before the guest does. Returns which attempt this is, the
    /// first being 1.
    ///
    /// Refused with [`StoreError::NotOpen`] if the task was cancelled, dropped or finished in the meantime.
    pub async fn start(
        &self,
        task: TaskId,
        digest: Option<Digest>,
        tier: Tier,
    ) -> Result<u32, StoreError> {
        self.write_whole(move |c| {
            // Looking first is faster than RETURNING, for which SQLite fills a table of its own.
            let (seq, before): (i64, u32) = c
                .prepare_cached("SELECT seq, attempt FROM task WHERE task = ?1 AND open = 1")?
                .query_row([task.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or(StoreError::NotOpen)?;
            let attempt = before.saturating_add(1);
            c.prepare_cached(
                "UPDATE task SET state = 1, attempt = ?2, digest = ?3, tier = ?4 WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                attempt,
                digest.as_ref().map(Digest::as_bytes),
                tier.level()
            ])?;
            Ok(attempt)
        })
        .await
    }

    /// Ends a task: outcome, answer, place in the outbox, state and log become true together. Returns the
    /// answer's place in the outbox, if there is an answer.
    ///
    /// Refused with [`StoreError::NotOpen`] if the task was cancelled in the meantime: its answer is not wanted, and
    /// its writes are not kept.
    pub async fn finish(&self, finish: Finish) -> Result<Option<Sent>, StoreError> {
        let id = finish.reply.is_some().then(|| self.next_out());
        // Put into words here: the store's thread has enough to do.
        let limits = finish.measured().map(|measured| measured.limits.text());
        if finish.writes.is_empty() {
            return self.write_whole(move |c| end(c, &finish, limits, id)).await;
        }
        // A state that would grow too large is found out when all the rest is written.
        self.write(move |c| end(c, &finish, limits, id)).await
    }

    /// Lets a task go without an answer. Its body is erased; that it was seen stays known.
    pub async fn drop_task(&self, task: TaskId) -> Result<(), StoreError> {
        self.write(move |c| {
            let seq: Option<i64> = c
                .prepare_cached(
                    "UPDATE task SET state = 4, open = 0, delivered = received WHERE task = ?1 AND open = 1 RETURNING seq",
                )?
                .query_row([task.as_bytes()], |row| row.get(0))
                .optional()?;
            if let Some(seq) = seq {
                c.prepare_cached("DELETE FROM request WHERE seq = ?1")?.execute([seq])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the tasks that were started and have no outcome: at start, those that a death interrupted.
    pub async fn running(&self) -> Result<Vec<TaskRow>, StoreError> {
        self.read(|c| {
            let sql = format!(
                "SELECT {COLUMNS}, unseal(request.body) FROM task INDEXED BY task_open LEFT JOIN request USING (seq)
                 WHERE open = 1 AND state = 1 ORDER BY seq"
            );
            rows(c, &sql, [])
        })
        .await
    }

    /// Returns what is known of the answer to a task.
    pub async fn recorded(&self, task: TaskId) -> Result<Recorded, StoreError> {
        self.read(move |c| {
            let found = c
                .prepare_cached(
                    "SELECT open, unseal(answer.body) FROM task LEFT JOIN answer USING (seq) WHERE task.task = ?1",
                )?
                .query_row([task.as_bytes()], |row| Ok((row.get::<_, bool>(0)?, row.get(1)?)))
                .optional()?;
            Ok(match found {
                Some((true, _)) => Recorded::Underway,
                Some((false, Some(bytes))) => Recorded::Answered(bytes),
                Some((false, None)) | None => Recorded::Gone,
            })
        })
        .await
    }

    /// Takes back all that is open with a peer: queued and running tasks are cancelled, undelivered answers dropped.
    /// Returns the tasks, so that running ones can be stopped.
    pub async fn cancel_peer(&self, peer: impl Borrow<PeerId>) -> Result<Vec<TaskId>, StoreError> {
        let key = peer_key(peer.borrow());
        self.write(move |c| {
            c.prepare_cached(
                "DELETE FROM request WHERE seq IN
                 (SELECT seq FROM task INDEXED BY task_open WHERE open = 1 AND peer = ?1)",
            )?
            .execute([&key])?;
            let mut statement = c.prepare_cached(
                "UPDATE task SET state = ?2, open = 0, outcome = 'CANCELLED', delivered = received
                 WHERE open = 1 AND peer = ?1 RETURNING task",
            )?;
            let cancelled = statement
                .query_map(params![key, TaskState::Cancelled.code()], |row| {
                    task_at(row, 0)
                })?
                .collect::<Result<_, _>>()?;
            outbox::drop_peer(c, &key)?;
            Ok(cancelled)
        })
        .await
    }
}

pub(super) fn accept(c: &Db, arrival: &Arrival, window: Duration) -> Result<Accepted, StoreError> {
    let peer = peer_key(&arrival.peer);
    let seen = known::key(&[b"seen", &peer, arrival.transport_id.as_bytes()]);
    if let Some(of) = known::seen(c, &seen)? {
        return Ok(Accepted::SameMessage { of });
    }
    // Without a correlation id nothing says that two equal requests are meant to be one.
    let repeat = arrival
        .correlation
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(|text| {
            let (text, fingerprint) = (text.as_bytes(), &arrival.fingerprint);
            known::key(&[b"repeat", &peer, text, fingerprint])
        });
    let horizon = arrival.received.before(window);
    if let Some(repeat) = &repeat
        && let Some(of) = known::repeated(c, repeat, horizon)?
    {
        known::note(c, of, arrival.received, &seen, None)?;
        return Ok(Accepted::Duplicate { of });
    }
    known::note(c, arrival.task, arrival.received, &seen, repeat.as_ref())?;
    let (digest, tier) = arrival.begun.unzip();
    c.prepare_cached(
        "INSERT INTO task (task, peer, kind, correlation, skill, transport_id, size, received, expires, state, attempt,
         digest, tier) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12)",
    )?
    .execute(params![
        arrival.task.as_bytes(),
        peer,
        bounded(&arrival.kind, TEXT),
        arrival.correlation.as_deref().map(|text| bounded(text, TEXT)),
        arrival.skill.as_deref().map(|text| bounded(text, SKILL)),
        bounded(&arrival.transport_id, TEXT),
        size(arrival.body.len()),
        arrival.received.0,
        arrival.expires.0,
        // The state of what runs, and the first attempt.
        i64::from(arrival.begun.is_some()),
        digest.as_ref().map(Digest::as_bytes),
        tier.map(Tier::level),
    ])?;
    c.prepare_cached("INSERT INTO request (seq, body) VALUES (?1, seal(?2))")?
        .execute(params![c.last_insert_rowid(), arrival.body])?;
    Ok(Accepted::Fresh)
}

fn end(
    c: &Connection,
    finish: &Finish,
    limits: Option<String>,
    id: Option<i64>,
) -> Result<Option<Sent>, StoreError> {
    let usage = finish.usage.as_ref();
    let asked = usage.filter(|usage| usage.model_calls > 0);
    let measured = finish.measured();
    // Without an answer there is nothing to deliver: the time to erase the bodies counts from the end.
    let delivered = finish.reply.is_none().then_some(finish.at.0);
    let (seq, peer): (i64, Vec<u8>) = c
        .prepare_cached("SELECT seq, peer FROM task WHERE task = ?1 AND open = 1")?
        .query_row([finish.task.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?
        .ok_or(StoreError::NotOpen)?;
    c.prepare_cached(
        "UPDATE task SET state = 2, open = 0, outcome = ?2, finished = ?3, delivered = ?4, reply_size = ?5,
         cpu = ?6, wall = ?7, memory = ?8, host_calls = ?9, model_calls = ?10, tokens_in = ?11, tokens_out = ?12,
         cost = ?13, model = ?14, version = ?15, tier = ?16, host_bytes = ?17, output = ?18, log_lines = ?19,
         limits = ?20 WHERE seq = ?1",
    )?
    .execute(params![
        seq,
        finish.outcome,
        finish.at.0,
        delivered,
        finish.reply.as_ref().map(|bytes| size(bytes.len())),
        usage.map(|usage| micros(usage.cpu)),
        usage.map(|usage| micros(usage.wall)),
        usage.map(|usage| int(usage.memory_peak.0)),
        usage.map(|usage| usage.host_calls),
        usage.map(|usage| usage.model_calls),
        asked.map(|usage| int(usage.tokens_in)),
        asked.map(|usage| int(usage.tokens_out)),
        asked
            .and_then(|usage| usage.cost)
            .map(|cost| int(cost.0)),
        asked.and_then(|usage| usage.model.as_deref()),
        usage.and_then(|usage| usage.version.as_deref()),
        finish.tier.level(),
        measured.map(|measured| int(measured.host_bytes.0)),
        measured.map(|measured| int(measured.output.0)),
        measured.map(|measured| measured.log_lines),
        limits,
    ])?;
    if usage.is_none() {
        // What never ran is never run again: its body is only weight, and what a stranger sends costs nothing to send.
        c.prepare_cached("DELETE FROM request WHERE seq = ?1")?
            .execute([seq])?;
    }
    state::apply(c, &finish.writes)?;
    logs::put(c, seq, &finish.log)?;
    if let Some(name) = &finish.probe {
        probes::put(c, &peer, name, finish.at)?;
    }
    let (Some(reply), Some(id)) = (&finish.reply, id) else {
        return Ok(None);
    };
    c.prepare_cached("INSERT INTO answer (seq, body) VALUES (?1, seal(?2))")?
        .execute(params![seq, reply])?;
    let message_id = crate::clock::long_token();
    outbox::put_answer(
        c,
        id,
        &peer,
        seq,
        size(reply.len()),
        &message_id,
        finish.release_at,
    )?;
    Ok(Some(Sent { id, message_id }))
}
