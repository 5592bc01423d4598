//! What was used, added up from the tasks themselves: there is no second set of books to disagree with.

use std::time::Duration;

use coworker_core::budget::Cost;
use coworker_core::{Bytes, Limits, PeerId, Span, TaskId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::codec::{int, peer_at, peer_of, uint_at};
use super::tasks::micros;
use super::{Store, StoreError};

/// What a run cost at the providers of models, and which version of a skill it was. The index serves the budget, which is
/// read from these rows whenever the host begins.
pub(super) const MODELS: &str = "
ALTER TABLE task ADD COLUMN tokens_in INTEGER;
ALTER TABLE task ADD COLUMN tokens_out INTEGER;
ALTER TABLE task ADD COLUMN cost INTEGER;
ALTER TABLE task ADD COLUMN model TEXT;
ALTER TABLE task ADD COLUMN version TEXT;
CREATE INDEX task_asked ON task (finished) WHERE model_calls > 0;
";

/// The tier that a task was decided with, what else is measured of a run, and the limits that it had.
pub(super) const MEASURED: &str = "
ALTER TABLE task ADD COLUMN tier INTEGER;
ALTER TABLE task ADD COLUMN host_bytes INTEGER;
ALTER TABLE task ADD COLUMN output INTEGER;
ALTER TABLE task ADD COLUMN log_lines INTEGER;
ALTER TABLE task ADD COLUMN limits TEXT;
";

/// Up to which task the records are dated ahead of the clock, and what the clock showed when that was found.
pub(super) const AHEAD: &str = "
CREATE TABLE dated_ahead (seq INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
";

/// What one run used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageRow {
    /// Time on the processor.
    pub cpu: Span,
    /// Time from start to end.
    pub wall: Span,
    /// The most memory at one time.
    pub memory_peak: Bytes,
    /// Host calls.
    pub host_calls: u32,
    /// Calls of a model.
    pub model_calls: u32,
    /// Tokens that models read.
    pub tokens_in: u64,
    /// Tokens that they wrote.
    pub tokens_out: u64,
    /// What they cost, where the prices are known.
    pub cost: Option<Cost>,
    /// The models that were asked.
    pub model: Option<String>,
    /// The version of the skill.
    pub version: Option<String>,
    /// What rows of an earlier version do not have.
    pub measured: Option<Measured>,
}

/// What else was measured of a run, and what it might have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// Bytes that crossed the boundary in host calls.
    pub host_bytes: Bytes,
    /// The output's size.
    pub output: Bytes,
    /// Lines of log, those left out included.
    pub log_lines: u32,
    /// The limits that the run had.
    pub limits: Allowed,
}

/// The limits of a run, of what is measured. The owner may change them later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// Time on the processor.
    pub cpu: Span,
    /// Time from start to end.
    pub wall: Span,
    /// Memory at one time.
    pub memory: Bytes,
    /// Host calls.
    pub host_calls: u32,
    /// Calls of a model.
    pub model_calls: u32,
    /// Bytes that cross the boundary in host calls.
    pub host_bytes: Bytes,
    /// The output's size.
    pub output: Bytes,
    /// Lines of log.
    pub log_lines: u32,
}

impl Allowed {
    /// Returns those of a skill.
    pub fn of(limits: &Limits) -> Self {
        Self {
            cpu: limits.cpu,
            wall: limits.wall,
            memory: limits.memory,
            host_calls: limits.host_calls,
            model_calls: limits.model_calls,
            host_bytes: limits.host_bytes,
            output: limits.output,
            log_lines: limits.log_lines,
        }
    }

    /// Returns them as one short text: a column more for each would make every row of a task longer.
    pub(super) fn text(&self) -> String {
        format!(
            "{} {} {} {} {} {} {} {}",
            micros(self.cpu),
            micros(self.wall),
            self.memory.0,
            self.host_calls,
            self.model_calls,
            self.host_bytes.0,
            self.output.0,
            self.log_lines
        )
    }

