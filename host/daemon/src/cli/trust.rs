//! `trust`: who may do what, and who asks for more.

use clap::Subcommand;
use coworker_core::{Span, Tier};
use serde_json::Value;

use super::ui::Ui;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::Failure;

/// What to see or decide.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the peers that are more than strangers, or blocked
    List,
    /// Set a peer's tier; with --for, --calls or --skill only for a while
    Set {
        /// A name you gave, an invite, or an id
        peer: String,
        /// untrusted, known, internal or privileged
        tier: Tier,
        /// For how long, as in 2h or 7d
        #[arg(long = "for", value_name = "TIME")]
        span: Option<Span>,
        /// For how many calls
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        calls: Option<u32>,
        /// For these skills only
        #[arg(long = "skill", value_name = "SKILL")]
        skills: Vec<String>,
    },
    /// Make a peer a stranger, stop its tasks, and keep it out
    Revoke {
        /// A name you gave, an invite, or an id
        peer: String,
    },
    /// List the requests that wait for you
    Requests,
    /// Grant a request
    Grant {
        /// The id that `trust requests` shows
        id: String,
    },
    /// Turn a request down
    Deny {
        /// The id that `trust requests` shows
        id: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            let answer = reach::ask(context, Request::TrustList {}).await?;
            context.ui.answer(&answer, list);
        }
        Command::Set {
            peer,
            tier,
            span,
            calls,
            skills,
        } => {
            let skills = (!skills.is_empty()).then_some(skills);
            let request = Request::TrustSet {
                peer,
                tier,
                span,
                calls,
                skills,
            };
            let answer = reach::ask(context, request).await?;
            context.ui.answer(&answer, said);
        }
        Command::Revoke { peer } => {
            let answer = reach::ask(context, Request::TrustRevoke { peer }).await?;
            context.ui.answer(&answer, |ui, row| {
                let stopped = show::text(row, "cancelled");
                ui.line(&format!(
                    "{} is a stranger again and stays one; {stopped} tasks stopped",
                    who(row)
                ));
            });
        }
        Command::Requests => {
            let answer = reach::ask(context, Request::TrustRequests {}).await?;
            context.ui.answer(&answer, requests);
        }
        Command::Grant { id } => {
            let answer = reach::ask(context, Request::TrustGrant { id }).await?;
            context.ui.answer(&answer, said);
        }
        Command::Deny { id } => {
            let answer = reach::ask(context, Request::TrustDeny { id }).await?;
            context.ui.answer(&answer, |ui, row| {
                let key = if show::has(row, "peer") {
                    "peer"
                } else {
                    "wallet"
                };
                ui.line(&format!("turned {} down", show::text(row, key)));
            });
        }
    }
    Ok(())
}

/// Returns how to speak of a peer: by its name where the owner gave one.
pub(super) fn who(row: &Value) -> String {
    if show::has(row, "name") {
        show::text(row, "name")
    } else {
        show::text(row, "peer")
    }
}

/// Returns a peer's tier with its lease or block.
pub(super) fn tier(row: &Value) -> String {
    if row.get("blocked").and_then(Value::as_bool) == Some(true) {
        return "blocked".to_owned();
    }
    let base = show::text(row, "tier");
    let Some(lease) = row.get("lease").filter(|lease| !lease.is_null()) else {
        return base;
    };
    let mut text = format!("{base}, {}", show::text(lease, "tier"));
    if show::has(lease, "until_at") {
        text.push_str(&format!(" until {}", show::at(lease, "until_at")));
    }
    if show::has(lease, "calls_left") {
        text.push_str(&format!(" for {} calls", show::text(lease, "calls_left")));
    }
    if show::has(lease, "skills") {
        text.push_str(&format!(" for {}", show::text(lease, "skills")));
    }
    text
}

fn said(ui: &Ui, row: &Value) {
    ui.line(&format!("{} is {}", who(row), tier(row)));
}

fn list(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| vec![show::called(row), tier(row), show::text(row, "peer")])
        .collect();
    if rows.is_empty() {
        ui.advise("you trust nobody yet: see `coworker-host trust requests` and `coworker-host peers list`");
    } else {
        ui.table(&["NAME", "TIER", "PEER"], &rows);
    }
}

fn requests(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            vec![
                show::text(row, "id"),
                show::called(row),
                show::text(row, "tier"),
                show::at(row, "received_at"),
                if show::has(row, "peer") {
                    show::id(row, "peer")
                } else {
                    show::id(row, "wallet")
                },
                show::short(row, "reason", 60),
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("nobody asks for trust");
    } else {
        ui.table(
            &["ID", "NAME", "ASKS FOR", "SINCE", "PEER", "REASON"],
            &rows,
        );
    }
}
