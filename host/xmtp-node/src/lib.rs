//! A small XMTP node: the v3 API over HTTP/2, one SQLite file, and nothing stored that was not verified. Unmodified
//! official clients talk to it.
//!
//! It is meant for one machine, or for a few behind TLS: it keeps no other nodes informed. It refuses to listen on anything
//! but loopback without a certificate, and it sees what any node of this network sees: addresses, inbox ids, group ids,
//! sizes and times, never what a message says. Whoever reaches its port may write to any topic whose name they know, as on
//! the network; what they write is refused if it is malformed or forged, and counts against rates and quotas.
//!
//! ```no_run
//! use coworker_xmtp_node::{Node, NodeConfig};
//!
//! # async fn run() -> Result<(), coworker_xmtp_node::NodeError> {
//! let node = Node::bind(NodeConfig::new("/var/lib/node")).await?;
//! println!("http://{}", node.address());
//! node.join().await
//! # }
//! ```

mod config;
mod folder;
mod node;

mod connection;
mod rate;

mod api;
mod subscription;

mod identity;
mod mls;

mod store;

mod proto;

#[cfg(test)]
mod tests;

pub use config::{NodeConfig, NodeLimits, Rate, TlsFiles};
pub use folder::FolderError;
pub use node::{Node, NodeError};
