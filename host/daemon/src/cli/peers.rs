//! `peers`: who was met, and what to call them.

use clap::Subcommand;
use serde_json::Value;

use super::ui::Ui;
use super::{Context, inspect, reach, show, trust};
use crate::control::Request;
use crate::report::Failure;

/// What to see or change.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List everybody this host met
    List,
    /// Show one peer
    Show {
        /// A name you gave, an invite, or an id
        peer: String,
    },
    /// Give a peer a name; without NAME, take it away
    Name {
        /// A name you gave, an invite, or an id
        peer: String,
        /// The new name
        name: Option<String>,
    },
    /// Forget a peer and what it asked; a block stays
    Forget {
        /// A name you gave, an invite, or an id
        peer: String,
    },
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => {
            let answer = reach::ask(context, Request::PeersList {}).await?;
            context.ui.answer(&answer, list);
        }
        Command::Show { peer } => {
            let answer = reach::ask(context, Request::PeersShow { peer }).await?;
            context.ui.answer(&answer, one);
        }
        Command::Name { peer, name } => {
            let answer = reach::ask(context, Request::PeersName { peer, name }).await?;
            context.ui.answer(&answer, |ui, row| {
                let peer = show::text(row, "peer");
                if show::has(row, "name") {
                    ui.line(&format!("{peer} is called {}", show::text(row, "name")));
                } else {
                    ui.line(&format!("{peer} has no name"));
                }
            });
        }
        Command::Forget { peer } => {
            let answer = reach::ask(context, Request::PeersForget { peer }).await?;
            context.ui.answer(&answer, |ui, row| {
                ui.line(&format!("forgot {}", show::text(row, "forgotten")));
            });
        }
    }
    Ok(())
}

fn list(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            vec![
                show::called(row),
                trust::tier(row),
                show::at(row, "last_seen_at"),
                show::text(row, "peer"),
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("nobody was met yet: give your invite to somebody, or run `coworker-host connect INVITE`");
    } else {
        ui.table(&["NAME", "TIER", "LAST SEEN", "PEER"], &rows);
    }
}

fn one(ui: &Ui, row: &Value) {
    ui.field("peer", &show::text(row, "peer"));
    ui.field("name", &show::called(row));
    ui.field("tier", &trust::tier(row));
    ui.field("first seen", &show::at(row, "first_seen_at"));
    ui.field("last seen", &show::at(row, "last_seen_at"));
    ui.field("tasks", &show::text(row, "tasks"));
    inspect::cards(ui, show::list(row, "skills"));
}
