//! `node`: a network of one's own, for the agents of one machine or of a few.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use coworker_xmtp_node::{FolderError, NodeConfig, NodeError, TlsFiles};
use serde_json::json;

use super::serve::Signals;
use super::{Context, reach, trace};
use crate::local_node;
use crate::report::Failure;

/// Where the node listens and what it keeps.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5556")]
    listen: SocketAddr,
    /// The folder of the node's database [default: $XDG_DATA_HOME/coworker-host/node]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A certificate in PEM, to speak TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen on an address that others can reach, without TLS
    #[arg(long)]
    insecure: bool,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let data = match options.data {
        Some(data) => data,
        None => local_node::data_folder()?,
    };
    let tls = options.tls_cert.zip(options.tls_key);
    let scheme = if tls.is_some() { "https" } else { "http" };
    trace::for_serve(&reach::without_home()?.log)?;
    let mut signals = Signals::listen()?;
    let mut config = NodeConfig::new(&data);
    config.listen = options.listen;
    config.tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
    config.insecure = options.insecure;
    let node = local_node::bind(config).await.map_err(refused)?;
    let url = format!("{scheme}://{}", node.address());
    let ready =
        json!({ "url": url, "address": node.address(), "data": data, "pid": std::process::id() });
    context.ui.answer(&ready, |ui, _| {
        ui.field("node", &url);
        ui.field("data", &crate::report::printable(&data.display().to_string()));
        ui.advise("agents use it with `[xmtp] env = \"local\"`; it sees who talks to whom, when and how much, and no message");
    });
    signals.next().await;
    node.shutdown()
        .await
        .map_err(|error| Failure::internal("the node did not stop well").caused_by(&error))
}

fn refused(error: NodeError) -> Failure {
    let hint = match &error {
        NodeError::Exposed(_) => {
            "add --tls-cert and --tls-key, or --insecure if nobody between can listen"
        }
        NodeError::Listen { .. } => {
            "is a node running already? `coworker-host status` shows whose; or use another port"
        }
        NodeError::Folder(FolderError::InUse(_)) => {
            "one node at a time uses a data folder: use the one that runs, or name another folder with --data"
        }
        NodeError::Folder(_) | NodeError::Database { .. } => {
            "name a folder of your own with --data DIR"
        }
        NodeError::Tls(_) => {
            "both files are PEM: the certificate with its chain, and its private key"
        }
    };
    Failure::config("the node cannot be started")
        .caused_by(&error)
        .hint(hint)
}
