//! Python environments under `target/`. What is missing is named together with the way to get it; nothing is installed
//! outside of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::wasm::run;

/// Makes an empty environment in `venv`, whatever was there; `why` says what it is for and what else to do.
pub(crate) fn environment(venv: &Path, why: &'static str) -> Result<()> {
    let system = system_python().context(why)?;
    run(Command::new(system)
        .args(["-m", "venv", "--clear"])
        .arg(venv))
    .context("make a Python environment\nhint: on Debian and Ubuntu, install python3-venv")
}

/// Returns the interpreter of an environment.
pub(crate) fn interpreter(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// Returns a call of pip that installs into an environment; what to install is added to it.
pub(crate) fn pip_install(venv: &Path) -> Command {
    let mut pip = Command::new(interpreter(venv));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    pip
}

/// Returns a Python that is new enough for what is done with it here.
fn system_python() -> Result<&'static str> {
    ["python3", "python"]
        .into_iter()
        .find(|name| is_python(name))
        .context("no Python of version 3.10 or later on PATH")
}

fn is_python(name: &str) -> bool {
    let enough = "import sys; sys.exit(sys.version_info < (3, 10))";
    let status = Command::new(name)
        .args(["-c", enough])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
