//! Models by slot: counts the questions, checks that they are well formed, and passes them to the port. The guest
//! never learns which model answered or why one did not.

use std::sync::Arc;

use coworker_core::{Job, SkillName, TaskId};
use futures::StreamExt;
use serde_json::Value;
use wasmtime::component::Resource;

use crate::bindings::llm;
use crate::port::{LlmAsk, LlmError, LlmPort, LlmStream};
use crate::room::Room;

/// The longest name of a slot.
const SLOT_MOST: usize = 128;

/// The call's access to models.
#[derive(Default)]
pub(crate) struct Models {
    port: Option<Arc<dyn LlmPort>>,
    asks: Option<(SkillName, TaskId)>,
    calls: u32,
    tokens_in: u64,
    tokens_out: u64,
}

impl Models {
    /// Returns what the job's grants give.
    pub(crate) fn new(job: &Job, port: Option<Arc<dyn LlmPort>>) -> Self {
        if !job.grants.llm {
            return Self::default();
        }
        Self {
            port,
            asks: Some((job.skill.clone(), job.task)),
            ..Self::default()
        }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// Returns the tokens read and written.
    pub(crate) fn tokens(&self) -> (u64, u64) {
        (self.tokens_in, self.tokens_out)
    }
}

/// An answer on its way.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Answer {
    pieces: LlmStream,
    over: bool,
}

impl Room {
    /// Counts a question and returns it, ready for the port.
    fn ask(
        &mut self,
        slot: String,
        variables: &str,
        options: llm::Options,
    ) -> Result<(Arc<dyn LlmPort>, LlmAsk), llm::Error> {
        let most = self.limits.model_calls;
        let models = &mut self.models;
        let (Some(port), Some((skill, task))) = (&models.port, &models.asks) else {
            return Err(llm::Error::Unavailable);
        };
        if models.calls >= most {
            return Err(llm::Error::LimitReached);
        }
        let ask = LlmAsk {
            skill: skill.clone(),
            task: *task,
            slot: slot_name(slot)?,
            variables: object(variables)?,
            temperature: temperature(options.temperature)?,
            max_tokens: options.max_tokens,
            output_schema: options.output_schema.as_deref().map(schema).transpose()?,
        };
        let port = Arc::clone(port);
        models.calls += 1;
        Ok((port, ask))
    }
}

impl llm::Host for Room {
    async fn complete(
        &mut self,
        slot: String,
        variables: String,
        options: llm::Options,
    ) -> wasmtime::Result<Result<llm::Reply, llm::Error>> {
        self.enter(size(&slot, &variables, &options))?;
        let (port, ask) = match self.ask(slot, &variables, options) {
            Ok(ready) => ready,
            Err(error) => return Ok(Err(error)),
        };
        let reply = match port.complete(ask).await {
            Ok(reply) => reply,
            Err(error) => return Ok(Err(refusal(error))),
        };
        self.carry(reply.text.len())?;
        self.models.tokens_in += u64::from(reply.input_tokens.unwrap_or(0));
        self.models.tokens_out += u64::from(reply.output_tokens.unwrap_or(0));
        Ok(Ok(llm::Reply {
            text: reply.text,
            input_tokens: reply.input_tokens,
            output_tokens: reply.output_tokens,
        }))
    }

    async fn open(
        &mut self,
        slot: String,
        variables: String,
        options: llm::Options,
    ) -> wasmtime::Result<Result<Resource<Answer>, llm::Error>> {
        self.enter(size(&slot, &variables, &options))?;
        let (port, ask) = match self.ask(slot, &variables, options) {
            Ok(ready) => ready,
            Err(error) => return Ok(Err(error)),
        };
        match port.open(ask).await {
            Ok(pieces) => Ok(Ok(self.table.push(Answer {
                pieces,
                over: false,
            })?)),
            Err(error) => Ok(Err(refusal(error))),
        }
    }
}

impl llm::HostAnswer for Room {
    async fn next(
        &mut self,
        answer: Resource<Answer>,
    ) -> wasmtime::Result<Result<Option<String>, llm::Error>> {
        self.enter(0)?;
        let answer = self.table.get_mut(&answer)?;
        if answer.over {
            return Ok(Ok(None));
        }
        match answer.pieces.next().await {
            Some(Ok(piece)) => {
                self.carry(piece.len())?;
                Ok(Ok(Some(piece)))
            }
            Some(Err(error)) => {
                answer.over = true;
                Ok(Err(refusal(error)))
            }
            None => {
                answer.over = true;
                Ok(Ok(None))
            }
        }
    }

    async fn drop(&mut self, answer: Resource<Answer>) -> wasmtime::Result<()> {
        self.table.delete(answer)?;
        Ok(())
    }
}

fn size(slot: &str, variables: &str, options: &llm::Options) -> usize {
    slot.len() + variables.len() + options.output_schema.as_ref().map_or(0, String::len)
}

fn slot_name(slot: String) -> Result<String, llm::Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    if slot.is_empty()
        || slot.len() > SLOT_MOST
        || slot.starts_with('.')
        || !slot.bytes().all(plain)
    {
        return Err(llm::Error::NoSuchSlot);
    }
    Ok(slot)
}

fn object(variables: &str) -> Result<Value, llm::Error> {
    match serde_json::from_str(variables) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(llm::Error::InvalidRequest(
            "the variables are not a JSON object".to_owned(),
        )),
    }
}

fn temperature(temperature: Option<f32>) -> Result<Option<f32>, llm::Error> {
    match temperature {
        Some(degree) if !(0.0..=2.0).contains(&degree) => Err(llm::Error::InvalidRequest(
            "the temperature is not within 0.0 to 2.0".to_owned(),
        )),
        fine => Ok(fine),
    }
}

fn schema(text: &str) -> Result<Value, llm::Error> {
    let refuse =
        |why: String| llm::Error::InvalidRequest(format!("the output schema is not usable: {why}"));
    let value: Value = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
    crate::manifest::check_schema(&value).map_err(refuse)?;
    Ok(value)
}

fn refusal(error: LlmError) -> llm::Error {
    match error {
        LlmError::NoSuchSlot => llm::Error::NoSuchSlot,
        LlmError::InvalidRequest(why) => llm::Error::InvalidRequest(why),
        LlmError::Unavailable(_) => llm::Error::Unavailable,
        LlmError::LimitReached(_) => llm::Error::LimitReached,
        LlmError::Rejected(_) => llm::Error::Rejected,
    }
}
