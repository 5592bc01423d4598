//! The start of a request that need not wait: its first attempt goes to disk with it, in one commit instead of two. What is
//! decided here is decided again in its turn; this only says what will have been running if the host dies.

use std::time::Duration;

use coworker_core::{
    Catalog, Digest, Envelope, Message, PeerId, Prior, Scheme, Sight, Tier, Timestamp, Verdict,
    View, judge,
};

use super::{CACHED, OWED};
use crate::clock;
use crate::host::Host;

/// Takes a token for a peer's next request, or tells how long until it may have one.
pub(super) fn may_start(host: &Host, peer: &PeerId, tier: Tier) -> Result<(), Duration> {
    if host.has_twin() && peer.scheme() != Scheme::Local {
        // What is asked waits for the owner's choice.
        return Err(OWED);
    }
    let room = host.config.retention.size;
    if host.outbox.is_too_much(peer, tier, room) {
        return Err(OWED);
    }
    host.rates.take(peer, tier)
}

/// A place among the live requests, for one that is not on disk yet.
#[derive(Debug)]
pub(crate) struct Begun {
    /// What it will run, and the tier that this was decided with. None if it is not known, or if it has to be known
    /// exactly whether it ran.
    pub(crate) run: Option<(Digest, Tier)>,
}

/// Lets a request that has room begin if its turn would come at once, so that its first attempt goes to disk with it. What
/// may act beyond its answer waits for its turn: if the host dies before that, it has surely not run.
pub(crate) fn begin(
    host: &Host,
    peer: &PeerId,
    tier: Tier,
    envelope: &Envelope,
    (size, expires): (usize, Timestamp),
) -> Option<Begun> {
    let has_begun = host.performs(peer)
        && host
            .lines()
            .begin(peer, tier, |peer, tier| may_start(host, peer, tier));
    if !has_begun {
        return None;
    }
    let Message::TaskRequest(request) = &envelope.message else {
        return Some(Begun { run: None });
    };
    let now = clock::now();
    let sight = host.sight(peer, now);
    let catalog = host.skills.catalog();
    let view = view(host, now, (&catalog, &sight), Prior::None);
    let run = match (size <= CACHED).then(|| judge(envelope, &view)) {
        Some(Verdict::Run { entry, .. }) if expires > now && !entry.grants.acts() => {
            Some((entry.digest, sight.tier_for(&request.skill)))
        }
        _ => None,
    };
    Some(Begun { run })
}

/// Returns what a request is judged by.
pub(super) fn view<'a>(
    host: &'a Host,
    now: Timestamp,
    (catalog, sight): (&'a Catalog, &'a Sight),
    prior: Prior<'a>,
) -> View<'a> {
    View {
        now,
        catalog,
        sight,
        prior,
        agent: &host.name,
        wallet: host.wallet(),
        limits_input: host.config.limits.ceiling.input,
    }
}
