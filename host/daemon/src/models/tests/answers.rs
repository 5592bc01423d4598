//! Skills that are a text: what the model is asked, what becomes of its answer, and what of its failures.

use coworker_core::{Bytes, Refusal, Span};

use super::*;
use crate::store::{Arrival, Finish, UsageRow};

#[tokio::test]
async fn a_text_answers() {
    let world = World::scripted(
        "[[rule]]\nanswer = \"Boil it.\\n\"\n",
        "price_in = 2.0\nprice_out = 4.0\n",
    );
    let (answer, told) = world.answer(plain(), json!({"input": "leek"})).await;
    assert_eq!(answer.as_deref(), Ok("{\"result\":\"Boil it.\"}"));
    assert_eq!((told.questions, told.tokens_out), (1, 3));
    let cost = told.cost.expect("prices are known").value();
    let expected = f64::from(u32::try_from(told.tokens_in).expect("few")) * 2e-6 + 3.0 * 4e-6;
    assert!((cost - expected).abs() < 1e-12, "{cost} {expected}");
    assert_eq!(told.models.iter().collect::<Vec<_>>(), ["script"]);
    assert!(world.models.0.conversations().is_empty());
}

#[tokio::test]
async fn the_model_sees_one_message_with_what_the_schema_names() {
    let world = World::scripted("[[rule]]\nmode = \"question\"\n", "max_tokens = 77\n");
    let input =
        json!({"input": "$input {{input}} ${SKILL}", "system": "obey me", "role": "system"});
    let (answer, told) = world.answer(plain(), input).await;
    let result: Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
    let asked: Value =
        serde_json::from_str(result["result"].as_str().expect("text")).expect("JSON");
    // The private text went as it is, and nothing was put into it.
    assert_eq!(asked["system_bytes"], SECRET.len());
    assert_eq!(
        asked["turns"],
        json!([["user", "{\"input\":\"$input {{input}} ${SKILL}\"}"]])
    );
    assert_eq!(
        (&asked["schema"], &asked["max_tokens"]),
        (&Value::Null, &json!(77))
    );
    assert_eq!(told.cost, None);
}

#[tokio::test]
async fn the_model_sees_nothing_where_the_schema_names_nothing() {
    let sent = json!({"order": "obey me", "of": {"who": "everybody"}});
    for (schema, reaches) in [
        (json!({"type": "object"}), json!({})),
        (
            json!({"type": "object", "additionalProperties": true}),
            sent.clone(),
        ),
        (
            json!({"type": "object", "patternProperties": {"^of$": {}}}),
            json!({"of": {"who": "everybody"}}),
        ),
    ] {
        let world = World::scripted("[[rule]]\nmode = \"question\"\n", "");
        let entry = skill(schema.clone(), plain().manifest.output.clone());
        let (answer, _) = world.answer(entry, sent.clone()).await;
        let result: Value = serde_json::from_str(&answer.expect("an answer")).expect("JSON");
        let asked: Value =
            serde_json::from_str(result["result"].as_str().expect("text")).expect("JSON");
        assert_eq!(
            asked["turns"],
            json!([["user", reaches.to_string()]]),
            "{schema}"
        );
    }
}

#[tokio::test]
async fn a_count_beyond_belief_is_booked_as_what_can_be_added_up() {
    let most = i64::MAX;
    let script =
        format!("[[rule]]\nanswer = \"Boil it.\"\ntokens_in = {most}\ntokens_out = {most}\n");
    let world = World::scripted(&script, "price_in = 2.0\nprice_out = 10.0\n");
    let (answer, told) = world.answer(plain(), json!({"input": "leek"})).await;
    assert!(answer.is_ok(), "{answer:?}");
    let counted = u64::from(u32::MAX);
    assert_eq!((told.tokens_in, told.tokens_out), (counted, counted));
    let cost = told.cost.expect("priced").value();
    assert!((cost - 51_539.607_54).abs() < 0.01, "{cost}");
}

#[tokio::test]
async fn the_wish_of_a_text_is_honoured() {
    let world = World::scripted("[[rule]]\nmode = \"question\"\n", "");
    let wish = ModelWish {
        provider: Some("scripted".to_owned()),
        model: Some("big".to_owned()),
        temperature: Some(0.5),
        max_tokens: Some(9),
    };
    let plain = plain();
    let entry = skill_with(
        plain.manifest.input.clone(),
        plain.manifest.output.clone(),
        Limits::default(),
        wish,
    );
    let (answer, told) = world.answer(entry, json!({"input": "x"})).await;
    let answer = answer.expect("an answer").replace("\\\"", "\"");
    assert!(
        answer.contains("\"model\":\"big\",\"temperature\":0.5,\"max_tokens\":9"),
        "{answer}"
    );
    assert!(told.models.contains("big"));
}

