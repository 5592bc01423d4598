//! Providers over real connections: both kinds, whole and in pieces, and every way in which a server can fail.

use std::time::Duration;

use coworker_sandbox::{LlmAsk, LlmPort};
use futures::StreamExt;

use super::server::{Act, Server, events, json as says};
use super::*;

fn config(kind: &str, server: &Server, more: &str) -> String {
    format!(
        "[llm.mine]\nkind = \"{kind}\"\nbase_url = \"{}\"\nmodel = \"m-1\"\nkey_env = \"KEY\"\n{more}",
        server.url
    )
}

async fn answer(
    kind: &str,
    more: &str,
    acts: Vec<Act>,
) -> (Result<String, Fault>, Told, Vec<String>) {
    let server = Server::start(acts).await;
    let world = World::of(&config(kind, &server, more), "");
    let (answer, told) = world.answer(plain(), json!({"input": "leek"})).await;
    (answer, told, server.requests())
}

fn chat(text: &str) -> Value {
    json!({
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 4},
    })
}

fn message(text: &str) -> Value {
    json!({
        "type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 30, "output_tokens": 4},
    })
}

const OK: &str = "{\"result\":\"Boil it.\"}";

#[tokio::test]
async fn both_kinds_are_asked_in_their_own_words() {
    let (answer_, told, requests) = answer("openai", "", vec![says(200, &chat("Boil it."))]).await;
    assert_eq!(answer_.as_deref(), Ok(OK), "{}", lines(&told));
    assert_eq!((told.tokens_in, told.tokens_out), (30, 4));
    let request = requests[0].to_ascii_lowercase();
    assert!(
        request.starts_with("post /chat/completions http/1.1"),
        "{request}"
    );
    assert!(request.contains("authorization: bearer sk-secret") && requests[0].contains(SECRET));
    let (answer_, told, requests) =
        answer("anthropic", "", vec![says(200, &message("Boil it."))]).await;
    assert_eq!(answer_.as_deref(), Ok(OK), "{}", lines(&told));
    assert_eq!((told.tokens_in, told.tokens_out), (30, 4));
    let request = requests[0].to_ascii_lowercase();
    assert!(request.starts_with("post /v1/messages http/1.1"));
    assert!(request.contains("x-api-key: sk-secret") && request.contains("anthropic-version: "));
    assert_eq!(request.matches("cache_control").count(), 1);
}

#[tokio::test]
async fn a_moment_of_trouble_is_waited_out() {
    let later = "retry-after: 0\r\n".to_owned();
    for trouble in [
        Act::Say(429, later.clone(), String::new()),
        Act::Say(500, later.clone(), String::new()),
        Act::Say(503, later.clone(), "<html>".to_owned()),
    ] {
        let acts = vec![trouble.clone(), says(200, &chat("Boil it."))];
        let (answer, told, requests) = answer("openai", "", acts).await;
        assert_eq!(answer.as_deref(), Ok(OK), "{trouble:?}: {}", lines(&told));
        assert_eq!((requests.len(), told.questions), (2, 1), "{trouble:?}");
        assert!(lines(&told).contains("trying again"), "{}", lines(&told));
    }
}

#[tokio::test]
async fn what_may_have_been_paid_for_is_not_asked_twice() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"";
    for trouble in [Act::HangUp, Act::Cut(cut.to_owned())] {
        let acts = vec![trouble.clone(), says(200, &chat("Boil it."))];
        let (fault, told, requests) = answer("openai", "", acts).await;
        assert_eq!((fault, requests.len()), (Err(Fault::BrokeOff), 1));
        // The provider may have written all that it was allowed to.
        assert_eq!((told.questions, told.tokens_out), (1, 8_192), "{trouble:?}");
    }
}

