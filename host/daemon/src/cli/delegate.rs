//! `request`, `tasks`, `result` and `cancel`: work for a peer that may be away for days.

use std::time::{Duration, Instant};

use clap::Args;
use coworker_core::Span;
use serde_json::Value;

use super::ui::Ui;
use super::{Context, call, reach, show, trust};
use crate::control::Request;
use crate::report::{Exit, Failure};

/// How long one question to the host waits; a longer wait is many of them, so that a host may start or end meanwhile.
const LOOK: Duration = Duration::from_secs(20);
/// The same where no host runs: as long as this command has the home, none can start. In between it lets go.
const ALONE: Duration = Duration::from_secs(3);
const LET_GO: Duration = Duration::from_secs(1);
/// How long a host that is just starting or ending is waited for.
const BETWEEN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

/// What to ask for.
#[derive(Debug, Args)]
pub(super) struct Ask {
    /// A name you gave, an invite, or an id
    peer: String,
    /// The skill, as `inspect PEER` shows it
    skill: String,
    /// JSON, @FILE, or - for stdin
    #[arg(long, short, default_value = "{}", value_name = "JSON|@FILE|-")]
    input: String,
    /// Call this version and no other
    #[arg(long)]
    version: Option<String>,
    /// How long an answer counts, up to 7d [default: 7d]
    #[arg(long, alias = "timeout", value_name = "TIME")]
    ttl: Option<Span>,
}

/// How many to list.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The most rows
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

/// Which answer to show.
#[derive(Debug, Args)]
pub(super) struct Answered {
    /// The id that `request` printed, or its first characters
    id: String,
    /// Wait until the answer is there, or its time is over
    #[arg(long)]
    wait: bool,
    /// With --wait: how long, as in 10m
    #[arg(long, value_name = "TIME", requires = "wait")]
    timeout: Option<Span>,
}

/// What not to wait for.
#[derive(Debug, Args)]
pub(super) struct Cancelled {
    /// The id that `request` printed, or its first characters
    id: String,
}

pub(super) async fn request(context: &Context, options: Ask) -> Result<(), Failure> {
    let request = Request::Delegate {
        input: call::input(&options.input)?,
        peer: options.peer,
        skill: options.skill,
        version: options.version,
        ttl: options.ttl,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, |ui, answer| {
        let task = show::text(answer, "task");
        ui.line(&task);
        ui.advise(&format!(
            "{}; see `coworker-host result {task} --wait`",
            match show::text(answer, "state").as_str() {
                "queued" => "it leaves as soon as the peer can be reached".to_owned(),
                state => state.to_owned(),
            }
        ));
    });
    Ok(())
}

pub(super) async fn tasks(context: &Context, options: List) -> Result<(), Failure> {
    let request = Request::Delegated {
        limit: options.limit,
    };
    let answer = reach::ask(context, request).await?;
    context.ui.answer(&answer, list);
    Ok(())
}

fn list(ui: &Ui, answer: &Value) {
    let rows: Vec<Vec<String>> = show::rows(answer)
        .iter()
        .map(|row| {
            vec![
                show::text(row, "task"),
                show::text(row, "state"),
                show::short(row, "skill", 40),
                show::cut(&trust::who(row), 22),
                show::at(row, "asked_at"),
                show::at(row, "answered_at"),
            ]
        })
        .collect();
    if rows.is_empty() {
        ui.advise("nothing was given to a peer yet: run `coworker-host request PEER SKILL`");
    } else {
        ui.table(
            &["TASK", "STATE", "SKILL", "PEER", "ASKED", "ANSWERED"],
            &rows,
        );
    }
}

pub(super) async fn result(context: &Context, options: Answered) -> Result<(), Failure> {
    let answer = if options.wait {
        wait(context, &options).await?
    } else {
        look(context, &options.id, None).await?.0
    };
    let reply = answer.get("reply").unwrap_or(&Value::Null);
    if !reply.is_null() {
        return call::show(context, &answer, reply);
    }
    let who = trust::who(&answer);
    Err(match show::text(&answer, "state").as_str() {
        "queued" => Failure::unreachable("there is no answer yet")
            .cause(format!("{who} could not be reached so far"))
            .hint("add --wait to wait for it"),
        "sent" => Failure::unreachable("there is no answer yet").hint("add --wait to wait for it"),
        "expired" => Failure::unreachable(format!(
            "no answer from {who} until {}",
            show::at(&answer, "deadline_at")
        )),
        "cancelled" => Failure::failed("the task was cancelled"),
        _ => Failure::failed(format!("the task could not be given to {who}"))
            .hint("run `coworker-host logs` and `coworker-host peers show PEER`"),
    })
}

/// Returns how far a task is, and whether a host runs.
async fn look(
    context: &Context,
    id: &str,
    wait: Option<Duration>,
) -> Result<(Value, bool), Failure> {
    let request = |wait: Option<Duration>| Request::DelegatedResult {
        id: id.to_owned(),
        wait: wait.map(Span),
    };
    if let Some(answer) = reach::ask_running(context, &context.home()?, &request(wait)).await? {
        return Ok((answer, true));
    }
    let wait = wait.map(|wait| wait.min(ALONE));
    Ok((reach::ask(context, request(wait)).await?, false))
}

/// Asks until there is an answer, over starts and ends of the host.
async fn wait(context: &Context, options: &Answered) -> Result<Value, Failure> {
    let started = Instant::now();
    let mut gone_since = None;
    loop {
        let left = options
            .timeout
            .map(|timeout| timeout.0.saturating_sub(started.elapsed()));
        let slice = left.map_or(LOOK, |left| left.min(LOOK));
        match look(context, &options.id, Some(slice)).await {
            Ok((answer, running)) => {
                gone_since = None;
                let state = show::text(&answer, "state");
                let open = state == "queued" || state == "sent";
                if !open || left.is_some_and(|left| left <= slice.min(ALONE)) {
                    return Ok(answer);
                }
                if !running {
                    tokio::time::sleep(LET_GO).await;
                }
            }
            // Nobody listens, or somebody has the home and does not listen yet.
            Err(failure) if matches!(failure.exit, Exit::Unreachable | Exit::Config) => {
                let since = *gone_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= BETWEEN {
                    return Err(failure);
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

pub(super) async fn cancel(context: &Context, options: Cancelled) -> Result<(), Failure> {
    let request = Request::DelegatedCancel { id: options.id };
    let answer = reach::ask(context, request).await?;
    let flag = |key: &str| answer.get(key).and_then(Value::as_bool) == Some(true);
    context.ui.answer(&answer, |ui, answer| {
        let task = show::text(answer, "task");
        ui.line(&if flag("taken_back") {
            format!("{task} was cancelled before it left")
        } else if flag("cancelled") {
            format!(
                "{task} was cancelled; the peer may still work on it, and its answer will not count"
            )
        } else {
            format!("{task} is {} already", show::text(answer, "state"))
        });
    });
    if flag("cancelled") {
        Ok(())
    } else {
        Err(Failure::failed("there is nothing to cancel"))
    }
}
