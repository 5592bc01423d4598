//! Official clients that send what they please: many inboxes in one process of Node.js.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use coworker_host::clock;
use coworker_host::home::{Wallet, hex};
use serde_json::{Value, json};

use super::network::{Node, node_program, sidecar};

/// Ended when dropped.
pub(crate) struct Strangers {
    child: Child,
    orders: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    pub(crate) inboxes: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Strangers {
    /// Registers so many inboxes.
    pub(crate) fn join(node: &Node, count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let wallets: Vec<Wallet> =
            std::iter::repeat_with(|| Wallet::from_secret(&clock::random::<32>()))
                .flatten()
                .take(count)
                .collect();
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/interop/strangers.mjs"
        );
        let mut child = Command::new(node_program())
            .current_dir(sidecar())
            .arg(script)
            .arg(format!("http://{}", node.address))
            .arg(folder.path())
            .args(wallets.iter().map(Wallet::address))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js runs");
        let orders = child.stdin.take().expect("piped");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut strangers = Self {
            child,
            orders,
            said,
            inboxes: Vec::new(),
            _folder: folder,
        };
        loop {
            let said = strangers.hear();
            if let Some(inboxes) = said["inboxes"].as_array() {
                let inboxes = inboxes.iter().filter_map(Value::as_str);
                strangers.inboxes = inboxes.map(str::to_owned).collect();
                return strangers;
            }
            let by = |wallet: &&Wallet| said["by"] == wallet.address().as_str();
            let wallet = wallets.iter().find(by).expect("one of them");
            let text = said["sign"].as_str().expect("a text");
            let signature = hex(&wallet.sign(text).expect("a signature"));
            strangers.order(&json!({ "do": "signature", "hex": signature }));
        }
    }

    /// Gives an order without waiting for its end.
    pub(crate) fn order(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("the clients run");
    }

    /// Waits for the end of the order that was given first.
    pub(crate) fn hear(&mut self) -> Value {
        loop {
            let line = self.said.next().expect("the clients run").expect("text");
            // Whatever else a library prints is not for us.
            if let Ok(said) = serde_json::from_str::<Value>(&line) {
                assert!(said.get("error").is_none(), "{said}");
                return said;
            }
        }
    }

    pub(crate) fn ask(&mut self, order: &Value) -> Value {
        self.order(order);
        self.hear()
    }
}

impl Drop for Strangers {
    fn drop(&mut self) {
        // They may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
