//! The main job shown on one machine: a host with skills, a second host as its peer, and what each of them sees. Both
//! live in a folder of the demo's own, which goes away with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::show;
use super::ui::{Colour, Ui};
use crate::config::Config;
use crate::control::{Progress, Request};
use crate::home::Home;
use crate::host::Host;
use crate::report::Failure;
use crate::server::{ServeOptions, Server};

/// How long to wait for a skill to be compiled: the largest take a while in a build without optimisation.
const COMPILED: Duration = Duration::from_secs(600);

/// Calls worth showing, for the skills of the samples.
const CALLS: &[(&str, &str)] = &[
    ("translate", r#"{"text": "Good morning!", "to_lang": "ja"}"#),
    ("word-count", r#"{"text": "one two\nthree"}"#),
    (
        "transform",
        r#"{"text": "{\"items\": [{\"name\": \"pen\", \"price\": 2}, {\"name\": \"lamp\", \"price\": 40}]}", "path": "$.items[?price > 10].{name,price}", "to": "csv"}"#,
    ),
    (
        "between",
        r#"{"start": "2026-03-01T12:00", "end": "2026-03-03T13:30"}"#,
    ),
    (
        "checksum",
        r#"{"text": "The quick brown fox jumps over the lazy dog"}"#,
    ),
];

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The folder of skills to show [default: the home's, else target/skills]
    #[arg(long, value_name = "DIR")]
    skills: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let skills = find_skills(context, options.skills)?;
    let dir = std::env::temp_dir().join(format!("coworker-demo-{}", crate::clock::token()));
    let ended = show(&context.ui, &skills, &dir).await;
    // What cannot be removed is the system's to clear: it lies in the temporary folder.
    let _ = std::fs::remove_dir_all(&dir);
    ended
}

fn find_skills(context: &Context, named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let home = context.home().ok().map(|home| home.skills());
    let holds = |dir: &PathBuf| components(dir).is_ok_and(|found| !found.is_empty());
    if let Some(dir) = named {
        return if holds(&dir) {
            Ok(dir)
        } else {
            Err(Failure::failed(format!("{} holds no .wasm file", dir.display()))
                .hint("name another folder with --skills, or run `cargo xtask samples` in the sources"))
        };
    }
    home.into_iter()
        .chain([PathBuf::from("target/skills")])
        .find(holds)
        .ok_or_else(|| {
            Failure::failed("there are no skills to show")
                .cause("neither the home's skills folder nor target/skills holds a .wasm file")
                .hint("name a folder with --skills, or run `cargo xtask samples` in the sources")
        })
}

fn components(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "wasm"))
        .collect();
    found.sort();
    Ok(found)
}

async fn show(ui: &Ui, skills: &Path, dir: &Path) -> Result<(), Failure> {
    let served = dir.join("skills");
    let prepared = std::fs::create_dir_all(&served).and_then(|()| {
        for component in components(skills)? {
            std::fs::copy(
                &component,
                served.join(component.file_name().unwrap_or_default()),
            )?;
        }
        Ok(())
    });
    prepared
        .map_err(|error| Failure::failed("the demo's folder cannot be made").caused_by(&error))?;

    let step = Step { ui };
    let started = Instant::now();
    let owner = start(dir, "icy", vec![served.clone()]).await?;
    step.say(&format!("icy serves {}", skills.display()), started);
    let started = Instant::now();
    let visitor = start(dir, "visitor", Vec::new()).await?;
    step.say("visitor is a second host with a key of its own", started);
    let ended = tour(&step, owner.host(), visitor.host(), &served).await;
    let (first, second) = tokio::join!(visitor.shutdown(), owner.shutdown());
    ended.and(first).and(second)
}

async fn start(dir: &Path, name: &str, paths: Vec<PathBuf>) -> Result<Server, Failure> {
    let home = Home::create(&dir.join(name))?;
    let mut config = Config::default();
    config.host.name = name.to_owned();
    config.loopback.dir = Some(dir.join("l"));
    Server::bind(
        home,
        config,
        ServeOptions {
            paths,
            ..ServeOptions::default()
        },
    )
    .await
}

