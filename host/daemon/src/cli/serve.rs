//! `serve`: the host itself, from the first line to the second signal.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::ui::{Colour, Latest, Ui};
use super::{Context, init, reach, show, skills, trace};
use crate::config::{Config, LogFormat, Transport, XmtpEnv};
use crate::control::{Note, Progress, Request};
use crate::home::Home;
use crate::report::{Failure, printable};
use crate::server::{ServeOptions, Server};

/// How long the first look at the skills may keep the greeting back. A Python component takes seconds to compile.
const SETTLE: Duration = Duration::from_secs(60);
/// How often to see whether it is over.
const LOOK: Duration = Duration::from_millis(20);
/// How long what was compiled may take to be published.
const COMMIT: Duration = Duration::from_secs(2);

/// The longest input in a line to paste.
const PASTED: usize = 1_000;

/// What to serve, and where.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Skills to serve besides the home's: a .wasm file, a folder with a SKILL.md, or a folder of skills
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The network that carries messages
    ///
    /// [default: as configured; else xmtp with --env or where its client is installed, loopback without]
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// The XMTP network [default: as configured, else local]
    #[arg(long, value_enum)]
    env: Option<XmtpEnv>,
    /// Grant what the skills of every PATH ask for, without a question
    #[arg(long)]
    allow_grants: bool,
    /// Let the cards of skills change without review; grants never
    #[arg(long)]
    dev: bool,
}

pub(super) async fn run(context: &Context, options: Options) -> Result<(), Failure> {
    let home = home(context)?;
    let mut config = reach::load(&home)?;
    trace::for_serve(&config.log)?;
    if config.log.format == LogFormat::Json {
        context.ui.advise_in_log();
    }
    let told = choose(&home, &mut config, options.transport, options.env).await;
    let mut paths = Vec::new();
    for path in options.paths {
        paths.push(
            std::path::absolute(&path)
                .ok()
                .filter(|path| path.exists())
                .ok_or_else(|| {
                    Failure::usage(format!("there is nothing at {}", path.display()))
                        .hint("name a .wasm file, a folder with a SKILL.md, or a folder of skills")
                })?,
        );
    }
    let mut signals = Signals::listen()?;
    let (progress, notes) = Progress::channel(1);
    let serve = ServeOptions {
        progress,
        paths,
        allow_grants: options.allow_grants,
        dev: options.dev,
        ..ServeOptions::default()
    };
    let server = tokio::select! {
        server = reach::watch(context, notes, Server::bind(home, config, serve)) => server?,
        () = signals.next() => return Ok(()),
    };
    if let Some(told) = told {
        context.ui.advise(&told);
    }
    tokio::select! {
        told = tell(context, &server) => told?,
        () = signals.next() => return leave(server, &mut signals).await,
    }
    tokio::select! {
        () = server.stop_requested() => {}
        () = signals.next() => context.ui.advise("finishing what is under way; press Ctrl-C again to leave at once"),
    }
    leave(server, &mut signals).await
}

/// Puts what the command line says about the network over what the file says, and what is there under both. Returns what
/// the owner should know about a network that nobody chose.
async fn choose(
    home: &Home,
    config: &mut Config,
    transport: Option<Transport>,
    env: Option<XmtpEnv>,
) -> Option<String> {
    config.xmtp.env = env.or(config.xmtp.env);
    // A network that was named is one that is meant.
    let meant = env.map(|_| Transport::Xmtp);
    config.host.transport = transport.or(meant).or(config.host.transport);
    if let Some(missing) = reach::choose(home, config).await {
        let hint = missing.hint.unwrap_or("see `coworker-host bridge status`");
        return Some(printable(&format!(
            "no network is configured, and {}: using loopback, which reaches hosts of this machine; for XMTP {hint}, and serve again",
            missing.why
        )));
    }
    let unnamed = config.transport() == Transport::Xmtp && config.xmtp.env.is_none();
    unnamed.then(|| {
        "no network is configured: using `local`, a node of this machine; set `[xmtp] env` to be reached from others".to_owned()
    })
}

