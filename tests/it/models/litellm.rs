//! Providers against a real server that is not ours: litellm, a proxy that speaks both ways, with answers it makes up itself.

mod cutting;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use self::cutting::Cutting;
use super::*;
use crate::peer::PATIENCE;
use crate::support::fixture;

/// What the proxy says.
const SAYS: &str = "Boil it for twelve minutes, then let it stand.";

/// A proxy until it is dropped.
struct Proxy {
    child: Child,
    port: u16,
    _place: Place,
}

fn set_up() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop/litellm");
    assert!(
        folder.join("ready").is_file(),
        "litellm is missing: run `cargo xtask interop` first"
    );
    folder
}

impl Proxy {
    fn start() -> Self {
        let place = Place::new();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        // Those that relay go to the proxy itself, so that it has to translate from one way to the other.
        let model = |name: &str, says: &str| {
            format!(
                "  - model_name: {name}\n    litellm_params: {{model: openai/{name}, api_key: none, mock_response: '{says}'}}\n"
            )
        };
        let config = format!(
            "model_list:\n{}{}{}{}  - model_name: slow\n    litellm_params: {{model: openai/slow, api_key: none, mock_response: '{SAYS}', mock_delay: 60}}\n  - model_name: relay-slow\n    litellm_params: {{model: hosted_vllm/slow, api_base: 'http://127.0.0.1:{port}/v1', api_key: sk-loopback}}\n  - model_name: relay\n    litellm_params: {{model: hosted_vllm/says, api_base: 'http://127.0.0.1:{port}/v1', api_key: sk-loopback}}\ngeneral_settings:\n  master_key: sk-loopback\nrouter_settings:\n  num_retries: 0\n",
            model("says", SAYS),
            model("minutes", "{\"minutes\": 12}"),
            model("busy", "litellm.RateLimitError"),
            model("broken", "litellm.InternalServerError"),
        );
        let config = place.write("litellm.yaml", config);
        let log = std::fs::File::create(place.path("log")).expect("ours");
        let child = Command::new(set_up().join("bin/litellm"))
            .arg("--config")
            .arg(config)
            .args([
                "--host",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--num_workers",
                "1",
            ])
            .env_clear()
            .env("HOME", place.path(""))
            .env("PATH", "/usr/bin:/bin")
            .env("LITELLM_TELEMETRY", "False")
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("ours"))
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("litellm runs");
        let mut proxy = Self {
            child,
            port,
            _place: place,
        };
        proxy.wait();
        proxy
    }

    /// Waits until it answers.
    fn wait(&mut self) {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            if self
                .get("/health/liveliness")
                .is_some_and(|line| line.contains("200"))
            {
                return;
            }
            let log = || std::fs::read_to_string(self._place.path("log")).unwrap_or_default();
            let ended = self.child.try_wait().expect("our child");
            assert!(ended.is_none(), "litellm ended: {}", log());
            assert!(
                Instant::now() < deadline,
                "litellm does not start: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        .ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Some(line)
    }

    /// Returns a provider that is this proxy.
    fn provider(&self, kind: &str, model: &str, more: &str) -> String {
        provider(self.port, kind, model, more)
    }
}

/// Returns a provider that listens at a port.
fn provider(port: u16, kind: &str, model: &str, more: &str) -> String {
    let base = match kind {
        "anthropic" => String::new(),
        _ => "/v1".to_owned(),
    };
    format!(
        "[llm.mine]\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:{port}{base}\"\nmodel = \"{model}\"\nkey_file = \"key\"\n{more}"
    )
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its workers are in the same group.
        if let Some(group) =
            rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0))
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn place_with(provider: &str, head: &str) -> Place {
    let place = place(provider, head);
    place.write("home/key", "sk-loopback\n");
    place.mode("home/key", 0o600);
    place
}

const MINUTES: &str = "---\nname: soup\ndescription: Knows soups.\noutput_schema: {type: object, properties: {minutes: {type: integer}}, required: [minutes]}\n---\n";

/// All in one: the proxy takes a quarter of a minute to start.
#[test]
fn a_proxy_that_is_not_ours_answers_in_both_ways() {
    let proxy = Proxy::start();
    for kind in ["openai", "anthropic"] {
        for model in ["says", "relay"] {
            let place = place_with(&proxy.provider(kind, model, ""), SOUP);
            let (_serving, peer) = start(&place);
            let answer = peer.call("soup", json!({ "input": "leek" }));
            assert_eq!(
                answer["result"],
                json!({ "result": SAYS }),
                "{kind} {model}: {}",
                newest(&place, "soup")["log"]
            );
            let used = newest(&place, "soup")["used"].clone();
            assert!(
                used["tokens_in"].as_u64() > Some(0) && used["tokens_out"].as_u64() > Some(0),
                "{used}"
            );
            assert_eq!(used["model"], model);
        }
        structured(&proxy, kind);
        streams(&proxy, kind);
        fails_as_it_should(&proxy, kind);
        breaks_off(&proxy, kind);
    }
}

