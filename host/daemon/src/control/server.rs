//! The host's end of the control socket. A line it does not understand gets an error and hurts nobody; a client that
//! is another user gets nothing at all.

use std::future::Future;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::line::{self, Line};
use super::protocol::{Answer, Progress, Request};
use crate::home::Home;
use crate::report::Failure;
use crate::tasks::Tasks;

/// The longest request: a skill's input at the largest ceiling, escaped, with room to spare.
const REQUEST: usize = 8 << 20;
/// Commands at one time. One user's scripts need a few; the bound keeps a loop that leaks connections from eating the
/// host's file descriptors.
const CLIENTS: usize = 64;
/// How long a client may say nothing, or not read what it asked for.
const IDLE: Duration = Duration::from_secs(60);
/// Notes of progress that a slow client may fall behind before some are dropped.
const NOTES: usize = 16;
/// The longest path of a socket, the smaller of Linux (107) and macOS (103).
const PATH: usize = 103;

/// How long a request under way may still take when the host has finished everything else.
const GRACE: Duration = Duration::from_secs(2);

/// Makes the control socket of a home whose lock this process holds, and answers on it beside the caller until `tasks`
/// stop.
pub async fn listen<H, F>(home: &Home, tasks: &Tasks, handler: H) -> Result<(), ControlError>
where
    H: Fn(Request, Progress) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Value, Failure>> + Send + 'static,
{
    let listener = Listener::bind(&home.control_socket())?;
    tasks.spawn(listener.serve(tasks.clone(), GRACE, handler));
    Ok(())
}

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Something else has its name.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The system limits the length of a socket's path.
    #[error("the path of the control socket is longer than {PATH} bytes: {}", .0.display())]
    PathTooLong(PathBuf),
    /// The socket cannot be made.
    #[error("cannot make the control socket {}", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let failure = Self::config("cannot open the control socket").caused_by(&error);
        match error {
            ControlError::NotASocket(_) => {
                failure.hint("move that file away: the name belongs to the host")
            }
            ControlError::PathTooLong(_) => failure.hint("choose a shorter --home"),
            ControlError::Bind { .. } => failure.hint("run `coworker-host doctor`"),
        }
    }
}

/// The bound socket. Its file goes away with it.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// The only user who is answered.
    pub(super) owner: u32,
}

impl Listener {
    /// Makes the socket, readable by this user alone. Whoever calls this holds the home's lock: only then is a socket
    /// that is already there surely left over from a host that died.
    pub fn bind(path: &Path) -> Result<Self, ControlError> {
        if path.as_os_str().len() > PATH {
            return Err(ControlError::PathTooLong(path.to_owned()));
        }
        let refuse = |source| ControlError::Bind {
            path: path.to_owned(),
            source,
        };
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => {
                std::fs::remove_file(path).map_err(refuse)?;
            }
            Ok(_) => return Err(ControlError::NotASocket(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refuse(error)),
        }
        let socket = UnixListener::bind(path).map_err(refuse)?;
        // Between these two lines the home's own mode keeps others out.
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(refuse)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            owner: rustix::process::geteuid().as_raw(),
        })
    }

    /// Answers clients until `tasks` stop. A request under way then has `grace` to end.
    pub async fn serve<H, F>(self, tasks: Tasks, grace: Duration, handler: H)
    where
        H: Fn(Request, Progress) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value, Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let places = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let accepted = tokio::select! {
                biased;
                () = tasks.stopped() => return,
                accepted = self.socket.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept");
                    // Out of descriptors, most likely; asking again at once would only burn the processor.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if !is_user(&stream, self.owner) {
                tracing::warn!("another user tried the control socket");
                continue;
            }
            let place = Arc::clone(&places).try_acquire_owned();
            let session = Session::new(stream, tasks.clone(), grace);
            let handler = Arc::clone(&handler);
            tasks.spawn(async move {
                let ended = match place {
                    Ok(_place) => session.run(handler.as_ref()).await,
                    Err(_) => session.turn_away().await,
                };
                if let Err(error) = ended {
                    tracing::debug!(%error, "a control client went away");
                }
            });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A socket that cannot be removed is found dead and replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Returns whether the process at the other end runs as this user.
