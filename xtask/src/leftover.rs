//! Whether tests left anything running. What ran before they began is somebody else's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a process that was told to end may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Processes of this repository's programs, by their numbers.
pub(crate) struct Running(BTreeMap<u32, String>);

impl Running {
    /// Looks at what runs now. Elsewhere than on Linux there is nothing to look at.
    pub(crate) fn now(root: &Path) -> Self {
        // As the system writes the path of a program.
        let target = root.join("target");
        let target = target.canonicalize().unwrap_or(target);
        let me = std::process::id();
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ours = numbers.filter(|id| *id != me);
        Self(
            ours.filter_map(|id| Some((id, ours_by(&target, id)?)))
                .collect(),
        )
    }

    /// Fails, with their names, if processes run that did not run before.
    pub(crate) fn nothing_more(&self, root: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut more = Self::now(root).0;
            more.retain(|id, _| !self.0.contains_key(id));
            if more.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let names: Vec<String> = more
                    .iter()
                    .map(|(id, line)| format!("process {id}: {line}"))
                    .collect();
                bail!("the tests left something running:\n{}", names.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Returns the command line of a process whose program, or whose script, lies below `target`.
fn ours_by(target: &Path, id: u32) -> Option<String> {
    // Unreadable if it is somebody else's, or just ended.
    let program = std::fs::read_link(format!("/proc/{id}/exe")).ok()?;
    let line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let words: Vec<String> = line
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let name = program.file_name()?.to_string_lossy().into_owned();
    let interprets = ["node", "python"].iter().any(|one| name.starts_with(one));
    let script = words.get(1).map(PathBuf::from).filter(|_| interprets);
    let is_ours = program.starts_with(target) || script.is_some_and(|it| it.starts_with(target));
    is_ours.then(|| words.join(" ").trim_end().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_named_and_what_was_there_is_not() {
        let root = tempfile::tempdir().expect("a folder");
        let program = root.path().join("target/debug/sleeper");
        std::fs::create_dir_all(program.parent().expect("a folder")).expect("ours");
        std::fs::copy("/bin/sleep", &program).expect("a program");
        let start = || {
            std::process::Command::new(&program)
                .arg("600")
                .spawn()
                .expect("it runs")
        };
        let mut first = start();
        let before = Running::now(root.path());
        assert!(before.0.contains_key(&first.id()));
        let mut second = start();
        // A program is there a moment before its arguments are: the one who started it goes on as
        // soon as it has memory of its own.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Running::now(root.path());
            let line = now.0.get(&second.id()).cloned().expect("it runs");
            if line.ends_with("sleeper 600") {
                break;
            }
            assert!(Instant::now() < deadline, "{line}");
            std::thread::sleep(Duration::from_millis(1));
        }
        second.kill().expect("it runs");
        second.wait().expect("it ends");
        before
            .nothing_more(root.path())
            .expect("only what was there");
        first.kill().expect("it runs");
        first.wait().expect("it ends");
    }
}
