//! Texts that others wrote, for the bench of the guard: documentation packages of the system, unpacked and not installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Packages with many pages.
const PACKAGES: [&str; 4] = ["manpages", "manpages-dev", "python3-doc", "perl-doc"];

/// Unpacks the packages into `target/texts`, once, where the system's package manager is that of Debian.
pub(crate) fn texts(root: &Path) -> Result<()> {
    let folder = root.join("target/texts");
    let done = folder.join("done");
    if done.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    let (mut unpacked, mut failed) = (0, None);
    for package in PACKAGES {
        match unpack(&folder, package) {
            Ok(()) => unpacked += 1,
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if unpacked == 0 => Err(error),
        _ => Ok(std::fs::write(done, "")?),
    }
}

fn unpack(folder: &Path, package: &str) -> Result<()> {
    run(folder, "apt-get", &["download", "-qq", package])?;
    let mut files = std::fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path());
    let file = files.find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("{package}_"))
    });
    let file = file.with_context(|| format!("{package} was not downloaded"))?;
    run(folder, "dpkg-deb", &["-x", &file.to_string_lossy(), "."])?;
    Ok(std::fs::remove_file(file)?)
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program}: {}", said.lines().last().unwrap_or_default());
    }
    Ok(())
}
