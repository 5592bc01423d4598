//! What peers say to each other, as types. Reading keeps what has a meaning here, within bounds, and drops the rest:
//! tracebacks, lists of hidden skills and identities that a payload claims go no further than this file.

mod read;
mod write;

use std::sync::Arc;

use serde_json::Value;

use crate::{InviteSecret, Kind, Tier, schema_from_type_words};

pub use read::BadPayload;
pub(crate) use read::read_payload;
pub(crate) use write::Payload;

/// The longest skill name that is repeated to a caller, in characters.
pub const NAME_SHOWN: usize = 200;

/// A message, by kind. The kinds that hold a bare value have no meaning here yet and are kept as sent.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "fields are the wire's own words where nothing is said of them"
)]
pub enum Message {
    /// Asks for a sign of life.
    Ping {
        message: String,
    },
    /// Answers a ping.
    Pong {
        message: String,
    },
    /// Asks what the other offers. What it says of the asker decides nothing.
    Discover {
        name: Option<String>,
        wallet: Option<String>,
    },
    /// Answers with the skills that the asker may use.
    Capabilities {
        name: String,
        skills: Vec<RemoteCard>,
        card_hash: Option<String>,
    },
    /// Asks the owner for a tier.
    TrustRequest {
        requested: Tier,
        reason: String,
        /// What proves that the asker was given an invite.
        invite: Option<InviteSecret>,
    },
    /// Tells the tier that the asker has now.
    TrustGrant {
        tier: Tier,
        reason: String,
    },
    /// Tells that the owner has not decided, or decided against it.
    TrustDeny {
        requested: Tier,
        reason: String,
    },
    /// Calls a skill.
    TaskRequest(TaskRequest),
    /// The output of a skill.
    TaskResponse {
        result: Value,
        duration_ms: Option<f64>,
    },
    /// Why there is no output.
    TaskError(TaskFailure),
    /// A refusal outside of tasks.
    Error {
        code: String,
        message: String,
    },
    /// Asks for the whole card of one skill.
    SkillCardQuery {
        skill: String,
    },
    /// The whole card of one skill.
    SkillCard(RemoteCard),
    /// Asks whether the list of skills changed.
    AgentCardQuery {
        cached_hash: Option<String>,
    },
    /// Proposes work in steps.
    PlanPropose {
        goal: String,
        steps: Value,
    },
    /// Joins in.
    PlanAccept {
        goal: String,
    },
    /// Stays out.
    PlanReject {
        reason: String,
    },
    SessionPropose(Value),
    SessionAccept(Value),
    ContextQuery(Value),
    GroupCreate(Value),
    GroupCreated(Value),
    GroupInvite(Value),
    GroupJoined(Value),
    GroupMessage(Value),
    GroupDiscover(Value),
    GroupCapabilities(Value),
    /// Calls a skill of the member that `target_wallet` names, or of all members. Who asks is not read from it.
    GroupTaskRequest {
        request: TaskRequest,
        target_wallet: Option<String>,
    },
    GroupTaskResponse {
        result: Value,
        duration_ms: Option<f64>,
    },
    GroupTaskError(TaskFailure),
    /// Anything else.
    Other {
        kind: String,
        payload: Value,
    },
}

/// A call of a skill.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRequest {
    /// The name as sent, cut at 200 characters; empty if it was no text.
    pub skill: String,
    /// Any JSON value; an empty object if there was none.
    pub input: Value,
    /// The version that the caller insists on.
    pub version: Option<String>,
    /// Whether the caller waits for days rather than for an hour.
    pub is_async: bool,
    /// The caller's own id of the task.
    pub task_id: Option<String>,
}

impl TaskRequest {
    /// Returns a plain call.
    pub fn new(skill: &str, input: Value) -> Self {
        Self {
            skill: cut(skill, NAME_SHOWN).to_owned(),
            input,
            version: None,
            is_async: false,
            task_id: None,
        }
    }
}

/// Why a task has no output, in the words of the one that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFailure {
    /// A sentence for people.
    pub error: String,
    /// A word for programs.
    pub code: Option<String>,
    /// Which version there is, where the asked one is another.
    pub available_version: Option<String>,
    /// Which version was asked for.
    pub requested_version: Option<String>,
}

/// The card of a skill as it travels. Cards of others are claims: names need not fit our rule, types may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteCard(Arc<Value>);

