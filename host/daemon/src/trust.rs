//! Who may do what, as the owner decided. Read at every turn and never cached elsewhere; no payload and no failure
//! changes it.

mod lease;
mod redeem;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use coworker_core::{Lease, PeerId, Ratchet, Scheme, Sight, Tier, Timestamp};

use self::lease::{has_calls, is_timely};
use crate::clock;
use crate::report::Failure;
use crate::store::{LeaseRow, PeerRow, Store, StoreError, TrustRequestRow};

/// How many strangers are remembered. They cost nothing to make, so the one not seen longest makes room.
const STRANGERS: usize = 2_000;
/// How often the last sight of a peer is written down.
const SEEN_EVERY_MICROS: i64 = 60_000_000;
/// How much of the name that a peer claims is kept, in characters.
const CLAIMED: usize = 100;

/// The owner's decisions about peers.
#[derive(Debug)]
pub struct Trust {
    store: Store,
    /// What a trust request may get without the owner, untrusted for nothing.
    auto: Tier,
    peers: RwLock<HashMap<PeerId, PeerRow>>,
    /// Held from the look at a row until its change is on disk and in memory: of two changes at once the later one
    /// would otherwise write back what the earlier one took away.
    changing: tokio::sync::Mutex<()>,
    /// By what leases end: a clock that goes back revives none, and prolongs none.
    time: Mutex<Ratchet>,
    /// The owner's own sessions at this machine, and throw-away peers made to try a tier.
    locals: RwLock<HashMap<PeerId, Tier>>,
}

/// What came of a peer's request for trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The peer has this tier now.
    Granted(Tier),
    /// The owner will see it, or has decided before.
    Waits,
}

/// A peer at this machine. It is forgotten with this, also if its call is cut off.
#[derive(Debug)]
pub struct Session<'a> {
    trust: &'a Trust,
    peer: PeerId,
}

impl Session<'_> {
    /// Returns the peer.
    pub const fn peer(&self) -> &PeerId {
        &self.peer
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.trust
            .locals
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.peer);
    }
}

impl Trust {
    /// Reads every decision from the store.
    pub async fn open(store: Store, auto: Tier) -> Result<Self, StoreError> {
        let peers = store
            .peers()
            .await?
            .into_iter()
            .map(|row| (row.peer.clone(), row))
            .collect();
        let mark = store.lease_mark().await?;
        Ok(Self {
            store,
            auto,
            peers: RwLock::new(peers),
            time: Mutex::new(Ratchet::from_mark(mark)),
            changing: tokio::sync::Mutex::default(),
            locals: RwLock::default(),
        })
    }

    /// Returns what a peer may see now.
    pub fn sight(&self, peer: &PeerId, now: Timestamp) -> Sight {
        self.sight_for(peer, false, now)
    }

    /// Returns what a peer may see now for one request. A lease that was charged for it holds for it, also if that was its
    /// last call.
    pub fn sight_for(&self, peer: &PeerId, is_charged: bool, now: Timestamp) -> Sight {
        if peer.scheme() == Scheme::Local {
            let tier = self
                .locals
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .get(peer)
                .copied();
            return Sight::of(tier.unwrap_or_default());
        }
        let peers = self.read();
        peers.get(peer).map_or(Sight::of(Tier::Untrusted), |row| {
            sight_of(row, is_charged, self.lease_time(row, now))
        })
    }

    /// Returns the tier that paces a peer and decides which kinds of message it may send.
    pub fn tier(&self, peer: &PeerId) -> Tier {
        self.sight(peer, clock::now()).highest()
    }

