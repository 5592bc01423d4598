//! Where a command's request goes: to the host that runs on the home, or else to one opened for this command alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::Context;
use super::ui::Latest;
use crate::config::{Config, Settings, Transport, overrides};
use crate::control::{Client, Note, Progress, Request};
use crate::home::Home;
use crate::host::Host;
use crate::report::Failure;
use crate::transport::xmtp::{Record, SidecarFolder, Trouble};

/// Notes that may wait to be shown.
const NOTES: usize = 16;
/// How long a command waits for its own messages to leave before it ends.
const GRACE: Duration = Duration::from_secs(5);

/// Asks, and returns the answer.
pub(super) async fn ask(context: &Context, request: Request) -> Result<Value, Failure> {
    let home = context.home()?;
    match ask_running(context, &home, &request).await? {
        Some(value) => Ok(value),
        None => ask_here(context, home, request).await,
    }
}

/// Asks the host that runs on the home, or returns nothing where none does.
pub(super) async fn ask_running(
    context: &Context,
    home: &Home,
    request: &Request,
) -> Result<Option<Value>, Failure> {
    let Some(mut client) = Client::connect(&home.control_socket()).await? else {
        return Ok(None);
    };
    let latest = Latest::default();
    let asking = client.ask(request, |note| latest.set(note));
    context.ui.watch(&latest, asking).await.map(Some)
}

/// Returns what to say where only a running host knows the answer.
pub(super) fn no_host(home: &Home) -> Failure {
    Failure::unreachable("no host runs on this home")
        .cause(format!(
            "nobody listens at {}",
            home.control_socket().display()
        ))
        .hint("run `coworker-host serve`")
}

/// Opens the home, carries the request out, and closes it again.
async fn ask_here(context: &Context, home: Home, request: Request) -> Result<Value, Failure> {
    let mut config = load(&home)?;
    choose(&home, &mut config).await;
    let (progress, notes) = Progress::channel(NOTES);
    let work = async {
        let host = Host::offline(home, config, &progress).await?;
        let answer = carry_out(&host, request, progress).await;
        host.close(GRACE).await?;
        answer
    };
    watch(context, notes, work).await
}

/// Waits for `work`, showing the notes that it makes.
pub(super) async fn watch<T>(
    context: &Context,
    mut notes: mpsc::Receiver<Note>,
    work: impl Future<Output = T>,
) -> T {
    let latest = Latest::default();
    let told = async {
        tokio::pin!(work);
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                Some(note) = notes.recv() => latest.set(note),
            }
        }
    };
    context.ui.watch(&latest, told).await
}

async fn carry_out(
    host: &Arc<Host>,
    request: Request,
    progress: Progress,
) -> Result<Value, Failure> {
    host.handle(request, &progress).await
}

/// Decides what carries messages where the owner has not: XMTP where its client is installed, or where peers know this home
/// by its inbox already. Returns what is missing for that otherwise.
pub(super) async fn choose(home: &Home, config: &mut Config) -> Option<Trouble> {
    if config.host.transport.is_some() || config.xmtp.env.is_some() {
        return None;
    }
    if !Record::exists(home, config.xmtp.env().name()) {
        let sidecar = SidecarFolder::locate(home, config.xmtp.sidecar().as_deref());
        let named = config.xmtp.node_program();
        if let Err(missing) = sidecar.ready(home, named.as_deref()).await {
            return Some(missing);
        }
    }
    config.host.transport = Some(Transport::Xmtp);
    None
}

/// Reads the configuration of a home.
pub(super) fn load(home: &Home) -> Result<Config, Failure> {
    Ok(settings(home)?.config)
}

/// Returns what is in force where there is no home: the defaults, and what the environment puts over them.
pub(super) fn without_home() -> Result<Config, Failure> {
    let overrides = overrides(|name| std::env::var_os(name));
    let settings = Config::parse(Path::new(""), "", &overrides)?;
    Ok(settings.config)
}

/// Reads the configuration of a home and what the environment puts over it, with the origin of every value.
pub(super) fn settings(home: &Home) -> Result<Settings, Failure> {
    let overrides = overrides(|name| std::env::var_os(name));
    Config::load(&home.config_file(), &overrides).map_err(|error| {
        let failure = Failure::from(error);
        match failure.hint {
            Some(_) => failure,
            None => failure.hint("correct the file, or move it away to start from the defaults"),
        }
    })
}
