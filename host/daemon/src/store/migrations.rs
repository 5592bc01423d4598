//! Brings a database to the schema of this program, one version at a time. Never goes back.

use std::path::PathBuf;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{
    StoreError, approvals, asked, cards, charges, cursors, deaths, delegated, guarding, invites,
    known, logs, outbox, peers, places, poison, probes, proposals, state, tasks, usage,
};

/// "cwhs" as a number: marks the file as ours, so that nobody's other database is migrated by mistake.
pub(super) const APPLICATION: i32 = 0x6377_6873;

/// The statements that lead from each version to the next. Entry 0 makes an empty database version 1. An entry that
/// was released is never changed; a change of schema is a new entry.
fn steps() -> [String; 13] {
    let first = [
        tasks::TABLES,
        known::TABLES,
        deaths::TABLES,
        outbox::TABLES,
        peers::TABLES,
        asked::TABLES,
        probes::TABLES,
        state::TABLES,
        logs::TABLES,
        approvals::TABLES,
    ];
    let fourth = [
        invites::TABLES,
        cards::TABLES,
        delegated::TABLES,
        proposals::TABLES,
    ];
    [
        first.concat(),
        known::LOG.to_owned(),
        cursors::TABLES.to_owned(),
        fourth.concat(),
        outbox::ONCE.to_owned(),
        usage::MODELS.to_owned(),
        places::TABLES.to_owned(),
        guarding::TABLES.to_owned(),
        usage::MEASURED.to_owned(),
        guarding::MODES.to_owned(),
        approvals::BROKEN_OFF.to_owned(),
        [charges::CHARGED, usage::AHEAD, peers::MARK].concat(),
        poison::TABLES.to_owned(),
    ]
}

/// Refuses a database that is not ours or newer than we are. Writes nothing.
pub(super) fn refuse_others(
    connection: &Connection,
    path: Option<PathBuf>,
) -> Result<(), StoreError> {
    version(connection, path, &steps()).map(drop)
}

/// Returns the version of a database of ours, and the one that these steps lead to.
fn version(
    connection: &Connection,
    path: Option<PathBuf>,
    steps: &[String],
) -> Result<(u32, u32), StoreError> {
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = found == 0 && application == 0 && tables == 0;
    if !fresh && application != APPLICATION {
        return Err(StoreError::Foreign(path.unwrap_or_default()));
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok((found, known))
}

/// Migrates the database, all steps in one transaction.
pub(super) fn migrate(connection: &Connection, path: Option<PathBuf>) -> Result<(), StoreError> {
    migrate_with(connection, path, &steps())
}

fn migrate_with(
    connection: &Connection,
    path: Option<PathBuf>,
    steps: &[String],
) -> Result<(), StoreError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let (found, known) = version(&transaction, path, steps)?;
    let start = usize::try_from(found).unwrap_or(usize::MAX);
    if start == steps.len() {
        return Ok(());
    }
    for step in steps.iter().skip(start) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests;
