//! Everything that must survive: one SQLite database, touched by one thread, in transactions that many callers share.
//! What a caller was told is on disk. It holds no policy: who may do what is decided before anything gets here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use coworker_core::{Bytes, TaskId};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::home::Seal;

mod along;
mod approvals;
mod asked;
mod cards;
mod charges;
mod codec;
mod cursors;
mod db;
mod deaths;
mod delegated;
mod error;
mod file;
mod frames;
mod guarding;
mod health;
mod inbox;
mod integrity;
mod invites;
mod known;
mod logs;
mod migrations;
mod outbox;
mod peers;
mod places;
mod poison;
mod probes;
mod proposals;
mod retention;
mod sealed;
mod state;
mod tasks;
mod thread;
mod usage;
mod wal;

pub use along::Later;
pub use approvals::{ApprovalRecords, ApprovalRow, Approve, ExaminedRow, FileRow, VisibilityRow};
pub use asked::{AnswerRow, AskedRow, Question};
pub use cards::CardRow;
pub use cursors::CursorRow;
pub use db::Db;
pub use delegated::{Delegate, DelegatedRow, DelegatedState};
pub use error::StoreError;
pub use guarding::{BarRow, RejectionRow, ShownRow};
pub use health::Trouble;
pub use inbox::{Accepted, Arrival, Finish, QueuedRow, Recorded, Sent};
pub use integrity::Coverage;
pub use invites::{InviteRow, Redeemed, Unredeemed};
pub use logs::{LogLevel, LogRow};
pub use outbox::{Delivery, OutRow, Pending};
pub use peers::{LeaseRow, PeerRow, TrustRequestRow};
pub use places::PlaceRow;
pub use poison::PoisonRow;
pub use probes::ProbeRow;
pub use proposals::ProposalRow;
pub use retention::{Retention, Swept};
pub use state::{AreaRow, StateUse, StateWriteRow};
pub use tasks::{TaskRow, TaskState};
pub use usage::{Allowed, Measured, SpentRow, UsageBy, UsageRow, UsageSum};

/// How many orders may wait for the thread. More callers than that wait to be let in, in memory of their own.
const WAITING: usize = 1_024;
/// Distinct statements of all families, with room to spare; a statement that falls out is compiled again.
const STATEMENTS: usize = 256;

/// How the database is opened.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// How long to wait for another process to let go of the file.
    pub patience: Duration,
    /// The size beyond which every write fails with [`StoreError::Full`]; none leaves it to the disk.
    pub max_size: Option<Bytes>,
    /// How long a repeated request gets the recorded answer.
    pub answers: Duration,
    /// What was said is kept under this.
    pub seal: Option<Seal>,
    /// How long the look at the database at the start may take.
    pub check: Duration,
    /// Tasks whose component had ended when the last process died: that death is none of the component's.
    pub ended: Vec<TaskId>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            // Long enough for a host that is just stopping, short enough for a person to wait.
            patience: Duration::from_secs(2),
            max_size: None,
            answers: Duration::from_secs(24 * 3_600),
            seal: None,
            // The owner waits for the first line that a start prints.
            check: Duration::from_millis(40),
            ended: Vec::new(),
        }
    }
}

/// A handle to the store. Clones share one thread and one database.
#[derive(Clone)]
pub struct Store {
    orders: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// What the handles know without asking the thread.
struct Shared {
    /// The next id of an outbox row. Counted here and not by SQLite, which would give the id of a deleted row to
    /// another one, while somebody still holds the first.
    next_out: AtomicI64,
    answers: Duration,
    along: Arc<Along>,
    health: Arc<Health>,
    /// Whether the database was made at this start though there had been one.
    is_anew: bool,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

use along::Along;
use health::Health;
use thread::{Job, Order};
use wal::Room;

/// A write that the thread has, and that may not be on disk yet.
#[derive(Debug)]
#[must_use = "a write counts once it is kept"]
pub struct Stored<T>(oneshot::Receiver<Result<T, StoreError>>);

impl<T> Stored<T> {
    /// Resolves after the commit: what it returned survives the power plug.
    pub async fn kept(self) -> Result<T, StoreError> {
        self.0.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store {
    /// Opens the database at `path`, making or migrating it as needed, and starts its thread.
    ///
    /// Tasks that were running when the last process died are counted as one death of each component they ran.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let is_anew = file::prepare(path)?;
        let connection = file::open(path)?;
        Self::launch(connection, Some(path.to_owned()), is_anew, &options)
    }

    /// Opens an empty store in memory: the store of tests, with the same code and nothing to clean up.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        Self::launch(connection, None, false, &StoreOptions::default())
    }

