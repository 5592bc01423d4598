//! Forgets what was kept long enough, a little at a time, so that callers do not wait for it. What still has to be
//! done or sent is never touched, except an answer that could not be sent for very long.

use std::time::Duration;

use coworker_core::{Bytes, Envelope, Span, Timestamp};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::codec::int;
use super::{Store, StoreError, known, outbox};

/// How many rows one write of a sweep touches: a few milliseconds of the store's thread.
const STEP: i64 = 500;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Transport ids and what was said: as long as the network may deliver a message again.
    pub seen: Span,
    /// The records that a repeated request is recognised by.
    pub answers: Span,
    /// Bodies of requests and answers, and logs, after the answer was delivered.
    pub bodies: Span,
    /// Tasks, with what they used.
    pub metering: Span,
    /// Messages that cannot be delivered.
    pub undelivered: Span,
    /// The size of the database beyond which the oldest records are removed early: bodies and logs, then tasks. A peer
    /// that leaves a thirty-second of it waiting in the outbox is not served until it has taken some.
    pub size: Bytes,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: u64 = 24 * 3_600;
        Self {
            seen: Span::secs(90 * DAY),
            answers: Span::secs(DAY),
            bodies: Span::secs(7 * DAY),
            metering: Span::secs(90 * DAY),
            undelivered: Span::secs(7 * DAY),
            size: Bytes::mib(2_048),
        }
    }
}

impl Retention {
    /// Returns how long what was said is kept at all: an answer as long as it may be asked for again.
    pub fn said(&self) -> Duration {
        self.bodies.max(self.answers).0
    }
}

/// How much a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Transport ids and records of what was said.
    pub known: u64,
    /// Tasks whose bodies and logs were erased.
    pub bodies: u64,
    /// Tasks.
    pub tasks: u64,
    /// Messages that could not be delivered.
    pub undelivered: u64,
    /// Strangers, probes, answers to our own requests, and counts of deaths.
    pub others: u64,
}

impl Store {
    /// Forgets what was kept long enough. Cheap if there is nothing to do: call it every minute.
    pub async fn sweep(&self, now: Timestamp, retention: &Retention) -> Result<Swept, StoreError> {
        let before = |span: Span| now.before(span.0);
        let (seen, answers) = (before(retention.seen), before(retention.answers));
        let bodies = now.before(retention.said());
        let (metering, undelivered) = (before(retention.metering), before(retention.undelivered));
        self.write(known::sort_in).await?;
        let known = self.step(move |c| by_time(c, "seen", seen)).await?
            + self.step(move |c| by_time(c, "repeat", answers)).await?;
        self.write(move |c| {
            c.execute("UPDATE outbox SET created = ?1 WHERE created = 0", [now.0])?;
            Ok(())
        })
        .await?;
        let undelivered = self.step(move |c| unsent(c, undelivered)).await?;
        let mut erased = self.step(move |c| erase(c, bodies)).await?;
        // One that is older is refused as expired, also where nobody knows that it came before.
        let replayed = now.before(Envelope::REMEMBERED);
        erased += self.shrink(retention.size, replayed).await?;
        let tasks = self.step(move |c| forget_tasks(c, metering)).await?;
        let others = self.step(move |c| others(c, metering, bodies)).await?;
        Ok(Swept {
            known,
            bodies: erased,
            tasks,
            undelivered,
            others,
        })
    }

    /// Returns the size of the database, free pages not counted.
    pub async fn used(&self) -> Result<Bytes, StoreError> {
        self.read(|c| used(c)).await
    }

    /// Repeats a step until it finds less than a full step to do; between two, others get their turn.
    async fn step<F>(&self, step: F) -> Result<u64, StoreError>
    where
        F: Fn(&Connection) -> Result<usize, StoreError> + Clone + Send + 'static,
    {
        let mut all = 0;
        loop {
            let step = step.clone();
            let done = self.write(move |c| step(c)).await?;
            all += u64::try_from(done).unwrap_or(u64::MAX);
            if int(u64::try_from(done).unwrap_or(0)) < STEP {
                return Ok(all);
            }
        }
    }

    /// Makes the database no larger than it may be: erases delivered bodies, oldest first; if that is not enough,
    /// forgets tasks that are done; if that is not enough, transport ids from before `replay`.
    async fn shrink(&self, size: Bytes, replay: Timestamp) -> Result<u64, StoreError> {
        let mut all = 0;
        while self.used().await? > size {
            let done = self
                .write(move |c| {
                    let erased = erase(c, Timestamp(i64::MAX))?;
                    if erased > 0 {
                        return Ok(erased);
                    }
                    let forgotten = forget_tasks(c, Timestamp(i64::MAX))?;
                    if forgotten > 0 {
                        return Ok(forgotten);
                    }
                    by_time(c, "seen", replay)
                })
                .await?;
            all += u64::try_from(done).unwrap_or(0);
            if done == 0 {
                break;
            }
        }
        Ok(all)
    }
}

