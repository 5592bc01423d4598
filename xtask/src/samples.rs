//! Builds the sample skills into `target/skills` and the fixtures into `target/fixtures`, from source, and only what
//! changed since the last time: each output has a stamp, the hash of all it was made from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::wasm::{self, Python, Rust};

mod fixture;

/// Samples that are a SKILL.md and no code: they are served as they are.
const TEXTS: [&str; 1] = ["release-notes"];

/// A language that samples are written in.
#[derive(Clone, Copy)]
enum Language {
    Rust,
    TypeScript,
    Python,
    C,
}

/// Builds the sample skills; returns their folder, which `serve` takes as it is.
pub(crate) fn samples(root: &Path, only_rust: bool) -> Result<PathBuf> {
    use Language::{C, Python, Rust, TypeScript};
    let all: &[Language] = &[Rust, TypeScript, Python, C];
    let out = root.join("target/skills");
    for language in if only_rust { &[Rust] } else { all } {
        skill(root, &out, *language)?;
    }
    for name in TEXTS {
        text(&root.join("sample-skills").join(name), &out.join(name))?;
    }
    Ok(out)
}

/// Puts a skill that is a text where it is served, unless it is there.
fn text(source: &Path, out: &Path) -> Result<()> {
    let name = "SKILL.md";
    let text = std::fs::read(source.join(name))
        .with_context(|| format!("read {}", source.join(name).display()))?;
    if std::fs::read(out.join(name)).is_ok_and(|there| there == text) {
        return Ok(());
    }
    put(&source.join(name), &out.join(name))
}

fn skill(root: &Path, out: &Path, language: Language) -> Result<()> {
    let samples = root.join("sample-skills");
    let world = root.join("wit");
    let place = |name: &str| out.join(format!("{name}.wasm"));
    match language {
        Language::Rust => {
            let sources = [
                root.join("guest-sdk/rust"),
                samples.join("icy"),
                samples.join("meeting-notes"),
                samples.join("text-tools"),
            ];
            let manifest = [
                samples.join("Cargo.toml"),
                samples.join("Cargo.lock"),
                world.clone(),
            ];
            let notes = root.join("target/guests/meeting-notes.wasm");
            let outs = [place("icy"), place("text-tools"), notes];
            fresh(
                &sources.iter().chain(&manifest).collect::<Vec<_>>(),
                &outs,
                || {
                    crate::complain("==> building the Rust skills");
                    let built = Rust::find()?.build(&samples, &root.join("target/guests"))?;
                    put(&built.join("icy.wasm"), &outs[0])?;
                    put(&built.join("text_tools.wasm"), &outs[1])?;
                    put(&built.join("meeting_notes.wasm"), &outs[2])
                },
            )?;
            with_texts(&samples.join("meeting-notes"), Some(&outs[2]), out)?;
        }
        Language::TypeScript => {
            let folder = samples.join("json-tools");
            let outs = [place("json-tools")];
            fresh(
                &[&folder, &root.join("guest-sdk/js"), &world],
                &outs,
                || {
                    crate::complain("==> building the TypeScript skill");
                    wasm::npm_install(&folder)?;
                    wasm::run(
                        Command::new("npm")
                            .current_dir(&folder)
                            .args(["run", "--silent", "build"]),
                    )?;
                    put(&folder.join("target/json-tools.wasm"), &outs[0])
                },
            )?;
        }
        Language::Python => {
            python(root, "dates", "skill", &place("dates"))?;
            let built = root.join("target/guests/mail-desk.wasm");
            python(root, "mail-desk", "skill-llm", &built)?;
            with_texts(&samples.join("mail-desk"), Some(&built), out)?;
        }
        Language::C => {
            let (folder, sdk) = (samples.join("checksums"), root.join("guest-sdk/c"));
            let outs = [place("checksums")];
            fresh(&[&folder, &sdk, &world], &outs, || {
                crate::complain("==> building the C skill");
                let built = root.join("target/guests/checksums.wasm");
                c(
                    &Python::open(&root.join("target"))?,
                    &[folder.join("checksums.c")],
                    &sdk,
                    &built,
                )?;
                put(&built, &outs[0])
            })?;
        }
    }
    Ok(())
}

