//! What the project needs beyond cargo. Each task sets up what is missing or says what is missing and how to get it.

mod bodies;
mod fuzz;
mod interop;
mod leftover;
mod project;
mod python;
mod samples;
mod sidecar;
mod texts;
mod wasm;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
cargo xtask TASK

  demo                  build what is missing, serve the samples, call them as a peer, and show it
  test                  every check and every test
  samples [--only rust] build the sample skills into target/skills/
  fixtures              build the components that the tests use into target/fixtures/
  projects              write a project in each language with `skills new`, build it, test it and check it
  sidecar               install the XMTP client into target/xmtp-sidecar/
  bodies [DIR]          wrap every SKILL.md of the repositories in DIR, or in $COWORKER_SKILL_BODIES, and look for lines of
                        their bodies in their cards
  fuzz [TARGET…] [--seconds N] [--list]
                        fuzz by coverage, 60 s for each target if not said otherwise
  interop               install agent-coworker, its bridge and litellm into target/interop/
  bench [GROUP…] [--json] [--smoke]
                        call, start, memory, refusal, hostile, recover, xmtp, guard";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match arguments.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let root = root();
    let result =
        match task {
            "demo" => demo(&root, rest),
            "test" => test(&root),
            "samples" => build_samples(&root, rest),
            "fixtures" => samples::fixtures(&root)
                .map(|out| say(&format!("fixtures are in {}", out.display()))),
            "sidecar" => sidecar::sidecar(&root)
                .map(|out| say(&format!("the sidecar is in {}", out.display()))),
            "projects" => projects(&root),
            "bodies" => look_at_bodies(&root, rest),
            "fuzz" => fuzz::fuzz(&root, rest),
            "interop" => set_up_interop(&root),
            "bench" => bench(&root, rest),
            "help" | "--help" | "-h" => {
                say(USAGE);
                return ExitCode::SUCCESS;
            }
            other => {
                complain(&format!("error: no task is called {other:?}\n\n{USAGE}"));
                return ExitCode::from(2);
            }
        };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

fn build_samples(root: &Path, arguments: &[String]) -> Result<()> {
    let only_rust = match arguments {
        [] => false,
        [flag, value] if flag == "--only" && value == "rust" => true,
        other => bail!("samples takes --only rust, not {other:?}"),
    };
    let out = samples::samples(root, only_rust)?;
    say(&format!("samples are in {}", out.display()));
    Ok(())
}

fn look_at_bodies(root: &Path, arguments: &[String]) -> Result<()> {
    let folder = match arguments {
        [] => std::env::var_os(bodies::FOLDER).map(PathBuf::from),
        [folder] => Some(PathBuf::from(folder)),
        other => bail!("bodies takes one folder, not {other:?}"),
    };
    let Some(folder) = folder else {
        bail!(
            "name a folder that holds public repositories with skills, or set {}: none is fetched here",
            bodies::FOLDER
        );
    };
    build_host(root)?;
    say(&bodies::bodies(
        &root.join("target/debug/coworker-host"),
        &folder,
    )?);
    Ok(())
}

fn set_up_interop(root: &Path) -> Result<()> {
    // Its bridge runs on the Node.js that lies there if the machine's is too old.
    sidecar::sidecar(root)?;
    let out = interop::interop(root)?;
    say(&format!(
        "agent-coworker and litellm are in {}",
        out.display()
    ));
    Ok(())
}

fn demo(root: &Path, arguments: &[String]) -> Result<()> {
    let skills = samples::samples(root, false)?;
    let sidecar = sidecar::sidecar(root);
    build_host(root)?;
    let mut command = Command::new(root.join("target/debug/coworker-host"));
    command
        .arg("demo")
        .arg("--skills")
        .arg(skills)
        .args(arguments);
    match sidecar {
        Ok(folder) => {
            command.env("COWORKER_XMTP_SIDECAR", folder);
        }
        // The demo says what it does without.
        Err(error) => complain(&format!("the XMTP client cannot be installed: {error:#}")),
    }
    run("the demo", &mut command)
}

