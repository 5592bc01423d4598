//! Who a peer is: the sender that a transport authenticated, and nothing that a payload says.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The network that vouches for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// An XMTP inbox id: 64 lower-case hexadecimal digits.
    Xmtp,
    /// The fingerprint of a key that signed a challenge on this machine: 64 lower-case hexadecimal digits.
    Loop,
    /// The owner at this machine: a word for one session.
    Local,
}

impl Scheme {
    /// Returns the text in front of the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xmtp => "xmtp",
            Self::Loop => "loop",
            Self::Local => "local",
        }
    }
}

/// An authenticated peer, as `scheme:id`. Parsing is the only way in; equal ids are the same peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerId {
    scheme: Scheme,
    id: Arc<str>,
}

/// The text is not a peer id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a peer id: expected xmtp:INBOX or loop:FINGERPRINT with 64 lower-case hexadecimal digits"
)]
pub struct PeerIdError(String);

impl PeerId {
    /// Returns the network that vouches for this peer.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the id without its scheme.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || PeerIdError(text.chars().take(80).collect());
        let (scheme, id) = text.split_once(':').ok_or_else(refuse)?;
        let hex = id.len() == 64 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let word = (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let scheme = match scheme {
            "xmtp" if hex => Scheme::Xmtp,
            "loop" if hex => Scheme::Loop,
            "local" if word => Scheme::Local,
            _ => return Err(refuse()),
        };
        Ok(Self {
            scheme,
            id: id.into(),
        })
    }
}

impl TryFrom<String> for PeerId {
    type Error = PeerIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PeerId> for String {
    fn from(peer: PeerId) -> Self {
        peer.to_string()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.name(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_parse() {
        let hex = "0123456789abcdef".repeat(4);
        for good in [
            format!("xmtp:{hex}"),
            format!("loop:{hex}"),
            "local:owner".into(),
        ] {
            assert_eq!(
                good.parse::<PeerId>().expect("a whole id").to_string(),
                good
            );
        }
        for bad in [
            "",
            "xmtp:",
            "xmtp:00",
            "ssh:00",
            "local:a b",
            "local:",
            &hex,
            &format!("xmtp:{}", hex.to_uppercase()),
        ] {
            assert!(bad.parse::<PeerId>().is_err(), "{bad:?} must not be an id");
        }
    }
}
