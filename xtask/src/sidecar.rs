//! What tests of XMTP need: the sidecar with its packages in `target/xmtp-sidecar`, as `bridge setup` would install them,
//! and a Node.js that is new enough for them. Both once, and again when the lockfile changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The oldest Node.js that the client's makers support.
const SUPPORTED: u32 = 22;

/// Puts the sidecar into `target/xmtp-sidecar`; returns the folder.
pub(crate) fn sidecar(root: &Path) -> Result<PathBuf> {
    let source = root.join("host/sidecar/xmtp");
    let out = root.join("target/xmtp-sidecar");
    std::fs::create_dir_all(&out)?;
    let copy = |name: &str| -> Result<()> {
        std::fs::copy(source.join(name), out.join(name)).with_context(|| format!("copy {name}"))?;
        Ok(())
    };
    let lock = "package-lock.json";
    let installed = out
        .join("node_modules/@xmtp/node-sdk/package.json")
        .is_file();
    let same =
        std::fs::read(source.join(lock))? == std::fs::read(out.join(lock)).unwrap_or_default();
    if !(installed && same) {
        crate::complain("==> installing the XMTP client");
        copy("package.json")?;
        copy(lock)?;
        npm(&out, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
        trim(&out)?;
    }
    copy("index.mjs")?;
    node(&out)?;
    Ok(out)
}

/// Makes sure that a Node.js lies beside the sidecar if the machine's is too old.
fn node(out: &Path) -> Result<()> {
    if version("node".as_ref()).is_some_and(|major| major >= SUPPORTED) {
        return Ok(());
    }
    let folder = out.join("node");
    let program = folder.join("node_modules/.bin/node");
    if version(&program).is_none_or(|major| major < SUPPORTED) {
        crate::complain("==> installing Node.js 22 for tests");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
        npm(&folder, &["install", "--no-audit", "--no-fund", "node@22"])?;
    }
    let Some(major) = version(&program) else {
        bail!("npm installed no Node.js: install version {SUPPORTED} or newer and try again");
    };
    crate::complain(&format!("tests of XMTP run on Node.js {major}"));
    Ok(())
}

fn version(node: &Path) -> Option<u32> {
    let output = Command::new(node).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Runs npm in a folder.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("npm")
        .current_dir(folder)
        .args(arguments)
        .args(["--loglevel", "error"])
        .status()
        .context("cannot run npm: install Node.js, which brings it")?;
    if !status.success() {
        bail!("npm {} failed in {}", arguments.join(" "), folder.display());
    }
    Ok(())
}

/// Removes the native modules of other platforms: nine tenths of what was installed.
pub(crate) fn trim(out: &Path) -> Result<()> {
    let folder = out.join("node_modules/@xmtp/node-bindings/dist");
    let (os, arch) = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("macos", arch) => ("darwin", arch),
        other => other,
    };
    let arch = if arch == "aarch64" { "arm64" } else { "x64" };
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".node") && !name.contains(&format!("{os}-{arch}")) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
