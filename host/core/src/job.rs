//! One run of a skill as plain data: it may be written down, or sent to a worker on another machine. No peer is in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, Grants, Limits, SkillName, Timestamp};

/// The random id of a task, 32 hexadecimal digits. Shown to the owner and, where a kind has a place for it, to peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId([u8; 16]);

impl TaskId {
    /// Returns the id made of these random bytes.
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the raw id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not a task id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a task id: expected 32 hexadecimal digits")]
pub struct TaskIdError;

impl FromStr for TaskId {
    type Err = TaskIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(TaskIdError);
        }
        u128::from_str_radix(text, 16)
            .map(|n| Self(n.to_be_bytes()))
            .map_err(|_| TaskIdError)
    }
}

impl TryFrom<String> for TaskId {
    type Error = TaskIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.to_string()
    }
}

/// Which partition of a skill's state a call uses: an opaque key that leads back to nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallerKey(pub String);

/// Everything a sandbox needs to run one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The component to run.
    pub digest: Digest,
    /// Which of its skills.
    pub skill: SkillName,
    /// The validated input, re-serialised.
    pub input: String,
    /// What the owner granted.
    pub grants: Grants,
    /// What the call may use.
    pub limits: Limits,
    /// When the answer is of no more use.
    pub deadline: Timestamp,
    /// Under which id the owner finds the run.
    pub task: TaskId,
    /// Whose state it sees.
    pub caller: CallerKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_lead_back() {
        let id = TaskId::from_random([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(
            "+0000000000000000000000000000007"
                .parse::<TaskId>()
                .is_err()
        );
    }
}
