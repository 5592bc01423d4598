//! The sidecar as a process: an empty environment, a folder of its own, lines in and lines out. It ends with its stdin,
//! and at the latest when this is dropped.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::frame::{Frame, LONGEST, Order};
use crate::tasks::Tasks;

/// How many lines may wait for the sidecar. One that lets so many wait does not read.
const LINES: usize = 4_096;
/// How many of its lines may wait for us.
const FRAMES: usize = 256;
/// How much of its last words is kept: lines, and bytes of each.
const WORDS: (usize, usize) = (32, 400);
/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// A sidecar that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    lines: mpsc::Sender<String>,
    frames: mpsc::Receiver<Result<Frame, String>>,
    words: Words,
}

/// What a sidecar said on stderr lately.
type Words = Arc<Mutex<VecDeque<String>>>;

impl Process {
    /// Starts a sidecar.
    pub(super) fn start(
        node: &Path,
        index: &Path,
        folder: &Path,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        let mut child = Command::new(node)
            .arg(index)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for the host, which still has answers to send.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let broken = || std::io::Error::other("the sidecar has no pipes");
        let stdin = child.stdin.take().ok_or_else(broken)?;
        let stdout = child.stdout.take().ok_or_else(broken)?;
        let stderr = child.stderr.take().ok_or_else(broken)?;
        let (lines, orders) = mpsc::channel(LINES);
        let (frames_in, frames) = mpsc::channel(FRAMES);
        let words = Words::default();
        tasks.spawn(write(stdin, orders));
        tasks.spawn(read(stdout, frames_in));
        tasks.spawn(listen(stderr, words.clone()));
        Ok(Self {
            child,
            lines,
            frames,
            words,
        })
    }

    /// Returns the number of the process.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Tells the sidecar something. False if it does not read any more.
    pub(super) fn say(&self, order: &Order<'_>) -> bool {
        self.lines.try_send(order.line()).is_ok()
    }

    /// Returns what it says next; an error for what is no frame, and nothing at its end.
    pub(super) async fn next(&mut self) -> Option<Result<Frame, String>> {
        self.frames.recv().await
    }

    /// Lets it end by itself for a moment, then ends it. Returns its last words.
    pub(super) async fn end(mut self) -> String {
        drop(self.lines);
        let status = match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                let _ = self.child.kill().await;
                self.child.wait().await
            }
        };
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        // Node.js says what is wrong in one line among many that say where.
        let telling = words.iter().find(|line| line.contains("Error"));
        let mut last: Vec<String> = match telling {
            Some(line) => vec![line.clone()],
            None => words.iter().rev().take(1).cloned().collect(),
        };
        if let Ok(status) = status {
            last.push(format!("the sidecar ended ({status})"));
        }
        last.join("; ")
    }

    /// Ends it at once. Returns when it is gone.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        // A pipe that breaks is a process that ends, which is told where it is read.
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stdout: ChildStdout, frames: mpsc::Sender<Result<Frame, String>>) {
    let mut lines = FramedRead::new(stdout, LinesCodec::new_with_max_length(LONGEST));
    while let Some(line) = lines.next().await {
        let frame = match line {
            Ok(line) => Frame::read(&line).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let garbage = frame.is_err();
        if frames.send(frame).await.is_err() || garbage {
            return;
        }
    }
}

/// Reads stderr to its end, whatever it is: a pipe that nobody reads stops the process.
async fn listen(mut stderr: impl AsyncRead + Unpin, words: Words) {
    let (mut line, mut chunk) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        for &byte in chunk.iter().take(count) {
            if byte == b'\n' {
                note(&line, &words);
                line.clear();
            } else if line.len() < WORDS.1 {
                line.push(byte);
            }
        }
    }
    note(&line, &words);
}

fn note(line: &[u8], words: &Words) {
    let line = crate::report::printable(&String::from_utf8_lossy(line));
    // The second is said at every start by a client that works.
    if line.trim().is_empty() || line.contains("sqlcipherCodecAttach") {
        return;
    }
    tracing::debug!(line, "the sidecar says");
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    if words.len() == WORDS.0 {
        words.pop_front();
    }
    words.push_back(line);
}
