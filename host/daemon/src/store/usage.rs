//! What was used, added up from the tasks themselves: there is no second set of books to disagree with.

use coworker_core::{Bytes, Span, Timestamp};
use serde::Serialize;

use super::codec::{peer_of, uint_at};
use super::{Store, StoreError};

/// What one run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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
             coalesce(sum(reply_size), 0), sum(host_calls), sum(model_calls)
             FROM task WHERE cpu IS NOT NULL AND received >= ?1 GROUP BY 1 ORDER BY {order}"
        );
        self.read(move |c| {
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map((since.0, Self::OK), |row| {
                let span = |column| {
                    uint_at(row, column)
                        .map(|micros| Span(std::time::Duration::from_micros(micros)))
                };
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
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
