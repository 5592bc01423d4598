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
/// reads half a megabit a second is slow, and is not cut off. An answer of more than one piece is a large one.
const PIECE: usize = 64 * 1024;
const PIECE_TIME: Duration = Duration::from_secs(1);
/// What clients take in one answer.
const LARGEST: u32 = 25_000_000;
/// How many pieces of large answers lie in memory until they are read: of all clients as many as thirty-two of the largest
/// answers have, and of one client as many as eight.
pub(super) const UNREAD: u32 = 32 * LARGEST / PIECE as u32;
pub(crate) const UNREAD_OF_ONE: u32 = 8 * LARGEST / PIECE as u32;
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

    /// Asks for an answer, and returns it with a place among what is unread if it is a large one. What has to wait for its
    /// place waits without the answer, and is asked once more: only what reads has a large answer.
    pub(crate) async fn ask<T, A>(
        self: &Arc<Self>,
        common: &Arc<Semaphore>,
        asking: impl Fn() -> A,
        size: impl Fn(&T) -> usize,
    ) -> Result<(T, Option<Place>), Status>
    where
        A: Future<Output = Result<T, Status>>,
    {
        let mut place: Option<Place> = None;
        loop {
            let answer = asking().await?;
            let bytes = size(&answer);
            if bytes <= PIECE {
                return Ok((answer, None));
            }
            // It may have grown since it was measured. What is too small is given back before anything is waited for.
            place = place
                .filter(|place| place.pieces >= pieces(bytes))
                .or_else(|| self.try_place(common, pieces(bytes)));
            if place.is_some() {
                return Ok((answer, place));
            }
            drop(answer);
            place = Some(self.place(common, pieces(bytes)).await?);
        }
    }

    /// Returns a place for so many pieces, if there is room for them at once.
    fn try_place(self: &Arc<Self>, common: &Arc<Semaphore>, pieces: u32) -> Option<Place> {
        let own = self.share.unread.clone().try_acquire_many_owned(pieces);
        let common = common.clone().try_acquire_many_owned(pieces);
        Some(self.note(pieces, (own.ok()?, common.ok()?)))
    }

    /// Waits until the client may have so many pieces more, and until there is room for them among those of all clients.
    async fn place(
        self: &Arc<Self>,
        common: &Arc<Semaphore>,
        pieces: u32,
    ) -> Result<Place, Status> {
        let closed = |_| Status::unavailable("the node is shutting down");
        let own = self.share.unread.clone().acquire_many_owned(pieces).await;
        let own = own.map_err(closed)?;
        let common = common.clone().acquire_many_owned(pieces).await;
        Ok(self.note(pieces, (own, common.map_err(closed)?)))
    }

    /// Notes that an answer waits to be read from now on.
    fn note(
        self: &Arc<Self>,
        pieces: u32,
        permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    ) -> Place {
        let mut unread = lock(&self.unread);
        let number = unread.0;
        unread.0 += 1;
        unread.1.insert(number, Instant::now() + self.patience);
        Place {
            client: self.clone(),
            number,
            pieces,
            _permits: permits,
        }
    }
}

/// How many pieces an answer has. One that has more than a client may have takes all of its places: more there will never be.
fn pieces(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).map_or(UNREAD_OF_ONE, |count| count.min(UNREAD_OF_ONE))
}

/// Room for one large answer.
pub(crate) struct Place {
    client: Arc<Client>,
    number: u64,
    pieces: u32,
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
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
/// all of it would lie with HTTP/2 instead, where nobody counts it.
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        let common = Arc::new(Semaphore::new(5));
        let until = || lock(&client.unread).1.values().copied().collect::<Vec<_>>();
        let place = client.place(&common, 3).await.expect("room");
        let _other = client.place(&common, 2).await.expect("room");
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
        assert_eq!(common.available_permits(), 3);
        client.stalls().await;
    }

    #[tokio::test]
    async fn an_answer_is_asked_for_again_only_if_it_has_to_wait() {
        let limits = NodeLimits::default();
        let share = Arc::new(Share::new(limits.local_rate, std::time::Instant::now()));
        let client = Arc::new(Client::new(share.clone(), &limits));
        let common = Arc::new(Semaphore::new(UNREAD as usize));
        let left = || share.unread.available_permits();
        let whole = left();
        let asked = &AtomicUsize::new(0);
        let grows = |sizes: &'static [usize]| {
            asked.store(0, Ordering::SeqCst);
            let asking = move || {
                let size = sizes[asked.fetch_add(1, Ordering::SeqCst)];
                std::future::ready(Ok(vec![0u8; size]))
            };
            client.ask(&common, asking, Vec::len)
        };

        let (_, place) = grows(&[PIECE]).await.expect("an answer");
        assert!(place.is_none(), "a small one needs no place");
        let (_, place) = grows(&[PIECE + 1]).await.expect("an answer");
        assert_eq!((left(), asked.load(Ordering::SeqCst)), (whole - 2, 1));
        drop(place);

        // There is room for two pieces only when somebody else has read, and by then the answer has three.
        let held = client.place(&common, UNREAD_OF_ONE - 1).await;
        let mut waiting = std::pin::pin!(grows(&[2 * PIECE, 3 * PIECE]));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        drop(held);
        let (answer, place) = waiting.await.expect("an answer");
        assert_eq!((answer.len(), left()), (3 * PIECE, whole - 3));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        drop(place);

        // What is larger than all there is for a client gets all of it.
        let all = client.place(&common, pieces(usize::MAX)).await;
        assert_eq!(left(), 0);
        drop(all);
        assert_eq!(
            (left(), common.available_permits()),
            (whole, UNREAD as usize)
        );
    }
}