/// Says who we are at once, and what each tier sees when everything that is there was looked at.
async fn tell(context: &Context, server: &Server) -> Result<(), Failure> {
    let ui = &context.ui;
    if !ui.json {
        introduce(ui, &server.ready_info().await?);
    }
    let looking = async {
        let mut waited = Duration::ZERO;
        while waited < SETTLE && is_compiling(server).await? {
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
        Ok::<(), Failure>(())
    };
    let latest = Latest::default();
    latest.set(Note {
        text: "compiling".to_owned(),
        done: None,
    });
    ui.watch(&latest, looking).await?;
    consent(ui, server).await?;
    // Between the end of a compilation and its place in the catalog lies a commit. What compiles for longer than the
    // owner waits is not waited for.
    let _ = tokio::time::timeout(COMMIT, server.host().skills.settled()).await;
    ui.answer(&server.ready_info().await?, offer);
    Ok(())
}

async fn is_compiling(server: &Server) -> Result<bool, Failure> {
    let list = server
        .host()
        .handle(Request::SkillsList {}, &Progress::silent())
        .await?;
    Ok(show::rows(&list)
        .iter()
        .any(|row| row.get("state").and_then(Value::as_str) == Some("compiling")))
}

/// Asks, on a terminal, about the skills outside the home that wait because they ask for grants.
async fn consent(ui: &Ui, server: &Server) -> Result<(), Failure> {
    if ui.json || !ui.can_ask() {
        return Ok(());
    }
    let progress = Progress::silent();
    let list = server
        .host()
        .handle(Request::SkillsList {}, &progress)
        .await?;
    for row in show::rows(&list) {
        let is = |key: &str, word: &str| row.get(key).and_then(Value::as_str) == Some(word);
        let outside = row
            .get("file")
            .and_then(Value::as_str)
            .is_some_and(|file| file.starts_with('/'));
        let Some(name) = row
            .get("name")
            .and_then(Value::as_str)
            .filter(|_| outside && is("state", "pending"))
        else {
            continue;
        };
        let name = name.to_owned();
        let inspect = Request::SkillsInspect {
            name: name.clone(),
            diff: None,
        };
        let shown = server.host().handle(inspect, &progress).await?;
        if show::list(&shown, "asks").is_empty() {
            continue;
        }
        skills::review(ui, &shown);
        if ui.confirm_beside("grant this, and let peers see it?").await {
            let review = shown
                .get("review")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let expose = Request::SkillsExpose {
                name,
                tier: None,
                review,
            };
            server.host().handle(expose, &progress).await?;
        }
    }
    Ok(())
}

/// Waits for the work to end, or for a second signal.
async fn leave(server: Server, signals: &mut Signals) -> Result<(), Failure> {
    let host = server.host().clone();
    tokio::select! {
        ended = server.shutdown() => ended,
        () = signals.next() => {
            // A guest that computes would look for its timers after they are gone.
            host.background.close().await;
            Err(Failure::failed("left before everything was finished")
                .cause("a second signal came")
                .hint("nothing that was acknowledged is lost: it is taken up at the next start"))
        }
    }
}

fn home(context: &Context) -> Result<Home, Failure> {
    let path = context.home_path()?;
    if path.exists() {
        let home = Home::open(&path)?;
        if home.identity_key().exists() {
            return Ok(home);
        }
        // A folder that somebody made for us, or a home that was interrupted while it was made.
        return Ok(Home::create(&path)?);
    }
    let home = init::make(&path, None)?;
    context.ui.advise(&format!(
        "made the home {}",
        printable(&home.root().display().to_string())
    ));
    Ok(home)
}

fn introduce(ui: &Ui, ready: &Value) {
    ui.field("name", &show::text(ready, "name"));
    ui.field("peer", &show::text(ready, "peer"));
    ui.field("invite", &show::text(ready, "invite"));
    ui.field("network", &show::text(ready, "transport"));
    ui.code(&show::text(ready, "invite"));
}

fn offer(ui: &Ui, ready: &Value) {
    for seen in show::list(ready, "seen") {
        let tier = show::text(seen, "tier");
        let skills = show::list(seen, "skills");
        let names = if skills.is_empty() {
            "nothing".to_owned()
        } else {
            show::text(seen, "skills")
        };
        ui.field(&tier, &format!("sees {names}"));
    }
    for row in show::list(ready, "attention") {
        let name = if show::has(row, "name") {
            show::text(row, "name")
        } else {
            show::text(row, "file")
        };
        let state = ui.paint(Colour::Waiting, &show::text(row, "state"));
        ui.line(&format!("{name}: {state}, {}", show::text(row, "reason")));
    }
    show::warnings(ui, show::list(ready, "warnings"));
    match ready.get("example").filter(|example| !example.is_null()) {
        Some(example) => ui.advise(&format!("try: {}", call_line(example))),
        None => ui.advise("nothing is offered yet: run `coworker-host skills list`, then `coworker-host skills expose NAME`"),
    }
}

/// Returns a line for a shell that calls a skill.
fn call_line(example: &Value) -> String {
    let input = example
        .get("input")
        .map(Value::to_string)
        .unwrap_or_default();
    // The input is made from a stranger's schema: what cannot be printed as it is, nobody should paste.
    let input = if printable(&input) == input && input.len() <= PASTED {
        input.replace('\'', r"'\''")
    } else {
        "{}".to_owned()
    };
    format!(
        "coworker-host call self {} --input '{input}'",
        show::text(example, "skill")
    )
}

/// The two signals that ask a process to end.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let open = |kind| {
            signal(kind)
                .map_err(|error| Failure::internal("cannot listen for signals").caused_by(&error))
        };
        Ok(Self {
            interrupt: open(SignalKind::interrupt())?,
            terminate: open(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_to_paste_is_one_word_for_its_input() {
        let line = |input: Value| call_line(&json!({ "skill": "word-count", "input": input }));
        let with = |input: &str| format!("coworker-host call self word-count --input '{input}'");
        assert_eq!(line(json!({"text": "a b"})), with(r#"{"text":"a b"}"#));
        assert_eq!(
            line(json!({"text": "it's; rm"})),
            with(r#"{"text":"it'\''s; rm"}"#)
        );
        assert_eq!(line(json!({"text": "\u{202e}"})), with("{}"));
        assert_eq!(line(json!({"text": "x".repeat(2_000)})), with("{}"));
    }
}
