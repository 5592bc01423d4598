//! Messages that come again: at once, after a restart, a day later, and to a host whose disk was put back to what it held
//! before they came.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::fake::Faked;
use crate::hosts::ask_at;
use crate::peer::{envelope, until};

/// Who sends.
pub(super) const EVE: &str = "7878787878787878787878787878787878787878787878787878787878787878";

/// Hands over what a file holds at each start, and notes what the host wants to send.
pub(super) const REPLAYER: &str = r#"
import { readFileSync } from "node:fs";
hear((frame) => {
  live(frame);
  if (frame.do === "hello") {
    ready();
    for (const line of readFileSync(MAIL, "utf8").split("\n").filter(Boolean)) say(JSON.parse(line));
  }
  if (frame.do === "send") { note(frame); say({ is: "sent", id: frame.id }); }
});
"#;

/// Returns a message that the network took so long ago.
fn sent(ago: Duration, id: &str, text: &[u8]) -> String {
    format!("{}\n", frame(ago, id, text))
}

/// Returns a message that the network took just now.
pub(super) fn sent_now(id: &str, text: &[u8]) -> Value {
    frame(Duration::ZERO, id, text)
}

fn frame(ago: Duration, id: &str, text: &[u8]) -> Value {
    let at = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .saturating_sub(ago);
    let text = std::str::from_utf8(text).expect("JSON");
    json!({
        "is": "message", "peer": EVE, "id": id, "sent_ns": at.as_nanos().to_string(), "size": text.len(), "text": text,
    })
}

/// Returns a request of an old peer, which says nothing of how long it is good for.
fn count(correlation: &str) -> Vec<u8> {
    let payload = json!({ "skill": "ports", "input": { "mode": "count" } });
    envelope("task_request", correlation, &payload)
}

/// Returns the same as its sender would have it live as long as can be said.
fn lasting(correlation: &str, payload: &Value) -> Vec<u8> {
    let request = envelope("task_request", correlation, payload);
    let mut request: Value = serde_json::from_slice(&request).expect("JSON");
    request["ttl"] = json!(1e9);
    request.to_string().into_bytes()
}

fn runs(faked: &Faked) -> usize {
    let tasks = faked.place.tasks();
    tasks.iter().filter(|task| task["skill"] == "ports").count()
}

/// Returns the counts that went out, in their order.
fn counts(faked: &Faked) -> Vec<Value> {
    let texts = faked.noted().into_iter();
    let replies = texts.map(|frame| -> Value {
        serde_json::from_str(frame["text"].as_str().expect("text")).expect("JSON")
    });
    replies
        .map(|reply| reply["payload"]["result"]["count"].clone())
        .collect()
}

/// Waits until everything that was handed over so far has been dealt with.
fn quiet(faked: &Faked, received: u64) {
    until("all of it was looked at", || {
        let status = ask_at(&faked.place.home(), json!({ "do": "status" })).ok()?;
        let open = |what: &str| status["tasks"][what].as_u64();
        (status["turned_away"]["received"].as_u64() >= Some(received)
            && (open("queued"), open("running")) == (Some(0), Some(0)))
            .then_some(())
    });
}

fn copy(from: &Path, to: &Path) {
    for file in ["host.db", "host.db-wal"] {
        let _ = std::fs::remove_file(to.join(file));
        if from.join(file).exists() {
            std::fs::copy(from.join(file), to.join(file)).expect("room on disk");
        }
    }
}

#[test]
fn what_comes_again_runs_once_whenever_it_comes() {
    let faked = Faked::new("");
    let mail = faked.place.path("mail");
    faked.replace(&format!(
        "const MAIL = {:?};\n{REPLAYER}",
        mail.display().to_string()
    ));
    std::fs::write(&mail, "").expect("ours");
    faked.place.drop_in_ports();
    let serving = faked.place.serve(&[]);
    faked.place.agree("ports");
    faked
        .place
        .owner(json!({ "do": "trust_set", "peer": format!("xmtp:{EVE}"), "tier": "known" }));
    drop(serving);
    let backup = faked.place.path("backup");
    std::fs::create_dir(&backup).expect("ours");
    copy(&faked.place.home(), &backup);

    // One request, thrice in one breath, and one as old as a day.
    let hour = Duration::from_secs(3_600);
    let once = sent(hour / 2, "m1", &count("c1"));
    let old = sent(25 * hour, "m0", &count("c0"));
    std::fs::write(&mail, format!("{once}{once}{old}{once}")).expect("ours");
    let serving = faked.place.serve(&[]);
    until("it is answered", || {
        (!counts(&faked).is_empty()).then_some(())
    });
    quiet(&faked, 4);
    assert_eq!(runs(&faked), 1, "{:?}", faked.place.tasks());
    drop(serving);

    // Again after a restart, by another message that says the same too.
    let again = sent(hour / 4, "m2", &count("c1"));
    std::fs::write(&mail, format!("{once}{again}{old}")).expect("ours");
    let serving = faked.place.serve(&[]);
    quiet(&faked, 3);
    assert_eq!(runs(&faked), 1);
    drop(serving);
    assert!(
        counts(&faked).iter().all(|count| *count == json!(1)),
        "{:?}",
        counts(&faked)
    );

    // The disk is put back to what it held before. What has outlived its time by then gives its sender nothing.
    copy(&backup, &faked.place.home());
    let before = faked.noted().len();
    let late = sent(25 * hour, "m1", &count("c1"));
    // Whatever its sender says of how long it is good for, there is an end to it.
    let week = 7 * 24 * hour;
    let input = json!({ "mode": "count" });
    let plain = json!({ "skill": "ports", "input": input });
    let patient = json!({ "skill": "ports", "input": input, "async": true });
    let hostile = [
        sent(week + hour, "m3", &lasting("c3", &plain)),
        sent(week + hour, "m4", &lasting("c4", &patient)),
        sent(week + hour, "m5", &envelope("task_request", "c5", &patient)),
    ];
    std::fs::write(&mail, format!("{late}{old}{}", hostile.concat())).expect("ours");
    let serving = faked.place.serve(&[]);
    quiet(&faked, 5);
    assert_eq!(runs(&faked), 0);
    assert_eq!(faked.noted().len(), before, "nothing was answered");
    drop(serving);

    // A moment before it is served, which is what makes the others a test.
    let last = [
        sent(week - hour, "m3", &lasting("c3", &plain)),
        sent(week - hour, "m4", &lasting("c4", &patient)),
    ];
    std::fs::write(&mail, last.concat()).expect("ours");
    let _serving = faked.place.serve(&[]);
    until("both are answered", || {
        (faked.noted().len() == before + 2).then_some(())
    });
    assert_eq!(runs(&faked), 2);
}
