//! A command's end of the control socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::line::{self, Line};
use super::protocol::{Answer, Note, Request};
use super::server::is_same_user;
use crate::report::Failure;

/// The longest answer: a long list, or the largest output of a skill, escaped.
const ANSWER: usize = 64 << 20;
/// How long a host that only looks something up may take. One that is stuck should not look like one that works.
const LOCAL: Duration = Duration::from_secs(120);
/// The patience with a peer if the request names none, and what is added for the way there and back.
const PEER: Duration = Duration::from_secs(600);

/// A connection to the host that runs on a home.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Client {
    /// Connects to the host behind this socket, or returns nothing where no host runs.
    pub async fn connect(path: &Path) -> Result<Option<Self>, Failure> {
        let stream = match UnixStream::connect(path).await {
            Ok(stream) => stream,
            Err(error) => return no_connection(path, &error),
        };
        if !is_same_user(&stream) {
            return Err(
                Failure::config("the host on this home belongs to another user")
                    .cause(format!("{} is not ours", path.display()))
                    .hint("use a home of your own, with --home"),
            );
        }
        let (reader, writer) = stream.into_split();
        Ok(Some(Self {
            reader: BufReader::new(reader),
            writer,
        }))
    }

    /// Asks, hands every note of progress to `note`, and returns the answer.
    pub async fn ask(
        &mut self,
        request: &Request,
        note: impl FnMut(Note),
    ) -> Result<Value, Failure> {
        let patience = if request.only_waits() { PEER } else { LOCAL };
        tokio::time::timeout(patience, self.exchange(request, note))
            .await
            .unwrap_or_else(|_| {
                Err(Failure::unreachable("the running host does not answer")
                    .cause(format!(
                        "nothing came back within {} seconds",
                        patience.as_secs()
                    ))
                    .hint("look at its log, or stop it and start it again"))
            })
    }

    async fn exchange(
        &mut self,
        request: &Request,
        mut note: impl FnMut(Note),
    ) -> Result<Value, Failure> {
        // A host that turns a client away says why and closes without reading; what it said still counts.
        let sent = line::write(&mut self.writer, request).await;
        loop {
            match line::read(&mut self.reader, ANSWER).await {
                Ok(Line::Whole(line)) => match serde_json::from_slice(&line) {
                    Ok(Answer::Progress(told)) => note(told),
                    Ok(Answer::Ok(value)) => return Ok(value),
                    Ok(Answer::Error(failure)) => return Err(failure),
                    Err(error) => {
                        return Err(Failure::internal("the running host answers in a way this command does not know")
                            .caused_by(&error)
                            .hint("if coworker-host was updated, stop the running host and start it again"));
                    }
                },
                Ok(Line::TooLong) => {
                    return Err(
                        Failure::internal("the answer of the running host is too long")
                            .cause(format!("it has more than {} MiB", ANSWER >> 20)),
                    );
                }
                Ok(Line::End) => return Err(left(sent.err())),
                Err(error) => return Err(left(Some(error))),
            }
        }
    }
}

fn left(error: Option<io::Error>) -> Failure {
    let failure = Failure::unreachable("the host left before it answered");
    match error {
        Some(error) => failure.caused_by(&error),
        None => failure,
    }
    .hint("see with `coworker-host status` whether it still runs")
}

fn no_connection(path: &Path, error: &io::Error) -> Result<Option<Client>, Failure> {
    let failure = |what| Failure::unreachable(what).cause(format!("{}: {error}", path.display()));
    match error.kind() {
        // No file, or one left over from a host that died: either way nobody is there.
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
        io::ErrorKind::WouldBlock => {
            Err(failure("the running host is too busy to listen").hint("try again"))
        }
        io::ErrorKind::PermissionDenied => Err(Failure {
            exit: crate::report::Exit::Config,
            ..failure("may not talk to the host on this home")
                .hint("it belongs to another user; use --home")
        }),
        _ => Err(failure("cannot reach the host on this home").hint("run `coworker-host doctor`")),
    }
}
