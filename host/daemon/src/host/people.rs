//! Peers and trust, as the owner asks for them. Every change acts on the peer's next turn; a revocation also ends what
//! is under way.

use coworker_core::{CorrelationId, InviteCode, Message, PeerId, Scheme, Span, Tier};
use serde_json::{Value, json};

use super::Host;
use super::leases::Ends;
use crate::clock;
use crate::import::Address;
use crate::report::{Failure, printable};
use crate::store::{PeerRow, ProposalRow, UsageBy};

/// What to do about a wallet that leads nowhere: one that the owner wrote, and one that was brought from elsewhere.
pub(super) const NO_INBOX: &str = "ask its owner for an invite made while connected to the network";
const NO_PROPOSER: &str =
    "connect to the peer by its invite, and use `coworker-host trust set`; then `trust deny` this";

impl Host {
    /// Returns the peer that the owner means: a name the owner gave, an id, a wallet, or an invite.
    pub async fn resolve(&self, text: &str) -> Result<PeerId, Failure> {
        if let Some(peer) = self.trust.named(text) {
            return Ok(peer);
        }
        if matches!(Address::read(text), Some(Address::Wallet(_))) {
            return self.owner_of(text, NO_INBOX).await;
        }
        let scheme = self.me.scheme().name();
        let parsed = match text.parse::<PeerId>() {
            Ok(peer) if peer.scheme() != Scheme::Local => Some(peer),
            Ok(_) => None,
            Err(_) => format!("{scheme}:{text}").parse().ok(),
        };
        if parsed.is_none()
            && let Ok(code) = InviteCode::decode(text)
        {
            return self.invited(&code).await;
        }
        parsed.ok_or_else(|| {
            Failure::failed(format!("no peer is called {text:?}"))
                .cause("it is neither a name you gave, nor a peer id, nor a wallet, nor an invite")
                .hint("run `coworker-host peers list` to see the names, or use the peer's invite")
        })
    }

    pub(super) fn trust_list(&self) -> Result<Value, Failure> {
        let decided =
            |row: &PeerRow| row.blocked || row.tier > Tier::Untrusted || row.lease.is_some();
        Ok(self
            .trust
            .rows()
            .iter()
            .filter(|row| decided(row))
            .map(|row| self.row_value(row))
            .collect())
    }

