//! Connects a home to the transport that its owner chose.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::{Transport, XmtpEnv};
use crate::host::OpenHome;
use crate::local_node;
use crate::report::Failure;
use crate::transport::{Link, Outgoing, SendError, TransportError, loopback, xmtp};

/// Opens the transport of a home.
pub(super) async fn open(opened: &OpenHome, serving: bool) -> Result<Link, Failure> {
    match opened.config.transport() {
        Transport::Loopback => {
            let dir = opened.config.loopback.folder();
            loopback::open(&dir, opened.identity.clone(), &opened.tasks)
                .await
                .map_err(|error| {
                    let hint = match error {
                        TransportError::Taken => {
                            "stop the host on the other copy of this home; one identity serves in one place"
                        }
                        _ => "set `[loopback] dir` in config.toml to a folder of your own",
                    };
                    Failure::config("the loopback transport cannot be opened")
                        .cause(error.to_string())
                        .hint(hint)
                })
        }
        Transport::Xmtp => {
            let options = options(opened, serving)?;
            // A command that finds no network says so; a host that stays makes one.
            let runs_node = serving && opened.config.xmtp.run_node;
            let url = options.url.clone().filter(|_| runs_node);
            let node = match &url {
                Some(url) => local_node::first(url).await,
                None => None,
            };
            let first = options.record.me().is_none();
            let link = match xmtp::open(options, &opened.tasks).await {
                Ok(link) => link,
                // A command that looks at skills needs no network. One that needs it hears why there is none.
                Err(error) if first && !serving => return Ok(unreachable(opened, &error)),
                Err(error) => return Err(refused(error)),
            };
            if let (Some(url), Some(network)) = (url, &link.network) {
                let tasks = &opened.tasks;
                tasks.spawn(local_node::keep(url, node, network.watch(), tasks.clone()));
            }
            Ok(link)
        }
    }
}

fn options(opened: &OpenHome, serving: bool) -> Result<xmtp::Options, Failure> {
    let (home, config) = (&opened.home, &opened.config.xmtp);
    let env = config.env();
    let purpose = format!("coworker-host xmtp database of {} v1", env.name());
    Ok(xmtp::Options {
        record: xmtp::Record::open(home, env.name())?,
        store: opened.store.clone(),
        env: env.name(),
        url: config.url(),
        wallet: Arc::new(home.wallet()?),
        database_key: opened.identity.derive(&purpose),
        sidecar: xmtp::SidecarFolder::locate(home, config.sidecar().as_deref()),
        node_program: config.node_program(),
        sends_per_5_min: config.sends_per_5_min(),
        offline_hint: (env == XmtpEnv::Local)
            .then_some("run `coworker-host node`, or check `[xmtp] node`"),
        patience: xmtp::Patience::default(),
        remembers: opened.config.retention.said(),
        stays: serving,
        home: home.clone(),
    })
}

/// Returns a transport that reaches nobody, for a home that no network knows yet.
fn unreachable(opened: &OpenHome, error: &TransportError) -> Link {
    let why = error.to_string();
    tracing::warn!(why, "the XMTP network is not reached");
    let (outbox, mut messages) = mpsc::channel::<Outgoing>(1);
    let (_, inbox) = mpsc::channel(1);
    let tasks = opened.tasks.clone();
    opened.tasks.spawn(async move {
        loop {
            let message = tokio::select! {
                () = tasks.stopped() => return,
                message = messages.recv() => message,
            };
            let Some(message) = message else { return };
            let _ = message.done.send(Err(SendError::Unreachable(why.clone())));
        }
    });
    Link {
        me: opened.identity.peer(),
        inbox,
        outbox,
        network: None,
    }
}

fn refused(error: TransportError) -> Failure {
    let failure =
        Failure::unreachable("the XMTP transport cannot be opened").cause(error.to_string());
    match error {
        TransportError::Broken {
            hint: Some(hint), ..
        } => failure.hint(hint),
        _ => failure,
    }
}
