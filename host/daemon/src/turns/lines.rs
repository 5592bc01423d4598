//! Requests that wait, one line a peer, served in rounds. Plain data: time and tiers come in as arguments.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use coworker_core::{Bytes, PeerId, Tier};

/// How much may wait and how much may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Requests of one peer that may wait.
    pub peer_requests: usize,
    /// Their bytes.
    pub peer_bytes: Bytes,
    /// Requests of all peers that may wait. Tier 0 may fill an eighth.
    pub all_requests: usize,
    /// Their bytes.
    pub all_bytes: Bytes,
    /// Bytes of all peers of tier 0.
    pub untrusted_bytes: Bytes,
    /// Guests alive at a time. One peer may have half, and so may all peers of tier 0 together, whether or not others
    /// wait now: they may come.
    pub live: usize,
}

/// There is no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What the lines have for the caller.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// This request starts now; `Lines::ended` must follow.
    Start(PeerId, T),
    /// Something waits, and nothing may start before so much time has passed or a running one has ended.
    Later(Duration),
    /// Nothing can start until a request comes or ends.
    Idle,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<(T, usize)>,
    /// Requests and bytes that wait or have a place reserved.
    requests: usize,
    bytes: usize,
    live: usize,
    /// How many of those started while the peer was of tier 0.
    strange: usize,
    /// Requests that have a place among the live ones and are not on disk yet.
    begun: usize,
    untrusted: bool,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            requests: 0,
            bytes: 0,
            live: 0,
            strange: 0,
            begun: 0,
            untrusted: false,
        }
    }
}

/// All lines. A peer without waiting or running requests takes no memory.
#[derive(Debug)]
pub struct Lines<T> {
    bounds: Bounds,
    lines: HashMap<PeerId, Line<T>>,
    /// Peers with something waiting; the front is next.
    round: VecDeque<PeerId>,
    /// Whether each of them was looked at and could not start, and nothing has changed since but the time.
    resting: bool,
    /// Requests that are on disk and have their place already.
    begun: VecDeque<(PeerId, T)>,
    requests: usize,
    bytes: usize,
    untrusted_requests: usize,
    untrusted_bytes: usize,
    untrusted_live: usize,
    live: usize,
}

