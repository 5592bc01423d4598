//! How the bridge to a network is, in words for its owner.

use coworker_core::Timestamp;
use serde::Serialize;

use crate::clock;

/// What the bridge is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The sidecar was started and has not said anything yet.
    Starting,
    /// Messages come and go.
    Ready,
    /// Messages wait, and none comes through.
    Stalled,
    /// The sidecar runs; the network does not answer.
    Offline,
    /// The sidecar ended and is started again soon.
    Restarting,
    /// Node.js, or the packages of the client, are not there.
    Missing,
    /// Something that does not mend itself.
    Broken,
    /// The host stops.
    Stopped,
}

impl State {
    /// Returns the state in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stalled => "messages wait and none comes through",
            Self::Offline => "the network does not answer",
            Self::Restarting => "waiting to restart",
            Self::Missing => "not installed",
            Self::Broken => "broken",
            Self::Stopped => "stopped",
        }
    }
}

/// Messages that came and were passed over for good, since the host started. None of them is read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Texts that are none: not UTF-8, compressed, of another version.
    pub unreadable: u64,
    /// Texts larger than anything that is taken.
    pub too_large: u64,
    /// Of kinds that hosts do not speak in: reactions, attachments, receipts, changes of a conversation.
    pub other_kinds: u64,
    /// What the client could not take in.
    pub failed: u64,
}

impl PassedOver {
    /// Returns how many there are.
    pub const fn count(&self) -> u64 {
        self.unreadable + self.too_large + self.other_kinds + self.failed
    }
}

/// How the bridge is.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub since_at: Timestamp,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Which network.
    pub env: &'static str,
    /// Where it is, if not where the client thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The host's wallet.
    pub wallet: String,
    /// The host's inbox there, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<String>,
    /// The installation that speaks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installation: Option<String>,
    /// The version of the official client's library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The version of Node.js that runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The process of the sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How often the sidecar ended by itself.
    pub restarts: u64,
    /// Messages that wait to be sent, or for the network to confirm them.
    pub sending: usize,
    /// What came and was passed over.
    pub passed_over: PassedOver,
    /// Peers with messages that wait to be handed to the host.
    pub waiting: usize,
    /// Messages that the host was handed and is not done with.
    pub under_way: usize,
    /// Conversations that the client cannot read now. Each is tried again; the others are not held back.
    pub unread: usize,
    /// Whether another installation of the inbox answers peers, and nothing is served.
    pub twin: bool,
    /// Until when the network, or our own bucket, lets nothing through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slowed_until_at: Option<Timestamp>,
}

impl Status {
    pub(super) fn new(env: &'static str, url: Option<String>, wallet: String) -> Self {
        Self {
            state: State::Starting,
            since_at: clock::now(),
            why: None,
            hint: None,
            env,
            url,
            wallet,
            inbox: None,
            installation: None,
            library: None,
            node: None,
            pid: None,
            restarts: 0,
            sending: 0,
            passed_over: PassedOver::default(),
            waiting: 0,
            under_way: 0,
            unread: 0,
            twin: false,
            slowed_until_at: None,
        }
    }

    /// Changes the state. Returns whether that is news.
    pub(super) fn turn(&mut self, state: State, why: Option<Trouble>) -> bool {
        let (why, hint) = why.map_or((None, None), |trouble| (Some(trouble.why), trouble.hint));
        if self.state == state && self.why == why {
            return false;
        }
        if self.state != state {
            self.since_at = clock::now();
        }
        self.state = state;
        self.why = why;
        self.hint = hint.map(str::to_owned);
        true
    }
}

/// What is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The state it leads to.
    pub state: State,
    /// What is wrong.
    pub why: String,
    /// What to do.
    pub hint: Option<&'static str>,
}

/// What to do where another key, another database or another installation stands in the way.
const RESET: &str =
    "run `coworker-host bridge reset` to set the client's database aside and register anew";

