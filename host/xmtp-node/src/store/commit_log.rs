//! The commit log: what members of a group say of its commits, sealed like everything else.

use bytes::Bytes;
use rusqlite::params;

use super::budget::Budget;
use super::page::{blob, number};
use super::usage::{Scope, charge};
use super::{Page, Paged, Store, StoreError};
use crate::proto::mls::{CommitLogEntry, PublishCommitLogRequest};

impl Store {
    /// Appends entries, all or none.
    pub(crate) async fn append_commit_log(
        &self,
        entries: Vec<PublishCommitLogRequest>,
    ) -> Result<(), StoreError> {
        let limits = self.limits.clone();
        self.write(move |connection, _| {
            for entry in &entries {
                let signature = entry.signature.as_deref();
                let size = entry.entry.len() + signature.map_or(0, <[u8]>::len);
                charge(connection, &limits, Scope::Group, &entry.group_id, size)?;
                connection
                    .prepare_cached(
                        "INSERT INTO commit_log (group_id, entry, signature) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![
                        entry.group_id.as_ref(),
                        entry.entry.as_ref(),
                        signature
                    ])?;
            }
            Ok(())
        })
        .await
    }

    /// Returns a page of each group's entries, in the order of `groups`.
    pub(crate) async fn commit_logs(
        &self,
        groups: Vec<(Bytes, Page)>,
    ) -> Result<Vec<Paged<CommitLogEntry>>, StoreError> {
        const SELECT: &str =
            "SELECT sequence, entry, signature FROM commit_log WHERE group_id = ?1";
        self.read(move |connection| {
            let mut budget = Budget::new();
            groups
                .iter()
                .map(|(group_id, page)| {
                    let mut statement =
                        connection.prepare_cached(&page.statement(SELECT, "sequence"))?;
                    let paged = page.read(&mut statement, group_id, |row| {
                        Ok(CommitLogEntry {
                            sequence_id: number(row, 0)?,
                            entry: blob(row, 1)?,
                            signature: row.get::<_, Option<Vec<u8>>>(2)?.map(Bytes::from),
                        })
                    })?;
                    budget.take(paged.bytes)?;
                    Ok(paged)
                })
                .collect()
        })
        .await
    }
}
