//! `bridge`: the program that speaks XMTP for this host. Setting it up, looking at it, and starting anew with the network.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ui::{Colour, Latest, Ui};
use super::{Context, reach, show};
use crate::clock;
use crate::config::XmtpEnv;
use crate::control::{Note, Request};
use crate::home::Home;
use crate::report::{Failure, printable};
use crate::transport::xmtp::{
    InstallError, NodeProgram, Record, SUPPORTED, SidecarFolder, Source, examine, install,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Install the official XMTP client into the home
    Setup(Setup),
    /// Show whether everything is there, and how the bridge is
    Status,
    /// Set the client's database aside and register anew at the next start
    Reset(Reset),
    /// Serve again after another program answered peers as this host: stop that one first
    Resume,
}

/// Where the client comes from.
#[derive(Debug, Args)]
pub(super) struct Setup {
    /// A tar archive of the packages, for a machine without a registry: on another one, run `npm pack` for each
    /// package that `--json bridge status` lists, and `tar` the files
    #[arg(long, value_name = "TARBALL")]
    offline: Option<PathBuf>,
}

/// Which network to start anew with.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// The network [default: as configured, else local]
    #[arg(long, value_enum)]
    env: Option<XmtpEnv>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let home = context.home()?;
    match command {
        Command::Setup(options) => setup(context, &home, options).await,
        Command::Status => status(context, &home).await,
        Command::Reset(options) => reset(context, &home, &options),
        Command::Resume => resume(context, &home).await,
    }
}

async fn setup(context: &Context, home: &Home, options: Setup) -> Result<(), Failure> {
    let config = reach::load(home)?.xmtp;
    if config.sidecar().is_some() {
        return Err(Failure::config("the sidecar lies elsewhere than in this home")
            .cause("`[xmtp] sidecar` or COWORKER_XMTP_SIDECAR names a folder, which is yours to fill")
            .hint("remove that setting to use the home's own"));
    }
    let own = SidecarFolder::locate(home, None);
    let node = NodeProgram::find(config.node_program().as_deref(), &own.path)
        .await
        .map_err(|trouble| {
            let failure = Failure::config("the XMTP client needs Node.js").cause(trouble.why);
            failure.hint(trouble.hint.unwrap_or_default())
        })?;
    if node.major < SUPPORTED {
        context.ui.advise(&format!(
            "Node.js {} runs the client, but its makers support {SUPPORTED} or newer",
            printable(&node.version)
        ));
    }
    let source = options.offline.map_or(Source::Registry, Source::Archive);
    let latest = Latest::default();
    let note = |text: String| latest.set(Note { text, done: None });
    let work = install(home, &node, &source, note);
    let folder = context.ui.watch(&latest, work).await.map_err(refused)?;
    let answer = json!({ "folder": folder, "node": node.path, "node_version": node.version });
    context.ui.answer(&answer, |ui, _| {
        ui.line(&format!(
            "installed the XMTP client in {}",
            printable(&folder.display().to_string())
        ));
        ui.field(
            "node",
            &printable(&format!("{} at {}", node.version, node.path.display())),
        );
        ui.advise(
            "next: run `coworker-host serve`; set `[xmtp] env` to be reached from other machines",
        );
    });
    Ok(())
}

fn refused(error: InstallError) -> Failure {
    let hint = match &error {
        InstallError::NoNpm(_) => {
            "install npm, which comes with Node.js, or use --offline with an archive".to_owned()
        }
        InstallError::Failed { .. } => {
            "see whether npm can reach its registry, or use --offline with an archive".to_owned()
        }
        InstallError::Incomplete { name, version } => {
            format!("on a machine with a registry run `npm pack {name}@{version}` and add the file")
        }
        InstallError::Unusable(trouble) => trouble.hint.unwrap_or_default().to_owned(),
        InstallError::Home(_) | InstallError::Io { .. } => {
            "see whether the disk is full".to_owned()
        }
    };
    let failure = Failure::failed("the XMTP client was not installed").cause(error.to_string());
    if hint.is_empty() {
        failure
    } else {
        failure.hint(hint)
    }
}