#[tokio::test]
async fn trouble_that_stays_ends_after_three_tries() {
    let busy = Act::Say(429, "retry-after-ms: 1\r\n".to_owned(), String::new());
    let (fault, _, requests) = answer("openai", "", vec![busy]).await;
    assert_eq!((fault, requests.len()), (Err(Fault::Busy(429)), 3));
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again() {
    let complaint = |status: u16, kind: &str| {
        let body = json!({"error": {"type": kind, "message": format!("{SECRET} with sk-secret")}});
        vec![says(status, &body)]
    };
    for (status, kind, expected) in [
        (401, "auth", "refuses the key (status 401)"),
        (404, "x", "does not know the model \"m-1\" (status 404)"),
        (
            400,
            "invalid_request_error",
            "does not take the question (status 400, invalid_request_error)",
        ),
        (402, "x", "no credit left"),
        (307, "x", "does not take the question (status 307, x)"),
    ] {
        let (fault, told, requests) = answer("openai", "", complaint(status, kind)).await;
        assert_eq!(requests.len(), 1, "{status}");
        let log = lines(&told);
        assert!(log.contains(expected) && log.contains("hint: "), "{log}");
        assert!(
            !log.contains("soup seven") && !log.contains("sk-secret"),
            "{log}"
        );
        assert!(fault.is_err());
        // What was refused cost nothing.
        assert_eq!((told.tokens_in, told.tokens_out), (0, 0));
    }
}

#[tokio::test]
async fn a_time_to_wait_beyond_the_calls_own_is_not_waited() {
    for after in [
        "retry-after: 3600",
        "retry-after: 1e19",
        "retry-after-ms: 18446744073709551615",
        "retry-after: Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let busy = Act::Say(429, format!("{after}\r\n"), String::new());
        let started = std::time::Instant::now();
        let (fault, _, requests) = answer("openai", "", vec![busy]).await;
        assert_eq!(
            (fault, requests.len()),
            (Err(Fault::Busy(429)), 1),
            "{after}"
        );
        assert!(started.elapsed() < Duration::from_secs(20), "{after}");
    }
}

#[tokio::test]
async fn a_slow_provider_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_owned();
    for stall in [Act::Stall(String::new()), Act::Stall(head)] {
        let (fault, told, requests) = answer("openai", "timeout = \"200ms\"\n", vec![stall]).await;
        assert!(matches!(fault, Err(Fault::TimedOut(_))), "{fault:?}");
        assert_eq!((requests.len(), told.tokens_out), (1, 8_192));
    }
}

