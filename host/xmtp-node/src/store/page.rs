//! Pages: at most a hundred rows, and never more bytes than a client takes in one answer.

use prost::Message;
use rusqlite::{CachedStatement, Row, params};

use super::{StoreError, from_sql, to_sql};
use crate::proto::mls::{ASCENDING, DESCENDING, PagingInfo};

/// The network's own limit.
const LONGEST: u32 = 100;
/// Clients take 25 MB; one more message than this has room in that.
const LARGEST: usize = 12 * 1024 * 1024;
/// What a subscriber that catches up reads at once: it may be slow, and there may be many.
pub(super) const ENOUGH: usize = 1024 * 1024;

/// Which part of a topic is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    newest_first: bool,
    limit: u32,
    cursor: u64,
    /// With the row that goes beyond it a page ends.
    bytes: usize,
}

/// A page, and whether something may come after it.
#[derive(Debug)]
pub(crate) struct Paged<M> {
    pub(crate) rows: Vec<M>,
    pub(crate) full: bool,
    /// What the rows have on the wire.
    pub(crate) bytes: usize,
}

impl Page {
    /// Reads what a client asked for. Nothing said means the newest hundred.
    pub(crate) fn asked(paging: Option<&PagingInfo>) -> Self {
        let paging = paging.copied().unwrap_or_default();
        Self {
            newest_first: paging.direction != ASCENDING,
            limit: match paging.limit {
                0 => LONGEST,
                limit => limit.min(LONGEST),
            },
            cursor: paging.id_cursor,
            bytes: LARGEST,
        }
    }

    /// Everything after `cursor`, oldest first, a page at a time.
    pub(crate) fn after(cursor: u64) -> Self {
        Self {
            newest_first: false,
            limit: LONGEST,
            cursor,
            bytes: ENOUGH,
        }
    }

    /// The newest row alone.
    pub(super) fn newest() -> Self {
        Self {
            newest_first: true,
            limit: 1,
            cursor: 0,
            bytes: LARGEST,
        }
    }

    /// What the answer says of its page: where to go on, or 0 if there is nothing more.
    pub(crate) fn answer<M>(self, paged: &Paged<M>, id: impl Fn(&M) -> u64) -> PagingInfo {
        PagingInfo {
            direction: if self.newest_first {
                DESCENDING
            } else {
                ASCENDING
            },
            limit: self.limit,
            id_cursor: paged.rows.last().filter(|_| paged.full).map_or(0, id),
        }
    }

    /// Returns the statement that reads this page: `select` with a topic as its first parameter and `id` as the name of its
    /// sequence.
    pub(super) fn statement(self, select: &str, id: &str) -> String {
        let (compare, order) = if self.newest_first {
            ("<", "DESC")
        } else {
            (">", "ASC")
        };
        format!("{select} AND {id} {compare} ?2 ORDER BY {id} {order} LIMIT ?3")
    }

    /// Runs that statement.
    pub(super) fn read<M: Message>(
        self,
        statement: &mut CachedStatement<'_>,
        topic: &[u8],
        row: impl Fn(&Row<'_>) -> rusqlite::Result<M>,
    ) -> Result<Paged<M>, StoreError> {
        let cursor = match self.cursor {
            0 if self.newest_first => i64::MAX,
            cursor => to_sql(cursor),
        };
        let mut found = statement.query(params![topic, cursor, self.limit])?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(next) = found.next()? {
            let message = row(next)?;
            bytes += message.encoded_len();
            rows.push(message);
            if bytes > self.bytes {
                let full = true;
                return Ok(Paged { rows, full, bytes });
            }
        }
        let full = u32::try_from(rows.len()).is_ok_and(|count| count >= self.limit);
        Ok(Paged { rows, full, bytes })
    }
}

/// A column that holds an id or a time.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(from_sql(row.get(column)?))
}

/// A column that holds bytes.
pub(super) fn blob(row: &Row<'_>, column: usize) -> rusqlite::Result<bytes::Bytes> {
    Ok(row.get::<_, Vec<u8>>(column)?.into())
}
