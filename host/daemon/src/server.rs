//! A serving host from start to end: lock, open, connect, listen for the owner, drain, close.

mod link;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::config::Config;
use crate::control::{self, protocol::Progress};
use crate::home::Home;
use crate::host::{Host, HostOptions, OpenHome};
use crate::report::Failure;
use crate::tasks::Tasks;
use crate::transport::{self, Link};

/// How often what was kept long enough is forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// What `serve` was asked to do.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// Files and folders to serve besides the home's own.
    pub paths: Vec<PathBuf>,
    /// Whether grants that skills of `paths` ask for are given without asking.
    pub allow_grants: bool,
    /// Whether cards may change without review.
    pub dev: bool,
    /// The program to run as compile child; absent means this one.
    pub program: Option<PathBuf>,
    /// Where the start tells what it waits for.
    pub progress: Progress,
}

/// A host that serves.
#[derive(Debug)]
pub struct Server {
    host: Arc<Host>,
    control: Tasks,
    grace: Duration,
}

impl Server {
    /// Opens the home, connects it to its transport and starts serving.
    pub async fn bind(home: Home, config: Config, options: ServeOptions) -> Result<Self, Failure> {
        let grace = config.host.grace.0;
        let progress = options.progress;
        let options = HostOptions {
            paths: options.paths,
            allow_grants: options.allow_grants,
            dev: options.dev,
            serving: true,
            program: options.program,
        };
        let (host, link) = open(home, config, options, &progress).await?;
        host.start(link).await?;
        let control = Tasks::new();
        let handler = host.clone();
        control::server::listen(&host.home, &control, move |request, progress| {
            let host = handler.clone();
            Box::pin(async move { host.handle(request, &progress).await })
        })
        .await?;
        Ok(Self {
            host,
            control,
            grace,
        })
    }

    /// Returns the host, for what is in the same process.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Returns what to tell the owner at start.
    pub async fn ready_info(&self) -> Result<Value, Failure> {
        let (mut seen, mut example) = (Vec::new(), None);
        for tier in coworker_core::Tier::ALL {
            let cards = self.host.skills.preview(tier).await;
            let names: Vec<&Value> = cards.iter().filter_map(|card| card.get("name")).collect();
            if example.is_none()
                && let Some(name) = names.first().and_then(|name| name.as_str())
            {
                let input = self.host.skills.example(name);
                example =
                    Some(json!({ "skill": name, "input": input.unwrap_or_else(|| json!({})) }));
            }
            seen.push(json!({ "tier": tier, "skills": names }));
        }
        let rows = self.host.skills.list().await;
        let waiting = rows.iter().filter(|row| row.state.needs_attention());
        let waiting: Vec<Value> = waiting.map(|row| json!(row)).collect();
        let warned = rows.iter().filter(|row| !row.warnings.is_empty());
        let warned = warned
            .map(|row| json!({ "name": row.name, "file": row.file, "warnings": row.warnings }));
        let warned: Vec<Value> = warned.collect();
        Ok(json!({
            "name": self.host.name, "peer": self.host.me, "transport": transport::name(self.host.me.scheme()),
            "invite": self.host.invite(), "seen": seen, "example": example, "attention": waiting,
            "warnings": warned,
        }))
    }

    /// Resolves when the owner asked for the end over the control socket.
    pub async fn stop_requested(&self) {
        self.host.stop_requested.cancelled().await;
    }

    /// Takes no more requests, finishes those under way, and closes everything.
    pub async fn shutdown(self) -> Result<(), Failure> {
        self.host.close(self.grace).await?;
        self.control.stop();
        self.control.ended().await;
        Ok(())
    }
}

/// Opens a home with its transport: what `serve` does, and a command that found no host running.
async fn open(
    home: Home,
    config: Config,
    options: HostOptions,
    progress: &Progress,
) -> Result<(Arc<Host>, Link), Failure> {
    let opened = OpenHome::open_with(home, config, progress).await?;
    let link = link::open(&opened, options.serving).await?;
    let host = Host::open(opened, &link, options).await?;
    Ok((host, link))
}

impl Host {
    /// Opens a home for one command, where no host runs: what arrives meanwhile is kept for the next `serve`.
    pub async fn offline(
        home: Home,
        config: Config,
        progress: &Progress,
    ) -> Result<Arc<Self>, Failure> {
        let (host, link) = open(home, config, HostOptions::default(), progress).await?;
        host.start(link).await?;
        Ok(host)
    }
}

/// Forgets what was kept long enough, and peers that have rested.
pub(crate) async fn housekeeping(host: Arc<Host>) {
    loop {
        let swept = host.store.sweep(clock::now(), &host.config.retention).await;
        let recounted = match swept {
            Ok(swept) => host.outbox.recount(swept.undelivered > 0).await,
            Err(error) => Err(error),
        };
        if let Err(error) = recounted {
            tracing::warn!(%error, "old records could not be removed");
        }
        if let Err(error) = host.trust.mark_time(clock::now()).await {
            tracing::warn!(%error, "the time of leases could not be written down");
        }
        host.rates.forget_rested();
        tokio::select! {
            () = host.intake.stopped() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}
