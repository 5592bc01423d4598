//! `skills import`: finds the skills of other programs, lets the owner pick, and has the host serve them where they lie.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::ui::Ui;
use crate::cli::{Context, reach, show};
use crate::config::LimitsConfig;
use crate::control::Request;
use crate::report::{Failure, printable};
use crate::skills::wrap;

/// Where programs keep their skills, below the user's folder.
const KNOWN: [(&str, &str); 3] = [
    ("claude", ".claude/skills"),
    ("openclaw", ".openclaw/workspace/skills"),
    ("nanobot", ".nanobot/workspace/skills"),
];

/// What to take up.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The skills to serve, by name; on a terminal you are asked if none is named
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// claude, openclaw, nanobot, or a folder of skills
    #[arg(long, value_name = "WHERE", required_unless_present_any = ["list", "remove"])]
    from: Option<String>,
    /// Serve every skill that is found
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// List the folders that are served where they lie
    #[arg(long, conflicts_with_all = ["from", "names", "all", "remove"])]
    list: bool,
    /// No longer serve this folder or skill; its files stay where they are
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "names", "all"])]
    remove: Option<String>,
}

/// A skill that could be taken up.
struct Candidate {
    folder: PathBuf,
    /// What it would be called here.
    name: String,
    /// What its folder is called there.
    called: String,
    /// Its description, or why it cannot be served.
    found: Result<String, String>,
}

pub(in crate::cli) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    if let Some(name) = options.remove {
        let answer = reach::ask(context, Request::SkillsForget { name }).await?;
        context.ui.answer(&answer, |ui, row| {
            let place = show::text(row, "place");
            ui.line(&format!(
                "{place} is no longer served; its files are as they were"
            ));
        });
        return Ok(());
    }
    if options.list {
        let answer = reach::ask(context, Request::SkillsImported {}).await?;
        context.ui.answer(&answer, table);
        return Ok(());
    }
    let folder = place(options.from.as_deref().unwrap_or_default())?;
    let found = candidates(&folder)?;
    let picked = pick(&context.ui, &folder, &found, &options.names, options.all)?;
    let places = picked
        .iter()
        .map(|one| match one.folder.to_str() {
            Some(place) => Ok(place.to_owned()),
            None => Err(Failure::failed(format!(
                "the name of {} is not Unicode",
                one.name
            ))),
        })
        .collect::<Result<_, _>>()?;
    let answer = reach::ask(context, Request::SkillsImport { places }).await?;
    context.ui.answer(&answer, table);
    Ok(())
}

/// Returns the folder of skills that the owner means.
fn place(from: &str) -> Result<PathBuf, Failure> {
    let known = KNOWN.iter().find(|(name, _)| *name == from);
    let folder = match known {
        Some((_, below)) => match std::env::var_os("HOME").filter(|home| !home.is_empty()) {
            Some(home) => PathBuf::from(home).join(below),
            None => {
                return Err(Failure::config("the folder of this user is not known")
                    .cause("HOME is not set")
                    .hint("name the folder of skills: --from DIR"));
            }
        },
        None => PathBuf::from(from),
    };
    if folder.is_dir() {
        return std::path::absolute(&folder)
            .map_err(|error| Failure::failed("the folder cannot be named").caused_by(&error));
    }
    let shown = printable(&folder.display().to_string());
    Err(Failure::failed(format!("there is no folder {shown}"))
        .hint("use --from claude, openclaw or nanobot, or name a folder of skills"))
}

/// Returns the skills in a folder: itself if it is one, else every folder in it that is.
fn candidates(folder: &Path) -> Result<Vec<Candidate>, Failure> {
    let limits = LimitsConfig::default();
    if holds_one(folder) {
        return Ok(vec![candidate(folder, &limits)]);
    }
    let unread = |error: std::io::Error| {
        let shown = printable(&folder.display().to_string());
        Failure::failed(format!("cannot look into {shown}")).caused_by(&error)
    };
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(unread)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| holds_one(path))
        .collect();
    folders.sort();
    Ok(folders
        .iter()
        .map(|folder| candidate(folder, &limits))
        .collect())
}

fn holds_one(folder: &Path) -> bool {
    ["SKILL.md", "skill.md"]
        .iter()
        .any(|name| folder.join(name).symlink_metadata().is_ok())
}

