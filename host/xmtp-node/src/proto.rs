//! The messages of the two services, field by field: only what the node reads or writes. An update or a signature that is
//! handed on as it came is `bytes` here, which is the same on the wire, so unknown fields survive.

pub(crate) mod identity;
pub(crate) mod mls;

/// The answer that says nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Empty {}
