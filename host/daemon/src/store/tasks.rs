//! Tasks: one row for each request that was accepted, from its arrival until its figures are forgotten. Bodies of
//! requests and answers lie in tables of their own, so that a change of state does not write them again.

use coworker_core::{Bytes, Digest, PeerId, Span, TaskId, Tier, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::codec::{
    digest_at, int, maybe_time_at, peer_at, size, task_at, time_at, uint_at, unreadable,
};
use super::usage::cost_at;
use super::{Allowed, Measured, Store, StoreError, UsageRow};

/// `open` says the same as `state < 2`, but does not change when a task starts: its index is left alone then.
pub(super) const TABLES: &str = "
CREATE TABLE task (
    seq INTEGER PRIMARY KEY,
    task BLOB NOT NULL UNIQUE,
    peer BLOB NOT NULL,
    kind TEXT NOT NULL,
    correlation TEXT,
    skill TEXT,
    transport_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    received INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    open INTEGER NOT NULL DEFAULT 1,
    attempt INTEGER NOT NULL DEFAULT 0,
    counted INTEGER NOT NULL DEFAULT 0,
    digest BLOB,
    outcome TEXT,
    finished INTEGER,
    delivered INTEGER,
    reply_size INTEGER,
    cpu INTEGER, wall INTEGER, memory INTEGER, host_calls INTEGER, model_calls INTEGER
) STRICT;
CREATE INDEX task_open ON task (peer) WHERE open = 1;
CREATE TABLE request (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE answer (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
";

/// Where a task is on its way. Only the first two are open; nothing leaves the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Waits for its turn.
    Queued,
    /// Was started, and may be running.
    Running,
    /// Has its outcome.
    Done,
    /// Was taken back because the owner revoked the peer.
    Cancelled,
    /// Was let go without an answer.
    Dropped,
}

impl TaskState {
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Queued => 0,
            Self::Running => 1,
            Self::Done => 2,
            Self::Cancelled => 3,
            Self::Dropped => 4,
        }
    }

    const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Queued),
            1 => Some(Self::Running),
            2 => Some(Self::Done),
            3 => Some(Self::Cancelled),
            4 => Some(Self::Dropped),
            _ => None,
        }
    }
}

/// A task as the store knows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskRow {
    /// Its id.
    pub task: TaskId,
    /// Who asked.
    pub peer: PeerId,
    /// The kind of message.
    pub kind: String,
    /// The correlation id, as sent.
    pub correlation: Option<String>,
    /// The skill's name, as sent and cut.
    pub skill: Option<String>,
    /// The transport's own id of the message.
    pub transport_id: String,
    /// The length of the request.
    pub size: Bytes,
    /// When it arrived.
    pub received: Timestamp,
    /// When its answer is of no more use.
    pub expires: Timestamp,
    /// Where it is on its way.
    pub state: TaskState,
    /// How often it was started.
    pub attempt: u32,
    /// The component that it last ran.
    pub digest: Option<Digest>,
    /// The tier that it was decided with; nothing before, and in rows of an earlier version.
    pub tier: Option<Tier>,
    /// How it ended.
    pub outcome: Option<String>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// When the answer was handed to the transport.
    pub delivered: Option<Timestamp>,
    /// The length of the answer.
    pub reply_size: Option<Bytes>,
    /// What the run used.
    pub usage: Option<UsageRow>,
    /// The request as it arrived; only where it was asked for, and only until it is erased.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
}

/// The columns of [`TaskRow`], in the order in which [`task_row`] reads them.
pub(super) const COLUMNS: &str = "task.task, task.peer, task.kind, task.correlation, task.skill, task.transport_id, \
     task.size, task.received, task.expires, task.state, task.attempt, task.digest, task.outcome, task.finished, \
     task.delivered, task.reply_size, task.cpu, task.wall, task.memory, task.host_calls, task.model_calls, \
     task.tokens_in, task.tokens_out, task.cost, task.model, task.version, task.tier, task.host_bytes, task.output, \
     task.log_lines, task.limits";

