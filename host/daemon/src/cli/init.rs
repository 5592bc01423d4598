//! `init`: a home, made once and never overwritten.

use clap::Args;
use serde_json::json;

use super::Context;
use super::ui::Ui;
use crate::config::starter;
use crate::home::Home;
use crate::report::{Failure, printable};

/// What to make.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What the host calls itself; peers see it
    #[arg(long, value_parser = name)]
    name: Option<String>,
}

pub(super) fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let path = context.home_path()?;
    if path.join("config.toml").exists() {
        return Err(
            Failure::config(format!("there is a home already: {}", path.display()))
                .cause("a home is never overwritten")
                .hint("run `coworker-host serve` to use it, or name another one with --home DIR"),
        );
    }
    let home = make(&path, options.name.as_deref())?;
    let identity = home.identity()?;
    let answer = json!({
        "home": home.root(), "skills": home.skills(), "peer": format!("loop:{}", identity.fingerprint()),
    });
    context.ui.answer(&answer, |ui, _| {
        ui.line(&format!(
            "made the home {}",
            printable(&home.root().display().to_string())
        ));
        next_steps(ui, &home);
    });
    Ok(())
}

/// Makes a home with a configuration that says what could be set.
pub(super) fn make(path: &std::path::Path, name: Option<&str>) -> Result<Home, Failure> {
    let home = Home::create(path)?;
    home.write_new(&home.config_file(), starter(name).as_bytes())?;
    Ok(home)
}

fn next_steps(ui: &Ui, home: &Home) {
    let skills = printable(&home.skills().display().to_string());
    ui.advise(&format!(
        "next: copy a skill into {skills} and run `coworker-host serve`"
    ));
    ui.advise("      or write one with `coworker-host skills new NAME --lang rust`");
}

fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=64).contains(&length) && printable(text) == text {
        Ok(text.to_owned())
    } else {
        Err("use 1 to 64 printable characters".to_owned())
    }
}
