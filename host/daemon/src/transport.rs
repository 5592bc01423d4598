//! How bytes come and go. A transport is a pair of channel ends: it authenticates who sent something, carries bytes,
//! and knows nothing of what they mean. `loopback` joins hosts of one machine, `xmtp` joins hosts over a network.

pub mod loopback;
pub mod xmtp;

use std::time::Duration;

use coworker_core::{PeerId, Scheme, Timestamp};
use tokio::sync::{mpsc, oneshot};

/// Returns the name of the transport that vouches for ids of a scheme, as commands write it.
pub const fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Xmtp => "xmtp",
        Scheme::Loop => "loopback",
        Scheme::Local => "local",
    }
}

/// A message that a transport received and authenticated.
#[derive(Debug)]
pub struct Inbound {
    /// The sender, by the transport's own proof.
    pub from: PeerId,
    /// The transport's id of this message; the same message keeps it when it is delivered again.
    pub id: String,
    /// When the sender handed it to the transport.
    pub sent: Timestamp,
    /// The message.
    pub bytes: Vec<u8>,
    /// Completed once the host is done with the message. Dropped uncompleted: deliver it again.
    pub kept: oneshot::Sender<Kept>,
}

/// What became of a message that need not be delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is on disk, or was refused for good.
    Done,
    /// It was turned away since too much of its sender waits. Where senders have connections of their own, this one is
    /// read again after [`CROWDED_PAUSE`], so that a flood costs whoever sends it more than us.
    Crowded,
}

/// How long a connection is left alone whose peer sends more than may wait. Forty messages a second, each turned away in
/// a microsecond, are no load.
pub const CROWDED_PAUSE: Duration = Duration::from_millis(25);

/// A message to send.
#[derive(Debug)]
pub struct Outgoing {
    /// The receiver.
    pub to: PeerId,
    /// Our id of the message; the same for every try.
    pub id: String,
    /// The message.
    pub bytes: Vec<u8>,
    /// Of which round of its peer's messages it is. When one did not leave, what is still on its way comes back too, and all
    /// of it is sent again in a later round, in its order.
    pub round: u64,
    /// Completed when the other side has it, or when this try has failed.
    pub done: oneshot::Sender<Result<(), SendError>>,
}

/// Why a message did not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer cannot be reached now; the message surely did not arrive.
    #[error("the peer cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke before the receiver answered; the message may have arrived.
    #[error("the connection broke before the receiver confirmed")]
    Unconfirmed,
    /// The message can never be sent.
    #[error("the message cannot be sent: {0}")]
    Impossible(String),
}

/// Both ends of a transport.
#[derive(Debug)]
pub struct Link {
    /// Who we are there.
    pub me: PeerId,
    /// What comes in.
    pub inbox: mpsc::Receiver<Inbound>,
    /// What goes out.
    pub outbox: mpsc::Sender<Outgoing>,
    /// What else there is to know, where a network lies between.
    pub network: Option<xmtp::Network>,
}

/// A transport could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The folder for sockets is not usable.
    #[error("the folder {path} cannot hold loopback sockets: {why}")]
    Folder {
        /// The folder.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The socket could not be made.
    #[error("cannot listen on {path}")]
    Listen {
        /// The socket.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process is this host on this machine.
    #[error("another process serves under this host's key on this machine")]
    Taken,
    /// The bridge to the network does not come up.
    #[error("{why}")]
    Broken {
        /// What is wrong.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
}
