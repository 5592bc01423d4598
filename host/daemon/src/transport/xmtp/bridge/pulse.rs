//! Whether messages that wait come through. A sidecar that lives and hands nothing over is worse than one that is gone: nobody
//! would start it again, and the owner would read that all is well.

use coworker_core::PeerId;
use tokio::time::Instant;

use super::Bridge;
use crate::report::printable;
use crate::transport::xmtp::frame::{Order, Pulse};
use crate::transport::xmtp::status::{State, Trouble};

/// Why a bridge is stalled: because of the sidecar, or of the host itself.
const UNHANDED: &str = "messages wait in the client's database and the sidecar hands none over";
const UNTAKEN: &str = "messages wait and the host is not done with those that it was given";

/// What a sidecar said of itself last, and when a message last came through.
#[derive(Debug)]
pub(super) struct Heartbeat {
    last: Pulse,
    moved: Instant,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: Pulse::default(),
            moved: now,
        }
    }
}

impl Bridge {
    /// Tells the sidecar whose messages go first.
    pub(super) fn name(&mut self) {
        let named = self.named.borrow_and_update().clone();
        self.say(&Order::Name {
            peers: named.iter().map(PeerId::id).collect(),
        });
    }

    /// Tells the sidecar how much room there is again.
    pub(super) fn give_credit(&mut self, time: bool) {
        if self.session.is_none() {
            return;
        }
        if let Some(places) = self.credit.due(time) {
            let (count, rest) = (places.all, places.rest);
            if !self.say(&Order::More { count, rest }) {
                self.credit.not_told(places);
            }
        }
    }

    /// Takes in what a sidecar says of itself.
    pub(super) fn beat(&mut self, pulse: Pulse) {
        let Some(session) = &mut self.session else {
            return;
        };
        let last = std::mem::replace(&mut session.pulse.last, pulse.clone());
        let comes_through = pulse.handed != last.handed || pulse.waiting == 0;
        if comes_through {
            session.pulse.moved = Instant::now();
        }
        let is_online = session.online;
        if comes_through && self.is_stalled {
            self.is_stalled = false;
            if is_online {
                self.online(true, String::new());
            }
        }
        // Counts are no news: whoever waits for the network to come back would be woken once a second.
        self.status.send_if_modified(|status| {
            let passed = &mut status.passed_over;
            passed.other_kinds += pulse.passed.saturating_sub(last.passed);
            passed.failed += pulse.failed.saturating_sub(last.failed);
            status.waiting = pulse.waiting;
            if pulse.unread > status.unread {
                let why = pulse.why.as_deref().map(printable).unwrap_or_default();
                tracing::warn!(count = pulse.unread, why, "conversations cannot be read");
            }
            status.unread = pulse.unread;
            false
        });
    }

    /// Returns why the sidecar is to be started again, if messages wait and none has come through for long.
    pub(super) fn look_at_pulse(&mut self, now: Instant) -> Option<Trouble> {
        let patience = self.options.patience.stall;
        let session = self.session.as_mut().filter(|session| session.online)?;
        let waits = session.pulse.last.waiting > 0;
        if !waits || now.duration_since(session.pulse.moved) <= patience {
            return None;
        }
        session.pulse.moved = now;
        self.is_stalled = true;
        if self.credit.under_way() == 0 {
            return Some(Trouble::stalled(UNHANDED));
        }
        // Another sidecar would change nothing.
        if self.turn(State::Stalled, Some(Trouble::stalled(UNTAKEN))) {
            tracing::warn!("{UNTAKEN}");
        }
        None
    }

    /// Counts a message that has no text.
    pub(super) fn pass_over(&mut self, peer: &PeerId, size: usize) {
        let is_too_large = size > crate::transport::xmtp::frame::LARGEST;
        tracing::debug!(%peer, size, is_too_large, "a message cannot be read and was passed over");
        self.status.send_if_modified(|status| {
            let passed = &mut status.passed_over;
            if is_too_large {
                passed.too_large += 1;
            } else {
                passed.unreadable += 1;
            }
            false
        });
    }
}
