//! Writes that nobody is kept waiting by. A commit of their own would stand in the way of the next write that somebody
//! does wait for, so they go along with that one, or after a while alone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::thread::{Job, Order, Work};
use super::{Db, Store, StoreError, Stored};

/// How long a write may wait for company: longer than a call over a network takes, which is followed by the next one.
const PATIENCE: Duration = Duration::from_millis(50);
/// This many are company enough.
const CROWD: usize = 32;

/// What waits, in the order in which it was given.
pub(super) struct Along(Mutex<Option<Vec<Box<dyn Work>>>>);

impl Default for Along {
    fn default() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }
}

impl Along {
    /// Adds a write. Returns how many wait, or none if the store is closed.
    fn add(&self, work: Box<dyn Work>) -> Option<usize> {
        let mut waiting = self.lock();
        let waiting = waiting.as_mut()?;
        waiting.push(work);
        Some(waiting.len())
    }

    /// Puts what waits before orders that were given later.
    pub(super) fn join(&self, orders: &mut Vec<Order>) {
        let works = self.lock().as_mut().map(std::mem::take);
        orders.splice(0..0, works.into_iter().flatten().map(Order::Write));
    }

    /// The same, and lets nothing in any more.
    pub(super) fn close(&self, orders: &mut Vec<Order>) {
        let works = self.lock().take();
        orders.extend(works.into_iter().flatten().map(Order::Write));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Box<dyn Work>>>> {
        // Every change under the lock is complete in itself, so a poisoned lock holds good data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write that waits for company. It is done also if nobody waits for it, but not before others are.
#[derive(Debug)]
#[must_use = "a write counts once it is kept"]
pub struct Later<T> {
    stored: Stored<T>,
    store: Store,
    due: Instant,
}

impl<T> Later<T> {
    /// Resolves after the commit: what it returned survives the power plug.
    pub async fn kept(self) -> Result<T, StoreError> {
        let Self { stored, store, due } = self;
        let kept = stored.kept();
        tokio::pin!(kept);
        tokio::select! {
            biased;
            kept = &mut kept => return kept,
            () = tokio::time::sleep_until(due) => store.give(Order::Hurry).await?,
        }
        kept.await
    }
}

impl Store {
    /// Gives a write to the thread that is done with the next one, before it, or alone after a while.
    pub(super) async fn begin_along<T, F>(&self, work: F) -> Result<Later<T>, StoreError>
    where
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let work = Box::new(Job::new(work, reply));
        let crowd = self.shared.along.add(work).ok_or(StoreError::Closed)?;
        if crowd == CROWD {
            self.give(Order::Hurry).await?;
        }
        Ok(Later {
            stored: Stored(result),
            store: self.clone(),
            due: Instant::now() + PATIENCE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn given(store: &Store, n: i64) -> Later<()> {
        let write = move |db: &Db| {
            db.execute("INSERT INTO t VALUES (?1)", [n])?;
            Ok(())
        };
        store.begin_along(write).await.expect("an open store")
    }

    async fn sum(store: &Store) -> i64 {
        let sum = |db: &Db| Ok(db.query_row("SELECT sum(n) FROM t", [], |row| row.get(0))?);
        store.read(sum).await.expect("a sum")
    }

    async fn open(path: &std::path::Path) -> Store {
        let store = Store::open(path, super::super::StoreOptions::default()).expect("a store");
        let table = |db: &Db| Ok(db.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER)")?);
        store.write(table).await.expect("a table");
        store
    }

    #[tokio::test]
    async fn it_is_kept_with_the_next_write_and_seen_by_whatever_is_given_later() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = open(&dir.path().join("a.db")).await;
        let later = given(&store, 1).await;
        store.write(|_| Ok(())).await.expect("a write");
        let kept = futures::FutureExt::now_or_never(later.kept());
        assert!(matches!(kept, Some(Ok(()))), "{kept:?}");
        let _alone = given(&store, 2).await;
        assert_eq!(sum(&store).await, 3);
    }

    #[tokio::test]
    async fn one_that_stays_alone_is_kept_after_a_while_and_many_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = open(&dir.path().join("a.db")).await;
        given(&store, 1).await.kept().await.expect("kept");
        let mut many = Vec::new();
        for n in 0..CROWD {
            many.push(given(&store, i64::try_from(n).expect("few")).await);
        }
        // Nobody hurries them by waiting.
        for later in many {
            let kept = tokio::time::timeout(Duration::from_secs(60), later.stored.kept()).await;
            kept.expect("in time").expect("kept");
        }
    }

    #[tokio::test]
    async fn what_was_given_before_the_end_is_kept_and_nothing_after_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.db");
        let store = open(&path).await;
        let (handle, later) = (store.clone(), given(&store, 5).await);
        store.close().await.expect("an end");
        later.kept().await.expect("kept");
        let after = handle.begin_along(|_| Ok(())).await;
        assert!(matches!(after, Err(StoreError::Closed)), "{after:?}");
        assert_eq!(sum(&open(&path).await).await, 5);
    }
}