fn candidate(folder: &Path, limits: &LimitsConfig) -> Candidate {
    let called = || {
        folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    match wrap(folder, limits, None) {
        Ok(wrapped) => {
            let cards = wrapped.tiers.last().map_or(&[][..], |view| &view.skills);
            Candidate {
                name: wrapped
                    .names()
                    .first()
                    .map_or_else(called, |name| (*name).to_owned()),
                found: Ok(cards
                    .first()
                    .map(|card| show::short(card, "description", 72))
                    .unwrap_or_default()),
                called: called(),
                folder: wrapped.folder,
            }
        }
        Err(error) => Candidate {
            folder: folder.to_owned(),
            name: called(),
            called: called(),
            found: Err(Failure::from(error).causes.join(": ")),
        },
    }
}

/// Returns the skills that the owner wants: all, those named, or those picked from a list on the terminal.
fn pick<'c>(
    ui: &Ui,
    folder: &Path,
    found: &'c [Candidate],
    names: &[String],
    all: bool,
) -> Result<Vec<&'c Candidate>, Failure> {
    let shown = printable(&folder.display().to_string());
    let fit = all_fit(found);
    if fit.is_empty() && names.is_empty() {
        let failure = Failure::failed(format!("there is no skill to serve in {shown}"));
        let reasons = found
            .iter()
            .filter_map(|one| Some((one, one.found.as_ref().err()?)));
        return Err(reasons.fold(failure, |failure, (one, why)| {
            failure.cause(format!("{}: {why}", one.name))
        }));
    }
    if all {
        for (one, why) in found
            .iter()
            .filter_map(|one| Some((one, one.found.as_ref().err()?)))
        {
            ui.advise(&format!(
                "{} is left out: {}",
                printable(&one.name),
                printable(why)
            ));
        }
        return Ok(fit);
    }
    if !names.is_empty() {
        return names.iter().map(|name| named(found, name)).collect();
    }
    let list: Vec<String> = fit.iter().map(|one| printable(&one.name)).collect();
    if ui.json || !ui.can_ask() {
        return Err(Failure::usage("nobody picked a skill")
            .cause(format!("{shown} holds {}", list.join(", ")))
            .hint("name those to serve, or add --all"));
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .enumerate()
        .map(|(n, one)| {
            let about = match &one.found {
                Ok(about) => about.clone(),
                Err(why) => format!("cannot be served: {}", printable(why)),
            };
            vec![
                (n + 1).to_string(),
                show::cut(&printable(&one.name), 40),
                about,
            ]
        })
        .collect();
    ui.table(&["", "SKILL", "DESCRIPTION"], &rows);
    let words = ui.ask("serve which? (numbers, names, or all; nothing to leave)");
    meant(found, &words)
}

/// Returns the skills that the owner means by numbers of the list, names, or `all`; each once.
fn meant<'c>(found: &'c [Candidate], words: &[String]) -> Result<Vec<&'c Candidate>, Failure> {
    let mut picked: Vec<&Candidate> = Vec::new();
    for word in words {
        let number = word.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let one = match number.and_then(|n| found.get(n)) {
            _ if word == "all" => {
                return Ok(all_fit(found));
            }
            Some(one) => fit(one, word)?,
            None => named(found, word)?,
        };
        if !picked.iter().any(|other| std::ptr::eq(*other, one)) {
            picked.push(one);
        }
    }
    if picked.is_empty() {
        return Err(Failure::failed("nothing was taken up").cause("you picked no skill"));
    }
    Ok(picked)
}

/// Returns the skills that can be served.
fn all_fit(found: &[Candidate]) -> Vec<&Candidate> {
    found.iter().filter(|one| one.found.is_ok()).collect()
}

fn named<'c>(found: &'c [Candidate], name: &str) -> Result<&'c Candidate, Failure> {
    let is = |one: &&Candidate| one.name == name || one.called == name;
    let one = found.iter().find(is).ok_or_else(|| {
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        Failure::failed(format!("there is no skill {name:?}"))
            .hint(format!("there are: {}", names.join(", ")))
    })?;
    fit(one, name)
}

/// Returns the skill if it can be served.
fn fit<'c>(one: &'c Candidate, name: &str) -> Result<&'c Candidate, Failure> {
    match &one.found {
        Ok(_) => Ok(one),
        Err(why) => Err(Failure::failed(format!("{name:?} cannot be served")).cause(why.clone())),
    }
}

fn table(ui: &Ui, answer: &Value) {
    let mut rows = Vec::new();
    for place in show::rows(answer) {
        let skills = show::list(place, "skills");
        let gone = [json!({ "state": "gone", "reason": "there is nothing in the folder" })];
        for row in if skills.is_empty() { &gone[..] } else { skills } {
            rows.push(vec![
                show::text(row, "name"),
                show::text(row, "state"),
                show::text(row, "tier"),
                show::text(place, "place"),
                show::text(row, "reason"),
            ]);
        }
    }
    if rows.is_empty() {
        ui.advise("nothing was imported: run `coworker-host skills import --from claude`");
    } else {
        ui.table(&["SKILL", "STATE", "TIER", "FOLDER", "REASON"], &rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, called: &str, found: Result<&str, &str>) -> Candidate {
        Candidate {
            folder: PathBuf::from(called),
            name: name.to_owned(),
            called: called.to_owned(),
            found: found.map(str::to_owned).map_err(str::to_owned),
        }
    }

    #[test]
    fn numbers_names_and_all_are_what_they_mean() {
        let found = [
            candidate("soup", "Soup", Ok("Knows soups.")),
            candidate("broken", "broken", Err("it is empty")),
            candidate("stew", "stew", Ok("Knows stews.")),
        ];
        let picked = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let picked = meant(&found, &words).map_err(|failure| failure.what)?;
            Ok::<_, String>(
                picked
                    .iter()
                    .map(|one| one.name.clone())
                    .collect::<Vec<_>>(),
            )
        };
        for (words, wanted) in [
            ("1", vec!["soup"]),
            ("3 1", vec!["stew", "soup"]),
            ("stew", vec!["stew"]),
            ("Soup", vec!["soup"]),
            ("1 soup Soup 1", vec!["soup"]),
            ("all", vec!["soup", "stew"]),
            ("3 all", vec!["soup", "stew"]),
        ] {
            assert_eq!(
                picked(words).as_deref(),
                Ok(&wanted
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>()[..]),
                "{words}"
            );
        }
        for (words, why) in [
            ("", "nothing was taken up"),
            ("0", "there is no skill \"0\""),
            ("4", "there is no skill \"4\""),
            ("-1", "there is no skill \"-1\""),
            ("2", "\"2\" cannot be served"),
            ("broken", "\"broken\" cannot be served"),
            ("1 nothing", "there is no skill \"nothing\""),
        ] {
            assert_eq!(picked(words), Err(why.to_owned()), "{words}");
        }
    }
}
