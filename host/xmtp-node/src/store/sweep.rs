//! Retention: what is old is deleted, a little at a time so that nobody waits. Commits, key packages and the inbox logs
//! stay: without them a client that was away for long could not find its way back into its groups.

use rusqlite::{Connection, params};

use super::usage::{Scope, release};
use super::{Store, StoreError};

/// How many rows one transaction deletes.
const ROWS: u32 = 500;

impl Store {
    /// Deletes up to 500 application messages and 500 welcomes from before `before_ns`. Returns whether there may be more.
    pub(crate) async fn sweep(&self, before_ns: i64) -> Result<bool, StoreError> {
        self.write(move |connection, _| {
            let groups = delete(
                connection,
                "SELECT id, group_id, length(data) + length(sender_hmac) FROM group_message
                 WHERE is_commit = 0 AND created_ns < ?1 ORDER BY created_ns LIMIT ?2",
                "DELETE FROM group_message WHERE id = ?1",
                Scope::Group,
                before_ns,
            )?;
            let welcomes = delete(
                connection,
                "SELECT id, installation, length(data) + length(hpke_key) + length(metadata) FROM welcome
                 WHERE created_ns < ?1 ORDER BY created_ns LIMIT ?2",
                "DELETE FROM welcome WHERE id = ?1",
                Scope::Installation,
                before_ns,
            )?;
            give_back(connection)?;
            Ok(groups || welcomes)
        })
        .await
    }
}

fn delete(
    connection: &Connection,
    select: &str,
    delete: &str,
    scope: Scope,
    before_ns: i64,
) -> Result<bool, StoreError> {
    let old = connection
        .prepare_cached(select)?
        .query_map(params![before_ns, ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<Vec<(i64, Vec<u8>, i64)>, _>>()?;
    for (id, topic, size) in &old {
        connection.prepare_cached(delete)?.execute([id])?;
        release(connection, scope, topic, *size)?;
    }
    Ok(u32::try_from(old.len()).is_ok_and(|count| count >= ROWS))
}

/// Gives free pages back to the disk, one a step.
fn give_back(connection: &Connection) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("PRAGMA incremental_vacuum(4000)")?;
    let mut pages = statement.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