impl<T> Lines<T> {
    /// Returns empty lines.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lines: HashMap::new(),
            round: VecDeque::new(),
            resting: false,
            begun: VecDeque::new(),
            requests: 0,
            bytes: 0,
            untrusted_requests: 0,
            untrusted_bytes: 0,
            untrusted_live: 0,
            live: 0,
        }
    }

    /// Reserves room for a request before it goes to disk. Either `join` or `leave` must follow.
    pub fn reserve(&mut self, peer: &PeerId, tier: Tier, bytes: usize) -> Result<(), Refused> {
        if !self.has_room(peer, tier, bytes) {
            return Err(Refused);
        }
        self.hold(peer, tier == Tier::Untrusted, bytes);
        Ok(())
    }

    /// Returns whether a request of this size could wait.
    pub fn has_room(&self, peer: &PeerId, tier: Tier, bytes: usize) -> bool {
        let line = self.lines.get(peer);
        let (requests, held) = line.map_or((0, 0), |line| (line.requests, line.bytes));
        let bounds = &self.bounds;
        let own = requests < bounds.peer_requests && held + bytes <= bounds.peer_bytes.len();
        let all =
            self.requests < bounds.all_requests && self.bytes + bytes <= bounds.all_bytes.len();
        let share = bounds.all_requests / 8;
        // The last part is for strangers of whom nothing waits: the others cannot keep a new one from being heard.
        let kept = if requests > 0 { share / 8 } else { 0 };
        let strangers = self.untrusted_requests < share - kept
            && self.untrusted_bytes + bytes <= bounds.untrusted_bytes.len();
        own && all && (strangers || tier != Tier::Untrusted)
    }

    /// Gives a request that has room a place among the live ones, before it is on disk, if it would start at once: nobody
    /// waits who could start, and everything of its peer that came before it has begun. Who waits for a token of its own
    /// holds nobody up. Either `join_begun` or `leave_begun` must follow.
    pub fn begin(
        &mut self,
        peer: &PeerId,
        tier: Tier,
        rate: impl FnOnce(&PeerId, Tier) -> Result<(), Duration>,
    ) -> bool {
        let is_next = (self.round.is_empty() || self.resting)
            && self.live < self.bounds.live
            && self
                .lines
                .get(peer)
                .is_some_and(|line| line.requests == line.begun + 1);
        if !is_next || self.is_crowded(peer, tier) || rate(peer, tier).is_err() {
            return false;
        }
        self.enter(peer, tier);
        if let Some(line) = self.lines.get_mut(peer) {
            line.begun += 1;
        }
        true
    }

    /// Hands on a request that has begun and is on disk now.
    pub fn join_begun(&mut self, peer: &PeerId, request: T, bytes: usize) {
        self.commit(peer, bytes);
        self.begun.push_back((peer.clone(), request));
    }

    /// Gives back room and place of a request that has begun and does not come.
    pub fn leave_begun(&mut self, peer: &PeerId, bytes: usize) {
        self.commit(peer, bytes);
        self.ended(peer);
    }

    /// Puts a request that is on disk at the end of its peer's line.
    pub fn join(&mut self, peer: &PeerId, request: T, bytes: usize) {
        let line = self.lines.entry(peer.clone()).or_default();
        line.waiting.push_back((request, bytes));
        if line.waiting.len() == 1 {
            self.round.push_back(peer.clone());
            self.resting = false;
        }
    }

    /// Puts a request from an earlier run of the host into its line, whatever the bounds: it was accepted then.
    pub fn restore(&mut self, peer: &PeerId, tier: Tier, request: T, bytes: usize) {
        self.hold(peer, tier == Tier::Untrusted, bytes);
        self.join(peer, request, bytes);
    }

    /// Gives back room that was reserved for a request that does not come.
    pub fn leave(&mut self, peer: &PeerId, bytes: usize) {
        self.release(peer, bytes);
        self.tidy(peer);
    }

    /// Returns the next request that may start. `tier` is asked anew for every peer; `rate` takes a token or tells how
    /// long until there is one.
    pub fn next(
        &mut self,
        tier: impl Fn(&PeerId) -> Tier,
        rate: impl Fn(&PeerId, Tier) -> Result<(), Duration>,
    ) -> Next<T> {
        if let Some((peer, request)) = self.begun.pop_front() {
            return Next::Start(peer, request);
        }
        if self.live >= self.bounds.live {
            return Next::Idle;
        }
        self.resting = false;
        let mut soonest: Option<Duration> = None;
        for _ in 0..self.round.len() {
            let Some(peer) = self.round.pop_front() else {
                break;
            };
            let tier = tier(&peer);
            if self.is_crowded(&peer, tier) {
                self.round.push_back(peer);
                continue;
            }
            if let Err(wait) = rate(&peer, tier) {
                soonest = Some(soonest.map_or(wait, |least| least.min(wait)));
                self.round.push_back(peer);
                continue;
            }
            let Some(line) = self.lines.get_mut(&peer) else {
                continue;
            };
            let Some((request, bytes)) = line.waiting.pop_front() else {
                continue;
            };
            let more = !line.waiting.is_empty();
            self.enter(&peer, tier);
            self.release(&peer, bytes);
            if more {
                self.round.push_back(peer.clone());
            }
            return Next::Start(peer, request);
        }
        self.resting = true;
        soonest.map_or(Next::Idle, Next::Later)
    }

    /// Gives back the place of a request that `next` started.
    pub fn ended(&mut self, peer: &PeerId) {
        // Its peer, or another stranger, may have waited for this place.
        self.resting = false;
        if let Some(line) = self.lines.get_mut(peer) {
            line.live = line.live.saturating_sub(1);
            self.live = self.live.saturating_sub(1);
            // Which of a peer's requests has ended does not matter: those it sent as a stranger started first.
            if line.strange > 0 {
                line.strange -= 1;
                self.untrusted_live = self.untrusted_live.saturating_sub(1);
            }
        }
        self.tidy(peer);
    }

    /// Takes every request of a peer that waits or was not handed out yet.
    pub fn clear(&mut self, peer: &PeerId) -> Vec<T> {
        self.round.retain(|other| other != peer);
        let (of_peer, others): (VecDeque<_>, _) =
            self.begun.drain(..).partition(|(other, _)| other == peer);
        self.begun = others;
        for _ in &of_peer {
            self.ended(peer);
        }
        let waiting = self
            .lines
            .get_mut(peer)
            .map(|line| std::mem::take(&mut line.waiting))
            .unwrap_or_default();
        let begun = of_peer.into_iter().map(|(_, request)| request);
        let waiting = waiting.into_iter().map(|(request, bytes)| {
            self.release(peer, bytes);
            request
        });
        let cleared = begun.chain(waiting).collect();
        self.tidy(peer);
        cleared
    }

    /// Returns how many requests wait and how many run.
    pub fn load(&self) -> (usize, usize) {
        (self.requests, self.live)
    }

    /// Returns whether a peer, or all strangers together, have what they may have of the live places.
    fn is_crowded(&self, peer: &PeerId, tier: Tier) -> bool {
        let half = (self.bounds.live / 2).max(1);
        self.lines.get(peer).is_none_or(|line| line.live >= half)
            || (tier == Tier::Untrusted && self.untrusted_live >= half)
    }

    fn enter(&mut self, peer: &PeerId, tier: Tier) {
        let Some(line) = self.lines.get_mut(peer) else {
            return;
        };
        line.live += 1;
        self.live += 1;
        if tier == Tier::Untrusted {
            line.strange += 1;
            self.untrusted_live += 1;
        }
    }

    fn commit(&mut self, peer: &PeerId, bytes: usize) {
        if let Some(line) = self.lines.get_mut(peer) {
            line.begun = line.begun.saturating_sub(1);
        }
        self.release(peer, bytes);
    }

    fn hold(&mut self, peer: &PeerId, untrusted: bool, bytes: usize) {
        let line = self.lines.entry(peer.clone()).or_default();
        // A line keeps the side it was opened on until it is empty, so that what is added is what is taken off.
        let untrusted = if line.requests == 0 {
            untrusted
        } else {
            line.untrusted
        };
        line.untrusted = untrusted;
        line.requests += 1;
        line.bytes += bytes;
        self.requests += 1;
        self.bytes += bytes;
        if untrusted {
            self.untrusted_requests += 1;
            self.untrusted_bytes += bytes;
        }
    }

    fn release(&mut self, peer: &PeerId, bytes: usize) {
        let Some(line) = self.lines.get_mut(peer) else {
            return;
        };
        line.requests = line.requests.saturating_sub(1);
        line.bytes = line.bytes.saturating_sub(bytes);
        self.requests = self.requests.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if line.untrusted {
            self.untrusted_requests = self.untrusted_requests.saturating_sub(1);
            self.untrusted_bytes = self.untrusted_bytes.saturating_sub(bytes);
        }
    }

    fn tidy(&mut self, peer: &PeerId) {
        if self
            .lines
            .get(peer)
            .is_some_and(|line| line.requests == 0 && line.live == 0)
        {
            self.lines.remove(peer);
        }
    }
}

#[cfg(test)]
mod tests;