fn structured(proxy: &Proxy, kind: &str) {
    let place = place_with(&proxy.provider(kind, "minutes", ""), MINUTES);
    let (_serving, peer) = start(&place);
    let answer = peer.call("soup", json!({ "input": "leek" }));
    assert_eq!(
        answer["result"],
        json!({ "minutes": 12 }),
        "{kind}: {}",
        newest(&place, "soup")["log"]
    );
}

/// Has a component ask for a stream. Returns what its caller gets.
fn streamed(place: &Place) -> Value {
    let folder = place.home().join("skills/ports");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), format!("{SOUP}{SECRET}")).expect("written");
    std::fs::write(folder.join("grants.toml"), PORTS_ASK).expect("written");
    std::fs::copy(fixture("ports.wasm"), folder.join("skill.wasm")).expect("copied");
    let serving = place.serve(&[]);
    place.agree("ports");
    let peer = place.peer(&serving, "known");
    let answer = peer.call(
        "ports",
        json!({ "mode": "stream", "key": "skill", "value": "{}" }),
    );
    // What is on record is on record before the host ends.
    json!({ "answer": answer, "task": newest(place, "ports") })
}

fn streams(proxy: &Proxy, kind: &str) {
    let place = place_with(&proxy.provider(kind, "relay", ""), SOUP);
    let seen = streamed(&place);
    let (answer, task) = (&seen["answer"], &seen["task"]);
    let pieces = answer["result"]["pieces"]
        .as_array()
        .unwrap_or_else(|| panic!("{kind}: {answer} {}", task["log"]));
    let text: String = pieces.iter().filter_map(Value::as_str).collect();
    assert_eq!(text, SAYS, "{kind}");
    assert!(task["used"]["tokens_out"].as_u64() > Some(0));
}

/// Its answers come, and the connection ends within them.
fn breaks_off(proxy: &Proxy, kind: &str) {
    let cutting = Cutting::start(proxy.port);
    let place = place_with(&provider(cutting.port(), kind, "says", ""), SOUP);
    let (serving, peer) = start(&place);
    fails(&place, &peer, "EXECUTION_FAILED", "broke off", "hint: ");
    // It may have been paid for: it is booked, and not asked for again.
    assert!(newest(&place, "soup")["used"]["tokens_out"].as_u64() > Some(0));
    assert_eq!(cutting.cut(), 1, "{kind}");
    drop((peer, serving));
    let place = place_with(&provider(cutting.port(), kind, "says", ""), SOUP);
    let seen = streamed(&place);
    assert_eq!(seen["answer"]["success"], false, "{kind}: {seen}");
    let log = seen["task"]["log"].to_string();
    assert!(log.contains("broke off"), "{kind}: {log}");
    assert!(seen["task"]["used"]["tokens_out"].as_u64() > Some(0));
    assert_eq!(cutting.cut(), 2, "{kind}");
}

fn fails_as_it_should(proxy: &Proxy, kind: &str) {
    for (model, cause) in [
        ("nobody", "does not know the model"),
        ("busy", "come back later (status 429)"),
        ("broken", "(status 500"),
    ] {
        let place = place_with(&proxy.provider(kind, model, ""), SOUP);
        let (_serving, peer) = start(&place);
        fails(&place, &peer, "EXECUTION_FAILED", cause, "hint: ");
    }
    let place = place_with(&proxy.provider(kind, "says", ""), SOUP);
    place.write("home/key", "sk-wrong");
    let (_serving, peer) = start(&place);
    // Without a database the proxy has no status of its own for this.
    let cause = "does not take the question (status 400";
    fails(&place, &peer, "EXECUTION_FAILED", cause, "hint: ");
    let place = place_with(
        &proxy.provider(kind, "relay-slow", "timeout = \"1s\"\n"),
        SOUP,
    );
    let (_serving, peer) = start(&place);
    fails(
        &place,
        &peer,
        "TIMEOUT",
        "longer than 1s",
        "hint: raise `timeout`",
    );
}
