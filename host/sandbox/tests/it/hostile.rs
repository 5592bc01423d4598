//! One hostile guest, driven by its input: each attack ends in the stated error, within its limit.

use std::time::Duration;

use coworker_core::{Bytes, Limits, Span};
use coworker_sandbox::{CallError, Which};

use crate::support::{bench, hostile, quick, sandbox};

#[track_caller]
fn limit(error: &CallError, which: Which) {
    assert_eq!(error, &CallError::Limit(which), "{error}");
}

#[tokio::test]
async fn an_endless_loop_ends_when_its_processor_time_is_over() {
    let mut bench = hostile();
    bench.job.limits = quick();
    let told = bench.mode("loop").await;
    limit(told.error(), Which::Cpu);
    let cpu = told.usage.cpu.0;
    assert!(cpu >= Duration::from_millis(200), "{cpu:?}");
    assert!(cpu < Duration::from_millis(400), "{cpu:?}");
}

#[tokio::test]
async fn a_loop_of_host_calls_ends_at_their_number() {
    let bench = hostile();
    let told = bench.mode("host-loop").await;
    limit(told.error(), Which::HostCalls);
    assert_eq!(told.usage.host_calls, 10_001);
    let told = bench.mode("host-calls").await;
    limit(told.error(), Which::HostCalls);
}

#[tokio::test]
async fn the_wall_clock_ends_a_guest_that_is_still_computing() {
    let mut bench = hostile();
    bench.job.limits = Limits {
        cpu: Span::secs(60),
        wall: Span::millis(150),
        ..Limits::default()
    };
    let told = bench.mode("loop").await;
    assert_eq!(told.error(), &CallError::TimedOut(Span::millis(150)));
}

#[tokio::test]
async fn memory_grows_to_its_limit_and_no_further() {
    let mut bench = hostile();
    bench.job.limits.memory = Bytes::mib(8);
    // Growing by single pages, the guest sees the refusal and lives with it.
    let told = bench.mode("grow").await;
    assert_eq!(told.json()["pages"], 128);
    assert_eq!(told.usage.memory_peak, Bytes::mib(8));
    // An allocator that is refused gives up.
    limit(bench.mode("alloc").await.error(), Which::Memory);
    let told = bench.mode_n("alloc-one", 1 << 30).await;
    limit(told.error(), Which::Memory);
}

#[tokio::test]
async fn instances_are_counted() {
    assert_eq!(Limits::default().instances, 64);
    // It is made of as many as a call may have.
    let mut bench = bench(sandbox(), "instances", "wat");
    bench.with(&serde_json::json!({})).await.json();
    bench.job.limits.instances = 63;
    let told = bench.with(&serde_json::json!({})).await;
    limit(told.error(), Which::Instances);
}

#[tokio::test]
async fn deep_recursion_ends_at_the_stack() {
    let told = hostile().mode("recurse").await;
    match told.error() {
        // Rust keeps its frames on a stack of its own, within the memory: which of the two ends first depends on
        // how a toolchain lays it out.
        CallError::Limit(Which::Stack) | CallError::Trap { .. } => {}
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_flood_of_log_is_counted() {
    let bench = hostile();
    let told = bench.mode_n("log-flood", 5_000).await;
    told.json();
    assert_eq!(told.log.len(), 1_001);
    let (_, last) = told.log.last().expect("a closing line");
    assert_eq!(last, "4000 more lines of log were left out");
    assert_eq!(told.usage.log_lines, 5_000);
    limit(bench.mode("log-flood").await.error(), Which::HostCalls);
}

#[tokio::test]
async fn what_crosses_the_boundary_is_bounded_in_all() {
    let bench = hostile();
    // One line of 16 MiB: the engine refuses to copy it.
    let told = bench.mode("log-long").await;
    limit(told.error(), Which::HostBytes);
    // Lines of 1 MiB: each is small enough, the fifth is too much.
    let told = bench.mode("log-bytes").await;
    limit(told.error(), Which::HostBytes);
    assert_eq!(told.log.len(), 4);
    assert!(told.log.iter().all(|(_, line)| line.len() == 4_096));
}

#[tokio::test]
async fn a_flood_of_progress_is_counted() {
    let bench = hostile();
    let told = bench.mode_n("progress-flood", 500).await;
    told.json();
    assert_eq!(told.progress.len(), 100);
    let (_, last) = told.log.last().expect("a closing line");
    assert_eq!(last, "400 more reports of progress were left out");

    let told = bench.mode("progress-odd").await;
    told.json();
    let shown: Vec<_> = told.progress.iter().map(|(done, _)| *done).collect();
    assert_eq!(shown, [None, None, Some(0.0), Some(1.0)]);
    assert!(told.progress.iter().all(|(_, text)| text.len() == 1_024));
}

#[tokio::test]
async fn text_that_is_not_utf8_never_reaches_the_log() {
    let told = hostile().mode("log-bad-utf8").await;
    match told.error() {
        CallError::Trap { why } => assert!(why.contains("UTF-8"), "{why}"),
        other => panic!("{other}"),
    }
    assert!(told.log.is_empty());
}

#[tokio::test]
async fn every_trap_is_a_value() {
    let bench = hostile();
    for (mode, part) in [
        ("trap", "unreachable"),
        ("panic", "unreachable"),
        ("divide", "unreachable"),
        ("out-of-bounds", "out of bounds"),
    ] {
        match bench.mode(mode).await.error() {
            CallError::Trap { why } => assert!(why.contains(part), "{mode}: {why}"),
            other => panic!("{mode}: {other}"),
        }
    }
    bench.mode("ok").await.json();
}

#[tokio::test]
async fn nothing_of_one_call_is_left_for_the_next() {
    let mut bench = hostile();
    bench.job.limits.memory = Bytes::mib(8);
    for _ in 0..20 {
        limit(bench.mode("alloc").await.error(), Which::Memory);
        let told = bench.mode("ok").await;
        told.json();
        assert!(told.usage.memory_peak < Bytes::mib(2), "{:?}", told.usage);
        assert!(told.log.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_calls_go_on_beside_hostile_ones() {
    let sandbox = sandbox();
    let mut hostile = bench(sandbox.clone(), "hostile", "hostile");
    hostile.job.limits = Limits {
        cpu: Span::millis(400),
        ..Limits::default()
    };
    let quiet = bench(sandbox, "echo", "echo");
    let attacks = [
        "loop",
        "loop",
        "host-loop",
        "alloc",
        "recurse",
        "log-bytes",
        "output",
        "trap",
    ];
    let attack = futures::future::join_all(attacks.map(|mode| hostile.mode(mode)));
    let serve = async {
        for n in 0..100 {
            let told = quiet.with(&serde_json::json!({ "n": n })).await;
            assert_eq!(told.json()["n"], n);
        }
    };
    let (ends, ()) = tokio::join!(attack, serve);
    assert!(ends.iter().all(|told| told.end.is_err()));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_running() {
    let bench = hostile();
    let started = tokio::time::timeout(Duration::from_millis(50), bench.mode("loop")).await;
    assert!(started.is_err(), "it must still run when it is dropped");
    bench.mode("ok").await.json();
}