impl Trouble {
    /// Returns trouble that mends itself by trying again.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self {
            state: State::Restarting,
            why: why.into(),
            hint: None,
        }
    }

    /// Returns the trouble of messages that wait and are not handed over.
    pub(super) fn stalled(why: impl Into<String>) -> Self {
        Self {
            state: State::Stalled,
            why: why.into(),
            hint: Some(
                "the host starts its sidecar again by itself; `coworker-host doctor` looks at what it stands on",
            ),
        }
    }

    /// Returns trouble that only the owner can mend.
    pub(super) fn broken(why: impl Into<String>, hint: &'static str) -> Self {
        Self {
            state: State::Broken,
            why: why.into(),
            hint: Some(hint),
        }
    }

    /// Returns the trouble of something that is not installed.
    pub(super) fn missing(why: impl Into<String>, hint: &'static str) -> Self {
        Self {
            state: State::Missing,
            why: why.into(),
            hint: Some(hint),
        }
    }

    /// Reads the last words of a sidecar, one line as [`telling`] finds it.
    pub(super) fn read(words: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
        if has(&["GLIBC_"]) {
            Self::missing(
                words,
                "the client's native module needs a newer C library than this system has: `coworker-host doctor` compares them",
            )
        } else if has(&[
            "ERR_MODULE_NOT_FOUND",
            "Cannot find package",
            "Cannot find module",
            "native binding",
        ]) {
            Self::missing(words, "run `coworker-host bridge setup`")
        } else if has(&["disk is full", "ENOSPC", "No space left"]) {
            Self {
                hint: Some("make room on the disk; the host goes on by itself"),
                ..Self::passing(words)
            }
        } else if has(&[
            "does not sign this",
            "does not match the stored",
            "not a database",
        ]) {
            Self::broken(words, RESET)
        } else {
            Self::passing(words)
        }
    }

    /// Returns the trouble of a network that has forgotten us.
    pub(super) fn forgotten() -> Self {
        Self::broken(
            "the network does not know this host's wallet, though it is registered in the client's database",
            RESET,
        )
    }

    /// Returns the trouble of a client that speaks for somebody else.
    pub(super) fn stranger(inbox: &str) -> Self {
        Self::broken(
            format!("the client says that it is {inbox}, which this host is not"),
            RESET,
        )
    }
}

/// Returns the line that says what is wrong, among the many of Node.js that say where. A module that cannot be loaded has
/// its reason at the end of a chain of others.
pub(super) fn telling(words: &str) -> Option<&str> {
    let mut lines = words
        .lines()
        .map(str::trim)
        // This one is said at every start by a client that works.
        .filter(|line| !line.is_empty() && !line.contains("sqlcipherCodecAttach"));
    let with = |part: &str| lines.clone().find(|line| line.contains(part));
    let line = with("GLIBC_")
        .or_else(|| with("Error: "))
        .or_else(|| with("Error ["))
        .or_else(|| with("Error"))
        .or_else(|| lines.next_back())?;
    let before = ["[cause]: ", "cause: "];
    Some(
        before
            .iter()
            .find_map(|before| line.strip_prefix(before))
            .unwrap_or(line),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_lead_to_a_state_and_a_hint() {
        for (words, state, hint) in [
            (
                "version `GLIBC_2.38' not found",
                State::Missing,
                "newer C library",
            ),
            (
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find package",
                State::Missing,
                "bridge setup",
            ),
            ("database or disk is full", State::Restarting, "make room"),
            ("the host does not sign this", State::Broken, "bridge reset"),
            ("something else", State::Restarting, ""),
        ] {
            let trouble = Trouble::read(words);
            assert_eq!(trouble.state, state, "{words}");
            assert!(trouble.hint.unwrap_or_default().contains(hint), "{words}");
        }
    }

    #[test]
    fn the_line_that_tells_is_found_among_those_that_say_where() {
        let chain = "file:///sidecar/dist/index.js:567\n    throw new Error(\n          ^\n\n\
            Error: Cannot find native binding. Try again\n    at file:///sidecar/dist/index.js:567:11 {\n\
              [cause]: Error: Cannot find module 'bindings'\n    code: 'MODULE_NOT_FOUND',\n\
                cause: Error: /lib/libc.so.6: version `GLIBC_2.99' not found (required by x.node)\n  }\n";
        let told = telling(chain).expect("a line");
        assert_eq!(
            told,
            "Error: /lib/libc.so.6: version `GLIBC_2.99' not found (required by x.node)"
        );
        assert_eq!(Trouble::read(told).state, State::Missing);
        let without = chain.replace("GLIBC_2.99", "something");
        assert_eq!(
            telling(&without),
            Some("Error: Cannot find native binding. Try again")
        );
        for (words, line) in [
            (
                "node:internal\n    throw new E()\nError [ERR_MODULE_NOT_FOUND]: Cannot\n  at x",
                Some("Error [ERR_MODULE_NOT_FOUND]: Cannot"),
            ),
            ("first\n\n last \n\n", Some("last")),
            ("sqlcipherCodecAttach: no codec\n", None),
            ("", None),
        ] {
            assert_eq!(telling(words), line, "{words}");
        }
    }
}
