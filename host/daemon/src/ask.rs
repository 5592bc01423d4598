//! What we ask other peers. An answer counts only from the peer that was asked, once, while somebody waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use coworker_core::{CorrelationId, Envelope, Message, PeerId, read_lenient};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::clock;
use crate::host::Host;
use crate::store::StoreError;

/// The deepest answer that is read.
const MAX_DEPTH: u32 = 128;

/// Those who wait for an answer, by whom they asked and under which id.
#[derive(Debug, Default)]
pub struct Asks {
    waiting: Mutex<HashMap<(PeerId, String), oneshot::Sender<Answer>>>,
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
        let whole = read_lenient(&self.bytes, MAX_DEPTH).ok();
        whole
            .and_then(|mut whole| whole.get_mut("payload").map(Value::take))
            .unwrap_or_default()
    }
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

    /// Returns where the answer to a question will come out. Call before asking.
    pub fn expect(&self, peer: &PeerId, correlation: &str) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.lock()
            .insert((peer.clone(), correlation.to_owned()), sender);
        receiver
    }

    /// Returns whether somebody waits for this answer from this peer.
    pub fn expects(&self, peer: &PeerId, correlation: &str) -> bool {
        self.lock()
            .contains_key(&(peer.clone(), correlation.to_owned()))
    }

    /// Returns whether somebody waits for any answer from this peer.
    pub fn awaits(&self, peer: &PeerId) -> bool {
        self.lock().keys().any(|(asked, _)| asked == peer)
    }

    /// Stops waiting.
    pub fn give_up(&self, peer: &PeerId, correlation: &str) {
        self.lock().remove(&(peer.clone(), correlation.to_owned()));
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<(PeerId, String), oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
    let bytes = host.encode(id, message).into_bytes();
    let deadline = clock::now().after(within);
    host.store.ask(peer, &correlation, deadline).await?;
    let answer = host.asks.expect(peer, &correlation);
    let row = host.outbox.push(peer.clone(), bytes, None).await?;
    let answered = tokio::time::timeout(within, answer).await;
    if let Ok(Ok(answer)) = answered {
        return Ok(answer);
    }
    host.asks.give_up(peer, &correlation);
    host.store.unask(&correlation).await?;
    host.outbox.withdraw(peer, row).await?;
    Err(AskError::Timeout {
        peer: peer.clone(),
        within,
    })
}