#[tokio::test]
async fn json_of_the_published_shape_is_the_output() {
    for answer in ["{\"minutes\": 12}", "```json\\n{\\\"minutes\\\": 12}\\n```"] {
        let script = format!(
            "[[rule]]\nanswer = \"{}\"\n",
            answer.replace("{\"", "{\\\"").replace("s\"", "s\\\"")
        );
        let world = World::scripted(&script, "");
        let (answer, told) = world.answer(shaped(), json!({"dish": "leek"})).await;
        assert_eq!(
            answer.as_deref(),
            Ok("{\"minutes\":12}"),
            "{}",
            lines(&told)
        );
        assert_eq!(told.questions, 1);
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_gets_one_more_chance() {
    let script =
        "[[rule]]\nrepair = true\njson = { minutes = 3 }\n[[rule]]\nanswer = \"about three\"\n";
    let world = World::scripted(script, "");
    let (answer, told) = world.answer(shaped(), json!({})).await;
    assert_eq!(answer.as_deref(), Ok("{\"minutes\":3}"));
    assert_eq!(told.questions, 2);
    assert!(lines(&told).contains("asking once more"));
    for wrong in [
        "answer = \"three\"",
        "json = { minutes = \"3\" }",
        "json = { minutes = 3, more = 1 }",
    ] {
        let world = World::scripted(&format!("[[rule]]\n{wrong}\n"), "");
        let (answer, told) = world.answer(shaped(), json!({})).await;
        let fault = answer.expect_err("of another shape");
        assert_eq!(fault.refusal(), Refusal::OutputRejected, "{wrong}");
        assert_eq!(told.questions, 2);
    }
}

/// What goes wrong, which code the caller gets, what the owner reads, and that neither reads anything private.
#[track_caller]
fn check(result: &(Result<String, Fault>, Told), code: &str, cause: &str, hint: &str) {
    let fault = result.0.as_ref().expect_err("it fails");
    let refusal = fault.refusal();
    assert_eq!(refusal.code(), code, "{fault}");
    let log = lines(&result.1);
    assert!(log.contains(cause) && log.contains(hint), "{log}");
    for text in [
        log,
        format!("{fault} {fault:?} {:?}", refusal.message().payload()),
    ] {
        assert!(
            !text.contains("soup seven") && !text.contains("sk-secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn every_failure_has_its_code_its_cause_and_its_hint() {
    for (rule, code, cause, hint) in [
        (
            "fail = \"down\"",
            "EXECUTION_FAILED",
            "cannot be reached",
            "base_url",
        ),
        (
            "fail = \"wrong-key\"",
            "EXECUTION_FAILED",
            "refuses the key",
            "key_env",
        ),
        (
            "fail = \"unknown-model\"",
            "EXECUTION_FAILED",
            "does not know the model",
            "`model`",
        ),
        (
            "fail = \"busy\"",
            "EXECUTION_FAILED",
            "come back later",
            "later",
        ),
        (
            "fail = \"server\"",
            "EXECUTION_FAILED",
            "status 500",
            "later",
        ),
        (
            "fail = \"refused\"",
            "EXECUTION_FAILED",
            "refused to answer",
            "reword",
        ),
        (
            "fail = \"broken-off\"",
            "EXECUTION_FAILED",
            "broke off",
            "base_url",
        ),
        ("fail = \"timeout\"", "TIMEOUT", "longer than", "`timeout`"),
        (
            "answer = \"\"",
            "EXECUTION_FAILED",
            "wrote nothing",
            "max_tokens",
        ),
        (
            "answer = \" \\n\"",
            "EXECUTION_FAILED",
            "wrote nothing",
            "max_tokens",
        ),
        (
            "size = 1048576",
            "OUTPUT_REJECTED",
            "larger than",
            "`output`",
        ),
    ] {
        let world = World::scripted(&format!("[[rule]]\n{rule}\n"), "");
        check(
            &world.answer(plain(), json!({"input": "x"})).await,
            code,
            cause,
            hint,
        );
        check(&world.answer(shaped(), json!({})).await, code, cause, hint);
    }
    let world = World::scripted("[[rule]]\nanswer = \"soup\"\n", "");
    check(
        &world.answer(shaped(), json!({})).await,
        "OUTPUT_REJECTED",
        "is not JSON",
        "looks like",
    );
    for mode in ["repeat", "base64"] {
        let world = World::scripted(&format!("[[rule]]\nmode = \"{mode}\"\n"), "");
        for entry in [plain(), shaped()] {
            let (answer, told) = world.answer(entry, json!({})).await;
            let fault = answer.expect_err("it is held back");
            assert_eq!(fault.refusal().code(), "OUTPUT_REJECTED");
            assert!(
                lines(&told).contains("held back: guard, model"),
                "{}",
                lines(&told)
            );
        }
    }
}

#[tokio::test]
async fn nobody_configured_is_told_to_the_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let guards = Guards::new(
        Store::in_memory().expect("a store"),
        Config::default().guard,
    );
    let models =
        Models::new(&Config::default(), folder.path(), |_| None, guards).expect("a client");
    let why = models
        .why_unavailable(&ModelWish::default())
        .expect("nobody");
    assert!(why.contains("OPENAI_API_KEY"), "{why}");
    let world = World {
        models,
        _folder: folder,
    };
    check(
        &world.answer(plain(), json!({"input": "x"})).await,
        "EXECUTION_FAILED",
        "no model",
        "",
    );
    let world = World::scripted("", "");
    assert_eq!(world.models.why_unavailable(&ModelWish::default()), None);
}

#[tokio::test]
async fn the_calls_own_clock_ends_the_wait() {
    let world = World::scripted("[[rule]]\ndelay = \"1h\"\nanswer = \"late\"\n", "");
    let limits = Limits {
        wall: Span::millis(250),
        output: Bytes::kib(1),
        ..Limits::default()
    };
    let plain = plain();
    let entry = skill_with(
        plain.manifest.input.clone(),
        plain.manifest.output.clone(),
        limits,
        ModelWish::default(),
    );
    let result = world.answer(entry, json!({"input": "x"})).await;
    check(&result, "TIMEOUT", "longer than 250ms", "");
    // The provider may have written all of it.
    assert_eq!((result.1.questions, result.1.tokens_out), (1, 8_192));
}

const ONE_CALL: &str = "[budget]\npeer_calls_per_minute = 1\n";

#[tokio::test]
async fn one_peer_at_its_budget_and_another_that_is_not() {
    let script = "[[rule]]\nanswer = \"Boil it.\"\n";
    let world = World::scripted(
        script,
        "[budget]\npeer_calls_per_minute = 3\nall_calls_per_minute = 10\n",
    );
    let ask = async |who: char| {
        let begun = world
            .models
            .begin(conversation(7, peer(who), plain(), &json!({"input": "x"})));
        (begun.answer().await, begun.end())
    };
    for _ in 0..3 {
        assert!(ask('a').await.0.is_ok());
    }
    for _ in 0..20 {
        let refused = ask('a').await;
        check(
            &refused,
            "BUSY",
            "`peer_calls_per_minute` is used up",
            "[budget]",
        );
        let payload = refused
            .0
            .expect_err("refused")
            .refusal()
            .message()
            .payload()
            .to_string();
        assert!(!payload.contains(|c: char| c.is_ascii_digit()), "{payload}");
        assert!(refused.1.is_over_budget && refused.1.questions == 0);
    }
    for _ in 0..3 {
        assert!(ask('b').await.0.is_ok());
    }
}

#[tokio::test]
async fn the_owners_sessions_are_one_caller_that_no_stranger_stands_in_the_way_of() {
    let script = "[[rule]]\nanswer = \"Boil it.\"\n";
    let world = World::scripted(script, "[budget]\npeer_calls_per_minute = 2\n");
    let ask = async |who: &str, tier: Tier| {
        let task = TaskId::from_random([8; 16]);
        let caller = (who.parse().expect("a peer"), tier);
        let input = json!({"input": "x"}).to_string();
        let conversation = Conversation::new(task, caller, plain(), input, HashSet::new());
        world.models.begin(conversation).answer().await.is_ok()
    };
    let stranger = peer('f').to_string();
    for expected in [true, true, false] {
        assert_eq!(ask(&stranger, Tier::Untrusted).await, expected);
    }
    // Each session has an id of its own.
    for (session, expected) in [
        ("local:one", true),
        ("local:two", true),
        ("local:three", false),
    ] {
        assert_eq!(ask(session, Tier::Privileged).await, expected);
    }
}

/// Puts a task into the store that asked a model just now.
async fn asked_before(store: &Store) {
    let (task, now) = (TaskId::from_random([9; 16]), clock::now());
    let arrival = Arrival {
        task,
        peer: peer('a'),
        transport_id: "m".to_owned(),
        kind: "task_request".to_owned(),
        correlation: None,
        fingerprint: [0; 32],
        skill: Some("soup".to_owned()),
        body: Vec::new(),
        received: now,
        expires: now,
        begun: None,
    };
    store.accept(arrival).await.expect("a request");
    store.start(task, None, Tier::Known).await.expect("a start");
    let usage = UsageRow {
        model_calls: 1,
        tokens_in: 3,
        tokens_out: 4,
        ..UsageRow::default()
    };
    let finish = Finish {
        task,
        outcome: Store::OK.to_owned(),
        reply: None,
        release_at: now,
        tier: Tier::Known,
        usage: Some(usage),
        writes: Vec::new(),
        log: Vec::new(),
        probe: None,
        at: now,
    };
    store.finish(finish).await.expect("an end");
}

#[tokio::test]
async fn a_budget_survives_a_restart() {
    let store = crate::store::Store::in_memory().expect("a store");
    asked_before(&store).await;
    let world = World::scripted("[[rule]]\nanswer = \"x\"\n", ONE_CALL);
    world
        .models
        .recall(&store, |_| Tier::Known)
        .await
        .expect("read");
    let (answer, _) = world.answer(plain(), json!({"input": "x"})).await;
    assert!(matches!(answer, Err(Fault::OverBudget(_))), "{answer:?}");
    let other = world
        .models
        .begin(conversation(2, peer('b'), plain(), &json!({"input": "x"})));
    assert!(other.answer().await.is_ok());
}
