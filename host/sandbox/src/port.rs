//! The seams to the rest of the host. The sandbox checks grants and counts limits; what stands behind a port reads
//! stores, calls models and opens connections. A port never sees the guest, and the guest never sees a port's error.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coworker_core::{HttpGrant, SkillName, TaskId};
use futures::Stream;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

use crate::event::StateArea;

/// What the host connects to the sandbox. A missing port answers like one that cannot be reached.
#[derive(Clone, Default)]
pub struct Ports {
    /// Models.
    pub llm: Option<Arc<dyn LlmPort>>,
    /// What skills remember.
    pub state: Option<Arc<dyn StatePort>>,
    /// The network.
    pub http: Option<Arc<dyn HttpPort>>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports")
            .field("llm", &self.llm.is_some())
            .field("state", &self.state.is_some())
            .field("http", &self.http.is_some())
            .finish()
    }
}

/// Why a port has no answer. The text is for the owner's log; the guest learns only the kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// What is behind the port cannot be reached.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The host forbids it, for example a private address.
    #[error("denied: {0}")]
    Denied(String),
    /// It took too long.
    #[error("timed out: {0}")]
    TimedOut(String),
    /// It is larger than asked for.
    #[error("too large: {0}")]
    TooLarge(String),
}

/// A place on the processor: what a guest gives back while it waits.
#[async_trait]
pub trait Turn: Send + Sync {
    /// Gives the place back: the guest waits in a host call.
    fn pause(&self);
    /// Waits for a place again.
    async fn resume(&self);
    /// Asked each time a guest has computed for a whole tick: returns whether somebody waits for the place. The guest then
    /// goes to the back of the line: it is paused and resumed, as if it had waited.
    fn should_yield(&self) -> bool {
        false
    }
    /// The guest has ended by itself or by a limit, and what it held is about to be let go of. Whoever drops a call knows.
    fn end(&self) {}
}

/// A turn that is always one's own, for tests and single calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unpaced;

#[async_trait]
impl Turn for Unpaced {
    fn pause(&self) {}
    async fn resume(&self) {}
}

/// What a skill remembers, as committed. Writes do not pass here: they are part of a call's outcome.
#[async_trait]
pub trait StatePort: Send + Sync {
    /// Returns the value of a key.
    async fn get(&self, area: &StateArea, key: &str) -> Result<Option<Vec<u8>>, PortError>;
    /// Returns up to `most` keys that start with `prefix`, in byte order, with the sizes of their values.
    async fn list(
        &self,
        area: &StateArea,
        prefix: &str,
        most: u32,
    ) -> Result<Vec<(String, u64)>, PortError>;
    /// Returns how much is remembered.
    async fn used(&self, area: &StateArea) -> Result<StateUse, PortError>;
}

/// How much is remembered, keys and values together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateUse {
    /// In the partition of the area.
    pub caller: u64,
    /// In all partitions of the skill.
    pub skill: u64,
}

/// A request that a grant allows. Its path is normalised: what was checked is what must be sent.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method, one of the grant's.
    pub method: Method,
    /// Scheme, host, port, path and query.
    pub uri: Uri,
    /// The guest's headers, without those that belong to the connection.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The most bytes of answer that the call may still receive.
    pub most: u64,
    /// How long the guest wants to wait.
    pub timeout: Option<Duration>,
}

/// An answer from the network.
#[derive(Clone, Debug, Default)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, at most what the request said.
    pub body: Bytes,
}

/// The network. The port resolves, pins the address it checked, refuses private ones, adds the grant's headers, and
/// checks every redirect against the same grant with [`allows`](crate::allows).
#[async_trait]
pub trait HttpPort: Send + Sync {
    /// Sends a request that the grant allows.
    async fn send(
        &self,
        grant: &HttpGrant,
        task: TaskId,
        request: HttpRequest,
    ) -> Result<HttpResponse, PortError>;
}

/// A question to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct LlmAsk {
    /// The skill that asks.
    pub skill: SkillName,
    /// For which task.
    pub task: TaskId,
    /// The slot that the owner's text is bound to.
    pub slot: String,
    /// A JSON object: data, never text of the prompt.
    pub variables: Value,
    /// 0.0 to 2.0.
    pub temperature: Option<f32>,
    /// The most tokens to write.
    pub max_tokens: Option<u32>,
    /// A JSON Schema that the answer must pass.
    pub output_schema: Option<Value>,
}

/// A model's whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LlmReply {
    /// What it wrote.
    pub text: String,
    /// Tokens read.
    pub input_tokens: Option<u32>,
    /// Tokens written.
    pub output_tokens: Option<u32>,
}

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The slot is bound to nothing.
    #[error("no such slot")]
    NoSuchSlot,
    /// The question is not usable; the guest sees the text.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// No model can be reached.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A budget of the owner's is used up.
    #[error("limit reached: {0}")]
    LimitReached(String),
    /// The answer may not be passed on.
    #[error("rejected: {0}")]
    Rejected(String),
}

/// Pieces of an answer on its way.
pub type LlmStream = Pin<Box<dyn Stream<Item = Result<String, LlmError>> + Send>>;

/// Models by slot.
#[async_trait]
pub trait LlmPort: Send + Sync {
    /// Returns the whole answer.
    async fn complete(&self, ask: LlmAsk) -> Result<LlmReply, LlmError>;
    /// Returns the answer in pieces.
    async fn open(&self, ask: LlmAsk) -> Result<LlmStream, LlmError>;
}
