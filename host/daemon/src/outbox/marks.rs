//! Messages that the other side has and the disk does not know of yet. They are marked many at a time: a mark that a
//! crash loses costs a message sent twice, which receivers recognise by its id, and nothing waits for it.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::clock;
use crate::store::{Store, StoreError};

/// How long a mark may wait for others: longer than a call takes, so that a mark is not a commit beside each of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Rows and the write that marks them.
type Writing = (Vec<i64>, BoxFuture<'static, Result<(), StoreError>>);

/// What is to be marked.
#[derive(Default)]
pub(super) struct Marks {
    waiting: Vec<i64>,
    due: Option<Instant>,
    writing: Option<Writing>,
    unmarked: HashSet<i64>,
}

impl Marks {
    /// Adds a row that has left.
    pub(super) fn add(&mut self, id: i64) {
        self.waiting.push(id);
        self.unmarked.insert(id);
        self.due.get_or_insert_with(|| Instant::now() + PAUSE);
    }

    /// Returns whether a row has left, although the disk may still hold it.
    pub(super) fn holds(&self, id: i64) -> bool {
        self.unmarked.contains(&id)
    }

    /// Does the next thing there is to do. Dropped in the middle, it goes on where it was.
    pub(super) async fn turn(&mut self, store: &Store) {
        if let Some((_, write)) = &mut self.writing {
            let marked = write.await;
            self.written(&marked);
            return;
        }
        match self.due {
            None => std::future::pending().await,
            Some(due) => {
                tokio::time::sleep_until(due).await;
                self.begin(store);
            }
        }
    }

    /// Marks everything before the loop ends.
    pub(super) async fn finish(mut self, store: &Store) {
        while self.writing.is_some() || !self.waiting.is_empty() {
            if self.writing.is_none() {
                self.begin(store);
            }
            self.turn(store).await;
        }
    }

    fn begin(&mut self, store: &Store) {
        self.due = None;
        let ids = std::mem::take(&mut self.waiting);
        let (store, rows) = (store.clone(), ids.clone());
        let write = async move { store.sent(rows, clock::now()).await };
        self.writing = Some((ids, Box::pin(write)));
    }

    fn written(&mut self, marked: &Result<(), StoreError>) {
        if let Err(error) = marked {
            tracing::error!(%error, "messages that left could not be marked as sent");
        }
        for id in self.writing.take().map(|(ids, _)| ids).unwrap_or_default() {
            self.unmarked.remove(&id);
        }
        if !self.waiting.is_empty() {
            self.due.get_or_insert_with(|| Instant::now() + PAUSE);
        }
    }
}
