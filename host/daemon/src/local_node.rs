//! The node of the `local` network: one a user, in the user's own data folder, run by `coworker-host node` or by whichever
//! host finds that none answers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coworker_xmtp_node::{FolderError, Node, NodeConfig, NodeError};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::watch;
use url::Url;

use crate::clock;
use crate::report::Failure;
use crate::tasks::Tasks;
use crate::transport::xmtp::{State, Status};

/// How long a node of this machine may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait for another process's node before one of our own is tried again.
const LOOK: Duration = Duration::from_millis(500);

/// Who runs a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Returns where this user's node keeps its data.
pub fn data_folder() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let folder = named.filter(|path| path.is_absolute()).or_else(|| {
        let home = std::env::home_dir().filter(|path| path.is_absolute())?;
        Some(home.join(".local/share"))
    });
    folder
        .map(|folder| folder.join("coworker-host").join("node"))
        .ok_or_else(|| {
            Failure::config("this user has no folder for data")
                .hint("name one with --data DIR, or with XDG_DATA_HOME")
        })
}

/// Starts a node and notes whose it is.
pub async fn bind(config: NodeConfig) -> Result<Node, NodeError> {
    let data = config.data.clone();
    let node = Node::bind(config).await?;
    let owner = Owner {
        pid: std::process::id(),
        address: node.address(),
    };
    // For people only: the lock of the folder is what counts.
    let text = serde_json::to_string(&owner).unwrap_or_default();
    if let Err(error) = std::fs::write(data.join("owner"), text) {
        tracing::debug!(%error, "it could not be noted whose the node is");
    }
    Ok(node)
}

/// Returns who ran the node of a data folder last.
pub fn owner(data: &Path) -> Option<Owner> {
    let text = std::fs::read_to_string(data.join("owner")).ok()?;
    serde_json::from_str(&text).ok()
}

/// Makes sure that a node answers at `url` now. Returns the one that this takes, if none did. A node that is not on this
/// machine is somebody else's to run.
pub(crate) async fn first(url: &str) -> Option<Node> {
    let address = address(url).filter(|address| address.ip().is_loopback())?;
    start(address, &data_folder().ok()?).await
}

/// Sees to it that a node answers, until the host stops: whoever ran one may end.
pub(crate) async fn keep(
    url: String,
    mut node: Option<Node>,
    mut status: watch::Receiver<Status>,
    tasks: Tasks,
) {
    while node.is_none() {
        let offline = status.wait_for(|status| status.state == State::Offline);
        tokio::select! {
            () = tasks.stopped() => return,
            offline = offline => if offline.is_err() { return },
        }
        node = first(&url).await;
        tokio::time::sleep(clock::pause(LOOK, LOOK, 0)).await;
    }
    tasks.stopped().await;
    if let Some(node) = node
        && let Err(error) = node.shutdown().await
    {
        tracing::warn!(%error, "the local node did not stop well");
    }
}

/// Starts the user's node if none answers.
async fn start(address: SocketAddr, data: &Path) -> Option<Node> {
    let answered = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await;
    if matches!(answered, Ok(Ok(_))) {
        return None;
    }
    let mut config = NodeConfig::new(data);
    config.listen = address;
    match bind(config).await {
        Ok(node) => {
            tracing::info!(%address, data = %data.display(), "no node answered: this host runs one");
            Some(node)
        }
        // Another process was faster; it answers soon.
        Err(NodeError::Folder(FolderError::InUse(_)) | NodeError::Listen { .. }) => None,
        Err(error) => {
            tracing::warn!(%error, "the local node cannot be started");
            None
        }
    }
}

fn address(url: &str) -> Option<SocketAddr> {
    let url = Url::parse(url).ok()?;
    let port = url.port_or_known_default()?;
    match url.host()? {
        url::Host::Ipv4(ip) => Some((ip, port).into()),
        url::Host::Ipv6(ip) => Some((ip, port).into()),
        url::Host::Domain("localhost") => Some((std::net::Ipv4Addr::LOCALHOST, port).into()),
        url::Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_of_this_machine_is_ours_to_run() {
        for (url, expected) in [
            ("http://127.0.0.1:5556", Some("127.0.0.1:5556")),
            ("http://localhost:1", Some("127.0.0.1:1")),
            ("http://[::1]:2", Some("[::1]:2")),
            ("https://grpc.dev.xmtp.network:443", None),
            ("nonsense", None),
        ] {
            assert_eq!(
                address(url).map(|a| a.to_string()).as_deref(),
                expected,
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_node_is_started_once_and_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let first = start(address, folder.path()).await.expect("none answers");
        assert_eq!(owner(folder.path()).expect("noted").address, address);
        assert!(start(address, folder.path()).await.is_none(), "one answers");
        first.shutdown().await.expect("it stops");
        let second = start(address, folder.path())
            .await
            .expect("none answers any more");
        second.shutdown().await.expect("it stops");
    }
}
