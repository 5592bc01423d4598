//! Invites: an owner's decision made in advance, for whoever shows the secret. It raises a tier and does nothing else.

use coworker_core::{InviteSecret, PeerId, Tier, Timestamp};

use super::Trust;
use crate::store::{Redeemed, StoreError};

impl Trust {
    /// Uses an invite for a peer. Returns the tier that it has by it, or nothing if the invite gives this peer nothing.
    pub async fn redeem(
        &self,
        peer: &PeerId,
        secret: &InviteSecret,
        network: &str,
        now: Timestamp,
    ) -> Result<Option<Tier>, StoreError> {
        // Nothing else changes a peer between the commit and the memory that follows it.
        let _changing = self.changing.lock().await;
        match self.store.redeem(peer, secret.hash(), network, now).await? {
            Redeemed::Granted(row, invite) => {
                tracing::info!(%peer, invite, tier = %row.tier, "an invite was redeemed");
                let tier = row.tier;
                self.write().insert(peer.clone(), *row);
                Ok(Some(tier))
            }
            Redeemed::Refused(why) => {
                tracing::warn!(%peer, %why, "an invite was shown and gave nothing");
                Ok(None)
            }
        }
    }
}
