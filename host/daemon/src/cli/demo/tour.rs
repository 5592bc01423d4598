//! The tour: meet, be trusted, call, and run into everything that a peer is not to have.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coworker_core::Tier;
use serde_json::{Map, Value, json};

use super::calls;
use super::folder::{self, Offer};
use super::latency::Latencies;
use super::stage::Stage;
use super::step::Step;
use super::wire::{self, Said};
use crate::cli::show;
use crate::control::{Progress, Request};
use crate::host::Host;
use crate::report::Failure;

/// How long to wait for a skill to be compiled: the largest take a while in a build without optimisation.
const COMPILED: Duration = Duration::from_secs(600);
/// How many calls are made one after the other, to see how long one takes.
const HOT: usize = 20;

/// The two hosts, and what is remembered about them for the end.
struct Tour<'a> {
    step: &'a Step<'a>,
    owner: &'a Arc<Host>,
    visitor: &'a Arc<Host>,
    served: &'a Path,
    said: Said,
    took: Latencies,
}

/// Shows everything, one thing after the other.
pub(super) async fn tour(
    step: &Step<'_>,
    stage: &Stage,
    late: Option<&Offer>,
) -> Result<(), Failure> {
    let (owner, visitor) = stage.hosts()?;
    let mut tour = Tour {
        step,
        owner,
        visitor,
        served: stage.served(),
        said: Said::default(),
        took: Latencies::default(),
    };
    let started = Instant::now();
    let rows = tour.wait_until_served().await?;
    let names = exposed(&rows);
    let what = format!(
        "compiled and described in a child process: {}",
        names.join(", ")
    );
    step.say(&what, started);
    left_out(step, &rows, tour.served);

    step.part("a stranger meets icy");
    let cards = tour.meet().await?;
    step.part("it calls");
    tour.calls(&names).await?;
    // One whose call can be shown, if there is one.
    let shown = calls::shown(&names);
    let chosen = shown.first().copied().or(names.first().map(String::as_str));
    step.part("what does not go");
    if let Some(name) = chosen {
        tour.limited(name).await?;
        tour.hidden(name).await?;
    }
    step.part("while the host runs");
    if let Some(late) = late {
        tour.dropped_in(late, &names).await?;
    }
    tour.replaced().await?;
    if let Some(name) = chosen {
        tour.hot(name).await?;
        step.part("the owner changes its mind");
        tour.revoked(name).await?;
    }
    wire::sides(step, owner, visitor, &cards).await?;
    wire::crossed(step, stage, &tour.said)?;
    tour.took.tell(step, stage.transport());
    Ok(())
}

