//! Payloads of strangers into messages. Missing fields get the defaults of the old peers; what is there and has a
//! wrong type is refused only where guessing would change what somebody asked for.

use serde_json::{Map, Value};

use super::{Message, NAME_SHOWN, RemoteCard, TaskFailure, TaskRequest, cut};
use crate::{InviteSecret, Kind, Tier};

/// Why a payload is no message of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPayload {
    /// `requested_tier` is not a number of 0 or more.
    #[error("`requested_tier` is not a whole number of 0 or more")]
    RequestedTier,
    /// A card without a name.
    #[error("a skill card has no name")]
    NamelessCard,
}

/// The longest texts that are kept, in characters: a reason or goal, and any error.
const TEXT: usize = 512;
const ERROR: usize = 4_096;

type Fields = Map<String, Value>;

/// Reads the payload of a message of type `name`.
pub(crate) fn read_payload(name: &str, mut fields: Fields) -> Result<Message, BadPayload> {
    let f = &mut fields;
    Ok(match Kind::of(name) {
        Kind::Ping => Message::Ping {
            message: text(f, "message", TEXT),
        },
        Kind::Pong => Message::Pong {
            message: text(f, "message", TEXT),
        },
        Kind::Discover => Message::Discover {
            name: optional(f, "name", TEXT),
            wallet: optional(f, "wallet", TEXT),
        },
        Kind::Capabilities => Message::Capabilities {
            name: text(f, "name", TEXT),
            skills: cards(f.remove("skills")),
            card_hash: optional(f, "card_hash", TEXT),
        },
        Kind::TrustRequest => Message::TrustRequest {
            requested: requested(f.get("requested_tier"))?,
            reason: text(f, "reason", TEXT),
            invite: invite(f),
        },
        Kind::TrustGrant => Message::TrustGrant {
            tier: requested(f.get("granted_tier")).unwrap_or_default(),
            reason: text(f, "reason", TEXT),
        },
        Kind::TrustDeny => Message::TrustDeny {
            requested: requested(f.get("requested_tier")).unwrap_or_default(),
            reason: text(f, "reason", TEXT),
        },
        Kind::TaskRequest => Message::TaskRequest(task_request(f)),
        Kind::TaskResponse => match response(f) {
            Ok((result, duration_ms)) => Message::TaskResponse {
                result,
                duration_ms,
            },
            Err(failure) => Message::TaskError(failure),
        },
        Kind::TaskError => Message::TaskError(failure(f)),
        Kind::Error => Message::Error {
            code: text(f, "code", TEXT),
            message: text(f, "message", ERROR),
        },
        Kind::SkillCardQuery => Message::SkillCardQuery {
            skill: text(f, "skill", NAME_SHOWN),
        },
        Kind::SkillCard => Message::SkillCard(
            RemoteCard::read(Value::Object(fields)).ok_or(BadPayload::NamelessCard)?,
        ),
        Kind::AgentCardQuery => Message::AgentCardQuery {
            cached_hash: optional(f, "cached_hash", TEXT),
        },
        Kind::PlanPropose => Message::PlanPropose {
            goal: text(f, "goal", ERROR),
            steps: f.remove("steps").unwrap_or(Value::Array(Vec::new())),
        },
        Kind::PlanAccept => Message::PlanAccept {
            goal: text(f, "goal", ERROR),
        },
        Kind::PlanReject => Message::PlanReject {
            reason: text(f, "reason", TEXT),
        },
        Kind::SessionPropose => Message::SessionPropose(Value::Object(fields)),
        Kind::SessionAccept => Message::SessionAccept(Value::Object(fields)),
        Kind::ContextQuery => Message::ContextQuery(Value::Object(fields)),
        Kind::GroupCreate => Message::GroupCreate(Value::Object(fields)),
        Kind::GroupCreated => Message::GroupCreated(Value::Object(fields)),
        Kind::GroupInvite => Message::GroupInvite(Value::Object(fields)),
        Kind::GroupJoined => Message::GroupJoined(Value::Object(fields)),
        Kind::GroupMessage => Message::GroupMessage(Value::Object(fields)),
        Kind::GroupDiscover => Message::GroupDiscover(Value::Object(fields)),
        Kind::GroupCapabilities => Message::GroupCapabilities(Value::Object(fields)),
        Kind::GroupTaskRequest => Message::GroupTaskRequest {
            target_wallet: optional(f, "target_wallet", TEXT),
            request: task_request(f),
        },
        Kind::GroupTaskResponse => match response(f) {
            Ok((result, duration_ms)) => Message::GroupTaskResponse {
                result,
                duration_ms,
            },
            Err(failure) => Message::GroupTaskError(failure),
        },
        Kind::GroupTaskError => Message::GroupTaskError(failure(f)),
        Kind::Other => Message::Other {
            kind: name.to_owned(),
            payload: Value::Object(fields),
        },
    })
}

