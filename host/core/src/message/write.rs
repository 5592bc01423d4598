//! Messages into payloads, without a copy in between. The order of fields is that of the old peers.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::{Message, RemoteCard, TaskFailure, TaskRequest};

/// A message's payload as something to serialise.
pub(crate) struct Payload<'a>(pub(crate) &'a Message);

impl Serialize for RemoteCard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(value) = kept(self.0) {
            return value.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        fields(self.0, &mut map)?;
        map.end()
    }
}

/// The kinds whose payload is a value as it came.
fn kept(message: &Message) -> Option<&Value> {
    match message {
        Message::SkillCard(card) => Some(card.value()),
        Message::SessionPropose(payload)
        | Message::SessionAccept(payload)
        | Message::ContextQuery(payload)
        | Message::GroupCreate(payload)
        | Message::GroupCreated(payload)
        | Message::GroupInvite(payload)
        | Message::GroupJoined(payload)
        | Message::GroupMessage(payload)
        | Message::GroupDiscover(payload)
        | Message::GroupCapabilities(payload)
        | Message::Other { payload, .. } => Some(payload),
        _ => None,
    }
}

fn fields<M: SerializeMap>(message: &Message, map: &mut M) -> Result<(), M::Error> {
    match message {
        Message::Ping { message } | Message::Pong { message } => {
            map.serialize_entry("message", message)
        }
        Message::Discover { name, wallet } => {
            some(map, "name", name)?;
            some(map, "wallet", wallet)
        }
        Message::Capabilities {
            name,
            skills,
            card_hash,
        } => {
            map.serialize_entry("name", name)?;
            map.serialize_entry("skills", skills)?;
            some(map, "card_hash", card_hash)
        }
        Message::TrustRequest {
            requested,
            reason,
            invite,
        } => {
            map.serialize_entry("requested_tier", &requested.level())?;
            map.serialize_entry("reason", reason)?;
            let ext = invite.map(|secret| json!({ "invite": secret.encode() }));
            some(map, "ext", &ext)
        }
        Message::TrustGrant { tier, reason } => {
            map.serialize_entry("granted", &true)?;
            map.serialize_entry("granted_tier", &tier.level())?;
            map.serialize_entry("reason", reason)
        }
        Message::TrustDeny { requested, reason } => {
            map.serialize_entry("granted", &false)?;
            map.serialize_entry("requested_tier", &requested.level())?;
            map.serialize_entry("reason", reason)
        }
        Message::TaskRequest(request) => call(map, request),
        Message::GroupTaskRequest {
            request,
            target_wallet,
        } => {
            call(map, request)?;
            some(map, "target_wallet", target_wallet)
        }
        Message::TaskResponse {
            result,
            duration_ms,
        }
        | Message::GroupTaskResponse {
            result,
            duration_ms,
        } => {
            map.serialize_entry("success", &true)?;
            map.serialize_entry("result", result)?;
            some(map, "duration_ms", duration_ms)
        }
        Message::TaskError(failure) | Message::GroupTaskError(failure) => failed(map, failure),
        Message::Error { code, message } => {
            map.serialize_entry("code", code)?;
            map.serialize_entry("message", message)
        }
        Message::SkillCardQuery { skill } => map.serialize_entry("skill", skill),
        Message::AgentCardQuery { cached_hash } => some(map, "cached_hash", cached_hash),
        Message::PlanPropose { goal, steps } => {
            map.serialize_entry("goal", goal)?;
            map.serialize_entry("steps", steps)
        }
        Message::PlanAccept { goal } => {
            map.serialize_entry("goal", goal)?;
            map.serialize_entry("accepted", &true)
        }
        Message::PlanReject { reason } => map.serialize_entry("reason", reason),
        // Written whole by `kept`.
        Message::SkillCard(_)
        | Message::SessionPropose(_)
        | Message::SessionAccept(_)
        | Message::ContextQuery(_)
        | Message::GroupCreate(_)
        | Message::GroupCreated(_)
        | Message::GroupInvite(_)
        | Message::GroupJoined(_)
        | Message::GroupMessage(_)
        | Message::GroupDiscover(_)
        | Message::GroupCapabilities(_)
        | Message::Other { .. } => Ok(()),
    }
}

fn call<M: SerializeMap>(map: &mut M, request: &TaskRequest) -> Result<(), M::Error> {
    map.serialize_entry("skill", &request.skill)?;
    map.serialize_entry("input", &request.input)?;
    some(map, "skill_version", &request.version)?;
    if request.is_async {
        map.serialize_entry("async", &json!(true))?;
    }
    some(map, "task_id", &request.task_id)
}

fn failed<M: SerializeMap>(map: &mut M, failure: &TaskFailure) -> Result<(), M::Error> {
    map.serialize_entry("success", &false)?;
    map.serialize_entry("error", &failure.error)?;
    some(map, "error_code", &failure.code)?;
    some(map, "available_version", &failure.available_version)?;
    some(map, "requested_version", &failure.requested_version)
}

fn some<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &str,
    value: &Option<T>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, value),
        None => Ok(()),
    }
}
