//! `xmtp.mls.api.v1`.

use bytes::Bytes;

/// Oldest first. Everything else means newest first.
pub(crate) const ASCENDING: i32 = 1;
/// Newest first.
pub(crate) const DESCENDING: i32 = 2;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UploadKeyPackageRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) key_package: Option<KeyPackage>,
}

/// A key package on its way in and on its way out: the same field in both.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyPackage {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) bytes: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FetchKeyPackagesRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) installation_keys: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FetchKeyPackagesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) key_packages: Vec<KeyPackage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SendGroupMessagesRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) messages: Vec<GroupMessageInput>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupMessageInput {
    #[prost(message, optional, tag = "1")]
    pub(crate) v1: Option<GroupMessageInputV1>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupMessageInputV1 {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) data: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) sender_hmac: Bytes,
    #[prost(bool, tag = "3")]
    pub(crate) should_push: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) v1: Option<GroupMessageV1>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupMessageV1 {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) created_ns: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) group_id: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) data: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) sender_hmac: Bytes,
    #[prost(bool, tag = "6")]
    pub(crate) should_push: bool,
    #[prost(bool, tag = "7")]
    pub(crate) is_commit: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SendWelcomeMessagesRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) messages: Vec<WelcomeInput>,
}

/// One of these is set.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomeInput {
    #[prost(message, optional, tag = "1")]
    pub(crate) v1: Option<WelcomeInputV1>,
    #[prost(message, optional, tag = "2")]
    pub(crate) pointer: Option<WelcomePointerInput>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomeInputV1 {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) installation_key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) data: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) hpke_public_key: Bytes,
    #[prost(int32, tag = "4")]
    pub(crate) wrapper_algorithm: i32,
    #[prost(bytes = "bytes", tag = "7")]
    pub(crate) welcome_metadata: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomePointerInput {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) installation_key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) welcome_pointer: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) hpke_public_key: Bytes,
    #[prost(int32, tag = "4")]
    pub(crate) wrapper_algorithm: i32,
}

/// One of these is set.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomeMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) v1: Option<WelcomeV1>,
    #[prost(message, optional, tag = "2")]
    pub(crate) pointer: Option<WelcomePointer>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomeV1 {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) created_ns: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) installation_key: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) data: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) hpke_public_key: Bytes,
    #[prost(int32, tag = "6")]
    pub(crate) wrapper_algorithm: i32,
    #[prost(bytes = "bytes", tag = "7")]
    pub(crate) welcome_metadata: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WelcomePointer {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) created_ns: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) installation_key: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) welcome_pointer: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) hpke_public_key: Bytes,
    #[prost(int32, tag = "6")]
    pub(crate) wrapper_algorithm: i32,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct PagingInfo {
    #[prost(int32, tag = "1")]
    pub(crate) direction: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) limit: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) id_cursor: u64,
}

/// A question for one topic: a group's id, or an installation's key. Both services of messages and the commit log ask it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) topic: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(crate) paging: Option<PagingInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryGroupMessagesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) messages: Vec<GroupMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) paging: Option<PagingInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryWelcomeMessagesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) messages: Vec<WelcomeMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) paging: Option<PagingInfo>,
}

/// What a subscriber wants: of each topic everything after the cursor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SubscribeRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) filters: Vec<SubscribeFilter>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SubscribeFilter {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) topic: Bytes,
    #[prost(uint64, tag = "2")]
    pub(crate) id_cursor: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetNewestGroupMessageRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) group_ids: Vec<Bytes>,
    #[prost(bool, tag = "2")]
    pub(crate) include_content: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetNewestGroupMessageResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) responses: Vec<NewestGroupMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NewestGroupMessage {
    #[prost(message, optional, tag = "1")]
    pub(crate) group_message: Option<GroupMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchPublishCommitLogRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) requests: Vec<PublishCommitLogRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishCommitLogRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) group_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) entry: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) signature: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommitLogEntry {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence_id: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) entry: Bytes,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) signature: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchQueryCommitLogRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) requests: Vec<QueryRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchQueryCommitLogResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) responses: Vec<QueryCommitLogResponse>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryCommitLogResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) group_id: Bytes,
    #[prost(message, repeated, tag = "2")]
    pub(crate) entries: Vec<CommitLogEntry>,
    #[prost(message, optional, tag = "3")]
    pub(crate) paging: Option<PagingInfo>,
}
