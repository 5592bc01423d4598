//! `skills check`: what a host would say of a component, before anybody serves it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use coworker_sandbox::Examined;
use serde_json::{Value, json};

use super::ui::Ui;
use super::{Context, show, wrap};
use crate::report::{Failure, printable};
use crate::skills::{ExamineError, Look, this_program};

/// The processor time that compiling may take, all threads together.
const CPU: Duration = Duration::from_secs(120);
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
    let file = std::path::absolute(file).map_err(|error| {
        Failure::failed(format!("there is no way to {shown}")).caused_by(&error)
    })?;
    let program = this_program()
        .map_err(|error| Failure::internal("this program cannot find itself").caused_by(&error))?;
    let look = Look {
        program: &program,
        cache: None,
        cpu: CPU,
        wall: WALL,
    };
    let refused = || Failure::failed(format!("{shown} cannot be served"));
    match look.at(&file).await {
        Ok(Ok(examined)) => Ok(examined),
        Ok(Err(problem)) => {
            let mut failure = refused().cause(problem.what);
            failure.causes.extend(problem.causes);
            failure.hint = problem.hint;
            Err(failure)
        }
        Err(ExamineError::Broke(why)) => Err(refused()
            .cause(format!("compiling it {why}"))
            .hint("make the component smaller, or split it")),
        // What the machine did is no verdict.
        Err(error) => Err(Failure::failed(format!("{shown} could not be looked at"))
            .cause(error.to_string())
            .hint("try again; the machine may lack memory, threads or descriptors")),
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
