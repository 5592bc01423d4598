//! A small server on loopback that answers as a test says, with every request in its hands.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a connection gets.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A status, headers and a body.
    Say(u16, &'static str, String),
    /// The start of an answer, and then nothing more.
    Stall(String),
    /// The start of an answer, and then the end of the connection.
    Cut(String),
    /// No answer at all.
    HangUp,
}

/// A server until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    /// What it does next; nothing ends it.
    acts: Arc<Mutex<VecDeque<Act>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one that does one thing after the other, and the last one for ever.
    pub(crate) fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let acts = Arc::new(Mutex::new(VecDeque::from(acts)));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (doing, heard) = (acts.clone(), requests.clone());
        let thread = std::thread::spawn(move || {
            // Connections that were left waiting, until the server ends.
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                let act = {
                    let mut acts = doing.lock().expect("not poisoned");
                    match acts.len() {
                        0 => return,
                        1 => acts.front().cloned(),
                        _ => acts.pop_front(),
                    }
                };
                held.extend(act.and_then(|act| serve(stream, &act, &heard)));
            }
        });
        Self {
            address,
            requests,
            acts,
            thread: Some(thread),
        }
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns every request so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.acts.lock().expect("not poisoned").clear();
        // Wakes it, so that it sees that there is nothing more to do.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, act: &Act, heard: &Mutex<Vec<String>>) -> Option<TcpStream> {
    let request = read(&mut stream);
    heard.lock().expect("not poisoned").push(request);
    let text = match act {
        Act::Say(status, headers, body) => format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        ),
        Act::Stall(start) | Act::Cut(start) => start.clone(),
        Act::HangUp => return None,
    };
    // Whoever has enough closes the connection, and that is its right.
    let _ = stream.write_all(text.as_bytes());
    matches!(act, Act::Stall(_)).then_some(stream)
}

fn read(stream: &mut TcpStream) -> String {
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
        match stream.read(&mut part) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&part[..n]),
            _ => return text,
        }
    }
}
