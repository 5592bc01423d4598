//! The sidecar as a process: an empty environment, a folder of its own, lines in and lines out. It ends with its stdin,
//! and at the latest when this is dropped.
//!
//! Two sidecars on one database lose messages: what one takes in, the other never hears of. So each holds a lock for as
//! long as it lives, also when the host that started it was killed. The lock is on the file that its stderr goes to, which
//! is the one open file that a child can be given.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::frame::{Frame, LONGEST, Order};
use super::status::{Trouble, telling};
use crate::report::printable;
use crate::tasks::Tasks;

/// How many lines may wait for the sidecar. One that lets so many wait does not read.
const LINES: usize = 4_096;
/// How many of its lines may wait for us.
const FRAMES: usize = 256;
/// How much of its last words is read, and how much of one line.
const WORDS: (u64, usize) = (16 << 10, 400);
/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// A sidecar that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    lines: mpsc::Sender<String>,
    frames: mpsc::Receiver<Result<Frame, String>>,
    log: PathBuf,
}

impl Process {
    /// Starts a sidecar, once no other one uses the folder.
    pub(super) async fn start(
        node: &Path,
        index: &Path,
        folder: &Path,
        tasks: &Tasks,
    ) -> Result<Self, Trouble> {
        let failed = |error: std::io::Error| {
            Trouble::passing(format!("the sidecar cannot be started: {error}"))
        };
        let log = folder.join("sidecar.log");
        let pid = folder.join("sidecar.pid");
        let locked = alone(&log, &pid).await?;
        locked.set_len(0).map_err(failed)?;
        let mut child = Command::new(node)
            .arg(index)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(locked))
            // A Ctrl-C at the terminal is for the host, which still has answers to send.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(number) = child.id() {
            note(&pid, number).map_err(failed)?;
        }
        let broken = || failed(std::io::Error::other("it has no pipes"));
        let stdin = child.stdin.take().ok_or_else(broken)?;
        let stdout = child.stdout.take().ok_or_else(broken)?;
        let (lines, orders) = mpsc::channel(LINES);
        let (frames_in, frames) = mpsc::channel(FRAMES);
        tasks.spawn(write(stdin, orders));
        tasks.spawn(read(stdout, frames_in));
        Ok(Self {
            child,
            lines,
            frames,
            log,
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
        let mut last: Vec<String> = last_words(&self.log).into_iter().collect();
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

/// Waits until no sidecar holds the lock; one that does not end by itself is ended. Returns the lock.
async fn alone(log: &Path, pid: &Path) -> Result<File, Trouble> {
    let failed = |error: std::io::Error| {
        Trouble::passing(format!("the sidecar's log cannot be opened: {error}"))
    };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(log)
        .map_err(failed)?;
    let started = Instant::now();
    let mut killed = false;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let waited = started.elapsed();
        if waited > 2 * GRACE {
            return Err(Trouble::passing("an earlier sidecar does not end"));
        }
        if waited > GRACE && !killed {
            killed = true;
            // Whoever holds the lock is who wrote the number, so it is nobody else's.
            let number = std::fs::read_to_string(pid).ok();
            let number = number.and_then(|text| text.trim().parse().ok());
            if let Some(number) = number.and_then(Pid::from_raw) {
                tracing::warn!("an earlier sidecar did not end by itself and is ended");
                let _ = kill_process(number, Signal::KILL);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Writes a number down, for its owner alone.
fn note(path: &Path, number: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    write!(file, "{number}")
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

/// Returns the line of the log that says what is wrong.
fn last_words(log: &Path) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(WORDS.0)))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(WORDS.0).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = telling(&text)?;
    Some(printable(line).chars().take(WORDS.1).collect())
}
