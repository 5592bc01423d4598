//! Questions of guests: by slot, in pieces, with a schema, and only while their call lasts.

use coworker_sandbox::{LlmAsk, LlmError, LlmPort, LlmReply};
use futures::StreamExt;

use super::*;

fn ask(slot: &str, schema: Option<Value>) -> LlmAsk {
    LlmAsk {
        skill: "soup".parse().expect("a name"),
        task: TaskId::from_random([1; 16]),
        slot: slot.to_owned(),
        variables: json!({"text": "leek"}),
        temperature: Some(0.25),
        max_tokens: Some(5),
        output_schema: schema,
    }
}

async fn complete(script: &str, ask: LlmAsk) -> (Result<LlmReply, LlmError>, Told) {
    let world = World::scripted(script, "");
    let begun = world
        .models
        .begin(conversation(1, peer('a'), plain(), &json!({"input": "x"})));
    let reply = world.models.complete(ask).await;
    (reply, begun.end())
}

async fn stream(script: &str, ask: LlmAsk) -> (Vec<Result<String, LlmError>>, Told) {
    let world = World::scripted(script, "");
    let begun = world
        .models
        .begin(conversation(1, peer('a'), plain(), &json!({"input": "x"})));
    let pieces = match world.models.open(ask).await {
        Ok(pieces) => pieces.collect().await,
        Err(error) => vec![Err(error)],
    };
    (pieces, begun.end())
}

#[tokio::test]
async fn a_slot_is_asked_with_variables_as_data() {
    let (reply, told) = complete("[[rule]]\nmode = \"question\"\n", ask("other", None)).await;
    let reply = reply.expect("an answer");
    let asked: Value = serde_json::from_str(&reply.text).expect("JSON");
    assert_eq!(asked["system_bytes"], "Say it shorter.".len());
    assert_eq!(asked["turns"], json!([["user", "{\"text\":\"leek\"}"]]));
    assert_eq!(
        (&asked["temperature"], &asked["max_tokens"]),
        (&json!(0.25), &json!(5))
    );
    assert_eq!(
        u64::from(reply.output_tokens.expect("counted")),
        told.tokens_out
    );
}

#[tokio::test]
async fn a_slot_that_is_bound_to_nothing_is_told() {
    let (reply, told) = complete("", ask("nowhere", None)).await;
    assert_eq!(reply, Err(LlmError::NoSuchSlot));
    assert!(lines(&told).contains("prompts/nowhere.md"));
}

#[tokio::test]
async fn a_call_that_is_over_asks_nobody() {
    let world = World::scripted("", "");
    drop(
        world
            .models
            .begin(conversation(1, peer('a'), plain(), &json!({}))),
    );
    let reply = world.models.complete(ask("skill", None)).await;
    assert!(matches!(reply, Err(LlmError::Unavailable(_))));
}

#[tokio::test]
async fn a_schema_of_the_guests_is_kept() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let script = "[[rule]]\nrepair = true\njson = { a = 2 }\n[[rule]]\nanswer = \"two\"\n";
    let (reply, told) = complete(script, ask("skill", Some(schema.clone()))).await;
    let reply = reply.expect("an answer");
    assert_eq!((reply.text.as_str(), told.questions), ("{\"a\":2}", 2));
    // What was counted is what both questions took.
    assert_eq!(reply.input_tokens.map(u64::from), Some(told.tokens_in));
    let (reply, _) = complete(
        "[[rule]]\nanswer = \"two\"\n",
        ask("skill", Some(schema.clone())),
    )
    .await;
    assert!(matches!(reply, Err(LlmError::Rejected(_))));
    let (pieces, _) = stream(
        "[[rule]]\njson = { a = 2 }\n",
        ask("skill", Some(schema.clone())),
    )
    .await;
    assert!(pieces.iter().all(Result::is_ok), "{pieces:?}");
    let (pieces, told) = stream("[[rule]]\nanswer = \"two\"\n", ask("skill", Some(schema))).await;
    assert!(
        matches!(pieces.last(), Some(Err(LlmError::Rejected(_)))),
        "{pieces:?}"
    );
    assert!(lines(&told).contains("is not JSON"));
}

