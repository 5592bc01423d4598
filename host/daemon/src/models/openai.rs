//! OpenAI's chat completions, as most servers speak them: questions to JSON, JSON to answers. No connection here.

use serde_json::{Map, Value, json};

use super::Fault;
use super::question::{End, Piece, Question, Tokens, Written};
use crate::config::Structured;

/// The name under which a schema is sent; the API wants one.
const SCHEMA: &str = "output";

/// How a server wants to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) structured: Structured,
    /// OpenAI itself has renamed the key for the most tokens.
    pub(super) is_openai: bool,
    pub(super) stream: bool,
}

/// Returns the body of a question.
pub(super) fn body(question: &Question, manner: Manner) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(question.model));
    let format = format(question, manner.structured);
    let system = match (&question.schema, manner.structured, &format) {
        (Some(schema), Structured::Object | Structured::Text, _) | (Some(schema), _, None) => {
            format!(
                "{}\n\n{}",
                question.system.reveal(),
                Question::in_words(schema)
            )
        }
        _ => question.system.reveal().to_owned(),
    };
    let mut messages = vec![json!({"role": "system", "content": system})];
    messages.extend(
        question
            .turns
            .iter()
            .map(|turn| json!({"role": turn.role.name(), "content": turn.text})),
    );
    body.insert("messages".to_owned(), json!(messages));
    if let Some(format) = format {
        body.insert("response_format".to_owned(), format);
    }
    let most = if manner.is_openai {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body.insert(most.to_owned(), json!(question.max_tokens));
    if let Some(degree) = question.temperature {
        body.insert("temperature".to_owned(), json!(degree));
    }
    if manner.stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    Value::Object(body)
}

fn format(question: &Question, structured: Structured) -> Option<Value> {
    let schema = question.schema.as_ref()?;
    match structured {
        // Not strict: that would refuse most schemas, and what comes back is checked here anyway.
        Structured::Schema if question.wants_object() => Some(json!({
            "type": "json_schema",
            "json_schema": {"name": SCHEMA, "schema": schema, "strict": false},
        })),
        Structured::Object if question.wants_object() => Some(json!({"type": "json_object"})),
        _ => None,
    }
}

/// Reads a whole answer.
pub(super) fn read(answer: &Value) -> Result<Written, Fault> {
    let choice = answer
        .pointer("/choices/0")
        .ok_or(Fault::Garbled("it has no choices"))?;
    let message = choice
        .get("message")
        .ok_or(Fault::Garbled("it has no message"))?;
    let refused = message.get("refusal").is_some_and(Value::is_string);
    Ok(Written {
        text: text_of(message.get("content")),
        tokens: tokens(answer.get("usage")),
        end: if refused {
            End::Refused
        } else {
            end(choice.get("finish_reason")).unwrap_or_default()
        },
    })
}

/// Reads one event of a stream.
pub(super) fn pieces(event: &Value) -> Vec<Piece> {
    let mut found = Vec::new();
    if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
        found.push(Piece::Fault(Fault::Failed {
            status: 200,
            word: super::transfer::word(error),
        }));
        return found;
    }
    if let Some(choice) = event.pointer("/choices/0") {
        let delta = choice.get("delta");
        let text = text_of(delta.and_then(|delta| delta.get("content")));
        if !text.is_empty() {
            found.push(Piece::Text(text));
        }
        let refused = delta
            .and_then(|delta| delta.get("refusal"))
            .is_some_and(Value::is_string);
        if refused {
            found.push(Piece::End(End::Refused));
        }
        found.extend(end(choice.get("finish_reason")).map(Piece::End));
    }
    let tokens = tokens(event.get("usage"));
    if tokens != Tokens::default() {
        found.push(Piece::Tokens(tokens));
    }
    found
}

/// Returns the text of a content, which is one text or several parts.
fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => String::new(),
    }
}

fn end(reason: Option<&Value>) -> Option<End> {
    Some(match reason?.as_str()? {
        "length" => End::Cut,
        "content_filter" => End::Refused,
        _ => End::Done,
    })
}