    /// Reads back what `text` wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text
            .split(' ')
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let [
            cpu,
            wall,
            memory,
            host_calls,
            model_calls,
            host_bytes,
            output,
            log_lines,
        ] = numbers.try_into().ok()?;
        let span = |micros| Span(Duration::from_micros(micros));
        Some(Self {
            cpu: span(cpu),
            wall: span(wall),
            memory: Bytes(memory),
            host_calls: host_calls.try_into().ok()?,
            model_calls: model_calls.try_into().ok()?,
            host_bytes: Bytes(host_bytes),
            output: Bytes(output),
            log_lines: log_lines.try_into().ok()?,
        })
    }
}

/// What one peer used of models with one skill in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentRow {
    /// The peer.
    pub peer: PeerId,
    /// The skill.
    pub skill: String,
    /// In that minute.
    pub at: Timestamp,
    /// Questions.
    pub calls: u64,
    /// Tokens, read and written.
    pub tokens: u64,
    /// What they cost, as far as prices are known.
    pub cost: Cost,
}

/// By what usage is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    /// By caller.
    Peer,
    /// By skill, as it was asked for.
    Skill,
    /// By day, UTC.
    Day,
}

/// The usage of one caller, skill or day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageSum {
    /// Which one.
    pub key: String,
    /// Runs.
    pub calls: u64,
    /// Runs whose outcome was not `OK`.
    pub failed: u64,
    /// Time on the processor.
    pub cpu: Span,
    /// Time from start to end.
    pub wall: Span,
    /// Size of the requests.
    pub bytes_in: Bytes,
    /// Size of the answers.
    pub bytes_out: Bytes,
    /// Host calls.
    pub host_calls: u64,
    /// Calls of models.
    pub model_calls: u64,
    /// Tokens that models read.
    pub tokens_in: u64,
    /// Tokens that they wrote.
    pub tokens_out: u64,
    /// What they cost, of those whose prices are known; nothing if none is.
    pub cost: Option<Cost>,
    /// Runs that asked models whose prices are not known: the cost is without them.
    pub unpriced: u64,
}

impl Store {
    /// The outcome of a run that went well; every other one counts as failed.
    pub const OK: &'static str = "OK";

