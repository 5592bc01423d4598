//! `wrap`: what each tier would see of a SKILL.md, and what stays private. It serves nothing and asks no host.

use std::path::{Path, PathBuf};

use clap::Args;
use coworker_core::Tier;
use serde_json::{Value, json};

use super::skills::change_lines;
use super::ui::{Colour, Ui};
use super::{Context, check, reach, show};
use crate::config::LimitsConfig;
use crate::report::{Failure, printable};
use crate::skills::{Scanned, Wrapped, component_in, scan_tree, wrap};

/// What to look at.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A folder with a SKILL.md, or the file
    path: PathBuf,
    /// Look at every SKILL.md below PATH, and say which cannot be served and which show private lines
    #[arg(long, conflicts_with = "diff")]
    scan: bool,
    /// Show what would change for peers if PATH took the place of OLD
    #[arg(long, value_name = "OLD")]
    diff: Option<PathBuf>,
}

impl Options {
    /// Returns what looks at one place and compares it with nothing.
    pub(super) const fn of(path: PathBuf) -> Self {
        Self {
            path,
            scan: false,
            diff: None,
        }
    }
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let limits = limits(context)?;
    if options.scan {
        return scan(context, &options.path, &limits);
    }
    let wrapped = look(&options.path, &limits).await?;
    let mut answer = json!(wrapped);
    if let Some(old) = &options.diff {
        let old = look(old, &limits).await?;
        if let Value::Object(answer) = &mut answer {
            answer.insert("changes".to_owned(), json!(wrapped.changes_since(&old)));
        }
    }
    context
        .ui
        .answer(&answer, |ui, answer| report(ui, &wrapped, answer));
    if wrapped.leaks.is_empty() {
        return Ok(());
    }
    Err(Failure::failed("the card shows lines of a private text")
        .hint("take them out of the component's descriptions and schemas"))
}

/// Looks at a place, and at its component if it has one.
async fn look(place: &Path, limits: &LimitsConfig) -> Result<Wrapped, Failure> {
    if !place.exists() {
        let shown = printable(&place.display().to_string());
        return Err(Failure::usage(format!("there is nothing at {shown}"))
            .hint("name a folder with a SKILL.md, or the file"));
    }
    let examined = match component_in(place) {
        Some(component) => Some(check::examine(&component).await?),
        None => None,
    };
    Ok(wrap(place, limits, examined.as_ref())?)
}

/// Returns the limits of the home, if there is one: what a skill asks for is judged by them.
fn limits(context: &Context) -> Result<LimitsConfig, Failure> {
    let home = context.home_path()?;
    if !home.exists() {
        return Ok(LimitsConfig::default());
    }
    Ok(reach::load(&context.home()?)?.limits)
}

fn report(ui: &Ui, wrapped: &Wrapped, answer: &Value) {
    heading(ui, "what peers would see");
    let mut before: Option<(Tier, &[Value])> = None;
    for view in &wrapped.tiers {
        let tier = format!("{:<10}", view.tier);
        match (view.skills.as_slice(), before) {
            ([], _) => ui.line(&format!("  {tier}  nothing")),
            (skills, Some((lower, same))) if skills == same => {
                ui.line(&format!("  {tier}  the same as {lower}"));
            }
            (skills, _) => {
                ui.line(&format!("  {}", view.tier));
                skills.iter().for_each(|card| ui.pretty(card));
            }
        }
        before = Some((view.tier, &view.skills));
    }
    heading(ui, "what stays here");
    for text in &wrapped.texts {
        ui.line(&format!(
            "  slot {:<12}  {:>8} bytes  {}",
            printable(&text.slot),
            text.bytes,
            text.digest.short()
        ));
    }
    for file in &wrapped.files {
        let path = printable(&file.path.display().to_string());
        ui.line(&format!(
            "  file {path}  {} bytes, read by nobody",
            file.bytes
        ));
    }
    if !wrapped.asks.is_empty() {
        heading(ui, "what it asks for");
        wrapped
            .asks
            .iter()
            .for_each(|words| ui.line(&format!("  {}", printable(words))));
    }
    if show::has(answer, "changes") {
        change_lines(ui, answer);
    }
    let lines = wrapped
        .leaks
        .iter()
        .map(|row| (row, "is private and stands in the card"));
    let repeated = wrapped
        .repeats
        .iter()
        .map(|row| (row, "is also in the frontmatter, which peers see"));
    let rows: Vec<String> = lines
        .chain(repeated)
        .map(|(row, why)| format!("line {} of slot {} {why}", row.line, printable(&row.slot)))
        .chain(wrapped.warnings.iter().map(|warning| printable(warning)))
        .collect();
    if !rows.is_empty() {
        heading(ui, "to look at");
        rows.iter().for_each(|row| ui.line(&format!("  {row}")));
    }
}

fn heading(ui: &Ui, text: &str) {
    ui.line(&ui.paint(Colour::Heading, &format!("{text}:")));
}

fn scan(context: &Context, folder: &Path, limits: &LimitsConfig) -> Result<(), Failure> {
    if !folder.is_dir() {
        let shown = printable(&folder.display().to_string());
        return Err(
            Failure::usage(format!("{shown} is no folder")).hint("name a folder to look through")
        );
    }
    let scanned = scan_tree(folder, limits);
    let rows: Vec<Value> = scanned.iter().map(row).collect();
    let count = |is: fn(&Scanned) -> bool| scanned.iter().filter(|one| is(one)).count();
    let refused = count(|one| one.found.is_err());
    let leaks = count(|one| {
        one.found
            .as_ref()
            .is_ok_and(|found| !found.leaks.is_empty())
    });
    let answer = json!({ "files": rows, "read": scanned.len() - refused, "refused": refused, "leaks": leaks });
    context.ui.answer(&answer, table);
    if leaks > 0 {
        return Err(Failure::failed(format!(
            "{leaks} cards show lines of a private text"
        )));
    }
    Ok(())
}

fn row(scanned: &Scanned) -> Value {
    let file = scanned.file.display().to_string();
    match &scanned.found {
        Ok(found) => json!({
            "file": file, "name": found.names().first(), "tier": found.tier(), "component": scanned.component,
            "card": found.tiers.last().and_then(|view| view.skills.first()),
            "private_bytes": found.texts.iter().map(|text| text.bytes).sum::<u64>(),
            "leaks": found.leaks, "repeats": found.repeats, "warnings": found.warnings, "refused": null,
        }),
        Err(why) => json!({ "file": file, "component": scanned.component, "refused": why }),
    }
}

fn table(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::list(answer, "files")
        .iter()
        .map(|row| {
            let state = match row {
                row if show::has(row, "refused") => show::text(row, "refused"),
                row if !show::list(row, "leaks").is_empty() => {
                    "its card shows private lines".to_owned()
                }
                row => match show::list(row, "warnings").len() {
                    0 => "fine".to_owned(),
                    1 => show::text(row, "warnings"),
                    n => format!("{n} things to look at"),
                },
            };
            vec![
                show::short(row, "name", 32),
                show::text(row, "tier"),
                show::text(row, "private_bytes"),
                show::short(row, "file", 56),
                show::cut(&state, 100),
            ]
        })
        .collect();
    if !rows.is_empty() {
        ui.table(&["SKILL", "TIER", "PRIVATE", "FILE", "STATE"], &rows);
    }
    ui.line(&format!(
        "{} can be served, {} cannot, {} show private lines",
        show::text(answer, "read"),
        show::text(answer, "refused"),
        show::text(answer, "leaks")
    ));
}
