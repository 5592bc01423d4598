//! Sidecars that are broken or hostile: each is a few lines that speak as the real one does, up to a point.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::network::{config_with, node_program};
use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::{Ended, Place};

const INBOX: &str = "5656565656565656565656565656565656565656565656565656565656565656";

/// What every fake begins with.
const PROLOGUE: &str = r#"
import { createInterface } from "node:readline";
import { appendFileSync } from "node:fs";
const say = (frame) => process.stdout.write(JSON.stringify(frame) + "\n");
const ready = () => {
  say({ is: "ready", inbox: INBOX, installation: "ab".repeat(32), library: "0", node: process.version, known: true });
  say({ is: "online" });
};
const note = (value) => appendFileSync(NOTES, JSON.stringify(value) + "\n");
const hear = (take) => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => take(JSON.parse(line)));
  lines.on("close", () => process.exit(0));
};
const live = (frame) => frame.do === "ping" && say({ is: "pong", id: frame.id });
"#;

/// A home whose sidecar is this script.
pub(super) struct Faked {
    pub(super) place: Place,
}

impl Faked {
    pub(super) fn new(script: &str) -> Self {
        let place = Place::with_home();
        let folder = place.path("sidecar");
        std::fs::create_dir_all(folder.join("node_modules/@xmtp/node-sdk")).expect("ours");
        std::fs::write(
            folder.join("node_modules/@xmtp/node-sdk/package.json"),
            "{}",
        )
        .expect("ours");
        let faked = Self { place };
        faked.replace(script);
        faked.known();
        let config = config_with("fake", "127.0.0.1:9", &folder);
        faked.place.write("home/config.toml", config);
        faked.place.mode("home/config.toml", 0o600);
        faked
    }

    /// A home whose sidecar is the real one, on a client that is not: see `client.mjs`.
    pub(super) fn with_client() -> Self {
        let faked = Self::new("");
        let sidecar = include_str!("../../../host/sidecar/xmtp/index.mjs");
        faked.place.write("sidecar/index.mjs", sidecar);
        let client = "sidecar/node_modules/@xmtp/node-sdk";
        let package = json!({ "type": "module", "exports": "./index.js" });
        faked
            .place
            .write(&format!("{client}/package.json"), package.to_string());
        faked
            .place
            .write(&format!("{client}/index.js"), include_str!("client.mjs"));
        // The library under the client, of which there is none here.
        let library = "sidecar/node_modules/@xmtp/node-bindings";
        std::fs::create_dir(faked.place.path(library)).expect("ours");
        faked
            .place
            .write(&format!("{library}/package.json"), package.to_string());
        let empty = "export const library = {};\nexport class Client { conversations() { return library.conversations; } }\n";
        faked.place.write(&format!("{library}/index.js"), empty);
        faked
    }

    /// Says what there is on the network of that client from its next start on.
    pub(super) fn world(&self, peers: &Value) {
        let world = json!({ "inbox": INBOX, "notes": self.notes(), "peers": peers });
        let path = "sidecar/node_modules/@xmtp/node-sdk/world.json";
        self.place.write(path, world.to_string());
    }

    /// Puts another script in its place.
    pub(super) fn replace(&self, script: &str) {
        let notes = self.notes();
        let text = format!(
            "const INBOX = {INBOX:?}, NOTES = {:?};\n{PROLOGUE}{script}",
            notes.display().to_string()
        );
        self.place.write("sidecar/index.mjs", text);
    }

    fn notes(&self) -> PathBuf {
        self.place.path("notes")
    }

    /// Makes the home one that the network knows already.
    fn known(&self) {
        std::fs::create_dir_all(self.place.home().join("xmtp/local")).expect("ours");
        self.place.write("home/xmtp/local/inbox", INBOX);
        // A network knows a home by this key, which is then never made anew.
        self.place.write("home/wallet.key", "11".repeat(32));
        self.place.mode("home/wallet.key", 0o600);
    }