/// Prints what happened and how long it took.
struct Step<'u> {
    ui: &'u Ui,
}

impl Step<'_> {
    fn say(&self, what: &str, started: Instant) {
        let ms = started.elapsed().as_secs_f64() * 1_000.0;
        if self.ui.json {
            self.ui.document(&json!({ "step": what, "ms": ms }));
        } else {
            self.ui.line(&format!(
                "{}  {}",
                self.ui.paint(Colour::Good, &format!("{ms:>9.1} ms")),
                crate::report::printable(what)
            ));
        }
    }

    fn note(&self, what: &str) {
        if !self.ui.json {
            self.ui
                .line(&format!("{:>12}    {}", "", crate::report::printable(what)));
        }
    }
}

async fn tour(
    step: &Step<'_>,
    owner: &Arc<Host>,
    visitor: &Arc<Host>,
    served: &Path,
) -> Result<(), Failure> {
    let started = Instant::now();
    let names = wait_until_served(owner).await?;
    step.say(
        &format!(
            "compiled and described in a child process: {}",
            names.join(", ")
        ),
        started,
    );

    let started = Instant::now();
    let met = ask(visitor, connect(&owner.invite(), None)).await?;
    step.say(
        &format!(
            "a stranger discovers {} skills",
            show::list(&met, "skills").len()
        ),
        started,
    );

    let started = Instant::now();
    let asked = ask(
        visitor,
        connect(&owner.invite(), Some(coworker_core::Tier::Known)),
    )
    .await?;
    step.say(
        &format!("it asks to be known: {}", show::text(&asked, "reason")),
        started,
    );
    let waiting = ask(owner, Request::TrustRequests {}).await?;
    let request = show::rows(&waiting)
        .first()
        .map(|row| show::text(row, "id"))
        .unwrap_or_default();
    let started = Instant::now();
    ask(
        owner,
        Request::TrustGrant {
            id: request.clone(),
        },
    )
    .await?;
    step.say(&format!("the owner grants request {request}"), started);

    let started = Instant::now();
    let found = ask(
        visitor,
        Request::PeerInspect {
            peer: owner.me.to_string(),
            skill: None,
            timeout: None,
        },
    )
    .await?;
    let cards = show::list(&found, "skills");
    step.say(
        &format!(
            "the peer discovers {} skills: schemas, and nothing else",
            cards.len()
        ),
        started,
    );
    for card in cards {
        let schema = |key| card.get(key).map(Value::to_string).unwrap_or_default();
        step.note(&format!(
            "{} {} -> {}",
            show::text(card, "name"),
            schema("input_schema"),
            schema("output_schema")
        ));
    }

    for (skill, input) in CALLS
        .iter()
        .filter(|(skill, _)| names.iter().any(|name| name == skill))
    {
        let input: Value = serde_json::from_str(input).map_err(|error| {
            Failure::internal("an example of the demo is not JSON").caused_by(&error)
        })?;
        let started = Instant::now();
        let reply = call(visitor, owner, skill, input.clone()).await?;
        step.say(&format!("call {skill} {input}"), started);
        step.note(&format!("= {}", reply.get("result").unwrap_or(&reply)));
    }

    hidden(step, owner, visitor, &names).await?;
    replaced(step, owner, visitor, served).await
}

/// Hides a skill, and shows that it answers as one that never was.
async fn hidden(
    step: &Step<'_>,
    owner: &Arc<Host>,
    visitor: &Arc<Host>,
    names: &[String],
) -> Result<(), Failure> {
    let Some(name) = names.first() else {
        return Ok(());
    };
    ask(owner, Request::SkillsHide { name: name.clone() }).await?;
    for (what, skill) in [
        ("hidden by its owner", name.as_str()),
        ("never there at all", "no-such-skill"),
    ] {
        let started = Instant::now();
        let reply = call(visitor, owner, skill, json!({})).await?;
        step.say(&format!("call {skill}, which is {what}"), started);
        step.note(&format!("= {reply}"));
    }
    ask(
        owner,
        Request::SkillsExpose {
            name: name.clone(),
            tier: None,
            review: None,
        },
    )
    .await?;
    Ok(())
}

