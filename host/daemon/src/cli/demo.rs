//! The main job shown on one machine: a host with skills, a second host as its peer, what each of them sees, and what
//! crossed the wire between them. All of it lives in a folder of the demo's own, which goes away with it.

mod calls;
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
    let skills = find_skills(context, options.skills)?;
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

fn find_skills(context: &Context, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let home = context.home().ok().map(|home| home.skills());
    let holds = |dir: &PathBuf| components(dir).is_ok_and(|found| !found.is_empty());
    if let Some(dir) = named {
        return if holds(&dir) {
            Ok(dir)
        } else {
            Err(Failure::failed(format!("{} holds no .wasm file", dir.display()))
                .hint("name another folder with --skills, or run `cargo xtask samples` in the sources"))
        };
    }
    home.into_iter()
        .chain([PathBuf::from("target/skills")])
        .find(holds)
        .ok_or_else(|| {
            Failure::failed("there are no skills to show")
                .cause("neither the home's skills folder nor target/skills holds a .wasm file")
                .hint("name a folder with --skills, or run `cargo xtask samples` in the sources")
        })
}

/// Returns the components of a folder, the largest first.
fn components(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        .collect();
    found.sort_by_key(|path| {
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        (std::cmp::Reverse(size), path.clone())
    });
    Ok(found)
}

/// Puts the skills into a folder of the demo. The smallest is held back if there are more, to be dropped in later.
fn lay_out(skills: &Path, served: &Path) -> std::io::Result<Option<PathBuf>> {
    std::fs::create_dir_all(served)?;
    let mut found = components(skills)?;
    let late = if found.len() > 1 { found.pop() } else { None };
    for component in found {
        std::fs::copy(
            &component,
            served.join(component.file_name().unwrap_or_default()),
        )?;
    }
    Ok(late)
}

async fn show(step: &Step<'_>, skills: &Path, dir: &Path, way: Way) -> Result<(), Failure> {
    let served = dir.join("skills");
    let late = lay_out(skills, &served)
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
    let ended = tour::tour(step, &stage, late.as_deref()).await;
    let closed = stage.close().await;
    ended.and(closed)
}
