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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Client};
use crate::config::{NodeLimits, TlsFiles};
use crate::node::{GRACE, NodeError};
use crate::rate::{Addresses, Bucket, Place};

/// How long a client may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a silent client is asked whether it is still there, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(30);
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
            let bucket = Arc::new(Bucket::new(self.limits.local_rate, now));
            return Some((Arc::new(Client::new(bucket, &self.limits)), None));
        }
        let place = self.addresses.enter(
            address,
            self.limits.connections_per_address,
            self.limits.remote_rate,
            now,
        )?;
        let client = Client::new(place.bucket.clone(), &self.limits);
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
    let service = service_fn(move |request| {
        let (api, client) = (api.clone(), client.clone());
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
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // A client that does not read would keep the node from ending.
            tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    ended.map_err(io::Error::other)
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