/// Old peers raise on anything but a whole number of 0 or more, and so never answer; `true` counts as 1 there. Above
/// the highest tier, whoever asks wants the highest.
fn requested(value: Option<&Value>) -> Result<Tier, BadPayload> {
    let level = match value {
        None | Some(Value::Bool(true)) => 1,
        Some(Value::Bool(false)) => 0,
        Some(value) => value.as_u64().ok_or(BadPayload::RequestedTier)?,
    };
    Ok(u8::try_from(level)
        .ok()
        .and_then(Tier::from_level)
        .unwrap_or(Tier::Privileged))
}

/// What is no secret is none: the request is then a plain one.
fn invite(f: &Fields) -> Option<InviteSecret> {
    InviteSecret::read(f.get("ext")?.get("invite")?.as_str()?)
}

fn task_request(f: &mut Fields) -> TaskRequest {
    TaskRequest {
        skill: text(f, "skill", NAME_SHOWN),
        input: f.remove("input").unwrap_or(Value::Object(Map::new())),
        version: optional(f, "skill_version", NAME_SHOWN),
        is_async: f.get("async") == Some(&Value::Bool(true)),
        task_id: optional(f, "task_id", TEXT),
    }
}

/// A response that says it failed, or says neither and holds nothing, is a failure: the old peers judge by `success`.
fn response(f: &mut Fields) -> Result<(Value, Option<f64>), TaskFailure> {
    let result = f.remove("result").or_else(|| f.remove("output"));
    match (f.get("success"), result) {
        (Some(Value::Bool(true)), result) => Ok((result.unwrap_or_default(), duration(f))),
        (None, Some(result)) => Ok((result, duration(f))),
        _ => Err(failure(f)),
    }
}

fn duration(f: &Fields) -> Option<f64> {
    f.get("duration_ms")?.as_f64()
}

fn failure(f: &mut Fields) -> TaskFailure {
    let error = ["error", "error_message", "message"]
        .into_iter()
        .find_map(|key| f.remove(key).filter(|value| !value.is_null()))
        .map_or_else(String::new, |value| match value {
            Value::String(error) => bounded(error, ERROR),
            other => bounded(other.to_string(), ERROR),
        });
    TaskFailure {
        error,
        code: optional(f, "error_code", TEXT).or_else(|| optional(f, "code", TEXT)),
        available_version: optional(f, "available_version", NAME_SHOWN),
        requested_version: optional(f, "requested_version", NAME_SHOWN),
    }
}

fn cards(list: Option<Value>) -> Vec<RemoteCard> {
    match list {
        Some(Value::Array(list)) => list.into_iter().filter_map(RemoteCard::read).collect(),
        _ => Vec::new(),
    }
}

fn optional(f: &mut Fields, key: &str, chars: usize) -> Option<String> {
    match f.remove(key) {
        Some(Value::String(text)) => Some(bounded(text, chars)),
        _ => None,
    }
}

fn text(f: &mut Fields, key: &str, chars: usize) -> String {
    optional(f, key, chars).unwrap_or_default()
}

