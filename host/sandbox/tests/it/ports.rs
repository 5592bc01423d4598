//! State, models and HTTP: the sandbox enforces, the ports answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coworker_core::{CallerKey, HttpGrant, Span, StateGrant, TaskId};
use coworker_sandbox::{
    CallError, HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream,
    Partition, PortError, Ports, StateArea, StatePort, StateUse, StateWrite, Which,
};
use serde_json::json;

use crate::support::{Bench, bench, sandbox, sandbox_with};

/// Remembers in a map, as the store does.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<(StateArea, String), Vec<u8>>>);

impl Kept {
    fn commit(&self, writes: Vec<StateWrite>) {
        let mut kept = self.0.lock().unwrap();
        for write in writes {
            match write.value {
                Some(value) => kept.insert((write.area, write.key), value),
                None => kept.remove(&(write.area, write.key)),
            };
        }
    }
}

#[async_trait]
impl StatePort for Kept {
    async fn get(&self, area: &StateArea, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let kept = self.0.lock().unwrap();
        Ok(kept.get(&(area.clone(), key.to_owned())).cloned())
    }

    async fn list(
        &self,
        area: &StateArea,
        prefix: &str,
        most: u32,
    ) -> Result<Vec<(String, u64)>, PortError> {
        let kept = self.0.lock().unwrap();
        let mine = kept
            .iter()
            .filter(|((a, key), _)| a == area && key.starts_with(prefix));
        Ok(mine
            .map(|((_, key), value)| (key.clone(), value.len() as u64))
            .take(most as usize)
            .collect())
    }

    async fn used(&self, area: &StateArea) -> Result<StateUse, PortError> {
        let kept = self.0.lock().unwrap();
        let sum = |mine: &dyn Fn(&StateArea) -> bool| {
            kept.iter()
                .filter(|((a, _), _)| mine(a))
                .map(|((_, key), value)| (key.len() + value.len()) as u64)
                .sum()
        };
        Ok(StateUse {
            caller: sum(&|a| a == area),
            skill: sum(&|a| a.skill == area.skill),
        })
    }
}

/// Answers every question in the same way.
struct Parrot;

#[async_trait]
impl LlmPort for Parrot {
    async fn complete(&self, ask: LlmAsk) -> Result<LlmReply, LlmError> {
        match ask.slot.as_str() {
            "skill" => Ok(LlmReply {
                text: format!("about {}", ask.variables["topic"]),
                input_tokens: Some(7),
                output_tokens: Some(3),
            }),
            "slow" => {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                Err(LlmError::Unavailable("too late".to_owned()))
            }
            "secret" => Err(LlmError::Unavailable(
                "provider key sk-123 refused".to_owned(),
            )),
            _ => Err(LlmError::NoSuchSlot),
        }
    }

    async fn open(&self, _: LlmAsk) -> Result<LlmStream, LlmError> {
        let pieces = ["one ", "two"].map(|piece| Ok(piece.to_owned()));
        Ok(Box::pin(futures::stream::iter(pieces)))
    }
}

fn remembering(kept: &Arc<Kept>) -> Bench {
    let ports = Ports {
        state: Some(kept.clone()),
        llm: Some(Arc::new(Parrot)),
        http: None,
    };
    let mut bench = bench(sandbox_with(ports), "ports", "ports");
    bench.job.grants.state = StateGrant::PerCaller;
    bench.job.grants.llm = true;
    bench
}

async fn count(bench: &Bench, kept: &Kept) -> u64 {
    let told = bench.mode("count").await;
    let count = told.json()["count"].as_u64().expect("a count");
    kept.commit(told.end.expect("it succeeded").writes);
    count
}

