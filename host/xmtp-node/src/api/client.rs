//! What one client may have going on at once. An answer lies in memory until the client has read it, so what is not read
//! counts too, and whoever never reads is cut off.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use crate::config::NodeLimits;
use crate::rate::Share;

/// Requests of one connection at once.
const AT_ONCE: usize = 16;
/// How much of an answer is handed to HTTP/2 at once, and how much longer the client may take for each that it took. Who
/// reads half a megabit a second is slow, and is not cut off.
const PIECE: usize = 64 * 1024;
const PIECE_TIME: Duration = Duration::from_secs(1);
/// How often in the time of a request it is looked whether large answers are read.
const LOOKS: u32 = 8;

/// A connection, as far as the limits are concerned.
pub(crate) struct Client {
    pub(super) share: Arc<Share>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) subscriptions: Arc<Semaphore>,
    /// How long a large answer may wait to be read.
    patience: Duration,
    /// Until when the large answers that were begun have to be read, by their numbers.
    unread: Mutex<(u64, BTreeMap<u64, Instant>)>,
}

impl Client {
    pub(crate) fn new(share: Arc<Share>, limits: &NodeLimits) -> Self {
        Self {
            share,
            requests: Arc::new(Semaphore::new(AT_ONCE)),
            subscriptions: Arc::new(Semaphore::new(limits.subscriptions)),
            patience: limits.request_time,
            unread: Mutex::default(),
        }
    }

    /// Returns once the client has let a large answer wait for too long.
    pub(crate) async fn stalls(&self) {
        loop {
            tokio::time::sleep(self.patience / LOOKS).await;
            let now = Instant::now();
            if lock(&self.unread).1.values().any(|until| *until < now) {
                return;
            }
        }
    }

    /// Waits until the client may have another large answer, and until there is room for one among those of all clients.
    pub(crate) async fn place(self: Arc<Self>, common: Arc<Semaphore>) -> Result<Place, Status> {
        let closed = |_| Status::unavailable("the node is shutting down");
        let places = (
            self.share
                .large
                .clone()
                .acquire_owned()
                .await
                .map_err(closed)?,
            common.acquire_owned().await.map_err(closed)?,
        );
        let number = {
            let mut unread = lock(&self.unread);
            let number = unread.0;
            unread.0 += 1;
            unread.1.insert(number, Instant::now() + self.patience);
            number
        };
        Ok(Place {
            client: self,
            number,
            _places: places,
        })
    }
}

/// Room for one large answer.
pub(crate) struct Place {
    client: Arc<Client>,
    number: u64,
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Place {
    /// Notes that the client took some of the answer.
    fn moves(&self) {
        if let Some(until) = lock(&self.client.unread).1.get_mut(&self.number) {
            *until += PIECE_TIME;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.client.unread).1.remove(&self.number);
    }
}

/// Where an answer keeps its place. A subscription has one only while it hands out something large.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<Mutex<Option<Place>>>);

impl Room {
    pub(super) fn of(place: Option<Place>) -> Self {
        Self(Arc::new(Mutex::new(place)))
    }

    pub(crate) fn set(&self, place: Option<Place>) {
        *lock(&self.0) = place;
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer, and what it holds until it is read. It leaves in small pieces, each when the client has room for some of it:
/// a large one would lie with HTTP/2 instead, where nobody counts it.
pub(super) struct Kept {
    body: Body,
    rest: Bytes,
    room: Room,
    _own: Option<OwnedSemaphorePermit>,
}

impl Kept {
    pub(super) fn body(body: Body, room: Room, own: Option<OwnedSemaphorePermit>) -> Body {
        Body::new(Self {
            body,
            rest: Bytes::new(),
            room,
            _own: own,
        })
    }
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        if let Some(place) = lock(&self.room.0).as_ref() {
            place.moves();
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Body as _;

    use super::*;

    #[tokio::test]
    async fn who_reads_slowly_is_given_time_and_who_does_not_read_is_not() {
        let limits = NodeLimits {
            request_time: Duration::from_secs(1),
            ..NodeLimits::default()
        };
        let share = Arc::new(Share::new(limits.local_rate, std::time::Instant::now()));
        let client = Arc::new(Client::new(share, &limits));
        let common = Arc::new(Semaphore::new(2));
        let until = || lock(&client.unread).1.values().copied().collect::<Vec<_>>();
        let place = client.clone().place(common.clone()).await.expect("room");
        let _other = client.clone().place(common.clone()).await.expect("room");
        let begun = until();

        let text = "x".repeat(2 * PIECE + 1);
        let room = Room::of(Some(place));
        let mut body = Kept::body(Body::new(text.clone()), room, None);
        let mut read = 0;
        while !body.is_end_stream() {
            let next = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let piece = next.await.expect("more").expect("a piece");
            let length = piece.into_data().expect("data").len();
            assert!(length <= PIECE, "{length}");
            read += length;
        }
        assert_eq!(read, text.len());
        assert_eq!(until(), [begun[0] + 3 * PIECE_TIME, begun[1]]);
        assert_eq!(common.available_permits(), 0);
        drop(body);
        assert_eq!(until(), [begun[1]]);
        assert_eq!(common.available_permits(), 1);
        client.stalls().await;
    }
}