pub(super) fn is_same_user(stream: &UnixStream) -> bool {
    is_user(stream, rustix::process::geteuid().as_raw())
}

fn is_user(stream: &UnixStream, user: u32) -> bool {
    may_ask(stream.peer_cred().map(|peer| peer.uid()), user)
}

/// Returns whether a process of this user may ask a host of that one. Root has no need to, and whoever the system cannot
/// name may not.
pub(super) fn may_ask(peer: io::Result<u32>, me: u32) -> bool {
    peer.is_ok_and(|peer| peer == me)
}

/// One client.
struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    tasks: Tasks,
    grace: Duration,
}

impl Session {
    fn new(stream: UnixStream, tasks: Tasks, grace: Duration) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
            tasks,
            grace,
        }
    }

    async fn turn_away(mut self) -> io::Result<()> {
        let failure = Failure::unreachable("the host is busy with other commands")
            .cause(format!("{CLIENTS} commands are connected already"))
            .hint("try again when some of them have ended");
        self.write(&Answer::Error(failure)).await
    }

    async fn run<H, F>(mut self, handler: &H) -> io::Result<()>
    where
        H: Fn(Request, Progress) -> F,
        F: Future<Output = Result<Value, Failure>> + Send + 'static,
    {
        loop {
            let line = tokio::select! {
                biased;
                () = self.tasks.stopped() => return Ok(()),
                line = tokio::time::timeout(IDLE, line::read(&mut self.reader, REQUEST)) => line,
            };
            let Ok(line) = line else { return Ok(()) };
            match line? {
                Line::Whole(line) => match serde_json::from_slice(&line) {
                    Ok(request) => {
                        if !self.answer(request, handler).await? {
                            return Ok(());
                        }
                    }
                    Err(error) => self.write(&Answer::Error(not_understood(&error))).await?,
                },
                Line::TooLong => {
                    let failure = Failure::usage("the request is too long")
                        .cause(format!("a request has at most {} MiB", REQUEST >> 20));
                    return self.write(&Answer::Error(failure)).await;
                }
                Line::End => return Ok(()),
            }
        }
    }

    /// Handles one request, passing on its progress. Returns whether the client is still there.
    async fn answer<H, F>(&mut self, request: Request, handler: &H) -> io::Result<bool>
    where
        H: Fn(Request, Progress) -> F,
        F: Future<Output = Result<Value, Failure>> + Send + 'static,
    {
        let only_waits = request.only_waits();
        let (progress, mut notes) = Progress::channel(NOTES);
        let mut work = self.tasks.spawn(handler(request, progress));
        let mut listening = true;
        let leaving = {
            let tasks = self.tasks.clone();
            let grace = self.grace;
            async move {
                tasks.stopped().await;
                tokio::time::sleep(grace).await;
            }
        };
        tokio::pin!(leaving);
        let end = loop {
            tokio::select! {
                biased;
                Some(note) = notes.recv() => {
                    self.write(&Answer::Progress(note)).await?;
                }
                ended = &mut work => break match ended {
                    Ok(Ok(value)) => Answer::Ok(value),
                    Ok(Err(failure)) => Answer::Error(failure),
                    Err(error) => {
                        tracing::error!(%error, "a command broke");
                        Answer::Error(Failure::internal("the host could not finish this").cause("its log says more"))
                    }
                },
                more = self.reader.fill_buf(), if listening => {
                    if more?.is_empty() {
                        // What changes something is finished whoever listens; what only waits has nobody to wait for.
                        if only_waits {
                            work.abort();
                        }
                        return Ok(false);
                    }
                    listening = false;
                }
                () = &mut leaving => {
                    work.abort();
                    break Answer::Error(Failure::unreachable("the host is leaving"));
                }
            }
        };
        self.write(&end).await?;
        Ok(true)
    }

    async fn write(&mut self, answer: &Answer) -> io::Result<()> {
        tokio::time::timeout(IDLE, line::write(&mut self.writer, answer))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn not_understood(error: &serde_json::Error) -> Failure {
    Failure::usage("the host does not understand this request")
        .cause(error.to_string())
        .hint("if coworker-host was updated, stop the running host and start it again")
}
