//! Does what the author of a new skill does: has a project written in each language, builds it, runs its own test, and has
//! the component looked at.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::wasm::{self, Python, Rust, TARGET};

/// Writes, builds, tests and checks a project in each language, below `target/projects`.
pub(crate) fn projects(root: &Path) -> Result<()> {
    let target = root.join("target");
    let host = target.join("debug/coworker-host");
    let python = Python::open(&target)?;
    for language in ["rust", "js", "python", "c"] {
        crate::complain(&format!("==> a new project in {language}"));
        let folder = target.join("projects").join(language);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(target.join("projects"))?;
        let mut new = Command::new(&host);
        new.args(["skills", "new", "my-skill", "--lang", language, "--dir"]);
        wasm::run(new.arg(&folder))?;
        let component = match language {
            "rust" => rust(&target, &folder),
            "js" => js(&folder),
            "python" => in_python(&python, &folder),
            _ => c(&target, &folder),
        };
        let component = component.with_context(|| format!("a new project in {language}"))?;
        wasm::run(Command::new(&host).args(["skills", "check"]).arg(component))
            .with_context(|| format!("a new project in {language}"))?;
    }
    Ok(())
}

fn rust(target: &Path, folder: &Path) -> Result<PathBuf> {
    // Beside the other guests, which have the same dependencies.
    let built = target.join("guests");
    let cargo = |words: &[&str]| {
        let mut cargo = Rust::find()?.cargo(folder);
        wasm::run(cargo.args(words).arg("--target-dir").arg(&built))
    };
    cargo(&["build", "--release", "--target", TARGET])?;
    cargo(&["test"])?;
    Ok(built.join(TARGET).join("release/skill.wasm"))
}

fn js(folder: &Path) -> Result<PathBuf> {
    wasm::npm_install(folder)?;
    for task in ["build", "check", "test"] {
        let mut npm = Command::new("npm");
        wasm::run(npm.current_dir(folder).args(["run", "--silent", task]))?;
    }
    Ok(folder.join("target/skill.wasm"))
}

fn in_python(python: &Python, folder: &Path) -> Result<PathBuf> {
    let mut make = python.program("componentize-py");
    make.args(["-q", "-d", "wit", "-w", "skill", "componentize"]);
    make.args(["-p", ".", "-p", "sdk", "-o", "skill.wasm", "app"]);
    wasm::run(make.current_dir(folder))?;
    let mut test = python.python();
    test.args(["-B", "-m", "unittest"]).env("PYTHONPATH", "sdk");
    wasm::run(test.current_dir(folder))?;
    Ok(folder.join("skill.wasm"))
}

/// The project's own Makefile, with the packages that are there already in place of those that it would fetch.
fn c(target: &Path, folder: &Path) -> Result<PathBuf> {
    let packages = target.join("python");
    std::os::unix::fs::symlink(&packages, folder.join(".venv"))?;
    std::fs::write(packages.join("ready"), "")?;
    for goal in ["target/skill.wasm", "test"] {
        wasm::run(Command::new("make").current_dir(folder).arg(goal))?;
    }
    Ok(folder.join("target/skill.wasm"))
}
