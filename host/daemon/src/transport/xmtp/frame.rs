//! What goes between the host and the sidecar: one JSON document a line. What the sidecar says is read strictly, because a
//! sidecar that says anything else is broken or is not ours.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest line: the largest message that is taken, with every character escaped.
pub(super) const LONGEST: usize = 6 * LARGEST + (64 << 10);
/// The largest text that is taken from a peer, in characters. What is larger is reported without its text.
pub(super) const LARGEST: usize = 2 << 20;

/// What the host says.
#[derive(Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Order<'a> {
    /// The first line: who we are, and what we have.
    Hello {
        env: &'a str,
        url: Option<&'a str>,
        database: &'a str,
        database_key: String,
        address: &'a str,
        version: &'a str,
        credit: usize,
        rest: usize,
        largest: usize,
        overlap_ns: String,
        since_ns: String,
        have: BTreeMap<&'a str, Have<'a>>,
    },
    /// The answer to a `sign`; without a signature, a refusal.
    Signature { id: u64, signature: Option<String> },
    /// Send this text. `again` is the one to go on with after the network was too busy for a message to this peer.
    Send {
        id: u64,
        to: &'a str,
        text: &'a str,
        again: bool,
    },
    /// Find the inbox of a wallet.
    Resolve { id: u64, address: &'a str },
    /// Leave a group.
    Leave { id: &'a str },
    /// There is room for so many more messages, and for so many of these from peers that were not named.
    More { count: usize, rest: usize },
    /// Hand over what these peers send before what others send. Nothing else is said of them.
    Name { peers: Vec<&'a str> },
    /// Hand over again what came from a peer and the host does not have.
    Again {
        peer: &'a str,
        have: Option<Have<'a>>,
    },
    /// Remove from the client's database what was said before a point in time: of what a peer said, only what the host has, or
    /// what nobody looks for any more.
    Forget {
        before_ns: String,
        since_ns: String,
        have: BTreeMap<&'a str, Have<'a>>,
    },
    /// Say that you live.
    Ping { id: u64 },
}

/// What the host has of a peer: everything sent before a point in time, but for the last moments before it, of which it has
/// these messages.
#[derive(Debug, Serialize)]
pub(super) struct Have<'a> {
    pub(super) sent_ns: String,
    pub(super) ids: Vec<&'a str>,
}

/// What the sidecar says.
#[derive(Debug, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Frame {
    /// It wants this text signed.
    Sign { id: u64, text: String },
    /// It has a client.
    Ready {
        inbox: String,
        installation: String,
        library: String,
        node: String,
        known: bool,
    },
    /// Messages come and go.
    Online,
    /// The network does not answer.
    Offline { why: String },
    /// A message of a peer. Without its text if that is too large or cannot be read.
    Message {
        peer: String,
        id: String,
        sent_ns: String,
        size: usize,
        text: Option<String>,
        /// Whether the sidecar counts the peer among those that were named.
        #[serde(default)]
        first: bool,
    },
    /// What another installation of our inbox said to a peer.
    Twin {
        by: String,
        sent_ns: String,
        text: String,
    },
    /// The network has a message of ours.
    Sent { id: u64 },
    /// A message of ours did not go.
    Failed { id: u64, kind: Kind, why: String },
    /// Whose inbox a wallet has.
    Resolved {
        id: u64,
        inbox: Option<String>,
        #[serde(default)]
        why: Option<String>,
    },
    /// Somebody put us into a group.
    Group { id: String, by: String },
    /// So many messages were removed.
    Forgot { count: u64 },
    /// It lives.
    Pong(Pulse),
    /// It cannot go on, and ends.
    Trouble { why: String },
}

/// How a sidecar that lives is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Pulse {
    /// How many messages it has handed over.
    pub(super) handed: u64,
    /// How many peers have messages that wait to be handed over.
    pub(super) waiting: usize,
    /// How many messages it passed over because hosts do not speak in their kind.
    pub(super) passed: u64,
    /// How many messages the client could not take in.
    pub(super) failed: u64,
    /// How many conversations cannot be read now, and why one of them cannot.
    pub(super) unread: usize,
    pub(super) why: Option<String>,
}

/// How sending failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// It surely did not arrive.
    Unreachable,
    /// The network wants us to be slower.
    RateLimited,
    /// It may have arrived.
    Unconfirmed,
    /// It can never be sent.
    Impossible,
}

impl Order<'_> {
    /// Returns the line, with its end.
    pub(super) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("frames are plain data");
        line.push('\n');
        line
    }
}

impl Frame {
    /// Reads a line.
    pub(super) fn read(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_what_the_sidecar_reads_and_writes() {
        let send = Order::Send {
            id: 1,
            to: "ab",
            text: "two\nlines",
            again: false,
        };
        insta::assert_snapshot!(send.line().trim_end(), @r#"{"do":"send","id":1,"to":"ab","text":"two\nlines","again":false}"#);
        let again = Order::Again {
            peer: "ab",
            have: None,
        };
        insta::assert_snapshot!(again.line().trim_end(), @r#"{"do":"again","peer":"ab","have":null}"#);
        for good in [
            r#"{"is":"online"}"#,
            r#"{"is":"failed","id":3,"kind":"rate_limited","why":""}"#,
            r#"{"is":"message","peer":"a","id":"b","sent_ns":"1","size":2,"text":null}"#,
            r#"{"is":"pong","id":1}"#,
            r#"{"is":"pong","id":1,"handed":3,"waiting":1,"passed":0,"failed":0,"unread":1,"why":"?"}"#,
        ] {
            Frame::read(good).expect(good);
        }
        for bad in [
            "",
            "hello",
            "{}",
            r#"{"is":"own"}"#,
            r#"{"is":"sent"}"#,
            r#"{"is":"sent","id":-1}"#,
        ] {
            assert!(Frame::read(bad).is_err(), "{bad:?} is no frame");
        }
    }
}
