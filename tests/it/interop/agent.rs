//! One agent of the Python package, led by `tests/interop/agent.py`, with every message that reaches its bridge in our
//! hands.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use crate::peer::{PATIENCE, envelope, names};
use crate::support::Place;
use crate::xmtp::network::{kill, node_program};

/// A message that reached the agent's bridge.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Whose inbox sent it.
    pub(super) from: String,
    /// The conversation.
    pub(super) conversation: String,
    /// Every byte.
    pub(super) text: String,
}

impl Letter {
    /// Returns the envelope; null if it is none.
    pub(super) fn envelope(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Returns the type of the message.
    pub(super) fn kind(&self) -> String {
        self.envelope()["type"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Returns the payload.
    pub(super) fn payload(&self) -> Value {
        self.envelope()["payload"].clone()
    }

    fn answers(&self, correlation: &str) -> bool {
        self.envelope()["correlation_id"] == correlation
    }
}

/// What the process said so far.
#[derive(Default)]
struct Heard {
    ready: Option<Value>,
    letters: Vec<Letter>,
    ended: HashMap<u64, Result<Value, String>>,
    gone: bool,
}

type Ear = Arc<(Mutex<Heard>, Condvar)>;

/// An agent; it and its bridge end when this is dropped.
pub(super) struct Agent {
    folder: PathBuf,
    mode: &'static str,
    name: String,
    node: String,
    child: Child,
    orders: Mutex<Option<ChildStdin>>,
    ear: Ear,
    count: AtomicU64,
    /// Its wallet.
    pub(super) wallet: String,
    /// Its inbox.
    pub(super) inbox: String,
}

impl Agent {
    /// Makes an agent in a folder of this place, and waits until it serves its skills.
    pub(super) fn start(place: &Place, name: &str, node: &str) -> Self {
        Self::new(place, "serve", name, node)
    }

    /// Makes one that has a bridge and nothing that would answer: the test answers for it.
    pub(super) fn mute(place: &Place, name: &str, node: &str) -> Self {
        Self::new(place, "mute", name, node)
    }

    fn new(place: &Place, mode: &'static str, name: &str, node: &str) -> Self {
        let folder = place.path(&format!("agent-{name}-{mode}"));
        std::fs::create_dir(&folder).expect("a new agent");
        Self::open(folder, mode, name.to_owned(), node.to_owned())
    }

    fn open(folder: PathBuf, mode: &'static str, name: String, node: String) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .expect("ours");
        let bridge = set_up().join("bridge");
        let mut child = python(&folder)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/agent.py"))
            .args([mode, &name])
            .arg(bridge.join("node_modules"))
            .arg(bridge.join("preload.mjs"))
            .arg(format!("http://{node}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Whoever ends this test must not end it: it ends its bridge first, when its input ends.
            .process_group(0)
            .spawn()
            .expect("Python runs");
        let ear = Ear::default();
        let (orders, said) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let ours = ear.clone();
        std::thread::spawn(move || hear(BufReader::new(said), &ours));
        let mut agent = Self {
            folder,
            mode,
            name,
            node,
            child,
            orders: Mutex::new(orders),
            ear,
            count: AtomicU64::new(0),
            wallet: String::new(),
            inbox: String::new(),
        };
        let ready = agent.wait(|heard| heard.ready.clone());
        let ready = ready.unwrap_or_else(|| panic!("the agent does not start: {}", agent.log()));
        let text = |key: &str| ready[key].as_str().expect("text").to_owned();
        (agent.wallet, agent.inbox) = (text("wallet"), text("inbox"));
        agent
    }

    /// Ends the agent while its bridge stays and takes its mail, lets `meanwhile` happen, and starts it again.
    pub(super) fn away(&mut self, meanwhile: impl FnOnce(&Self)) {
        self.order(&json!({ "do": "leave", "id": 0 }));
        self.child.wait().expect("it ends");
        meanwhile(self);
        let again = Self::open(
            self.folder.clone(),
            self.mode,
            self.name.clone(),
            self.node.clone(),
        );
        // The bridge is the new one's now.
        self.folder = PathBuf::new();
        *self = again;
    }

    /// Returns the id under which hosts know it.
    pub(super) fn peer(&self) -> String {
        format!("xmtp:{}", self.inbox)
    }

    /// Returns a path in its data folder.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(".coworker").join(name)
    }

    /// Returns how many texts its bridge has taken.
    pub(super) fn taken(&self) -> usize {
        let log = std::fs::read_to_string(self.data("bridge.log")).expect("its log");
        log.matches("[XMTP] text from").count()
    }

    /// Returns everything that the agent printed.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs the package's own command, as its user would in another terminal. Returns what it printed.
    #[track_caller]
    pub(super) fn command(&self, words: &[&str]) -> String {
        let done = python(&self.folder)
            .args(["-m", "agent_coworker.cli"])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("Python runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        text
    }

    fn order(&self, order: &Value) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = orders.as_mut().expect("it runs");
        pipe.write_all(format!("{order}\n").as_bytes())
            .expect("it reads");
        pipe.flush().expect("it reads");
    }

    /// Begins what the driver calls `do`; `end` waits for it.
    pub(super) fn begin(&self, mut order: Value) -> u64 {
        let id = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        order["id"] = json!(id);
        self.order(&order);
        id
    }

    /// Waits for the end of something that was begun.
    #[track_caller]
    pub(super) fn end(&self, id: u64) -> Result<Value, String> {
        self.wait(|heard| heard.ended.get(&id).cloned())
            .unwrap_or_else(|| panic!("the agent does not end it: {}", self.log()))
    }

    /// Does something, which must work.
    #[track_caller]
    pub(super) fn ask(&self, order: Value) -> Value {
        let id = self.begin(order.clone());
        self.end(id)
            .unwrap_or_else(|error| panic!("{order}: {error}"))
    }

    /// Calls a skill with the package's own `call`.
    #[track_caller]
    pub(super) fn call(&self, to: &str, skill: &str, input: Value) -> Value {
        self.ask(json!({ "do": "call", "to": to, "skill": skill, "input": input }))
    }

    /// Hands texts to the bridge as they are.
    #[track_caller]
    pub(super) fn write(&self, to: &str, texts: &[String]) {
        self.ask(json!({ "do": "raw", "to": to, "texts": texts }));
    }

    /// Sends an envelope around the agent. Returns its correlation id.
    #[track_caller]
    pub(super) fn say(&self, to: &str, kind: &str, payload: Value) -> String {
        let (correlation, text) = self.envelope(kind, payload, &json!({}));
        self.write(to, &[text]);
        correlation
    }

    /// Sends an envelope around the agent and returns the answer to it.
    #[track_caller]
    pub(super) fn question(&self, to: &str, kind: &str, payload: Value) -> Letter {
        let correlation = self.say(to, kind, payload);
        self.answer(&correlation)
    }

    /// Returns an envelope as the agent writes it, with a new correlation id, and with `more` over it.
    pub(super) fn envelope(&self, kind: &str, payload: Value, more: &Value) -> (String, String) {
        let correlation = format!(
            "{}-{}",
            self.name,
            self.count.fetch_add(1, Ordering::Relaxed)
        );
        let mut message: Value =
            serde_json::from_slice(&envelope(kind, &correlation, &payload)).expect("JSON");
        message["sender_id"] = json!(self.name);
        message["sender_wallet"] = json!(self.wallet);
        for (key, value) in more.as_object().expect("an object") {
            message[key] = value.clone();
        }
        (correlation, message.to_string())
    }

    /// Waits for the first answer under a correlation id.
    #[track_caller]
    pub(super) fn answer(&self, correlation: &str) -> Letter {
        self.letter(correlation, |letter| letter.answers(correlation))
    }

    /// Returns every answer under a correlation id that has come so far.
    pub(super) fn answers(&self, correlation: &str) -> Vec<Letter> {
        let mut letters = self.letters();
        letters.retain(|letter| letter.answers(correlation));
        letters
    }

    /// Waits for the first letter that is meant.
    #[track_caller]
    pub(super) fn letter(&self, what: &str, is: impl Fn(&Letter) -> bool) -> Letter {
        self.wait(|heard| heard.letters.iter().find(|letter| is(letter)).cloned())
            .unwrap_or_else(|| panic!("this never came: {what}"))
    }

    /// Returns everything that has come so far.
    pub(super) fn letters(&self) -> Vec<Letter> {
        let (heard, _) = &*self.ear;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.letters.clone()
    }

    /// Shows that a host still answers.
    #[track_caller]
    pub(super) fn ping(&self, to: &str) -> Letter {
        let pong = self.question(to, "ping", json!({ "message": "?" }));
        assert_eq!(pong.kind(), "pong");
        pong
    }

    /// Returns the names of the skills that a discovery shows.
    #[track_caller]
    pub(super) fn discover(&self, to: &str) -> Vec<String> {
        let answer = self.question(
            to,
            "discover",
            json!({ "name": self.name, "wallet": self.wallet }),
        );
        assert_eq!(answer.kind(), "capabilities");
        names(&answer.payload()["skills"])
    }

    /// Fails if anything that reached the agent made it stumble.
    #[track_caller]
    pub(super) fn unharmed(&self) {
        let log = self.log();
        assert!(
            !log.contains("Error handling message") && !log.contains("Poll error"),
            "{log}"
        );
    }

    fn wait<T>(&self, find: impl Fn(&Heard) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let (heard, more) = &*self.ear;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&heard) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if heard.gone {
                return None;
            }
            heard = more
                .wait_timeout(heard, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(
            self.orders
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        // It stops its bridge and ends; it may have ended already.
        let _ = self.child.wait();
        // One that was left alone is still there.
        let pid = std::fs::read_to_string(self.data("bridge.pid"));
        if let Some(pid) = pid.ok().and_then(|pid| pid.trim().parse::<i64>().ok()) {
            kill(&json!(pid));
        }
    }
}

fn hear(said: impl BufRead, ear: &Ear) {
    let (heard, more) = &**ear;
    for line in said.lines() {
        let Ok(mut line) =
            line.map(|line| serde_json::from_str::<Value>(&line).expect("JSON lines"))
        else {
            break;
        };
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        if line["is"] == "ready" {
            heard.ready = Some(line);
        } else if line["is"] == "message" {
            let text = |key: &str| line["entry"][key].as_str().unwrap_or_default().to_owned();
            heard.letters.push(Letter {
                from: text("senderInboxId"),
                conversation: text("conversationId"),
                text: text("content"),
            });
        } else {
            let ended = match line["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(line["value"].take()),
            };
            heard
                .ended
                .insert(line["id"].as_u64().expect("an id"), ended);
        }
        more.notify_all();
    }
    heard.lock().unwrap_or_else(PoisonError::into_inner).gone = true;
    more.notify_all();
}

/// Returns a call of the interpreter that has the package, as a user with this home.
fn python(home: &Path) -> Command {
    let program = node_program();
    let path = std::env::var_os("PATH").expect("a path");
    let path = std::iter::once(program.parent().expect("a folder").to_owned())
        .chain(std::env::split_paths(&path));
    let mut command = Command::new(set_up().join("venv/bin/python"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::join_paths(path).expect("a path"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(home);
    command
}

/// Returns the folder that `cargo xtask interop` fills.
pub(super) fn set_up() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop");
    folder
        .canonicalize()
        .ok()
        .filter(|folder| folder.join("ready").exists())
        .expect("target/interop is missing: run `cargo xtask interop` first")
}