/// Builds a Python skill for a world.
fn python(root: &Path, name: &str, world: &str, out: &PathBuf) -> Result<()> {
    let (folder, sdk) = (
        root.join("sample-skills").join(name),
        root.join("guest-sdk/python"),
    );
    let wit = root.join("wit");
    fresh(&[&folder, &sdk, &wit], std::slice::from_ref(out), || {
        crate::complain(&format!("==> building the Python skill {name}"));
        let built = root.join(format!("target/guests/{name}.new.wasm"));
        std::fs::create_dir_all(root.join("target/guests"))?;
        let mut make = Python::open(&root.join("target"))?.program("componentize-py");
        make.arg("-q")
            .arg("-d")
            .arg(&wit)
            .args(["-w", world, "componentize", "-p"])
            .arg(&folder);
        wasm::run(make.arg("-p").arg(&sdk).arg("-o").arg(&built).arg("app"))?;
        put(&built, out)
    })
}

/// Lays a skill out as a folder: its component, if it has one, its texts and what it asks for.
fn with_texts(folder: &Path, component: Option<&Path>, out: &Path) -> Result<()> {
    let to = out.join(folder.file_name().unwrap_or_default());
    let texts = ["SKILL.md", "grants.toml"].map(|name| (folder.join(name), to.join(name)));
    let component = component.map(|from| (from.to_owned(), to.join("skill.wasm")));
    for (from, to) in texts
        .into_iter()
        .filter(|(from, _)| from.is_file())
        .chain(component)
    {
        // What is there already stays as it is: a running host would look at it again.
        let same =
            std::fs::read(&to).is_ok_and(|have| std::fs::read(&from).is_ok_and(|new| new == have));
        if !same {
            put(&from, &to)?;
        }
    }
    Ok(())
}

/// Builds the fixtures; returns their folder.
pub(crate) fn fixtures(root: &Path) -> Result<PathBuf> {
    let (folder, out) = (root.join("tests/fixtures"), root.join("target/fixtures"));
    let outs = fixture::names(&folder)?
        .into_iter()
        .map(|name| out.join(format!("{name}.wasm")))
        .collect::<Vec<_>>();
    // The recipe is a source too: its text decides what the bytes are.
    let recipe = root.join("xtask/src/samples/fixture.rs");
    let sdk = root.join("guest-sdk/rust");
    fresh(&[&folder, &root.join("wit"), &sdk, &recipe], &outs, || {
        crate::complain("==> building the fixtures");
        let built = Rust::find()?.build(&folder, &root.join("target/guests"))?;
        fixture::assemble(&folder, &built, &out)
    })?;
    Ok(out)
}

/// Runs the tests that the SDKs and samples bring: all of them natively, none needs a host.
pub(crate) fn test(root: &Path) -> Result<()> {
    let samples = root.join("sample-skills");
    let rust = |folder: &Path| {
        crate::complain(&format!("==> testing {}", folder.display()));
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(folder)
            .args(["test", "--workspace", "--locked", "--target-dir"]);
        wasm::run(cargo.arg(root.join("target/guests")))
    };
    rust(&root.join("guest-sdk/rust"))?;
    rust(&samples)?;

    crate::complain("==> testing the TypeScript, Python and C skills");
    let scripts = samples.join("json-tools");
    wasm::npm_install(&scripts)?;
    for task in ["check", "test"] {
        wasm::run(
            Command::new("npm")
                .current_dir(&scripts)
                .args(["run", "--silent", task]),
        )?;
    }
    let python = Python::open(&root.join("target"))?;
    let sdk = root.join("guest-sdk/python");
    for name in ["dates", "mail-desk"] {
        wasm::run(
            python
                .python()
                .current_dir(samples.join(name))
                .env("PYTHONPATH", &sdk)
                .args(["-B", "-m", "unittest"]),
        )?;
    }
    let (folder, sdk, out) = (
        samples.join("checksums"),
        root.join("guest-sdk/c"),
        root.join("target/guests/checksums-test"),
    );
    std::fs::create_dir_all(root.join("target/guests"))?;
    let mut zig = python.python();
    zig.args([
        "-m",
        "ziglang",
        "cc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=undefined",
        "-I",
    ])
    .arg(&sdk);
    zig.args(["checksums.c", "test.c"].map(|file| folder.join(file)))
        .arg(sdk.join("coworker_skill.c"));
    wasm::run(zig.arg("-o").arg(&out))?;
    wasm::run(&mut Command::new(out))
}

