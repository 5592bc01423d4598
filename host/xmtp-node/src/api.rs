//! The RPCs: what a request must look like, and which part of the store answers it. Everything else is refused here.

mod client;
mod codec;
mod identity;
mod mls;

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{Request, Response, header};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::server::{Grpc, ServerStreamingService, UnaryService};
use tonic::{Code, Status};

pub(crate) use client::{Client, Room, UNREAD_OF_ONE};
use client::{Kept, UNREAD};
use codec::Bounded;

use crate::config::NodeLimits;
use crate::proto::mls::{GroupMessage, SubscribeRequest, WelcomeMessage};
use crate::store::{Feed, Store, StoreError};
use crate::subscription::{Keeper, Subscription};

/// Large requests of all clients at once: with 25 MB each they still fit into memory.
const LARGE_AT_ONCE: usize = 64;
/// What a request that carries no messages has room in: ten thousand keys or inbox ids.
const SMALL: usize = 1024 * 1024;
/// Inboxes, addresses, topics or key packages one request may ask for.
const MOST_ASKED: usize = 10_000;
/// Fields of a request that are no questions.
const FIELDS: usize = 16;

/// A request to subscribe: a cursor and at most 64 bytes for each of its topics.
const LARGEST_SUBSCRIPTION: usize = 2 * 1024 * 1024;

/// Tells the time in seconds since 1970.
pub(crate) type Clock = fn() -> u64;

/// What answers requests.
pub(crate) struct Api {
    store: Store,
    limits: Arc<NodeLimits>,
    clock: Clock,
    large: Semaphore,
    /// Places for the pieces of large answers.
    answers: Arc<Semaphore>,
    /// Signatures are checked two updates at a time: it is work for the processor, and others want an answer too.
    checks: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Api {
    pub(crate) fn new(
        store: Store,
        limits: Arc<NodeLimits>,
        clock: Clock,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            store,
            limits,
            clock,
            large: Semaphore::new(LARGE_AT_ONCE),
            answers: Arc::new(Semaphore::new(UNREAD as usize)),
            checks: Semaphore::new(2),
            tasks,
            stop,
        }
    }

    /// Answers one request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        client: Arc<Client>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        // A page in a browser can send requests here, but not with this type.
        let grpc = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        if !grpc {
            return Status::invalid_argument("only gRPC is spoken here").into_http();
        }
        if !client.share.bucket.take(Instant::now()) {
            return Status::resource_exhausted("too many requests; try again in a second")
                .into_http();
        }
        self.route(client, request).await
    }

    async fn route(
        self: Arc<Self>,
        client: Arc<Client>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let large = self.limits.request_bytes;
        let path = request.uri().path().to_owned();
        match path.as_str() {
            "/xmtp.identity.api.v1.IdentityApi/PublishIdentityUpdate" => {
                self.unary(client, request, SMALL, Api::publish_identity_update)
                    .await
            }
            "/xmtp.identity.api.v1.IdentityApi/GetIdentityUpdates" => {
                self.unary(client, request, SMALL, Api::get_identity_updates)
                    .await
            }
            "/xmtp.identity.api.v1.IdentityApi/GetInboxIds" => {
                self.unary(client, request, SMALL, Api::get_inbox_ids).await
            }
            "/xmtp.mls.api.v1.MlsApi/UploadKeyPackage" => {
                self.unary(client, request, SMALL, Api::upload_key_package)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/FetchKeyPackages" => {
                self.unary(client, request, SMALL, Api::fetch_key_packages)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/SendGroupMessages" => {
                self.unary(client, request, large, Api::send_group_messages)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/SendWelcomeMessages" => {
                self.unary(client, request, large, Api::send_welcome_messages)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/QueryGroupMessages" => {
                self.unary(client, request, SMALL, Api::query_group_messages)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/QueryWelcomeMessages" => {
                self.unary(client, request, SMALL, Api::query_welcome_messages)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/GetNewestGroupMessage" => {
                self.unary(client, request, SMALL, Api::get_newest_group_message)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/BatchPublishCommitLog" => {
                self.unary(client, request, SMALL, Api::batch_publish_commit_log)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/BatchQueryCommitLog" => {
                self.unary(client, request, SMALL, Api::batch_query_commit_log)
                    .await
            }
            "/xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages" => {
                self.subscribe::<GroupMessage>(&client, request, true).await
            }
            "/xmtp.mls.api.v1.MlsApi/SubscribeWelcomeMessages" => {
                self.subscribe::<WelcomeMessage>(&client, request, false)
                    .await
            }
            _ => Status::unimplemented("not a method of this node").into_http(),
        }
    }

    /// Reads one message, works on it, and answers with one message.
    async fn unary<Q, R, F, A>(
        self: Arc<Self>,
        client: Arc<Client>,
        request: Request<Incoming>,
        most: usize,
        method: F,
    ) -> Response<Body>
    where
        Q: prost::Message + Default + Clone + Send + 'static,
        R: prost::Message + Default + Send + 'static,
        F: Fn(Arc<Self>, Q) -> A + Copy + Send + 'static,
        A: Future<Output = Result<R, Status>> + Send + 'static,
    {
        // These are never closed, so there is always a place in the end. First the client's own, then one of the common
        // ones: a client that asks much waits for itself.
        let own = client.requests.clone().acquire_owned().await;
        let _common = match most {
            SMALL => None,
            _ => Some((
                client.share.large.acquire().await,
                self.large.acquire().await,
            )),
        };
        let time = self.limits.request_time;
        let service = Method {
            api: self.clone(),
            client: client.clone(),
            method,
        };
        let mut grpc = Grpc::new(Bounded::<R, Q>::new(MOST_ASKED + FIELDS))
            .apply_max_message_size_config(Some(most), None);
        // Without an end to its time a client that stops in the middle of a request would keep its place for ever.
        let answered = tokio::time::timeout(time, grpc.unary(service, request)).await;
        let mut response = answered.unwrap_or_else(|_| took_too_long());
        let place = response.extensions_mut().remove::<Placed>();
        let room = place.map_or_else(Room::default, |placed| placed.0);
        response.map(|body| Kept::body(body, room, own.ok()))
    }

    async fn subscribe<M: Feed>(
        &self,
        client: &Arc<Client>,
        request: Request<Incoming>,
        may_be_empty: bool,
    ) -> Response<Body> {
        let Ok(place) = client.subscriptions.clone().try_acquire_owned() else {
            return Status::resource_exhausted("too many subscriptions").into_http();
        };
        let (topics, room) = (self.limits.topics, Room::default());
        let keeper = Keeper {
            client: client.clone(),
            answers: self.answers.clone(),
            tasks: self.tasks.clone(),
            room: room.clone(),
            _place: place,
        };
        let (store, stop) = (self.store.clone(), self.stop.clone());
        let open = move |request: SubscribeRequest| {
            mls::check_filters(&request.filters, topics, may_be_empty)?;
            Ok(Subscription::<M>::open(
                store,
                stop,
                request.filters,
                keeper,
            ))
        };
        let mut grpc = Grpc::new(Bounded::<M, SubscribeRequest>::new(topics + FIELDS))
            .apply_max_message_size_config(Some(LARGEST_SUBSCRIPTION), None);
        let opened = grpc.server_streaming(Streaming(Some(open)), request);
        let opened = tokio::time::timeout(self.limits.request_time, opened).await;
        let opened = opened.unwrap_or_else(|_| took_too_long());
        opened.map(|body| Kept::body(body, room, None))
    }
}

