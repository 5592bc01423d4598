use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Kind, RemoteCard, TaskFailure, TaskRequest, Tier};

const US: Sender<'static> = Sender {
    name: "bob",
    wallet: Some("0xAB"),
};

#[track_caller]
fn read(value: Value) -> Envelope {
    decode(value.to_string().as_bytes()).expect("a message")
}

fn envelope(kind: &str, payload: Value) -> Value {
    json!({"protocol": "coworker", "type": kind, "payload": payload})
}

#[test]
fn every_captured_envelope_is_read_or_refused_with_a_reason() {
    let lines = include_str!("../../../../tests/fixtures/coworker-0.6.1-wire.jsonl");
    let mut counts = BTreeMap::<String, u32>::new();
    for line in lines.lines() {
        let row = read_lenient(line.as_bytes(), MAX_DEPTH).expect("a row");
        let outcome = match decode(row["envelope"].to_string().as_bytes()) {
            Ok(envelope) => match &envelope.message {
                Message::Other { kind, .. } => format!("other {kind}"),
                known => known.kind().to_string(),
            },
            Err(error) => format!("refused: {error}"),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<u32>(), 225);
    insta::assert_debug_snapshot!(counts);
}

#[test]
fn captured_messages_survive_a_round_trip() {
    let lines = include_str!("../../../../tests/fixtures/coworker-0.6.1-wire.jsonl");
    for line in lines.lines() {
        let row = read_lenient(line.as_bytes(), MAX_DEPTH).expect("a row");
        let Ok(first) = decode(row["envelope"].to_string().as_bytes()) else {
            continue;
        };
        let sender = Sender {
            name: first.claimed_name.as_deref().unwrap_or_default(),
            wallet: first.claimed_wallet.as_deref(),
        };
        let again = decode(encode(&first, &sender).as_bytes()).expect("our own writing");
        assert_eq!(again, first, "{line}");
    }
}

#[test]
fn what_is_not_for_us_is_refused_with_a_reason() {
    for (bytes, reason) in [
        (&b"hello"[..], "not JSON: line 1, column 1"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"[]", "not a JSON object"),
        (b"{}", "not a coworker message"),
        (br#"{"protocol": "other", "type": "ping"}"#, "not a coworker message"),
        (br#"{"protocol": 1, "type": "ping"}"#, "not a coworker message"),
        (br#"{"protocol": "coworker"}"#, "`type` is missing, or not a short text"),
        (br#"{"protocol": "coworker", "type": ["ping"]}"#, "`type` is missing, or not a short text"),
        (br#"{"protocol": "coworker", "type": ""}"#, "`type` is missing, or not a short text"),
        (br#"{"protocol": "coworker", "type": "ping", "payload": []}"#, "`payload` is not an object"),
        (br#"{"protocol": "coworker", "type": "ping", "payload": null}"#, "`payload` is not an object"),
        (
            br#"{"protocol": "coworker", "type": "trust_request", "payload": {"requested_tier": "1"}}"#,
            "`requested_tier` is not a whole number of 0 or more",
        ),
    ] {
        assert_eq!(decode(bytes).expect_err("refused").to_string(), reason);
    }
    assert_eq!(
        decode(&vec![b' '; MAX_ANSWER.len() + 1]),
        Err(Undecodable::TooLarge)
    );
    let deep = format!(
        "{{\"protocol\": \"coworker\", \"payload\": {}",
        "[".repeat(200_000)
    );
    assert!(matches!(
        decode(deep.as_bytes()),
        Err(Undecodable::NotJson(ReadError::TooDeep { .. }))
    ));
    let long = envelope(&"x".repeat(129), json!({}));
    assert_eq!(
        decode(long.to_string().as_bytes()),
        Err(Undecodable::NoType)
    );
}

#[test]
fn odd_fields_around_a_message_do_no_harm() {
    for (field, value) in [
        ("timestamp", json!("2026-11-21T03:48:13")),
        ("timestamp", json!(1_795_232_893)),
        ("timestamp", json!("yesterday")),
        ("ttl", json!(null)),
        ("ttl", json!("3600")),
        ("correlation_id", json!(7)),
        ("correlation_id", json!("x".repeat(257))),
        ("correlation_id", json!("")),
        ("sender_id", json!({})),
        ("sender_wallet", json!([])),
        ("ext", json!({"accepts": [1, "", "x".repeat(65)]})),
        ("ext", json!(3)),
        ("version", json!("9.9")),
        ("_group_id", json!("g")),
    ] {
        let mut value_with = envelope("ping", json!({}));
        value_with[field] = value;
        assert_eq!(
            read(value_with),
            Envelope::new(Message::Ping {
                message: String::new()
            }),
            "{field}"
        );
    }
    let mut odd = envelope("ping", json!({}));
    odd["ttl"] = json!(-5);
    assert_eq!(read(odd.clone()).ttl, Some(Duration::ZERO));
    odd["ttl"] = json!(60.5);
    assert_eq!(read(odd.clone()).ttl, Some(Duration::from_millis(60_500)));
    odd["ttl"] = json!(1e300);
    assert_eq!(read(odd).ttl, Some(Duration::from_secs(3_200_000_000)));
    let no_payload = json!({"protocol": "coworker", "type": "task_request"});
    assert_eq!(
        read(no_payload).message,
        Message::TaskRequest(TaskRequest::new("", json!({})))
    );
}

#[test]
fn times_of_every_known_form_are_read() {
    for (text, micros) in [
        ("2026-11-21T03:48:13.569278+00:00", 1_795_232_893_569_278),
        ("2026-11-21T03:48:13.569278123Z", 1_795_232_893_569_278),
        ("2026-11-21T03:48:13Z", 1_795_232_893_000_000),
        ("2026-11-21T05:48:13.5+02:00", 1_795_232_893_500_000),
        ("1969-12-31T23:59:59.999999Z", -1),
    ] {
        let mut value = envelope("ping", json!({}));
        value["timestamp"] = json!(text);
        assert_eq!(read(value).timestamp, Some(Timestamp(micros)), "{text}");
    }
    assert_eq!(
        write_time(Timestamp(1_795_232_893_569_278)),
        "2026-11-21T03:48:13.569278+00:00"
    );
    assert_eq!(
        write_time(Timestamp(-1)),
        "1969-12-31T23:59:59.999999+00:00"
    );
    assert_eq!(
        write_time(Timestamp(i64::MAX)),
        "1970-01-01T00:00:00.000000+00:00"
    );
}

#[test]
fn nothing_in_a_payload_says_who_is_asking() {
    let request = read(envelope(
        "group_task_request",
        json!({"skill": "a", "requester_wallet": "0xroot", "requester": "root", "target_wallet": "0xab"}),
    ));
    assert!(!format!("{request:?}").contains("root"));
}

#[test]
fn digests_tell_calls_apart_and_nothing_else() {
    let call = |skill: &str, input: Value| TaskRequest::new(skill, input);
    let print = |request: TaskRequest| fingerprint(&Message::TaskRequest(request));
    let base = print(call("a", json!({"x": 1})));
    assert_eq!(
        base,
        print(TaskRequest {
            is_async: true,
            task_id: Some("t".into()),
            ..call("a", json!({"x": 1}))
        })
    );
    for other in [
        call("b", json!({"x": 1})),
        call("a", json!({"x": 2})),
        call("a", json!(null)),
        TaskRequest {
            version: Some("1".into()),
            ..call("a", json!({"x": 1}))
        },
    ] {
        assert_ne!(base, print(other));
    }
    let group = Message::GroupTaskRequest {
        request: call("a", json!({"x": 1})),
        target_wallet: None,
    };
    assert_ne!(base, fingerprint(&group));
}

/// One message of every kind.
fn examples() -> Vec<Message> {
    let text = || "ü😀\"\n".to_owned();
    let card = || {
        RemoteCard::read(json!({"name": "a", "description": "d", "ext": {"input": true}}))
            .expect("a card")
    };
    let kept = || json!({"any": [1, 2.5, null]});
    let request = || TaskRequest {
        version: Some("2.0.0".into()),
        is_async: true,
        task_id: Some("t-1".into()),
        ..TaskRequest::new("a", json!({"x": [1]}))
    };
    let failure = || TaskFailure {
        error: text(),
        code: Some("VERSION_MISMATCH".into()),
        available_version: Some("2".into()),
        requested_version: Some("1".into()),
    };
    vec![
        Message::Ping { message: text() },
        Message::Pong { message: text() },
        Message::Discover {
            name: Some(text()),
            wallet: None,
        },
        Message::Capabilities {
            name: text(),
            skills: vec![card()],
            card_hash: Some("3ecbe8060500bae8".into()),
        },
        Message::TrustRequest {
            requested: Tier::Known,
            reason: text(),
            invite: Some(crate::InviteSecret::from_random([7; 16])),
        },
        Message::TrustGrant {
            tier: Tier::Internal,
            reason: text(),
        },
        Message::TrustDeny {
            requested: Tier::Privileged,
            reason: text(),
        },
        Message::TaskRequest(request()),
        Message::TaskResponse {
            result: kept(),
            duration_ms: Some(5.7),
        },
        Message::TaskError(failure()),
        Message::Error {
            code: "SKILL_NOT_FOUND".into(),
            message: text(),
        },
        Message::SkillCardQuery { skill: "a".into() },
        Message::SkillCard(card()),
        Message::AgentCardQuery {
            cached_hash: Some("h".into()),
        },
        Message::PlanPropose {
            goal: text(),
            steps: json!([{"skill": "a"}]),
        },
        Message::PlanAccept { goal: text() },
        Message::PlanReject { reason: text() },
        Message::SessionPropose(kept()),
        Message::SessionAccept(kept()),
        Message::ContextQuery(kept()),
        Message::GroupCreate(kept()),
        Message::GroupCreated(kept()),
        Message::GroupInvite(kept()),
        Message::GroupJoined(kept()),
        Message::GroupMessage(kept()),
        Message::GroupDiscover(kept()),
        Message::GroupCapabilities(kept()),
        Message::GroupTaskRequest {
            request: request(),
            target_wallet: Some("0xab".into()),
        },
        Message::GroupTaskResponse {
            result: kept(),
            duration_ms: None,
        },
        Message::GroupTaskError(failure()),
        Message::Other {
            kind: "okr_propose".into(),
            payload: kept(),
        },
    ]
}

#[test]
fn every_kind_is_written_like_this() {
    let kinds: Vec<_> = examples().iter().map(Message::kind).collect();
    assert_eq!(
        kinds,
        Kind::NAMED
            .iter()
            .copied()
            .chain([Kind::Other])
            .collect::<Vec<_>>()
    );
    let lines: Vec<_> = examples()
        .into_iter()
        .map(|message| {
            let envelope = Envelope {
                correlation: CorrelationId::new("c-1"),
                timestamp: Some(Timestamp(1_795_232_893_569_278)),
                ttl: Some(Envelope::TTL),
                accepts: vec!["chunks".into()],
                ..Envelope::new(message)
            };
            encode(&envelope, &US)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts generated content into the parts of a message that carry any.
fn filled(message: Message, word: &str, value: Value) -> Message {
    let object = || json!({ word: value.clone() });
    match message {
        Message::Ping { .. } => Message::Ping {
            message: word.into(),
        },
        Message::Discover { .. } => Message::Discover {
            name: None,
            wallet: Some(word.into()),
        },
        Message::TaskRequest(_) => Message::TaskRequest(TaskRequest::new(word, value)),
        Message::TaskResponse { .. } => Message::TaskResponse {
            result: value,
            duration_ms: None,
        },
        Message::TaskError(_) => Message::TaskError(TaskFailure {
            error: word.into(),
            ..TaskFailure::default()
        }),
        Message::PlanPropose { .. } => Message::PlanPropose {
            goal: word.into(),
            steps: value,
        },
        Message::ContextQuery(_) => Message::ContextQuery(object()),
        Message::Other { .. } => Message::Other {
            kind: "attachment".into(),
            payload: object(),
        },
        other => other,
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        which in 0_usize..31,
        word in "\\PC{0,40}|.{0,40}",
        value in json_value(),
        correlation in ".{0,60}",
        time in -62_135_596_800_000_000_i64..253_402_300_799_999_999,
        ttl in proptest::option::of(0_u64..3_000_000_000_000),
        name in "\\PC{0,30}",
        wallet in proptest::option::of("0x[0-9a-f]{1,40}"),
    ) {
        let message = filled(examples().remove(which), &word, value);
        let envelope = Envelope {
            correlation: CorrelationId::new(&correlation),
            timestamp: Some(Timestamp(time)),
            ttl: ttl.map(Duration::from_micros),
            claimed_name: Some(name.clone()).filter(|name| !name.is_empty()),
            claimed_wallet: wallet.clone(),
            accepts: vec!["a".into()],
            message,
        };
        let text = encode(&envelope, &Sender { name: &name, wallet: wallet.as_deref() });
        prop_assert_eq!(decode(text.as_bytes()), Ok(envelope));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn arbitrary_payloads_never_panic(which in 0_usize..31, key in 0_usize..16, value in json_value()) {
        let kind = examples().remove(which).type_name().to_owned();
        let keys = ["message", "name", "skills", "requested_tier", "reason", "skill", "input", "skill_version", "async",
            "success", "result", "error", "error_code", "duration_ms", "steps", "card_hash"];
        let bytes = envelope(&kind, json!({ keys[key]: value })).to_string();
        if let Ok(read) = decode(bytes.as_bytes()) {
            let again = decode(encode(&read, &US).as_bytes()).expect("our own writing");
            prop_assert_eq!(again.message, read.message);
        }
    }

    #[test]
    fn a_cut_or_changed_envelope_never_panics(at in 0_usize..400, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = include_bytes!("../../../../tests/fixtures/coworker-0.6.1-wire.jsonl")[..400].to_vec();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        let _ = decode(&bytes);
    }
}
