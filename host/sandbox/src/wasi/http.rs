//! Outgoing HTTP: finds the grant that allows a request, and hands it to the port. Without a grant and a port there is
//! no way out: this crate has no network client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use coworker_core::{HttpGrant, Job, TaskId};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress;
use crate::port::{HttpPort, HttpRequest, PortError};

/// The largest set of headers, as it lies in memory.
pub(crate) const FIELDS_MOST: usize = 32 << 10;
/// How many requests of one call may be under way at a time. Bodies are held in memory, so that their number counts.
const AT_ONCE: usize = 4;
/// The most that a guest may write to a request's body at a time.
const CHUNK: usize = 64 << 10;

/// What a request may end with. Boxed, as the bindings want it.
type Answer = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

/// The call's way to the network.
#[derive(Default)]
pub(crate) struct Hooks {
    /// The bytes that may still cross the boundary.
    pub(crate) most: u64,
    exit: Option<Exit>,
}

#[derive(Clone)]
struct Exit {
    port: Arc<dyn HttpPort>,
    grants: Arc<[HttpGrant]>,
    task: TaskId,
    at_once: Arc<Semaphore>,
    received: Arc<AtomicU64>,
}

impl Hooks {
    /// Returns what the job's grants give.
    pub(crate) fn new(job: &Job, port: Option<Arc<dyn HttpPort>>) -> Self {
        if job.grants.http.is_empty() {
            return Self::default();
        }
        Self {
            most: 0,
            exit: port.map(|port| Exit {
                port,
                grants: job.grants.http.as_slice().into(),
                task: job.task,
                at_once: Arc::new(Semaphore::new(AT_ONCE)),
                received: Arc::default(),
            }),
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let exit = self.exit.clone();
        let most = self.most;
        Box::new(async move {
            let exit = exit.ok_or(Error::HttpRequestDenied)?;
            exit.send(request, options, most).await
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}

impl Exit {
    async fn send(
        self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        most: u64,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        let (grant, uri) = self
            .grants
            .iter()
            .find_map(|grant| Some((grant, egress::allows(grant, &parts.method, &parts.uri)?)))
            .ok_or(Error::HttpRequestDenied)?;
        let body = whole(body, most).await?;
        let Ok(_place) = self.at_once.acquire().await else {
            return Err(Error::HttpRequestDenied);
        };
        let most = most.saturating_sub(self.received.load(Relaxed));
        let request = HttpRequest {
            method: parts.method,
            uri,
            headers: parts.headers,
            body,
            most,
            timeout: options.and_then(|options| options.first_byte_timeout),
        };
        let answer = self
            .port
            .send(grant, self.task, request)
            .await
            .map_err(|error| refusal(&error))?;
        let size = answer.body.len() as u64;
        if size > most {
            return Err(Error::HttpResponseBodySize(Some(size)));
        }
        self.received.fetch_add(size, Relaxed);
        let mut response = http::Response::new(
            Full::new(answer.body)
                .map_err(|never| match never {})
                .boxed_unsync(),
        );
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok((response, Box::new(async { Ok(()) })))
    }
}

/// Reads a body that the guest writes.
async fn whole(mut body: WasiBody, most: u64) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if (bytes.len() + data.len()) as u64 > most {
            return Err(Error::HttpRequestBodySize(Some(most)));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn refusal(error: &PortError) -> Error {
    tracing::info!(%error, "a request of a skill was not answered");
    match error {
        PortError::Unavailable(_) => Error::DestinationUnavailable,
        PortError::Denied(_) => Error::HttpRequestDenied,
        PortError::TimedOut(_) => Error::HttpResponseTimeout,
        PortError::TooLarge(_) => Error::HttpResponseBodySize(None),
    }
}
