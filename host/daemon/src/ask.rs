//! What we ask other peers. An answer counts only from the peer that was asked, once, while somebody waits for it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use coworker_core::{CorrelationId, Envelope, Message, PeerId, Scheme, Timestamp, read_lenient};
use serde_json::Value;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::host::Host;
use crate::store::{Delivery, Question, StoreError};

/// The deepest answer that is read.
const MAX_DEPTH: u32 = 128;

/// What one peer was given.
type Work = HashMap<String, Timestamp>;

/// Those who wait for an answer, by whom they asked and under which id.
#[derive(Debug, Default)]
pub struct Asks {
    waiting: Mutex<HashMap<(PeerId, String), oneshot::Sender<Answer>>>,
    /// Work given to peers, with the time until which an answer counts. Nobody need wait for it.
    delegated: Mutex<HashMap<PeerId, Work>>,
    came: Notify,
}

/// An answer, as understood and as it came.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub envelope: Envelope,
    /// The bytes of it.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Returns the payload exactly as the peer sent it.
    pub fn payload(&self) -> Value {
        payload_of(&self.bytes)
    }
}

/// Returns the payload of an envelope exactly as the peer sent it.
pub(crate) fn payload_of(bytes: &[u8]) -> Value {
    let whole = read_lenient(bytes, MAX_DEPTH).ok();
    whole
        .and_then(|mut whole| whole.get_mut("payload").map(Value::take))
        .unwrap_or_default()
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answered in time.
    #[error("no answer from {peer} within {} s", .within.as_secs_f32())]
    Timeout {
        /// Who was asked.
        peer: PeerId,
        /// How long.
        within: Duration,
    },
    /// The question or the answer could not be kept.
    #[error("the store does not work")]
    Store(#[from] StoreError),
}

impl Asks {
    /// Hands an answer to whoever waits for it. Returns whether anybody did.
    pub fn complete(&self, peer: &PeerId, correlation: &str, answer: Answer) -> bool {
        let waiter = self.lock().remove(&(peer.clone(), correlation.to_owned()));
        waiter.is_some_and(|waiter| waiter.send(answer).is_ok())
    }

    /// Lets those go who wait for this peer: it will not answer.
    pub fn give_up(&self, peer: &PeerId) {
        self.lock().retain(|(asked, _), _| asked != peer);
    }

    /// Waits for the answer to a question from now on. Call before asking.
    pub fn expect(&self, peer: &PeerId, correlation: &str) -> Expected<'_> {
        let (sender, answer) = oneshot::channel();
        let place = (peer.clone(), correlation.to_owned());
        self.lock().insert(place.clone(), sender);
        Expected {
            asks: self,
            place,
            answer,
        }
    }

    /// Returns whether somebody waits for this answer from this peer.
    pub fn expects(&self, peer: &PeerId, correlation: &str) -> bool {
        let place = (peer.clone(), correlation.to_owned());
        self.lock().contains_key(&place) || self.is_delegated(peer, correlation)
    }

    /// Returns whether this would answer work that was given to this peer.
    pub fn is_delegated(&self, peer: &PeerId, task: &str) -> bool {
        self.work()
            .get(peer)
            .is_some_and(|given| given.contains_key(task))
    }

    /// Notes that a peer is given work whose answer counts until a time.
    pub fn delegate(&self, peer: &PeerId, task: &str, until: Timestamp) {
        let now = clock::now();
        let mut work = self.work();
        let given = work.entry(peer.clone()).or_default();
        given.retain(|_, until| *until >= now);
        given.insert(task.to_owned(), until);
    }

    /// Notes the work of earlier runs.
    pub fn resume(&self, open: Vec<(PeerId, String, Timestamp)>) {
        let mut work = self.work();
        for (peer, task, until) in open {
            work.entry(peer).or_default().insert(task, until);
        }
    }

    /// Notes that work is no longer waited for, and wakes those who look at it.
    pub fn settle(&self, peer: &PeerId, task: &str) {
        let mut work = self.work();
        if let Some(given) = work.get_mut(peer) {
            given.remove(task);
            if given.is_empty() {
                work.remove(peer);
            }
        }
        drop(work);
        self.came.notify_waiters();
    }

    /// Resolves when some work was answered or given up.
    pub fn came(&self) -> Notified<'_> {
        self.came.notified()
    }

    /// Returns whether somebody waits for any answer from this peer.
    pub fn awaits(&self, peer: &PeerId) -> bool {
        self.lock().keys().any(|(asked, _)| asked == peer) || self.work().contains_key(peer)
    }

    /// Returns everybody whose answer somebody waits for.
    pub fn awaited(&self) -> BTreeSet<PeerId> {
        let mut peers: BTreeSet<PeerId> =
            self.lock().keys().map(|(peer, _)| peer.clone()).collect();
        peers.extend(self.work().keys().cloned());
        peers
    }

    fn work(&self) -> std::sync::MutexGuard<'_, HashMap<PeerId, Work>> {
        self.delegated
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<(PeerId, String), oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that somebody waits for. Whoever stops waiting, also by being cut off, leaves nothing behind: a peer that
/// is awaited is read even when it floods.
#[derive(Debug)]
pub struct Expected<'a> {
    asks: &'a Asks,
    place: (PeerId, String),
    answer: oneshot::Receiver<Answer>,
}

