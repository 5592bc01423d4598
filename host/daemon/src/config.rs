//! How the owner wants the host: one file, every key of which is documented here, checked, and shown with its origin.
//! A key that is not known is an error, because a misspelt limit would otherwise be no limit.

mod budget;
mod environment;
mod error;
mod guard;
mod keys;
mod limits;
mod llm;
mod load;
mod network;

use std::path::PathBuf;

use coworker_core::{Bytes, Span, Tier};
use serde::{Deserialize, Serialize};

pub use budget::BudgetConfig;
pub use environment::overrides;
pub use error::ConfigError;
pub use guard::GuardConfig;
pub use keys::{Key, keys, markdown, starter};
pub use limits::{AboveCeiling, LimitsConfig};
pub use llm::{LlmConfig, ProviderConfig, ProviderKind, Structured, Usual};
pub use load::{Origin, Override, Setting, Settings};
pub use network::{Transport, XmtpConfig, XmtpEnv};

use crate::store::Retention;

/// Everything the owner may set. The default is a host that is safe to run as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The host itself.
    pub host: HostConfig,
    /// Peers.
    pub peers: PeersConfig,
    /// What a call may use.
    pub limits: LimitsConfig,
    /// How often and how much peers may ask.
    pub rates: RatesConfig,
    /// What models may cost.
    pub budget: BudgetConfig,
    /// What happens to answers that hold private texts.
    pub guard: GuardConfig,
    /// How long things are kept.
    pub retention: Retention,
    /// The host's own log.
    pub log: LogConfig,
    /// The transport between hosts of one machine.
    pub loopback: LoopbackConfig,
    /// The transport over XMTP.
    pub xmtp: XmtpConfig,
    /// Who answers for models.
    pub llm: LlmConfig,
}

/// `[host]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConfig {
    /// What we call ourselves.
    pub name: String,
    /// How a skill starts that is found in the folder.
    pub default_visibility: Visibility,
    /// What a new version of an approved skill does.
    pub updates: Updates,
    /// How long calls under way may go on when the host stops.
    pub grace: Span,
    /// Guests alive at a time.
    pub live_instances: u32,
    /// What carries messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// Who answers for models where a skill names nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The variable of the environment that holds the home's passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// The command that prints the home's passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_command: Option<String>,
}

/// `[peers]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeersConfig {
    /// What a trust request may get without the owner.
    pub auto_grant: AutoGrant,
}

/// `[rates]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Starts per minute of all peers of tier 0 together.
    pub untrusted: u32,
    /// Starts per minute of each peer of tier 1.
    pub known: u32,
    /// Starts per minute of each peer of tier 2.
    pub internal: u32,
    /// How many a rested peer may start at once.
    pub burst: u32,
    /// Requests of one peer that may wait.
    pub peer_requests: usize,
    /// Their size.
    pub peer_bytes: Bytes,
    /// Requests of all peers that may wait.
    pub all_requests: usize,
    /// Their size.
    pub all_bytes: Bytes,
    /// The size of what all peers of tier 0 may have waiting.
    pub untrusted_bytes: Bytes,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

/// `[loopback]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoopbackConfig {
    /// The folder of the sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
}

/// Whether a skill that is found is offered to peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Not before the owner looked at it.
    #[default]
    Hidden,
    /// At once. Grants still wait for the owner.
    Exposed,
}

/// What a new version of an approved skill does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Updates {
    /// Takes over by itself if it asks for nothing new.
    #[default]
    Auto,
    /// Waits for the owner.
    Review,
}

/// What a trust request may get without the owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AutoGrant {
    /// Nothing.
    #[default]
    None,
    /// Tier 1.
    Known,
}

/// The form of the host's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line.
    Json,
}

impl AutoGrant {
    /// Returns the tier that a request may get; the lowest means none.
    pub const fn tier(self) -> Tier {
        match self {
            Self::None => Tier::Untrusted,
            Self::Known => Tier::Known,
        }
    }
}

impl LoopbackConfig {
    /// Returns the folder of the sockets: the configured one, or one of this user's own.
    pub fn folder(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(|| {
            let user = rustix::process::geteuid().as_raw();
            std::env::temp_dir().join(format!("coworker-host-{user}"))
        })
    }
}

impl Config {
    /// Checks that the passphrase has one place at most.
    fn check_host(&self) -> Result<(), ConfigError> {
        let host = &self.host;
        if host.passphrase_env.is_some() && host.passphrase_command.is_some() {
            let message = "say once where the passphrase is: passphrase_env or passphrase_command";
            return Err(ConfigError::of_key("host.passphrase_env", message));
        }
        Ok(())
    }
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            name: "coworker-host".to_owned(),
            default_visibility: Visibility::default(),
            updates: Updates::default(),
            grace: Span::secs(10),
            live_instances: 64,
            transport: None,
            provider: None,
            passphrase_env: None,
            passphrase_command: None,
        }
    }
}

impl Default for RatesConfig {
    fn default() -> Self {
        Self {
            untrusted: 120,
            known: 600,
            internal: 6_000,
            burst: 100,
            peer_requests: 1_000,
            peer_bytes: Bytes::mib(64),
            all_requests: 10_000,
            all_bytes: Bytes::mib(512),
            untrusted_bytes: Bytes::mib(16),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::default(),
        }
    }
}

#[cfg(test)]
mod tests;
