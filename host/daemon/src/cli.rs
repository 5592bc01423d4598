//! The commands. Each parses what the owner wrote, builds a request, and shows the answer; none of them decides.

mod bridge;
mod call;
mod check;
mod completions;
mod config;
mod connect;
mod delegate;
mod demo;
mod doctor;
mod examine;
mod guard;
mod init;
mod inspect;
mod invite;
mod logs;
mod new;
mod node;
mod peers;
mod qr;
mod reach;
mod serve;
mod show;
mod skills;
mod status;
mod trace;
mod trust;
mod ui;
mod usage;
mod version;
mod wrap;
mod wrong;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::home::Home;
use crate::report::{Exit, Failure};
use ui::Ui;

/// Serve WebAssembly skills to other people's agents without handing them over
#[derive(Debug, Parser)]
#[command(
    name = "coworker-host",
    bin_name = "coworker-host",
    version,
    arg_required_else_help = true
)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Global {
    /// The folder that holds identity, skills and database [default: $COWORKER_HOME, else ~/.coworker-host]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Print JSON on stdout and nothing else
    #[arg(long, global = true)]
    json: bool,
    /// Print no progress and no advice
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print without colours, as does NO_COLOR
    #[arg(long, global = true)]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a home: identity, configuration, folders
    Init(init::Options),
    /// Serve the home's skills, and every PATH, to peers
    Serve(serve::Options),
    /// Call a skill of a peer, or of this host
    // Said in full: who has forgotten how input is given sees it here.
    #[command(
        override_usage = "coworker-host call [OPTIONS] [--input <JSON|@FILE|->] <PEER> <SKILL>"
    )]
    Call(call::Options),
    /// Give a peer work that may take days
    Request(delegate::Ask),
    /// List the work given to peers
    Tasks(delegate::List),
    /// Show a peer's answer to a request
    Result(delegate::Answered),
    /// Stop waiting for an answer
    Cancel(delegate::Cancelled),
    /// See and decide what is served
    #[command(subcommand)]
    Skills(skills::Command),
    /// Show what each tier would see of a SKILL.md, and what stays private
    Wrap(wrap::Options),
    /// See and decide who may do what
    #[command(subcommand)]
    Trust(trust::Command),
    /// See and name the peers
    #[command(subcommand)]
    Peers(peers::Command),
    /// Make a code by which peers find you, and may be let in
    Invite(invite::Options),
    /// Meet a peer by its invite
    Connect(connect::Options),
    /// Show what a peer offers
    Inspect(inspect::Options),
    /// Show whether a host runs, and how it is
    Status,
    /// Find what is wrong with this home
    Doctor,
    /// Show what happened
    Logs(logs::Options),
    /// Run an XMTP node for the agents of this machine
    Node(node::Options),
    /// Install and look at what speaks XMTP for this host
    #[command(subcommand)]
    Bridge(bridge::Command),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Show what was used
    Usage(usage::Options),
    /// Show what was held back of private texts, or give a peer back a skill that it lost by that
    Guard(guard::Options),
    /// Show the main job on this machine: two hosts, the samples, and what each side sees
    Demo(demo::Options),
    /// Print a completion script for a shell
    Completions(completions::Options),
    /// Print the versions of this program and of what it speaks
    Version,
    /// Look at a component under limits (the host runs this on itself)
    #[command(hide = true)]
    Examine(examine::Options),
}

/// What a command works with.
#[derive(Debug)]
struct Context {
    ui: Ui,
    home: Option<PathBuf>,
}

impl Context {
    /// Returns where the home is or would be.
    fn home_path(&self) -> Result<PathBuf, Failure> {
        let environment = std::env::var_os("COWORKER_HOME").map(PathBuf::from);
        let named = self
            .home
            .clone()
            .or(environment.filter(|path| !path.as_os_str().is_empty()));
        Ok(Home::locate(named, None)?)
    }

    /// Opens the home.
    fn home(&self) -> Result<Home, Failure> {
        Ok(Home::open(&self.home_path()?)?)
    }
}

/// Returns all commands and their options as data.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the process's command line, and returns its exit code.
pub fn main() -> u8 {
    run(std::env::args_os())
}

/// Runs a command line, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return wrong::tell(&error),
    };
    let Global {
        home,
        json,
        quiet,
        no_color,
    } = cli.global;
    let context = Context {
        ui: Ui::new(json, quiet, no_color),
        home,
    };
    let ended = perform(&context, cli.command).and_then(|()| context.ui.finish());
    match ended {
        Ok(()) => 0,
        Err(failure) => {
            context.ui.failure(&failure);
            failure.exit.code()
        }
    }
}

fn perform(context: &Context, command: Command) -> Result<(), Failure> {
    // The compile child limits itself before it starts any thread.
    if let Command::Examine(options) = &command {
        return examine::run(options);
    }
    let runtime = crate::tasks::runtime()
        .map_err(|error| Failure::new(Exit::Internal, "cannot start").caused_by(&error))?;
    refuse_to_die_of_large_files(&runtime);
    let ended = runtime.block_on(dispatch(context, command));
    // Whoever leaves at once does not wait for a thread that still compiles.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ended
}

/// Has a write beyond the system's limit on files fail, as on a full disk, where it would end this process.
fn refuse_to_die_of_large_files(runtime: &tokio::runtime::Runtime) {
    use tokio::signal::unix::{SignalKind, signal};
    let _guard = runtime.enter();
    // Listening is enough, for as long as the process lives; where that fails, the system's way stays.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

async fn dispatch(context: &Context, command: Command) -> Result<(), Failure> {
    if !matches!(command, Command::Serve(_) | Command::Node(_)) {
        trace::for_commands();
    }
    match command {
        Command::Init(options) => init::run(context, options).await,
        Command::Serve(options) => serve::run(context, options).await,
        Command::Call(options) => call::run(context, options).await,
        Command::Skills(command) => skills::run(context, command).await,
        Command::Wrap(options) => wrap::run(context, &options).await,
        Command::Trust(command) => trust::run(context, command).await,
        Command::Peers(command) => peers::run(context, command).await,
        Command::Request(options) => delegate::request(context, options).await,
        Command::Tasks(options) => delegate::tasks(context, options).await,
        Command::Result(options) => delegate::result(context, options).await,
        Command::Cancel(options) => delegate::cancel(context, options).await,
        Command::Invite(options) => invite::run(context, options).await,
        Command::Connect(options) => connect::run(context, options).await,
        Command::Inspect(options) => inspect::run(context, options).await,
        Command::Status => status::run(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Logs(options) => logs::run(context, options).await,
        Command::Config(command) => config::run(context, &command),
        Command::Bridge(command) => bridge::run(context, command).await,
        Command::Node(options) => node::run(context, options).await,
        Command::Usage(options) => usage::run(context, &options).await,
        Command::Guard(options) => guard::run(context, options).await,
        Command::Demo(options) => demo::run(context, options).await,
        Command::Completions(options) => completions::run(&context.ui, &options),
        Command::Version => version::run(&context.ui),
        Command::Examine(options) => examine::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
