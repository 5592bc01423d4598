//! A skill that is a text and no code: its private text is what the model is told, the caller's input one JSON message, and
//! what the model writes is the output, once it has the published shape.

use std::sync::Arc;

use coworker_core::{SKILL_SLOT, Schema, Slot, TooComplex};
use serde_json::{Value, json};

use super::ask::Wanted;
use super::conversation::{Begun, Conversation};
use super::fault::{NOT_JSON, NOT_OF_SCHEMA};
use super::question::Turn;
use super::{Fault, Inner};
use crate::store::LogLevel;

/// How much of an answer that does not fit is shown to the model again.
const SHOWN: usize = 32 << 10;

impl Begun {
    /// Returns the output of the skill, as JSON text.
    pub async fn answer(&self) -> Result<String, Fault> {
        let Self {
            inner,
            conversation,
        } = self;
        let limits = &conversation.entry.limits;
        match tokio::time::timeout(limits.wall.0, answer(inner, conversation)).await {
            Ok(answer) => answer,
            Err(_) => {
                let fault = Fault::TimedOut(limits.wall);
                conversation.note(LogLevel::Error, fault.to_string());
                Err(fault)
            }
        }
    }
}

async fn answer(inner: &Arc<Inner>, conversation: &Arc<Conversation>) -> Result<String, Fault> {
    let entry = &conversation.entry;
    let slot = entry
        .private
        .as_ref()
        .and_then(|texts| texts.slot(SKILL_SLOT))
        .ok_or_else(|| Fault::NoSuchSlot(SKILL_SLOT.to_owned()))
        .inspect_err(|fault| conversation.note_fault(fault, "NAME"))?;
    let input: Value = serde_json::from_str(&conversation.input).unwrap_or_default();
    let declared = entry
        .input
        .declared(&input)
        .map_err(|TooComplex| Fault::TooComplex)
        .inspect_err(|fault| conversation.note_fault(fault, "NAME"))?;
    let wanted = Wanted {
        turns: vec![Turn::user(declared.to_string())],
        most: entry.limits.output.len(),
        ..Wanted::default()
    };
    if is_plain_text(entry.output.value()) {
        let answered = inner.ask(conversation, slot, wanted).await?;
        return Ok(json!({ "result": answered.text.trim_end() }).to_string());
    }
    let (value, _) = shaped(inner, conversation, slot, wanted, &entry.output).await?;
    Ok(value.to_string())
}

/// Asks for JSON that passes a schema; an answer that does not gets one more chance.
pub(super) async fn shaped(
    inner: &Arc<Inner>,
    conversation: &Arc<Conversation>,
    slot: &Slot,
    mut wanted: Wanted,
    schema: &Schema,
) -> Result<(Value, super::question::Tokens), Fault> {
    wanted.schema = Some(schema.value().clone());
    let first = inner.ask(conversation, slot, wanted.clone()).await?;
    let wrong = match of_shape(&first.text, schema) {
        Ok(value) => return Ok((value, first.tokens)),
        Err(wrong) => wrong,
    };
    conversation.note(
        LogLevel::Warn,
        format!("the model's answer {wrong}; asking once more"),
    );
    let shown = first
        .text
        .get(..first.text.floor_char_boundary(SHOWN))
        .unwrap_or_default();
    wanted.turns.push(Turn::assistant(shown.to_owned()));
    let complaint = json!({
        "error": format!("your answer {wrong}"), "answer_again": "with JSON alone that passes the schema",
        "schema": schema.value(),
    });
    wanted.turns.push(Turn::user(complaint.to_string()));
    let second = inner.ask(conversation, slot, wanted).await?;
    let tokens = second.tokens.plus(first.tokens);
    of_shape(&second.text, schema)
        .map(|value| (value, tokens))
        .map_err(Fault::WrongShape)
        .inspect_err(|fault| conversation.note_fault(fault, "NAME"))
}

/// Returns the JSON of an answer without its fence, if it is some and passes the schema.
fn of_shape(text: &str, schema: &Schema) -> Result<Value, &'static str> {
    passes(unfenced(text), schema)
}

/// Returns the JSON of a text that is nothing else, if it passes the schema.
pub(super) fn passes(text: &str, schema: &Schema) -> Result<Value, &'static str> {
    let value: Value = serde_json::from_str(text).map_err(|_| NOT_JSON)?;
    if coworker_core::depth(&value) > coworker_core::MAX_DEPTH {
        return Err(NOT_OF_SCHEMA);
    }
    match schema.check(&value) {
        Ok(()) => Ok(value),
        Err(_) => Err(NOT_OF_SCHEMA),
    }
}

/// Takes the fence off that models like to put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim().trim_start_matches('\u{feff}');
    let inside = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'));
    inside.map_or(text, |(_, inside)| inside.trim())
}

/// What may be said of a text that every text passes.
const SAYS_NOTHING: [&str; 4] = ["type", "title", "description", "examples"];

/// Returns whether the output is one text under `result`: what a skill gets whose author names no output.
fn is_plain_text(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.is_some_and(|all| all.len() == 1)
        && schema.get("type").is_some_and(|kind| kind == "object")
        && schema
            .pointer("/properties/result/type")
            .is_some_and(|kind| kind == "string")
        && schema
            .pointer("/properties/result")
            .and_then(Value::as_object)
            .is_some_and(|rules| {
                rules
                    .keys()
                    .all(|rule| SAYS_NOTHING.contains(&rule.as_str()))
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_come_off() {
        for text in [
            "{\"a\":1}",
            " ```json\n{\"a\":1}\n``` ",
            "```\n{\"a\":1}```",
            "\u{feff}{\"a\":1}",
        ] {
            assert_eq!(unfenced(text), "{\"a\":1}");
        }
        assert_eq!(unfenced("``` no fence"), "``` no fence");
    }

    #[test]
    fn one_text_is_wrapped() {
        let text = |rules: Value| {
            is_plain_text(&json!({"type": "object", "properties": {"result": rules}}))
        };
        assert!(text(json!({"type": "string", "description": "x"})));
        assert!(!text(json!({"type": "number"})));
        for rule in [
            json!({"enum": ["a"]}),
            json!({"maxLength": 9}),
            json!({"not": {}}),
        ] {
            let mut rules = rule;
            rules["type"] = json!("string");
            assert!(!text(rules.clone()), "{rules}");
        }
        assert!(!is_plain_text(
            &json!({"type": "object", "properties": {"result": {"type": "string"}, "b": {}}})
        ));
        assert!(!is_plain_text(&json!(true)));
    }
}