impl Store {
    /// Returns the newest tasks, newest first, without their bodies.
    pub async fn tasks(&self, limit: usize) -> Result<Vec<TaskRow>, StoreError> {
        self.read(move |c| {
            let sql = format!("SELECT {COLUMNS}, NULL FROM task ORDER BY seq DESC LIMIT ?1");
            rows(c, &sql, [size(limit)])
        })
        .await
    }

    /// Returns one task, with the request's body if that is still kept.
    pub async fn task(&self, task: TaskId) -> Result<Option<TaskRow>, StoreError> {
        self.read(move |c| {
            let sql = format!(
                "SELECT {COLUMNS}, unseal(request.body) FROM task LEFT JOIN request USING (seq) WHERE task.task = ?1"
            );
            Ok(c.prepare_cached(&sql)?
                .query_row([task.as_bytes()], task_row)
                .optional()?)
        })
        .await
    }

    /// Returns the exact bytes that were answered to a task, while they are kept.
    pub async fn answer(&self, task: TaskId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(move |c| {
            Ok(c.prepare_cached(
                "SELECT unseal(answer.body) FROM task JOIN answer USING (seq) WHERE task.task = ?1",
            )?
            .query_row([task.as_bytes()], |row| row.get(0))
            .optional()?)
        })
        .await
    }
}

/// Runs a query whose columns are [`COLUMNS`] and a body.
pub(super) fn rows(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<TaskRow>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, task_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn task_row(row: &Row<'_>) -> rusqlite::Result<TaskRow> {
    let state = TaskState::from_code(row.get(9)?)
        .ok_or_else(|| unreadable(9, Type::Integer, "state of a task"))?;
    Ok(TaskRow {
        task: task_at(row, 0)?,
        peer: peer_at(row, 1)?,
        kind: row.get(2)?,
        correlation: row.get(3)?,
        skill: row.get(4)?,
        transport_id: row.get(5)?,
        size: Bytes(uint_at(row, 6)?),
        received: time_at(row, 7)?,
        expires: time_at(row, 8)?,
        state,
        attempt: row.get(10)?,
        digest: digest_at(row, 11)?,
        tier: row.get::<_, Option<_>>(26)?.and_then(Tier::from_level),
        outcome: row.get(12)?,
        finished: maybe_time_at(row, 13)?,
        delivered: maybe_time_at(row, 14)?,
        reply_size: row
            .get::<_, Option<i64>>(15)?
            .map(|bytes| Bytes(u64::try_from(bytes).unwrap_or(0))),
        usage: usage_at(row)?,
        body: row.get(31)?,
    })
}

fn usage_at(row: &Row<'_>) -> rusqlite::Result<Option<UsageRow>> {
    if row.get::<_, Option<i64>>(16)?.is_none() {
        return Ok(None);
    }
    let span =
        |column| uint_at(row, column).map(|micros| Span(std::time::Duration::from_micros(micros)));
    // Rows of an earlier version have no counts.
    let count = |column| {
        let tokens = row.get::<_, Option<i64>>(column)?;
        Ok::<_, rusqlite::Error>(tokens.map_or(0, |tokens| u64::try_from(tokens).unwrap_or(0)))
    };
    Ok(Some(UsageRow {
        cpu: span(16)?,
        wall: span(17)?,
        memory_peak: Bytes(uint_at(row, 18)?),
        host_calls: row.get(19)?,
        model_calls: row.get(20)?,
        tokens_in: count(21)?,
        tokens_out: count(22)?,
        cost: cost_at(row, 23)?,
        model: row.get(24)?,
        version: row.get(25)?,
        measured: measured_at(row)?,
    }))
}

fn measured_at(row: &Row<'_>) -> rusqlite::Result<Option<Measured>> {
    let Some(limits) = row.get_ref(30)?.as_str_or_null()? else {
        return Ok(None);
    };
    let limits =
        Allowed::read(limits).ok_or_else(|| unreadable(30, Type::Text, "limits of a run"))?;
    Ok(Some(Measured {
        host_bytes: Bytes(uint_at(row, 27)?),
        output: Bytes(uint_at(row, 28)?),
        log_lines: row.get(29)?,
        limits,
    }))
}

/// Returns a length of time as a column value, in microseconds.
pub(super) fn micros(span: Span) -> i64 {
    int(u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX))
}