#[tokio::test]
async fn a_component_without_its_grant_is_not_called() {
    let kept = Arc::new(Kept::default());
    let mut bench = remembering(&kept);
    bench.job.grants.llm = false;
    assert_eq!(bench.loaded.missing(&bench.job.grants), ["llm"]);
    let told = bench.mode("count").await;
    let error = told.error().to_string();
    assert!(error.contains("llm"), "{error}");

    let fetch = self::bench(sandbox(), "fetch", "echo");
    assert_eq!(fetch.loaded.missing(&fetch.job.grants), ["http"]);
    assert!(matches!(
        fetch.with(&json!({})).await.error(),
        CallError::Unavailable(_)
    ));
}

#[tokio::test]
async fn each_caller_has_a_memory_of_its_own() {
    let kept = Arc::new(Kept::default());
    let mut bench = remembering(&kept);
    assert_eq!(count(&bench, &kept).await, 1);
    assert_eq!(count(&bench, &kept).await, 2);
    bench.job.caller = CallerKey("caller-2".to_owned());
    assert_eq!(count(&bench, &kept).await, 1);
    bench.job.grants.state = StateGrant::Shared;
    assert_eq!(count(&bench, &kept).await, 1);
    bench.job.caller = CallerKey("caller-3".to_owned());
    assert_eq!(count(&bench, &kept).await, 2);
    let areas = kept.0.lock().unwrap();
    assert!(
        areas
            .keys()
            .any(|(area, _)| area.partition == Partition::Shared)
    );
}

#[tokio::test]
async fn writes_are_seen_at_once_and_kept_only_on_success() {
    let kept = Arc::new(Kept::default());
    let bench = remembering(&kept);
    let set = json!({ "mode": "set", "key": "k", "value": "v" });
    let told = bench.with(&set).await;
    assert_eq!(told.json()["read_back"], true);
    assert!(
        kept.0.lock().unwrap().is_empty(),
        "the sandbox stores nothing itself"
    );
    assert_eq!(told.end.expect("it succeeded").writes.len(), 1);

    for mode in ["set-then-fail", "set-then-trap"] {
        let told = bench
            .with(&json!({ "mode": mode, "key": "k", "value": "v" }))
            .await;
        told.error();
    }
    let told = bench.with(&json!({ "mode": "get", "key": "k" })).await;
    assert_eq!(told.json()["value"], json!(null));
}

#[tokio::test]
async fn a_removal_hides_what_is_stored() {
    let kept = Arc::new(Kept::default());
    let bench = remembering(&kept);
    let told = bench
        .with(&json!({ "mode": "set", "key": "a", "value": "1" }))
        .await;
    kept.commit(told.end.expect("it succeeded").writes);
    let told = bench.with(&json!({ "mode": "list", "key": "" })).await;
    assert_eq!(told.json()["keys"], json!(["a"]));
    let told = bench.with(&json!({ "mode": "delete", "key": "a" })).await;
    kept.commit(told.end.expect("it succeeded").writes);
    let told = bench.with(&json!({ "mode": "list", "key": "" })).await;
    assert_eq!(told.json()["keys"], json!([]));
}

#[tokio::test]
async fn a_memory_is_finite() {
    let kept = Arc::new(Kept::default());
    let mut bench = remembering(&kept);
    bench.job.limits.host_bytes = coworker_core::Bytes::mib(64);
    let told = bench.mode("fill").await;
    assert_eq!(
        told.json()["stored"],
        5,
        "five times 200 KiB fit into 1 MiB"
    );
    kept.commit(told.end.expect("it succeeded").writes);
    // The next call starts from what is stored.
    let told = bench
        .with(&json!({ "mode": "set", "key": "k", "value": "x".repeat(100 << 10) }))
        .await;
    let error = told.error().to_string();
    assert!(error.contains("full"), "{error}");
    let told = bench.mode("set-big").await;
    assert!(
        told.json()["answer"]
            .as_str()
            .is_some_and(|a| a.contains("invalid"))
    );
    let told = bench.mode("many-keys").await;
    assert!(
        matches!(told.json()["stored"].as_u64(), Some(1..9_000)),
        "{}",
        told.output
    );
    let told = bench.with(&json!({ "mode": "get", "key": "" })).await;
    assert!(told.error().to_string().contains("invalid"));
}

