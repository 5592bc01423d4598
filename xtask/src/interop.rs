//! What the tests with Python agents need, in `target/interop`: the published package in an environment of its own, and
//! the packages of its bridge in pinned versions, on the Node.js that lies beside the sidecar.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::wasm::{run, system_python};

/// What the folder is made from.
const SOURCES: [&str; 4] = [
    "requirements.txt",
    "bridge/package.json",
    "bridge/package-lock.json",
    "bridge/preload.mjs",
];

/// Makes the folder, or leaves it as it is if it was made from the same files; returns it.
pub(crate) fn interop(root: &Path) -> Result<PathBuf> {
    let (source, out) = (root.join("tests/interop"), root.join("target/interop"));
    let wanted = SOURCES
        .iter()
        .map(|name| {
            std::fs::read_to_string(source.join(name)).with_context(|| format!("read {name}"))
        })
        .collect::<Result<String>>()?;
    let ready = out.join("ready");
    if std::fs::read_to_string(&ready).is_ok_and(|have| have == wanted) {
        return Ok(out);
    }
    crate::complain("==> installing agent-coworker and the packages of its bridge, for tests");
    if out.exists() {
        std::fs::remove_dir_all(&out).context("remove what an earlier run left")?;
    }
    python(&source, &out.join("venv"))?;
    bridge(&source.join("bridge"), &out.join("bridge"))?;
    std::fs::write(ready, wanted)?;
    Ok(out)
}

fn python(source: &Path, venv: &Path) -> Result<()> {
    let system = system_python().context(
        "hosts are tried against agent-coworker, a Python package\nhint: install Python 3.10+",
    )?;
    run(Command::new(system).args(["-m", "venv"]).arg(venv))
        .context("make a Python environment\nhint: on Debian and Ubuntu, install python3-venv")?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ])
    .args(["--require-hashes", "--requirement"])
    .arg(source.join("requirements.txt"));
    run(&mut pip)
        .context("install agent-coworker from PyPI\nhint: check the network or pip's index")
}

fn bridge(source: &Path, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    for name in ["package.json", "package-lock.json", "preload.mjs"] {
        std::fs::copy(source.join(name), out.join(name)).with_context(|| format!("copy {name}"))?;
    }
    crate::sidecar::npm(out, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .context("install the packages of the bridge\nhint: check the network or npm's registry")?;
    crate::sidecar::trim(out)
}
