//! Decisions made elsewhere or in advance: an invite, for whoever shows its secret, and a peer that was known to another
//! program. Both raise a tier and never lower one.

use coworker_core::{InviteSecret, PeerId, Tier, Timestamp};

use super::Trust;
use crate::report::Failure;
use crate::store::{PeerRow, Redeemed, StoreError};

impl Trust {
    /// Takes a peer over as the owner knew it elsewhere. It keeps a name and a higher tier that it has here, and a name
    /// that another peer has is not given twice.
    pub async fn take_over(
        &self,
        peer: &PeerId,
        tier: Tier,
        name: Option<String>,
    ) -> Result<PeerRow, Failure> {
        let row = self
            .change(peer, |row| {
                row.tier = row.tier.max(tier);
                // Who has only a name there is let in no further than before.
                row.blocked = row.blocked && tier == Tier::Untrusted;
            })
            .await?;
        match name {
            Some(name) if row.name.is_none() => {
                Ok(self.name(peer, Some(name)).await.unwrap_or(row))
            }
            _ => Ok(row),
        }
    }

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
