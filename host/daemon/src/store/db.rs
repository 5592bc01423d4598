//! The database as its one thread has it: the connection, and what is read from it too often to ask each time. It must
//! be told when writes were taken back, and knows nothing better than the tables then.

use std::cell::{RefCell, RefMut};
use std::ops::Deref;

use rusqlite::Connection;

use super::StoreError;
use super::known::Log;

/// A connection to the database.
#[derive(Debug)]
pub struct Db {
    connection: Connection,
    /// The log of messages as it is in the open transaction; none if it must be read again.
    log: RefCell<Option<Log>>,
}

impl Db {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            log: RefCell::new(None),
        }
    }

    /// Returns the log of messages. Whoever changes it changes its table too.
    pub(super) fn log(&self) -> Result<RefMut<'_, Log>, StoreError> {
        let mut log = self.log.borrow_mut();
        if log.is_none() {
            *log = Some(Log::read(&self.connection)?);
        }
        RefMut::filter_map(log, Option::as_mut).map_err(|_| StoreError::BrokeOff)
    }

    /// Returns a number that is another one after each change of the log, if it was read.
    pub(super) fn log_changes(&self) -> Option<u64> {
        self.log.borrow().as_ref().map(Log::changes)
    }

    /// Forgets what was read: something that was written since was taken back.
    pub(super) fn taken_back(&self) {
        self.log.replace(None);
    }

    /// Closes the database.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.connection.close().map_err(|(_, error)| error.into())
    }
}

impl Deref for Db {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
