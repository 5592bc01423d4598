//! Many strangers at once: official clients of as many inboxes, in one process.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use coworker_host::clock;
use coworker_host::home::{Wallet, hex};
use serde_json::{Value, json};

use super::network::{Node, Tools};

/// Ended when dropped.
pub(super) struct Crowd {
    child: Child,
    orders: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    _dir: tempfile::TempDir,
}

impl Crowd {
    /// Registers so many inboxes.
    pub(super) fn join(tools: &Tools, node: &Node, count: usize) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let wallets: Vec<Wallet> =
            std::iter::repeat_with(|| Wallet::from_secret(&clock::random::<32>()))
                .flatten()
                .take(count)
                .collect();
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/strangers.mjs");
        let mut child = Command::new(&tools.node_program)
            .current_dir(&tools.sidecar)
            .arg(script)
            .arg(node.url())
            .arg(dir.path())
            .args(wallets.iter().map(Wallet::address))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js runs");
        let orders = child.stdin.take().expect("piped");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut crowd = Self {
            child,
            orders,
            said,
            _dir: dir,
        };
        loop {
            let said = crowd.hear();
            if said["inboxes"].is_array() {
                return crowd;
            }
            let by = |wallet: &&Wallet| said["by"] == wallet.address().as_str();
            let wallet = wallets.iter().find(by).expect("one of them");
            let text = said["sign"].as_str().expect("a text");
            let signature = hex(&wallet.sign(text).expect("a signature"));
            crowd.order(&json!({ "do": "signature", "hex": signature }));
        }
    }

    pub(super) fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("the clients run");
    }

    pub(super) fn hear(&mut self) -> Value {
        loop {
            let line = self.said.next().expect("the clients run").expect("text");
            // Whatever else a library prints is not for us.
            if let Ok(said) = serde_json::from_str::<Value>(&line) {
                assert!(said.get("error").is_none(), "{said}");
                return said;
            }
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // They may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
