//! Invites: made and taken back by the owner, read and checked when somebody else's is pasted. A code that was changed
//! on the way, or that was not signed by whom it names, is refused before anybody is written to.

use std::time::Duration;

use coworker_core::{InviteCode, InviteSecret, Offer, PeerId, Scheme, Span, Tier, Timestamp};
use serde_json::{Value, json};

use super::Host;
use super::people::NO_INBOX;
use crate::clock;
use crate::home;
use crate::report::Failure;
use crate::store::InviteRow;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long an invite holds when the owner does not say, and at most.
const USUAL: Duration = Duration::from_secs(7 * 24 * 3_600);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);
/// How many peers may use one invite at most.
const USES: u32 = 10_000;

/// What an invite is to give.
pub(super) struct Terms {
    pub(super) grants: Tier,
    pub(super) expires: Option<Span>,
    pub(super) uses: Option<u32>,
    pub(super) only: Option<String>,
}

impl Host {
    /// Returns the network that we are on, as invites name it.
    pub fn network_name(&self) -> String {
        let kind = crate::transport::name(self.me.scheme());
        match &self.network {
            Some(network) => format!("{kind}-{}", network.status().env),
            None => kind.to_owned(),
        }
    }

    /// Returns a code that another agent can read to find us. It gives nothing.
    pub fn invite(&self) -> String {
        self.plain_code().encode()
    }

    fn plain_code(&self) -> InviteCode {
        InviteCode {
            name: self.name.clone(),
            inbox_id: Some(self.me.id().to_owned()),
            wallet: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            offer: None,
        }
    }

    pub(super) fn invite_plain(&self) -> Value {
        let code = self.plain_code();
        json!({
            "code": code.encode(), "short_id": code.short_id(), "id": null, "grants": null, "expires_at": null,
            "uses": null, "peer": null, "network": self.network_name(),
        })
    }

    /// Makes an invite that gives a tier. Its secret is in the answer and nowhere else.
    pub(super) async fn invite_make(&self, terms: Terms) -> Result<Value, Failure> {
        let now = clock::now();
        let (uses, within) = terms.check()?;
        let bound = match &terms.only {
            Some(peer) => Some(self.resolve(peer).await?),
            None => None,
        };
        if let Some(row) = bound.as_ref().and_then(|peer| self.trust.row(peer)) {
            if row.blocked {
                return Err(Failure::failed(format!("{} is blocked", row.peer))
                    .cause("an invite lifts no block")
                    .hint("run `coworker-host trust set PEER known` to let it in again"));
            }
            if row.tier >= terms.grants {
                let (has, grants) = (row.tier, terms.grants);
                return Err(Failure::failed(format!(
                    "the peer is {has} for good: an invite to be {grants} gives it nothing"
                ))
                .hint("leave out --grants for a code that only says where you are"));
            }
        }
        // Codes carry whole seconds, and what is kept is what the code says.
        let expires = Timestamp(now.after(within).0.div_euclid(1_000_000) * 1_000_000);
        let secret = InviteSecret::from_random(clock::random());
        let row = InviteRow {
            id: clock::token(),
            tier: terms.grants,
            network: self.network_name(),
            bound,
            uses,
            used: 0,
            made: now,
            expires,
            revoked: None,
        };
        let code = self.sign(&row, secret)?;
        self.store.put_invite(row.clone(), secret.hash()).await?;
        let mut value = invite_value(&row, now);
        if let Some(value) = value.as_object_mut() {
            value.insert("code".to_owned(), code.encode().into());
            value.insert("short_id".to_owned(), code.short_id().into());
        }
        Ok(value)
    }

    fn sign(&self, row: &InviteRow, secret: InviteSecret) -> Result<InviteCode, Failure> {
        let identity = self.home.identity()?;
        let mut code = self.plain_code();
        let mut offer = Offer {
            secret,
            tier: row.tier,
            expires: row.expires,
            network: row.network.clone(),
            key: identity.public(),
            signature: [0; 64],
        };
        code.offer = Some(offer.clone());
        let statement = code
            .statement()
            .ok_or_else(|| Failure::internal("an invite of ours names no inbox"))?;
        offer.signature = identity.sign(&statement);
        code.offer = Some(offer);
        Ok(code)
    }

    pub(super) async fn invite_list(&self) -> Result<Value, Failure> {
        let now = clock::now();
        let rows = self.store.invites().await?;
        Ok(rows.iter().map(|row| invite_value(row, now)).collect())
    }

