//! What a skill with private texts lets out: its output, the reason of a failure, and what it wants to remember. All of it
//! passes the guard. Reports of progress and lines of log are not sent to anybody.

use std::sync::Arc;

use coworker_core::{Entry, Refusal};
use coworker_sandbox::StateWrite;

use super::Turning;
use crate::clock;
use crate::guarding::{Held, Passed, Passing, Stage};
use crate::store::{LogLevel, LogRow};

/// What a run wants to leave behind.
pub(super) struct Leaving {
    pub(super) output: String,
    pub(super) writes: Vec<StateWrite>,
}

impl Turning<'_> {
    /// Returns what of an outcome may leave. `said` is the caller's input, if the skill has private texts.
    pub(super) async fn let_out(
        &self,
        entry: &Arc<Entry>,
        said: Option<&str>,
        leaving: Leaving,
        log: &mut Vec<LogRow>,
    ) -> Result<Leaving, Refusal> {
        let Some(said) = said else {
            return Ok(leaving);
        };
        let Leaving { output, writes } = leaving;
        let passed = self.pass(entry, said, Stage::Output, &output, log).await;
        let output = passed.map_err(|_| Refusal::OutputRejected)?;
        // One after another, as a later call may read them.
        let remembered: Vec<String> = writes
            .iter()
            .map(|write| {
                let value = write.value.as_deref().unwrap_or_default();
                format!("{}\n{}\n", write.key, String::from_utf8_lossy(value))
            })
            .collect();
        if !remembered.is_empty() {
            // What is remembered cannot be redacted without breaking it.
            let remembered = remembered.concat();
            let kept = self.pass(entry, said, Stage::State, &remembered, log).await;
            if kept.map_err(|_| Refusal::OutputRejected)? != remembered {
                return Err(Refusal::OutputRejected);
            }
        }
        Ok(Leaving { output, writes })
    }

    /// Returns what a caller is told of a failure.
    pub(super) async fn let_tell(
        &self,
        entry: &Arc<Entry>,
        said: Option<&str>,
        refusal: Refusal,
        log: &mut Vec<LogRow>,
    ) -> Refusal {
        let Some(said) = said else {
            return refusal;
        };
        match refusal {
            Refusal::InvalidInput { message } => {
                let passed = self.pass(entry, said, Stage::Failure, &message, log).await;
                passed.map_or(Refusal::OutputRejected, |message| Refusal::InvalidInput {
                    message,
                })
            }
            Refusal::ExecutionFailed {
                message: Some(message),
            } => {
                let passed = self.pass(entry, said, Stage::Failure, &message, log).await;
                passed.map_or(Refusal::OutputRejected, |message| {
                    Refusal::ExecutionFailed {
                        message: Some(message),
                    }
                })
            }
            other => other,
        }
    }

    async fn pass(
        &self,
        entry: &Arc<Entry>,
        said: &str,
        stage: Stage,
        text: &str,
        log: &mut Vec<LogRow>,
    ) -> Result<String, Held> {
        let passing = Passing {
            task: self.task,
            peer: self.peer,
            tier: self.tier,
            entry,
            input: said,
            is_begun: false,
            earlier: None,
        };
        let mut note = |level, line: String| log.push(LogRow::new(clock::now(), level, line));
        match self.host.guards.pass(passing, stage, text).await {
            Ok(Passed {
                instead,
                note: told,
            }) => {
                told.into_iter().for_each(|line| note(LogLevel::Warn, line));
                Ok(instead.unwrap_or_else(|| text.to_owned()))
            }
            Err(held) => {
                note(LogLevel::Error, held.to_string());
                Err(held)
            }
        }
    }
}
