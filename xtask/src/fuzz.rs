//! Coverage-guided fuzzing with cargo-fuzz and libFuzzer, on the stable toolchain: coverage needs no sanitizer, and safe code
//! gives a sanitizer nothing to find.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{cargo_command, run, say};

/// The targets that run when none is named; `skill_md` brings the whole host in and takes many minutes to build.
const QUICK: [&str; 3] = ["schema", "envelope", "guard"];
/// All targets.
const ALL: [&str; 4] = ["schema", "envelope", "guard", "skill_md"];
/// How long each runs.
const SECONDS: u64 = 60;
/// What a target may use, in MiB and seconds: a check needs a small part of both, with coverage counted.
const LIMITS: [&str; 3] = ["-rss_limit_mb=512", "-timeout=20", "-max_len=4096"];
/// What installs the runner by hand.
const BY_HAND: &str = "cargo install cargo-fuzz --locked";

/// Fuzzes the named targets, each for a bounded time. What a target finds is kept under `fuzz/artifacts`.
pub(crate) fn fuzz(root: &Path, arguments: &[String]) -> Result<()> {
    let mut targets = Vec::new();
    let mut seconds = SECONDS;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--list" => {
                say(&ALL.join("\n"));
                return Ok(());
            }
            "--seconds" => {
                let given = rest.next().context("--seconds takes a number")?;
                seconds = given.parse().context("--seconds takes a number")?;
            }
            name if ALL.contains(&name) => targets.push(name),
            other => bail!(
                "no target is called {other:?}: there are {}",
                ALL.join(", ")
            ),
        }
    }
    if targets.is_empty() {
        targets.extend(QUICK);
    }
    let program = install(root)?;
    for target in targets {
        run_one(root, &program, target, seconds)?;
    }
    Ok(())
}

fn run_one(root: &Path, program: &Path, target: &str, seconds: u64) -> Result<()> {
    let fuzz = root.join("fuzz");
    let corpus = root.join("target/fuzz-corpus").join(target);
    std::fs::create_dir_all(&corpus).context("the corpus has no folder")?;
    let mut command = Command::new(program);
    command
        .current_dir(root)
        .arg("fuzz")
        .arg("run")
        .args(["--sanitizer", "none", "--target-dir", "target/fuzz"])
        .arg("--fuzz-dir")
        .arg(&fuzz);
    if !QUICK.contains(&target) {
        command.args(["--features", "host"]);
    }
    command
        .arg(target)
        .arg(&corpus)
        .arg(fuzz.join("seeds").join(target))
        .arg("--")
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"));
    let words = fuzz.join("words").join(target);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    run(&format!("fuzzing {target} for {seconds} s"), &mut command)
}

/// Returns cargo-fuzz, which is installed under `target` if the machine has none.
fn install(root: &Path) -> Result<PathBuf> {
    let is_there = Command::new("cargo-fuzz")
        .args(["fuzz", "--version"])
        .output();
    if is_there.is_ok_and(|output| output.status.success()) {
        return Ok(PathBuf::from("cargo-fuzz"));
    }
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-fuzz");
    if program.is_file() {
        return Ok(program);
    }
    let mut install = cargo_command();
    install
        .args(["install", "cargo-fuzz", "--locked", "--quiet", "--root"])
        .arg(&tools);
    run("installing cargo-fuzz", &mut install)
        .with_context(|| format!("cargo-fuzz is not there: run `{BY_HAND}`"))?;
    Ok(program)
}
