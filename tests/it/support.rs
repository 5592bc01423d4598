//! A place of its own for every test: a home, no colours, nothing of the machine's environment.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A user with an empty folder.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Makes a place without a home.
    pub(crate) fn new() -> Self {
        // Not the default of $TMPDIR: the path of a socket is short, and so must be the folder's.
        let folder = tempfile::Builder::new()
            .prefix("cw")
            .tempdir_in("/tmp")
            .expect("a folder");
        Self { folder }
    }

    /// Makes a place with a home.
    pub(crate) fn with_home() -> Self {
        let place = Self::new();
        let made = place.run(&["init", "--name", "test"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        place
    }

    /// Returns a path in the place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the home.
    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// Sets the mode of a file or folder.
    pub(crate) fn mode(&self, name: &str, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), permissions).expect("ours");
    }

    /// Returns a command of the real binary in this place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coworker-host"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("COWORKER_HOME", self.home())
            .env("TMPDIR", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, with this on stdin.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut pipe = child.stdin.take().expect("piped");
        // A command that reads no input closes the pipe, and that is its right.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| self.clean(&String::from_utf8_lossy(bytes));
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Puts words where a run differs from the next.
    fn clean(&self, text: &str) -> String {
        let here = self.folder.path().to_str().expect("plain");
        text.replace(here, "[PLACE]")
            .replace(fixtures().to_str().expect("plain"), "[FIXTURES]")
    }
}

impl Ended {
    /// Returns everything that there is to see.
    pub(crate) fn seen(&self) -> String {
        let mut seen = format!("exit {}\n", self.code);
        if !self.stdout.is_empty() {
            seen.push_str(&self.stdout);
        }
        if !self.stderr.is_empty() {
            seen.push_str(&format!("--- stderr\n{}", self.stderr));
        }
        seen
    }
}

/// Returns the folder of the components that `cargo xtask samples` built for tests.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/fixtures")
        .canonicalize()
        .unwrap_or_else(|_| {
            panic!("target/fixtures is missing: run `cargo xtask samples` first");
        })
}

/// Returns a component that was built for tests.
pub(crate) fn fixture(name: &str) -> String {
    let path = fixtures().join(name);
    assert!(
        path.is_file(),
        "{name} is missing: run `cargo xtask samples` first"
    );
    path.to_str().expect("plain").to_owned()
}
