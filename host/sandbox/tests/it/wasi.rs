//! WASI bound to nothing, and the guest that reaches for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use coworker_core::{Limits, Span};
use coworker_sandbox::{CallError, Level, Turn, Which};
use serde_json::json;

use crate::support::{Bench, bench, fixture, sandbox};

fn reach() -> Bench {
    bench(sandbox(), "hostile-wasi", "hostile-wasi")
}

#[track_caller]
fn limit(error: &CallError, which: Which) {
    assert_eq!(error, &CallError::Limit(which), "{error}");
}

#[tokio::test]
async fn there_is_no_machine() {
    let bench = reach();
    assert_eq!(bench.mode("env").await.json(), json!({ "env": [] }));
    assert_eq!(
        bench.mode("args").await.json(),
        json!({ "args": [], "cwd": null })
    );
    assert_eq!(bench.mode("folders").await.json(), json!({ "folders": [] }));
    let told = bench
        .with(&json!({ "mode": "read", "text": "/etc/passwd" }))
        .await;
    let error = told.json()["error"].to_string();
    assert!(error.contains("no-entry"), "{error}");
    let told = bench.mode("stdin").await;
    assert!(told.json()["error"].is_string(), "{}", told.output);
}

#[tokio::test]
async fn there_is_no_network() {
    let bench = reach();
    for mode in ["resolve", "tcp", "udp", "listen"] {
        let told = bench
            .with(&json!({ "mode": mode, "text": "localhost" }))
            .await;
        let answer = told.json();
        assert!(answer["error"].is_string(), "{mode}: {answer}");
    }
}

#[tokio::test]
async fn randomness_is_real_and_ends() {
    let bench = reach();
    assert_eq!(
        bench.mode_n("random", 64 << 10).await.json()["bytes"],
        64 << 10
    );
    for mode in ["random-flood", "random-insecure-flood"] {
        limit(bench.mode(mode).await.error(), Which::Randomness);
    }
    limit(
        bench.mode_n("random", u64::MAX >> 1).await.error(),
        Which::Randomness,
    );
    let told = bench.mode("random-words").await;
    limit(told.error(), Which::Randomness);
    assert_eq!(told.usage.host_calls, 8_193, "eight bytes each");
}

#[tokio::test]
async fn handles_and_lists_of_them_end() {
    let bench = reach();
    limit(bench.mode("handles").await.error(), Which::Handles);
    limit(bench.mode("poll-list").await.error(), Which::HostBytes);
    let told = bench.mode("poll-nothing").await;
    assert!(
        matches!(told.error(), CallError::Trap { .. }),
        "{:?}",
        told.end
    );
}

#[tokio::test]
async fn a_sleep_is_a_wait_that_the_wall_clock_ends() {
    let mut bench = reach();
    assert_eq!(bench.mode_n("sleep", 20).await.json()["slept"], 20);
    bench.job.limits.wall = Span::millis(200);
    let told = bench.mode_n("sleep", 3_600_000).await;
    assert_eq!(told.error(), &CallError::TimedOut(Span::millis(200)));
    assert!(
        told.usage.cpu.0 < Duration::from_millis(150),
        "{:?}",
        told.usage
    );
    let told = bench.mode("sleep-loop").await;
    assert_eq!(told.error(), &CallError::TimedOut(Span::millis(200)));
}

#[tokio::test]
async fn a_loop_of_wasi_calls_ends_at_their_number() {
    let told = reach().mode("clock-loop").await;
    limit(told.error(), Which::HostCalls);
}

#[tokio::test]
async fn standard_output_is_the_log() {
    let bench = reach();
    let told = bench
        .with(&json!({ "mode": "stdout", "text": "hello" }))
        .await;
    told.json();
    assert_eq!(told.log, [(Level::Info, "hello".to_owned())]);

    let told = bench.mode("stdout-flood").await;
    limit(told.error(), Which::HostBytes);
    let kept: usize = told.log.iter().map(|(_, line)| line.len()).sum();
    assert!(
        kept <= 2 * 4_096 + 100,
        "a line without an end is cut: {kept}"
    );

    let told = bench.mode("stdout-zeroes").await;
    limit(told.error(), Which::HostBytes);
}

#[tokio::test]
async fn leaving_is_not_an_answer() {
    match reach().mode("exit").await.error() {
        CallError::Trap { why } => assert!(why.contains("exit code 0"), "{why}"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_call_sees_the_real_time_and_a_description_does_not() {
    let bench = reach();
    let now = bench.mode("now").await.json()["seconds"].as_u64();
    assert!(now > Some(1_700_000_000), "{now:?}");
    let wasm = fixture("hostile-wasi");
    let first = bench.sandbox.examine(&wasm).expect("it describes itself");
    let second = sandbox().examine(&wasm).expect("it describes itself");
    assert_eq!(first, second, "clock and randomness are fixed");
    assert!(
        first.manifests[0].description.contains("1577836800"),
        "{:?}",
        first.manifests[0]
    );
}

#[derive(Default)]
struct Counted {
    pauses: AtomicU32,
    resumes: AtomicU32,
    /// How often the guest could have had to go to the back of the line.
    ticks: AtomicU32,
}

#[async_trait::async_trait]
impl Turn for Counted {
    fn pause(&self) {
        self.pauses.fetch_add(1, SeqCst);
    }

    async fn resume(&self) {
        tokio::task::yield_now().await;
        self.resumes.fetch_add(1, SeqCst);
    }

    fn should_yield(&self) -> bool {
        self.ticks.fetch_add(1, SeqCst);
        false
    }
}

#[tokio::test]
async fn a_guest_gives_its_turn_back_only_while_it_waits() {
    let mut bench = reach();
    let turn = Arc::new(Counted::default());
    let sleep = json!({ "mode": "sleep", "n": 30 });
    bench.paced(&sleep, turn.clone()).await.json();
    assert_eq!(turn.pauses.load(SeqCst), turn.resumes.load(SeqCst));
    assert!(turn.pauses.load(SeqCst) >= 1);

    // Ticks are no waits, and neither is a log line.
    bench.job.limits = Limits {
        cpu: Span::millis(50),
        ..Limits::default()
    };
    let computing = crate::support::hostile();
    let turn = Arc::new(Counted::default());
    let burn = json!({ "mode": "burn", "n": 3_000_000 });
    computing.paced(&burn, turn.clone()).await.json();
    let log = json!({ "mode": "log-flood", "n": 100 });
    computing.paced(&log, turn.clone()).await.json();
    assert_eq!(turn.pauses.load(SeqCst), 0);
}

#[tokio::test]
async fn only_a_guest_that_computed_for_a_whole_tick_may_have_to_yield() {
    let bench = crate::support::hostile();
    let burn = async |n: u32| {
        let turn = Arc::new(Counted::default());
        let told = bench
            .paced(&json!({ "mode": "burn", "n": n }), turn.clone())
            .await;
        told.json();
        (told.usage.cpu, turn.ticks.load(SeqCst))
    };
    let mut short = 0;
    for _ in 0..300 {
        let (cpu, asked) = burn(200_000).await;
        if cpu < Span::millis(1) {
            short += 1;
            assert_eq!(asked, 0, "after {cpu}");
        }
    }
    assert!(short > 100, "only {short} calls were short");
    let (cpu, asked) = burn(20_000_000).await;
    assert!(asked > 1, "{asked} times in {cpu}");
}
