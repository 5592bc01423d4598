//! Agents of agent-coworker 0.6.1 with the bridges they come with: what a call costs between two of them, and from one of
//! them to a host.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use coworker_core::Tier;
use serde_json::{Value, json};

use super::network::{Member, Node, Tools};
use super::{ECHO, quantiles};
use crate::Effort;
use crate::rig::target;
use crate::row::{Report, rss_mb, text};

pub(super) async fn run(
    report: &mut Report,
    effort: Effort,
    tools: &Tools,
    node: &Node,
    ann: &Member,
) {
    let Some(package) = installed() else {
        report.remark(
            "the rows with agent-coworker are not measured: it is not in target/interop; run `cargo xtask interop`",
        );
        return;
    };
    let [mut one, two] = ["one", "two"].map(|name| Agent::start(&package, tools, node, name));
    let meet = |agent: &mut Agent, to: &str| {
        let started = Instant::now();
        agent.ask(json!({ "do": "connect", "to": to }));
        started.elapsed().as_secs_f64() * 1e3
    };
    let first = meet(&mut one, &two.inbox);
    report.row("xmtp.python_first_contact", first, "ms", None, None);
    let ours = ann.me.trim_start_matches("xmtp:").to_owned();
    let first = meet(&mut one, &ours);
    report.row("xmtp.python_to_us.first_contact", first, "ms", None, None);

    let calls = effort.times(30, 1);
    let (mut pair, mut to_us) = (Vec::new(), Vec::new());
    ann.trust(&format!("xmtp:{}", one.inbox), Tier::Privileged)
        .await;
    for n in 0..calls {
        // It looks for messages every second and a half: calls come at any moment between, not in step with that.
        tokio::time::sleep(Duration::from_millis(n as u64 * 487 % 1_500)).await;
        pair.push(one.call(&two.inbox, "add", json!({ "a": n, "b": 1 })));
        tokio::time::sleep(Duration::from_millis(n as u64 * 613 % 1_500)).await;
        to_us.push(one.call(&ours, ECHO, json!({ "text": "hello" })));
    }
    quantiles(report, "xmtp.python_pair", pair, "xmtp.bare");
    quantiles(report, "xmtp.python_to_us", to_us, "xmtp.bare");
    report.row("xmtp.rss.python", rss_mb(two.child.id()), "MB", None, None);
    report.row(
        "xmtp.rss.python_bridge",
        rss_mb(two.bridge()),
        "MB",
        None,
        None,
    );
    report.remark(
        "agents of agent-coworker 0.6.1, unmodified, each with its own bridge, on the same node",
    );
}

/// Returns the folder that `cargo xtask interop` fills, if it did.
fn installed() -> Option<PathBuf> {
    let folder = target().join("interop").canonicalize().ok()?;
    folder.join("ready").exists().then_some(folder)
}

/// An agent, led over its input. It ends its bridge when its input ends.
struct Agent {
    child: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
    inbox: String,
    dir: tempfile::TempDir,
}

impl Agent {
    fn start(package: &Path, tools: &Tools, node: &Node, name: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let beside = tools.node_program.parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(beside).chain(std::env::split_paths(&path));
        let bridge = package.join("bridge");
        let mut child = Command::new(package.join("venv/bin/python"))
            .env_clear()
            .env("HOME", dir.path())
            .env("PATH", std::env::join_paths(path).expect("a path"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(dir.path())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/agent.py"))
            .args(["serve", name])
            .arg(bridge.join("node_modules"))
            .arg(bridge.join("preload.mjs"))
            .arg(node.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs");
        let orders = child.stdin.take();
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let mut agent = Self {
            child,
            orders,
            said,
            inbox: String::new(),
            dir,
        };
        let ready = agent.hear(|said| said["is"] == "ready");
        agent.inbox = text(&ready, "inbox").to_owned();
        agent
    }

    /// Reads until something is said that is wanted.
    fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).expect("UTF-8");
            assert!(read > 0, "the agent ended");
            let said: Value = serde_json::from_str(&line).expect("JSON lines");
            if wanted(&said) {
                return said;
            }
        }
    }

    fn ask(&mut self, mut order: Value) -> Value {
        order["id"] = json!(1);
        let mut orders = self.orders.as_ref().expect("it runs");
        writeln!(orders, "{order}").expect("it reads");
        let mut ended = self.hear(|said| said["id"] == 1);
        assert!(ended.get("error").is_none(), "{order}: {ended}");
        ended["value"].take()
    }

    /// Calls a skill with the package's own `call`, and returns how long that took in ms.
    fn call(&mut self, to: &str, skill: &str, input: Value) -> f64 {
        let started = Instant::now();
        let answer = self.ask(json!({ "do": "call", "to": to, "skill": skill, "input": input }));
        let took = started.elapsed().as_secs_f64() * 1e3;
        assert_eq!(answer["success"], true, "{answer}");
        took
    }

    /// Returns the process of its bridge.
    fn bridge(&self) -> u32 {
        let file = self.dir.path().join(".coworker/bridge.pid");
        let pid = std::fs::read_to_string(file).expect("a bridge");
        pid.trim().parse().expect("a number")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It may have ended by itself.
        let _ = self.child.wait();
    }
}
