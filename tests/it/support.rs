//! A place of its own for every test: a home, no colours, nothing of the machine's environment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

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
        place.share_compiled_code();
        place
    }

    /// Lets the home keep its compiled code where those of all tests do.
    fn share_compiled_code(&self) {
        let modules = self.path("home/cache/modules");
        std::os::unix::fs::symlink(compiled(), modules).expect("a home without compiled code");
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
        let text = text.replace(here, "[PLACE]");
        let fixtures = fixtures();
        without_digests(&text.replace(fixtures.to_str().expect("plain"), "[FIXTURES]"))
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

/// Returns a port of this machine that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let bound = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    bound.local_addr().expect("bound").port()
}

/// A host that serves, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    /// What it said at the start.
    pub(crate) ready: serde_json::Value,
}

impl Place {
    /// Starts a host and waits until it is ready.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        self.serve_with(arguments, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn serve_with(&self, arguments: &[&str], more: &[(&str, &Path)]) -> Serving {
        let log = std::fs::File::create(self.path("serve.log")).expect("ours");
        let mut command = self.command(&["--json", "serve"]);
        let mut child = command
            .args(arguments)
            .envs(more.iter().copied())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("read");
        let log = || std::fs::read_to_string(self.path("serve.log")).unwrap_or_default();
        let ready =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}{}", log()));
        Serving { child, ready }
    }
}

impl Place {
    /// Starts a host that dies of what it does, and waits until it has.
    #[track_caller]
    pub(crate) fn serve_to_death(&self, more: &[(&str, &Path)]) {
        let log = std::fs::File::create(self.path("serve.log")).expect("ours");
        let mut command = self.command(&["--json", "serve"]);
        let child = command.envs(more.iter().copied()).stdout(Stdio::null());
        let child = child.stderr(log).spawn().expect("the binary runs");
        Serving::of(child, serde_json::Value::Null).has_died();
    }
}

impl Serving {
    /// Waits until the host has died of what it did.
    #[track_caller]
    pub(crate) fn has_died(mut self) {
        let status = crate::peer::until("the host dies", || self.child.try_wait().expect("ours"));
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(6), "{status}");
    }

    /// Returns the host of a process that said that it is ready.
    pub(crate) fn of(child: Child, ready: serde_json::Value) -> Self {
        Self { child, ready }
    }

    /// Returns the number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the host to end, as a shell would, and returns how it did.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts a word for every digest, whole or cut: another compiler gives another one.
fn without_digests(text: &str) -> String {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut cleaned = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c| !is_digit(c)).unwrap_or(from.len()));
        cleaned.push_str(before);
        cleaned.push_str(if run.len() >= 11 { "[DIGEST]" } else { run });
        rest = after;
    }
    cleaned + rest
}

/// Returns the folder of the components that `cargo xtask fixtures` built for tests.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/fixtures")
        .canonicalize()
        .unwrap_or_else(|_| {
            panic!("target/fixtures is missing: run `cargo xtask fixtures` first");
        })
}

/// Returns the folder where all tests keep compiled code: a component is compiled once, not in every test.
pub(crate) fn compiled() -> PathBuf {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-cache/hosts");
    let mut builder = std::fs::DirBuilder::new();
    let builder = builder.recursive(true).mode(0o700);
    if let Err(error) = builder.create(&shared) {
        panic!("{} cannot be made: {error}", shared.display());
    }
    shared.canonicalize().expect("it was just made")
}

/// Returns a component that was built for tests.
pub(crate) fn fixture(name: &str) -> String {
    let path = fixtures().join(name);
    assert!(
        path.is_file(),
        "{name} is missing: run `cargo xtask fixtures` first"
    );
    path.to_str().expect("plain").to_owned()
}

/// Returns the folder of the sample skills as `cargo xtask samples` builds them.
pub(crate) fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/skills")
        .canonicalize()
        .unwrap_or_else(|_| {
            panic!("target/skills is missing: run `cargo xtask samples` first");
        })
}

/// Returns a sample skill.
pub(crate) fn sample(name: &str) -> String {
    let path = samples().join(name);
    assert!(
        path.is_file(),
        "{name} is missing: run `cargo xtask samples` first"
    );
    path.to_str().expect("plain").to_owned()
}

/// Returns the files in a folder and below that hold a text. What is only linked there is not looked at.
pub(crate) fn holding(folder: &Path, text: impl AsRef<[u8]>) -> Vec<String> {
    let text = text.as_ref();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let entry = entry.expect("an entry");
        let (kind, path) = (entry.file_type().expect("its kind"), entry.path());
        if kind.is_dir() {
            found.extend(holding(&path, text));
        } else if kind.is_file() {
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                // Whoever works there may take a file away meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            if bytes.windows(text.len()).any(|part| part == text) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A row of the system's tables of the network.
#[derive(Debug)]
pub(crate) struct NetworkRow {
    pub(crate) table: &'static str,
    /// Its words; the fourth is the state, where `0A` means that it listens.
    pub(crate) words: Vec<String>,
}

/// Returns how many sockets of any kind a process has, and those of them that are on the network.
pub(crate) fn sockets(id: u32) -> (usize, Vec<NetworkRow>) {
    let inode = |link: &Path| -> Option<String> {
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    };
    let all: Vec<String> = std::fs::read_dir(format!("/proc/{id}/fd"))
        .expect("a process of ours")
        .filter_map(|entry| inode(&std::fs::read_link(entry.ok()?.path()).ok()?))
        .collect();
    let mut rows = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6", "raw"] {
        let text = std::fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default();
        for line in text.lines() {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if words.get(9).is_some_and(|inode| all.contains(inode)) {
                rows.push(NetworkRow { table, words });
            }
        }
    }
    (all.len(), rows)
}
