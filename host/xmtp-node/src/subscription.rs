//! A subscriber: first what the database holds after its cursors, then what is committed from now on, each message once and
//! in order. It reads as fast as the client takes, and nothing is kept for a slow one: what it missed is in the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::TryFutureExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tonic::Status;

use crate::api::{Client, Room, refuse};
use crate::proto::mls::SubscribeFilter;
use crate::store::{Feed, Live, Paged, Store};

/// How many topics are looked at in one question to the database.
const AT_ONCE: usize = 256;

/// Whose a subscription is, and what it takes up there.
pub(crate) struct Keeper {
    pub(crate) client: Arc<Client>,
    /// Places for the pieces of large answers of all clients.
    pub(crate) answers: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    /// Its own, while it hands out something large.
    pub(crate) room: Room,
    pub(crate) _place: OwnedSemaphorePermit,
}

/// An open subscription.
pub(crate) struct Subscription<M> {
    store: Store,
    stop: CancellationToken,
    live: Receiver<Live<M>>,
    /// The last id that was handed out, of each topic.
    cursors: HashMap<Bytes, u64>,
    /// The topics whose rows after the cursor are still to be read.
    behind: VecDeque<Bytes>,
    ready: VecDeque<M>,
    keeper: Keeper,
}

impl<M: Feed> Subscription<M> {
    /// Listens first and reads then: a message that is committed in between comes twice and is told by its id.
    pub(crate) fn open(
        store: Store,
        stop: CancellationToken,
        filters: Vec<SubscribeFilter>,
        keeper: Keeper,
    ) -> Self {
        let mut cursors = HashMap::with_capacity(filters.len());
        for filter in filters {
            // The same topic twice means everything that either of them wants.
            let cursor = cursors.entry(filter.topic).or_insert(filter.id_cursor);
            *cursor = filter.id_cursor.min(*cursor);
        }
        Self {
            live: M::listen(&store),
            store,
            stop,
            behind: cursors.keys().cloned().collect(),
            cursors,
            ready: VecDeque::new(),
            keeper,
        }
    }

    /// Returns the messages, until the client goes away or the node stops.
    pub(crate) fn stream(self) -> BoxStream<'static, Result<M, Status>> {
        stream::unfold(Some(self), |subscription| async move {
            let mut subscription = subscription?;
            match subscription.next().await {
                Ok(message) => Some((Ok(message), Some(subscription))),
                Err(status) => Some((Err(status), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<M, Status> {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.advance())
            .await
            .unwrap_or_else(|| Err(Status::unavailable("the node is shutting down")))
    }

    async fn advance(&mut self) -> Result<M, Status> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            // Nothing is asked for before all that was handed out has left.
            self.keeper.room.set(None);
            if !self.behind.is_empty() {
                self.catch_up().await?;
                continue;
            }
            match self.live.recv().await {
                Ok(live) => self.hear(live),
                Err(RecvError::Lagged(_)) => self.behind = self.cursors.keys().cloned().collect(),
                Err(RecvError::Closed) => {
                    return Err(Status::unavailable("the node is shutting down"));
                }
            }
        }
    }

    /// Reads on in the topics that are behind. One that may hold still more stays the first of them.
    async fn catch_up(&mut self) -> Result<(), Status> {
        let topics: Vec<(Bytes, u64)> = self
            .behind
            .iter()
            .take(AT_ONCE)
            .map(|topic| (topic.clone(), self.cursors.get(topic).copied().unwrap_or(0)))
            .collect();
        let (store, client) = (self.store.clone(), self.keeper.client.clone());
        let answers = self.keeper.answers.clone();
        // This is polled only while the client has room for something. What is read in the meantime needs its place too.
        let reading = AbortOnDropHandle::new(self.keeper.tasks.spawn(async move {
            let asking = || store.catch_up::<M>(topics.clone()).map_err(refuse);
            let size = |pages: &Vec<Paged<M>>| pages.iter().map(|paged| paged.bytes).sum();
            client.ask(&answers, asking, size).await
        }));
        let (pages, place) = reading
            .await
            .map_err(|_| Status::internal("the node could not read on"))??;
        self.keeper.room.set(place);
        for paged in pages {
            let Some(topic) = self.behind.pop_front() else {
                break;
            };
            if let (Some(last), Some(cursor)) = (paged.rows.last(), self.cursors.get_mut(&topic)) {
                *cursor = last.id();
            }
            if paged.full {
                self.behind.push_front(topic);
            }
            self.ready.extend(paged.rows);
        }
        Ok(())
    }

    /// Takes what was just committed, if it is wanted and was not read already.
    fn hear(&mut self, live: Live<M>) {
        let Some(cursor) = self.cursors.get_mut(&live.topic) else {
            return;
        };
        if live.id <= *cursor {
            return;
        }
        match live.message {
            Some(message) => {
                *cursor = live.id;
                self.ready.push_back(message);
            }
            None => self.behind.push_back(live.topic),
        }
    }
}
