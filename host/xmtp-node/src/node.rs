//! A running node: from its configuration to its last connection.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Clock};
use crate::config::NodeConfig;
use crate::connection::{Listener, tls};
use crate::folder::{Folder, FolderError};
use crate::store::{Store, StoreError, now_ns};

/// How long requests under way may take once the node is told to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// How long connections may take to notice that their time is over.
const LAST: Duration = Duration::from_secs(1);
/// How often old messages are looked for.
const SWEEP: Duration = Duration::from_secs(60 * 60);

/// Why a node did not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address can be reached from elsewhere, and nothing protects what is sent.
    #[error(
        "{0} is not a loopback address: give the node a certificate, or say that it may be insecure"
    )]
    Exposed(SocketAddr),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What failed.
        source: io::Error,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The database cannot be used.
    #[error("the database in {}: {what}", path.display())]
    Database {
        /// The data folder.
        path: PathBuf,
        /// What failed.
        what: String,
    },
    /// The certificate or its key cannot be used.
    #[error("the certificate or key: {0}")]
    Tls(String),
}

/// A node that serves until it is shut down, or until this is dropped.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    data: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
    store: Store,
}

impl Node {
    /// Opens the data folder, listens, and serves.
    pub async fn bind(config: NodeConfig) -> Result<Self, NodeError> {
        Self::bind_at(config, || {
            u64::try_from(now_ns() / 1_000_000_000).unwrap_or(0)
        })
        .await
    }

    /// The same with a clock for the lifetimes of key packages and the age of messages.
    pub(crate) async fn bind_at(config: NodeConfig, clock: Clock) -> Result<Self, NodeError> {
        let NodeConfig {
            listen,
            data,
            tls: files,
            insecure,
            limits,
            retention,
        } = config;
        if !listen.ip().is_loopback() && files.is_none() && !insecure {
            return Err(NodeError::Exposed(listen));
        }
        let acceptor = files.as_ref().map(tls).transpose()?;
        let folder = Folder::open(&data)?;
        let limits = Arc::new(limits);
        let store = Store::open(folder, limits.clone()).map_err(|error| database(&data, &error))?;
        let refused = |source| NodeError::Listen {
            address: listen,
            source,
        };
        let socket = TcpListener::bind(listen).await.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;

        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let api = Api::new(
            store.clone(),
            limits.clone(),
            clock,
            tasks.clone(),
            stop.clone(),
        );
        let listener = Listener::new(api, limits, acceptor, tasks.clone(), stop.clone());
        tasks.spawn(listener.serve(socket));
        if let Some(age) = retention {
            tasks.spawn(sweep(store.clone(), age, SWEEP, clock, stop.clone()));
        }
        tracing::info!(%address, data = %data.display(), "node started");
        Ok(Self {
            address,
            data,
            stop,
            tasks,
            store,
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what makes it stop when it is cancelled; [`Node::join`] then returns.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until the stop token is cancelled, then shuts down.
    pub async fn join(self) -> Result<(), NodeError> {
        self.stop.cancelled().await;
        self.shutdown().await
    }

    /// Takes no more requests, ends subscriptions, finishes what is under way for up to ten seconds, and closes the
    /// database.
    pub async fn shutdown(self) -> Result<(), NodeError> {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE + LAST, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("requests were still under way at shutdown");
        }
        let closed = self.store.close().await;
        tracing::info!("node stopped");
        closed.map_err(|error| database(&self.data, &error))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn database(data: &std::path::Path, error: &StoreError) -> NodeError {
    NodeError::Database {
        path: data.to_owned(),
        what: error.to_string(),
    }
}

/// Deletes what is older than `age` at once, and again as often as said.
pub(crate) async fn sweep(
    store: Store,
    age: Duration,
    every: Duration,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let before = Duration::from_secs(clock()).saturating_sub(age);
        let before = i64::try_from(before.as_nanos()).unwrap_or(i64::MAX);
        loop {
            match stop.run_until_cancelled(store.sweep(before)).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) => break,
                Some(Err(error)) => {
                    tracing::warn!(%error, "old messages were not deleted");
                    break;
                }
                None => return,
            }
        }
    }
}
