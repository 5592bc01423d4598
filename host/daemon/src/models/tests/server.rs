//! A small server that answers as a test says, with every request in its hands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::tasks::Tasks;

/// What a connection gets.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A status, headers and a body.
    Say(u16, String, String),
    /// The start of an answer, and then nothing more.
    Stall(String),
    /// The start of an answer, and then the end of the connection.
    Cut(String),
    /// No answer at all.
    HangUp,
    /// The same JSON to every question that comes over the connection, which stays open.
    Keep(String),
}

/// A server until it is dropped.
pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Server {
    /// Starts one that does one thing after the other, and the last one for ever.
    pub(super) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (tasks, heard) = (Tasks::new(), requests.clone());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let server = tasks.clone();
        tasks.spawn(async move {
            let mut acts: VecDeque<Act> = acts.into();
            loop {
                let accepted = tokio::select! {
                    () = server.stopped() => return,
                    accepted = listener.accept() => accepted,
                };
                let act = match acts.len() {
                    1 => acts.front().cloned(),
                    _ => acts.pop_front(),
                };
                let (Ok((stream, _)), Some(act)) = (accepted, act) else {
                    return;
                };
                count.fetch_add(1, Ordering::SeqCst);
                let (heard, ended) = (heard.clone(), server.clone());
                server.spawn(async move {
                    tokio::select! {
                        () = ended.stopped() => {}
                        () = serve(stream, act, &heard) => {}
                    }
                });
            }
        });
        Self {
            url,
            requests,
            connections,
            tasks,
        }
    }

    /// Returns how many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns every request so far, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

/// An answer with a JSON body.
pub(super) fn json(status: u16, body: &serde_json::Value) -> Act {
    Act::Say(status, String::new(), body.to_string())
}

/// An answer of events.
pub(super) fn events(events: &[&str]) -> String {
    let events: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}"
    )
}

async fn serve(mut stream: TcpStream, act: Act, heard: &Mutex<Vec<String>>) {
    if let Act::Keep(body) = &act {
        let answer = format!(
            "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        loop {
            let request = read(&mut stream).await;
            if request.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            heard.lock().expect("not poisoned").push(request);
        }
    }
    let request = read(&mut stream).await;
    heard.lock().expect("not poisoned").push(request);
    let text = match &act {
        Act::Say(status, headers, body) => format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        ),
        Act::Stall(start) | Act::Cut(start) => start.clone(),
        Act::HangUp | Act::Keep(_) => return,
    };
    // Whoever has enough closes the connection, and that is its right.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.flush().await;
    if matches!(act, Act::Stall(_)) {
        std::future::pending::<()>().await;
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut part).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
            _ => return text,
        }
    }
}
