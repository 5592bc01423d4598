//! What the demo needs: two hosts in a folder of its own, and over XMTP a node and a client for each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_xmtp_node::{Node, NodeConfig};

use crate::config::{Config, Transport, Visibility, XmtpEnv};
use crate::home::Home;
use crate::host::Host;
use crate::report::Failure;
use crate::server::{ServeOptions, Server};
use crate::transport::xmtp::{INDEX, LOCK, NodeProgram, SidecarFolder, Trouble};

/// How messages are to be carried.
pub(super) enum Way {
    /// Over XMTP, with this Node.js and the sidecar in this folder.
    Xmtp { node: PathBuf, sidecar: PathBuf },
    /// Between two hosts of this machine; because something is missing, unless that was asked for.
    Loopback(Option<Trouble>),
}

impl Way {
    /// Takes XMTP if what it needs is there, unless the owner said what to take.
    pub(super) async fn choose(
        home: Option<&Home>,
        config: &Config,
        wanted: Option<Transport>,
    ) -> Result<Self, Failure> {
        if wanted == Some(Transport::Loopback) {
            return Ok(Self::Loopback(None));
        }
        match (find(home, config).await, wanted) {
            (Ok((node, sidecar)), _) => Ok(Self::Xmtp { node, sidecar }),
            (Err(missing), None) => Ok(Self::Loopback(Some(missing))),
            (Err(missing), Some(_)) => {
                let failure = Failure::config("the demo cannot run over XMTP").cause(missing.why);
                Err(match missing.hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                })
            }
        }
    }

    /// Returns what XMTP would need and is not there.
    pub(super) fn missing(&self) -> Option<&Trouble> {
        match self {
            Self::Loopback(missing) => missing.as_ref(),
            Self::Xmtp { .. } => None,
        }
    }
}

/// Finds the client where the owner says, in the home, or where the sources build it, and a Node.js that runs it.
async fn find(home: Option<&Home>, config: &Config) -> Result<(PathBuf, PathBuf), Trouble> {
    let named = config.xmtp.sidecar();
    let sidecar = match named {
        Some(named) => installed(&named).then_some(named),
        None => home
            .map(|home| SidecarFolder::locate(home, None).path)
            .into_iter()
            .chain([PathBuf::from("target/xmtp-sidecar")])
            .find(|folder| installed(folder) && fits(folder)),
    };
    let beside = sidecar.as_ref().map(|folder| {
        let inside = folder.join("node");
        if inside.is_dir() {
            inside
        } else {
            folder.clone()
        }
    });
    let beside = beside.unwrap_or_default();
    let node = NodeProgram::find(config.xmtp.node_program().as_deref(), &absolute(&beside)).await?;
    let sidecar = sidecar.ok_or_else(|| Trouble {
        state: crate::transport::xmtp::State::Missing,
        why: "the XMTP client is not installed".to_owned(),
        hint: Some("run `coworker-host bridge setup`, or `cargo xtask demo` in the sources"),
    })?;
    Ok((node.path, absolute(&sidecar)))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn installed(folder: &Path) -> bool {
    folder
        .join("node_modules/@xmtp/node-sdk/package.json")
        .is_file()
}

/// Returns whether what lies there is what this program carries.
fn fits(folder: &Path) -> bool {
    let holds = |name: &str, text: &str| {
        std::fs::read(folder.join(name)).is_ok_and(|bytes| bytes == text.as_bytes())
    };
    holds("index.mjs", INDEX) && holds("package-lock.json", LOCK)
}

/// Two hosts, and what carries messages between them.
pub(super) struct Stage {
    dir: PathBuf,
    served: PathBuf,
    way: Way,
    node: Option<Node>,
    hosts: Option<(Server, Server)>,
}

impl Stage {
    /// Starts what carries messages.
    pub(super) async fn open(dir: &Path, served: &Path, way: Way) -> Result<Self, Failure> {
        let node = match way {
            Way::Loopback(_) => None,
            Way::Xmtp { .. } => {
                let mut config = NodeConfig::new(dir.join("node"));
                config.listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
                let node = Node::bind(config).await;
                Some(node.map_err(|error| {
                    Failure::failed("the node cannot be started").caused_by(&error)
                })?)
            }
        };
        Ok(Self {
            dir: dir.to_owned(),
            served: served.to_owned(),
            way,
            node,
            hosts: None,
        })
    }

    /// Starts both hosts.
    pub(super) async fn enter(&mut self) -> Result<(), Failure> {
        let (owner, visitor) = tokio::join!(
            self.start("icy", vec![self.served.clone()]),
            self.start("visitor", Vec::new())
        );
        self.hosts = Some((owner?, visitor?));
        Ok(())
    }

    async fn start(&self, name: &str, paths: Vec<PathBuf>) -> Result<Server, Failure> {
        let home = Home::create(&self.dir.join(name))?;
        let mut config = Config::default();
        config.host.name = name.to_owned();
        config.host.default_visibility = Visibility::Exposed;
        config.loopback.dir = Some(self.dir.join("l"));
        config.host.transport = Some(Transport::Loopback);
        if let (Way::Xmtp { node, sidecar }, Some(url)) = (&self.way, self.url()) {
            config.host.transport = Some(Transport::Xmtp);
            config.xmtp.env = Some(XmtpEnv::Local);
            config.xmtp.node = url;
            config.xmtp.run_node = false;
            config.xmtp.node_program = Some(node.clone());
            config.xmtp.sidecar = Some(sidecar.clone());
        }
        let options = ServeOptions {
            paths,
            ..ServeOptions::default()
        };
        Server::bind(home, config, options).await
    }

    /// Returns where the node listens.
    pub(super) fn url(&self) -> Option<String> {
        let node = self.node.as_ref()?;
        Some(format!("http://{}", node.address()))
    }

    /// Returns what carries messages, in a word.
    pub(super) fn transport(&self) -> &'static str {
        match self.way {
            Way::Xmtp { .. } => "xmtp",
            Way::Loopback(_) => "loopback",
        }
    }

    /// Returns the host with the skills and the one that calls them.
    pub(super) fn hosts(&self) -> Result<(&Arc<Host>, &Arc<Host>), Failure> {
        match &self.hosts {
            Some((owner, visitor)) => Ok((owner.host(), visitor.host())),
            None => Err(Failure::internal("the demo's hosts were not started")),
        }
    }

    /// Returns the folder that is served.
    pub(super) fn served(&self) -> &Path {
        &self.served
    }

    /// Returns where the node keeps what it was given, if there is one.
    pub(super) fn node_data(&self) -> Option<PathBuf> {
        self.node.as_ref().map(|_| self.dir.join("node"))
    }

    /// Returns the home of the host with the skills.
    pub(super) fn owner_home(&self) -> PathBuf {
        self.dir.join("icy")
    }

    /// Stops everything.
    pub(super) async fn close(self) -> Result<(), Failure> {
        let mut ended = Ok(());
        if let Some((owner, visitor)) = self.hosts {
            let (first, second) = tokio::join!(visitor.shutdown(), owner.shutdown());
            ended = first.and(second);
        }
        if let Some(node) = self.node {
            let stopped = node
                .shutdown()
                .await
                .map_err(|error| Failure::internal("the node did not stop well").caused_by(&error));
            ended = ended.and(stopped);
        }
        ended
    }
}
