//! The hostile guest through the whole host: what its caller is told, and what its owner finds.

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, ROOMY};
use crate::peer::Peer;
use crate::support::{Place, Serving};

/// Short limits, so that what never ends by itself ends soon.
const LIMITS: &str = "\n[limits.default]\ncpu = \"500ms\"\nwall = \"20s\"\n";

fn world() -> (Place, Serving, Peer) {
    let place = Place::configured(&format!("{EXPOSED}{LIMITS}"));
    for name in ["hostile.wasm", "hostile-wasi.wasm", "echo.wasm"] {
        place.drop_in(name, name);
    }
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "privileged");
    (place, serving, peer)
}

/// Calls a mode and shows what comes of it: the code for the caller, the cause for the owner, and no harm to the next.
#[track_caller]
fn check(skill: &str, input: Value, code: &str, sentence: &str, cause: &str) {
    let (place, _serving, peer) = world();
    let answer = peer.call(skill, input.clone());
    assert_eq!(
        answer,
        json!({ "success": false, "error": sentence, "error_code": code }),
        "{input}"
    );
    let row = place
        .tasks()
        .into_iter()
        .find(|task| task["skill"] == skill)
        .expect("it is on record");
    assert_eq!(row["outcome"], code);
    let task = place.task(&row);
    assert_eq!(
        task["reply"], answer,
        "the owner sees the peer's exact reply"
    );
    assert!(
        task["log"].to_string().contains(cause),
        "{input}: {}",
        task["log"]
    );
    // On a terminal it reads the same, and moves no cursor.
    let id = row["task"].as_str().expect("an id");
    let shown = place.run(&["logs", "--task", id]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        !shown.stdout.contains(['\u{1b}', '\u{202e}', '\u{200b}']),
        "{:?}",
        shown.stdout
    );
    assert_eq!(
        peer.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
}

const FAILED: &str = "The skill failed";
const REJECTED: &str = "The output was rejected";

#[test]
fn an_endless_loop_times_out() {
    check(
        "hostile",
        json!({ "mode": "loop" }),
        "TIMEOUT",
        "Timed out",
        "processor time",
    );
}

#[test]
fn an_endless_loop_of_host_calls_ends() {
    check(
        "hostile",
        json!({ "mode": "host-loop" }),
        "EXECUTION_FAILED",
        FAILED,
        "limit",
    );
}

#[test]
fn memory_ends_with_the_call() {
    check(
        "hostile",
        json!({ "mode": "alloc" }),
        "EXECUTION_FAILED",
        FAILED,
        "memory",
    );
}

#[test]
fn a_trap_says_nothing_of_itself() {
    check(
        "hostile",
        json!({ "mode": "trap" }),
        "EXECUTION_FAILED",
        FAILED,
        "crashed",
    );
}

#[test]
fn a_panic_of_the_sdk_says_what_and_where_to_the_owner_alone() {
    let (place, serving) = Place::serving(&["clumsy.wasm"]);
    place.wait_for("clumsy", "exposed");
    let peer = place.peer(&serving, "known");
    let walk = |steps: u32| peer.call("clumsy", json!({ "steps": steps }));
    assert_eq!(walk(3)["result"], json!({ "steps": 3 }));
    assert_eq!(
        walk(4),
        json!({ "success": false, "error": FAILED, "error_code": "EXECUTION_FAILED" })
    );
    let log = place.task_of("clumsy", "EXECUTION_FAILED")["log"].to_string();
    assert!(
        log.contains("stumbled at step 4") && log.contains("lib.rs"),
        "{log}"
    );
}

#[test]
fn a_panic_reaches_the_owner_alone() {
    check(
        "hostile",
        json!({ "mode": "panic" }),
        "EXECUTION_FAILED",
        FAILED,
        "crashed",
    );
}

#[test]
fn deep_recursion_ends() {
    check(
        "hostile",
        json!({ "mode": "recurse" }),
        "EXECUTION_FAILED",
        FAILED,
        "crashed",
    );
}

#[test]
fn a_flood_of_output_is_rejected() {
    check(
        "hostile",
        json!({ "mode": "output", "n": 600_000 }),
        "OUTPUT_REJECTED",
        REJECTED,
        "output",
    );
}

#[test]
fn an_answer_that_no_message_carries_is_a_failure_of_that_call() {
    let place = Place::configured(&format!("{EXPOSED}{ROOMY}"));
    place.drop_in("hostile.wasm", "hostile.wasm");
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "privileged");
    let fits = peer.call("hostile", json!({ "mode": "output", "n": 800_000 }));
    assert_eq!(fits["success"], true);
    // It is answered under the id of the question, or the peer would wait for ever.
    let answer = peer.call("hostile", json!({ "mode": "output", "n": 1_000_000 }));
    assert_eq!(
        answer,
        json!({ "success": false, "error": FAILED, "error_code": "EXECUTION_FAILED" })
    );
    let task = place.task_of("hostile", "EXECUTION_FAILED");
    let log = task["log"].to_string();
    assert!(log.contains("at most 900 KiB are carried"), "{log}");
}

