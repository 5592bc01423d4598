//! Disk quotas. What a write adds is counted in the same transaction, so the counts are always those of the rows.

use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, to_sql};
use crate::config::NodeLimits;

/// What a row costs beside its bytes: indexes, ids, times.
const ROW: i64 = 160;
const NODE: &[u8] = b"";

/// Whose bytes are counted.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Group,
    Installation,
    Inbox,
}

impl Scope {
    fn key(self, topic: &[u8]) -> Vec<u8> {
        let first = match self {
            Self::Group => b'g',
            Self::Installation => b'i',
            Self::Inbox => b'l',
        };
        [&[first], topic].concat()
    }

    fn limit(self, limits: &NodeLimits) -> u64 {
        match self {
            Self::Group => limits.group_bytes,
            Self::Installation => limits.installation_bytes,
            Self::Inbox => limits.inbox_log_bytes,
        }
    }
}

/// Counts a new row of `size` bytes, or refuses it.
pub(super) fn charge(
    connection: &Connection,
    limits: &NodeLimits,
    scope: Scope,
    topic: &[u8],
    size: usize,
) -> Result<(), StoreError> {
    let size = i64::try_from(size).map_err(|_| StoreError::TopicFull)? + ROW;
    if add(connection, &scope.key(topic), size)? > to_sql(scope.limit(limits)) {
        return Err(StoreError::TopicFull);
    }
    if add(connection, NODE, size)? > to_sql(limits.node_bytes) {
        return Err(StoreError::NodeFull);
    }
    Ok(())
}

/// Counts a row that is gone.
pub(super) fn release(
    connection: &Connection,
    scope: Scope,
    topic: &[u8],
    size: i64,
) -> Result<(), StoreError> {
    let size = size + ROW;
    let key = scope.key(topic);
    if add(connection, &key, -size)? <= 0 {
        connection
            .prepare_cached("DELETE FROM usage WHERE scope = ?1")?
            .execute([&key])?;
    }
    add(connection, NODE, -size)?;
    Ok(())
}

fn add(connection: &Connection, key: &[u8], size: i64) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "INSERT INTO usage (scope, bytes) VALUES (?1, max(?2, 0))
             ON CONFLICT (scope) DO UPDATE SET bytes = max(bytes + ?2, 0) RETURNING bytes",
        )?
        .query_row(params![key, size], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}