/// Replaces a component by one with other bytes and the same card, and waits until calls run the new one.
async fn replaced(
    step: &Step<'_>,
    owner: &Arc<Host>,
    visitor: &Arc<Host>,
    served: &Path,
) -> Result<(), Failure> {
    let smallest = components(served)
        .unwrap_or_default()
        .into_iter()
        .min_by_key(|path| std::fs::metadata(path).map_or(u64::MAX, |meta| meta.len()));
    let Some(component) = smallest else {
        return Ok(());
    };
    let row = |rows: &Value| {
        let file = component
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        show::rows(rows)
            .iter()
            .find(|row| show::text(row, "file").ends_with(&file))
            .cloned()
            .unwrap_or_default()
    };
    let before = row(&ask(owner, Request::SkillsList {}).await?);
    let failed = |error: std::io::Error| {
        Failure::failed("the component cannot be replaced").caused_by(&error)
    };
    let mut bytes = std::fs::read(&component).map_err(failed)?;
    // A custom section changes the bytes and nothing that runs: id 0, size, name.
    bytes.extend_from_slice(&[0, 5, 4, b'd', b'e', b'm', b'o']);
    let next = component.with_extension("part");
    let started = Instant::now();
    std::fs::write(&next, &bytes)
        .and_then(|()| std::fs::rename(&next, &component))
        .map_err(failed)?;
    let deadline = Instant::now() + COMPILED;
    let after = loop {
        let now = row(&ask(owner, Request::SkillsList {}).await?);
        if now.get("digest") != before.get("digest") && show::text(&now, "state") == "exposed" {
            break now;
        }
        if Instant::now() > deadline {
            return Err(
                Failure::failed("the replaced component was not picked up").cause(now.to_string())
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let name = show::text(&after, "name");
    step.say(
        &format!(
            "{} was replaced while the host runs: {} -> {}",
            name,
            show::id(&before, "digest"),
            show::id(&after, "digest")
        ),
        started,
    );
    let started = Instant::now();
    call(visitor, owner, &name, json!({})).await?;
    step.say(
        &format!("the next call of {name} runs the new one"),
        started,
    );
    Ok(())
}

/// Waits until every file is compiled, and returns what is exposed.
async fn wait_until_served(owner: &Arc<Host>) -> Result<Vec<String>, Failure> {
    let deadline = Instant::now() + COMPILED;
    loop {
        let rows = ask(owner, Request::SkillsList {}).await?;
        let states: Vec<String> = show::rows(&rows)
            .iter()
            .map(|row| show::text(row, "state"))
            .collect();
        if !states.is_empty() && states.iter().all(|state| state != "compiling") {
            let exposed = show::rows(&rows)
                .iter()
                .filter(|row| show::text(row, "state") == "exposed");
            return Ok(exposed.map(|row| show::text(row, "name")).collect());
        }
        if Instant::now() > deadline {
            return Err(Failure::failed("the skills were not compiled in time")
                .hint("run `coworker-host doctor`"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn connect(invite: &str, tier: Option<coworker_core::Tier>) -> Request {
    let reason = tier.map(|_| "to try your skills".to_owned());
    Request::Connect {
        target: invite.to_owned(),
        name: None,
        tier,
        reason,
        timeout: None,
    }
}

async fn call(
    visitor: &Arc<Host>,
    owner: &Arc<Host>,
    skill: &str,
    input: Value,
) -> Result<Value, Failure> {
    let request = Request::Call {
        peer: owner.me.to_string(),
        skill: skill.to_owned(),
        input,
        version: None,
        timeout: None,
        as_tier: None,
    };
    let mut answer = ask(visitor, request).await?;
    Ok(answer.get_mut("reply").map(Value::take).unwrap_or_default())
}

async fn ask(host: &Arc<Host>, request: Request) -> Result<Value, Failure> {
    host.handle(request, &Progress::silent()).await
}
