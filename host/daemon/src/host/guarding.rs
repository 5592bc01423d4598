//! What the guard holds back, as the owner asks for it.

use coworker_core::{PeerId, Sight, Timestamp};
use serde_json::{Value, json};

use super::Host;
use crate::report::Failure;

impl Host {
    /// Returns how far a peer sees: what its tier shows, without the skills that the guard took from it.
    pub fn sight(&self, peer: &PeerId, now: Timestamp) -> Sight {
        self.sight_for(peer, false, now)
    }

    /// Returns how far a peer sees for one request, which its lease may have been charged for: see [`Trust::sight_for`].
    ///
    /// [`Trust::sight_for`]: crate::trust::Trust::sight_for
    pub fn sight_for(&self, peer: &PeerId, is_charged: bool, now: Timestamp) -> Sight {
        Sight {
            barred: self.guards.barred(peer),
            ..self.trust.sight_for(peer, is_charged, now)
        }
    }

    pub(super) async fn guard_list(&self) -> Result<Value, Failure> {
        let (bars, rejections) = self.guards.rows().await?;
        let name = |peer: &PeerId| self.trust.row(peer).and_then(|row| row.name);
        let barred: Vec<Value> = bars
            .iter()
            .map(|row| json!({ "peer": row.peer, "name": name(&row.peer), "skill": row.skill, "since_at": row.at }))
            .collect();
        let rejected: Vec<Value> = rejections
            .iter()
            .map(|row| {
                json!({
                    "peer": row.peer, "name": name(&row.peer), "skill": row.skill, "task": row.task, "at": row.at,
                    "stage": row.stage, "mode": row.mode, "what": row.what,
                })
            })
            .collect();
        Ok(json!({ "barred": barred, "rejected": rejected }))
    }

    pub(super) async fn guard_lift(&self, peer: &str, skill: &str) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        if !self.guards.lift(&peer, skill).await? {
            return Err(Failure::failed(format!(
                "the guard took no skill {skill:?} from that peer"
            ))
            .hint("run `coworker-host guard` to see what it took from whom"));
        }
        Ok(json!({ "peer": peer, "skill": skill }))
    }
}
