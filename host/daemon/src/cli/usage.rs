//! `usage`: what peers and skills used.

use clap::Args;
use coworker_core::Span;
use serde_json::Value;

use super::{Context, reach, show};
use crate::control::{Request, UsageBy};
use crate::report::Failure;

/// How to add up.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// One row for each of these
    #[arg(long, value_enum, default_value = "skill")]
    by: UsageBy,
    /// How far back, as in 7d; all that is kept if absent
    #[arg(long, value_name = "TIME")]
    since: Option<Span>,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let request = Request::Usage {
        by: options.by,
        since: options.since,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, |ui, answer| {
        let rows: Vec<Vec<String>> = show::rows(answer).iter().map(row).collect();
        if rows.is_empty() {
            ui.advise("nothing was used yet");
        } else {
            ui.table(
                &[
                    "KEY",
                    "CALLS",
                    "FAILED",
                    "CPU",
                    "TIME",
                    "BYTES IN",
                    "BYTES OUT",
                ],
                &rows,
            );
        }
    });
    Ok(())
}

fn row(row: &Value) -> Vec<String> {
    vec![
        show::text(row, "key"),
        show::text(row, "calls"),
        show::text(row, "failed"),
        show::took(row, "cpu_ms"),
        show::took(row, "wall_ms"),
        show::text(row, "input_bytes"),
        show::text(row, "output_bytes"),
    ]
}
