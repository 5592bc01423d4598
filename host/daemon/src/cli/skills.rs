//! `skills`: what there is, what it may do, and who sees it.

mod import;
mod inspection;

pub(super) use inspection::{changes as change_lines, review};

use clap::{Args, Subcommand};
use coworker_core::Tier;
use serde_json::{Map, Value};

use super::ui::Ui;
use super::{Context, check, inspect, new, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// What to see or decide.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List every file and skill, and how it stands
    List,
    /// Show a skill: its card, what it could do, what it asks for and what is granted
    Inspect {
        /// The skill
        name: String,
        /// Show what would change if this file or skill took its place
        #[arg(long, value_name = "OTHER")]
        diff: Option<String>,
    },
    /// Approve a skill as it is now, grants included, and let peers see it
    Expose(ExposeOptions),
    /// Hide a skill from every peer
    Hide {
        /// The skill
        name: String,
    },
    /// Set a skill's tier and limits
    Configure(ConfigureOptions),
    /// Print what a peer of a tier sees, exactly
    Preview {
        /// untrusted, known, internal or privileged
        #[arg(long = "peer-tier", value_name = "TIER")]
        tier: Tier,
    },
    /// Serve the version that was approved before
    Rollback {
        /// The skill
        name: String,
    },
    /// Write a project for a new skill
    New(new::Options),
    /// Say whether a component or a SKILL.md can be served, and what it could ever do
    Check(check::Options),
    /// Serve skills of other programs where they lie
    Import(import::Options),
}

/// What to approve.
#[derive(Debug, Args)]
pub(super) struct ExposeOptions {
    /// The skill
    name: String,
    /// From which tier on; what its author asks for if absent, and at least known
    #[arg(long)]
    tier: Option<Tier>,
    /// Do not ask before granting what it asks for
    #[arg(long, short)]
    yes: bool,
}

/// What to set.
#[derive(Debug, Args)]
pub(super) struct ConfigureOptions {
    /// The skill
    name: String,
    /// The least tier that sees it; its author's is the lowest
    #[arg(long, value_name = "TIER")]
    min_tier: Option<Tier>,
    /// A limit of one call, as in memory="128 MiB" or cpu=10s; can be repeated
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = limit)]
    limits: Vec<(String, Value)>,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            let answer = reach::ask(context, Request::SkillsList {}).await?;
            context.ui.answer(&answer, list);
        }
        Command::Inspect { name, diff } => {
            let answer = reach::ask(context, Request::SkillsInspect { name, diff }).await?;
            context.ui.answer(&answer, inspection::whole);
        }
        Command::Expose(options) => expose(context, options).await?,
        Command::Hide { name } => {
            let answer = reach::ask(context, Request::SkillsHide { name }).await?;
            context.ui.answer(&answer, |ui, row| {
                ui.line(&format!(
                    "{} is hidden from every peer",
                    show::text(row, "name")
                ));
            });
        }
        Command::Configure(options) => configure(context, options).await?,
        Command::Preview { tier } => {
            let answer = reach::ask(context, Request::SkillsPreview { tier }).await?;
            context.ui.answer(&answer, |ui, answer| {
                inspect::cards(ui, show::list(answer, "skills"));
            });
        }
        Command::Rollback { name } => {
            let answer = reach::ask(context, Request::SkillsRollback { name }).await?;
            context.ui.answer(&answer, |ui, row| {
                let (name, to) = (show::text(row, "name"), show::id(row, "to"));
                ui.line(&format!(
                    "{name} is served as {to} again, version {}",
                    show::text(row, "version")
                ));
            });
        }
        Command::New(options) => new::run(context, &options)?,
        Command::Check(options) => check::run(context, options).await?,
        Command::Import(options) => import::run(context, options).await?,
    }
    Ok(())
}

fn list(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            let mut reason = show::text(row, "reason");
            if let Some(update) = row.get("update").filter(|update| !update.is_null()) {
                reason = format!(
                    "a newer file is {}: {}",
                    show::text(update, "state"),
                    show::text(update, "reasons")
                );
            }
            vec![
                show::text(row, "name"),
                show::text(row, "state"),
                show::text(row, "tier"),
                show::short(row, "version", 16),
                show::short(row, "file", 48),
                show::cut(&show::text(row, "digest"), 12),
                reason,
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("no skills yet: copy a .wasm file, or a folder with a SKILL.md, into the home's skills folder");
    } else {
        ui.table(
            &[
                "SKILL", "STATE", "TIER", "VERSION", "FILE", "DIGEST", "REASON",
            ],
            &rows,
        );
    }
    show::warnings(ui, show::rows(answer));
}

/// Shows what would be approved, asks where something is granted, and approves exactly what was shown.
async fn expose(context: &Context, options: ExposeOptions) -> Result<(), Failure> {
    let ui = &context.ui;
    let inspect = Request::SkillsInspect {
        name: options.name.clone(),
        diff: None,
    };
    let shown = reach::ask(context, inspect).await?;
    let asks = show::list(&shown, "asks");
    if !ui.json {
        inspection::review(ui, &shown);
    }
    if !asks.is_empty() && !options.yes {
        if !ui.can_ask() {
            return Err(Failure::failed(format!(
                "{} asks for grants, and nobody said yes",
                options.name
            ))
            .cause(format!("it asks to: {}", show::text(&shown, "asks")))
            .hint("run it on a terminal, or add --yes after reading what it asks for"));
        }
        if !ui.confirm("grant this, and let peers see it?") {
            return Err(
                Failure::failed(format!("{} stays as it was", options.name)).cause("you said no")
            );
        }
    }
    let review = shown
        .get("review")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let request = Request::SkillsExpose {
        name: options.name,
        tier: options.tier,
        review,
    };
    let answer = reach::ask(context, request).await?;
    ui.answer(&answer, |ui, row| {
        ui.line(&format!(
            "{} is offered to every peer from {} on",
            show::text(row, "name"),
            show::text(row, "tier")
        ));
    });
    Ok(())
}

async fn configure(context: &Context, options: ConfigureOptions) -> Result<(), Failure> {
    if options.min_tier.is_none() && options.limits.is_empty() {
        return Err(Failure::usage("nothing to set")
            .hint("name a tier with --min-tier, or a limit with --limit KEY=VALUE"));
    }
    let limits: Map<String, Value> = options.limits.into_iter().collect();
    let request = Request::SkillsConfigure {
        name: options.name,
        min_tier: options.min_tier,
        limits,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, |ui, row| {
        ui.line(&format!(
            "{} is for {} and above",
            show::text(row, "name"),
            show::text(row, "tier")
        ));
        inspection::limits(ui, row);
    });
    Ok(())
}

/// Reads `KEY=VALUE`; a value that is a number is one.
fn limit(text: &str) -> Result<(String, Value), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write it as KEY=VALUE, as in cpu=10s")?;
    let value = match value.trim().parse::<u64>() {
        Ok(number) => number.into(),
        Err(_) => value.trim().into(),
    };
    Ok((key.trim().to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_keys_with_values() {
        assert_eq!(
            limit("memory=128 MiB"),
            Ok(("memory".to_owned(), "128 MiB".into()))
        );
        assert_eq!(limit("memories = 4"), Ok(("memories".to_owned(), 4.into())));
        assert!(limit("memory").is_err());
    }
}