    /// Makes a peer at this machine with a tier of its own, for as long as the session is held.
    pub fn admit_local(&self, tier: Tier) -> Session<'_> {
        let peer: PeerId = format!("local:{}", clock::long_token())
            .parse()
            .expect("a word is a local id");
        self.locals
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(peer.clone(), tier);
        Session { trust: self, peer }
    }

    /// Notes that a peer was here, and what it calls itself.
    pub async fn seen(
        &self,
        peer: &PeerId,
        claimed: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if peer.scheme() == Scheme::Local {
            return Ok(());
        }
        if !self.is_news(peer, claimed, now) {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        let row = {
            let mut peers = self.write();
            if !peers.contains_key(peer)
                && let Some(stranger) = oldest_stranger(&peers)
            {
                // From memory only: the store bounds its own strangers, and a request of theirs for trust still waits
                // for the owner, however many others come by.
                peers.remove(&stranger);
            }
            let row = peers
                .entry(peer.clone())
                .or_insert_with(|| PeerRow::stranger(peer, now));
            row.last_seen = now;
            if let Some(name) = claimed {
                row.claimed_name = Some(name.chars().take(CLAIMED).collect());
            }
            row.clone()
        };
        self.store.put_peer(row).await
    }

    /// Returns whether a sight of a peer is worth a write: the first one, the first name, and one a minute. A peer that
    /// changes its name with every message costs no more than others.
    fn is_news(&self, peer: &PeerId, claimed: Option<&str>, now: Timestamp) -> bool {
        self.read().get(peer).is_none_or(|row| {
            now.0.saturating_sub(row.last_seen.0) >= SEEN_EVERY_MICROS
                || (claimed.is_some() && row.claimed_name.is_none())
        })
    }

    /// Returns everything known of a peer.
    pub fn row(&self, peer: &PeerId) -> Option<PeerRow> {
        self.read().get(peer).cloned()
    }

    /// Returns every peer that somehow has tier 1 or more, by id.
    pub fn trusted(&self, now: Timestamp) -> HashSet<String> {
        let peers = self.known(now).into_iter();
        peers.map(|peer| peer.to_string()).collect()
    }

    /// Returns the same peers.
    pub fn known(&self, now: Timestamp) -> Vec<PeerId> {
        let peers = self.read();
        let rows = peers.values();
        rows.filter(|row| sight_of(row, false, self.lease_time(row, now)).highest() >= Tier::Known)
            .map(|row| row.peer.clone())
            .collect()
    }

    /// Returns everybody, the most trusted first.
    pub fn rows(&self) -> Vec<PeerRow> {
        let mut rows: Vec<PeerRow> = self.read().values().cloned().collect();
        rows.sort_by(|a, b| b.tier.cmp(&a.tier).then_with(|| a.peer.cmp(&b.peer)));
        rows
    }

    /// Returns the peer that the owner gave this name.
    pub fn named(&self, name: &str) -> Option<PeerId> {
        self.read()
            .values()
            .find(|row| row.name.as_deref() == Some(name))
            .map(|row| row.peer.clone())
    }

    /// Sets a peer's tier for good, or as a lease above what it has. Lifts a block unless the tier is untrusted, which
    /// sets one.
    pub async fn set(
        &self,
        peer: &PeerId,
        tier: Tier,
        lease: Option<LeaseRow>,
    ) -> Result<PeerRow, StoreError> {
        if lease.as_ref().is_some_and(|lease| lease.until.is_some()) {
            self.store.set_lease_mark(self.time(clock::now())).await?;
        }
        self.change(peer, |row| match lease {
            Some(lease) => {
                row.blocked = false;
                row.lease = Some(lease);
            }
            None => {
                row.tier = tier;
                row.blocked = tier == Tier::Untrusted;
                row.lease = None;
            }
        })
        .await
    }

    /// Gives a peer a name of the owner's, or takes it away.
    pub async fn name(&self, peer: &PeerId, name: Option<String>) -> Result<PeerRow, Failure> {
        if let Some(name) = &name {
            let plain = !name.is_empty()
                && name.chars().count() <= 64
                && crate::report::printable(name) == *name;
            if !plain || name == "self" || name.contains(':') {
                return Err(Failure::usage(format!("{name:?} cannot name a peer"))
                    .hint("use up to 64 printable characters without ':'; `self` is this host"));
            }
            if self.named(name).is_some_and(|other| other != *peer) {
                return Err(Failure::failed(format!("another peer is called {name:?}"))
                    .hint("run `coworker-host peers list` to see who, or choose another name"));
            }
        }
        Ok(self.change(peer, |row| row.name = name).await?)
    }

    /// Forgets a peer. A block stays: forgetting is no way around it.
    pub async fn forget(&self, peer: &PeerId) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let blocked = self.read().get(peer).is_some_and(|row| row.blocked);
        self.store.forget(peer).await?;
        if blocked {
            let row = PeerRow {
                blocked: true,
                ..PeerRow::stranger(peer, clock::now())
            };
            self.write().insert(peer.clone(), row.clone());
            self.store.put_peer(row).await
        } else {
            self.write().remove(peer);
            Ok(())
        }
    }

    /// Takes a peer's request for a tier it does not have.
    pub async fn asked(
        &self,
        peer: &PeerId,
        wanted: Tier,
        reason: &str,
        correlation: Option<String>,
    ) -> Result<Asked, StoreError> {
        if self.read().get(peer).is_some_and(|row| row.blocked) {
            return Ok(Asked::Waits);
        }
        if wanted <= self.auto {
            let row = self
                .change(peer, |row| {
                    if !row.blocked {
                        row.tier = row.tier.max(wanted);
                    }
                })
                .await?;
            // The owner may have blocked it between the two looks.
            return Ok(if row.blocked {
                Asked::Waits
            } else {
                Asked::Granted(row.tier)
            });
        }
        let request = TrustRequestRow {
            id: clock::token(),
            peer: peer.clone(),
            requested: wanted,
            reason: reason.chars().take(500).collect(),
            correlation,
            at: clock::now(),
        };
        // A full list is the owner's to empty; the peer learns nothing of it.
        match self.store.put_trust_request(request).await {
            Ok(()) | Err(StoreError::Bound { .. }) => Ok(Asked::Waits),
            Err(error) => Err(error),
        }
    }

    /// Grants a waiting request. The tier only rises.
    pub async fn grant(&self, id: &str) -> Result<(PeerRow, TrustRequestRow), Failure> {
        let requests = self.store.trust_requests().await?;
        let Some(request) = requests.into_iter().find(|request| request.id == id) else {
            return Err(no_request(id));
        };
        // The request goes last: whatever fails before, it still waits.
        let row = self
            .change(&request.peer, |row| {
                row.blocked = false;
                row.tier = row.tier.max(request.requested);
            })
            .await?;
        self.store.take_trust_request(id).await?;
        Ok((row, request))
    }

    /// Takes a waiting request off the list.
    pub async fn take(&self, id: &str) -> Result<TrustRequestRow, Failure> {
        let taken = self.store.take_trust_request(id).await?;
        taken.ok_or_else(|| no_request(id))
    }

    async fn change(
        &self,
        peer: &PeerId,
        edit: impl FnOnce(&mut PeerRow),
    ) -> Result<PeerRow, StoreError> {
        let _changing = self.changing.lock().await;
        let mut row = self
            .row(peer)
            .unwrap_or_else(|| PeerRow::stranger(peer, clock::now()));
        edit(&mut row);
        self.store.put_peer(row.clone()).await?;
        self.write().insert(peer.clone(), row.clone());
        Ok(row)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<PeerId, PeerRow>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<PeerId, PeerRow>> {
        self.peers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_request(id: &str) -> Failure {
    Failure::failed(format!("no trust request {id:?} waits"))
        .hint("run `coworker-host trust requests` to see those that do")
}

/// Returns what a peer sees, by what is known of it.
pub(crate) fn sight_of(row: &PeerRow, is_charged: bool, now: Timestamp) -> Sight {
    if row.blocked {
        return Sight::of(Tier::Untrusted);
    }
    let lease = row
        .lease
        .as_ref()
        .filter(|lease| is_timely(lease, now) && (is_charged || has_calls(lease)))
        .map(|lease| Lease {
            tier: lease.tier,
            skills: lease
                .skills
                .as_ref()
                .map(|names| names.iter().cloned().collect()),
        });
    Sight {
        tier: row.tier,
        lease,
        ..Sight::default()
    }
}

/// Returns the stranger to forget when there are too many.
fn oldest_stranger(peers: &HashMap<PeerId, PeerRow>) -> Option<PeerId> {
    if peers.len() < STRANGERS {
        return None;
    }
    let strangers = peers.values().filter(|row| {
        row.tier == Tier::Untrusted && !row.blocked && row.name.is_none() && row.lease.is_none()
    });
    let (count, oldest) = strangers.fold((0, None::<&PeerRow>), |(count, oldest), row| {
        (
            count + 1,
            Some(
                oldest
                    .filter(|old| old.last_seen <= row.last_seen)
                    .unwrap_or(row),
            ),
        )
    });
    oldest
        .filter(|_| count >= STRANGERS)
        .map(|row| row.peer.clone())
}

#[cfg(test)]
mod tests;