#[tokio::test]
async fn an_answer_in_pieces_is_judged_at_its_end() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let deep = format!("{}1{}", "[".repeat(124), "]".repeat(124));
    for (script, schema, why) in [
        (
            "answer = \"{\\\"a\\\": 1}\"".to_owned(),
            schema.clone(),
            None,
        ),
        (
            "json = { a = \"one\" }".to_owned(),
            schema.clone(),
            Some("does not pass the output schema"),
        ),
        (
            "answer = \"{\\\"a\\\": 1} Bon appetit!\"".to_owned(),
            schema.clone(),
            Some("is not JSON"),
        ),
        // A guest has the fence with the rest, and would have to read around it.
        (
            "answer = \"```json\\n{\\\"a\\\": 1}\\n```\"".to_owned(),
            schema,
            Some("is not JSON"),
        ),
        (
            format!("answer = \"{deep}\""),
            json!({}),
            Some("does not pass the output schema"),
        ),
    ] {
        let (pieces, told) =
            stream(&format!("[[rule]]\n{script}\n"), ask("skill", Some(schema))).await;
        let (last, before) = pieces.split_last().expect("something came");
        assert!(before.iter().all(Result::is_ok), "{script}: {pieces:?}");
        match why {
            None => assert!(last.is_ok(), "{script}: {pieces:?}"),
            Some(why) => {
                assert!(
                    matches!(last, Err(LlmError::Rejected(_))),
                    "{script}: {pieces:?}"
                );
                assert!(lines(&told).contains(why), "{script}: {}", lines(&told));
            }
        }
        // There is no second try: what has gone cannot be taken back.
        assert_eq!(told.questions, 1, "{script}");
    }
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_is_counted_once() {
    let text = "Boil the leek, and taste. ".repeat(50);
    let script = format!("[[rule]]\nanswer = \"{text}\"\ntokens_in = 40\ntokens_out = 7\n");
    let (pieces, told) = stream(&script, ask("skill", None)).await;
    let pieces: Vec<String> = pieces
        .into_iter()
        .map(|piece| piece.expect("text"))
        .collect();
    // It comes behind the guard's window.
    assert!(pieces.len() > 2 && pieces.concat() == text, "{pieces:?}");
    assert_eq!(
        (told.questions, told.tokens_in, told.tokens_out),
        (1, 40, 7)
    );
}

#[tokio::test]
async fn who_lets_go_of_an_answer_pays_what_was_set_aside() {
    let text = "Boil the leek, and taste. ".repeat(50);
    let world = World::scripted(&format!("[[rule]]\nanswer = \"{text}\"\n"), "");
    let begun = world
        .models
        .begin(conversation(1, peer('a'), plain(), &json!({})));
    let mut pieces = world
        .models
        .open(ask("skill", None))
        .await
        .expect("an answer");
    assert!(pieces.next().await.is_some());
    drop(pieces);
    assert_eq!(begun.end().tokens_out, 5);
}

#[tokio::test]
async fn what_fails_is_a_kind_to_the_guest_and_a_cause_to_the_owner() {
    for (rule, kind) in [
        ("fail = \"down\"", "unavailable"),
        ("fail = \"wrong-key\"", "unavailable"),
        ("answer = \"\"", "unavailable"),
        ("size = 8000000", "rejected"),
    ] {
        for streams in [false, true] {
            let script = format!("[[rule]]\n{rule}\n");
            let (error, told) = if streams {
                let (pieces, told) = stream(&script, ask("skill", None)).await;
                (pieces.into_iter().find_map(Result::err), told)
            } else {
                let (reply, told) = complete(&script, ask("skill", None)).await;
                (reply.err(), told)
            };
            let error = error.expect("it fails").to_string();
            assert!(error.starts_with(kind), "{rule}: {error}");
            assert!(lines(&told).contains("hint: "), "{rule}: {}", lines(&told));
        }
    }
}
