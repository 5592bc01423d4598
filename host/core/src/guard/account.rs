//! Accounts: which fingerprints of a private text each peer has been shown, and all peers together. They do not fade;
//! a text that changes has another digest, and with it a new account.

use std::collections::{BTreeMap, BTreeSet};

use super::{Form, Leak, Shown, Sighting, What};
use crate::{Digest, PeerId};

/// How much of a text's fingerprints one peer may be shown, in hundredths.
pub const PEER_SHARE: usize = 2;
/// How much all peers together may be shown, in hundredths.
pub const ALL_SHARE: usize = 4;

/// The accounts of one skill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    texts: BTreeMap<Digest, Account>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    peers: BTreeMap<PeerId, BTreeSet<u64>>,
    all: BTreeSet<u64>,
}

impl Ledger {
    /// Returns the leak that a text would be in front of this peer: its own, or what it adds up to.
    pub fn judge(&self, peer: &PeerId, sighting: &Sighting) -> Option<Leak> {
        sighting.leak.clone().or_else(|| {
            sighting
                .shown
                .iter()
                .find_map(|shown| self.too_much(peer, shown))
        })
    }

    fn too_much(&self, peer: &PeerId, shown: &Shown) -> Option<Leak> {
        let account = self.texts.get(&shown.text);
        let own = account.and_then(|account| account.peers.get(peer));
        let sum = |before: Option<&BTreeSet<u64>>| {
            let before = before.map_or(0, |prints| prints.union(&shown.prints).count());
            before.max(shown.prints.len())
        };
        let is_over = |count: usize, share: usize| count * 100 > shown.distinct * share;
        let (own, all) = (sum(own), sum(account.map(|account| &account.all)));
        let what = if is_over(own, PEER_SHARE) {
            What::InSum(own)
        } else if is_over(all, ALL_SHARE) {
            What::InSumOfAll(all)
        } else {
            return None;
        };
        Some(Leak {
            slot: shown.slot.clone(),
            what,
            form: format!("{}, in pieces", shown.form),
        })
    }

    /// Takes down what a peer is shown. Returns what was not on its account before.
    pub fn add(&mut self, peer: &PeerId, sighting: &Sighting) -> Vec<(Digest, u64)> {
        let mut new = Vec::new();
        for shown in &sighting.shown {
            for print in &shown.prints {
                if self.restore(shown.text, peer, *print) {
                    new.push((shown.text, *print));
                }
            }
        }
        new
    }

    /// Takes down one fingerprint, and says whether it is new for the peer.
    pub fn restore(&mut self, text: Digest, peer: &PeerId, print: u64) -> bool {
        let account = self.texts.entry(text).or_default();
        account.all.insert(print);
        account.peers.entry(peer.clone()).or_default().insert(print)
    }

    /// Returns how many fingerprints of a text the peer was shown, and all peers.
    pub fn shown(&self, text: &Digest, peer: &PeerId) -> (usize, usize) {
        self.texts.get(text).map_or((0, 0), |account| {
            let own = account.peers.get(peer).map_or(0, BTreeSet::len);
            (own, account.all.len())
        })
    }
}

impl Leak {
    /// Returns the leak that a text is which nobody can look through.
    pub(super) fn unsearchable() -> Self {
        Self {
            slot: String::new(),
            what: What::Unsearchable,
            form: Form::name(&[], &[]),
        }
    }
}
