//! Why a model gave no answer: for the owner with a hint, for a guest as a kind, for a peer as a refusal. No provider's
//! text is repeated in any of them: it may hold what the model was told, or half of a key.

use coworker_core::budget::Exhausted;
use coworker_core::{Bytes, Refusal, Span, TooComplex};
use coworker_sandbox::LlmError;

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No provider can be asked.
    #[error("no model can be asked: {0}")]
    Unconfigured(String),
    /// The slot is bound to nothing.
    #[error("no text is bound to the slot {0:?}")]
    NoSuchSlot(String),
    /// There is no key, or it cannot be read.
    #[error("there is no key for the provider: {0}")]
    NoKey(String),
    /// Nobody answers.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("the provider took longer than {0}")]
    TimedOut(Span),
    /// The key is not taken.
    #[error("the provider refuses the key (status {0})")]
    WrongKey(u16),
    /// The account is empty.
    #[error("the provider says that the account has no credit left (status {0})")]
    NoCredit(u16),
    /// There is no such model, or no such address.
    #[error("the provider does not know the model {model:?} (status {status})")]
    UnknownModel {
        /// Which.
        model: String,
        /// What it answered.
        status: u16,
    },
    /// It asks to come back later, and there is no later in this call.
    #[error("the provider asks to come back later (status {0})")]
    Busy(u16),
    /// It failed.
    #[error("the provider failed (status {status}{})", said(.word))]
    Failed {
        /// What it answered.
        status: u16,
        /// Its own word for it.
        word: Option<String>,
    },
    /// It does not take the question.
    #[error("the provider does not take the question (status {status}{})", said(.word))]
    NotTaken {
        /// What it answered.
        status: u16,
        /// Its own word for it.
        word: Option<String>,
    },
    /// It does not want to answer.
    #[error("the provider refused to answer")]
    Refused,
    /// There is no text in the answer.
    #[error("the model wrote nothing")]
    Empty,
    /// The answer is too large.
    #[error("the model's answer is larger than {0}")]
    TooLarge(Bytes),
    /// The answer is not one.
    #[error("the provider's answer cannot be read: {0}")]
    Garbled(&'static str),
    /// The answer ends in the middle.
    #[error("the connection to the provider broke off")]
    BrokeOff,
    /// What of the input the skill names takes more work to find than a check may.
    #[error("the input is too complex for the skill's schema")]
    TooComplex,
    /// It is not JSON, or not the JSON that was asked for, also on the second try.
    #[error("the model's answer {0}")]
    WrongShape(&'static str),
    /// The guard holds it back.
    #[error("the model's answer is held back: {0}")]
    Held(String),
    /// A budget is used up.
    #[error(transparent)]
    OverBudget(#[from] Exhausted),
}

/// What can be done about an answer that is not JSON.
pub(super) const NOT_JSON: &str = "is not JSON";
/// The same for JSON of another shape.
pub(super) const NOT_OF_SCHEMA: &str = "does not pass the output schema";

impl Fault {
    /// Returns what the owner can do about it.
    pub fn hint(&self, provider: &str) -> Option<String> {
        Some(match self {
            Self::Unconfigured(_) | Self::Held(_) | Self::Garbled(_) => return None,
            Self::NoSuchSlot(slot) => format!("put prompts/{slot}.md beside the skill, or its SKILL.md for the slot \"skill\""),
            Self::NoKey(_) | Self::WrongKey(_) => format!(
                "set `key_env`, `key_file` or `key_command` under [llm.{provider}]; `coworker-host doctor` says what was found"
            ),
            Self::Unreachable(_) | Self::BrokeOff => format!("look whether it runs, and at `base_url` under [llm.{provider}]"),
            Self::TimedOut(_) => format!("raise `timeout` under [llm.{provider}], or name a faster model"),
            Self::NoCredit(_) => "look at the account at the provider".to_owned(),
            Self::UnknownModel { .. } => format!("correct `model` in SKILL.md or under [llm.{provider}], or `base_url` there"),
            Self::Busy(_) | Self::Failed { .. } => "try again later, or name another provider".to_owned(),
            Self::NotTaken { .. } => format!(
                "it may be too long for the model, or the model takes no `temperature` or `structured` answers: see [llm.{provider}]"
            ),
            Self::Refused => "its rules forbid the answer, or it thinks so: reword the skill".to_owned(),
            Self::Empty => format!("a model that thinks may need more `max_tokens` under [llm.{provider}]"),
            Self::TooLarge(_) => "raise the skill's limit `output`, or ask for less in its text".to_owned(),
            Self::TooComplex => "name in the skill's schema what its input holds, with fewer choices among choices".to_owned(),
            Self::WrongShape(_) => "say in the skill's text what the answer looks like, or name a model that is better at it".to_owned(),
            Self::OverBudget(exhausted) => format!(
                "raise it under [budget] if that is what you want: {exhausted}"
            ),
        })
    }

    /// Returns what the caller of a skill hears whose answer the model is.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::TooComplex => Refusal::InvalidInput {
                message: format!("input: {TooComplex}"),
            },
            Self::TimedOut(_) => Refusal::Timeout,
            Self::OverBudget(_) => Refusal::Busy,
            Self::TooLarge(_) | Self::WrongShape(_) | Self::Held(_) => Refusal::OutputRejected,
            _ => Refusal::ExecutionFailed { message: None },
        }
    }

    /// Returns what a guest learns. The texts in it stay with the owner.
    pub fn for_guest(&self) -> LlmError {
        match self {
            Self::NoSuchSlot(_) => LlmError::NoSuchSlot,
            Self::OverBudget(_) => LlmError::LimitReached(self.to_string()),
            Self::TooLarge(_) | Self::WrongShape(_) | Self::Held(_) => {
                LlmError::Rejected(self.to_string())
            }
            _ => LlmError::Unavailable(self.to_string()),
        }
    }
}

fn said(word: &Option<String>) -> String {
    word.as_ref()
        .map(|word| format!(", {word}"))
        .unwrap_or_default()
}
