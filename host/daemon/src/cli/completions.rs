//! `completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use super::Cli;
use super::ui::Ui;
use crate::report::Failure;

/// For which shell.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(ui: &Ui, options: &Options) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Cli::command(),
        "coworker-host",
        &mut script,
    );
    let script = String::from_utf8_lossy(&script);
    let answer = json!({ "shell": options.shell.to_string(), "script": script.trim_end() });
    ui.answer(&answer, |ui, _| ui.line(script.trim_end()));
    Ok(())
}
