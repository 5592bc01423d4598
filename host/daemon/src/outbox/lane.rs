//! What waits for each peer, and for which peers there is something to do. A pass of the sending loop looks at those
//! only, however many others wait for a peer that cannot be reached.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use coworker_core::PeerId;
use tokio::time::Instant;

use crate::store::OutRow;

/// One peer's messages.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<OutRow>,
    pub(super) on_the_wire: usize,
    /// The rows in `waiting` or on the wire: one that was read from disk may also come by command.
    pub(super) held: HashSet<i64>,
    /// There may be rows on disk that are not in memory.
    pub(super) more: bool,
    pub(super) failures: u32,
    pub(super) asleep_until: Option<Instant>,
    /// What is put on the wire now is of this round.
    pub(super) round: u64,
    /// What of this lane is in the sum of all, and under which time it is in the list of sleepers.
    counted: usize,
    listed: Option<Instant>,
}

impl Lane {
    /// Lets go of what did not leave yet; it is on disk.
    pub(super) fn forget_waiting(&mut self) {
        for row in self.waiting.drain(..) {
            self.held.remove(&row.id);
        }
    }

    /// Returns whether the disk is to be asked for more.
    pub(super) fn is_dry(&self) -> bool {
        self.more && self.waiting.is_empty() && self.on_the_wire == 0 && self.asleep_until.is_none()
    }

    fn is_empty(&self) -> bool {
        !self.more
            && self.on_the_wire == 0
            && self.waiting.is_empty()
            && self.asleep_until.is_none()
    }

    fn load(&self) -> usize {
        match self.asleep_until {
            None => self.waiting.len() + self.on_the_wire,
            Some(_) => 0,
        }
    }
}

/// All lanes. A peer for whom nothing waits takes no memory.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<PeerId, Lane>,
    touched: HashSet<PeerId>,
    sleepers: BTreeSet<(Instant, PeerId)>,
    load: usize,
    round: u64,
}

impl Lanes {
    /// Returns a peer's lane, opened if need be. The next pass looks at it.
    pub(super) fn open(&mut self, peer: &PeerId) -> &mut Lane {
        self.touched.insert(peer.clone());
        let round = self.round;
        let new = || Lane {
            round,
            ..Lane::default()
        };
        self.lanes.entry(peer.clone()).or_insert_with(new)
    }

    /// Returns the number of a round that nothing was sent in yet.
    pub(super) const fn next_round(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// Returns a peer's lane, if it has one. The next pass looks at it.
    pub(super) fn get(&mut self, peer: &PeerId) -> Option<&mut Lane> {
        let lane = self.lanes.get_mut(peer)?;
        self.touched.insert(peer.clone());
        Some(lane)
    }

    /// Returns the peers that a pass has to look at; `settle` must follow for each.
    pub(super) fn touched(&mut self) -> Vec<PeerId> {
        self.touched.drain().collect()
    }

    /// Brings the sums up to date after a pass looked at a lane, and closes the lane if nothing is left in it.
    pub(super) fn settle(&mut self, peer: &PeerId) {
        self.touched.remove(peer);
        let Some(lane) = self.lanes.get_mut(peer) else {
            return;
        };
        let load = lane.load();
        self.load = (self.load + load).saturating_sub(lane.counted);
        lane.counted = load;
        if lane.listed != lane.asleep_until {
            if let Some(listed) = lane.listed {
                self.sleepers.remove(&(listed, peer.clone()));
            }
            if let Some(until) = lane.asleep_until {
                self.sleepers.insert((until, peer.clone()));
            }
            lane.listed = lane.asleep_until;
        }
        if lane.is_empty() {
            self.lanes.remove(peer);
        }
    }

    /// Returns how many messages are on their way to peers that can be reached.
    pub(super) const fn load(&self) -> usize {
        self.load
    }

    /// Returns when the next sleeper wakes.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.sleepers.first().map(|(until, _)| *until)
    }

    /// Wakes those whose time has come, and returns them.
    pub(super) fn wake(&mut self, now: Instant) -> Vec<PeerId> {
        let due: Vec<PeerId> = self
            .sleepers
            .iter()
            .take_while(|(until, _)| *until <= now)
            .map(|(_, peer)| peer.clone())
            .collect();
        for peer in &due {
            self.open(peer).asleep_until = None;
        }
        due
    }
}
