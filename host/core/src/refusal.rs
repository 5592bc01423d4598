//! What a caller is told when there is no output. Texts here are fixed sentences or went through
//! [`scrub`](fn@crate::scrub); none names a tier, a path, a model, or a skill that the caller did not name.

use crate::message::{NAME_SHOWN, cut};
use crate::{Message, TaskFailure, scrub};

/// Why a call has no output, as far as its caller may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Absent, hidden, pending, unavailable or too low a tier: nobody can tell which.
    UnknownSkill {
        /// The name as the caller sent it.
        name: String,
    },
    /// The caller insists on a version that is not there.
    VersionMismatch {
        /// The version asked for.
        requested: String,
        /// The version there is.
        available: String,
    },
    /// The input breaks the published schema, or the skill itself refused it.
    InvalidInput {
        /// The place and the rule.
        message: String,
    },
    /// The skill failed or was stopped.
    ExecutionFailed {
        /// The guest's own short message, if it gave one.
        message: Option<String>,
    },
    /// The call took too long.
    Timeout,
    /// No room now.
    Busy,
    /// The output broke its schema, its size or the guard: which of them is not said.
    OutputRejected,
    /// The run was cut off and will not be repeated.
    Interrupted,
}

impl Refusal {
    /// Returns the word for programs and for the owner's records.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownSkill { .. } => "UNKNOWN_SKILL",
            Self::VersionMismatch { .. } => "VERSION_MISMATCH",
            Self::InvalidInput { .. } => "INVALID_INPUT",
            Self::ExecutionFailed { .. } => "EXECUTION_FAILED",
            Self::Timeout => "TIMEOUT",
            Self::Busy => "BUSY",
            Self::OutputRejected => "OUTPUT_REJECTED",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// Returns the refusal as the caller gets it.
    pub fn message(&self) -> Message {
        Message::TaskError(self.failure())
    }

    /// Returns the refusal as the content of any kind of failure.
    pub fn failure(&self) -> TaskFailure {
        let mut failure = TaskFailure {
            error: self.sentence(),
            code: Some(self.code().to_owned()),
            ..TaskFailure::default()
        };
        match self {
            // These two fields and no more, as old peers write it.
            Self::UnknownSkill { .. } => failure.code = None,
            Self::VersionMismatch {
                requested,
                available,
            } => {
                failure.requested_version = Some(cut(requested, NAME_SHOWN).to_owned());
                failure.available_version = Some(available.clone());
            }
            _ => {}
        }
        failure
    }

    fn sentence(&self) -> String {
        match self {
            Self::UnknownSkill { name } => unknown(name),
            Self::VersionMismatch {
                requested,
                available,
            } => format!(
                "Version mismatch: requested {}, available {available}",
                cut(requested, NAME_SHOWN)
            ),
            Self::InvalidInput { message } => or(scrub(message), "Invalid input"),
            Self::ExecutionFailed { message } => or(
                message.as_deref().map(scrub).unwrap_or_default(),
                "The skill failed",
            ),
            Self::Timeout => "Timed out".to_owned(),
            Self::Busy => "Busy: try again later".to_owned(),
            Self::OutputRejected => "The output was rejected".to_owned(),
            Self::Interrupted => "Interrupted".to_owned(),
        }
    }
}

/// Returns the one sentence for every skill that a caller may not use.
pub(crate) fn unknown(name: &str) -> String {
    format!("Unknown skill: {}", cut(name, NAME_SHOWN))
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_read_as_old_peers_expect() {
        for (refusal, payload) in [
            (
                Refusal::UnknownSkill {
                    name: "x".repeat(300),
                },
                json!({"success": false, "error": format!("Unknown skill: {}", "x".repeat(200))}),
            ),
            (
                Refusal::VersionMismatch {
                    requested: "1.0.0".into(),
                    available: "2.0.0".into(),
                },
                json!({
                    "success": false, "error": "Version mismatch: requested 1.0.0, available 2.0.0",
                    "error_code": "VERSION_MISMATCH", "available_version": "2.0.0", "requested_version": "1.0.0",
                }),
            ),
            (
                Refusal::InvalidInput {
                    message: "text: must be a string".into(),
                },
                json!({"success": false, "error": "text: must be a string", "error_code": "INVALID_INPUT"}),
            ),
            (
                Refusal::ExecutionFailed {
                    message: Some("no /etc/passwd\n".into()),
                },
                json!({"success": false, "error": "no …", "error_code": "EXECUTION_FAILED"}),
            ),
            (
                Refusal::ExecutionFailed { message: None },
                json!({"success": false, "error": "The skill failed", "error_code": "EXECUTION_FAILED"}),
            ),
            (
                Refusal::Interrupted,
                json!({"success": false, "error": "Interrupted", "error_code": "INTERRUPTED"}),
            ),
        ] {
            assert_eq!(refusal.message().payload(), payload);
        }
    }
}
