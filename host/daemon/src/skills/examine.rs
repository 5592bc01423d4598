//! How a component is looked at. Compiling takes what its author likes, so it happens in a child process that has
//! limits, gets nothing but a private copy of the bytes, and may die of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coworker_core::Bytes;
use coworker_sandbox::{Examined, Sandbox};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// What one look may use. Large interpreters compile for a minute where the compiler itself is not optimised.
const MEMORY: Bytes = Bytes::mib(2_048);
const CPU: Duration = Duration::from_secs(600);
const WALL: Duration = Duration::from_secs(900);
/// The largest answer: 64 skills with two schemas of 64 KiB each, escaped.
const ANSWER: u64 = 32 << 20;
/// What is kept of a dying child's last words.
const LAST_WORDS: u64 = 4 << 10;

/// Why a component was not found to be a skill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExamineError {
    /// It is none, and a second look would say the same.
    #[error("{0}")]
    Refused(String),
    /// Looking at it broke the process that looked.
    #[error("compiling it {0}; it is not tried again until the file changes")]
    Broke(String),
    /// It could not be looked at; that says nothing about it.
    #[error("it could not be looked at: {0}")]
    Unable(String),
}

/// Looks at components.
#[async_trait]
pub trait Examiner: Send + Sync + std::fmt::Debug {
    /// Looks at the component in `file`.
    async fn examine(&self, file: &Path) -> Result<Examined, ExamineError>;
}

/// Looks in a child process.
#[derive(Debug, Clone)]
pub struct Child {
    /// The program: this one.
    pub program: PathBuf,
    /// Where compiled code is kept.
    pub cache: PathBuf,
}

/// Looks in this process: for tools whose user brought the component, and for tests.
#[derive(Debug, Clone)]
pub struct InProcess(pub Arc<Sandbox>);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ok(Box<Examined>),
    Error(Problem),
}

#[derive(Deserialize)]
struct Problem {
    what: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    hint: Option<String>,
}

#[async_trait]
impl Examiner for Child {
    async fn examine(&self, file: &Path) -> Result<Examined, ExamineError> {
        let unable = |error: std::io::Error| ExamineError::Unable(error.to_string());
        let mut child = Command::new(&self.program)
            .arg("examine")
            .arg("--cache")
            .arg(&self.cache)
            .args([
                "--memory",
                &MEMORY.0.to_string(),
                "--cpu",
                &CPU.as_secs().to_string(),
            ])
            .arg(file)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unable)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let work = async { tokio::join!(drain(out, ANSWER), drain(err, LAST_WORDS), child.wait()) };
        let Ok((said, words, status)) = tokio::time::timeout(WALL, work).await else {
            return Err(ExamineError::Broke(format!(
                "took longer than {} s",
                WALL.as_secs()
            )));
        };
        let status = status.map_err(unable)?;
        if let Ok(said) = serde_json::from_slice(&said) {
            return match said {
                Said::Ok(examined) => Ok(*examined),
                Said::Error(problem) => Err(ExamineError::Refused(problem.sentence())),
            };
        }
        let words = String::from_utf8_lossy(&words);
        let last = words
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it said nothing");
        match (
            status.code(),
            std::os::unix::process::ExitStatusExt::signal(&status),
        ) {
            // A panic of the compiler, or a signal: out of memory, out of time, out of stack.
            (_, Some(signal)) => Err(ExamineError::Broke(format!("ended with signal {signal}"))),
            (Some(101), _) => Err(ExamineError::Broke(format!("failed: {last}"))),
            (Some(0), _) => Err(ExamineError::Broke("gave no usable answer".to_owned())),
            _ => Err(ExamineError::Unable(last.to_owned())),
        }
    }
}

#[async_trait]
impl Examiner for InProcess {
    async fn examine(&self, file: &Path) -> Result<Examined, ExamineError> {
        let (sandbox, file) = (self.0.clone(), file.to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            let wasm =
                std::fs::read(file).map_err(|error| ExamineError::Unable(error.to_string()))?;
            sandbox.examine(&wasm).map_err(|error| {
                let causes = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .into_iter()
                    .collect();
                let problem = Problem {
                    what: error.to_string(),
                    causes,
                    hint: error.hint(),
                };
                ExamineError::Refused(problem.sentence())
            })
        });
        looked
            .await
            .unwrap_or_else(|_| Err(ExamineError::Broke("failed".to_owned())))
    }
}

impl Problem {
    fn sentence(self) -> String {
        let mut text = self.what;
        for cause in self.causes {
            text.push_str(": ");
            text.push_str(&cause);
        }
        match self.hint {
            Some(hint) => format!("{text} ({hint})"),
            None => text,
        }
    }
}

/// Reads at most so much, then goes on reading without keeping it, so that the child is never stuck.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(most).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}