    /// Runs a write. Resolves only after the commit: what it returned survives the power plug.
    ///
    /// The closure runs on the store's thread, in a savepoint: if it fails, nothing of it is kept.
    pub async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        self.give(Order::Write(Box::new(Job::new(work, reply))))
            .await?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs a write that changes nothing before the last point at which it can fail by itself. If the database fails under
    /// it, everything of the same commit fails with it.
    async fn write_whole<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.begin(work).await?.kept().await
    }

    /// Gives such a write to the thread without waiting for it: what is given first is done first.
    async fn begin<T, F>(&self, work: F) -> Result<Stored<T>, StoreError>
    where
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        self.give(Order::WholeWrite(Box::new(Job::new(work, reply))))
            .await?;
        Ok(Stored(result))
    }

    /// Runs a read on the store's thread, after every write that was given before it.
    pub async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        self.give(Order::Read(Box::new(Job::new(work, reply))))
            .await?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Finishes what was given so far and closes the database. Further calls on other handles fail.
    ///
    /// Tasks still running are noted as interrupted in an orderly way: no component is blamed for a shutdown.
    pub async fn close(self) -> Result<(), StoreError> {
        let (reply, result) = oneshot::channel();
        self.give(Order::Close(reply)).await?;
        let ended = result.await.map_err(|_| StoreError::Closed)?;
        let thread = self
            .shared
            .thread
            .lock()
            .ok()
            .and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // It has reported its end already; joining waits for its last instructions only.
            let _ = thread.join();
        }
        ended
    }

    /// Returns whether the database was made at this start though there had been one.
    pub fn is_anew(&self) -> bool {
        self.shared.is_anew
    }

    async fn give(&self, order: Order) -> Result<(), StoreError> {
        self.orders
            .send(order)
            .await
            .map_err(|_| StoreError::Closed)
    }

    fn next_out(&self) -> i64 {
        self.shared.next_out.fetch_add(1, Ordering::Relaxed)
    }

    fn launch(
        connection: Connection,
        path: Option<PathBuf>,
        is_anew: bool,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        prepare(&connection, path.clone(), options)?;
        deaths::count_deaths(&connection, &options.ended)?;
        let next_out = outbox::highest(&connection)?.saturating_add(1);
        let db = Db::new(connection);
        let (orders, waiting) = mpsc::channel(WAITING);
        let (along, log) = (Arc::<Along>::default(), Room::beside(path.as_deref()));
        let health = Arc::<Health>::default();
        let theirs = (along.clone(), health.clone());
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || thread::serve(db, waiting, &theirs.0, &theirs.1, log))
            .map_err(|error| StoreError::Thread(Arc::new(error)))?;
        Ok(Self {
            orders,
            shared: Arc::new(Shared {
                next_out: AtomicI64::new(next_out),
                answers: options.answers,
                along,
                health,
                is_anew,
                thread: std::sync::Mutex::new(Some(thread)),
            }),
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Brings a fresh connection into the state that the thread relies on.
fn prepare(
    connection: &Connection,
    path: Option<PathBuf>,
    options: &StoreOptions,
) -> Result<(), StoreError> {
    connection.busy_timeout(options.patience)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly(None));
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // One process only: the lock is held for as long as the file is open, and needs no shared memory.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    migrations::refuse_others(connection, path.clone())?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Pages that callers' requests are spread over stay in memory (KiB, as a negative number).
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "wal_autocheckpoint", wal::PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    if let Some(size) = options.max_size {
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(size.0).unwrap_or(i64::MAX) / page.max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages.max(1), |_| Ok(()))?;
    }
    // What is only in memory stays there, however much it is.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    integrity::check_at_start(connection, options.check)?;
    migrations::migrate(connection, path)?;
    sealed::prepare(connection, options.seal.clone())
}

#[cfg(test)]
mod tests;
