//! What ran when its host was killed runs again only where nobody can tell that it ran before: by the same code, and
//! with no grant to act on anything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, with_section};
use crate::peer::envelope;
use crate::support::Place;

/// Longer than any test takes: what is not killed does not end.
const ENDLESS: u32 = 25_000;

#[test]
fn what_may_have_written_files_is_not_run_again() {
    let place = Place::configured(EXPOSED);
    let data = place.path("data");
    std::fs::create_dir(&data).expect("ours");
    let asks = format!(
        "[[grants.fs]]\nhost = \"{}\"\nguest = \"/data\"\nwrite = true\n",
        data.display()
    );
    place.write("home/skills/hostile-wasi.toml", asks);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    place.agree("hostile-wasi");
    let peer = place.peer(&serving, "privileged");
    let write = json!({ "mode": "write", "text": "file" });
    assert_eq!(
        peer.call("hostile-wasi", write)["result"]["got"],
        7,
        "it may act"
    );
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let correlation = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    drop(serving);
    serving = place.serve(&[]);
    assert_eq!(
        peer.answer(&correlation).payload(),
        json!({ "success": false, "error": "Interrupted", "error_code": "INTERRUPTED" })
    );
    let task = place.task_of("hostile-wasi", "INTERRUPTED");
    assert_eq!(task["attempts"], 1, "it was not begun again: {task}");
    drop(serving);
}

#[test]
fn what_had_begun_and_is_past_its_time_is_not_called_busy() {
    let place = Place::configured(EXPOSED);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    place.wait_for("hostile-wasi", "exposed");
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let mut request: Value =
        serde_json::from_slice(&envelope("task_request", "late", &sleep)).expect("JSON");
    request["ttl"] = json!(4);
    peer.send(request.to_string().as_bytes()).expect("taken");
    place.wait_until_running(1, 1);
    drop(serving);
    std::thread::sleep(Duration::from_secs(4));
    serving = place.serve(&[]);
    let answer = peer.answer("late").payload();
    assert_eq!(answer["error_code"], "INTERRUPTED", "{answer}");
    drop(serving);
}

#[test]
fn what_other_code_would_answer_is_not_run_again() {
    let place = Place::configured(EXPOSED);
    place.drop_in("hostile-wasi.wasm", "hostile-wasi.wasm");
    let mut serving = place.serve(&[]);
    let old = place.wait_for("hostile-wasi", "exposed")["digest"].clone();
    let peer = place.peer(&serving, "privileged");
    let sleep = json!({ "skill": "hostile-wasi", "input": { "mode": "sleep", "n": ENDLESS } });
    let correlation = peer.say("task_request", sleep);
    place.wait_until_running(1, 1);
    drop(serving);
    place.put(
        &with_section("hostile-wasi.wasm", "another build"),
        "hostile-wasi.wasm",
    );
    // A command without a host looks at the folder until it has seen everything, and answers nobody: the host that
    // starts then serves the new code from the first moment.
    let listed = place.run(&["--json", "skills", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    serving = place.serve(&[]);
    let row = place.row("hostile-wasi").expect("listed");
    assert_eq!(row["state"], "exposed", "{row}");
    assert_ne!(row["digest"], old, "{row}");
    assert_eq!(
        peer.answer(&correlation).payload()["error_code"],
        "INTERRUPTED"
    );
    let task = place.task_of("hostile-wasi", "INTERRUPTED");
    assert_eq!(task["attempts"], 1, "it was not begun again: {task}");
    assert_eq!(task["digest"], old, "what had run is on record");
    let now = peer.call("hostile-wasi", json!({ "mode": "now" }));
    assert_eq!(now["success"], true, "the new code serves: {now}");
    drop(serving);
}
