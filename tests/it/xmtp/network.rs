//! A node in a process of its own, and homes that use it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::{Place, Serving};

/// A node that runs until this is dropped.
pub(crate) struct Node {
    child: Child,
    data: PathBuf,
    pub(crate) address: String,
}

impl Node {
    /// Starts a node on a free port.
    pub(crate) fn start(place: &Place) -> Self {
        Self::at(place.path("node"), "127.0.0.1:0")
    }

    fn at(data: PathBuf, listen: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coworker-host"))
            .args(["--json", "node", "--listen", listen, "--data"])
            .arg(&data)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("read");
        let ready: Value = serde_json::from_str(&line).expect("the node is ready");
        let address = ready["address"].as_str().expect("an address").to_owned();
        Self {
            child,
            data,
            address,
        }
    }

    /// Kills the node and starts it again where it was.
    pub(crate) fn kill_and_restart(&mut self) {
        self.away(|| {});
    }

    /// Kills the node, lets `meanwhile` happen without it, and starts it again where it was.
    pub(crate) fn away(&mut self, meanwhile: impl FnOnce()) {
        self.kill();
        // Its port is for nobody else: bound without listening, it refuses whoever connects, and lets the node come back.
        let held = TcpSocket::new_v4().expect("a socket");
        held.set_reuseaddr(true).expect("a wish");
        let address = self.address.parse().expect("an address");
        held.bind(address).expect("a port that was just left");
        meanwhile();
        *self = Self::at(self.data.clone(), &self.address);
        drop(held);
    }

    /// Kills the node and starts one in its place that knows nobody.
    pub(crate) fn wipe_and_restart(&mut self) {
        let data = self.data.clone();
        self.away(|| std::fs::remove_dir_all(data).expect("ours"));
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the folder that `cargo xtask sidecar` fills.
pub(crate) fn sidecar() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/xmtp-sidecar");
    folder
        .canonicalize()
        .ok()
        .filter(|folder| folder.join("node_modules/@xmtp/node-sdk").exists())
        .expect("target/xmtp-sidecar is missing: run `cargo xtask sidecar` first")
}

/// Returns a Node.js that is new enough.
pub(crate) fn node_program() -> PathBuf {
    let installed = sidecar().join("node/node_modules/.bin/node");
    if installed.exists() {
        return installed;
    }
    let path = std::env::var_os("PATH").expect("a path");
    std::env::split_paths(&path)
        .map(|folder| folder.join("node"))
        .find(|path| path.exists())
        .expect("Node.js is missing: run `cargo xtask sidecar` first")
}

/// Returns what a home needs in its configuration to use a node.
pub(crate) fn config(name: &str, node: &str) -> String {
    config_with(name, node, &sidecar())
}

/// The same with another sidecar.
pub(crate) fn config_with(name: &str, node: &str, sidecar: &Path) -> String {
    format!(
        "[host]\nname = \"{name}\"\ndefault_visibility = \"exposed\"\ntransport = \"xmtp\"\n\
         [xmtp]\nenv = \"local\"\nrun_node = false\nnode = \"http://{node}\"\nsidecar = \"{}\"\nnode_program = \"{}\"\n\
         [log]\nlevel = \"coworker_host=debug\"\n",
        sidecar.display(),
        node_program().display()
    )
}

/// A host with a place of its own on a network.
pub(crate) struct Member {
    pub(crate) place: Place,
    pub(crate) serving: Option<Serving>,
    pub(crate) me: String,
}

impl Member {
    /// Makes a home that shows these fixtures, and serves it.
    pub(crate) fn join(name: &str, node: &Node, skills: &[&str]) -> Self {
        let place = Place::configured(&config(name, &node.address));
        for skill in skills {
            place.drop_in(skill, skill);
        }
        let serving = place.serve(&[]);
        Self::of(place, serving)
    }

    /// Waits until a host that was started is on its network.
    pub(crate) fn of(place: Place, serving: Serving) -> Self {
        let me = serving.me().to_owned();
        let member = Self {
            place,
            serving: Some(serving),
            me,
        };
        member.until_state("ready");
        member
    }

    /// Asks the host as its owner.
    pub(crate) fn owner(&self, request: Value) -> Value {
        self.place.owner(request)
    }

    /// Returns how the bridge is.
    pub(crate) fn bridge(&self) -> Value {
        self.owner(json!({ "do": "status" }))["xmtp"].clone()
    }

    /// Waits until the bridge is in a state.
    pub(crate) fn until_state(&self, state: &str) -> Value {
        let mut last = Value::Null;
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(state, || {
                let status = ask_at(&self.place.home(), json!({ "do": "status" })).ok()?;
                last = status["xmtp"].clone();
                (last["state"] == state).then(|| last.clone())
            })
        }));
        told.unwrap_or_else(|_| {
            let log = std::fs::read_to_string(self.place.path("serve.log")).unwrap_or_default();
            panic!("the bridge is {last}\n{log}");
        })
    }

    /// Trusts another member.
    pub(crate) fn trust(&self, other: &Self, tier: &str) {
        self.owner(json!({ "do": "trust_set", "peer": other.me, "tier": tier }));
    }

    /// Calls a skill of another member, and returns what it replied.
    pub(crate) fn call(&self, other: &Self, skill: &str, input: Value) -> Value {
        self.owner(json!({
            "do": "call", "peer": other.me, "skill": skill, "input": input, "timeout": "100s",
        }))["reply"]
            .clone()
    }

    /// Ends the host as a crash would.
    pub(crate) fn kill(&mut self) {
        // Dropping kills.
        self.serving = None;
    }

    /// Serves the home again.
    pub(crate) fn serve(&mut self) {
        self.serving = Some(self.place.serve(&[]));
    }
}

/// Kills a process.
pub(crate) fn kill(pid: &Value) {
    let pid = pid.as_i64().and_then(|pid| i32::try_from(pid).ok());
    let pid = pid
        .and_then(rustix::process::Pid::from_raw)
        .expect("a process");
    // It may be gone already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
