//! Anthropic's messages: questions to JSON, JSON to answers. The private text alone is marked for the provider's cache: a
//! mark on a caller's text would let one caller find out what another one said.

use serde_json::{Map, Value, json};

use super::Fault;
use super::question::{End, Piece, Question, Tokens, Written};
use crate::config::Structured;

/// The tool by which the model answers where the answer has a schema.
const TOOL: &str = "answer";
/// The version of the API.
pub(super) const VERSION: &str = "2023-06-01";

/// Returns the body of a question.
pub(super) fn body(question: &Question, structured: Structured, stream: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(question.model));
    body.insert("max_tokens".to_owned(), json!(question.max_tokens));
    let by_tool = structured == Structured::Schema && question.wants_object();
    let text = question.system.reveal();
    // The provider keeps all that stands before a mark, tools too: what a component made may hold what a caller said.
    let mut system = vec![if by_tool && question.is_shaped_by_guest {
        json!({"type": "text", "text": text})
    } else {
        json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}})
    }];
    if let Some(schema) = question.schema.as_ref().filter(|_| !by_tool) {
        system.push(json!({"type": "text", "text": Question::in_words(schema)}));
    }
    body.insert("system".to_owned(), Value::Array(system));
    let messages: Vec<Value> = question
        .turns
        .iter()
        .map(|turn| json!({"role": turn.role.name(), "content": turn.text}))
        .collect();
    body.insert("messages".to_owned(), json!(messages));
    if let Some(schema) = question.schema.as_ref().filter(|_| by_tool) {
        let tool =
            json!({"name": TOOL, "description": "Gives the answer.", "input_schema": schema});
        body.insert("tools".to_owned(), json!([tool]));
        body.insert(
            "tool_choice".to_owned(),
            json!({"type": "tool", "name": TOOL}),
        );
    }
    if let Some(degree) = question.temperature {
        // Its scale ends at 1.
        body.insert("temperature".to_owned(), json!(degree.min(1.0)));
    }
    if stream {
        body.insert("stream".to_owned(), json!(true));
    }
    Value::Object(body)
}

/// Reads a whole answer.
pub(super) fn read(answer: &Value) -> Result<Written, Fault> {
    let blocks = answer
        .get("content")
        .and_then(Value::as_array)
        .ok_or(Fault::Garbled("it has no content"))?;
    let by_tool = blocks
        .iter()
        .find(|block| is(block, "tool_use"))
        .and_then(|block| block.get("input"));
    let text = match by_tool {
        Some(input) => input.to_string(),
        None => blocks
            .iter()
            .filter(|block| is(block, "text"))
            .filter_map(|block| block.get("text").and_then(Value::as_str))
            .collect(),
    };
    Ok(Written {
        text,
        tokens: tokens(answer.get("usage")),
        end: end(answer.get("stop_reason")).unwrap_or_default(),
    })
}

/// Reads one event of a stream.
pub(super) fn pieces(event: &Value) -> Vec<Piece> {
    let mut found = Vec::new();
    match event.get("type").and_then(Value::as_str) {
        Some("message_start") => {
            found.push(Piece::Tokens(tokens(event.pointer("/message/usage"))));
        }
        Some("content_block_delta") => {
            let delta = event.get("delta");
            let part = |key: &str| delta.and_then(|delta| delta.get(key)?.as_str());
            let text = part("text").or_else(|| part("partial_json"));
            found.extend(
                text.filter(|text| !text.is_empty())
                    .map(|text| Piece::Text(text.to_owned())),
            );
        }
        Some("message_delta") => {
            found.push(Piece::Tokens(tokens(event.get("usage"))));
            found.extend(end(event.pointer("/delta/stop_reason")).map(Piece::End));
        }
        Some("message_stop") => found.push(Piece::End(End::Done)),
        Some("error") => found.push(Piece::Fault(Fault::Failed {
            status: 200,
            word: event.get("error").and_then(super::transfer::word),
        })),
        _ => {}
    }
    found
}

fn is(block: &Value, kind: &str) -> bool {
    block.get("type").is_some_and(|it| it == kind)
}

fn end(reason: Option<&Value>) -> Option<End> {
    Some(match reason?.as_str()? {
        "max_tokens" => End::Cut,
        "refusal" => End::Refused,
        _ => End::Done,
    })
}

