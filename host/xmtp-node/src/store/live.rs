//! What subscribers hear of at once. The channel is short and carries only small messages: whoever falls behind, and
//! whoever waits for a large one, reads the database instead.

use bytes::Bytes;
use prost::Message;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::broadcast;

use super::page::ENOUGH;
use super::{Page, Paged, Store, StoreError, now_ns};
use crate::proto::mls::{GroupMessage, WelcomeMessage};

/// How many messages a subscriber may be behind before it reads them from the database.
const CHANNEL: usize = 1_024;
/// The largest message that is handed on in memory: together with the above, 16 MiB a channel.
const LARGEST: usize = 16 * 1_024;
/// How many rows a subscriber that catches up reads at once.
const ROWS: usize = 100;

/// A message that was just committed.
#[derive(Clone, Debug)]
pub(crate) struct Live<M> {
    pub(crate) topic: Bytes,
    pub(crate) id: u64,
    /// Absent if it is large.
    pub(crate) message: Option<M>,
}

/// A kind of message that can be subscribed to.
pub(crate) trait Feed: Message + Default + Clone + Send + Sync + 'static {
    /// Returns where what is committed from now on will be heard.
    fn listen(store: &Store) -> broadcast::Receiver<Live<Self>>;
    /// Returns messages of `topic` out of the database.
    fn page(connection: &Connection, topic: &[u8], page: Page) -> Result<Paged<Self>, StoreError>;
    /// Returns the message's place in its sequence.
    fn id(&self) -> u64;
}

impl Store {
    /// Returns a page of `topic`.
    pub(crate) async fn page<M: Feed>(
        &self,
        topic: Bytes,
        page: Page,
    ) -> Result<Paged<M>, StoreError> {
        self.read(move |connection| M::page(connection, &topic, page))
            .await
    }

    /// Returns what comes after the cursor of each topic, a page at most, until there are enough rows. The topics that it
    /// did not come to are missing at the end.
    pub(crate) async fn catch_up<M: Feed>(
        &self,
        topics: Vec<(Bytes, u64)>,
    ) -> Result<Vec<Paged<M>>, StoreError> {
        self.read(move |connection| {
            let mut pages = Vec::with_capacity(topics.len());
            let (mut rows, mut bytes) = (0, 0);
            for (topic, cursor) in &topics {
                let paged = M::page(connection, topic, Page::after(*cursor))?;
                rows += paged.rows.len();
                bytes += paged.bytes;
                let enough = paged.full || rows >= ROWS || bytes >= ENOUGH;
                pages.push(paged);
                if enough {
                    break;
                }
            }
            Ok(pages)
        })
        .await
    }
}

impl Feed for GroupMessage {
    fn listen(store: &Store) -> broadcast::Receiver<Live<Self>> {
        store.groups.subscribe()
    }

    fn page(connection: &Connection, topic: &[u8], page: Page) -> Result<Paged<Self>, StoreError> {
        super::message::group_page(connection, topic, page)
    }

    fn id(&self) -> u64 {
        self.v1.as_ref().map_or(0, |message| message.id)
    }
}

impl Feed for WelcomeMessage {
    fn listen(store: &Store) -> broadcast::Receiver<Live<Self>> {
        store.welcomes.subscribe()
    }

    fn page(connection: &Connection, topic: &[u8], page: Page) -> Result<Paged<Self>, StoreError> {
        super::message::welcome_page(connection, topic, page)
    }

    fn id(&self) -> u64 {
        let v1 = self.v1.as_ref().map(|message| message.id);
        let pointer = self.pointer.as_ref().map(|message| message.id);
        v1.or(pointer).unwrap_or(0)
    }
}

/// What a transaction added, kept back until it is committed.
pub(super) struct Fresh {
    pub(super) groups: Vec<Live<GroupMessage>>,
    pub(super) welcomes: Vec<Live<WelcomeMessage>>,
    latest_ns: i64,
}

impl Fresh {
    /// Goes on from the times in the database.
    pub(super) fn new(connection: &Connection) -> Result<Self, StoreError> {
        let latest = |table: &str| {
            connection
                .query_row(
                    &format!("SELECT created_ns FROM {table} ORDER BY id DESC LIMIT 1"),
                    [],
                    |row| row.get::<_, i64>(0),
                )
                .optional()
        };
        let latest_ns = latest("group_message")?.max(latest("welcome")?);
        Ok(Self {
            groups: Vec::new(),
            welcomes: Vec::new(),
            latest_ns: latest_ns.unwrap_or(0),
        })
    }

    /// Returns the time for a new row. It never goes back, not even if the system's clock does: clients sort by it.
    pub(super) fn now_ns(&mut self) -> i64 {
        self.latest_ns = now_ns().max(self.latest_ns.saturating_add(1));
        self.latest_ns
    }

    pub(super) fn mark(&self) -> (usize, usize) {
        (self.groups.len(), self.welcomes.len())
    }

    /// Forgets what came after `mark`: its work was undone.
    pub(super) fn cut(&mut self, (groups, welcomes): (usize, usize)) {
        self.groups.truncate(groups);
        self.welcomes.truncate(welcomes);
    }
}

/// Returns a message as subscribers are told of it.
pub(super) fn live<M: Feed>(topic: Bytes, message: M) -> Live<M> {
    let id = message.id();
    let message = (message.encoded_len() <= LARGEST).then_some(message);
    Live { topic, id, message }
}

pub(super) fn channel<M: Clone>() -> broadcast::Sender<Live<M>> {
    broadcast::Sender::new(CHANNEL)
}

/// Tells the subscribers. That there may be none is no failure.
pub(super) fn publish(
    fresh: &mut Fresh,
    groups: &broadcast::Sender<Live<GroupMessage>>,
    welcomes: &broadcast::Sender<Live<WelcomeMessage>>,
) {
    for message in fresh.groups.drain(..) {
        let _ = groups.send(message);
    }
    for message in fresh.welcomes.drain(..) {
        let _ = welcomes.send(message);
    }
}
