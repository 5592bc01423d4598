//! Everything the node keeps, in one SQLite file. One thread writes and gathers what waits into one transaction; another
//! reads, so that a long page does not hold up a short message. What was acknowledged has been synced to the disk.

mod budget;
mod commit_log;
mod inbox;
mod key_package;
mod live;
mod message;
mod page;
mod schema;
mod sweep;
mod thread;
mod usage;

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{broadcast, mpsc, oneshot};

pub(crate) use live::{Feed, Live};
pub(crate) use message::{NewGroupMessage, NewWelcome};
pub(crate) use page::{Page, Paged};

use crate::config::NodeLimits;
use crate::folder::Folder;
use crate::proto::mls::{GroupMessage, WelcomeMessage};
use live::Fresh;
use thread::{Order, Write};

/// How many orders wait at most. The node answers fewer requests at once than that, so nobody is ever turned away here.
const WAITING: usize = 1_024;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database failed: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    #[error("the database was made by a later version")]
    Later,
    #[error("this topic is full")]
    TopicFull,
    #[error("this node is full")]
    NodeFull,
    #[error("the inbox log changed meanwhile")]
    Moved,
    #[error("the inbox log is full")]
    LogFull,
    #[error("a later key package of this installation is here already")]
    Older,
    #[error("the answer would be too large")]
    TooLarge,
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::NodeFull,
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}

/// A handle on the store. The threads end when the last one is gone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    write: mpsc::Sender<Order>,
    read: mpsc::Sender<Read>,
    groups: broadcast::Sender<Live<GroupMessage>>,
    welcomes: broadcast::Sender<Live<WelcomeMessage>>,
    limits: Arc<NodeLimits>,
}

type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Store {
    /// Opens the database in `folder`, or makes it. The folder is ours until the last write is done.
    pub(crate) fn open(folder: Folder, limits: Arc<NodeLimits>) -> Result<Self, StoreError> {
        let path = folder.database();
        let writer = schema::open(&path)?;
        let reader = schema::open_reader(&path)?;
        let fresh = Fresh::new(&writer)?;
        let (groups, welcomes) = (live::channel(), live::channel());
        let (write, orders) = mpsc::channel(WAITING);
        let (read, mut questions) = mpsc::channel::<Read>(WAITING);
        let (to_groups, to_welcomes) = (groups.clone(), welcomes.clone());
        spawn("node-write", move || {
            let closing = thread::serve(writer, orders, fresh, |fresh| {
                live::publish(fresh, &to_groups, &to_welcomes);
            });
            drop(folder);
            if let Some((reply, closed)) = closing {
                // Whoever closed the store may have gone away.
                let _ = reply.send(closed);
            }
        })?;
        spawn("node-read", move || {
            while let Some(question) = questions.blocking_recv() {
                question(&reader);
            }
        })?;
        Ok(Self {
            write,
            read,
            groups,
            welcomes,
            limits,
        })
    }

    /// Waits until everything that was asked before is done, and closes the database.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (reply, closed) = oneshot::channel();
        self.write
            .send(Order::Close(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        closed.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` in a transaction and returns once that is on the disk. What fails leaves nothing behind.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Fresh) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        self.write
            .send(Order::Write(Write::new(work, reply)))
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on what is committed.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        let question: Read = Box::new(move |connection| {
            // Whoever asked may have gone away.
            let _ = reply.send(work(connection));
        });
        self.read
            .send(question)
            .await
            .map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|_| StoreError::Closed)
}

/// Nanoseconds since 1970, as the network counts time.
pub(crate) fn now_ns() -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// SQLite counts to 2^63, the network to 2^64. A cursor past the end is one at the end.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Ids and times that came out of the database, where they are never negative.
fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
