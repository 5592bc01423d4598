//! A message with what travels around it. Who sent it is not in here: the transport says that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Kind, Message, Timestamp};

/// The feature of who keeps cards with their hash, answers `agent_card_query` with `capabilities`, and need not be sent
/// again what has not changed.
pub const CARD_HASH: &str = "card-hash";
/// The features beyond the old protocol that this host understands, as its envelopes name them.
pub const FEATURES: [&str; 2] = [CARD_HASH, "invite"];

/// What ties an answer to its question: any text of 1 to 256 bytes, copied and never interpreted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// The longest id that is kept.
    pub const MAX: usize = 256;

    /// Returns the id, or nothing if the text is empty or too long to carry around.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::MAX)
            .contains(&text.len())
            .then(|| Self(text.into()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One message and what its sender wrote around it. The claimed fields decide nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Copied into the answer.
    pub correlation: Option<CorrelationId>,
    /// When the sender says it wrote the message. Expiry uses the transport's time instead.
    pub timestamp: Option<Timestamp>,
    /// How long the message is of use.
    pub ttl: Option<Duration>,
    /// What the sender calls itself.
    pub claimed_name: Option<String>,
    /// The wallet that the sender claims.
    pub claimed_wallet: Option<String>,
    /// Features beyond the old protocol that the sender understands.
    pub accepts: Vec<String>,
    /// The message itself.
    pub message: Message,
}

impl Envelope {
    /// How long a message without a `ttl` is of use, and what senders usually write.
    pub const TTL: Duration = Duration::from_secs(3_600);
    /// How long an asynchronous request is served.
    pub const ASYNC_TTL: Duration = Duration::from_secs(7 * 86_400);
    /// How long whoever keeps messages has to know of one that it came: as long as one is served, and a day for clocks and
    /// for what lies on the way.
    pub const REMEMBERED: Duration = Self::ASYNC_TTL.saturating_add(Duration::from_secs(86_400));

    /// Returns an envelope around `message` that claims nothing.
    pub const fn new(message: Message) -> Self {
        Self {
            correlation: None,
            timestamp: None,
            ttl: None,
            claimed_name: None,
            claimed_wallet: None,
            accepts: Vec::new(),
            message,
        }
    }

    /// Returns the answer to this envelope: the same correlation id, written at `now`, of use as long as usual.
    pub fn reply(&self, message: Message, now: Timestamp) -> Self {
        Self {
            correlation: self.correlation.clone(),
            timestamp: Some(now),
            ttl: Some(Self::TTL),
            ..Self::new(message)
        }
    }

    /// Returns when the message is of no more use, given when the transport says it was sent. Its sender may not make that
    /// later than for an asynchronous request: what is older is refused even where nobody remembers that it came before.
    pub fn expires(&self, sent: Timestamp) -> Timestamp {
        match &self.message {
            Message::TaskRequest(request) if request.is_async => sent.after(Self::ASYNC_TTL),
            _ => sent.after(self.ttl.unwrap_or(Self::TTL).min(Self::ASYNC_TTL)),
        }
    }

    /// Returns the same envelope without the invite that it may carry.
    #[must_use]
    pub fn without_invite(&self) -> Self {
        let mut plain = self.clone();
        if let Message::TrustRequest { invite, .. } = &mut plain.message {
            *invite = None;
        }
        plain
    }

    /// Returns whether the sender understands a feature.
    pub fn accepts(&self, feature: &str) -> bool {
        self.accepts.iter().any(|accepted| accepted == feature)
    }

    /// Returns the kind of the message.
    pub fn kind(&self) -> Kind {
        self.message.kind()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::TaskRequest;

    #[test]
    fn ids_are_short_and_never_empty() {
        assert!(CorrelationId::new("").is_none());
        assert!(CorrelationId::new(&"x".repeat(257)).is_none());
        let id = CorrelationId::new("task \u{202e} 1").expect("any text");
        assert_eq!(id.as_str(), "task \u{202e} 1");
    }

    #[test]
    fn expiry_counts_from_the_transports_time() {
        let sent = Timestamp(1_000_000);
        let mut envelope = Envelope::new(Message::Ping {
            message: String::new(),
        });
        envelope.timestamp = Some(Timestamp(0));
        assert_eq!(envelope.expires(sent), sent.after(Envelope::TTL));
        envelope.ttl = Some(Duration::ZERO);
        assert_eq!(envelope.expires(sent), sent);
        envelope.ttl = Some(Duration::from_secs(3_200_000_000));
        assert_eq!(envelope.expires(sent), sent.after(Envelope::ASYNC_TTL));
        envelope.message = Message::TaskRequest(TaskRequest {
            is_async: true,
            ..TaskRequest::new("a", json!({}))
        });
        assert_eq!(envelope.expires(sent), sent.after(Envelope::ASYNC_TTL));
    }
}