#[test]
fn a_call_whose_answer_no_message_carries_leaves_nothing_behind() {
    let place = Place::configured(&format!("{EXPOSED}{ROOMY}"));
    place.drop_in_ports();
    let serving = place.serve(&[]);
    place.agree("ports");
    let peer = place.peer(&serving, "known");
    let found =
        || peer.call("ports", json!({ "mode": "get", "key": "k" }))["result"]["value"].clone();
    for (n, success, kept) in [(1_000_000, false, Value::Null), (1_000, true, json!("v"))] {
        let answer = peer.call(
            "ports",
            json!({ "mode": "set-then-tell", "key": "k", "value": "v", "n": n }),
        );
        assert_eq!(answer["success"], success, "{n}");
        assert_eq!(found(), kept, "{n}");
    }
}

#[test]
fn output_that_is_no_json_is_rejected() {
    check(
        "hostile",
        json!({ "mode": "bad-json" }),
        "OUTPUT_REJECTED",
        REJECTED,
        "",
    );
}

#[test]
fn output_that_breaks_its_schema_is_rejected() {
    check(
        "hostile",
        json!({ "mode": "wrong-shape" }),
        "OUTPUT_REJECTED",
        REJECTED,
        "",
    );
}

#[test]
fn a_failure_that_tells_is_scrubbed() {
    check(
        "hostile",
        json!({ "mode": "failed-telling" }),
        "EXECUTION_FAILED",
        "cannot open … [31mevil",
        "/home/owner",
    );
}

#[test]
fn the_clock_may_be_watched_and_not_for_ever() {
    let input = json!({ "mode": "clock-loop" });
    check("hostile-wasi", input, "EXECUTION_FAILED", FAILED, "limit");
}

#[test]
fn what_a_guest_reaches_for_is_not_there() {
    let (_place, _serving, peer) = world();
    for (mode, key) in [("env", "env"), ("args", "args"), ("folders", "folders")] {
        let answer = peer.call("hostile-wasi", json!({ "mode": mode }));
        assert_eq!(answer["result"][key], json!([]), "{mode}: {answer}");
    }
    for mode in ["read", "tcp", "udp", "listen", "resolve"] {
        let answer = peer.call(
            "hostile-wasi",
            json!({ "mode": mode, "text": "/etc/passwd", "n": 9 }),
        );
        assert!(answer["result"].get("got").is_none(), "{mode}: {answer}");
    }
}

