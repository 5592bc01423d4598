//! Connections: plain HTTP/2 or HTTP/2 over TLS, each with a bound on what it may do at once.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Client};
use crate::config::{NodeLimits, TlsFiles};
use crate::node::{GRACE, NodeError};
use crate::rate::{Addresses, Place, Share};

/// How long a client may take to agree on a key, and then to say that it speaks HTTP/2.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent client is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What every HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests of one connection at once, subscriptions included.
const STREAMS: u32 = 256;
/// The headers of one request.
const HEADERS: u32 = 16 * 1024;
/// How long the listener rests if the system has no connection left to give.
const REST: Duration = Duration::from_millis(200);

/// Accepts connections and serves them.
pub(crate) struct Listener {
    api: Arc<Api>,
    limits: Arc<NodeLimits>,
    acceptor: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Listener {
    pub(crate) fn new(
        api: Api,
        limits: Arc<NodeLimits>,
        acceptor: Option<TlsAcceptor>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.connections)),
            api: Arc::new(api),
            limits,
            acceptor,
            addresses: Arc::default(),
            tasks,
            stop,
        }
    }

    /// Serves until the node stops. A connection beyond a limit is closed at once.
    pub(crate) async fn serve(self, socket: TcpListener) {
        while let Some(accepted) = self.stop.run_until_cancelled(socket.accept()).await {
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let (Ok(permit), Some((client, place))) = (
                self.places.clone().try_acquire_owned(),
                self.client(peer.ip()),
            ) else {
                tracing::debug!(%peer, "a connection too many");
                continue;
            };
            let api = self.api.clone();
            let (acceptor, tasks) = (self.acceptor.clone(), self.tasks.clone());
            let stop = self.stop.clone();
            self.tasks.spawn(async move {
                let served = converse(stream, acceptor, api, client, tasks, stop).await;
                if let Err(error) = served {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
                drop((permit, place));
            });
        }
    }

    /// Returns what is known of a new connection, or nothing if its address has too many.
    fn client(&self, address: IpAddr) -> Option<(Arc<Client>, Option<Place>)> {
        let now = Instant::now();
        let address = address.to_canonical();
        if address.is_loopback() {
            let share = Arc::new(Share::new(self.limits.local_rate, now));
            return Some((Arc::new(Client::new(share, &self.limits)), None));
        }
        let place = self.addresses.enter(
            address,
            self.limits.connections_per_address,
            self.limits.remote_rate,
            now,
        )?;
        let client = Client::new(place.share.clone(), &self.limits);
        Some((Arc::new(client), Some(place)))
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    api: Arc<Api>,
    client: Arc<Client>,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(acceptor) = acceptor else {
        return speak(stream, api, client, tasks, stop).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream));
    match stop.run_until_cancelled(handshake).await {
        Some(Ok(stream)) => speak(stream?, api, client, tasks, stop).await,
        Some(Err(elapsed)) => Err(elapsed.into()),
        None => Ok(()),
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    api: Arc<Api>,
    client: Arc<Client>,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> io::Result<()> {
    let Some(greeted) = stop.run_until_cancelled(greeted(stream, HANDSHAKE)).await else {
        return Ok(());
    };
    let stream = greeted?;
    let caller = client.clone();
    let service = service_fn(move |request| {
        let (api, client) = (api.clone(), caller.clone());
        async move { Ok::<_, std::convert::Infallible>(api.answer(client, request).await) }
    });
    let connection = hyper::server::conn::http2::Builder::new(Tracked(tasks))
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = client.stalls() => return Err(io::Error::other("a large answer was not read")),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // A client that does not read would keep the node from ending.
            tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    ended.map_err(io::Error::other)
}

/// Waits for a client to say that it speaks HTTP/2, and returns the connection as if nothing had been read. Only from then
/// on hyper asks whether a client is still there: one that says nothing would keep its place for ever.
async fn greeted(
    mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    patience: Duration,
) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let mut said = [0; PREFACE.len()];
    tokio::time::timeout(patience, stream.read_exact(&mut said)).await??;
    if said != PREFACE {
        return Err(io::Error::other("not HTTP/2"));
    }
    let (read, write) = tokio::io::split(stream);
    Ok(tokio::io::join(PREFACE.chain(read), write))
}

/// Spawns what hyper spawns where the node waits for it.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// Reads the certificate and key.
pub(crate) fn tls(files: &TlsFiles) -> Result<TlsAcceptor, NodeError> {
    let failed = |error: &dyn std::fmt::Display| NodeError::Tls(error.to_string());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn who_says_nothing_or_something_else_is_let_go() {
        let (_silent, stream) = tokio::io::duplex(64);
        let patience = Duration::from_millis(10);
        let failed = greeted(stream, patience).await.map(drop);
        assert_eq!(
            failed.expect_err("it is silent").kind(),
            io::ErrorKind::TimedOut
        );

        let (mut web, stream) = tokio::io::duplex(64);
        let said = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
        web.write_all(said).await.expect("room");
        assert!(greeted(stream, HANDSHAKE).await.is_err());
    }

    #[tokio::test]
    async fn what_was_read_is_read_again() {
        let (mut client, stream) = tokio::io::duplex(64);
        client.write_all(PREFACE).await.expect("room");
        client.write_all(b"more").await.expect("room");
        let mut stream = greeted(stream, HANDSHAKE).await.expect("HTTP/2");
        let mut read = vec![0; PREFACE.len() + 4];
        stream.read_exact(&mut read).await.expect("all of it");
        assert_eq!(read, [PREFACE, b"more"].concat());
        stream.write_all(b"answer").await.expect("room");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.expect("the answer");
        assert_eq!(&answer, b"answer");
    }

    #[tokio::test]
    async fn only_connections_from_elsewhere_share() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = crate::folder::Folder::open(folder.path()).expect("a folder");
        let limits = Arc::new(NodeLimits {
            connections_per_address: 2,
            ..NodeLimits::default()
        });
        let store = crate::store::Store::open(folder, limits.clone()).expect("a store");
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let api = Api::new(store, limits.clone(), || 0, tasks.clone(), stop.clone());
        let listener = Listener::new(api, limits, None, tasks, stop);

        let here = [
            Ipv4Addr::LOCALHOST.into(),
            "::ffff:127.0.0.1".parse().expect("an address"),
        ];
        for address in here.iter().cycle().take(10) {
            let (_, place) = listener.client(*address).expect("as many as there are");
            assert!(place.is_none());
        }
        let elsewhere: [IpAddr; 2] = [
            "192.0.2.1".parse().expect("an address"),
            "::ffff:192.0.2.1".parse().expect("an address"),
        ];
        let places = elsewhere.map(|address| listener.client(address).expect("a place"));
        assert!(places.iter().all(|(_, place)| place.is_some()));
        assert!(
            listener.client(elsewhere[0]).is_none(),
            "a connection too many"
        );
        drop(places);
        assert!(listener.client(elsewhere[1]).is_some());
    }
}