fn bounded(mut text: String, chars: usize) -> String {
    text.truncate(cut(&text, chars).len());
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(name: &str, payload: Value) -> Result<Message, BadPayload> {
        let Value::Object(fields) = payload else {
            panic!("payloads are objects")
        };
        read_payload(name, fields)
    }

    #[test]
    fn requested_tiers_are_whole_numbers() {
        for (value, tier) in [
            (json!({}), Tier::Known),
            (json!({"requested_tier": 0}), Tier::Untrusted),
            (json!({"requested_tier": 2}), Tier::Internal),
            (json!({"requested_tier": true}), Tier::Known),
            (json!({"requested_tier": u64::MAX}), Tier::Privileged),
        ] {
            assert_eq!(
                read("trust_request", value),
                Ok(Message::TrustRequest {
                    requested: tier,
                    reason: String::new(),
                    invite: None,
                })
            );
        }
        for value in [json!(null), json!("1"), json!(0.5), json!(-1), json!([1])] {
            assert_eq!(
                read("trust_request", json!({ "requested_tier": value })),
                Err(BadPayload::RequestedTier)
            );
        }
    }

    #[test]
    fn what_is_no_secret_is_a_plain_request() {
        let secret = InviteSecret::from_random([9; 16]);
        let read = |ext: Value| match read("trust_request", json!({ "ext": ext })) {
            Ok(Message::TrustRequest { invite, .. }) => invite,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(json!({ "invite": secret.encode() })), Some(secret));
        for bad in [
            json!(null),
            json!([1]),
            json!({ "invite": 7 }),
            json!({ "invite": "" }),
            json!({ "invite": "A".repeat(23) }),
            json!({ "invite": "A".repeat(100_000) }),
        ] {
            assert_eq!(read(bad), None);
        }
    }

    #[test]
    fn names_are_bounded_and_never_guessed() {
        for (skill, expected) in [
            (json!("a".repeat(500)), "a".repeat(200)),
            (json!(["a"]), String::new()),
            (json!(null), String::new()),
            (json!({"a": 1}), String::new()),
            (json!("é".repeat(201)), "é".repeat(200)),
        ] {
            let Ok(Message::TaskRequest(request)) = read("task_request", json!({ "skill": skill }))
            else {
                panic!("a request whatever the name")
            };
            assert_eq!(request.skill, expected);
            assert_eq!(request.input, json!({}));
        }
    }

    #[test]
    fn a_response_that_failed_is_a_failure() {
        let ok = |result| Message::TaskResponse {
            result,
            duration_ms: None,
        };
        assert_eq!(
            read("task_response", json!({"success": true, "result": 1})),
            Ok(ok(json!(1)))
        );
        assert_eq!(
            read("task_response", json!({"success": true})),
            Ok(ok(json!(null)))
        );
        assert_eq!(
            read(
                "task_response",
                json!({"status": "completed", "output": [1]})
            ),
            Ok(ok(json!([1])))
        );
        for payload in [
            json!({}),
            json!({"success": false, "result": 1}),
            json!({"success": 1, "result": 1}),
        ] {
            assert!(matches!(
                read("task_response", payload),
                Ok(Message::TaskError(_))
            ));
        }
    }

    #[test]
    fn what_old_peers_leak_goes_no_further() {
        let message = read(
            "task_error",
            json!({
                "success": false, "error": "boom", "traceback": "File /home/x/agent.py", "duration_ms": 1.0,
                "available_skills": ["secret"],
            }),
        )
        .expect("a failure");
        assert_eq!(
            message.payload(),
            json!({"success": false, "error": "boom"})
        );
    }

    #[test]
    fn skills_may_be_bare_names() {
        let message = read(
            "capabilities",
            json!({"skills": ["a", {"name": "b", "x": 1}, {"y": 1}, 3]}),
        );
        let Ok(Message::Capabilities { skills, .. }) = message else {
            panic!("capabilities")
        };
        assert_eq!(
            skills.iter().map(RemoteCard::name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(read("skill_card", json!({})), Err(BadPayload::NamelessCard));
    }
}