impl Expected<'_> {
    /// Returns the answer if it comes in time.
    pub async fn within(mut self, within: Duration) -> Option<Answer> {
        let answered = tokio::time::timeout(within, &mut self.answer).await;
        answered.ok().and_then(Result::ok)
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.asks.lock().remove(&self.place);
    }
}

/// Returns how often a request to run something may be sent to a peer that has named these features. One of our own dialect
/// knows a request that comes again; an old one would run it again, and so may one that we know nothing of.
pub(crate) fn delivery(peer: &PeerId, accepts: &[String]) -> Delivery {
    match peer.scheme() {
        Scheme::Xmtp if accepts.is_empty() => Delivery::AtMostOnce { tried: false },
        Scheme::Xmtp | Scheme::Loop | Scheme::Local => Delivery::AtLeastOnce,
    }
}

/// Asks a peer and waits. The question is on disk before it leaves; if nobody waits any more it is not sent later.
pub async fn ask(
    host: &Host,
    peer: &PeerId,
    message: Message,
    within: Duration,
) -> Result<Answer, AskError> {
    let correlation = clock::long_token();
    let id = CorrelationId::new(&correlation);
    let delivery = match message {
        Message::TaskRequest(_) => delivery,
        _ => |_: &PeerId, _: &[String]| Delivery::AtLeastOnce,
    };
    let bytes = host.encode(id, message).into_bytes();
    let deadline = clock::now().after(within);
    let answer = host.asks.expect(peer, &correlation);
    let question = Question {
        peer: peer.clone(),
        correlation: correlation.clone(),
        deadline,
        bytes,
        message_id: clock::long_token(),
        delivery,
    };
    let row = host.outbox.ask(question).await?;
    if let Some(answer) = answer.within(within).await {
        return Ok(answer);
    }
    host.store.unask(&correlation).await?;
    host.outbox.withdraw(peer, row).await?;
    Err(AskError::Timeout {
        peer: peer.clone(),
        within,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_cut_off_while_it_waits_is_no_longer_awaited() {
        let asks = Asks::default();
        let peer: PeerId = format!("loop:{:064x}", 1).parse().expect("a peer id");
        let waiting = asks.expect(&peer, "a").within(Duration::from_secs(3_600));
        let mut waiting = Box::pin(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert!(asks.expects(&peer, "a") && asks.awaits(&peer));
        drop(waiting);
        assert!(!asks.expects(&peer, "a") && !asks.awaits(&peer));
    }
}
