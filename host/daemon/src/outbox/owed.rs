//! What peers have not taken yet, in bytes. It lies on the owner's disk, and there is only so much of that: who lets too
//! much wait is not served before it has taken some of it. The sums are close, not exact; the disk is asked again where
//! they may be off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coworker_core::{Bytes, PeerId, Tier};

/// What a row costs besides its bytes.
const ROW: u64 = 512;

#[derive(Debug, Default)]
struct Sums {
    peers: HashMap<PeerId, u64>,
    all: u64,
    stale: bool,
}

/// The sums. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Owed(Arc<Mutex<Sums>>);

impl Owed {
    /// Adds a row that is on disk.
    pub(super) fn add(&self, peer: &PeerId, bytes: usize) {
        let cost = cost(bytes);
        let mut sums = self.sums();
        *sums.peers.entry(peer.clone()).or_default() += cost;
        sums.all += cost;
    }

    /// Takes off a row that has left.
    pub(super) fn paid(&self, peer: &PeerId, bytes: usize) {
        let mut sums = self.sums();
        let Some(sum) = sums.peers.get_mut(peer) else {
            return;
        };
        let cost = cost(bytes).min(*sum);
        *sum -= cost;
        if *sum == 0 {
            sums.peers.remove(peer);
        }
        sums.all = sums.all.saturating_sub(cost);
    }

    /// Takes off all of a peer's rows.
    pub(super) fn forget(&self, peer: &PeerId) {
        let mut sums = self.sums();
        let sum = sums.peers.remove(peer).unwrap_or(0);
        sums.all = sums.all.saturating_sub(sum);
    }

    /// Notes that rows went whose sizes are not known.
    pub(super) fn is_stale(&self) {
        self.sums().stale = true;
    }

    /// Returns whether rows went whose sizes are not known, and forgets it.
    pub(super) fn take_stale(&self) -> bool {
        std::mem::take(&mut self.sums().stale)
    }

    /// Replaces the sums by what the disk says: rows and bytes a peer.
    pub(super) fn reset(&self, rows: Vec<(PeerId, u64, Bytes)>) {
        let peers: HashMap<PeerId, u64> = rows
            .into_iter()
            .map(|(peer, rows, bytes)| (peer, bytes.0 + rows * ROW))
            .collect();
        let mut sums = self.sums();
        sums.all = peers.values().sum();
        sums.peers = peers;
    }

    /// Returns whether a peer has to take something first, where the whole database may be `room` large. One peer may
    /// let a thirty-second of that wait; strangers are served while everybody together lets an eighth of it wait.
    pub(super) fn is_too_much(&self, peer: &PeerId, tier: Tier, room: Bytes) -> bool {
        let sums = self.sums();
        let all = match tier {
            Tier::Untrusted => room.0 / 8,
            Tier::Known | Tier::Internal | Tier::Privileged => room.0,
        };
        let own = sums.peers.get(peer).copied().unwrap_or(0);
        own > room.0 / 32 || (sums.all > all && own > 0) || sums.all > all.saturating_mul(2)
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        // Every change under the lock is complete in itself, so a poisoned lock holds good data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(bytes: usize) -> u64 {
    (bytes as u64).saturating_add(ROW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Bytes = Bytes(32 << 20);

    fn peer(n: u64) -> PeerId {
        format!("loop:{n:064x}").parse().expect("64 digits")
    }

    #[test]
    fn who_takes_nothing_is_not_served_and_others_are() {
        let owed = Owed::default();
        for _ in 0..1_025 {
            owed.add(&peer(1), 512);
        }
        assert!(owed.is_too_much(&peer(1), Tier::Privileged, ROOM));
        assert!(!owed.is_too_much(&peer(2), Tier::Untrusted, ROOM));
        owed.paid(&peer(1), 512);
        assert!(!owed.is_too_much(&peer(1), Tier::Known, ROOM));
        owed.forget(&peer(1));
        assert_eq!(owed.sums().all, 0);
    }

    #[test]
    fn many_strangers_together_let_no_more_wait_than_their_share() {
        let owed = Owed::default();
        for n in 0..5_000 {
            owed.add(&peer(n), 512);
        }
        assert!(owed.is_too_much(&peer(1), Tier::Untrusted, ROOM));
        assert!(!owed.is_too_much(&peer(1), Tier::Known, ROOM));
        assert!(!owed.is_too_much(&peer(9_999), Tier::Untrusted, ROOM));
        for n in 5_000..10_000 {
            owed.add(&peer(n), 512);
        }
        assert!(
            owed.is_too_much(&peer(99_999), Tier::Untrusted, ROOM),
            "names cost nothing"
        );
        owed.reset(vec![(peer(7), 2, Bytes(100))]);
        assert_eq!(owed.sums().all, 100 + 2 * ROW);
    }
}