impl Tour<'_> {
    /// Discovers, asks for trust, is granted it, and discovers again. Returns the cards seen.
    async fn meet(&mut self) -> Result<Vec<Value>, Failure> {
        let invite = self.owner.invite();
        let first = Instant::now();
        let met = ask(self.visitor, connect(&invite, None)).await?;
        let seen = show::list(&met, "skills").len();
        self.took.note("first discovery", first);
        self.step.say(&format!("it discovers {seen} skills"), first);

        let started = Instant::now();
        let asked = ask(self.visitor, connect(&invite, Some(Tier::Known))).await?;
        let what = format!("it asks to be known: {}", show::text(&asked, "reason"));
        self.step.say(&what, started);
        let waiting = ask(self.owner, Request::TrustRequests {}).await?;
        let request = show::rows(&waiting)
            .first()
            .map(|row| show::text(row, "id"))
            .unwrap_or_default();
        let started = Instant::now();
        let grant = Request::TrustGrant {
            id: request.clone(),
        };
        ask(self.owner, grant).await?;
        self.step
            .say(&format!("the owner grants request {request}"), started);

        let started = Instant::now();
        let inspect = Request::PeerInspect {
            peer: self.owner.me.to_string(),
            skill: None,
            timeout: None,
        };
        let found = ask(self.visitor, inspect).await?;
        self.took.note("discovery", started);
        let cards = show::list(&found, "skills").to_vec();
        let what = format!(
            "it discovers {} skills: schemas, and nothing else",
            cards.len()
        );
        self.step.say(&what, started);
        for card in &cards {
            let schema = |key| card.get(key).map(Value::to_string).unwrap_or_default();
            self.step.note(&format!(
                "{} {} -> {}",
                show::text(card, "name"),
                schema("input_schema"),
                schema("output_schema")
            ));
            self.said.add(card);
        }
        Ok(cards)
    }

    async fn calls(&mut self, names: &[String]) -> Result<(), Failure> {
        for skill in calls::shown(names) {
            let input = self.input(skill).unwrap_or_default();
            let started = Instant::now();
            let reply = self.call(skill, input.clone()).await?;
            let what = format!("call {skill} {input}");
            self.step.call(&what, &reply, started);
            calls::answered(skill, &reply)?;
        }
        Ok(())
    }

    /// Returns an input worth showing, or the least that the skill takes.
    fn input(&self, skill: &str) -> Option<Value> {
        calls::input(skill).or_else(|| self.owner.skills.example(skill))
    }

    /// Gives a skill a limit, and shows what a caller hears who goes beyond it.
    async fn limited(&mut self, name: &str) -> Result<(), Failure> {
        let set = |limit: &str| {
            let mut limits = Map::new();
            limits.insert("input".to_owned(), json!(limit));
            Request::SkillsConfigure {
                name: name.to_owned(),
                min_tier: None,
                limits,
            }
        };
        ask(self.owner, set("64 B")).await?;
        let started = Instant::now();
        let reply = self.call(name, json!({ "text": "x".repeat(100) })).await?;
        let what = format!("call {name} with more than its owner lets it take");
        self.step.call(&what, &reply, started);
        calls::invalid(name, &reply)?;
        ask(self.owner, set("256 KiB")).await?;
        Ok(())
    }

    /// Hides a skill, and shows that it answers as one that never was.
    async fn hidden(&mut self, name: &str) -> Result<(), Failure> {
        let hide = Request::SkillsHide {
            name: name.to_owned(),
        };
        ask(self.owner, hide).await?;
        for (what, skill) in [
            ("hidden by its owner", name),
            ("never there at all", "no-such-skill"),
        ] {
            self.refused(skill, what).await?;
        }
        let expose = Request::SkillsExpose {
            name: name.to_owned(),
            tier: None,
            review: None,
        };
        ask(self.owner, expose).await?;
        Ok(())
    }

    async fn refused(&mut self, skill: &str, what: &str) -> Result<(), Failure> {
        let started = Instant::now();
        let reply = self.call(skill, json!({})).await?;
        let what = format!("call {skill}, which is {what}");
        self.step.call(&what, &reply, started);
        calls::unknown(skill, &reply)
    }

    /// Drops a skill into the folder, and waits until it can be called.
    async fn dropped_in(&mut self, late: &Offer, before: &[String]) -> Result<(), Failure> {
        let file = late.file();
        let started = Instant::now();
        late.put(self.served)
            .map_err(|error| Failure::failed("the skill cannot be dropped in").caused_by(&error))?;
        let settled = self
            .until(|rows| {
                rows.iter()
                    .any(|row| of_file(row, &file) && show::text(row, "state") != "compiling")
            })
            .await?;
        let new: Vec<String> = exposed(&settled)
            .into_iter()
            .filter(|name| !before.contains(name))
            .collect();
        let what = format!(
            "{} was dropped into the folder, and offers {}",
            file.display(),
            if new.is_empty() {
                "nothing that its owner need not approve first".to_owned()
            } else {
                new.join(", ")
            }
        );
        self.step.say(&what, started);
        self.calls(&new).await
    }

    /// Replaces a component by one with other bytes and the same card, and waits until calls run the new one.
    async fn replaced(&mut self) -> Result<(), Failure> {
        let rows = self.rows().await?;
        let served = folder::offers(self.served).unwrap_or_default();
        // The smallest with a skill that is seen and can be called.
        let smallest = served.into_iter().rev().find_map(|offer| {
            let (component, file) = (offer.component.clone()?, offer.file());
            let seen = |row: &&Value| of_file(row, &file) && show::text(row, "state") == "exposed";
            rows.iter().filter(seen).find_map(|before| {
                let name = show::text(before, "name");
                let input = self.input(&name)?;
                Some((component.clone(), file.clone(), before.clone(), name, input))
            })
        });
        let Some((component, file, before, name, input)) = smallest else {
            return Ok(());
        };
        let row = |rows: &[Value]| {
            let of_it = |row: &&Value| of_file(row, &file) && show::text(row, "name") == name;
            rows.iter().find(of_it).cloned()
        };
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
        let settled = self
            .until(|rows| {
                row(rows).is_some_and(|now| {
                    now.get("digest") != before.get("digest")
                        && show::text(&now, "state") == "exposed"
                })
            })
            .await?;
        // What is listed may still be on its way into the catalog.
        self.owner.skills.settled().await;
        let after = row(&settled).unwrap_or_default();
        let what = format!(
            "{name} was replaced while the host runs: {} -> {}",
            show::id(&before, "digest"),
            show::id(&after, "digest")
        );
        self.step.say(&what, started);
        let started = Instant::now();
        let reply = self.call(&name, input).await?;
        let what = format!("the next call of {name} runs the new one");
        self.step.call(&what, &reply, started);
        calls::answered(&name, &reply)?;
        self.ran(&name, after.get("digest")).await
    }

    /// Makes sure that the last call of a skill ran a component, by what its owner reads about it.
    async fn ran(&self, skill: &str, digest: Option<&Value>) -> Result<(), Failure> {
        let logs = |task| Request::Logs { task, limit: None };
        let tasks = ask(self.owner, logs(None)).await?;
        let last = show::rows(&tasks)
            .iter()
            .find(|task| show::text(task, "skill") == skill)
            .and_then(|task| show::text(task, "task").parse().ok());
        let last = last.ok_or_else(|| Failure::internal("a call has left no task"))?;
        let task = ask(self.owner, logs(Some(last))).await?;
        if digest.is_some() && task.get("digest") == digest {
            return Ok(());
        }
        Err(calls::unexpected(
            format!("the call of {skill} did not run what replaced it"),
            format!("it ran {}", show::text(&task, "digest")),
        ))
    }

    /// Calls often enough to say how long a call takes.
    async fn hot(&mut self, name: &str) -> Result<(), Failure> {
        let input = self.input(name).unwrap_or_else(|| json!({}));
        let all = Instant::now();
        for _ in 0..HOT {
            let started = Instant::now();
            let reply = self.call(name, input.clone()).await?;
            self.took.note("hot call", started);
            calls::answered(name, &reply)?;
        }
        self.step
            .say(&format!("{HOT} calls of {name}, one after the other"), all);
        Ok(())
    }

    /// Takes the trust back, and shows what is left of it.
    async fn revoked(&mut self, name: &str) -> Result<(), Failure> {
        let started = Instant::now();
        let revoke = Request::TrustRevoke {
            peer: self.visitor.me.to_string(),
        };
        ask(self.owner, revoke).await?;
        self.step.say("visitor is trusted no more", started);
        self.refused(name, "no longer there for it").await
    }

    async fn call(&mut self, skill: &str, input: Value) -> Result<Value, Failure> {
        self.said.add(&input);
        let request = Request::Call {
            peer: self.owner.me.to_string(),
            skill: skill.to_owned(),
            input,
            version: None,
            timeout: None,
            as_tier: None,
        };
        let mut answer = ask(self.visitor, request).await?;
        let reply = answer.get_mut("reply").map(Value::take).unwrap_or_default();
        self.said.add(&reply);
        Ok(reply)
    }

    async fn rows(&self) -> Result<Vec<Value>, Failure> {
        let rows = ask(self.owner, Request::SkillsList {}).await?;
        Ok(show::rows(&rows).to_vec())
    }

    /// Waits until every file is compiled, and returns what is listed.
    async fn wait_until_served(&self) -> Result<Vec<Value>, Failure> {
        self.until(|rows| {
            !rows.is_empty()
                && rows
                    .iter()
                    .all(|row| show::text(row, "state") != "compiling")
        })
        .await
    }

    /// Waits until the list of skills is as wanted, and returns it.
    async fn until(&self, settled: impl Fn(&[Value]) -> bool) -> Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + COMPILED;
        loop {
            let rows = self.rows().await?;
            if settled(&rows) {
                return Ok(rows);
            }
            if Instant::now() > deadline {
                return Err(Failure::failed("the skills were not compiled in time")
                    .cause(Value::from(rows).to_string())
                    .hint("run `coworker-host doctor`"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn of_file(row: &Value, file: &Path) -> bool {
    Path::new(&show::text(row, "file")).ends_with(file)
}

fn exposed(rows: &[Value]) -> Vec<String> {
    rows.iter()
        .filter(|row| show::text(row, "state") == "exposed")
        .map(|row| show::text(row, "name"))
        .collect()
}

/// Says what is not shown, and why. A text that a model answers needs a model, and the demo asks none.
fn left_out(step: &Step<'_>, rows: &[Value], served: &Path) {
    for row in rows
        .iter()
        .filter(|row| show::text(row, "state") != "exposed")
    {
        // What cannot be offered may have no name, but a file.
        let file = show::text(row, "file");
        let below = Path::new(&file)
            .strip_prefix(served)
            .unwrap_or(Path::new(&file));
        let name = match row.get("name") {
            Some(Value::String(_)) => show::text(row, "name"),
            _ => below.display().to_string(),
        };
        let (state, reason) = (show::text(row, "state"), show::text(row, "reason"));
        step.remark(
            &format!("{name} is {state}, and nobody sees it: {reason}"),
            json!({ "left_out": name, "state": state, "reason": reason }),
        );
    }
}

fn connect(invite: &str, tier: Option<Tier>) -> Request {
    let reason = tier.map(|_| "to try your skills".to_owned());
    Request::Connect {
        target: invite.to_owned(),
        name: None,
        tier,
        reason,
        timeout: None,
    }
}

/// Asks a host as its owner.
pub(super) async fn ask(host: &Arc<Host>, request: Request) -> Result<Value, Failure> {
    host.handle(request, &Progress::silent()).await
}