/// Returns the counts. What is put into the cache for five minutes is read as well and costs five quarters of the price, and
/// what comes from it a tenth (Anthropic's price list).
fn tokens(usage: Option<&Value>) -> Tokens {
    let count = |key: &str| usage.and_then(|usage| usage.get(key)?.as_u64());
    let made = count("cache_creation_input_tokens").unwrap_or(0);
    let used = count("cache_read_input_tokens").unwrap_or(0);
    // Some proxies say nothing until the end by saying zero.
    let sum = |made: u64, used: u64| {
        let fresh = count("input_tokens")?;
        Some(fresh.saturating_add(made).saturating_add(used)).filter(|read| *read > 0)
    };
    Tokens {
        read: sum(made, used),
        written: count("output_tokens"),
        paid: sum(made.saturating_mul(5).div_ceil(4), used.div_ceil(10)),
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
            turns: vec![
                Turn::user("{\"dish\":\"soup\"}".to_owned()),
                Turn::assistant("no".to_owned()),
                Turn::user("{}".to_owned()),
            ],
            model: "m".to_owned(),
            temperature: Some(2.0),
            max_tokens: 7,
            schema,
            is_shaped_by_guest: false,
            most: 100,
        }
    }

    #[test]
    fn only_the_private_text_is_marked_for_the_cache() {
        let schema = json!({"type": "object"});
        let body = body(&question(Some(schema.clone())), Structured::Schema, false);
        assert_eq!(
            body,
            json!({
                "model": "m", "max_tokens": 7,
                "system": [{"type": "text", "text": "the recipe", "cache_control": {"type": "ephemeral"}}],
                "messages": [
                    {"role": "user", "content": "{\"dish\":\"soup\"}"},
                    {"role": "assistant", "content": "no"},
                    {"role": "user", "content": "{}"},
                ],
                "tools": [{"name": "answer", "description": "Gives the answer.", "input_schema": schema}],
                "tool_choice": {"type": "tool", "name": "answer"},
                "temperature": 1.0,
            })
        );
        assert_eq!(body.to_string().matches("cache_control").count(), 1);
    }

    #[test]
    fn what_a_component_made_of_a_callers_words_is_behind_no_mark() {
        let marks = |schema: Value, structured| -> Vec<bool> {
            let mut question = question(Some(schema));
            question.is_shaped_by_guest = true;
            let body = body(&question, structured, false);
            let system = body["system"].as_array().expect("a list");
            let is_marked = |part: &Value| part.get("cache_control").is_some();
            system.iter().map(is_marked).collect()
        };
        let object = json!({"type": "object", "description": "what a caller said"});
        assert_eq!(marks(object.clone(), Structured::Schema), [false]);
        assert_eq!(marks(object, Structured::Text), [true, false]);
        assert_eq!(
            marks(json!({"type": "array"}), Structured::Schema),
            [true, false]
        );
    }

    #[test]
    fn a_schema_that_no_tool_takes_goes_behind_the_private_text() {
        let body = body(
            &question(Some(json!({"type": "array"}))),
            Structured::Schema,
            true,
        );
        assert!(body.get("tools").is_none());
        assert_eq!(body["system"][0]["text"], "the recipe");
        let words = body["system"][1]["text"].as_str().expect("text");
        assert!(words.starts_with("Answer with JSON"), "{words}");
        assert_eq!(body["stream"], true);
    }

    #[test]
    fn answers_are_read() {
        let answer = json!({
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "stop_reason": "max_tokens",
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 10, "output_tokens": 2},
        });
        let written = read(&answer).expect("an answer");
        assert_eq!((written.text.as_str(), written.end), ("ab", End::Cut));
        assert_eq!(
            (written.tokens.read, written.tokens.written),
            (Some(13), Some(2))
        );
        assert_eq!(written.tokens.paid, Some(4), "a tenth of what was kept");
        let first =
            json!({"input_tokens": 3, "cache_creation_input_tokens": 8, "output_tokens": 2});
        let first = tokens(Some(&first));
        assert_eq!((first.read, first.paid), (Some(11), Some(13)));
        let tool = json!({"content": [{"type": "text", "text": "so"}, {"type": "tool_use", "name": "answer", "input": {"a": 1}}]});
        assert_eq!(read(&tool).expect("an answer").text, "{\"a\":1}");
        let refused = json!({"content": [], "stop_reason": "refusal"});
        assert_eq!(read(&refused).expect("an answer").end, End::Refused);
        assert!(matches!(read(&json!({})), Err(Fault::Garbled(_))));
    }

    #[test]
    fn streams_are_read() {
        let text = |text: &str| vec![Piece::Text(text.to_owned())];
        let delta = |delta: Value| pieces(&json!({"type": "content_block_delta", "delta": delta}));
        assert_eq!(delta(json!({"type": "text_delta", "text": "a"})), text("a"));
        assert_eq!(
            delta(json!({"type": "input_json_delta", "partial_json": "{\""})),
            text("{\"")
        );
        assert!(delta(json!({"type": "thinking_delta", "thinking": "hm"})).is_empty());
        let ended = pieces(
            &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}),
        );
        assert_eq!(ended.last(), Some(&Piece::End(End::Done)));
        assert!(pieces(&json!({"type": "ping"})).is_empty());
        assert!(matches!(
            pieces(
                &json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}})
            )
            .as_slice(),
            [Piece::Fault(Fault::Failed { .. })]
        ));
    }
}