    pub(super) fn noted(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.notes()).unwrap_or_default();
        // The last line may be half written.
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        whole
            .lines()
            .map(|line| serde_json::from_str(line).expect("a note"))
            .collect()
    }

    pub(super) fn bridge_until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(what, || {
            let status = ask_at(&self.place.home(), json!({ "do": "status" })).ok()?;
            Some(status["xmtp"].clone()).filter(|bridge| is(bridge))
        })
    }

    #[track_caller]
    fn says(&self, words: &str) -> Value {
        self.bridge_until(words, |bridge| {
            bridge["why"]
                .as_str()
                .is_some_and(|why| why.contains(words))
        })
    }
}

const HEALTHY: &str = "hear((frame) => (frame.do === 'hello' ? ready() : live(frame)));";

#[test]
fn every_way_to_break_leads_to_a_state_and_back() {
    for (script, words) in [
        ("process.stdout.write('hello\\n'); hear(live);", "no frame"),
        ("hear(() => {}); say({ is: 'own' });", "no frame"),
        (
            "hear(() => {}); process.stdout.write(Buffer.from([0xff, 0xfe, 10]));",
            "no frame",
        ),
        (
            "process.stdout.write('x'.repeat(30_000_000)); hear(() => {});",
            "no frame",
        ),
        (
            "console.error('something went wrong'); process.exit(3);",
            "something went wrong",
        ),
        (
            "hear(() => {}); say({ is: 'trouble', why: 'database or disk is full' });",
            "disk is full",
        ),
        (
            "hear((frame) => frame.do === 'hello' && ready());",
            "did not answer in time",
        ),
        ("hear(() => {}); for (;;) {}", "did not answer in time"),
        ("import 'not-there';", "not-there"),
        (
            "hear((frame) => frame.do === 'hello' && say({ is: 'ready', inbox: 'ab'.repeat(32), installation: '', library: '', node: '', known: true }));",
            "this host is not",
        ),
        (
            "hear((frame) => frame.do === 'hello' && say({ is: 'ready', inbox: INBOX, installation: '', library: '', node: '', known: false }));",
            "does not know",
        ),
    ] {
        let faked = Faked::new(script);
        let _serving = faked.place.serve(&[]);
        let bridge = faked.says(words);
        assert!(bridge["state"] != "ready", "{bridge}");
        faked.replace(HEALTHY);
        let bridge =
            faked.bridge_until("it recovers by itself", |bridge| bridge["state"] == "ready");
        assert!(
            bridge["restarts"].as_u64() > Some(0) && bridge["why"].is_null(),
            "{bridge}"
        );
    }
}

#[test]
fn a_hostile_sidecar_gets_no_signature() {
    let script = r##"
const app = "cd".repeat(32), other = "0x" + "11".repeat(20);
let me;
const text = (inbox, ...acts) =>
  `XMTP : Authenticate to inbox\n\nInbox ID: ${inbox}\nCurrent time: 2026-11-21T10:58:48Z\n\n${acts.join("\n")}\n\nFor more info: https://xmtp.org/signatures`;
const grant = `- Grant messaging access to app\n  (ID: ${app})`;
hear((frame) => {
  live(frame);
  if (frame.do === "signature") note(frame);
  if (frame.do !== "hello") return;
  me = frame.address;
  const texts = [
    "", "hello", app, "0x" + app, "\x19Ethereum Signed Message:\n32" + app,
    JSON.stringify({ to: other, value: 1 }),
    text(INBOX, `- Revoke messaging access from app\n  (ID: ${app})`),
    text(INBOX, `- Link address to inbox\n  (Address: ${other})`),
    text(INBOX, `- Unlink address from inbox\n  (Address: ${me})`),
    text(INBOX, `- Change inbox recovery address\n  (Address: ${other})`),
    text(INBOX, `- Create inbox\n  (Owner: ${me})`),
    text(INBOX, `- Create inbox\n  (Owner: ${other})`, grant),
    text("ef".repeat(32), `- Create inbox\n  (Owner: ${me})`, grant),
    text("ef".repeat(32), grant),
    text(INBOX, grant, grant),
    text(INBOX, grant, `- Link address to inbox\n  (Address: ${other})`),
    text(INBOX, grant, `- Change inbox recovery address\n  (Address: ${other})`),
    text(INBOX, grant).replace("https", "http"),
    text(INBOX, grant) + " ",
    // Another installation than the one that speaks for this host.
    text(INBOX, grant),
  ];
  texts.forEach((text, id) => say({ is: "sign", id, text }));
  say({ is: "sign", id: texts.length, text: text(INBOX, `- Grant messaging access to app\n  (ID: ${"ab".repeat(32)})`) });
  ready();
});
"##;
    let faked = Faked::new(script);
    faked
        .place
        .write("home/xmtp/local/installation", "ab".repeat(32));
    let _serving = faked.place.serve(&[]);
    let answers = until("all are answered", || {
        Some(faked.noted()).filter(|all| all.len() == 21)
    });
    let (last, refused) = answers.split_last().expect("answers");
    assert!(
        refused.iter().all(|answer| answer["signature"].is_null()),
        "{refused:?}"
    );
    // That it can be had at all is what makes the others a test.
    assert_eq!(last["signature"].as_str().map(str::len), Some(130));
    let kept = std::fs::read_to_string(faked.place.home().join("xmtp/local/installation"));
    assert_eq!(kept.expect("ours").trim(), "ab".repeat(32));
}

