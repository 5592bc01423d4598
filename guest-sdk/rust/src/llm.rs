//! Models, by slot. A skill that calls this needs the grant `llm`.
//!
//! The owner binds each slot to a private text and a model; the skill holds neither. Variables reach the model as
//! data, never as text of the prompt.
//!
//! ```no_run
//! # fn run(text: &str) -> coworker_skill::Result<String> {
//! use coworker_skill::llm;
//! let reply = llm::ask("summary").with("text", text).temperature(0.2).send()?;
//! # Ok(reply.text) }
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The owner bound nothing to the slot.
    NoSuchSlot,
    /// A variable or an option cannot be used.
    InvalidRequest(String),
    /// No model can be reached now.
    Unavailable,
    /// This call has used up its share.
    LimitReached,
    /// The answer may not be passed on.
    Rejected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSlot => f.write_str("no model is set up for this"),
            Self::InvalidRequest(why) => write!(f, "the model cannot be asked that: {why}"),
            Self::Unavailable => f.write_str("no model can be reached now"),
            Self::LimitReached => f.write_str("this call has used up its share of the model"),
            Self::Rejected => f.write_str("the model's answer may not be passed on"),
        }
    }
}

impl std::error::Error for Error {}

/// A finished answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What the model wrote.
    pub text: String,
    /// Tokens read, where the provider says.
    pub input_tokens: Option<u32>,
    /// Tokens written, where the provider says.
    pub output_tokens: Option<u32>,
}

/// A question in the making.
#[must_use = "nothing is asked before `send`, `json` or `stream`"]
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The slot to ask.
    pub slot: String,
    /// What the prompt may use.
    pub variables: Map<String, Value>,
    /// The sampling temperature, 0.0 to 2.0.
    pub temperature: Option<f32>,
    /// The most tokens to write.
    pub max_tokens: Option<u32>,
    /// The JSON Schema of the answer.
    pub output_schema: Option<String>,
}

/// Starts a question to the model behind `slot`.
pub fn ask(slot: impl Into<String>) -> Request {
    Request {
        slot: slot.into(),
        variables: Map::new(),
        temperature: None,
        max_tokens: None,
        output_schema: None,
    }
}

impl Request {
    /// Gives the prompt a value; one that JSON cannot hold counts as null.
    pub fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.variables.insert(name.into(), value);
        self
    }

    /// Sets the temperature.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the most tokens to write.
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Waits for the whole answer.
    pub fn send(self) -> Result<Reply, Error> {
        complete(&self)
    }

    /// Waits for an answer in the shape of `T`.
    pub fn json<T: DeserializeOwned + JsonSchema>(mut self) -> Result<T, Error> {
        self.output_schema = Some(crate::registry::schema::<T>());
        let reply = complete(&self)?;
        serde_json::from_str(&reply.text).map_err(|_| Error::Rejected)
    }

    /// Reads the answer while it is written.
    pub fn stream(self) -> Result<Answer, Error> {
        open(&self)
    }
}

/// An answer on its way: an iterator over its pieces.
pub struct Answer {
    #[cfg(target_arch = "wasm32")]
    inner: crate::component::coworker::skill::llm::Answer,
    #[cfg(not(target_arch = "wasm32"))]
    rest: Option<String>,
    over: bool,
}

impl Iterator for Answer {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let piece = self.piece().transpose();
        self.over = !matches!(piece, Some(Ok(_)));
        piece
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Answer, Error, Reply, Request};
    use crate::component::coworker::skill::llm as import;

    fn options(request: &Request) -> import::Options {
        import::Options {
            temperature: request.temperature,
            max_tokens: request.max_tokens,
            output_schema: request.output_schema.clone(),
        }
    }

    fn variables(request: &Request) -> String {
        serde_json::Value::Object(request.variables.clone()).to_string()
    }

    fn error(error: import::Error) -> Error {
        match error {
            import::Error::NoSuchSlot => Error::NoSuchSlot,
            import::Error::InvalidRequest(why) => Error::InvalidRequest(why),
            import::Error::Unavailable => Error::Unavailable,
            import::Error::LimitReached => Error::LimitReached,
            import::Error::Rejected => Error::Rejected,
        }
    }

    pub(super) fn complete(request: &Request) -> Result<Reply, Error> {
        let reply = import::complete(&request.slot, &variables(request), &options(request))
            .map_err(error)?;
        Ok(Reply {
            text: reply.text,
            input_tokens: reply.input_tokens,
            output_tokens: reply.output_tokens,
        })
    }

    pub(super) fn open(request: &Request) -> Result<Answer, Error> {
        let inner =
            import::open(&request.slot, &variables(request), &options(request)).map_err(error)?;
        Ok(Answer { inner, over: false })
    }

    impl Answer {
        pub(super) fn piece(&mut self) -> Result<Option<String>, Error> {
            self.inner.next().map_err(error)
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod host {
    use super::{Answer, Error, Reply, Request};

    pub(super) fn complete(request: &Request) -> Result<Reply, Error> {
        let text = crate::testing::model_answer(request)?;
        Ok(Reply {
            text,
            ..Reply::default()
        })
    }

    pub(super) fn open(request: &Request) -> Result<Answer, Error> {
        Ok(Answer {
            rest: Some(crate::testing::model_answer(request)?),
            over: false,
        })
    }

    impl Answer {
        /// Hands out one word after the other, as a provider might.
        pub(super) fn piece(&mut self) -> Result<Option<String>, Error> {
            let Some(rest) = self.rest.take() else {
                return Ok(None);
            };
            match rest.split_once(' ') {
                Some((word, after)) => {
                    self.rest = Some(after.to_owned());
                    Ok(Some(format!("{word} ")))
                }
                None => Ok(Some(rest)),
            }
        }
    }
}

use host::{complete, open};
