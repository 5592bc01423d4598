//! `skills check`: what a host would say of a component, before anybody serves it.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use coworker_sandbox::Examined;
use serde_json::{Value, json};
use tokio::process::Command;

use super::examine::Said;
use super::ui::Ui;
use super::{Context, show, wrap};
use crate::report::{Failure, printable};

/// The memory that compiling may take.
const MEMORY: u64 = 2 << 30;
/// The processor time that compiling may take, in seconds, all threads together.
const CPU: u64 = 120;
/// How long it may take in all. A `describe` that only waits uses no processor.
const WALL: Duration = Duration::from_secs(180);

/// What to check.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The component, or a folder with a SKILL.md
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let is_text = options.file.extension().is_some_and(|end| end == "md");
    if is_text || options.file.is_dir() {
        return wrap::run(context, &wrap::Options::of(options.file)).await;
    }
    let examined = examine(&options.file).await?;
    let answer = json!(examined);
    context.ui.answer(&answer, |ui, _| report(ui, &examined));
    Ok(())
}

/// Has a process of its own look at the component.
pub(super) async fn examine(file: &std::path::Path) -> Result<Examined, Failure> {
    let shown = printable(&file.display().to_string());
    if !file.is_file() {
        return Err(Failure::usage(format!("there is no file {shown}")).hint("name a .wasm file"));
    }
    let program = std::env::current_exe()
        .map_err(|error| Failure::internal("this program cannot find itself").caused_by(&error))?;
    let child = Command::new(program)
        .args([
            "examine",
            "--memory",
            &MEMORY.to_string(),
            "--cpu",
            &CPU.to_string(),
        ])
        .arg(file)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let refused = || Failure::failed(format!("{shown} cannot be served"));
    let output = tokio::time::timeout(WALL, child)
        .await
        .map_err(|_| {
            refused().cause(format!(
                "compiling it took longer than {} s",
                WALL.as_secs()
            ))
        })?
        .map_err(|error| {
            Failure::internal("cannot start the process that compiles").caused_by(&error)
        })?;
    match serde_json::from_slice(&output.stdout) {
        Ok(Said::Ok(examined)) => Ok(*examined),
        Ok(Said::Error(problem)) => {
            let mut failure = refused().cause(problem.what);
            failure.causes.extend(problem.causes);
            failure.hint = problem.hint;
            Err(failure)
        }
        Err(_) => Err(refused()
            .cause(match output.status.signal() {
                Some(signal) => format!(
                    "compiling it took more than {CPU} s or {} GiB (signal {signal})",
                    MEMORY >> 30
                ),
                None => format!(
                    "the process that compiles ended without an answer ({})",
                    output.status
                ),
            })
            .hint("make the component smaller, or split it")),
    }
}

fn report(ui: &Ui, examined: &Examined) {
    ui.field("digest", &examined.digest.to_string());
    // The label stands before the first; the others lie under it.
    let imports = if examined.imports.is_empty() {
        &["none".to_owned()]
    } else {
        examined.imports.as_slice()
    };
    for (n, import) in imports.iter().enumerate() {
        let label = if n == 0 { "imports" } else { "" };
        ui.line(&format!("{label:<12}  {}", printable(import)));
    }
    ui.line("the most it could ever do:");
    for sentence in &examined.ceiling.sentences {
        ui.line(&format!("  {}", printable(sentence)));
    }
    for line in &examined.log {
        ui.field("log", &printable(line));
    }
    for manifest in &examined.manifests {
        let card = json!(manifest);
        ui.line("");
        ui.line(&format!("skill {}", show::text(&card, "name")));
        let fields = card.as_object().into_iter().flatten();
        for (key, value) in fields.filter(|(key, value)| *key != "name" && !value.is_null()) {
            match value {
                Value::Object(_) => {
                    ui.line(&format!("  {}:", printable(key)));
                    ui.pretty(value);
                }
                other => ui.line(&format!("  {}: {}", printable(key), show::plain(other))),
            }
        }
    }
}
