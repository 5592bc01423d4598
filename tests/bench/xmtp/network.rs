//! A node, hosts and official clients, each a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use coworker_core::Tier;
use coworker_host::clock;
use coworker_host::control::Request;
use coworker_host::home::{Wallet, hex};
use coworker_host::transport::xmtp::NodeProgram;
use serde_json::{Value, json};

use crate::rig::target;
use crate::row::text;
use crate::start::{Program, Serving};

/// How long anything may take before the bench is wrong.
const PATIENCE: Duration = Duration::from_secs(40);

/// What XMTP needs besides our own program.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) sidecar: PathBuf,
    pub(crate) node_program: PathBuf,
}

impl Tools {
    /// Finds what `cargo xtask sidecar` installs, or says what is missing.
    pub(crate) async fn find() -> Result<Self, String> {
        let sidecar = target().join("xmtp-sidecar");
        let sidecar = sidecar
            .canonicalize()
            .ok()
            .filter(|folder| folder.join("node_modules/@xmtp/node-sdk").exists())
            .ok_or("the XMTP client is not in target/xmtp-sidecar: run `cargo xtask sidecar`")?;
        let node = NodeProgram::find(None, &sidecar.join("node"))
            .await
            .map_err(|trouble| trouble.why)?;
        Ok(Self {
            sidecar,
            node_program: node.path,
        })
    }
}

/// A node with a folder of its own. Ended when dropped.
pub(crate) struct Node {
    child: Child,
    dir: tempfile::TempDir,
    pub(crate) address: String,
}

impl Node {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (child, address) = Self::run(dir.path(), "127.0.0.1:0");
        Self {
            child,
            dir,
            address,
        }
    }

    fn run(data: &Path, listen: &str) -> (Child, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coworker-host"))
            .args(["--json", "node", "--listen", listen, "--data"])
            .arg(data.join("node"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("UTF-8");
        let ready: Value = serde_json::from_str(&line).expect("the node starts");
        (child, text(&ready, "address").to_owned())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the node and starts it again where it was.
    pub(crate) fn kill_and_restart(&mut self) {
        self.end();
        (self.child, self.address) = Self::run(self.dir.path(), &self.address);
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// A host that is on a network.
pub(crate) struct Member {
    serving: Serving,
    pub(crate) me: String,
    pub(crate) invite: String,
    /// Its home is removed when dropped, after the host has ended.
    program: Program,
}

impl Member {
    /// Starts a host with so many skills, `e000` and on, and waits until it is on the network.
    pub(crate) async fn join(tools: &Tools, node: &Node, name: &str, skills: usize) -> Self {
        let program = Program::configured(skills, |_| {
            format!(
                "[host]\nname = {name:?}\ndefault_visibility = \"exposed\"\ntransport = \"xmtp\"\n\
                 [peers]\nauto_grant = \"known\"\n\
                 [xmtp]\nenv = \"local\"\nrun_node = false\nnode = {:?}\nsidecar = {:?}\nnode_program = {:?}\n",
                node.url(),
                tools.sidecar,
                tools.node_program
            )
        });
        let serving = program.serve_until_ready().await;
        let mut member = Self {
            serving,
            me: String::new(),
            invite: String::new(),
            program,
        };
        member.until_ready().await;
        let status = member.owner(Request::Status {}).await;
        member.me = text(&status, "peer").to_owned();
        member.invite = text(&status, "invite").to_owned();
        member
    }

    /// Waits until messages come and go, and returns how the bridge is.
    pub(crate) async fn until_ready(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut status = self.owner(Request::Status {}).await;
            let bridge = status["xmtp"].take();
            if text(&bridge, "state") == "ready" {
                return bridge;
            }
            assert!(Instant::now() < deadline, "not on the network: {bridge}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn owner(&self, request: Request) -> Value {
        match self.serving.try_ask(&request).await {
            Ok(Some(answer)) => answer,
            Ok(None) => panic!("the host has ended"),
            Err(failure) => panic!("{request:?}: {failure}"),
        }
    }

    pub(crate) async fn trust(&self, peer: &str, tier: Tier) {
        self.owner(Request::TrustSet {
            peer: peer.to_owned(),
            tier,
            span: None,
            calls: None,
            skills: None,
        })
        .await;
    }

    /// Discovers a stranger, asks for its trust, and discovers again.
    pub(crate) async fn meet(&self, other: &Self) -> Value {
        self.owner(Request::Connect {
            target: other.invite.clone(),
            name: None,
            tier: Some(Tier::Known),
            reason: None,
            timeout: Some(coworker_core::Span(PATIENCE)),
        })
        .await
    }

    /// Calls another's skill, and returns how long that took in ms.
    pub(crate) async fn call(&self, peer: &str, skill: &str) -> f64 {
        let request = Request::Call {
            peer: peer.to_owned(),
            skill: skill.to_owned(),
            input: json!({ "text": "hello" }),
            version: None,
            timeout: Some(coworker_core::Span(PATIENCE)),
            as_tier: None,
        };
        let started = Instant::now();
        let answer = self.owner(request).await;
        let took = started.elapsed().as_secs_f64() * 1e3;
        assert_eq!(answer["success"], true, "{answer}");
        took
    }

    pub(crate) fn pid(&self) -> u32 {
        self.serving.pid()
    }

    /// Kills the host as a crash would, and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.serving.end();
        self.serving = self.program.serve_until_ready().await;
    }

    /// Returns the sidecar's process.
    pub(crate) async fn sidecar(&self) -> u32 {
        let bridge = self.until_ready().await;
        let pid = bridge["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok());
        pid.expect("a sidecar runs")
    }
}

/// An official client. Ended when dropped.
pub(crate) struct Client {
    child: Child,
    orders: ChildStdin,
    answers: mpsc::Receiver<Value>,
    pub(crate) inbox: String,
    _dir: tempfile::TempDir,
}

impl Client {
    /// Opens a client, with the key of its database if that is to be encrypted.
    pub(crate) fn open(tools: &Tools, node: &Node, key: Option<[u8; 32]>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let wallet = loop {
            if let Some(wallet) = Wallet::from_secret(&clock::random()) {
                break wallet;
            }
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench/xmtp/client.mjs");
        let mut child = Command::new(&tools.node_program)
            .current_dir(&tools.sidecar)
            .arg(script)
            .arg(node.url())
            .arg(dir.path().join("client.db3"))
            .arg(wallet.address())
            .args(key.map(|key| hex(&key)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js runs");
        let orders = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (said, answers) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Whatever else a library prints is not for us.
                if let Ok(value) = serde_json::from_str(&line)
                    && said.send(value).is_err()
                {
                    return;
                }
            }
        });
        let mut client = Self {
            child,
            orders,
            answers,
            inbox: String::new(),
            _dir: dir,
        };
        loop {
            let said = client.answer();
            if let Some(asked) = said["sign"].as_str() {
                let signature = hex(&wallet.sign(asked).expect("a signature"));
                client.order(&json!({ "do": "signature", "hex": signature }));
            } else {
                client.inbox = text(&said, "inbox").to_owned();
                return client;
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("the client runs");
    }

    pub(crate) fn ask(&mut self, order: &Value) -> Value {
        self.order(order);
        self.answer()
    }

    fn answer(&self) -> Value {
        let said = self.answers.recv_timeout(PATIENCE);
        let said = said.expect("the client answers");
        assert!(said.get("error").is_none(), "{said}");
        said
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process as a crash would.
pub(crate) fn kill(pid: u32) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // It may be gone already.
    let _ = rustix::process::kill_process(pid.expect("a process"), rustix::process::Signal::KILL);
}