    pub(super) async fn invite_revoke(&self, id: &str) -> Result<Value, Failure> {
        let now = clock::now();
        let row = self.store.revoke_invite(id, now).await?.ok_or_else(|| {
            Failure::failed(format!("there is no invite {id:?}"))
                .hint("run `coworker-host invite list` to see those there are")
        })?;
        Ok(invite_value(&row, now))
    }

    /// Returns whom an invite leads to, with what it offers.
    pub(super) async fn resolve_offer(
        &self,
        text: &str,
    ) -> Result<(PeerId, Option<Offer>), Failure> {
        let Ok(code) = InviteCode::decode(text) else {
            return Ok((self.resolve(text).await?, None));
        };
        let peer = self.invited(&code).await?;
        if let Some(offer) = &code.offer
            && offer.expires <= clock::now()
        {
            return Err(Failure::failed("the invite has expired")
                .hint("ask whoever gave it to you for a new one"));
        }
        Ok((peer, code.offer))
    }

    /// Returns whom an invite leads to, if it is whole and for the network that we are on.
    pub(super) async fn invited(&self, code: &InviteCode) -> Result<PeerId, Failure> {
        let scheme = self.me.scheme();
        let inbox = match (&code.inbox_id, &code.wallet) {
            (Some(inbox), _) => inbox,
            // Old peers make such codes while they are on no network. What else the code says is not bound to anybody.
            (None, Some(wallet)) if self.network.is_some() && code.offer.is_none() => {
                return self.owner_of(wallet, NO_INBOX).await;
            }
            (None, _) => {
                return Err(
                    Failure::failed("the invite names a wallet and no inbox").hint(NO_INBOX)
                );
            }
        };
        let peer: PeerId = format!("{}:{inbox}", scheme.name()).parse().map_err(|_| {
            Failure::failed("the invite names no inbox that can be written to")
                .hint("ask its owner for a new one")
        })?;
        let Some(offer) = &code.offer else {
            return Ok(peer);
        };
        let signed = code
            .statement()
            .is_some_and(|statement| home::verify(&offer.key, &statement, &offer.signature));
        // On this machine the key proves the inbox too: its hash is the inbox.
        if !signed || (scheme == Scheme::Loop && home::fingerprint(&offer.key) != peer) {
            return Err(Failure::failed("the invite is forged or damaged")
                .cause("its signature does not fit what it says")
                .hint("ask its owner for a new one, and do not use this one"));
        }
        if offer.network != self.network_name() {
            return Err(Failure::failed(format!(
                "the invite is for the network {:?}",
                offer.network
            ))
            .cause(format!("this host is on {:?}", self.network_name())));
        }
        Ok(peer)
    }
}

impl Terms {
    /// Returns how many may use it and for how long, if that is not too generous.
    fn check(&self) -> Result<(u32, Duration), Failure> {
        let high = self.grants > Tier::Known;
        let within = self
            .expires
            .map_or(if high { DAY } else { USUAL }, |span| span.0);
        let uses = self.uses.unwrap_or(1);
        if self.grants == Tier::Untrusted {
            return Err(
                Failure::usage("an invite that grants untrusted gives nothing")
                    .hint("leave out --grants for a code that only says where you are"),
            );
        }
        if high && (uses != 1 || within > DAY) {
            return Err(Failure::usage(format!(
                "an invite to be {} is for one use within 24 hours",
                self.grants
            ))
            .hint("use --uses 1 --expires 24h or less; or grant known, and raise the peer when it has come"));
        }
        if uses == 0 || uses > USES {
            return Err(Failure::usage(format!("--uses is 1 to {USES}")));
        }
        if within.as_secs() == 0 || within > LONGEST {
            return Err(Failure::usage("--expires is one second to 365 days"));
        }
        Ok((uses, within))
    }
}

fn invite_value(row: &InviteRow, now: Timestamp) -> Value {
    let state = if row.revoked.is_some() {
        "revoked"
    } else if row.used >= row.uses {
        "used"
    } else if row.expires <= now {
        "expired"
    } else {
        "open"
    };
    json!({
        "id": row.id, "grants": row.tier, "state": state, "uses": row.uses, "used": row.used, "peer": row.bound,
        "network": row.network, "made_at": row.made, "expires_at": row.expires,
    })
}
