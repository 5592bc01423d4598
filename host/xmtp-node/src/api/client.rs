//! What one client may have going on at once. An answer lies in memory until the client has read it, so what is not read
//! counts too, and whoever never reads is cut off.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
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
/// How much of an answer is handed to HTTP/2 at once.
const PIECE: usize = 64 * 1024;
/// How often in the time of a request it is looked whether large answers are read.
const LOOKS: u32 = 8;

/// A connection, as far as the limits are concerned.
pub(crate) struct Client {
    pub(super) share: Arc<Share>,
    pub(super) requests: Arc<Semaphore>,
    pub(super) subscriptions: Arc<Semaphore>,
    /// How long a large answer may wait to be read.
    patience: Duration,
    /// When the large answers began that are not read to their ends, by their numbers.
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
            let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            // Numbers rise with time, so the first is the oldest.
            let oldest = unread.1.first_key_value();
            if oldest.is_some_and(|(_, began)| began.elapsed() > self.patience) {
                return;
            }
        }
    }

    /// Waits until the client may have another large answer, and until there is room for one among those of all clients.
    pub(super) async fn place(self: Arc<Self>, common: Arc<Semaphore>) -> Result<Place, Status> {
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
            let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            let number = unread.0;
            unread.0 += 1;
            unread.1.insert(number, Instant::now());
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
pub(super) struct Place {
    client: Arc<Client>,
    number: u64,
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Drop for Place {
    fn drop(&mut self) {
        let unread = self.client.unread.lock();
        let mut unread = unread.unwrap_or_else(PoisonError::into_inner);
        unread.1.remove(&self.number);
    }
}

/// An answer, and what it holds until it is read. It leaves in small pieces, each when the client has room for some of it:
/// a large one would lie with HTTP/2 instead, where nobody counts it.
pub(super) struct Kept<T> {
    body: Body,
    rest: Bytes,
    _held: T,
}

impl<T: Send + Unpin + 'static> Kept<T> {
    pub(super) fn body(body: Body, held: T) -> Body {
        Body::new(Self {
            body,
            rest: Bytes::new(),
            _held: held,
        })
    }
}

impl<T: Unpin> hyper::body::Body for Kept<T> {
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
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}