#[tokio::test]
async fn questions_share_a_connection() {
    let body = chat("Boil it.").to_string();
    let server = Server::start(vec![Act::Keep(body)]).await;
    let world = World::of(&config("openai", &server, ""), "");
    for _ in 0..3 {
        let (answer, told) = world.answer(plain(), json!({"input": "leek"})).await;
        assert_eq!(answer.as_deref(), Ok(OK), "{}", lines(&told));
        // The pool takes the connection back in a task of its own.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn nobody_there_is_told_without_the_address() {
    let world = World::of(
        "[llm.mine]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/secret-path\"\nmodel = \"m\"\n",
        "",
    );
    let (fault, told) = world.answer(plain(), json!({"input": "x"})).await;
    assert!(matches!(fault, Err(Fault::Unreachable(_))));
    let log = lines(&told);
    assert!(
        log.contains("cannot be reached") && !log.contains("secret-path"),
        "{log}"
    );
}

#[tokio::test]
async fn a_key_that_is_refused_is_asked_for_anew() {
    let acts = vec![
        says(401, &json!({})),
        says(200, &chat("Boil it.")),
        says(200, &chat("Boil it.")),
    ];
    let server = Server::start(acts).await;
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    let config = config("openai", &server, "").replace(
        "key_env = \"KEY\"",
        &format!("key_command = \"cat {}\"", key.display()),
    );
    let world = World::of(&config, "");
    for (says, is_fine) in [("sk-one", false), ("sk-two", true), ("sk-three", true)] {
        std::fs::write(&key, says).expect("written");
        let (answer, _) = world.answer(plain(), json!({"input": "x"})).await;
        assert_eq!(answer.is_ok(), is_fine);
    }
    let sent = server.requests();
    let sent: Vec<&str> = sent
        .iter()
        .filter_map(|request| request.split("Bearer ").nth(1)?.lines().next())
        .collect();
    // One that is taken is not asked for again.
    assert_eq!(sent, ["sk-one", "sk-two", "sk-two"]);
}

#[tokio::test]
async fn a_proxy_carries_what_it_cannot_read_and_nothing_else() {
    let proxy = Server::start(vec![Act::HangUp]).await;
    for (base, asked) in [
        ("http://127.0.0.1:9/v1", None),
        (
            "https://example.invalid/v1",
            Some("CONNECT example.invalid:443 HTTP/1.1"),
        ),
    ] {
        let config = format!(
            "[llm.mine]\nkind = \"openai\"\nbase_url = \"{base}\"\nmodel = \"m\"\nkey_env = \"KEY\"\n"
        );
        let environment = |name: &str| match name {
            "HTTPS_PROXY" | "HTTP_PROXY" | "http_proxy" => Some(proxy.url.clone()),
            "KEY" => Some("sk-secret".to_owned()),
            _ => None,
        };
        let world = World::with(&config, "", environment);
        let (fault, _) = world.answer(plain(), json!({"input": "x"})).await;
        assert!(matches!(fault, Err(Fault::Unreachable(_))), "{fault:?}");
        let requests = proxy.requests();
        let first = requests.first().and_then(|request| request.lines().next());
        assert_eq!(first, asked);
        assert!(!requests.concat().contains("sk-secret"));
    }
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let text = |body: &str| vec![Act::Say(200, String::new(), body.to_owned())];
    for (acts, expected) in [
        (text("no json"), Fault::Garbled("it is not JSON")),
        (text("{}"), Fault::Garbled("it has no choices")),
        (vec![says(200, &chat(""))], Fault::Empty),
        (
            vec![says(200, &chat(&"x".repeat(1 << 20)))],
            Fault::TooLarge(coworker_core::Bytes::kib(512)),
        ),
        (
            vec![says(
                200,
                &json!({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
            )],
            Fault::Refused,
        ),
    ] {
        let (fault, ..) = answer("openai", "", acts).await;
        assert_eq!(fault, Err(expected));
    }
    // One that does not end is not read to its end.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n\"{}", "x".repeat(8 << 20));
    let (fault, ..) = answer("openai", "", vec![Act::Stall(endless)]).await;
    assert!(matches!(fault, Err(Fault::TooLarge(_))), "{fault:?}");
}

#[tokio::test]
async fn a_server_that_takes_no_schema_is_asked_without() {
    let complaint =
        json!({"error": {"type": "invalid_request_error", "message": "response_format"}});
    let acts = vec![
        says(400, &complaint),
        says(200, &chat("{\"minutes\": 4}")),
        says(200, &chat("{\"minutes\": 5}")),
    ];
    let server = Server::start(acts).await;
    let world = World::of(&config("openai", &server, ""), "");
    for expected in ["{\"minutes\":4}", "{\"minutes\":5}"] {
        let (answer, told) = world.answer(shaped(), json!({"dish": "leek"})).await;
        assert_eq!(answer.as_deref(), Ok(expected), "{}", lines(&told));
    }
    let requests = server.requests();
    let asked: Vec<bool> = requests
        .iter()
        .map(|text| text.contains("json_schema"))
        .collect();
    assert_eq!(asked, [true, false, false]);
    assert!(requests[2].contains("It must pass this JSON Schema"));
}

async fn stream(kind: &str, more: &str, acts: Vec<Act>) -> (Vec<Result<String, String>>, Told) {
    stream_of(plain(), kind, more, acts).await
}

async fn stream_of(
    entry: Arc<Entry>,
    kind: &str,
    more: &str,
    acts: Vec<Act>,
) -> (Vec<Result<String, String>>, Told) {
    let server = Server::start(acts).await;
    let world = World::of(&config(kind, &server, more), "");
    let begun = world
        .models
        .begin(conversation(1, peer('a'), entry, &json!({})));
    let ask = LlmAsk {
        skill: "soup".parse().expect("a name"),
        task: TaskId::from_random([1; 16]),
        slot: "skill".to_owned(),
        variables: json!({"text": "leek"}),
        temperature: None,
        max_tokens: None,
        output_schema: None,
    };
    let pieces = match world.models.open(ask).await {
        Ok(pieces) => {
            pieces
                .map(|piece| piece.map_err(|error| error.to_string()))
                .collect()
                .await
        }
        Err(error) => vec![Err(error.to_string())],
    };
    (pieces, begun.end())
}

const CHAT_EVENTS: [&str; 5] = [
    r#"{"choices": [{"delta": {"role": "assistant", "content": ""}}]}"#,
    r#"{"choices": [{"delta": {"content": "Boil "}}]}"#,
    r#"{"choices": [{"delta": {"content": "it."}, "finish_reason": "stop"}]}"#,
    r#"{"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 4}}"#,
    "[DONE]",
];

const MESSAGE_EVENTS: [&str; 6] = [
    r#"{"type": "message_start", "message": {"usage": {"input_tokens": 30, "output_tokens": 1}}}"#,
    r#"{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Boil "}}"#,
    r#"{"type": "ping"}"#,
    r#"{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "it."}}"#,
    r#"{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}"#,
    r#"{"type": "message_stop"}"#,
];

#[tokio::test]
async fn streams_of_both_kinds_are_read_and_counted() {
    for (kind, text) in [
        ("openai", events(&CHAT_EVENTS)),
        ("anthropic", events(&MESSAGE_EVENTS)),
    ] {
        let (pieces, told) = stream(kind, "", vec![Act::Cut(text)]).await;
        let pieces: Vec<String> = pieces
            .into_iter()
            .map(|piece| piece.expect("text"))
            .collect();
        assert_eq!(pieces.concat(), "Boil it.", "{kind}");
        assert_eq!(
            (told.questions, told.tokens_in, told.tokens_out),
            (1, 30, 4),
            "{kind}"
        );
        assert!(told.log.is_empty(), "{}", lines(&told));
    }
}

#[tokio::test]
async fn a_server_that_answers_at_once_is_understood() {
    let body = message("Boil it.").to_string();
    let whole = Act::Say(200, "content-type: application/json\r\n".to_owned(), body);
    let (pieces, told) = stream("anthropic", "", vec![whole]).await;
    assert_eq!(pieces, [Ok("Boil it.".to_owned())]);
    assert_eq!((told.tokens_in, told.tokens_out), (30, 4));
}

#[tokio::test]
async fn a_stream_that_stops_says_so() {
    let begun = events(&CHAT_EVENTS[..2]);
    for (act, cause) in [
        (Act::Cut(begun.clone()), "broke off"),
        (Act::Stall(begun.clone()), "longer than"),
        (
            Act::Cut(format!(
                "{begun}data: {{\"error\": {{\"type\": \"overloaded\"}}}}\n\n"
            )),
            "overloaded",
        ),
        (Act::Cut(format!("{begun}data: not json\n\n")), "not JSON"),
    ] {
        let (pieces, told) = stream("openai", "timeout = \"300ms\"\n", vec![act]).await;
        // What came before waits for what follows it.
        assert!(
            pieces.last().is_some_and(Result::is_err) && pieces.len() == 1,
            "{pieces:?}"
        );
        assert!(lines(&told).contains(cause), "{cause}: {}", lines(&told));
    }
}

#[tokio::test]
async fn a_stream_is_begun_again_and_never_bound_for_ever() {
    let trouble = Act::Say(500, "retry-after: 0\r\n".to_owned(), String::new());
    let (pieces, told) = stream("openai", "", vec![trouble, Act::Cut(events(&CHAT_EVENTS))]).await;
    assert_eq!(pieces, [Ok("Boil it.".to_owned())], "{}", lines(&told));
    // A line without an end is not kept to its end, nor is an event of many lines.
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    for endless in [
        format!("{head}data: \"{}", "x".repeat(1 << 20)),
        format!("{head}{}", "data: \"x\n".repeat(1 << 17)),
        format!("{head}{}", "event: x\r\ndata: x\r\n".repeat(1 << 16)),
    ] {
        ends_before_it_does(endless).await;
    }
}

async fn ends_before_it_does(endless: String) {
    let limits = Limits {
        host_bytes: coworker_core::Bytes::kib(64),
        ..Limits::default()
    };
    let entry = skill_with(json!(true), json!(true), limits, ModelWish::default());
    let (pieces, told) = stream_of(entry, "openai", "", vec![Act::Stall(endless)]).await;
    assert!(pieces.last().is_some_and(Result::is_err));
    assert!(lines(&told).contains("larger than"), "{}", lines(&told));
}