#[test]
fn a_sidecar_sees_nothing_of_the_machine() {
    let faked = Faked::new(
        "note({ env: process.env, args: process.argv.slice(2), cwd: process.cwd() }); hear((frame) => { live(frame); if (frame.do === 'hello') { note(frame); ready(); } });",
    );
    let _serving = faked.place.serve(&[]);
    faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
    let noted = faked.noted();
    assert_eq!(
        (&noted[0]["env"], &noted[0]["args"]),
        (&json!({}), &json!([]))
    );
    assert!(
        noted[0]["cwd"]
            .as_str()
            .expect("a folder")
            .ends_with("home/xmtp/local")
    );
    let key = std::fs::read_to_string(faked.place.home().join("wallet.key")).expect("a wallet");
    assert!(
        !noted[1].to_string().contains(key.trim()),
        "the key stays in the host"
    );
}

#[test]
fn a_node_js_that_vanishes_is_missed_and_found_again() {
    let faked = Faked::new(HEALTHY);
    let program = faked.place.path("node-program");
    let link = || std::os::unix::fs::symlink(node_program(), &program).expect("ours");
    link();
    let config = std::fs::read_to_string(faked.place.home().join("config.toml")).expect("ours");
    let named = |path: &std::path::Path| format!("node_program = \"{}\"", path.display());
    let config = config.replace(&named(&node_program()), &named(&program));
    assert!(config.contains(&named(&program)), "{config}");
    faked.place.write("home/config.toml", config);
    let _serving = faked.place.serve(&[]);
    let ready = |bridge: &Value| bridge["state"] == "ready";
    let bridge = faked.bridge_until("it is ready", ready);
    std::fs::remove_file(&program).expect("ours");
    super::network::kill(&bridge["pid"]);
    let bridge = faked.bridge_until("it is missing", |bridge| bridge["state"] == "missing");
    let hint = bridge["hint"].as_str().expect("a hint");
    assert!(hint.contains("install Node.js"), "{bridge}");
    link();
    let bridge = faked.bridge_until("it is back", ready);
    assert!(
        bridge["why"].is_null() && bridge["hint"].is_null(),
        "{bridge}"
    );
}

#[test]
fn without_node_or_client_a_start_says_what_to_do() {
    let said = |config: &str| -> Ended {
        let place = Place::configured(config);
        let mut command = place.command(&["serve"]);
        let output = command.output().expect("it runs");
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    let base =
        "[host]\ntransport = \"xmtp\"\n[xmtp]\nenv = \"local\"\nnode = \"http://192.0.2.1:9\"\n";
    let without = said(base);
    assert_eq!(without.code, 4, "{}", without.stderr);
    assert!(
        without.stderr.contains("bridge setup"),
        "{}",
        without.stderr
    );
    let folder = super::network::sidecar();
    let without = said(&format!(
        "{base}sidecar = \"{}\"\nnode_program = \"/nowhere/node\"\n",
        folder.display()
    ));
    assert_eq!(without.code, 4, "{}", without.stderr);
    assert!(without.stderr.contains("Node.js 22"), "{}", without.stderr);
    assert!(node_program().exists());
}
