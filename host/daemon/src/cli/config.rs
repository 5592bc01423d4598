//! `config`: what is in force, where it came from, and whether it can be used.

use clap::Subcommand;
use serde_json::json;

use super::{Context, reach};
use crate::config::Setting;
use crate::models::ProviderRow;
use crate::report::{Failure, printable};

/// What to look at.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print every key with its value and where it came from
    Show {
        /// Print what each key means as well
        #[arg(long)]
        explain: bool,
    },
    /// Say whether the configuration can be used
    Check,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let home = context.home()?;
    let file = home.config_file();
    let settings = reach::settings(&home)?;
    match command {
        Command::Check => {
            let environment = crate::port::http::environment();
            let models = crate::models::providers(&settings.config, home.root(), environment);
            let bounds_cost = settings.config.budget.bounds_cost();
            let answer = json!({"file": file, "ok": true, "models": models});
            context.ui.answer(&answer, |ui, _| {
                ui.line(&format!(
                    "{} can be used",
                    printable(&file.display().to_string())
                ));
                for row in &models {
                    ui.line(&format!("model {}", printable(&model(row))));
                }
                for row in models.iter().filter(|row| bounds_cost && !row.priced) {
                    ui.advise(&format!(
                        "the budget of costs cannot count {}: it has no prices",
                        printable(&row.name)
                    ));
                }
            });
        }
        Command::Show { explain } => {
            let list = settings.list();
            if context.ui.json {
                context.ui.document(&json!(list));
                return Ok(());
            }
            let rows: Vec<Vec<String>> =
                list.iter().map(|setting| row(setting, *explain)).collect();
            let heads = ["KEY", "VALUE", "FROM", "MEANING"];
            let heads = if *explain {
                &heads[..]
            } else {
                heads.split_last().map_or(&[][..], |(_, rest)| rest)
            };
            context.ui.table(heads, &rows);
        }
    }
    Ok(())
}

/// Returns who answers for models, in a line.
fn model(row: &ProviderRow) -> String {
    let name = row.model.as_deref().unwrap_or("no model");
    let state = match &row.missing {
        Some(why) => why.clone(),
        None => row.key.clone(),
    };
    let mark = if row.default { " (default)" } else { "" };
    format!("{}{mark}: {}, {name}, {state}", row.name, row.kind)
}

fn row(setting: &Setting, explain: bool) -> Vec<String> {
    let mut row = vec![
        setting.key.clone(),
        printable(setting.value.as_deref().unwrap_or("-")),
        setting.origin.to_string(),
    ];
    if explain {
        row.push(setting.doc.clone());
    }
    row
}