fn by_time(c: &Connection, table: &str, before: Timestamp) -> Result<usize, StoreError> {
    Ok(c.prepare_cached(&format!(
        "DELETE FROM {table} WHERE key IN (SELECT key FROM {table} INDEXED BY {table}_at WHERE at < ?1 LIMIT ?2)"
    ))?
    .execute(params![before.0, STEP])?)
}

/// Gives up messages that waited too long. Rows are made in the order of time, so the oldest come first.
fn unsent(c: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let last: Option<i64> = c
        .prepare_cached(
            "SELECT max(id) FROM (SELECT id, created FROM outbox ORDER BY id LIMIT ?2) WHERE created < ?1",
        )?
        .query_row(params![before.0, STEP], |row| row.get(0))?;
    match last {
        Some(last) => outbox::give_up(c, "id <= ?1 AND created < ?2", params![last, before.0]),
        None => Ok(0),
    }
}

/// Erases bodies and logs of tasks that were delivered before a time. A task cannot have been delivered before it
/// arrived, so the walk from the oldest body on ends at the first task that arrived later.
fn erase(c: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let mut found: Vec<i64> = Vec::new();
    for table in ["request", "answer", "log"] {
        let mut statement = c.prepare_cached(&format!(
            "SELECT seq, received, delivered FROM {table} JOIN task USING (seq) ORDER BY seq"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (seq, received): (i64, i64) = (row.get(0)?, row.get(1)?);
            let delivered: Option<i64> = row.get(2)?;
            if received >= before.0 || found.len() >= usize::try_from(STEP).unwrap_or(0) {
                break;
            }
            if delivered.is_some_and(|at| at < before.0) {
                found.push(seq);
            }
        }
        if found.len() >= usize::try_from(STEP).unwrap_or(0) {
            break;
        }
    }
    found.sort_unstable();
    found.dedup();
    for table in ["request", "answer", "log"] {
        let mut statement = c.prepare_cached(&format!("DELETE FROM {table} WHERE seq = ?1"))?;
        for seq in &found {
            statement.execute([seq])?;
        }
    }
    Ok(found.len())
}

/// Forgets tasks that arrived before a time and are neither open nor waiting to be delivered.
fn forget_tasks(c: &Connection, before: Timestamp) -> Result<usize, StoreError> {
    let mut found: Vec<i64> = Vec::new();
    let mut statement =
        c.prepare_cached("SELECT seq, received, open, delivered FROM task ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let received: i64 = row.get(1)?;
        if received >= before.0 || int(found.len().try_into().unwrap_or(u64::MAX)) >= STEP {
            break;
        }
        if !row.get::<_, bool>(2)? && row.get::<_, Option<i64>>(3)?.is_some() {
            found.push(row.get(0)?);
        }
    }
    for table in ["request", "answer", "log", "task"] {
        let mut statement = c.prepare_cached(&format!("DELETE FROM {table} WHERE seq = ?1"))?;
        for seq in &found {
            statement.execute([seq])?;
        }
    }
    Ok(found.len())
}

fn others(c: &Connection, metering: Timestamp, bodies: Timestamp) -> Result<usize, StoreError> {
    let mut gone = c.execute(
        "DELETE FROM peer WHERE tier = 0 AND blocked = 0 AND name IS NULL AND lease IS NULL AND last_seen < ?1",
        [metering.0],
    )?;
    gone += c.execute("DELETE FROM probe WHERE last < ?1", [metering.0])?;
    gone += c.execute("DELETE FROM trust_request WHERE at < ?1", [metering.0])?;
    gone += c.execute("DELETE FROM death WHERE at < ?1", [metering.0])?;
    gone += c.execute("DELETE FROM poison WHERE at < ?1", [metering.0])?;
    gone += c.execute("DELETE FROM invite WHERE expires < ?1", [metering.0])?;
    gone += c.execute(
        "DELETE FROM delegated WHERE coalesce(answered, cancelled, deadline) < ?1",
        [bodies.0],
    )?;
    gone += c.execute(
        "DELETE FROM asked WHERE coalesce(answered, deadline) < ?1",
        [bodies.0],
    )?;
    // One pass is enough: these tables are small, and none of this is a full step's work.
    Ok(gone.min(usize::try_from(STEP - 1).unwrap_or(0)))
}

fn used(c: &Connection) -> Result<Bytes, StoreError> {
    let pragma = |name| -> Result<i64, StoreError> {
        Ok(c.pragma_query_value(None, name, |row| row.get(0))?)
    };
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok(Bytes(
        u64::try_from(pages * pragma("page_size")?).unwrap_or(0),
    ))
}
