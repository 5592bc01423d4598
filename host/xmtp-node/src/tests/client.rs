//! A node in a folder of its own and a client that talks to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message;
use tempfile::TempDir;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::captured;
use crate::config::NodeLimits;
use crate::folder::Folder;
use crate::proto::Empty;
use crate::proto::identity::{
    GetIdentityUpdatesRequest, GetIdentityUpdatesResponse, GetInboxIdsRequest, GetInboxIdsResponse,
    InboxIdRequest, PublishIdentityUpdateRequest, UpdatesFilter,
};
use crate::proto::mls::{
    BatchPublishCommitLogRequest, BatchQueryCommitLogRequest, BatchQueryCommitLogResponse,
    CommitLogEntry, GroupMessageInput, GroupMessageInputV1, GroupMessageV1, KeyPackage, PagingInfo,
    PublishCommitLogRequest, QueryGroupMessagesResponse, QueryRequest,
    QueryWelcomeMessagesResponse, SendGroupMessagesRequest, SendWelcomeMessagesRequest,
    SubscribeFilter, SubscribeRequest, UploadKeyPackageRequest, WelcomeInput, WelcomeMessage,
};
use crate::store::{Feed, Store};
use crate::{Node, NodeConfig};

pub(super) const IDENTITY: &str = "/xmtp.identity.api.v1.IdentityApi/";
pub(super) const MLS: &str = "/xmtp.mls.api.v1.MlsApi/";

/// Returns a configuration for a node in `folder` on a free port.
pub(super) fn config(folder: &TempDir) -> NodeConfig {
    let mut config = NodeConfig::new(folder.path());
    config.listen.set_port(0);
    config
}

/// Starts a node whose clock stands where the captured key packages are valid.
pub(super) async fn start(config: NodeConfig) -> (Node, Client) {
    let node = Node::bind_at(config, captured::then).await.expect("a node");
    let client = Client::connect(node.address()).await;
    (node, client)
}

/// Starts a node that differs from the usual one in some of its limits.
pub(super) async fn start_with(
    folder: &TempDir,
    change: impl FnOnce(&mut NodeLimits),
) -> (Node, Client) {
    let mut config = config(folder);
    change(&mut config.limits);
    start(config).await
}

/// Opens the store of a node that does not run.
pub(super) fn store(folder: &TempDir, limits: NodeLimits) -> Store {
    let folder = Folder::open(folder.path()).expect("a folder");
    Store::open(folder, Arc::new(limits)).expect("a store")
}

/// Fails if something was kept all the same.
#[track_caller]
pub(super) fn is_full(answer: Result<Empty, Status>) {
    assert_eq!(answer.expect_err("full").code(), Code::ResourceExhausted);
}

/// A connection to a node.
#[derive(Clone)]
pub(super) struct Client {
    grpc: Grpc<Channel>,
    channel: Channel,
}

impl Client {
    pub(super) async fn connect(address: std::net::SocketAddr) -> Self {
        Self::try_connect(address)
            .await
            .expect("a node that listens")
    }

    /// Connects to a node that may not want it.
    pub(super) async fn try_connect(
        address: std::net::SocketAddr,
    ) -> Result<Self, tonic::transport::Error> {
        Self::with_window(address, 65_535).await
    }

    /// Connects with room for so many bytes of each answer before it is read.
    pub(super) async fn with_window(
        address: std::net::SocketAddr,
        bytes: u32,
    ) -> Result<Self, tonic::transport::Error> {
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("a URI")
            .initial_stream_window_size(bytes)
            .connect()
            .await?;
        Ok(Self {
            grpc: Grpc::new(channel.clone()).max_decoding_message_size(25_000_000),
            channel,
        })
    }