#[test]
fn an_answer_that_imitates_a_refusal_or_another_skill_is_an_answer() {
    let (_place, _serving, peer) = world();
    let correlation = peer.say(
        "task_request",
        json!({ "skill": "hostile", "input": { "mode": "other-skill" } }),
    );
    let answer = peer.answer(&correlation);
    assert_eq!(answer.kind(), "task_response");
    assert_eq!(
        answer.payload()["result"]["skill"],
        "another-skill",
        "it stays inside `result`"
    );
    let failed = peer.call("hostile", json!({ "mode": "failed-as-unknown" }));
    assert_eq!(
        failed["error_code"], "EXECUTION_FAILED",
        "a guest cannot speak for the host: {failed}"
    );
    let trailing = peer.call("hostile", json!({ "mode": "trailing" }));
    assert_eq!(trailing["error_code"], "OUTPUT_REJECTED");
}

#[test]
fn a_guest_that_floods_its_log_keeps_a_bounded_part_of_it() {
    let (place, _serving, peer) = world();
    for mode in [
        "log-flood",
        "log-bytes",
        "log-control",
        "log-bad-utf8",
        "progress-flood",
    ] {
        peer.call("hostile", json!({ "mode": mode }));
    }
    for row in place
        .tasks()
        .iter()
        .filter(|task| task["skill"] == "hostile")
    {
        let task = place.task(row);
        let log = task["log"].as_array().expect("lines");
        assert!(log.len() <= 1_002, "{} lines", log.len());
        for line in log {
            assert!(
                line["line"]
                    .as_str()
                    .is_some_and(|line| line.len() <= 5_000)
            );
        }
        let id = row["task"].as_str().expect("an id");
        let shown = place.run(&["logs", "--task", id]);
        assert!(
            !shown.stdout.contains(['\u{1b}', '\u{202e}']),
            "{:?}",
            shown.stdout
        );
        assert!(
            !shown
                .stdout
                .lines()
                .any(|line| line.starts_with("ERROR forged")),
            "{}",
            shown.stdout
        );
    }
    assert_eq!(
        peer.call("echo", json!({ "a": 1 }))["result"],
        json!({ "a": 1 })
    );
}

#[test]
fn a_lower_tier_learns_no_durations() {
    let (place, serving, _peer) = world();
    for (tier, told) in [("known", false), ("internal", true)] {
        let peer = place.peer(&serving, tier);
        let answer = peer.call("echo", json!({ "a": 1 }));
        assert_eq!(
            answer.get("duration_ms").is_some(),
            told,
            "{tier}: {answer}"
        );
    }
}

#[test]
fn the_owner_sees_what_a_call_used_and_what_it_might_have() {
    let (place, _serving, peer) = world();
    let answer = peer.call("hostile", json!({ "mode": "log-flood", "n": 5 }));
    assert_eq!(answer["success"], true, "{answer}");
    let task = place.task_of("hostile", "OK");
    let used = &task["used"];
    let size = answer["result"].to_string().len();
    assert_eq!(
        (&used["log_lines"], &used["host_calls"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(used["output_bytes"], size, "{used}");
    assert!(used["host_bytes"].as_u64() >= Some(5), "{used}");
    // The limits stand under the same keys, as they were then.
    let limits = json!({
        "cpu_ms": 500.0, "wall_ms": 20_000.0, "memory_peak_bytes": 64 << 20, "host_calls": 10_000, "model_calls": 8,
        "host_bytes": 4 << 20, "output_bytes": 512 << 10, "log_lines": 1_000,
    });
    assert_eq!(task["limits"], limits);
    let id = task["task"].as_str().expect("an id");
    let configure =
        json!({ "do": "skills_configure", "name": "hostile", "limits": { "log_lines": 7 } });
    place.owner(configure);
    assert_eq!(
        peer.call("hostile", json!({ "mode": "ok" }))["success"],
        true
    );
    assert_eq!(place.task_of("hostile", "OK")["limits"]["log_lines"], 7);
    let shown = place.run(&["logs", "--task", id]);
    let line = shown
        .stdout
        .lines()
        .find(|line| line.starts_with("log_lines"));
    assert!(
        line.is_some_and(|line| line.ends_with("5 of 1000")),
        "{}",
        shown.seen()
    );
}
