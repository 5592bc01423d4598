//! Whether the database's pages are what they should be. A look at the start must be short however large the database
//! is, so it ends after a while; the owner may ask for a longer one.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{Db, Store, StoreError};

/// How long the owner's look may keep others from the database at a time, and take in all.
const AT_A_TIME: Duration = Duration::from_secs(2);
const IN_ALL: Duration = Duration::from_secs(20);
/// How often a look whose time is over is told so.
const REMIND: Duration = Duration::from_millis(5);
/// The tables that grow with what peers send. All others are small and say who may do what: they are looked at first.
const LARGE: [&str; 9] = [
    "task", "request", "answer", "outbox", "log", "usage", "message", "state", "asked",
];

/// How far a check got, without finding anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// How many tables were looked at to their end.
    pub whole: usize,
    /// Of how many.
    pub of: usize,
}

/// Looks at as much of the database as there is time for.
pub(super) fn check_at_start(
    connection: &Connection,
    most: Duration,
) -> Result<Coverage, StoreError> {
    let until = Instant::now() + most;
    let tables = tables(connection)?;
    let of = tables.len();
    let whole = within(connection, until, || {
        let whole = tables.iter().map(|table| check(connection, table, until));
        whole.sum::<Result<usize, _>>()
    })?;
    Ok(Coverage { whole, of })
}

impl Store {
    /// Looks at the whole database as far as there is time, a table at a time, so that others are kept waiting for
    /// little. Damage is trouble of the store from then on.
    pub async fn check(&self) -> Result<Coverage, StoreError> {
        let until = Instant::now() + IN_ALL;
        let tables = self.read(|db| tables(db)).await?;
        let of = tables.len();
        let mut whole = 0;
        for table in tables {
            let until = until.min(Instant::now() + AT_A_TIME);
            let check = move |db: &Db| within(db, until, || check(db, &table, until));
            whole += self.read(check).await?;
        }
        Ok(Coverage { whole, of })
    }
}

/// Returns the names of all tables, the small ones first.
fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    let mut names: Vec<String> = names.collect::<Result<_, _>>()?;
    names.sort_by_key(|name| {
        LARGE
            .iter()
            .position(|large| large == name)
            .map_or(0, |at| at + 1)
    });
    Ok(names)
}

/// Looks at a table and its indexes. Returns 1 if there was time for all of it, else 0.
fn check(connection: &Connection, table: &str, until: Instant) -> Result<usize, StoreError> {
    if Instant::now() >= until {
        return Ok(0);
    }
    let mut found: Option<String> = None;
    let checked = connection.pragma(None, "quick_check", table, |row| {
        found.get_or_insert(row.get(0)?);
        Ok(())
    });
    match checked {
        Ok(()) if found.as_deref() == Some("ok") => Ok(1),
        Ok(()) => Err(StoreError::Damaged(format!(
            "table {table}: {}",
            found.unwrap_or_default()
        ))),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Does something with a connection and interrupts it there when time is over.
fn within(
    connection: &Connection,
    until: Instant,
    work: impl FnOnce() -> Result<usize, StoreError>,
) -> Result<usize, StoreError> {
    let handle = connection.get_interrupt_handle();
    let (working, ended) = channel::<()>();
    std::thread::scope(|scope| {
        let watch = move || {
            let mut wait = until.saturating_duration_since(Instant::now());
            // The other end is dropped when the work is done.
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                handle.interrupt();
                wait = REMIND;
            }
        };
        std::thread::Builder::new()
            .name("check".to_owned())
            .spawn_scoped(scope, watch)
            .map_err(|error| StoreError::Thread(std::sync::Arc::new(error)))?;
        let done = work();
        drop(working);
        done
    })
}
