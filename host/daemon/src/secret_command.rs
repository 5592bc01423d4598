//! A command of the owner's that prints a secret: a passphrase, or the key of a provider. It runs in a process group of its
//! own, which ends with it; its output and its time are bounded. Errors name the configuration's key, and nothing that the
//! command printed.

use std::process::Stdio;
use std::time::Duration;

use coworker_core::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// The longest secret there is room for.
pub(crate) const LONGEST: usize = 8 << 10;
/// The most that a command may print.
const OUTPUT: usize = 64 << 10;
/// How long a command may take to print a secret; it may have to ask its user.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a command may take before the log says so.
const NOTED: Duration = Duration::from_secs(1);
/// How long the rest of its output is waited for when it has ended.
const REST: Duration = Duration::from_secs(1);

/// A command of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretCommand {
    /// The key that it stands under, as in `host.passphrase_command`.
    pub(crate) key: String,
    /// What the shell runs.
    pub(crate) line: String,
}

/// The processes of a command. They are killed as a whole, also if nobody waits for the command any more.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // Nothing is left to kill where the shell was alone.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl SecretCommand {
    /// Runs the command and returns the first line that it prints.
    pub(crate) async fn first_line(&self) -> Result<Secret, String> {
        self.first_line_within(PATIENCE).await
    }

    async fn first_line_within(&self, patience: Duration) -> Result<Secret, String> {
        let key = &self.key;
        let mut child = Command::new("/bin/sh")
            .args(["-c", &self.line])
            .stdin(Stdio::null())
            // What it complains about may hold the secret.
            .stderr(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the command of `{key}` does not start: {error}"))?;
        let mut group = Group::of(&child);
        let late = || {
            let seconds = patience.as_secs();
            format!(
                "the command of `{key}` did not end within {seconds} s: it has no terminal to ask on"
            )
        };
        let printed = tokio::time::timeout(patience, self.collect(&mut child, &mut group));
        tokio::pin!(printed);
        let text = tokio::select! {
            text = &mut printed => text,
            () = tokio::time::sleep(NOTED) => {
                tracing::info!(key, "waiting for the command that prints a secret");
                printed.await
            }
        };
        let text = text.map_err(|_| late())??;
        std::str::from_utf8(&text)
            .ok()
            .and_then(first_line)
            .filter(|secret| secret.reveal().len() <= LONGEST)
            .ok_or_else(|| format!("the command of `{key}` prints no line that is a secret"))
    }

    /// Returns what the command printed until it ended. What it left running is killed then, and not waited for.
    async fn collect(&self, child: &mut Child, group: &mut Group) -> Result<Vec<u8>, String> {
        let key = &self.key;
        let failed = |error| format!("the command of `{key}` cannot be read: {error}");
        let Some(stdout) = child.stdout.take() else {
            return Err(format!("the command of `{key}` has no output"));
        };
        let mut pipe = stdout.take(OUTPUT as u64 + 1);
        let (mut text, mut is_open) = (Vec::new(), true);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(failed)?,
                read = pipe.read_buf(&mut text), if is_open => is_open = read.map_err(failed)? > 0,
            }
            if text.len() > OUTPUT {
                return Err(self.too_long());
            }
        };
        group.kill();
        // A process that left the group may hold the pipe open: the secret was printed before the end.
        let _ = tokio::time::timeout(REST, pipe.read_to_end(&mut text)).await;
        if text.len() > OUTPUT {
            return Err(self.too_long());
        }
        if !status.success() {
            return Err(format!("the command of `{key}` failed ({status})"));
        }
        Ok(text)
    }

    fn too_long(&self) -> String {
        format!(
            "the command of `{}` prints more than {} KiB",
            self.key,
            OUTPUT >> 10
        )
    }
}

/// Returns the secret that a text begins with.
pub(crate) fn first_line(text: &str) -> Option<Secret> {
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| Secret::new(line))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    fn command(line: String) -> SecretCommand {
        SecretCommand {
            key: "llm.near.key_command".to_owned(),
            line,
        }
    }

    async fn run(line: &str) -> Result<String, String> {
        let secret = command(line.to_owned()).first_line().await?;
        Ok(secret.reveal().to_owned())
    }

    /// Returns whether the process that wrote its number there is gone, waiting a little for its end.
    async fn is_gone(file: &Path) -> bool {
        let text = std::fs::read_to_string(file).expect("it was written");
        let id: i32 = text.trim().parse().expect("a number");
        let id = Pid::from_raw(id).expect("not zero");
        for _ in 0..200 {
            // Whoever inherits the dead need not bury them at once.
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
            let is_dead = stat.is_ok_and(|stat| stat.contains(") Z "));
            if is_dead || rustix::process::test_kill_process(id).is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line_and_errors_give_none_of_it() {
        assert_eq!(run("echo sk-1; echo more").await.as_deref(), Ok("sk-1"));
        for line in [
            "echo sk-1; echo sk-1 >&2; exit 3",
            "echo; echo sk-1",
            "printf 'sk-1\\377'",
            "yes sk-1",
            "head -c 9000 /dev/zero | tr '\\0' s; echo sk-1",
        ] {
            let why = run(line).await.expect_err(line);
            assert!(why.contains("`llm.near.key_command`"), "{line}: {why}");
            assert!(!why.contains("sk-1"), "{line}: {why}");
        }
    }

    #[tokio::test]
    async fn a_command_that_prints_without_end_is_ended_with_its_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let line = format!("echo $$ > {}; cat /dev/zero | cat", pid.display());
        let why = run(&line).await.expect_err("without end");
        assert!(why.contains("more than 64 KiB"), "{why}");
        assert!(is_gone(&pid).await);
    }

    #[tokio::test]
    async fn a_child_that_outlives_the_command_is_killed_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let line = format!("sleep 300 & echo $! > {}; echo sk-1", pid.display());
        let started = Instant::now();
        assert_eq!(run(&line).await.as_deref(), Ok("sk-1"));
        assert!(started.elapsed() < PATIENCE / 2, "it was waited for");
        assert!(is_gone(&pid).await);
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_killed_as_a_whole_in_time_and_when_nobody_waits() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        let line = format!("sleep 300 & echo $! > {}; wait", pid.display());
        let short = Duration::from_secs(2);
        let late = command(line.clone()).first_line_within(short).await;
        assert!(late.is_err_and(|why| why.contains("did not end within 2 s")));
        assert!(is_gone(&pid).await);
        std::fs::remove_file(&pid).expect("it was written");
        let given_up = tokio::time::timeout(short, command(line).first_line()).await;
        assert!(given_up.is_err());
        assert!(is_gone(&pid).await);
    }
}