impl RemoteCard {
    /// Returns the card in `value`: an object with a name, or a bare name.
    pub fn read(value: Value) -> Option<Self> {
        match value {
            Value::String(name) => Some(Self(Arc::new(serde_json::json!({ "name": name })))),
            Value::Object(ref map) if map.get("name").is_some_and(Value::is_string) => {
                Some(Self(Arc::new(value)))
            }
            _ => None,
        }
    }

    /// Returns a card of our own.
    pub(crate) const fn own(card: Arc<Value>) -> Self {
        Self(card)
    }

    /// Returns the whole card.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Returns the name that its owner gave the skill.
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    /// Returns what the skill does, in its owner's words.
    pub fn description(&self) -> &str {
        self.text("description").unwrap_or_default()
    }

    /// Returns the version that a call may insist on.
    pub fn version(&self) -> Option<&str> {
        self.text("version")
    }

    /// Returns the schema of the input: the card's own, or one made of its type words.
    pub fn input(&self) -> Value {
        self.schema("input", "input_schema")
    }

    /// Returns the schema of the output: the card's own, or one made of its type words.
    pub fn output(&self) -> Value {
        self.schema("output", "output_schema")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn schema(&self, exact: &str, words: &str) -> Value {
        match self.0.get("ext").and_then(|ext| ext.get(exact)) {
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => schema.clone(),
            _ => schema_from_type_words(self.0.get(words).unwrap_or(&Value::Null)),
        }
    }
}

impl Message {
    /// Returns the kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ping { .. } => Kind::Ping,
            Self::Pong { .. } => Kind::Pong,
            Self::Discover { .. } => Kind::Discover,
            Self::Capabilities { .. } => Kind::Capabilities,
            Self::TrustRequest { .. } => Kind::TrustRequest,
            Self::TrustGrant { .. } => Kind::TrustGrant,
            Self::TrustDeny { .. } => Kind::TrustDeny,
            Self::TaskRequest(_) => Kind::TaskRequest,
            Self::TaskResponse { .. } => Kind::TaskResponse,
            Self::TaskError(_) => Kind::TaskError,
            Self::Error { .. } => Kind::Error,
            Self::SkillCardQuery { .. } => Kind::SkillCardQuery,
            Self::SkillCard(_) => Kind::SkillCard,
            Self::AgentCardQuery { .. } => Kind::AgentCardQuery,
            Self::PlanPropose { .. } => Kind::PlanPropose,
            Self::PlanAccept { .. } => Kind::PlanAccept,
            Self::PlanReject { .. } => Kind::PlanReject,
            Self::SessionPropose(_) => Kind::SessionPropose,
            Self::SessionAccept(_) => Kind::SessionAccept,
            Self::ContextQuery(_) => Kind::ContextQuery,
            Self::GroupCreate(_) => Kind::GroupCreate,
            Self::GroupCreated(_) => Kind::GroupCreated,
            Self::GroupInvite(_) => Kind::GroupInvite,
            Self::GroupJoined(_) => Kind::GroupJoined,
            Self::GroupMessage(_) => Kind::GroupMessage,
            Self::GroupDiscover(_) => Kind::GroupDiscover,
            Self::GroupCapabilities(_) => Kind::GroupCapabilities,
            Self::GroupTaskRequest { .. } => Kind::GroupTaskRequest,
            Self::GroupTaskResponse { .. } => Kind::GroupTaskResponse,
            Self::GroupTaskError(_) => Kind::GroupTaskError,
            Self::Other { .. } => Kind::Other,
        }
    }

    /// Returns the type as the wire writes it.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Other { kind, .. } => kind,
            known => known.kind().name(),
        }
    }

    /// Returns the payload as the wire carries it.
    pub fn payload(&self) -> Value {
        // A payload is made of JSON values and text keys; writing it into a value has no way to fail.
        serde_json::to_value(Payload(self)).unwrap_or_default()
    }

    /// Returns the call in a request, by whatever way it came.
    pub const fn request(&self) -> Option<&TaskRequest> {
        match self {
            Self::TaskRequest(request) | Self::GroupTaskRequest { request, .. } => Some(request),
            _ => None,
        }
    }
}

/// Returns the first `chars` characters of a text.
pub(crate) fn cut(text: &str, chars: usize) -> &str {
    match text.char_indices().nth(chars) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}
