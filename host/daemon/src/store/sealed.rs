//! What was said, under the home's seal: requests, answers, messages, logs and skills' state. Two functions of SQL close
//! and open the values, so that every statement reads the same with a seal and without. Names, times, sizes and outcomes
//! stay in the clear: the host searches by them.

use std::path::Path;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, OpenFlags};

use super::{Store, StoreError};
use crate::home::Seal;

/// Where what was said lies.
const PLACES: [(&str, &str); 8] = [
    ("request", "body"),
    ("answer", "body"),
    ("outbox", "bytes"),
    ("asked", "answer"),
    ("delegated", "answer"),
    ("state", "value"),
    ("log", "lines"),
    ("trust_request", "reason"),
];
/// What the database holds to tell whether it is the one of a seal.
const PROOF: &str = "coworker-host";

impl Store {
    /// Returns whether a database holds what was said under a seal. Looks, and changes nothing; a file that is not there
    /// holds nothing.
    pub fn is_sealed(path: &Path) -> Result<bool, StoreError> {
        if !path.exists() {
            return Ok(false);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        is_sealed(&Connection::open_with_flags(path, flags)?)
    }
}

fn is_sealed(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'sealed'",
        [],
        |row| row.get::<_, bool>(0),
    )?)
}

/// Gives a connection `seal` and `unseal`, and puts under the seal what is not under it yet.
pub(super) fn prepare(connection: &Connection, seal: Option<Seal>) -> Result<(), StoreError> {
    // No view and no trigger may call them: the schema is ours, but the file may not be.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let (close, open) = (seal.clone(), seal.clone());
    connection.create_scalar_function("seal", 1, flags, move |context| {
        turn(context, close.as_ref(), |seal, value| {
            Some(match value {
                ValueRef::Blob(bytes) => Value::Blob(seal.close(bytes)),
                ValueRef::Text(_) => Value::Text(seal.close_text(value.as_str().ok()?)),
                other => other.try_into().ok()?,
            })
        })
    })?;
    connection.create_scalar_function("unseal", 1, flags, move |context| {
        turn(context, open.as_ref(), |seal, value| {
            Some(match value {
                ValueRef::Blob(bytes) => Value::Blob(seal.open(bytes)?),
                ValueRef::Text(_) => Value::Text(seal.open_text(value.as_str().ok()?)?),
                other => other.try_into().ok()?,
            })
        })
    })?;
    // How long a value is in the clear, of its length under the seal: nothing is read and opened for that.
    let around = seal.as_ref().map_or(0, |_| Seal::AROUND);
    connection.create_scalar_function("bare", 1, flags, move |context| {
        let length = context.get::<Option<i64>>(0)?;
        Ok(length.map(|length| length - around))
    })?;
    match (is_sealed(connection)?, seal.is_some()) {
        (false, false) => Ok(()),
        (true, false) => Err(StoreError::Sealed),
        (true, true) => {
            let proof =
                connection.query_row("SELECT unseal(proof), written FROM sealed", [], |row| {
                    Ok((row.get::<_, String>(0)?, row.get(1)?))
                });
            match proof {
                Ok((proof, true)) if proof == PROOF => Ok(()),
                Ok((proof, false)) if proof == PROOF => write_over(connection),
                Err(error) => match StoreError::from(error) {
                    // A disk that cannot be read says nothing about the passphrase.
                    error if error.trouble().is_some() => Err(error),
                    _ => Err(StoreError::Sealed),
                },
                Ok(_) => Err(StoreError::Sealed),
            }
        }
        (false, true) => put_under(connection),
    }
}

fn turn(
    context: &Context<'_>,
    seal: Option<&Seal>,
    with: impl Fn(&Seal, ValueRef<'_>) -> Option<Value>,
) -> rusqlite::Result<ToSqlOutput<'static>> {
    let Some(seal) = seal else {
        return Ok(ToSqlOutput::Arg(0));
    };
    with(seal, context.get_raw(0))
        .map(ToSqlOutput::Owned)
        .ok_or_else(|| Error::UserFunctionError("a value that is not under the home's seal".into()))
}

/// Closes all of it or nothing.
fn put_under(connection: &Connection) -> Result<(), StoreError> {
    let mut statements = String::from("BEGIN IMMEDIATE;");
    for (table, column) in PLACES {
        statements +=
            &format!("UPDATE {table} SET {column} = seal({column}) WHERE {column} IS NOT NULL;");
    }
    statements += &format!(
        "CREATE TABLE sealed (proof TEXT NOT NULL, written INTEGER NOT NULL) STRICT;
         INSERT INTO sealed VALUES (seal('{PROOF}'), 0); COMMIT;"
    );
    connection.execute_batch(&statements)?;
    write_over(connection)
}

/// Writes the database anew, so that nothing of what it held in the clear is left in its pages. Done again at the next start
/// if it was broken off.
fn write_over(connection: &Connection) -> Result<(), StoreError> {
    // The copy that it makes goes to disk: it may be larger than memory, and what was said is sealed in it.
    connection.execute_batch("PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.execute_batch("UPDATE sealed SET written = 1")?;
    tracing::info!("what was said is encrypted from now on");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_not_written_over_are_at_the_next_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut home = crate::home::Home::create(&folder.path().join("home")).expect("a home");
        home.unseal(&coworker_core::Secret::new("a"))
            .expect("a seal");
        let path = folder.path().join("db");
        let connection = Connection::open(&path).expect("a database");
        for (table, column) in PLACES {
            let made = format!(
                "CREATE TABLE {table} ({column}); INSERT INTO {table} VALUES ('in the clear');"
            );
            connection.execute_batch(&made).expect("a table");
        }
        prepare(&connection, None).expect("open to all");
        prepare(&connection, home.seal().cloned()).expect("closed");
        let written = || {
            let query = "SELECT written, unseal(body) FROM sealed, answer";
            let told = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)));
            told.expect("a row")
        };
        assert_eq!(written(), (true, "in the clear".to_owned()));
        assert!(matches!(
            prepare(&connection, None),
            Err(StoreError::Sealed)
        ));
        connection
            .execute_batch("UPDATE sealed SET written = 0")
            .expect("as if it broke off");
        prepare(&connection, home.seal().cloned()).expect("closed");
        assert!(written().0);
        let bytes = std::fs::read(&path).expect("ours");
        assert!(!bytes.windows(12).any(|part| part == b"in the clear"));
        // A value from elsewhere is an error and not a text.
        connection
            .execute_batch("UPDATE answer SET body = 'in the clear'")
            .expect("ours");
        let foreign = connection.query_row("SELECT unseal(body) FROM answer", [], |row| {
            row.get::<_, String>(0)
        });
        assert!(foreign.is_err_and(|error| error.to_string().contains("seal")));
    }
}
