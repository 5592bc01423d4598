//! `xmtp.identity.api.v1` and `xmtp.identity.associations`.

use bytes::Bytes;

/// The kind of identifier that stands for an Ethereum address. Old clients leave it out.
pub(crate) const KIND_UNSPECIFIED: i32 = 0;
/// The kind of identifier that is an Ethereum address.
pub(crate) const KIND_ETHEREUM: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishIdentityUpdateRequest {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub(crate) identity_update: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetIdentityUpdatesRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) requests: Vec<UpdatesFilter>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UpdatesFilter {
    #[prost(string, tag = "1")]
    pub(crate) inbox_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) sequence_id: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetIdentityUpdatesResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) responses: Vec<InboxUpdates>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InboxUpdates {
    #[prost(string, tag = "1")]
    pub(crate) inbox_id: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) updates: Vec<LoggedUpdate>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LoggedUpdate {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence_id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) server_timestamp_ns: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) update: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetInboxIdsRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) requests: Vec<InboxIdRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InboxIdRequest {
    #[prost(string, tag = "1")]
    pub(crate) identifier: String,
    #[prost(int32, tag = "2")]
    pub(crate) identifier_kind: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetInboxIdsResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) responses: Vec<InboxIdResponse>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct InboxIdResponse {
    #[prost(string, tag = "1")]
    pub(crate) identifier: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) inbox_id: Option<String>,
    #[prost(int32, tag = "3")]
    pub(crate) identifier_kind: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IdentityUpdate {
    #[prost(message, repeated, tag = "1")]
    pub(crate) actions: Vec<IdentityAction>,
    #[prost(uint64, tag = "2")]
    pub(crate) client_timestamp_ns: u64,
    #[prost(string, tag = "3")]
    pub(crate) inbox_id: String,
}

/// One of these is set. A plain struct, so that two of them at once are seen and refused instead of one being ignored.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IdentityAction {
    #[prost(message, optional, tag = "1")]
    pub(crate) create_inbox: Option<CreateInbox>,
    #[prost(message, optional, tag = "2")]
    pub(crate) add: Option<AddAssociation>,
    #[prost(message, optional, tag = "3")]
    pub(crate) revoke: Option<RevokeAssociation>,
    #[prost(message, optional, tag = "4")]
    pub(crate) change_recovery_address: Option<ChangeRecoveryAddress>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateInbox {
    #[prost(string, tag = "1")]
    pub(crate) initial_identifier: String,
    #[prost(uint64, tag = "2")]
    pub(crate) nonce: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) signature: Option<Signature>,
    #[prost(int32, tag = "4")]
    pub(crate) identifier_kind: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AddAssociation {
    #[prost(message, optional, tag = "1")]
    pub(crate) new_member: Option<MemberIdentifier>,
    #[prost(message, optional, tag = "2")]
    pub(crate) existing_member_signature: Option<Signature>,
    #[prost(message, optional, tag = "3")]
    pub(crate) new_member_signature: Option<Signature>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RevokeAssociation {
    #[prost(message, optional, tag = "1")]
    pub(crate) member: Option<MemberIdentifier>,
    #[prost(message, optional, tag = "2")]
    pub(crate) recovery_signature: Option<Signature>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ChangeRecoveryAddress {
    #[prost(string, tag = "1")]
    pub(crate) new_identifier: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) recovery_signature: Option<Signature>,
    #[prost(int32, tag = "3")]
    pub(crate) identifier_kind: i32,
}

/// One of these is set.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MemberIdentifier {
    #[prost(string, optional, tag = "1")]
    pub(crate) ethereum_address: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) installation_key: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) passkey: Option<Bytes>,
}

/// One of these is set. The kinds that the node cannot verify are `bytes`: it needs to know that they are there.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Signature {
    #[prost(message, optional, tag = "1")]
    pub(crate) erc191: Option<EcdsaSignature>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) contract_wallet: Option<Bytes>,
    #[prost(message, optional, tag = "3")]
    pub(crate) installation_key: Option<Ed25519Signature>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(crate) delegated: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(crate) passkey: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EcdsaSignature {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) bytes: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ed25519Signature {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) bytes: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) public_key: Bytes,
}
