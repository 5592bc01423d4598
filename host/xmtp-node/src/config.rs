//! What the owner of a node decides. Every default serves a handful of agents on one machine with much room to spare.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How a node is run.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where it listens: 127.0.0.1:5556, which is where clients look in their `local` environment. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of its database. It is made if it is missing, and kept from other users.
    pub data: PathBuf,
    /// With these it speaks HTTP/2 over TLS, otherwise plain HTTP/2.
    pub tls: Option<TlsFiles>,
    /// Listens on an address other than loopback without TLS. Who can read the traffic then sees who talks to whom.
    pub insecure: bool,
    /// What it takes from one client, one topic and all together.
    pub limits: NodeLimits,
    /// How long application messages and welcomes are kept; `None` keeps them for ever. Commits, key packages and the
    /// logs of inboxes are always kept.
    pub retention: Option<Duration>,
}

impl NodeConfig {
    /// Returns the defaults with this data folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5556),
            data: data.into(),
            tls: None,
            insecure: false,
            limits: NodeLimits::default(),
            retention: Some(Duration::from_secs(90 * 24 * 60 * 60)),
        }
    }
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and what leads from it to its root.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Bounds on what is taken. What goes beyond one is refused with `RESOURCE_EXHAUSTED` or `INVALID_ARGUMENT` and changes
/// nothing.
#[derive(Clone, Debug)]
pub struct NodeLimits {
    /// One request: 25 MB, which is also the most that clients take.
    pub request_bytes: usize,
    /// One message to a group: 10 MiB.
    pub message_bytes: usize,
    /// One welcome with its key and metadata: 2 MiB. It holds the group's tree, which grows with its members.
    pub welcome_bytes: usize,
    /// One key package: 64 KiB; they have about 2 KB.
    pub key_package_bytes: usize,
    /// One identity update: 64 KiB; they have about 400 bytes.
    pub identity_update_bytes: usize,
    /// Everything kept for one group: 1 GiB.
    pub group_bytes: u64,
    /// Everything kept for one installation, its key package included: 64 MiB.
    pub installation_bytes: u64,
    /// The log of one inbox: 256 KiB.
    pub inbox_log_bytes: u64,
    /// Everything together: 16 GiB.
    pub node_bytes: u64,
    /// How long a request may take from its first byte to its answer, and how long an answer of more than 64 KiB may wait
    /// to be read: a minute. Whoever does not read for longer is cut off.
    pub request_time: Duration,
    /// Open connections: 1,024.
    pub connections: usize,
    /// Open connections of one address other than loopback, or of one /64 network of IPv6: 32.
    pub connections_per_address: usize,
    /// Open subscriptions of one connection: 128.
    pub subscriptions: usize,
    /// Topics of one subscription: 10,000.
    pub topics: usize,
    /// Requests of one connection from this machine: 5,000 a second. All of them share one address, so each connection
    /// counts by itself.
    pub local_rate: Rate,
    /// Requests of one address from elsewhere, over all its connections: 100 a second.
    pub remote_rate: Rate,
}

impl Default for NodeLimits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            request_bytes: 25_000_000,
            message_bytes: 10 * 1024 * 1024,
            welcome_bytes: 2 * 1024 * 1024,
            key_package_bytes: 64 * 1024,
            identity_update_bytes: 64 * 1024,
            group_bytes: 1024 * MIB,
            installation_bytes: 64 * MIB,
            inbox_log_bytes: 256 * 1024,
            node_bytes: 16 * 1024 * MIB,
            request_time: Duration::from_secs(60),
            connections: 1_024,
            connections_per_address: 32,
            subscriptions: 128,
            topics: 10_000,
            local_rate: Rate {
                per_second: 5_000,
                burst: 20_000,
            },
            remote_rate: Rate {
                per_second: 100,
                burst: 1_000,
            },
        }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a second in the long run.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}
