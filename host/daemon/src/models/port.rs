//! What a guest's questions find: the conversation of its call, the text of its slot, and no more than an answer that may be
//! passed on.

use std::sync::Arc;

use async_trait::async_trait;
use coworker_core::{Schema, Slot};
use coworker_sandbox::{LlmAsk, LlmError, LlmPort, LlmReply, LlmStream};
use futures::{StreamExt, stream};

use super::answer::{passes, shaped};
use super::ask::Wanted;
use super::conversation::Conversation;
use super::question::Turn;
use super::{Fault, Models};

#[async_trait]
impl LlmPort for Models {
    async fn complete(&self, ask: LlmAsk) -> Result<LlmReply, LlmError> {
        let (conversation, slot, schema, wanted) = self.begin_ask(ask)?;
        let answered = match &schema {
            None => self
                .0
                .ask(&conversation, &slot, wanted)
                .await
                .map(|answered| (answered.text, answered.tokens)),
            Some(schema) => shaped(&self.0, &conversation, &slot, wanted, schema)
                .await
                .map(|(value, tokens)| (value.to_string(), tokens)),
        };
        let (text, tokens) = answered.map_err(|fault| fault.for_guest())?;
        let count = |tokens: Option<u64>| tokens.and_then(|count| u32::try_from(count).ok());
        Ok(LlmReply {
            text,
            input_tokens: count(tokens.read),
            output_tokens: count(tokens.written),
        })
    }

    async fn open(&self, ask: LlmAsk) -> Result<LlmStream, LlmError> {
        let (conversation, slot, schema, mut wanted) = self.begin_ask(ask)?;
        wanted.schema = schema.as_ref().map(|schema| schema.value().clone());
        let pieces = self
            .0
            .open(&conversation, &slot, wanted)
            .await
            .map_err(|fault| fault.for_guest())?;
        let pieces = pieces.map(|piece| piece.map_err(|fault| fault.for_guest()));
        Ok(match schema {
            None => pieces.boxed(),
            Some(schema) => checked(pieces.boxed(), schema, conversation),
        })
    }
}

impl Models {
    fn begin_ask(
        &self,
        ask: LlmAsk,
    ) -> Result<(Arc<Conversation>, Slot, Option<Schema>, Wanted), LlmError> {
        let conversation = self
            .0
            .conversations()
            .get(&ask.task)
            .cloned()
            .ok_or_else(|| LlmError::Unavailable("the call is over".to_owned()))?;
        let entry = &conversation.entry;
        let slot = entry
            .private
            .as_ref()
            .and_then(|texts| texts.slot(&ask.slot))
            .cloned();
        let Some(slot) = slot else {
            let fault = Fault::NoSuchSlot(ask.slot);
            conversation.note_fault(&fault, "NAME");
            return Err(fault.for_guest());
        };
        let schema = ask
            .output_schema
            .as_ref()
            .map(Schema::compile)
            .transpose()
            .map_err(|error| LlmError::InvalidRequest(error.to_string()))?;
        let wanted = Wanted {
            turns: vec![Turn::user(ask.variables.to_string())],
            temperature: ask.temperature,
            max_tokens: ask.max_tokens,
            schema: None,
            is_by_guest: true,
            // The room counts what crosses; more than it takes is of no use.
            most: entry.limits.host_bytes.len(),
        };
        Ok((conversation, slot, schema, wanted))
    }
}

/// Passes pieces on, and at their end says whether they passed the schema: nobody can say so before, and what has gone
/// cannot be asked for once more.
fn checked(pieces: LlmStream, schema: Schema, conversation: Arc<Conversation>) -> LlmStream {
    let state = (pieces, String::new(), schema, conversation, false);
    stream::unfold(
        state,
        |(mut pieces, mut text, schema, conversation, is_over)| async move {
            if is_over {
                return None;
            }
            let (next, is_over) = match pieces.next().await {
                Some(Ok(piece)) => {
                    text.push_str(&piece);
                    (Ok(piece), false)
                }
                Some(Err(error)) => (Err(error), true),
                None => {
                    let Err(wrong) = passes(&text, &schema) else {
                        return None;
                    };
                    let fault = Fault::WrongShape(wrong);
                    conversation.note_fault(&fault, "NAME");
                    (Err(fault.for_guest()), true)
                }
            };
            Some((next, (pieces, text, schema, conversation, is_over)))
        },
    )
    .boxed()
}
