//! Does what the author of a new skill does: has a project written in each language, runs the commands that were printed to
//! build and to test it, and has the component looked at.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::wasm::{self, Python, Rust};

/// Writes, builds, tests and checks a project in each language, below `target/projects`.
pub(crate) fn projects(root: &Path) -> Result<()> {
    let target = root.join("target");
    let python = Python::open(&target)?;
    std::fs::create_dir_all(target.join("projects"))?;
    for language in ["rust", "js", "python", "c"] {
        crate::complain(&format!("==> a new project in {language}"));
        project(&target, &python, language)
            .with_context(|| format!("a new project in {language}"))?;
    }
    Ok(())
}

fn project(target: &Path, python: &Python, language: &str) -> Result<()> {
    let host = target.join("debug/coworker-host");
    let folder = target.join("projects").join(language);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut new = Command::new(&host);
    new.args(["--json", "skills", "new", "my-skill", "--lang", language]);
    let printed: serde_json::Value =
        serde_json::from_slice(&wasm::output(new.arg("--dir").arg(&folder))?)?;
    let told = |key: &str| {
        let told = printed.get(key).and_then(serde_json::Value::as_str);
        told.with_context(|| format!("`skills new` printed no {key}"))
    };
    let (build, test) = (told("build")?, told("test")?);
    let mut component = folder.join(told("component")?);
    let mut environment = Vec::new();
    match language {
        "rust" => {
            // Beside the other guests, which have the same dependencies.
            let built = target.join("guests");
            component = built.join(Path::new(told("component")?).strip_prefix("target")?);
            environment.extend(Rust::find()?.environment());
            environment.push(("CARGO_TARGET_DIR", built.into_os_string()));
        }
        "js" => wasm::check_node()?,
        // Another Python than the one on PATH, if that is too old.
        "python" => environment.push(("PATH", python.path()?)),
        // What make would fetch into it is there already.
        _ => {
            let packages = target.join("python");
            std::os::unix::fs::symlink(&packages, folder.join(".venv"))?;
            std::fs::write(packages.join("ready"), "")?;
        }
    }
    for step in [build, test] {
        let mut shell = Command::new("sh");
        shell.args(["-ec", step]).envs(environment.iter().cloned());
        Rust::without_flags(&mut shell);
        wasm::run(shell.current_dir(&folder)).with_context(|| format!("`{step}`"))?;
    }
    if language == "js" {
        let mut types = Command::new("npm");
        wasm::run(
            types
                .current_dir(&folder)
                .args(["run", "--silent", "check"]),
        )?;
    }
    wasm::run(Command::new(&host).args(["skills", "check"]).arg(component))
}
