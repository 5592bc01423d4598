//! `init`: a home, made once and never overwritten.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::ui::Ui;
use super::{Context, show};
use crate::config::starter;
use crate::home::{Home, hex};
use crate::import::{self, Imported};
use crate::report::{Failure, printable};
use crate::store::{Store, StoreOptions};

/// What to make.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What the host calls itself; peers see it
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Bring the identity, and as proposals the peers, of an agent-coworker home, as in ~/.coworker
    #[arg(long, value_name = "DIR")]
    import: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let path = context.home_path()?;
    if path.join("config.toml").exists() {
        return Err(
            Failure::config(format!("there is a home already: {}", path.display()))
                .cause("a home is never overwritten")
                .hint("run `coworker-host serve` to use it, or name another one with --home DIR"),
        );
    }
    let imported = options.import.as_deref().map(import::read).transpose()?;
    if let Some(imported) = &imported {
        bring(&path, imported).await?;
    }
    let brought = imported.as_ref().and_then(|old| old.name.clone());
    let home = make(&path, options.name.or(brought).as_deref())?;
    let identity = home.identity()?;
    let imported = imported.map(|old| {
        json!({ "wallet": old.wallet.address(), "proposals": old.proposals.len(), "skipped": old.skipped })
    });
    let answer = json!({
        "home": home.root(), "skills": home.skills(), "peer": format!("loop:{}", identity.fingerprint()),
        "imported": imported,
    });
    context.ui.answer(&answer, |ui, answer| {
        ui.line(&format!(
            "made the home {}",
            printable(&home.root().display().to_string())
        ));
        match answer.get("imported").filter(|old| !old.is_null()) {
            Some(imported) => told(ui, imported),
            None => next_steps(ui, &home),
        }
    });
    Ok(())
}

/// Puts what another program's home held into a home of ours that is not finished. Done again after a break, it ends as
/// if it had been done once.
async fn bring(path: &Path, imported: &Imported) -> Result<(), Failure> {
    let home = Home::create(path)?;
    let _lock = home.lock()?;
    let key = home.wallet_key();
    if key.exists() {
        if home.wallet()?.address() != imported.wallet.address() {
            return Err(Failure::config("this home has a wallet of its own")
                .cause("a wallet is never replaced")
                .hint("name another home with --home DIR"));
        }
    } else {
        home.write_new(&key, format!("{}\n", hex(&imported.secret)).as_bytes())?;
    }
    let store = Store::open(&home.store(), StoreOptions::default())?;
    store.propose(imported.proposals.clone()).await?;
    store.close().await?;
    Ok(())
}

fn told(ui: &Ui, imported: &Value) {
    ui.line(&format!(
        "brought the wallet {}, and {} peers as proposals",
        show::text(imported, "wallet"),
        show::text(imported, "proposals")
    ));
    if imported.get("skipped").and_then(Value::as_u64) != Some(0) {
        let skipped = show::text(imported, "skipped");
        ui.advise(&format!(
            "{skipped} entries made no sense and were left out"
        ));
    }
    ui.advise("next: `coworker-host trust requests`; until you grant them, none of these peers is trusted");
}

/// Makes a home with a configuration that says what could be set.
pub(super) fn make(path: &Path, name: Option<&str>) -> Result<Home, Failure> {
    let home = Home::create(path)?;
    home.write_new(&home.config_file(), starter(name).as_bytes())?;
    Ok(home)
}

fn next_steps(ui: &Ui, home: &Home) {
    let skills = printable(&home.skills().display().to_string());
    ui.advise(&format!(
        "next: copy a skill into {skills} and run `coworker-host serve`"
    ));
    ui.advise("      or write one with `coworker-host skills new NAME --lang rust`");
}

fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=64).contains(&length) && printable(text) == text {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 64 printable characters".to_owned())
    }
}
