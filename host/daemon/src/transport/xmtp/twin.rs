//! Another program that answers as this host: another installation of the same inbox. An agent whose identity was imported
//! leaves one behind, which means nothing until somebody starts that agent again: then every peer is answered twice, and
//! differently. The sign is an answer that the client authenticated as our inbox's and as another installation's, sent since
//! this host began; no peer can make one. From then on nothing is served until the owner says so, over restarts too.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use coworker_core::{Timestamp, decode};

use super::consent::is_id;
use super::record::Record;
use super::status::{State, Trouble};
use crate::home::HomeError;

/// What to do about it.
const HINT: &str = "stop the other program that uses this wallet, then run `coworker-host bridge resume`: what was asked meanwhile waits";

/// What is known of another installation that answers.
#[derive(Debug)]
pub(super) struct Twin {
    record: Record,
    is_there: AtomicBool,
    installation: Mutex<Option<String>>,
    /// What was sent before this says nothing of now.
    since_ns: AtomicI64,
}

impl Twin {
    /// Returns what is on record, and counts what is sent from `now` on.
    pub(super) fn new(record: Record, now: Timestamp) -> Self {
        let installation = record.twin();
        Self {
            record,
            is_there: AtomicBool::new(installation.is_some()),
            installation: Mutex::new(installation),
            since_ns: AtomicI64::new(nanos(now)),
        }
    }

    /// Returns whether another installation answers.
    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// Returns what the owner is told of it.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let installation = self.installation.lock();
        let installation = installation.unwrap_or_else(PoisonError::into_inner);
        let installation = installation.as_ref()?;
        Some(Trouble {
            state: State::Ready,
            why: format!(
                "another program answers peers as this host (installation {installation}), so nothing is served"
            ),
            hint: Some(HINT),
        })
    }

    /// Takes what another installation of our inbox said. Only an answer says that it serves: our inbox may ask others
    /// from elsewhere, and its owner may write with it by hand.
    pub(super) fn hear(&self, by: &str, sent_ns: i64, text: &str) {
        let is_news = sent_ns >= self.since_ns.load(Ordering::Acquire) && !self.is_there();
        if !is_news || !is_id(by) {
            return;
        }
        let answers = decode(text.as_bytes());
        if !answers.is_ok_and(|envelope| envelope.message.kind().is_reply()) {
            return;
        }
        *self
            .installation
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(by.to_owned());
        self.is_there.store(true, Ordering::Release);
        tracing::error!(
            installation = by,
            hint = HINT,
            "another program answers peers as this host: nothing is served until you choose"
        );
        // What takes away acts first; the next start would only find out anew.
        if let Err(error) = self.record.set_twin(Some(by)) {
            tracing::error!(%error, "that another program answers could not be written down");
        }
    }

    /// Serves again, by the owner's word. Returns whether nothing was served. What the other one says from `now` on counts.
    pub(super) fn resume(&self, now: Timestamp) -> Result<bool, HomeError> {
        let was_there = self.is_there();
        self.record.set_twin(None)?;
        self.since_ns.store(nanos(now), Ordering::Release);
        *self
            .installation
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        self.is_there.store(false, Ordering::Release);
        Ok(was_there)
    }
}

const fn nanos(at: Timestamp) -> i64 {
    at.0.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;

    const NOW: Timestamp = Timestamp(1_000_000);
    const OTHER: &str = "94f2623a8e23178169d226cc146b9aa8a8fd4d70cf21757ab868d409adc4b4b6";

    fn text(kind: &str) -> String {
        format!(
            r#"{{"protocol":"coworker","version":"1.0","type":"{kind}","payload":{{"success":true,"result":1}},"correlation_id":"c"}}"#
        )
    }

    #[test]
    fn an_answer_by_another_installation_counts_from_now_on_until_the_owner_chooses() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::create(&folder.path().join("home")).expect("a home");
        let open = || Twin::new(Record::open(&home, "local").expect("a record"), NOW);
        let twin = open();
        let answer = text("task_response");
        for (by, sent, said) in [
            (OTHER, nanos(NOW) - 1, answer.as_str()),
            (OTHER, nanos(NOW), "hello"),
            (OTHER, nanos(NOW), &text("task_request")),
            (OTHER, nanos(NOW), &text("no_such_kind")),
            ("nobody", nanos(NOW), &answer),
        ] {
            twin.hear(by, sent, said);
            assert!(!twin.is_there() && twin.trouble().is_none(), "{said}");
        }
        assert!(!twin.resume(NOW).expect("nothing to do"));
        twin.hear(OTHER, nanos(NOW), &answer);
        for twin in [&twin, &open()] {
            let trouble = twin.trouble().expect("it is there");
            assert!(twin.is_there() && trouble.why.contains(OTHER));
            assert!(
                trouble
                    .hint
                    .is_some_and(|hint| hint.contains("bridge resume"))
            );
        }
        let later = NOW.after(std::time::Duration::from_secs(1));
        assert!(twin.resume(later).expect("written"));
        assert!(!twin.is_there() && !open().is_there());
        twin.hear(OTHER, nanos(NOW), &answer);
        assert!(!twin.is_there(), "it was sent before the owner chose");
        twin.hear(OTHER, nanos(later), &answer);
        assert!(twin.is_there(), "it still answers");
    }
}
