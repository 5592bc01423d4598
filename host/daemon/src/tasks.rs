//! Everything that runs beside the main loop, so that shutdown can wait for it. Nothing is spawned anywhere else.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A group of tasks with one sign to stop.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Returns an empty group.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` beside the caller; `stopped` tells it when to end.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(work)
    }

    /// Runs `work` on a thread that may block.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.tracker.spawn_blocking(work)
    }

    /// Asks every task to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Returns whether the group was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when the group is asked to stop.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Resolves when every task has ended. New tasks may still come until `stop`.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}