    /// Returns the usage of all runs that arrived since `since`, the busiest first, days in their order.
    ///
    /// Only tasks that ran count: what was refused used nothing.
    pub async fn usage(&self, by: UsageBy, since: Timestamp) -> Result<Vec<UsageSum>, StoreError> {
        let (key, order) = match by {
            UsageBy::Peer => ("peer", "2 DESC, 1"),
            UsageBy::Skill => ("coalesce(skill, '')", "2 DESC, 1"),
            UsageBy::Day => ("strftime('%Y-%m-%d', received / 1000000, 'unixepoch')", "1"),
        };
        let sql = format!(
            "SELECT {key}, count(*), sum(outcome IS NOT ?2), sum(cpu), sum(wall), sum(size),
             coalesce(sum(reply_size), 0), sum(host_calls), sum(model_calls),
             coalesce(sum(tokens_in), 0), coalesce(sum(tokens_out), 0), sum(cost),
             sum(model_calls > 0 AND cost IS NULL)
             FROM task WHERE cpu IS NOT NULL AND received >= ?1 GROUP BY 1 ORDER BY {order}"
        );
        self.read(move |c| {
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map((since.0, Self::OK), |row| {
                let span =
                    |column| uint_at(row, column).map(|micros| Span(Duration::from_micros(micros)));
                Ok(UsageSum {
                    key: match by {
                        UsageBy::Peer => peer_of(row.get_ref(0)?.as_blob()?)
                            .map(|peer| peer.to_string())
                            .unwrap_or_default(),
                        UsageBy::Skill | UsageBy::Day => row.get(0)?,
                    },
                    calls: uint_at(row, 1)?,
                    failed: uint_at(row, 2)?,
                    cpu: span(3)?,
                    wall: span(4)?,
                    bytes_in: Bytes(uint_at(row, 5)?),
                    bytes_out: Bytes(uint_at(row, 6)?),
                    host_calls: uint_at(row, 7)?,
                    model_calls: uint_at(row, 8)?,
                    tokens_in: uint_at(row, 9)?,
                    tokens_out: uint_at(row, 10)?,
                    cost: cost_at(row, 11)?,
                    unpriced: uint_at(row, 12)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Adds what a call used that was cancelled while it ran.
    pub async fn measure(
        &self,
        task: TaskId,
        usage: UsageRow,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            c.prepare_cached(
                "UPDATE task SET finished = ?2, cpu = ?3, wall = ?4, memory = ?5, host_calls = ?6, model_calls = ?7,
                 tokens_in = ?8, tokens_out = ?9, cost = ?10, model = ?11, version = ?12
                 WHERE task = ?1 AND cpu IS NULL",
            )?
            .execute(params![
                task.as_bytes(),
                at.0,
                micros(usage.cpu),
                micros(usage.wall),
                int(usage.memory_peak.0),
                usage.host_calls,
                usage.model_calls,
                int(usage.tokens_in),
                int(usage.tokens_out),
                usage.cost.map(|cost| int(cost.0)),
                usage.model,
                usage.version,
            ])?;
            Ok(())
        })
        .await
    }

    /// Returns what was used of models since a time, for the budget. What a clock dated after `now` that was ahead for a
    /// while counts from when that is found, and not until its date comes.
    pub async fn spent_since(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<SpentRow>, StoreError> {
        self.write(move |c| {
            let mut rows = spent(c, since, now)?;
            let latest = Timestamp(i64::MAX);
            let ahead = spent(c, now.after(Duration::from_micros(1)), latest)?;
            if let Some(found) = ahead_since(c, now)?.filter(|found| *found >= since) {
                rows.extend(ahead.into_iter().map(|row| SpentRow { at: found, ..row }));
            }
            rows.sort_by_key(|row| row.at);
            Ok(rows)
        })
        .await
    }
}

fn spent(c: &Connection, since: Timestamp, until: Timestamp) -> Result<Vec<SpentRow>, StoreError> {
    let mut statement = c.prepare_cached(
        "SELECT peer, coalesce(skill, ''), max(finished), sum(model_calls),
         sum(coalesce(tokens_in, 0) + coalesce(tokens_out, 0)), coalesce(sum(cost), 0)
         FROM task INDEXED BY task_asked WHERE model_calls > 0 AND finished BETWEEN ?1 AND ?2
         GROUP BY peer, skill, finished / 60000000",
    )?;
    let rows = statement.query_map([since.0, until.0], |row| {
        Ok(SpentRow {
            peer: peer_at(row, 0)?,
            skill: row.get(1)?,
            at: Timestamp(row.get(2)?),
            calls: uint_at(row, 3)?,
            tokens: uint_at(row, 4)?,
            cost: Cost(uint_at(row, 5)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns when it was found that records are dated after `now`, if some are. The records stay as they are: the clock of now
/// may be the wrong one.
fn ahead_since(c: &Connection, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let last: Option<i64> = c.query_row(
        "SELECT max(seq) FROM task INDEXED BY task_asked WHERE model_calls > 0 AND finished > ?1",
        [now.0],
        |row| row.get(0),
    )?;
    let Some(last) = last else {
        c.execute("DELETE FROM dated_ahead", [])?;
        return Ok(None);
    };
    let found: Option<(i64, i64)> = c
        .query_row("SELECT seq, at FROM dated_ahead", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    match found {
        Some((seq, at)) if seq >= last && at <= now.0 => Ok(Some(Timestamp(at))),
        _ => {
            c.execute("DELETE FROM dated_ahead", [])?;
            c.execute(
                "INSERT INTO dated_ahead (seq, at) VALUES (?1, ?2)",
                [last, now.0],
            )?;
            Ok(Some(now))
        }
    }
}

/// Reads a cost; nothing where no price was known.
pub(super) fn cost_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Cost>> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(|nano| Cost(u64::try_from(nano).unwrap_or(0))))
}