/// Brings an answer's place from where the answer is made to where it is sent.
#[derive(Clone)]
struct Placed(Room);

/// Makes a method of [`Api`] a service.
struct Method<F> {
    api: Arc<Api>,
    client: Arc<Client>,
    method: F,
}

impl<Q, R, F, A> UnaryService<Q> for Method<F>
where
    Q: Clone + Send + 'static,
    R: prost::Message,
    F: Fn(Arc<Api>, Q) -> A + Copy + Send + 'static,
    A: Future<Output = Result<R, Status>> + Send + 'static,
{
    type Response = R;
    type Future = BoxFuture<'static, Result<tonic::Response<R>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let (api, client, method) = (self.api.clone(), self.client.clone(), self.method);
        let ask = request.into_inner();
        Box::pin(async move {
            let answers = api.answers.clone();
            let asking = move || method(api.clone(), ask.clone());
            let (answer, place) = client.ask(&answers, asking, R::encoded_len).await?;
            let mut response = tonic::Response::new(answer);
            response.extensions_mut().insert(Placed(Room::of(place)));
            Ok(response)
        })
    }
}

/// Makes a closure that is called once a service that streams.
struct Streaming<F>(Option<F>);

impl<M, F> ServerStreamingService<SubscribeRequest> for Streaming<F>
where
    M: Feed,
    F: FnOnce(SubscribeRequest) -> Result<Subscription<M>, Status>,
{
    type Response = M;
    type ResponseStream = BoxStream<'static, Result<M, Status>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<SubscribeRequest>) -> Self::Future {
        let opened = match self.0.take() {
            Some(open) => open(request.into_inner()),
            None => Err(Status::internal("asked twice")),
        };
        std::future::ready(opened.map(|open| tonic::Response::new(open.stream())))
    }
}

fn took_too_long() -> Response<Body> {
    Status::deadline_exceeded("took too long").into_http()
}

/// What a client hears of a failure of the store. It is not told about our disk.
pub(crate) fn refuse(error: StoreError) -> Status {
    let code = match &error {
        StoreError::TopicFull | StoreError::NodeFull | StoreError::LogFull => {
            Code::ResourceExhausted
        }
        StoreError::TooLarge => Code::OutOfRange,
        StoreError::Moved => Code::Aborted,
        StoreError::Older => Code::FailedPrecondition,
        StoreError::Closed => Code::Unavailable,
        StoreError::Sqlite(_) | StoreError::Later => {
            tracing::error!(%error, "the store failed");
            return Status::internal("the node could not use its database");
        }
    };
    Status::new(code, error.to_string())
}
