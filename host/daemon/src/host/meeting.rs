//! Meeting peers: what they show us, kept with its hash, and the request for trust where it is wanted and missing. What
//! is kept is replaced only by what the peer says; no failure wipes it.

use std::time::Duration;

use coworker_core::{
    CARD_HASH, Envelope, Message, Offer, PeerId, RemoteCard, Span, Tier, connect_cache_hash,
};
use serde_json::{Value, json};

use super::Host;
use crate::ask::ask;
use crate::clock;
use crate::control::protocol::Progress;
use crate::report::Failure;
use crate::store::CardRow;

/// How long a discovery may take.
const DISCOVER: Duration = Duration::from_secs(15);

/// Whom to meet, and what to ask for.
pub(super) struct Meeting {
    pub(super) target: String,
    pub(super) name: Option<String>,
    pub(super) tier: Option<Tier>,
    pub(super) reason: Option<String>,
    pub(super) timeout: Option<Span>,
}

/// What a peer shows.
struct Shown {
    row: CardRow,
    /// It is what the peer showed before.
    unchanged: bool,
}

impl Host {
    /// Meets a peer: discover, ask for trust where it is wanted and missing, discover again.
    pub(super) async fn connect(
        &self,
        meeting: Meeting,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let Meeting {
            target,
            name,
            tier,
            reason,
            timeout,
        } = meeting;
        let (peer, offer) = self.resolve_offer(&target).await?;
        if peer == self.me {
            return Err(Failure::usage("this is your own invite")
                .hint("give it to the peer that is to call you"));
        }
        let within = timeout.map_or(DISCOVER, |span| span.0);
        self.trust.seen(&peer, None, clock::now()).await?;
        if name.is_some() {
            self.trust.name(&peer, name).await?;
        }
        progress.say("asking what there is");
        let mut shown = self.look(&peer, within).await?;
        let (mut granted, mut said) = (None, None);
        if let Some(wanted) = tier
            && let Some((requested, offer)) = missing(wanted, offer, &shown.row)
        {
            progress.say(format!("asking to be {requested}"));
            let request = Message::TrustRequest {
                requested,
                reason: reason.unwrap_or_default(),
                invite: offer.map(|offer| offer.secret),
            };
            match ask(self, &peer, request, within).await?.envelope.message {
                Message::TrustGrant { tier, reason } => {
                    (granted, said) = (Some(tier), Some(reason));
                }
                Message::TrustDeny { reason, .. } => said = Some(reason),
                other => said = Some(format!("answered with {}", other.kind().name())),
            }
            if granted.is_some() {
                shown.row.tier = granted;
                self.store.put_card(&peer, shown.row).await?;
                progress.say("asking again what there is");
                shown = self.look(&peer, within).await?;
            }
        }
        let name = self.trust.row(&peer).and_then(|row| row.name);
        Ok(json!({
            "peer": peer, "name": name, "claimed_name": shown.row.claimed_name, "granted": granted, "reason": said,
            "unchanged": shown.unchanged, "skills": shown.row.skills,
        }))
    }

    /// Shows what a peer shows us.
    pub(super) async fn peer_inspect(
        &self,
        peer: &str,
        skill: Option<String>,
        timeout: Option<Span>,
        progress: &Progress,
    ) -> Result<Value, Failure> {
        let peer = self.resolve(peer).await?;
        let within = timeout.map_or(DISCOVER, |span| span.0);
        progress.say("asking what there is");
        let (claimed, cards) = match skill {
            None => {
                let shown = self.look(&peer, within).await?;
                (shown.row.claimed_name, shown.row.skills)
            }
            Some(skill) => (None, vec![self.card(&peer, skill, within).await?]),
        };
        let name = self.trust.row(&peer).and_then(|row| row.name);
        Ok(json!({ "peer": peer, "name": name, "claimed_name": claimed, "skills": cards }))
    }

    async fn card(&self, peer: &PeerId, skill: String, within: Duration) -> Result<Value, Failure> {
        let question = Message::SkillCardQuery {
            skill: skill.clone(),
        };
        match ask(self, peer, question, within).await?.envelope.message {
            Message::SkillCard(card) => Ok(card.value().clone()),
            _ => Err(Failure::failed(format!("{peer} shows no skill {skill:?}"))
                .hint("run `coworker-host inspect PEER` to see what it shows you")),
        }
    }

    /// Asks a peer what it shows, in one round trip: by the hash of what is kept where the peer understands that. An old
    /// peer is never asked by hash, which it answers with an error, and its list is compared here.
    async fn look(&self, peer: &PeerId, within: Duration) -> Result<Shown, Failure> {
        let kept = self.store.card(peer).await?;
        let asked_by_hash = kept
            .as_ref()
            .filter(|kept| kept.accepts.iter().any(|feature| feature == CARD_HASH));
        if let Some(kept) = asked_by_hash {
            let question = Message::AgentCardQuery {
                cached_hash: Some(kept.hash.clone()),
            };
            let answer = ask(self, peer, question, within).await?.envelope;
            if matches!(answer.message, Message::Capabilities { .. }) {
                return self.keep(peer, answer, Some(kept.clone())).await;
            }
            // It was replaced by a program that does not know the question.
        }
        let question = Message::Discover {
            name: Some(self.name.clone()),
            wallet: None,
        };
        let answer = ask(self, peer, question, within).await?.envelope;
        self.keep(peer, answer, kept).await
    }

    /// Keeps what a peer answered. A hash is believed only where it says that nothing changed; any other is computed.
    async fn keep(
        &self,
        peer: &PeerId,
        answer: Envelope,
        kept: Option<CardRow>,
    ) -> Result<Shown, Failure> {
        let Message::Capabilities {
            name,
            skills,
            card_hash,
        } = answer.message
        else {
            return Err(
                Failure::failed(format!("{peer} does not say what it offers"))
                    .cause(format!("it answered with {}", answer.message.kind().name())),
            );
        };
        let skills: Vec<Value> = skills.iter().map(RemoteCard::value).cloned().collect();
        let (before, tier) = match kept {
            Some(kept) => (Some((kept.hash, kept.skills)), kept.tier),
            None => (None, None),
        };
        let (hash, skills, unchanged) = match before {
            Some((hash, before)) if skills.is_empty() && card_hash.as_ref() == Some(&hash) => {
                (hash, before, true)
            }
            before => {
                let hash = connect_cache_hash(&skills);
                let unchanged = before.is_some_and(|(before, _)| before == hash);
                (hash, skills, unchanged)
            }
        };
        let row = CardRow {
            claimed_name: Some(name),
            hash,
            accepts: answer.accepts,
            tier,
            at: clock::now(),
            skills,
        };
        self.store.put_card(peer, row.clone()).await?;
        Ok(Shown { row, unchanged })
    }
}

/// Returns the tier to ask for, with the offer that gives it; nothing where the peer seems to have given as much. What it
/// said of our tier counts only while it shows anything: a peer that took it back shows nothing.
fn missing(wanted: Tier, offer: Option<Offer>, row: &CardRow) -> Option<(Tier, Option<Offer>)> {
    let said = row.tier.filter(|_| !row.skills.is_empty());
    if let Some(offer) = offer.filter(|offer| said < Some(offer.tier)) {
        return Some((offer.tier, Some(offer)));
    }
    let seen = row
        .skills
        .iter()
        .filter_map(|card| card.get("min_trust_tier")?.as_u64());
    let seen = seen.max().and_then(|level| u8::try_from(level).ok());
    let has = said
        .max(seen.and_then(Tier::from_level))
        .unwrap_or_default();
    (has < wanted).then_some((wanted, None))
}
