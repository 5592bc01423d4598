//! Which network carries messages, and how to reach it.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::Config;

/// Where a node of this machine listens, unless the owner says otherwise.
const NODE: &str = "http://127.0.0.1:5556";

/// What carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Sockets, to other hosts on this machine.
    Loopback,
    /// XMTP, to hosts anywhere.
    Xmtp,
}

/// The networks of XMTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum XmtpEnv {
    /// A node of one's own.
    #[default]
    Local,
    /// The public network for trying things.
    Dev,
    /// The public network.
    Production,
}

/// `[xmtp]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XmtpConfig {
    /// Which network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<XmtpEnv>,
    /// Where the local network's node is.
    pub node: String,
    /// Whether to run that node where none answers.
    pub run_node: bool,
    /// How many messages may leave in five minutes.
    pub sends_per_5_min: u32,
    /// The Node.js that runs the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_program: Option<PathBuf>,
    /// A folder with the sidecar and its packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<PathBuf>,
}

impl Default for XmtpConfig {
    fn default() -> Self {
        Self {
            env: None,
            node: NODE.to_owned(),
            run_node: true,
            sends_per_5_min: 3_000,
            node_program: None,
            sidecar: None,
        }
    }
}

impl XmtpEnv {
    /// Returns the name of the network, as the official client calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Production => "production",
        }
    }
}

impl XmtpConfig {
    /// Returns the network: the configured one, else that of one's own node.
    pub fn env(&self) -> XmtpEnv {
        self.env.unwrap_or_default()
    }

    /// Returns where the network is, if the client has to be told.
    pub fn url(&self) -> Option<String> {
        (self.env() == XmtpEnv::Local).then(|| self.node.clone())
    }

    /// Returns how many messages may leave in five minutes. One's own node does not count.
    pub fn sends_per_5_min(&self) -> Option<u32> {
        (self.env() != XmtpEnv::Local).then_some(self.sends_per_5_min)
    }

    /// Returns the folder of a sidecar that lies elsewhere than in the home, if the file or the environment names one.
    pub fn sidecar(&self) -> Option<PathBuf> {
        let named = std::env::var_os("COWORKER_XMTP_SIDECAR").filter(|path| !path.is_empty());
        self.sidecar.clone().or_else(|| named.map(PathBuf::from))
    }

    /// Returns the Node.js that the file or the environment names.
    pub fn node_program(&self) -> Option<PathBuf> {
        let named = std::env::var_os("COWORKER_XMTP_NODE").filter(|path| !path.is_empty());
        self.node_program
            .clone()
            .or_else(|| named.map(PathBuf::from))
    }
}

impl Config {
    /// Returns what carries messages: what the owner said, or XMTP once a network is configured.
    pub fn transport(&self) -> Transport {
        self.host.transport.unwrap_or(match self.xmtp.env {
            Some(_) => Transport::Xmtp,
            None => Transport::Loopback,
        })
    }
}