/// Compiles a C skill and makes it a component.
fn c(python: &Python, sources: &[PathBuf], sdk: &Path, out: &Path) -> Result<()> {
    let core = out.with_extension("core.wasm");
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut zig = python.python();
    zig.args([
        "-m",
        "ziglang",
        "cc",
        "-target",
        "wasm32-wasi",
        "-mexec-model=reactor",
        "-Oz",
        "-Wall",
        "-Wextra",
    ]);
    // Zig's own stack of 16 MiB would count against the memory of every call.
    zig.args(["-Wl,-z,stack-size=65536", "-Wl,--strip-all", "-I"])
        .arg(sdk)
        .args(sources);
    zig.args(
        [
            "coworker_skill.c",
            "component.c",
            "skill.c",
            "skill_component_type.o",
        ]
        .map(|file| sdk.join(file)),
    );
    wasm::run(zig.arg("-o").arg(&core))?;
    wasm::run(
        python
            .program("wasm-tools")
            .args(["component", "new"])
            .arg(&core)
            .arg("-o")
            .arg(out),
    )
}

/// Runs `build` unless all outputs are there and were made from these very sources.
fn fresh(sources: &[&PathBuf], outs: &[PathBuf], build: impl FnOnce() -> Result<()>) -> Result<()> {
    let Some(first) = outs.first() else {
        return Ok(());
    };
    // Not beside the outputs: that folder is served as it is.
    let name = first.file_name().unwrap_or_default();
    let stamps = first.ancestors().nth(2).unwrap_or(first).join("guests");
    let stamp = stamps.join(name).with_extension("stamp");
    let mut hasher = blake3::Hasher::new();
    for source in sources {
        hash(source, &mut hasher).with_context(|| format!("read {}", source.display()))?;
    }
    let hash = hasher.finalize().to_hex().to_string();
    let made = std::fs::read_to_string(&stamp).is_ok_and(|made| made == hash);
    if made && outs.iter().all(|out| out.is_file()) {
        return Ok(());
    }
    std::fs::create_dir_all(&stamps)?;
    if let Some(folder) = first.parent() {
        std::fs::create_dir_all(folder)?;
    }
    build()?;
    Ok(std::fs::write(stamp, hash)?)
}

/// Hashes names and contents below a path, in order, but nothing that a build leaves behind.
fn hash(path: &Path, hasher: &mut blake3::Hasher) -> Result<()> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if matches!(
        name.as_str(),
        "target" | "node_modules" | "__pycache__" | ".git"
    ) {
        return Ok(());
    }
    hasher.update(name.as_bytes());
    if !path.is_dir() {
        hasher.update(&std::fs::read(path)?);
        return Ok(());
    }
    let mut inside = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    inside.sort();
    inside.iter().try_for_each(|path| hash(path, hasher))
}

/// Copies under another name first, so that a running host never sees half a file.
fn put(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = to.with_extension("part");
    std::fs::copy(from, &part).with_context(|| format!("copy {}", from.display()))?;
    Ok(std::fs::rename(part, to)?)
}
