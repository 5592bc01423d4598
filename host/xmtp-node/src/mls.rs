//! What the node must know of MLS (RFC 9420): which group a message belongs to and whether it is a commit, and whose a key
//! package is. Everything else stays sealed.

mod key_package;
mod message;
mod reader;

pub(crate) use key_package::{CheckedKeyPackage, check_key_package};
pub(crate) use message::read_message;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the bytes end too early, or a length in them is wrong")]
    Length,
    #[error("bytes are left over after the end")]
    Trailing,
    #[error("not MLS 1.0")]
    Version,
    #[error("only private messages are carried")]
    NotPrivate,
    #[error("a group id has 1 to 64 bytes")]
    GroupId,
    #[error("unknown kind of content")]
    Content,
    #[error("a cipher suite that does not sign with Ed25519")]
    Suite,
    #[error("the key is not an Ed25519 key")]
    Key,
    #[error("not the leaf of a key package")]
    Source,
    #[error("not a basic credential of an inbox")]
    Credential,
    #[error("the lifetime is over, or not a lifetime")]
    Lifetime,
    #[error("a signature does not verify")]
    Signature,
}