async fn status(context: &Context, home: &Home) -> Result<(), Failure> {
    let config = reach::load(home)?.xmtp;
    let sidecar = SidecarFolder::locate(home, config.sidecar().as_deref());
    let found = examine(home, &sidecar, config.node_program().as_deref()).await;
    let running = reach::ask_running(context, home, &Request::Status {}).await?;
    let bridge = running.and_then(|status| status.get("xmtp").cloned());
    let rows: Vec<Value> = found
        .iter()
        .map(|row| json!({ "check": row.what, "ok": row.is_well, "detail": row.detail, "hint": row.hint }))
        .collect();
    let answer = json!({
        "env": config.env().name(), "checks": rows, "bridge": bridge,
        "packages": crate::transport::xmtp::packages(),
    });
    context.ui.answer(&answer, |ui, answer| {
        for row in &found {
            let mark = if row.is_well {
                ui.paint(Colour::Good, "ok   ")
            } else {
                ui.paint(Colour::Bad, "wrong")
            };
            ui.line(&format!(
                "{mark}  {:<12}  {}",
                row.what,
                printable(&row.detail)
            ));
            if let Some(hint) = &row.hint {
                ui.line(&format!("                     {}", printable(hint)));
            }
        }
        match answer.get("bridge").filter(|bridge| bridge.is_object()) {
            Some(bridge) => told(ui, bridge),
            None => ui.advise("no host with this bridge runs: `coworker-host serve` starts one"),
        }
    });
    if found.iter().all(|row| row.is_well) {
        Ok(())
    } else {
        Err(Failure::failed("the bridge cannot run as it is"))
    }
}

fn told(ui: &Ui, bridge: &Value) {
    for key in [
        "env",
        "state",
        "why",
        "hint",
        "wallet",
        "inbox",
        "installation",
        "restarts",
    ] {
        if show::has(bridge, key) {
            ui.field(key, &show::text(bridge, key).replace('_', " "));
        }
    }
}

fn reset(context: &Context, home: &Home, options: &Reset) -> Result<(), Failure> {
    let config = reach::load(home)?.xmtp;
    let env = options.env.unwrap_or(config.env()).name();
    // Whoever serves the home has the database open.
    let _lock = home.lock()?;
    let question = format!(
        "let another installation speak for this host on `{env}`? Messages that the old one has not read are lost, and a \
         network takes ten installations at most"
    );
    if !options.yes && !context.ui.confirm(&question) {
        return Err(
            Failure::usage("nothing was changed").hint("say --yes where nobody can be asked")
        );
    }
    let stamp = clock::now().0.to_string();
    let aside = Record::open(home, env)?.reset(&stamp)?;
    context.ui.answer(
        &json!({ "env": env, "aside": aside }),
        |ui, _| match &aside {
            Some(aside) => {
                ui.line(&format!(
                    "set the client's database aside in {}",
                    printable(&aside.display().to_string())
                ));
                ui.advise("the next start registers anew, and asks this home for one signature");
            }
            None => ui.line(&format!("there is nothing of `{env}` to set aside")),
        },
    );
    Ok(())
}

/// Serves again, in the host that runs or from the next start on.
async fn resume(context: &Context, home: &Home) -> Result<(), Failure> {
    let answer = match reach::ask_running(context, home, &Request::BridgeResume {}).await? {
        Some(answer) => answer,
        None => {
            let env = reach::load(home)?.xmtp.env().name();
            let _lock = home.lock()?;
            let resumed = Record::exists(home, env) && Record::open(home, env)?.resume()?;
            json!({ "resumed": resumed })
        }
    };
    context.ui.answer(&answer, |ui, answer| {
        if answer.get("resumed").and_then(Value::as_bool) == Some(true) {
            ui.line("serving again; should the other program still answer, that ends once more");
        } else {
            ui.line("no other program was found to answer as this host");
        }
    });
    Ok(())
}
