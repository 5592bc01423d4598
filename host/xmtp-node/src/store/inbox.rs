//! The logs of the inboxes, and which inbox an address belongs to.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::budget::Budget;
use super::page::{blob, number};
use super::usage::{Scope, charge};
use super::{Store, StoreError, from_sql, now_ns, to_sql};
use crate::identity::Change;
use crate::proto::identity::LoggedUpdate;

/// The network's own limit.
const LONGEST_LOG: i64 = 256;

impl Store {
    /// Returns everything in the logs of `inboxes` after the sequence ids beside them, in the same order.
    pub(crate) async fn inbox_logs(
        &self,
        inboxes: Vec<(String, u64)>,
    ) -> Result<Vec<Vec<LoggedUpdate>>, StoreError> {
        self.read(move |connection| {
            let mut budget = Budget::new();
            inboxes
                .iter()
                .map(|(inbox, after)| log(connection, inbox, *after, &mut budget))
                .collect()
        })
        .await
    }

    /// Appends an update that was checked against the log up to `last`. If another one came first, nothing is done.
    pub(crate) async fn append_update(
        &self,
        inbox: String,
        last: u64,
        body: Bytes,
        change: Change,
    ) -> Result<(), StoreError> {
        let limits = self.limits.clone();
        self.write(move |connection, _| {
            let (count, newest): (i64, Option<i64>) = connection
                .prepare_cached("SELECT count(*), max(sequence) FROM inbox_log WHERE inbox = ?1")?
                .query_row([&inbox], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if newest.map_or(0, from_sql) != last {
                return Err(StoreError::Moved);
            }
            if count >= LONGEST_LOG {
                return Err(StoreError::LogFull);
            }
            charge(
                connection,
                &limits,
                Scope::Inbox,
                inbox.as_bytes(),
                body.len(),
            )?;
            connection
                .prepare_cached(
                    "INSERT INTO inbox_log (inbox, server_ns, body) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![inbox, now_ns(), body.as_ref()])?;
            let sequence = connection.last_insert_rowid();
            for address in &change.unlinked {
                connection
                    .prepare_cached(
                        "UPDATE address_log SET unlinked = ?1
                         WHERE address = ?2 AND inbox = ?3 AND unlinked IS NULL",
                    )?
                    .execute(params![sequence, address, inbox])?;
            }
            for address in &change.linked {
                connection
                    .prepare_cached(
                        "INSERT INTO address_log (address, inbox, linked) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![address, inbox, sequence])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns the inbox of each address, in the same order.
    pub(crate) async fn inboxes_of(
        &self,
        addresses: Vec<String>,
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT inbox FROM address_log WHERE address = ?1 AND unlinked IS NULL
                 ORDER BY linked DESC LIMIT 1",
            )?;
            addresses
                .iter()
                .map(|address| {
                    Ok(statement
                        .query_row([address], |row| row.get(0))
                        .optional()?)
                })
                .collect()
        })
        .await
    }
}

fn log(
    connection: &Connection,
    inbox: &str,
    after: u64,
    budget: &mut Budget,
) -> Result<Vec<LoggedUpdate>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, server_ns, body FROM inbox_log
         WHERE inbox = ?1 AND sequence > ?2 ORDER BY sequence",
    )?;
    let mut rows = statement.query(params![inbox, to_sql(after)])?;
    let mut updates = Vec::new();
    while let Some(row) = rows.next()? {
        let update = LoggedUpdate {
            sequence_id: number(row, 0)?,
            server_timestamp_ns: number(row, 1)?,
            update: blob(row, 2)?,
        };
        budget.take(update.update.len())?;
        updates.push(update);
    }
    Ok(updates)
}
