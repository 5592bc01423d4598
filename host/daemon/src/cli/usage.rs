//! `usage`: what peers and skills used.

use clap::Args;
use coworker_core::Span;
use serde_json::Value;

use super::{Context, reach, show};
use crate::control::{Request, UsageBy};
use crate::report::{Failure, printable};

/// How to add up.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// One row for each of these
    #[arg(long, value_enum, default_value = "skill")]
    by: UsageBy,
    /// How far back, as in 7d; all that is kept if absent
    #[arg(long, value_name = "TIME")]
    since: Option<Span>,
    /// Print comma-separated values, for a spreadsheet
    #[arg(long)]
    csv: bool,
}

/// The columns of comma-separated values: the keys of the answer.
const COLUMNS: [&str; 13] = [
    "key",
    "calls",
    "failed",
    "cpu_ms",
    "wall_ms",
    "input_bytes",
    "output_bytes",
    "host_calls",
    "model_calls",
    "tokens_in",
    "tokens_out",
    "cost",
    "unpriced",
];

pub(super) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let request = Request::Usage {
        by: options.by,
        since: options.since,
    };
    let answer = reach::ask(context, request).await?;
    if options.csv && !context.ui.json {
        context.ui.line(&COLUMNS.join(","));
        for row in show::rows(&answer) {
            let cells: Vec<String> = COLUMNS.iter().map(|key| cell(row.get(key))).collect();
            context.ui.line(&cells.join(","));
        }
        return Ok(());
    }
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
                    "ASKED",
                    "TOKENS IN",
                    "TOKENS OUT",
                    "COST",
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
        show::text(row, "model_calls"),
        show::text(row, "tokens_in"),
        show::text(row, "tokens_out"),
        cost(row),
    ]
}

/// Returns what models cost, and that it is not all where prices are missing.
fn cost(row: &Value) -> String {
    match (show::text(row, "cost"), show::text(row, "unpriced")) {
        (cost, unpriced) if unpriced == "0" => cost,
        (cost, unpriced) => format!("{cost} and {unpriced} without a price"),
    }
}

/// Returns a value as one cell. A text that a spreadsheet would take for a formula is made a text.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => printable(text),
        Some(other) => return other.to_string(),
    };
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{text}"),
        _ => text,
    };
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_one_value_to_every_reader() {
        for (value, expected) in [
            (json!("plain"), "plain"),
            (json!("a,\"b\"\n"), "\"a,\"\"b\"\"\\n\""),
            (json!("=1+1"), "'=1+1"),
            (json!(0.25), "0.25"),
            (json!(null), ""),
        ] {
            assert_eq!(cell(Some(&value)), expected);
        }
        assert_eq!(cell(None), "");
    }
}
