//! `logs`: what happened, to the owner's eyes only.

use std::collections::HashSet;
use std::time::Duration;

use clap::Args;
use coworker_core::TaskId;
use serde_json::Value;

use super::ui::Ui;
use super::{Context, reach, show};
use crate::control::Request;
use crate::report::{Exit, Failure};

/// How often a host is asked what has ended since.
const PAUSE: Duration = Duration::from_millis(500);
/// How many of the latest tasks are looked at then.
const LATEST: u32 = 1_000;
/// How many tasks are shown before the first one that is followed.
const BEFORE: usize = 10;

/// What to show.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// One task: the decision, what it used, its log, and the reply
    #[arg(long, value_name = "ID", conflicts_with = "probes")]
    task: Option<TaskId>,
    /// The most tasks to list, the newest first
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Names that peers asked for and do not see
    #[arg(long)]
    probes: bool,
    /// Go on, with a line for each task as it ends, until the host does
    #[arg(long, short, conflicts_with_all = ["task", "probes"])]
    follow: bool,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    if options.follow {
        let before = options.limit.map_or(BEFORE, |limit| limit as usize);
        return follow(context, before).await;
    }
    let one = options.task.is_some();
    let request = if options.probes {
        Request::Probes {}
    } else {
        Request::Logs {
            task: options.task,
            limit: options.limit,
        }
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(
        &answer,
        match (options.probes, one) {
            (true, _) => probes,
            (_, true) => task,
            _ => tasks,
        },
    );
    Ok(())
}

/// Prints the latest tasks that have ended, and each further one when it has.
async fn follow(context: &Context, before: usize) -> Result<(), Failure> {
    let home = context.home()?;
    let latest = Request::Logs {
        task: None,
        limit: Some(LATEST),
    };
    let mut known: Option<HashSet<String>> = None;
    loop {
        let answer = match reach::ask_running(context, &home, &latest).await {
            Ok(Some(answer)) => answer,
            Ok(None) => break,
            // The host ended while it was asked.
            Err(failure) if known.is_some() && failure.exit == Exit::Unreachable => break,
            Err(failure) => return Err(failure),
        };
        let ended = |row: &&Value| {
            let state = show::text(row, "state");
            state != "queued" && state != "running"
        };
        let is_new = |row: &&Value| {
            let task = show::text(row, "task");
            known.as_ref().is_none_or(|known| !known.contains(&task))
        };
        let ended: Vec<&Value> = show::rows(&answer).iter().filter(ended).collect();
        let most = known.as_ref().map_or(before, |_| usize::MAX);
        let mut new: Vec<&Value> = ended.iter().copied().filter(is_new).take(most).collect();
        if known.is_some() && new.len() == LATEST as usize {
            context
                .ui
                .advise("more tasks ended meanwhile than are looked at");
        }
        new.reverse();
        for row in new {
            print(&context.ui, row);
        }
        if context.ui.is_broken() {
            return Ok(());
        }
        known = Some(ended.iter().map(|row| show::text(row, "task")).collect());
        tokio::time::sleep(PAUSE).await;
    }
    known.map(|_| ()).ok_or_else(|| reach::no_host(&home))
}

fn print(ui: &Ui, row: &Value) {
    if ui.json {
        ui.document(row);
    } else {
        ui.line(cells(row).join("  ").trim_end());
    }
}

fn cells(row: &Value) -> Vec<String> {
    let who = if show::has(row, "name") {
        show::text(row, "name")
    } else {
        show::id(row, "peer")
    };
    vec![
        show::at(row, "received_at"),
        show::text(row, "task"),
        who,
        show::short(row, "skill", 40),
        show::text(row, "state"),
        show::text(row, "outcome"),
        show::took(row, "took_ms"),
    ]
}

fn tasks(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer).iter().map(cells).collect();
    if rows.is_empty() {
        ui.advise("nothing happened yet");
    } else {
        ui.table(
            &[
                "RECEIVED", "TASK", "PEER", "SKILL", "STATE", "OUTCOME", "TOOK",
            ],
            &rows,
        );
    }
}

fn task(ui: &Ui, row: &Value) {
    for key in [
        "task", "peer", "name", "tier", "skill", "version", "state", "outcome", "decision",
        "digest", "attempts",
    ] {
        ui.field(key, &show::text(row, key));
    }
    ui.field("received", &show::at(row, "received_at"));
    ui.field("took", &show::took(row, "took_ms"));
    if let Some(used) = row.get("used").and_then(Value::as_object) {
        for (what, much) in used {
            let limit = row.get("limits").and_then(|limits| limits.get(what));
            let limit = limit.map(|limit| format!(" of {}", show::plain(limit)));
            let much = format!("{}{}", show::plain(much), limit.unwrap_or_default());
            ui.field(&crate::report::printable(what), &much);
        }
    }
    for line in show::list(row, "log") {
        ui.line(&format!(
            "{}  {:<5}  {}",
            show::at(line, "at"),
            show::text(line, "level"),
            show::text(line, "line")
        ));
    }
    if let Some(reply) = row.get("reply").filter(|reply| !reply.is_null()) {
        ui.line("reply, exactly as the peer got it:");
        ui.pretty(reply);
    }
}

fn probes(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            vec![
                show::at(row, "last_at"),
                show::called(row),
                show::id(row, "peer"),
                show::text(row, "tries"),
                show::text(row, "class"),
                show::short(row, "skill", 64),
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("nobody asked for a name it does not see");
    } else {
        ui.table(&["LAST", "NAME", "PEER", "TRIES", "CLASS", "SKILL"], &rows);
    }
}
