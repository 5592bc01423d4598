//! When leases end, and what they are charged. Time is that of a mark which never goes back, whatever the clock does.

use std::sync::PoisonError;

use coworker_core::{PeerId, Span, TaskId, Tier, Timestamp};

use super::Trust;
use crate::store::{LeaseRow, PeerRow, StoreError};

impl Trust {
    /// Returns the time by which a peer's lease ends when the clock shows `now`.
    pub(super) fn lease_time(&self, row: &PeerRow, now: Timestamp) -> Timestamp {
        match &row.lease {
            Some(LeaseRow { until: Some(_), .. }) => self.time(now),
            _ => now,
        }
    }

    pub(super) fn time(&self, now: Timestamp) -> Timestamp {
        let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.at(now)
    }

    /// Returns when a lease ends that is given now.
    pub fn lease_end(&self, span: Span, now: Timestamp) -> Timestamp {
        self.time(now).after(span.0)
    }

    /// Returns when a lease ends by the clock, for its owner to read.
    pub fn shown_end(&self, until: Timestamp, now: Timestamp) -> Timestamp {
        let ahead = self.time(now).0.saturating_sub(now.0);
        Timestamp(until.0.saturating_sub(ahead))
    }

    /// Writes down the time that leases have come to, if some end by it: a clock that went back while no host ran revives
    /// none of them.
    pub async fn mark_time(&self, now: Timestamp) -> Result<(), StoreError> {
        let is_timed = self.read().values().any(|row| {
            let lease = row.lease.as_ref();
            lease.is_some_and(|lease| lease.until.is_some())
        });
        if is_timed {
            self.store.set_lease_mark(self.time(now)).await?;
        }
        Ok(())
    }

    /// Charges a peer's lease one call for a task, if the skill is only there because of it. Returns whether the peer may
    /// still call: what held when the skill was looked up may have been taken back since. A task that is charged already
    /// is not charged again: see [`Trust::sight_for`].
    pub async fn charge(
        &self,
        peer: &PeerId,
        task: TaskId,
        min_tier: Tier,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let counted = {
            let sight = self.sight(peer, now);
            if sight.tier >= min_tier {
                return Ok(true);
            }
            if sight.lease.is_none_or(|lease| lease.tier < min_tier) {
                return Ok(false);
            }
            let peers = self.read();
            let lease = peers.get(peer).and_then(|row| row.lease.as_ref());
            lease.is_some_and(|lease| lease.calls_left.is_some())
        };
        if !counted {
            return Ok(true);
        }
        let _changing = self.changing.lock().await;
        let Some(mut row) = self.row(peer).filter(|row| !row.blocked) else {
            return Ok(false);
        };
        if row.tier >= min_tier {
            return Ok(true);
        }
        let time = self.lease_time(&row, now);
        let lease = row.lease.as_mut();
        let Some(lease) = lease.filter(|lease| lease.tier >= min_tier && is_valid(lease, time))
        else {
            return Ok(false);
        };
        let Some(left) = lease.calls_left.as_mut() else {
            return Ok(true);
        };
        *left = left.saturating_sub(1);
        // On disk first: a task that the store refuses to charge has cost nothing.
        self.store.charge(row.clone(), task).await?;
        self.write().insert(peer.clone(), row);
        Ok(true)
    }
}

fn is_valid(lease: &LeaseRow, now: Timestamp) -> bool {
    is_timely(lease, now) && has_calls(lease)
}

pub(super) fn is_timely(lease: &LeaseRow, now: Timestamp) -> bool {
    lease.until.is_none_or(|until| now < until)
}

pub(super) fn has_calls(lease: &LeaseRow) -> bool {
    lease.calls_left != Some(0)
}
