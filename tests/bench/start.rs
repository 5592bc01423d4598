//! How long until the program serves, and until a file dropped into its folder can be called.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coworker_host::control::{Client, Request};
use coworker_host::report::Failure;
use serde_json::{Value, json};

use crate::Effort;
use crate::rig::{named, runtime};
use crate::row::{Budget, Report, text};

pub(crate) fn run(report: &mut Report, effort: Effort) {
    runtime().block_on(measure(report, effort));
}

async fn measure(report: &mut Report, effort: Effort) {
    let counts = effort.pick([1, 10, 100].as_slice(), [1].as_slice());
    for &count in counts {
        let program = Program::with_skills(count);
        let cold = program.serve_until_ready().await;
        report.row(
            &format!("start.cold.{count}"),
            cold.ready_ms,
            "ms",
            None,
            None,
        );
        cold.stop();
        let warm = program.serve_until_ready().await;
        let budget = (count == 100).then_some(Budget::AtMost(300.0));
        report.row(
            &format!("start.warm.{count}"),
            warm.ready_ms,
            "ms",
            None,
            budget,
        );
        if count == 1 {
            let started = Instant::now();
            program.drop_in("late");
            while !warm.try_call_self("late").await {
                tokio::time::sleep(Duration::from_millis(2)).await;
                assert!(
                    started.elapsed() < Duration::from_secs(60),
                    "the file was not picked up"
                );
            }
            let took = started.elapsed().as_secs_f64() * 1e3;
            report.row("dropin", took, "ms", None, Some(Budget::AtMost(500.0)));
        }
        warm.stop();
    }
}

/// A home with skills, and the program to serve it.
pub(crate) struct Program {
    dir: tempfile::TempDir,
    skills: usize,
}

impl Program {
    /// Makes a home with so many skills, `e000` and on, exposed as they are found.
    pub(crate) fn with_skills(skills: usize) -> Self {
        Self::configured(skills, |dir| {
            format!(
                "[host]\nname = \"bench\"\ndefault_visibility = \"exposed\"\n[loopback]\ndir = {:?}\n",
                dir.join("l")
            )
        })
    }

    /// The same, with a configuration made for the folder that the home is in.
    pub(crate) fn configured(skills: usize, config: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let program = Self { dir, skills };
        let made = program
            .command()
            .arg("init")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the program runs");
        assert!(made.success());
        let config = config(program.dir.path());
        std::fs::write(program.home().join("config.toml"), config).expect("room on disk");
        for n in 0..skills {
            program.drop_in(&format!("e{n:03}"));
        }
        program
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Puts a skill of this name into the folder as a careful person would.
    pub(crate) fn drop_in(&self, name: &str) {
        let skills = self.home().join("skills");
        std::fs::write(skills.join("part"), named(name)).expect("room on disk");
        std::fs::rename(skills.join("part"), skills.join(format!("{name}.wasm")))
            .expect("one folder");
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coworker-host"));
        command
            .arg("--home")
            .arg(self.home())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    /// Starts the program and waits until it answers its owner and serves all it has.
    pub(crate) async fn serve_until_ready(&self) -> Serving {
        let started = Instant::now();
        let child = self
            .command()
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut serving = Serving {
            child,
            home: self.home(),
            ready_ms: 0.0,
        };
        let deadline = Instant::now() + Duration::from_secs(300);
        while serving
            .exposed()
            .await
            .is_none_or(|exposed| exposed < self.skills)
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
            assert!(Instant::now() < deadline, "the program does not get ready");
        }
        serving.ready_ms = started.elapsed().as_secs_f64() * 1e3;
        serving
    }
}

/// The program while it serves. Ended when dropped.
pub(crate) struct Serving {
    child: Child,
    home: PathBuf,
    pub(crate) ready_ms: f64,
}

impl Serving {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn exposed(&self) -> Option<usize> {
        let rows = self.ask(&Request::SkillsList {}).await?;
        let rows = rows.as_array().into_iter().flatten();
        Some(rows.filter(|row| text(row, "state") == "exposed").count())
    }

    /// Asks as the owner; nothing while nobody answers.
    pub(crate) async fn ask(&self, request: &Request) -> Option<Value> {
        self.try_ask(request).await.ok().flatten()
    }

    /// The same, and why it did not work.
    pub(crate) async fn try_ask(&self, request: &Request) -> Result<Option<Value>, Failure> {
        match Client::connect(&self.home.join("control.sock")).await? {
            Some(mut client) => client.ask(request, |_| {}).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn call_self(&self, skill: &str) {
        assert!(self.try_call_self(skill).await, "{skill} did not answer");
    }

    pub(crate) async fn try_call_self(&self, skill: &str) -> bool {
        let request = Request::Call {
            peer: "self".to_owned(),
            skill: skill.to_owned(),
            input: json!({ "text": "hello" }),
            version: None,
            timeout: None,
            as_tier: None,
        };
        self.ask(&request)
            .await
            .is_some_and(|answer| answer.get("success") == Some(&Value::Bool(true)))
    }

    /// Ends the program at once, as a crash would.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    /// The same, for one that is to be replaced.
    pub(crate) fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end();
    }
}
