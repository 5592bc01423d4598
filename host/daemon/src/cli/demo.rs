//! The main job shown on one machine: a host with skills, a second host as its peer, what each of them sees, and what
//! crossed the wire between them. All of it lives in a folder of the demo's own, which goes away with it.

mod calls;
mod folder;
mod latency;
mod stage;
mod step;
mod tour;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use self::stage::{Stage, Way};
use self::step::Step;
use super::{Context, reach};
use crate::config::Transport;
use crate::report::Failure;

/// What to show, and over what.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder of skills to show [default: the home's, else target/skills]
    #[arg(long, value_name = "DIR")]
    skills: Option<PathBuf>,
    /// What carries the messages [default: xmtp, and loopback where Node.js or the XMTP client is missing]
    #[arg(long, value_enum)]
    transport: Option<Transport>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let skills = folder::find(context, options.skills)?;
    let home = context.home().ok();
    let config = match &home {
        Some(home) => reach::load(home)?,
        None => reach::without_home()?,
    };
    let way = Way::choose(home.as_ref(), &config, options.transport).await?;
    let dir = std::env::temp_dir().join(format!("coworker-demo-{}", crate::clock::token()));
    let ended = show(&Step { ui: &context.ui }, &skills, &dir, way).await;
    // What cannot be removed is the system's to clear: it lies in the temporary folder.
    let _ = std::fs::remove_dir_all(&dir);
    ended
}

async fn show(step: &Step<'_>, skills: &Path, dir: &Path, way: Way) -> Result<(), Failure> {
    let served = dir.join("skills");
    let late = folder::lay_out(skills, &served)
        .map_err(|error| Failure::failed("the demo's folder cannot be made").caused_by(&error))?;
    if let Some(missing) = way.missing() {
        let hint = missing.hint.unwrap_or("run `coworker-host doctor`");
        step.remark(
            &format!(
                "{}, so the demo runs over loopback; to see it over XMTP, {hint}",
                missing.why
            ),
            json!({ "transport": "loopback", "missing": missing.why, "hint": hint }),
        );
    }
    let started = Instant::now();
    let mut stage = Stage::open(dir, &served, way).await?;
    if let Some(url) = stage.url() {
        let what = format!("a node of this machine carries XMTP at {url}");
        step.say(&what, started);
    }
    let started = Instant::now();
    stage.enter().await?;
    let what = format!(
        "icy serves {}, visitor is a second host with keys of its own, over {}",
        skills.display(),
        stage.transport()
    );
    step.say(&what, started);
    let ended = tour::tour(step, &stage, late.as_ref()).await;
    let closed = stage.close().await;
    ended.and(closed)
}