    /// Sends bytes as a request, with headers that may be anything, and returns the answer's beginning.
    pub(super) async fn raw(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: Body,
    ) -> Result<http::Response<Body>, Status> {
        let mut request = http::Request::post(format!("http://node{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            let known = request.headers_mut().expect("headers");
            known.insert(*name, value.parse().expect("a header"));
        }
        let request = request.body(body).expect("a request");
        let mut channel = self.channel.clone();
        std::future::poll_fn(|context| GrpcService::poll_ready(&mut channel, context))
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let answer = GrpcService::call(&mut channel, request).await;
        answer.map_err(|error| Status::unavailable(error.to_string()))
    }

    pub(super) async fn call<Q, R>(&self, service: &str, method: &str, ask: Q) -> Result<R, Status>
    where
        Q: Message + Default + 'static,
        R: Message + Default + 'static,
    {
        let mut grpc = self.grpc.clone();
        let ready = grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::try_from(format!("{service}{method}")).expect("a path");
        let codec = ProstCodec::<Q, R>::default();
        let answer = grpc.unary(Request::new(ask), path, codec).await?;
        Ok(answer.into_inner())
    }

    pub(super) async fn publish(&self, update: Bytes) -> Result<Empty, Status> {
        let identity_update = Some(update);
        let ask = PublishIdentityUpdateRequest { identity_update };
        self.call(IDENTITY, "PublishIdentityUpdate", ask).await
    }

    /// Returns the updates of an inbox after `sequence_id`.
    pub(super) async fn updates(&self, inbox_id: &str, sequence_id: u64) -> Vec<(u64, Bytes)> {
        let inbox_id = inbox_id.to_owned();
        let requests = vec![UpdatesFilter {
            inbox_id,
            sequence_id,
        }];
        let ask = GetIdentityUpdatesRequest { requests };
        let answer: GetIdentityUpdatesResponse = self
            .call(IDENTITY, "GetIdentityUpdates", ask)
            .await
            .expect("an answer");
        assert_eq!(answer.responses.len(), 1);
        answer.responses[0]
            .updates
            .iter()
            .map(|logged| (logged.sequence_id, logged.update.clone()))
            .collect()
    }

    pub(super) async fn inbox_of(&self, identifier: &str) -> Option<String> {
        let requests = vec![InboxIdRequest {
            identifier: identifier.to_owned(),
            identifier_kind: 1,
        }];
        let answer: GetInboxIdsResponse = self
            .call(IDENTITY, "GetInboxIds", GetInboxIdsRequest { requests })
            .await
            .expect("an answer");
        answer.responses[0].inbox_id.clone()
    }

    pub(super) async fn upload(&self, bytes: Bytes) -> Result<Empty, Status> {
        let key_package = Some(KeyPackage { bytes });
        let ask = UploadKeyPackageRequest { key_package };
        self.call(MLS, "UploadKeyPackage", ask).await
    }

    pub(super) async fn send(&self, messages: &[Bytes]) -> Result<Empty, Status> {
        let messages = messages
            .iter()
            .map(|data| GroupMessageInput {
                v1: Some(GroupMessageInputV1 {
                    data: data.clone(),
                    sender_hmac: Bytes::from_static(b"hmac"),
                    should_push: true,
                }),
            })
            .collect();
        let ask = SendGroupMessagesRequest { messages };
        self.call(MLS, "SendGroupMessages", ask).await
    }

    pub(super) async fn welcome(&self, messages: Vec<WelcomeInput>) -> Result<Empty, Status> {
        let ask = SendWelcomeMessagesRequest { messages };
        self.call(MLS, "SendWelcomeMessages", ask).await
    }

    /// Sends welcomes as they are, whether they are any or not.
    pub(super) async fn welcome_bytes(&self, messages: Vec<Bytes>) -> Result<Empty, Status> {
        let ask = RawWelcomes { messages };
        self.call(MLS, "SendWelcomeMessages", ask).await
    }

    pub(super) async fn query(
        &self,
        topic: &[u8],
        (direction, limit, id_cursor): (i32, u32, u64),
    ) -> (Vec<GroupMessageV1>, PagingInfo) {
        let ask = QueryRequest {
            topic: Bytes::copy_from_slice(topic),
            paging: Some(PagingInfo {
                direction,
                limit,
                id_cursor,
            }),
        };
        let answer: QueryGroupMessagesResponse = self
            .call(MLS, "QueryGroupMessages", ask)
            .await
            .expect("an answer");
        let messages = answer.messages.into_iter().filter_map(|it| it.v1).collect();
        (messages, answer.paging.expect("paging"))
    }

    /// Returns everything in a group, oldest first.
    pub(super) async fn everything(&self, topic: &[u8]) -> Vec<GroupMessageV1> {
        let (mut all, mut cursor) = (Vec::new(), 0);
        loop {
            let (messages, paging) = self.query(topic, (1, 100, cursor)).await;
            all.extend(messages);
            cursor = paging.id_cursor;
            if cursor == 0 {
                return all;
            }
        }
    }

    /// Returns a page of the welcomes of an installation.
    pub(super) async fn welcomes(
        &self,
        installation: &[u8],
        paging: Option<PagingInfo>,
    ) -> Vec<WelcomeMessage> {
        let ask = QueryRequest {
            topic: Bytes::copy_from_slice(installation),
            paging,
        };
        let answer: QueryWelcomeMessagesResponse = self
            .call(MLS, "QueryWelcomeMessages", ask)
            .await
            .expect("an answer");
        answer.messages
    }

    /// Appends entries to the commit log of `group`, each of which says a number.
    pub(super) async fn log_commits(
        &self,
        numbers: std::ops::Range<u8>,
        signature: Option<Bytes>,
    ) -> Result<Empty, Status> {
        let entry = |number: u8| PublishCommitLogRequest {
            group_id: "group".into(),
            entry: vec![number].into(),
            signature: signature.clone(),
        };
        let requests = numbers.map(entry).collect();
        let ask = BatchPublishCommitLogRequest { requests };
        self.call(MLS, "BatchPublishCommitLog", ask).await
    }

    /// Returns a page of that commit log.
    pub(super) async fn commits(
        &self,
        paging: Option<PagingInfo>,
    ) -> Result<Vec<CommitLogEntry>, Status> {
        let requests = vec![QueryRequest {
            topic: "group".into(),
            paging,
        }];
        let ask = BatchQueryCommitLogRequest { requests };
        let answer: BatchQueryCommitLogResponse =
            self.call(MLS, "BatchQueryCommitLog", ask).await?;
        let mut responses = answer.responses;
        assert_eq!(responses.len(), 1);
        Ok(responses.remove(0).entries)
    }

    pub(super) async fn subscribe<M: Feed>(
        &self,
        method: &str,
        filters: &[(&[u8], u64)],
    ) -> Result<Streaming<M>, Status> {
        let filters = filters
            .iter()
            .map(|(topic, id_cursor)| SubscribeFilter {
                topic: Bytes::copy_from_slice(topic),
                id_cursor: *id_cursor,
            })
            .collect();
        let mut grpc = self.grpc.clone();
        grpc.ready().await.expect("a connection");
        let path = PathAndQuery::try_from(format!("{MLS}{method}")).expect("a path");
        let codec = ProstCodec::<SubscribeRequest, M>::default();
        let ask = Request::new(SubscribeRequest { filters });
        Ok(grpc.server_streaming(ask, path, codec).await?.into_inner())
    }
}

/// A request to send welcomes that were not taken apart.
#[derive(Clone, PartialEq, prost::Message)]
struct RawWelcomes {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    messages: Vec<Bytes>,
}

/// Returns what a subscriber hears next. A test whose message is lost fails instead of waiting for ever.
pub(super) async fn next<M>(stream: &mut Streaming<M>) -> M {
    let message = tokio::time::timeout(Duration::from_secs(30), stream.message());
    let message = message.await.expect("nothing was heard for 30 s");
    message.expect("open").expect("a message")
}

/// Makes a message to `group` that says `text`, framed as MLS frames it.
pub(super) fn message(group: &[u8], text: &[u8]) -> Bytes {
    let mut bytes = vec![0, 1, 0, 2];
    let vector = |bytes: &mut Vec<u8>, content: &[u8]| {
        let length = u32::try_from(content.len()).expect("a short content");
        match length {
            0..0x40 => bytes.push(length as u8),
            0x40..0x4000 => bytes.extend((length as u16 | 0x4000).to_be_bytes()),
            _ => bytes.extend((length | 0x8000_0000).to_be_bytes()),
        }
        bytes.extend_from_slice(content);
    };
    vector(&mut bytes, group);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 5, 1]);
    vector(&mut bytes, b"");
    vector(&mut bytes, b"sender");
    vector(&mut bytes, text);
    bytes.into()
}