fn bench(root: &Path, arguments: &[String]) -> Result<()> {
    let mut groups = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'));
    // The guard is looked at without a guest.
    if groups.clone().next().is_none() || groups.clone().any(|group| group != "guard") {
        samples::samples(root, true)?;
        samples::fixtures(root)?;
    }
    let all = groups.clone().next().is_none();
    let wanted = groups.any(|group| group == "xmtp" || group == "recover");
    if all || wanted {
        // A bench says which rows it leaves out.
        let ready = sidecar::sidecar(root).and_then(|_| interop::interop(root));
        if let Err(error) = ready {
            complain(&format!("rows over XMTP will be left out: {error:#}"));
        }
    }
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    let guard = arguments.iter().any(|argument| argument == "guard");
    if !smoke
        && (all || guard)
        && let Err(error) = texts::texts(root)
    {
        complain(&format!(
            "texts that others wrote will be made up where this machine has too few: {error:#}"
        ));
    }
    // A smoke run shares the tests' profile; figures come from the bench profile.
    let profile: &[&str] = if smoke { &["test"] } else { &["bench"] };
    let mut line = profile.to_vec();
    line.extend([
        "--quiet",
        "--package",
        "coworker-host",
        "--bench",
        "bench",
        "--",
    ]);
    line.extend(arguments.iter().map(String::as_str));
    cargo(root, "benches", &line)
}

/// Everything, the quick refusals first and the test runner's own summary last.
fn test(root: &Path) -> Result<()> {
    let before = leftover::Running::now(root);
    cargo(root, "formatting", &["fmt", "--all", "--check"])?;
    samples::samples(root, false)?;
    samples::fixtures(root)?;
    samples::test(root)?;
    sidecar::sidecar(root)?;
    interop::interop(root)?;
    cargo(
        root,
        "lints",
        &[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    let documented = [
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    let mut command = cargo_command();
    run(
        "documentation",
        command
            .current_dir(root)
            .args(documented)
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    cargo(
        root,
        "examples in the documentation",
        &["test", "--quiet", "--workspace", "--doc"],
    )?;
    bench(root, &["--smoke".to_owned()])?;
    // The smoke run has built the program.
    project::projects(root)?;
    let nextest = cargo_command().args(["nextest", "--version"]).output();
    let runner: &[&str] = match nextest {
        Ok(output) if output.status.success() => {
            &["nextest", "run", "--workspace", "--no-fail-fast"]
        }
        _ => &[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ],
    };
    let tested = cargo(root, "tests", runner);
    // Also after a test that failed: a process that stays may be the reason.
    tested.and(before.nothing_more(root))
}

fn projects(root: &Path) -> Result<()> {
    build_host(root)?;
    project::projects(root)
}

fn build_host(root: &Path) -> Result<()> {
    let build = ["build", "--package", "coworker-host"];
    cargo(root, "building coworker-host", &build)
}

fn cargo(root: &Path, what: &str, arguments: &[&str]) -> Result<()> {
    run(what, cargo_command().current_dir(root).args(arguments))
}

/// Returns a call of the cargo that runs us. It gets nothing of what that one says of this package: some build scripts look
/// at it, and would run again, with all that depends on them, whenever cargo is next called by hand.
fn cargo_command() -> Command {
    let path = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a command in the open, and says what it was for and how long it took.
fn run(what: &str, command: &mut Command) -> Result<()> {
    complain(&format!("==> {what}"));
    let started = Instant::now();
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(OsStr::new("it"))
        .to_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    complain(&format!(
        "<== {what}: {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "a command line program answers on stdout"
)]
fn say(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "a command line program reports on stderr"
)]
fn complain(text: &str) {
    eprintln!("{text}");
}