    pub(super) async fn trust_set(
        &self,
        peer: &str,
        tier: Tier,
        span: Option<Span>,
        calls: Option<u32>,
        skills: Option<Vec<String>>,
    ) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        let ends = Ends {
            span,
            calls,
            skills,
        };
        if ends.is_none() && tier == Tier::Untrusted {
            return self.cut_off(&peer).await;
        }
        let lease = match ends.is_none() {
            true => None,
            false => Some(self.lease(&peer, tier, ends).await?),
        };
        Ok(self.row_value(&self.trust.set(&peer, tier, lease).await?))
    }

    pub(super) async fn trust_revoke(&self, peer: &str) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        self.cut_off(&peer).await
    }

    /// Makes a peer a stranger that stays one, ends its tasks, and drops what it was to get.
    async fn cut_off(&self, peer: &PeerId) -> Result<Value, Failure> {
        // The tier first: whatever starts from now on sees it.
        let row = self.trust.set(peer, Tier::Untrusted, None).await?;
        let waiting = self.lines().clear(peer).len();
        let cancelled = self.store.cancel_peer(peer).await?;
        // After the store: what starts from now on is refused there, and what had started is in the list.
        self.stop_running(peer);
        self.outbox.reload(peer);
        tracing::info!(%peer, waiting, cancelled = cancelled.len(), "trust was revoked");
        let mut value = self.row_value(&row);
        if let Some(row) = value.as_object_mut() {
            row.insert("cancelled".to_owned(), cancelled.len().into());
        }
        Ok(value)
    }

    pub(super) async fn trust_requests(&self) -> Result<Value, Failure> {
        let rows = self.store.trust_requests().await?;
        let row = |row: &crate::store::TrustRequestRow| {
            let peer = self.trust.row(&row.peer);
            json!({
                "id": row.id, "peer": row.peer, "name": peer.as_ref().and_then(|row| row.name.clone()),
                "claimed_name": peer.and_then(|row| row.claimed_name), "tier": row.requested, "reason": row.reason,
                "received_at": row.at, "origin": "peer", "wallet": null,
            })
        };
        let proposals = self.store.proposals().await?;
        Ok(rows
            .iter()
            .map(row)
            .chain(proposals.iter().map(proposal_value))
            .collect())
    }

    /// Returns who has a wallet, as the network proves it.
    pub(super) async fn owner_of(&self, wallet: &str, hint: &str) -> Result<PeerId, Failure> {
        let unknown = || {
            let what = format!("the inbox of the wallet {} is not known", printable(wallet));
            Failure::failed(what).hint(hint)
        };
        let Some(network) = &self.network else {
            return Err(unknown().cause(
                "a wallet counts only where a network proves whose it is, and this host is on none",
            ));
        };
        let found = network.inbox_of(wallet).await.map_err(|error| {
            Failure::unreachable("the network cannot be asked whose that wallet is")
                .caused_by(&error)
                .hint("try again when `coworker-host status` shows it connected")
        })?;
        found.ok_or_else(|| unknown().cause("nobody on the network has that wallet"))
    }

    /// Grants what was proposed from elsewhere. The peer did not ask, and hears nothing.
    async fn take_over(&self, proposal: ProposalRow) -> Result<Value, Failure> {
        let peer = match (proposal.peer, &proposal.wallet) {
            (Some(peer), _) => peer,
            (None, wallet) => {
                let wallet = wallet.as_deref().unwrap_or_default();
                self.owner_of(wallet, NO_PROPOSER).await?
            }
        };
        let row = self
            .trust
            .take_over(&peer, proposal.tier, proposal.name)
            .await?;
        self.store.drop_proposal(proposal.id).await?;
        Ok(self.row_value(&row))
    }

    pub(super) async fn trust_grant(&self, id: &str) -> Result<Value, Failure> {
        if let Some(proposal) = self.store.proposal(id).await? {
            return self.take_over(proposal).await;
        }
        let (row, request) = self.trust.grant(id).await?;
        let correlation = request.correlation.as_deref().and_then(CorrelationId::new);
        let message = Message::TrustGrant {
            tier: row.tier,
            reason: "granted by the owner".to_owned(),
        };
        self.outbox
            .push(
                row.peer.clone(),
                self.encode(correlation, message).into_bytes(),
                None,
            )
            .await?;
        Ok(self.row_value(&row))
    }

    pub(super) async fn trust_deny(&self, id: &str) -> Result<Value, Failure> {
        if let Some(proposal) = self.store.proposal(id).await? {
            self.store.drop_proposal(id).await?;
            return Ok(json!({ "id": id, "peer": proposal.peer, "wallet": proposal.wallet }));
        }
        let request = self.trust.take(id).await?;
        Ok(json!({ "id": request.id, "peer": request.peer }))
    }

    pub(super) fn peers_list(&self) -> Value {
        self.trust
            .rows()
            .iter()
            .map(|row| self.seen_value(row))
            .collect()
    }

    pub(super) async fn peers_show(&self, peer: &str) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        let row = self.known(&peer)?;
        let usage = self
            .store
            .usage(UsageBy::Peer, coworker_core::Timestamp(0))
            .await?;
        let usage = usage.into_iter().find(|sum| sum.key == peer.to_string());
        let card = self.store.card(&peer).await?;
        let mut value = self.seen_value(&row);
        if let Some(value) = value.as_object_mut() {
            value.insert("skills".to_owned(), card.map(|card| card.skills).into());
            value.insert(
                "tasks".to_owned(),
                usage.as_ref().map_or(0, |usage| usage.calls).into(),
            );
            value.insert(
                "usage".to_owned(),
                usage
                    .as_ref()
                    .map_or(Value::Null, super::report::usage_value),
            );
        }
        Ok(value)
    }

    pub(super) async fn peers_name(
        &self,
        peer: &str,
        name: Option<String>,
    ) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        Ok(self.row_value(&self.trust.name(&peer, name).await?))
    }

    pub(super) async fn peers_forget(&self, peer: &str) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        self.known(&peer)?;
        self.lines().clear(&peer);
        self.store.cancel_peer(&peer).await?;
        self.stop_running(&peer);
        self.outbox.reload(&peer);
        self.trust.forget(&peer).await?;
        Ok(json!({ "forgotten": peer }))
    }

    fn known(&self, peer: &PeerId) -> Result<PeerRow, Failure> {
        self.trust.row(peer).ok_or_else(|| {
            Failure::failed(format!("{peer} was never seen"))
                .hint("run `coworker-host connect` with its invite to meet it")
        })
    }

    /// Returns a peer as commands show it.
    fn row_value(&self, row: &PeerRow) -> Value {
        let now = clock::now();
        let lease = row.lease.as_ref().map(|lease| {
            let until = lease.until.map(|until| self.trust.shown_end(until, now));
            json!({ "tier": lease.tier, "until_at": until, "calls_left": lease.calls_left, "skills": lease.skills })
        });
        json!({
            "peer": row.peer, "name": row.name, "claimed_name": row.claimed_name, "tier": row.tier,
            "blocked": row.blocked, "lease": lease,
        })
    }

    fn seen_value(&self, row: &PeerRow) -> Value {
        let mut value = self.row_value(row);
        if let Some(value) = value.as_object_mut() {
            value.insert("first_seen_at".to_owned(), json!(row.first_seen));
            value.insert("last_seen_at".to_owned(), json!(row.last_seen));
        }
        value
    }
}

fn proposal_value(row: &ProposalRow) -> Value {
    json!({
        "id": row.id, "peer": row.peer, "wallet": row.wallet, "name": null, "claimed_name": row.name, "tier": row.tier,
        "reason": "brought from agent-coworker", "received_at": row.at, "origin": "import",
    })
}
