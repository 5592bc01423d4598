//! Hosts over XMTP: the real client, a real node, and sidecars that are not what they seem.

mod backlog;
mod bridge;
mod carry;
mod crash;
mod crowd;
mod fake;
mod forget;
mod install;
mod invite;
mod lies;
mod mail;
pub(crate) mod network;
mod nodes;
mod pair;
mod poison;
mod replay;
mod strange;
pub(crate) mod strangers;
mod twin;
