//! What the tests against other people's programs need, in `target/interop`: the published agent-coworker in an environment
//! of its own, the packages of its bridge in pinned versions, on the Node.js that lies beside the sidecar, and a proxy of
//! models, litellm, in another environment, since the two want different versions of the same packages.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::python::pip_install;
use crate::wasm::run;

/// What the folder is made from.
const SOURCES: [&str; 4] = [
    "requirements.txt",
    "bridge/package.json",
    "bridge/package-lock.json",
    "bridge/preload.mjs",
];

/// What the environment of the proxy is made from.
const PROXY: [&str; 2] = ["litellm.txt", "litellm.lock.txt"];

/// Makes the folder, or leaves what is in it as it is if it was made from the same files; returns it.
pub(crate) fn interop(root: &Path) -> Result<PathBuf> {
    let (source, out) = (root.join("tests/interop"), root.join("target/interop"));
    let agent = || -> Result<()> {
        crate::complain("==> installing agent-coworker and the packages of its bridge, for tests");
        remove(&out.join("venv"))?;
        remove(&out.join("bridge"))?;
        python(&source, &out.join("venv"))?;
        bridge(&source.join("bridge"), &out.join("bridge"))
    };
    made_of(&source, &SOURCES, &out.join("ready"), agent)?;
    let proxy = || -> Result<()> {
        crate::complain("==> installing litellm, a proxy of models, for tests: 700 MB");
        remove(&out.join("litellm"))?;
        litellm(&source, &out.join("litellm"))
    };
    made_of(&source, &PROXY, &out.join("litellm/ready"), proxy)?;
    Ok(out)
}

/// Makes something, unless the stamp says that it was made from the same files.
fn made_of(
    source: &Path,
    names: &[&str],
    ready: &Path,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let wanted = names
        .iter()
        .map(|name| {
            std::fs::read_to_string(source.join(name)).with_context(|| format!("read {name}"))
        })
        .collect::<Result<String>>()?;
    if std::fs::read_to_string(ready).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    make()?;
    std::fs::write(ready, wanted)?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).context("remove what an earlier run left")?;
    }
    Ok(())
}

fn environment(venv: &Path) -> Result<()> {
    crate::python::environment(
        venv,
        "hosts are tried against programs in Python\nhint: install Python 3.10+",
    )
}

fn litellm(source: &Path, venv: &Path) -> Result<()> {
    environment(venv)?;
    let mut pip = pip_install(venv);
    pip.arg("--requirement")
        .arg(source.join("litellm.txt"))
        .arg("--constraint")
        .arg(source.join("litellm.lock.txt"));
    run(&mut pip).context("install litellm from PyPI\nhint: check the network or pip's index")
}

fn python(source: &Path, venv: &Path) -> Result<()> {
    environment(venv)?;
    let mut pip = pip_install(venv);
    pip.args(["--no-deps", "--require-hashes", "--requirement"])
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
