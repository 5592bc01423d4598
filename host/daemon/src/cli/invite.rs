//! `invite`: a code to give away, with or without a tier in it.

use clap::{Args, Subcommand};
use coworker_core::{Span, Tier};
use serde_json::Value;

use super::ui::Ui;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// What to make, see or take back.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Let whoever redeems it in at this tier; without it the code only says where you are
    #[arg(long, value_name = "TIER")]
    grants: Option<Tier>,
    /// How long it holds, as in 7d [default: 7d; above known 24h]
    #[arg(long, value_name = "TIME", requires = "grants")]
    expires: Option<Span>,
    /// How many peers may use it [default: 1]
    #[arg(long, value_name = "N", requires = "grants")]
    uses: Option<u32>,
    /// The only peer that may use it: a name you gave, or an id
    #[arg(long = "for", value_name = "PEER", requires = "grants")]
    only: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the invites that give a tier, and what became of them
    List,
    /// Take an invite back; whoever has used it keeps what it gave
    Revoke {
        /// The id that `invite list` shows
        id: String,
    },
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    match options.command {
        None => {
            let request = Request::Invite {
                grants: options.grants,
                expires: options.expires,
                uses: options.uses,
                only: options.only,
            };
            let answer = reach::ask(context, request).await?;
            context.ui.answer(&answer, made);
        }
        Some(Command::List) => {
            let answer = reach::ask(context, Request::InviteList {}).await?;
            context.ui.answer(&answer, list);
        }
        Some(Command::Revoke { id }) => {
            let answer = reach::ask(context, Request::InviteRevoke { id }).await?;
            context.ui.answer(&answer, |ui, row| {
                ui.line(&format!(
                    "invite {} is {}",
                    show::text(row, "id"),
                    show::text(row, "state")
                ));
            });
        }
    }
    Ok(())
}

fn made(ui: &Ui, answer: &Value) {
    let code = show::text(answer, "code");
    ui.line(&code);
    ui.code(&code);
    if show::has(answer, "id") {
        ui.advise(&format!(
            "{}: whoever runs `coworker-host connect` with it is {} from then on; for {} until {}",
            show::text(answer, "id"),
            show::text(answer, "grants"),
            match show::text(answer, "uses").as_str() {
                "1" => "one peer".to_owned(),
                uses => format!("{uses} peers"),
            },
            show::at(answer, "expires_at")
        ));
        ui.advise("it is shown once: what is kept of it cannot be redeemed");
    } else {
        ui.advise("it says where you are and gives nothing; with --grants known it also lets in");
    }
}

fn list(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            vec![
                show::text(row, "id"),
                show::text(row, "state"),
                show::text(row, "grants"),
                format!("{} of {}", show::text(row, "used"), show::text(row, "uses")),
                show::at(row, "expires_at"),
                show::id(row, "peer"),
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("no invite gives anything; make one with `coworker-host invite --grants known`");
    } else {
        ui.table(&["ID", "STATE", "GRANTS", "USED", "EXPIRES", "FOR"], &rows);
    }
}
