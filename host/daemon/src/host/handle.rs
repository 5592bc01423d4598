//! What the owner asks, by a command or a socket: one function a request, each beside its kind.

use serde_json::Value;

use super::Host;
use crate::control::protocol::{Progress, Request};
use crate::report::Failure;

impl Host {
    /// Carries out a request of the owner. The answer has the shape that [`Request`] documents.
    pub async fn handle(&self, request: Request, progress: &Progress) -> Result<Value, Failure> {
        let looks_at_skills = matches!(
            request,
            Request::SkillsList {}
                | Request::SkillsInspect { .. }
                | Request::SkillsExpose { .. }
                | Request::SkillsHide { .. }
                | Request::SkillsConfigure { .. }
                | Request::SkillsPreview { .. }
                | Request::SkillsRollback { .. }
                | Request::SkillsImport { .. }
                | Request::SkillsImported {}
                | Request::SkillsForget { .. }
                | Request::TrustSet {
                    skills: Some(_),
                    ..
                }
                | Request::Call { .. }
                | Request::Doctor {}
        );
        if !self.serving && looks_at_skills {
            // A host opened for one command has only just begun to look at its folder.
            progress.say("looking at the skills");
            self.skills.settled().await;
        }
        match request {
            Request::Status {} => self.status().await,
            Request::Stop {} => {
                self.stop_requested.cancel();
                Ok(serde_json::json!({ "stopping": true }))
            }
            Request::SkillsList {}
            | Request::SkillsInspect { .. }
            | Request::SkillsExpose { .. }
            | Request::SkillsHide { .. }
            | Request::SkillsConfigure { .. }
            | Request::SkillsPreview { .. }
            | Request::SkillsRollback { .. }
            | Request::SkillsImport { .. }
            | Request::SkillsImported {}
            | Request::SkillsForget { .. } => self.shelve(request).await,
            Request::TrustList {} => self.trust_list(),
            Request::TrustSet {
                peer,
                tier,
                span,
                calls,
                skills,
            } => self.trust_set(&peer, tier, span, calls, skills).await,
            Request::TrustRevoke { peer } => self.trust_revoke(&peer).await,
            Request::TrustRequests {} => self.trust_requests().await,
            Request::TrustGrant { id } => self.trust_grant(&id).await,
            Request::TrustDeny { id } => self.trust_deny(&id).await,
            Request::PeersList {} => Ok(self.peers_list()),
            Request::PeersShow { peer } => self.peers_show(&peer).await,
            Request::PeersName { peer, name } => self.peers_name(&peer, name).await,
            Request::PeersForget { peer } => self.peers_forget(&peer).await,
            Request::Connect {
                target,
                name,
                tier,
                reason,
                timeout,
            } => {
                let meeting = super::meeting::Meeting {
                    target,
                    name,
                    tier,
                    reason,
                    timeout,
                };
                self.connect(meeting, progress).await
            }
            Request::Invite { grants: None, .. } => Ok(self.invite_plain()),
            Request::Invite {
                grants: Some(grants),
                expires,
                uses,
                only,
            } => {
                let terms = super::inviting::Terms {
                    grants,
                    expires,
                    uses,
                    only,
                };
                self.invite_make(terms).await
            }
            Request::InviteList {} => self.invite_list().await,
            Request::InviteRevoke { id } => self.invite_revoke(&id).await,
            Request::PeerInspect {
                peer,
                skill,
                timeout,
            } => self.peer_inspect(&peer, skill, timeout, progress).await,
            Request::Call {
                peer,
                skill,
                input,
                version,
                timeout,
                as_tier,
            } => {
                let question = super::calling::Question {
                    skill,
                    input,
                    version,
                };
                self.call(&peer, question, timeout, as_tier, progress).await
            }
            Request::Delegate {
                peer,
                skill,
                input,
                version,
                ttl,
            } => {
                let question = super::calling::Question {
                    skill,
                    input,
                    version,
                };
                self.delegate(&peer, question, ttl).await
            }
            Request::Delegated { limit } => self.delegated_list(limit).await,
            Request::DelegatedResult { id, wait } => {
                self.delegated_result(&id, wait, progress).await
            }
            Request::DelegatedCancel { id } => self.delegated_cancel(&id).await,
            Request::Usage { by, since } => self.usage(by, since).await,
            Request::Logs { task, limit } => self.logs(task, limit).await,
            Request::Probes {} => self.probes().await,
            Request::GuardList {} => self.guard_list().await,
            Request::GuardLift { peer, skill } => self.guard_lift(&peer, &skill).await,
            Request::BridgeResume {} => self.bridge_resume(),
            Request::Doctor {} => self.doctor().await,
        }
    }
}