fn tokens(usage: Option<&Value>) -> Tokens {
    let count = |key: &str| usage.and_then(|usage| usage.get(key)?.as_u64());
    Tokens {
        read: count("prompt_tokens"),
        written: count("completion_tokens"),
        paid: None,
    }
}

#[cfg(test)]
mod tests {
    use coworker_core::Secret;

    use super::*;
    use crate::models::question::Turn;

    fn question(schema: Option<Value>) -> Question {
        Question {
            system: Secret::new("the recipe"),
            turns: vec![Turn::user("{\"dish\":\"soup\"}".to_owned())],
            model: "m".to_owned(),
            temperature: Some(0.5),
            max_tokens: 7,
            schema,
            is_shaped_by_guest: false,
            most: 100,
        }
    }

    fn manner(structured: Structured) -> Manner {
        Manner {
            structured,
            is_openai: false,
            stream: false,
        }
    }

    #[test]
    fn the_private_text_is_the_system_prompt_and_the_input_one_message() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert_eq!(
            body(&question(Some(schema.clone())), manner(Structured::Schema)),
            json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "the recipe"},
                    {"role": "user", "content": "{\"dish\":\"soup\"}"},
                ],
                "response_format": {
                    "type": "json_schema", "json_schema": {"name": "output", "schema": schema, "strict": false},
                },
                "max_tokens": 7, "temperature": 0.5,
            })
        );
    }

    #[test]
    fn what_a_server_does_not_take_goes_behind_the_private_text() {
        let schema = json!({"type": "object"});
        for (structured, format) in [
            (Structured::Object, Some(json!({"type": "json_object"}))),
            (Structured::Text, None),
        ] {
            let body = body(&question(Some(schema.clone())), manner(structured));
            let system = body["messages"][0]["content"].as_str().expect("text");
            assert!(
                system.starts_with("the recipe\n\n") && system.ends_with("{\"type\":\"object\"}")
            );
            assert_eq!(body.get("response_format"), format.as_ref());
        }
        // Providers take schemas of objects alone.
        let list = body(
            &question(Some(json!({"type": "array"}))),
            manner(Structured::Schema),
        );
        assert!(list.get("response_format").is_none());
    }

    #[test]
    fn openai_counts_by_another_name_and_streams_are_counted_too() {
        let body = body(
            &question(None),
            Manner {
                structured: Structured::Schema,
                is_openai: true,
                stream: true,
            },
        );
        assert_eq!(body["max_completion_tokens"], 7);
        assert_eq!(body.get("max_tokens"), None);
        assert_eq!(body["stream_options"]["include_usage"], true);
    }

    #[test]
    fn answers_are_read() {
        let answer = json!({
            "choices": [{"message": {"content": "hi"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        });
        let written = read(&answer).expect("an answer");
        assert_eq!((written.text.as_str(), written.end), ("hi", End::Cut));
        assert_eq!(
            (written.tokens.read, written.tokens.written),
            (Some(3), Some(1))
        );
        let parts = json!({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]});
        assert_eq!(read(&parts).expect("an answer").text, "ab");
        let refused = json!({"choices": [{"message": {"content": null, "refusal": "no"}}]});
        assert_eq!(read(&refused).expect("an answer").end, End::Refused);
        for odd in [
            json!({}),
            json!([]),
            json!({"choices": []}),
            json!({"choices": [{}]}),
        ] {
            assert!(matches!(read(&odd), Err(Fault::Garbled(_))), "{odd}");
        }
    }

    #[test]
    fn streams_are_read() {
        let read = |event: Value| pieces(&event);
        assert_eq!(
            read(json!({"choices": [{"delta": {"content": "a"}}]})),
            [Piece::Text("a".to_owned())]
        );
        assert_eq!(
            read(json!({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": null})),
            [Piece::End(End::Done)]
        );
        let counted = Tokens {
            read: Some(2),
            written: Some(1),
            paid: None,
        };
        assert_eq!(
            read(json!({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1}})),
            [Piece::Tokens(counted)]
        );
        assert!(matches!(
            read(json!({"error": {"type": "overloaded", "message": "secret"}})).as_slice(),
            [Piece::Fault(Fault::Failed { word: Some(word), .. })] if word == "overloaded"
        ));
        assert!(read(json!("odd")).is_empty());
    }
}
