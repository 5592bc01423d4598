//! `skills new`: a project that builds, passes `skills check`, and carries a test of its own.

#[path = "../../../../guest-sdk/templates/embed.rs"]
#[expect(
    unreachable_pub,
    reason = "builds of the samples read the same list, from outside"
)]
mod template;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use coworker_core::SkillName;
use serde_json::json;

use super::Context;
use crate::report::{Failure, printable};

/// What to write.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The skill's name, and the folder's
    name: SkillName,
    /// The language to write it in
    #[arg(long, value_enum)]
    lang: Language,
    /// Where to write it [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The languages that projects are written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Rust
    Rust,
    /// TypeScript
    Js,
    /// Python
    Python,
    /// C
    C,
}

impl Language {
    const fn files(self) -> template::Files {
        match self {
            Self::Rust => template::RUST,
            Self::Js => template::JS,
            Self::Python => template::PYTHON,
            Self::C => template::C,
        }
    }

    /// Returns the command that builds a project, the one that tests it, and the component that is built.
    const fn steps(self) -> [&'static str; 3] {
        match self {
            Self::Rust => [
                "cargo build --release --target wasm32-unknown-unknown",
                "cargo test",
                "target/wasm32-unknown-unknown/release/skill.wasm",
            ],
            Self::Js => [
                "npm install --ignore-scripts && npm run build",
                "npm install --ignore-scripts && npm test",
                "target/skill.wasm",
            ],
            Self::Python => [
                "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1 && .venv/bin/componentize-py -d wit -w skill componentize -p . -p sdk -o skill.wasm app",
                "PYTHONPATH=sdk python3 -m unittest",
                "skill.wasm",
            ],
            Self::C => ["make", "make test", "target/skill.wasm"],
        }
    }
}

pub(super) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    let name = options.name.as_str();
    let folder = options.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let shown = printable(&folder.display().to_string());
    // The folder is made, not merged into: nothing of the author's is ever overwritten.
    std::fs::create_dir(&folder).map_err(|error| {
        Failure::failed(format!("cannot make the folder {shown}"))
            .caused_by(&error)
            .hint("choose another name, or another place with --dir DIR")
    })?;
    let files = options.lang.files();
    for (path, bytes) in files {
        write(&folder.join(path), bytes, name)
            .map_err(|error| Failure::failed(format!("cannot write {path}")).caused_by(&error))?;
    }
    let [build, test, component] = options.lang.steps();
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    let answer = json!({
        "folder": folder, "files": paths, "build": build, "test": test, "component": component,
    });
    context.ui.answer(&answer, |ui, _| {
        ui.line(&format!("wrote {} files to {shown}", files.len()));
        ui.advise(&format!("build:  cd {shown} && {build}"));
        ui.advise(&format!("test:   cd {shown} && {test}"));
        ui.advise(&format!(
            "check:  coworker-host skills check {shown}/{component}"
        ));
    });
    Ok(())
}

/// Writes one file with the skill's name in it; what is no text is written as it is.
fn write(to: &Path, bytes: &[u8], name: &str) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => std::fs::write(to, text.replace("{{name}}", name)),
        Err(_) => std::fs::write(to, bytes),
    }
}
