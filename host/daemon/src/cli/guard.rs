//! `guard`: what held private texts and what became of it, for whom, and which skills peers lost by that.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::ui::Ui;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// What to see or change; without a command, everything that was held back.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what was held back, and who lost which skill
    List,
    /// Give a peer a skill back that it lost, and forget what was held back from it there
    Lift {
        /// A name you gave, an invite, or an id
        peer: String,
        /// The skill
        skill: String,
    },
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    match options.command.unwrap_or(Command::List) {
        Command::List => {
            let answer = reach::ask(context, Request::GuardList {}).await?;
            context.ui.answer(&answer, list);
        }
        Command::Lift { peer, skill } => {
            let answer = reach::ask(context, Request::GuardLift { peer, skill }).await?;
            context.ui.answer(&answer, |ui, row| {
                let (peer, skill) = (show::text(row, "peer"), show::text(row, "skill"));
                ui.line(&format!("{peer} sees {skill} again, if its tier does"));
            });
        }
    }
    Ok(())
}

fn list(ui: &Ui, answer: &Value) {
    let rejected: Vec<Vec<String>> = show::list(answer, "rejected")
        .iter()
        .map(|row| {
            vec![
                show::at(row, "at"),
                who(row),
                show::text(row, "skill"),
                show::text(row, "stage"),
                done(row).to_owned(),
                show::text(row, "what"),
                show::text(row, "task"),
            ]
        })
        .collect();
    if rejected.is_empty() {
        ui.line("nothing held private text");
    } else {
        ui.table(
            &["WHEN", "PEER", "SKILL", "FROM", "DONE", "WHAT", "TASK"],
            &rejected,
        );
    }
    for row in show::list(answer, "barred") {
        ui.line(&format!(
            "{} is unknown to {} since {}",
            show::text(row, "skill"),
            who(row),
            show::at(row, "since_at")
        ));
        ui.advise(&format!(
            "run `coworker-host guard lift {} {}` to give it back",
            show::text(row, "peer"),
            show::text(row, "skill")
        ));
    }
}

/// Returns what became of it.
fn done(row: &Value) -> &'static str {
    match show::text(row, "mode").as_str() {
        "warn" => "let through",
        "redact" => "taken out",
        _ => "held back",
    }
}

fn who(row: &Value) -> String {
    if show::has(row, "name") {
        show::text(row, "name")
    } else {
        show::text(row, "peer")
    }
}
