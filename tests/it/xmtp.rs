//! Hosts over XMTP: the real client, a real node, and sidecars that are not what they seem.

mod carry;
mod fake;
mod network;
mod pair;
