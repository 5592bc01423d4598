//! A wire between a client and a server that is cut in the middle of each answer.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// How much of an answer's body gets through.
const BODY: usize = 20;

/// The wire until it is dropped.
pub(super) struct Cutting {
    address: SocketAddr,
    cut: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cutting {
    /// Leads to a port of this machine.
    pub(super) fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (cut, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (count, ends) = (cut.clone(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if AtomicBool::load(&ends, Ordering::SeqCst) {
                    return;
                }
                let server = TcpStream::connect(("127.0.0.1", port)).expect("the server is there");
                carry(client, server, &count);
            }
        });
        Self {
            address,
            cut,
            is_over,
            thread: Some(thread),
        }
    }

    /// Returns where it begins.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns how many answers it has cut.
    pub(super) fn cut(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }
}

impl Drop for Cutting {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes it, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Carries a question on, and the beginning of its answer back.
fn carry(client: TcpStream, server: TcpStream, cut: &AtomicUsize) {
    let (mut from, mut to) = (
        client.try_clone().expect("ours"),
        server.try_clone().expect("ours"),
    );
    let asking = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
    });
    let (mut client, mut server) = (client, server);
    let (mut bytes, mut part) = (Vec::new(), [0; 1_024]);
    let end = loop {
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let end = head.map(|head| head + 4 + BODY);
        if let Some(end) = end.filter(|end| *end <= bytes.len()) {
            // Counted before the client can know of it.
            cut.fetch_add(1, Ordering::SeqCst);
            break end;
        }
        match server.read(&mut part) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&part[..count]),
            _ => break bytes.len(),
        }
    };
    let _ = client.write_all(&bytes[..end]);
    for stream in [&client, &server] {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let _ = asking.join();
}