#[tokio::test]
async fn a_model_answers_and_its_errors_tell_nothing() {
    let kept = Arc::new(Kept::default());
    let bench = remembering(&kept);
    let ask = |slot: &str, value: &str| json!({ "mode": "ask", "key": slot, "value": value });
    let told = bench.with(&ask("skill", r#"{"topic":"tea"}"#)).await;
    assert_eq!(told.json()["text"], "about \"tea\"");
    assert_eq!((told.usage.tokens_in, told.usage.tokens_out), (7, 3));
    assert_eq!(told.usage.model_calls, 1);

    for (slot, value, part) in [
        ("secret", "{}", "Unavailable"),
        ("other", "{}", "NoSuchSlot"),
        ("../skill", "{}", "NoSuchSlot"),
        ("skill", "[]", "InvalidRequest"),
        ("skill", "not json", "InvalidRequest"),
    ] {
        let error = bench.with(&ask(slot, value)).await.error().to_string();
        assert!(error.contains(part), "{slot} {value}: {error}");
        assert!(!error.contains("sk-123"), "{error}");
    }
    let told = bench
        .with(&json!({ "mode": "stream", "key": "skill", "value": "{}" }))
        .await;
    assert_eq!(told.json()["pieces"], json!(["one ", "two"]));
}

#[tokio::test]
async fn questions_to_models_are_counted() {
    let kept = Arc::new(Kept::default());
    let bench = remembering(&kept);
    let told = bench
        .with(&json!({ "mode": "ask-many", "key": "skill", "n": 20 }))
        .await;
    assert_eq!(told.json()["refused"], 12);
    assert!(
        told.json()["last"]
            .as_str()
            .is_some_and(|e| e.contains("LimitReached"))
    );
    assert_eq!(told.usage.model_calls, 8);
    let told = bench
        .with(&json!({ "mode": "open-many", "key": "skill" }))
        .await;
    assert_eq!(told.json()["held"], 8);
}

#[tokio::test]
async fn a_model_that_never_answers_costs_wall_clock_only() {
    let kept = Arc::new(Kept::default());
    let mut bench = remembering(&kept);
    bench.job.limits.wall = Span::millis(200);
    let told = bench
        .with(&json!({ "mode": "ask", "key": "slow", "value": "{}" }))
        .await;
    assert_eq!(told.error(), &CallError::TimedOut(Span::millis(200)));
    assert!(told.usage.cpu.0 < Duration::from_millis(150));
}

/// Answers with what it was asked.
#[derive(Default)]
struct Web(Mutex<Vec<String>>);

#[async_trait]
impl HttpPort for Web {
    async fn send(
        &self,
        grant: &HttpGrant,
        _: TaskId,
        request: HttpRequest,
    ) -> Result<HttpResponse, PortError> {
        let line = format!("{} {}", request.method, request.uri);
        self.0.lock().unwrap().push(line.clone());
        assert!(coworker_sandbox::allows(grant, &request.method, &request.uri).is_some());
        assert!(
            !request.headers.contains_key("host") || request.headers["host"] == "api.example.com"
        );
        let body = match request.uri.path() {
            "/v1/large" => Bytes::from(vec![b'x'; 64 << 20]),
            "/v1/full" => Bytes::from(vec![b'x'; usize::try_from(request.most).unwrap()]),
            "/v1/denied" => return Err(PortError::Denied("10.0.0.1 is private".to_owned())),
            _ => Bytes::from(format!("{line}: {} bytes", request.body.len())),
        };
        Ok(HttpResponse {
            body,
            ..HttpResponse::default()
        })
    }
}

fn fetching(web: &Arc<Web>) -> Bench {
    let ports = Ports {
        http: Some(web.clone()),
        ..Ports::default()
    };
    let mut bench = bench(sandbox_with(ports), "fetch", "echo");
    bench.job.grants.http.push(HttpGrant {
        url: "https://api.example.com/v1/".to_owned(),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        headers: BTreeMap::new(),
    });
    bench
}

#[tokio::test]
async fn a_granted_place_answers() {
    let web = Arc::new(Web::default());
    let bench = fetching(&web);
    let told = bench
        .with(&json!({ "url": "https://api.example.com/v1/items?q=1" }))
        .await;
    assert_eq!(told.json()["status"], 200);
    assert_eq!(
        told.json()["text"],
        "GET https://api.example.com/v1/items?q=1: 0 bytes"
    );
    let body = "b".repeat(10_000);
    let post = json!({ "url": "https://api.example.com/v1/x", "method": "POST", "body": body });
    let told = bench.with(&post).await;
    assert_eq!(
        told.json()["text"],
        "POST https://api.example.com/v1/x: 10000 bytes"
    );
}

#[tokio::test]
async fn every_other_place_is_denied_before_the_port_hears_of_it() {
    let web = Arc::new(Web::default());
    let bench = fetching(&web);
    for url in [
        "http://api.example.com/v1/",
        "https://api.example.com/v2/",
        "https://api.example.com/v1/../v2/",
        "https://api.example.com/v1/%2e%2e/v2/",
        "https://api.example.com:8443/v1/",
        "https://127.0.0.1/v1/",
        "https://evil.org/v1/",
    ] {
        let told = bench.with(&json!({ "url": url })).await;
        assert!(
            matches!(told.error(), CallError::Failed(_)),
            "{url}: {:?}",
            told.end
        );
    }
    let delete = json!({ "url": "https://api.example.com/v1/", "method": "DELETE" });
    bench.with(&delete).await.error();
    assert!(web.0.lock().unwrap().is_empty());
    let told = bench
        .with(&json!({ "url": "https://api.example.com/v1/denied" }))
        .await;
    assert!(!told.error().to_string().contains("10.0.0.1"));
}

#[tokio::test]
async fn what_comes_from_the_network_counts() {
    let web = Arc::new(Web::default());
    let bench = fetching(&web);
    let told = bench
        .with(&json!({ "url": "https://api.example.com/v1/large" }))
        .await;
    assert!(
        told.error().to_string().contains("HttpResponseBodySize"),
        "{:?}",
        told.end
    );
    let told = bench
        .with(&json!({ "url": "https://api.example.com/v1/full" }))
        .await;
    assert!(
        told.usage.host_bytes <= bench.job.limits.host_bytes,
        "{:?}",
        told.usage
    );
    let told = bench.with(&json!({ "headers": 1_000 })).await;
    let error = told.error().to_string();
    assert!(
        error.contains("size of fields"),
        "headers of 1 MiB are too large: {error}"
    );
}

#[tokio::test]
async fn what_goes_to_the_network_counts() {
    let web = Arc::new(Web::default());
    let mut bench = fetching(&web);
    bench.job.limits.host_bytes = coworker_core::Bytes::kib(128);
    let post = |size: usize| {
        let body = "b".repeat(size);
        json!({ "url": "https://api.example.com/v1/x", "method": "POST", "body": body })
    };
    let told = bench.with(&post(50_000)).await;
    assert!(told.json()["text"].as_str().is_some());
    assert_eq!(web.0.lock().unwrap().len(), 1);
    let told = bench.with(&post(200_000)).await;
    assert_eq!(told.error(), &CallError::Limit(Which::HostBytes));
    assert!(told.usage.host_bytes.0 <= 132 << 10, "{:?}", told.usage);
    let heard = web.0.lock().unwrap().len();
    assert_eq!(heard, 1, "half a body is no request");
}

#[tokio::test]
async fn a_guest_cannot_name_another_host_than_it_asks() {
    let web = Arc::new(Web::default());
    let bench = fetching(&web);
    let url = "https://api.example.com/v1/";
    let told = bench
        .with(&json!({ "url": url, "header": ["Host", "evil.org"] }))
        .await;
    assert!(
        told.error().to_string().contains("headers"),
        "{:?}",
        told.end
    );
}
