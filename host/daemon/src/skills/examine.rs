//! How a component is looked at. Compiling takes what its author likes, so it happens in a child process that has
//! limits, gets nothing but a private copy of the bytes, and may die of it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coworker_core::Bytes;
use coworker_sandbox::{Examined, Sandbox};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::blame::{blame, starved};

/// What one look may use. Large interpreters compile for a minute where the compiler itself is not optimised.
pub(super) const MEMORY: Bytes = Bytes::mib(2_048);
const CPU: Duration = Duration::from_secs(600);
const WALL: Duration = Duration::from_secs(900);
/// The largest answer: 64 skills with two schemas of 64 KiB each, escaped.
const ANSWER: u64 = 32 << 20;
/// What is kept of a dying child's last words.
const LAST_WORDS: usize = 4 << 10;

/// Why a component was not found to be a skill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExamineError {
    /// It is none, and a second look would say the same.
    #[error("{0}")]
    Refused(String),
    /// Looking at it broke the process that looked, by its own doing.
    #[error("compiling it {0}; it is not tried again until the file changes")]
    Broke(String),
    /// The process that looked was ended or got no memory: the machine may be to blame, or the component.
    #[error("compiling it {0}")]
    Ended(String),
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

/// What one child process is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// The program to start.
    pub(crate) program: &'a Path,
    /// Where compiled code is kept, if it is.
    pub(crate) cache: Option<&'a Path>,
    /// The processor time that it may use, all threads together.
    pub(crate) cpu: Duration,
    /// How long it may take.
    pub(crate) wall: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Ok(Box<Examined>),
    Error(Problem),
    Unable(Problem),
}

/// Why a component is no skill, as the child says it.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) causes: Vec<String>,
    #[serde(default)]
    pub(crate) hint: Option<String>,
}

/// Returns the program that runs here. On Linux it is named by what runs and not by a path: an update that replaces
/// the file under a running host would otherwise put another program, or none, in the child's place.
pub(crate) fn this_program() -> std::io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && running.exists() {
        Ok(running)
    } else {
        std::env::current_exe()
    }
}

#[async_trait]
impl Examiner for Child {
    async fn examine(&self, file: &Path) -> Result<Examined, ExamineError> {
        let look = Look {
            program: &self.program,
            cache: Some(&self.cache),
            cpu: CPU,
            wall: WALL,
        };
        look.at(file)
            .await?
            .map_err(|problem| ExamineError::Refused(problem.sentence()))
    }
}

impl Look<'_> {
    /// Has a child process look at a component. An error says that there was no verdict.
    pub(crate) async fn at(&self, file: &Path) -> Result<Result<Examined, Problem>, ExamineError> {
        let unable = |error: std::io::Error| ExamineError::Unable(error.to_string());
        let mut child = self.command(file).spawn().map_err(unable)?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        // The child ends when this end of its stdin is gone, however this process ends.
        let held = child.stdin.take();
        let work = async { tokio::join!(drain(out), last(err), child.wait()) };
        let looked = tokio::time::timeout(self.wall, work).await;
        drop(held);
        let Ok((said, words, status)) = looked else {
            // Its processor time is bounded by itself: what it waited for, the machine did not give.
            return Err(ExamineError::Ended(format!(
                "took longer than {} s, most of it waiting",
                self.wall.as_secs()
            )));
        };
        let status = status.map_err(unable)?;
        self.read(&said, &words, status)
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(self.program);
        if let Ok(name) = std::env::current_exe() {
            // What people read in a list of processes.
            command.arg0(name);
        }
        command.arg("examine").arg("--attached");
        if let Some(cache) = self.cache {
            command.arg("--cache").arg(cache);
        }
        command
            .args(["--memory", &MEMORY.0.to_string()])
            .args(["--cpu", &self.cpu.as_secs().to_string()])
            .arg(file)
            .env_clear()
            .current_dir("/")
            // A Ctrl-C at the terminal is for the host, which ends the child itself.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn read(
        &self,
        said: &[u8],
        words: &[u8],
        status: ExitStatus,
    ) -> Result<Result<Examined, Problem>, ExamineError> {
        match serde_json::from_slice(said) {
            Ok(Said::Ok(examined)) => Ok(Ok(*examined)),
            Ok(Said::Error(problem)) => Ok(Err(problem)),
            Ok(Said::Unable(problem)) => Err(starved(&problem.sentence())),
            Err(_) => Err(blame(status, &String::from_utf8_lossy(words), self.cpu)),
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
                if error.may_pass() {
                    ExamineError::Ended(format!("was not possible: {}", problem.sentence()))
                } else {
                    ExamineError::Refused(problem.sentence())
                }
            })
        });
        looked.await.unwrap_or_else(|error| {
            Err(if error.is_panic() {
                ExamineError::Broke("failed".to_owned())
            } else {
                ExamineError::Unable("the host is stopping".to_owned())
            })
        })
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

/// Reads the answer; what is longer than any answer is read and not kept, so that the child is never stuck.
async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(ANSWER).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    kept
}

/// Reads to the end and keeps the last of it: what a process says when it dies.
async fn last(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    if let Some(mut pipe) = pipe {
        while let Ok(read @ 1..) = pipe.read(&mut piece).await {
            kept.extend_from_slice(piece.get(..read).unwrap_or_default());
            let surplus = kept.len().saturating_sub(LAST_WORDS);
            kept.drain(..surplus);
        }
    }
    kept
}
