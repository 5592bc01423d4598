//! What can go wrong with the store, told apart by what the caller can do about it.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::report::{Exit, Failure};

/// The errors of a sync: of the file, and of its folder.
const SYNCS: [i32; 2] = [
    rusqlite::ffi::SQLITE_IOERR_FSYNC,
    rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC,
];

/// Why the store did not do what was asked. Nothing of a failed write is kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No room: the disk, or the size that the owner set for the store.
    #[error("no room is left for the store")]
    Full(#[source] Arc<rusqlite::Error>),
    /// Another process holds the database.
    #[error("another process holds the store's database")]
    Busy(#[source] Arc<rusqlite::Error>),
    /// The file is not a database of ours, or it is damaged.
    #[error("the store's database is damaged or not a database")]
    Corrupt(#[source] Arc<rusqlite::Error>),
    /// A check found damage in the database.
    #[error("the store's database is damaged: {0}")]
    Damaged(String),
    /// There is less of the database than there was: an empty file, or a log without its database.
    #[error("{} is not what it was: {why}", .path.display())]
    Lost {
        /// The database file.
        path: PathBuf,
        /// What is missing.
        why: &'static str,
    },
    /// The database may be read and not written.
    #[error("the store's database cannot be written to")]
    ReadOnly(#[source] Option<Arc<rusqlite::Error>>),
    /// The disk did not write, or read, what it was told to.
    #[error("the disk under the store's database fails")]
    Disk(#[source] Arc<rusqlite::Error>),
    /// The file was written by a newer version.
    #[error("the store has schema version {found}; this program knows versions up to {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The highest version that this program knows.
        known: u32,
    },
    /// What was said is under a seal that was not given, or under another one.
    #[error("the store is under a seal that this is not")]
    Sealed,
    /// The file is a database of some other program.
    #[error("{} is a database of another program", .0.display())]
    Foreign(PathBuf),
    /// The file cannot be opened at all.
    #[error("cannot open {}", .path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The store's thread could not be started.
    #[error("cannot start the store's thread")]
    Thread(#[source] Arc<std::io::Error>),
    /// The store was closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// The task was finished, cancelled or dropped in the meantime.
    #[error("the task is no longer open")]
    NotOpen,
    /// Another peer already has this name.
    #[error("another peer already has the name {0:?}")]
    NameTaken(String),
    /// A bound on rows is reached.
    #[error("no more than {limit} {what} are kept")]
    Bound {
        /// What is counted.
        what: &'static str,
        /// How many are kept.
        limit: u64,
    },
    /// A skill's state would outgrow its bounds.
    #[error("the state of {skill:?} may not grow beyond {limit}")]
    StateFull {
        /// The skill's key.
        skill: String,
        /// The bound.
        limit: coworker_core::Bytes,
    },
    /// A stored value cannot be read back.
    #[error("a stored {what} cannot be read back")]
    Unreadable {
        /// Which value.
        what: &'static str,
    },
    /// A piece of work panicked; its changes are rolled back.
    #[error("a piece of work on the store broke off")]
    BrokeOff,
    /// Anything else that SQLite reports.
    #[error("the store's database refused an operation")]
    Sqlite(#[source] Arc<rusqlite::Error>),
}

impl StoreError {
    /// Returns whether the database failed, and not the work that was asked of it: part of the work may be done then.
    pub(super) const fn is_of_the_database(&self) -> bool {
        !matches!(
            self,
            Self::NotOpen | Self::NameTaken(_) | Self::Bound { .. } | Self::StateFull { .. }
        )
    }

    /// Returns in a word what is wrong with the database or its disk, where everybody who uses the store meets it.
    pub fn trouble(&self) -> Option<&'static str> {
        Some(match self {
            Self::Full(_) => "full",
            Self::Corrupt(_) | Self::Damaged(_) | Self::Lost { .. } => "damaged",
            Self::ReadOnly(_) => "read_only",
            Self::Disk(_) => "failing",
            Self::Closed => "closed",
            _ => return None,
        })
    }

    /// Returns whether only a new start, which reads everything again, can trust the database after this. After a sync
    /// that failed the system may have thrown away what was to be written, and the next sync would not say so.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Corrupt(_) | Self::Damaged(_) | Self::Lost { .. } => true,
            Self::Disk(error) => error
                .sqlite_extended_error_code()
                .is_some_and(|code| SYNCS.contains(&code)),
            _ => false,
        }
    }

    /// Returns what the owner can do about it, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Full(_) => Some(
                "free some disk space, or raise `size` under `[retention]` in config.toml, then try again; \
                 nothing that was acknowledged is lost",
            ),
            Self::Busy(_) => {
                Some("stop the other coworker-host, or whatever else has the database open")
            }
            Self::Corrupt(_) | Self::Damaged(_) | Self::Lost { .. } => Some(
                "put a backup in its place, or move the database and its -wal file away together and keep them; the next start makes a new one, without peers, trust and approvals",
            ),
            Self::ReadOnly(_) => Some(
                "check that the disk is not mounted read-only, and that the home and the files in it are yours",
            ),
            Self::Disk(_) => Some(
                "look at the system's log for errors of the disk, and at limits on files (`ulimit -f`, quotas); start the host again when it is sound",
            ),
            Self::Newer { .. } => {
                Some("use the version of coworker-host that wrote it, or a newer one")
            }
            Self::Sealed => Some(
                "give the passphrase that the home was encrypted with, and keep the database and seal.json of one home together",
            ),
            Self::Foreign(_) => Some("name another home with --home"),
            Self::Open { .. } => Some("check that the folder exists and that you may write to it"),
            Self::NameTaken(_) => Some("choose another name, or forget the other peer first"),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let error = Arc::new(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly(Some(error))
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::NotOpen
            | StoreError::NameTaken(_)
            | StoreError::Bound { .. }
            | StoreError::StateFull { .. } => Exit::Failed,
            StoreError::Full(_)
            | StoreError::Busy(_)
            | StoreError::Corrupt(_)
            | StoreError::Damaged(_)
            | StoreError::Lost { .. }
            | StoreError::ReadOnly(_)
            | StoreError::Disk(_)
            | StoreError::Newer { .. }
            | StoreError::Sealed
            | StoreError::Foreign(_)
            | StoreError::Open { .. } => Exit::Config,
            StoreError::Thread(_)
            | StoreError::Closed
            | StoreError::Unreadable { .. }
            | StoreError::BrokeOff
            | StoreError::Sqlite(_) => Exit::Internal,
        };
        let mut failure = Self::new(exit, error.to_string());
        if let Some(cause) = std::error::Error::source(&error) {
            failure = failure.caused_by(cause);
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
