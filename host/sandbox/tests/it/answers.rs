//! What may and may not come out of a call.

use coworker_core::{Bytes, Digest, Limits};
use coworker_sandbox::{CallError, Unpaced, Which};
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::support::{bench, head, hostile, sandbox};

#[tokio::test]
async fn an_answer_comes_back_with_what_it_cost() {
    let bench = bench(sandbox(), "echo", "echo");
    let input = serde_json::json!({ "text": "grüße, 世界" });
    let told = bench.with(&input).await;
    assert_eq!(told.json(), input);
    let usage = told.usage;
    assert_eq!(usage.output, Bytes(told.output.len() as u64));
    assert!(usage.wall >= usage.cpu, "{usage:?}");
    assert!(usage.memory_peak > Bytes(0), "{usage:?}");
    assert_eq!(told.end.map(|done| done.usage), Ok(usage));
}

#[tokio::test]
async fn an_output_that_is_not_json_is_rejected() {
    let bench = hostile();
    for mode in ["bad-json", "not-json", "trailing", "empty", "bad-utf8"] {
        let told = bench.mode(mode).await;
        match told.error() {
            CallError::Rejected(why) => assert!(why.len() < 300, "{mode}: {why}"),
            other => panic!("{mode}: {other}"),
        }
        assert!(told.output.is_empty(), "{mode}: {}", head(&told.output));
    }
}

#[tokio::test]
async fn an_output_over_its_limit_is_not_passed_on() {
    let bench = hostile();
    // Over what may be copied at all, and between that and the limit.
    for n in [8 << 20, 1 << 20, 512 << 10] {
        let told = bench.mode_n("output", n).await;
        assert_eq!(told.error(), &CallError::Limit(Which::Output), "{n}");
        assert!(told.output.is_empty());
    }
    bench.mode_n("output", 500 << 10).await.json();
}

#[tokio::test]
async fn shape_depth_and_names_are_not_the_sandboxs_business() {
    let bench = hostile();
    // Depth neither: whoever parses the output has a limit of its own.
    assert!(bench.mode("output-deep").await.end.is_ok());
    assert!(bench.mode("wrong-shape").await.json().is_array());
    assert_eq!(bench.mode("other-skill").await.json()["success"], false);
}

#[tokio::test]
async fn a_failure_of_the_skill_is_told_and_bounded() {
    let bench = hostile();
    assert_eq!(
        bench.mode("failed").await.error(),
        &CallError::Failed("the work failed".to_owned())
    );
    assert_eq!(
        bench.mode("invalid").await.error(),
        &CallError::InvalidInput("`n` is not to my liking".to_owned())
    );
    match bench.mode("failed-long").await.error() {
        CallError::Failed(why) => assert_eq!(why.len(), 4_096),
        other => panic!("{other}"),
    }
    let told = bench.mode("bad-utf8-failure").await;
    assert!(
        matches!(told.error(), CallError::Rejected(_)),
        "{:?}",
        told.end
    );
}

#[tokio::test]
async fn a_log_line_reaches_the_owner_as_it_was_written() {
    let told = hostile().mode("log-control").await;
    told.json();
    assert_eq!(told.log.len(), 1, "one call of `write` is one event");
    assert!(told.log[0].1.contains("forged"));
}

#[tokio::test]
async fn a_job_for_another_component_or_a_large_input_does_not_run() {
    let mut bench = bench(sandbox(), "echo", "echo");
    bench.job.limits.input = Bytes(10);
    let told = bench.with(&serde_json::json!({ "text": "too long" })).await;
    assert!(matches!(told.error(), CallError::InvalidInput(_)));

    bench.job.digest = Digest::of(b"another");
    let (events, _told) = mpsc::unbounded_channel();
    let end = bench
        .sandbox
        .call(&bench.loaded, &bench.job, Arc::new(Unpaced), &events)
        .await;
    assert!(matches!(end, Err(CallError::Unavailable(_))), "{end:?}");
}

#[tokio::test]
async fn a_small_call_of_a_rust_skill_has_its_memory_from_the_start() {
    let mut bench = bench(sandbox(), "echo", "echo");
    bench.job.limits = Limits {
        input: Bytes::mib(4),
        output: Bytes::mib(4),
        ..Limits::default()
    };
    let peak = async |size: usize| {
        let told = bench
            .with(&serde_json::json!({ "text": "x".repeat(size) }))
            .await;
        told.json();
        told.usage.memory_peak
    };
    let least = peak(1).await;
    assert_eq!(peak(300_000).await, least);
    // Beyond that it grows as others do.
    assert!(peak(2_000_000).await > least);
}
