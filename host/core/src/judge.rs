//! What to do about one message, decided from data alone. The order for a call is fixed: visible, duplicate, version,
//! input, run. Nothing runs for a skill that the caller does not see, and nothing it is told depends on why.

mod discover;

use std::sync::Arc;

use crate::json::depth;
use crate::message::TaskRequest;
use crate::refusal::unknown;
use crate::{
    Admission, Bytes, CARD_HASH, Catalog, Entry, Envelope, InviteSecret, Limits, Message, Refusal,
    Sight, Tier, Timestamp, Why, admit,
};

pub use discover::MAX_CAPABILITIES;

/// What is known of an earlier arrival of the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior<'a> {
    /// There was none.
    None,
    /// It is queued or running.
    Underway,
    /// It was answered with these bytes.
    Answered(&'a [u8]),
    /// It was answered and the answer is no longer kept.
    Gone,
}

/// Everything a decision may depend on besides the message.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The time.
    pub now: Timestamp,
    /// What is served.
    pub catalog: &'a Catalog,
    /// How far the sender sees.
    pub sight: &'a Sight,
    /// What became of the same request before.
    pub prior: Prior<'a>,
    /// The name of this agent.
    pub agent: &'a str,
    /// The wallet of this agent.
    pub wallet: Option<&'a str>,
    /// The largest input that any skill takes.
    pub limits_input: Bytes,
}

/// What to do about a message.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Nothing.
    Ignore(Why),
    /// Answer at once.
    Reply(Message),
    /// Answer on the next boundary after receipt: the refusal that must not tell by its time what it is about.
    Hidden(Message),
    /// Send the recorded answer again.
    Repeat,
    /// Put it before the owner.
    TrustAsk {
        /// The tier asked for.
        requested: Tier,
        /// Why, in the peer's words.
        reason: String,
    },
    /// Redeem an invite for a tier that the peer does not have. If that fails, judge the request as if it carried none.
    Redeem(InviteSecret),
    /// Run a skill.
    Run {
        /// Which.
        entry: Arc<Entry>,
        /// The validated input, re-serialised.
        input: String,
    },
}

/// Decides about one message.
pub fn judge(env: &Envelope, view: &View<'_>) -> Verdict {
    match admit(env.kind(), view.sight.tier()) {
        Admission::Serve => {}
        Admission::Reply => return Verdict::Ignore(Why::Answer),
        Admission::Drop(why) => return Verdict::Ignore(why),
    }
    match &env.message {
        Message::Ping { .. } => Verdict::Reply(Message::Pong {
            message: format!("pong from {}", view.agent),
        }),
        Message::Discover { .. } => Verdict::Reply(discover::capabilities(view, false)),
        Message::AgentCardQuery { cached_hash } => {
            let cached = cached_hash.as_deref().filter(|_| env.accepts(CARD_HASH));
            Verdict::Reply(discover::validated(view, cached))
        }
        Message::SkillCardQuery { skill } => discover::card(skill, view),
        // What is lent ends, so an invite counts beside it.
        Message::TrustRequest {
            requested,
            invite: Some(secret),
            ..
        } if *requested > view.sight.tier => Verdict::Redeem(*secret),
        Message::TrustRequest {
            requested, reason, ..
        } => trust(*requested, reason, view),
        Message::TaskRequest(request) => task(request, view),
        // Staying out is the same whatever the plan is.
        Message::PlanPropose { .. } => Verdict::Reply(Message::PlanReject {
            reason: "not taking part".to_owned(),
        }),
        Message::GroupTaskRequest {
            request,
            target_wallet,
        } => group_task(request, target_wallet.as_deref(), view),
        // A member that offers nothing says nothing: all members answer under one correlation id, and the first
        // answer displaces the others.
        _ => Verdict::Ignore(Why::NotTaken),
    }
}

fn task(request: &TaskRequest, view: &View<'_>) -> Verdict {
    let Some(entry) = view.sight.find(view.catalog, &request.skill) else {
        return hidden(&request.skill);
    };
    let refuse = |refusal: Refusal| Verdict::Reply(refusal.message());
    match view.prior {
        Prior::None => {}
        Prior::Underway => return Verdict::Ignore(Why::Underway),
        Prior::Answered(_) => return Verdict::Repeat,
        Prior::Gone => return refuse(Refusal::Interrupted),
    }
    if let (Some(requested), Some(available)) = (&request.version, &entry.manifest.version)
        && requested != available
    {
        return refuse(Refusal::VersionMismatch {
            requested: requested.clone(),
            available: available.clone(),
        });
    }
    match input(request, entry, view.limits_input) {
        Ok(input) => Verdict::Run {
            entry: Arc::clone(entry),
            input,
        },
        Err(message) => refuse(Refusal::InvalidInput { message }),
    }
}

/// Returns the input as text that the skill's schema accepts, or what is wrong with it.
fn input(request: &TaskRequest, entry: &Entry, largest: Bytes) -> Result<String, String> {
    let max = largest.min(entry.limits.input);
    if depth(&request.input) > Limits::INPUT_DEPTH {
        return Err(format!(
            "input: nested deeper than {} levels",
            Limits::INPUT_DEPTH
        ));
    }
    let text = request.input.to_string();
    if text.len() > max.len() {
        return Err(format!("input: larger than {max}"));
    }
    match entry.input.check(&request.input) {
        Ok(()) => Ok(text),
        Err(violation) => Err(violation.to_string()),
    }
}

fn hidden(name: &str) -> Verdict {
    Verdict::Hidden(
        Refusal::UnknownSkill {
            name: name.to_owned(),
        }
        .message(),
    )
}

/// A request never lowers a tier: who has as much is told what it has.
fn trust(requested: Tier, reason: &str, view: &View<'_>) -> Verdict {
    let tier = view.sight.tier();
    if requested <= tier {
        Verdict::Reply(Message::TrustGrant {
            tier,
            reason: "already granted".to_owned(),
        })
    } else {
        Verdict::TrustAsk {
            requested,
            reason: reason.to_owned(),
        }
    }
}

/// In a group this host offers nothing yet: asked by its wallet it answers the same for every name, so that a caller
/// need not wait in vain; what is for others, or for everybody, it leaves alone.
fn group_task(request: &TaskRequest, target: Option<&str>, view: &View<'_>) -> Verdict {
    let ours = view.wallet.is_some_and(|wallet| {
        !wallet.is_empty() && target.is_some_and(|target| target.eq_ignore_ascii_case(wallet))
    });
    if !ours {
        return Verdict::Ignore(Why::NotTaken);
    }
    Verdict::Hidden(Message::GroupTaskError(crate::TaskFailure {
        error: unknown(&request.skill),
        ..Default::default()
    }))
}

#[cfg(test)]
mod tests;
