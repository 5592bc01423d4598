//! Components that no compiler writes: odd memories, tables, imports and answers.

use coworker_core::{Bytes, Span};
use coworker_sandbox::{CallError, LoadError, Which};
use serde_json::json;

use crate::support::{Bench, bench, fixture, refused, sandbox};

fn text(name: &str) -> Bench {
    bench(sandbox(), name, "wat")
}

#[track_caller]
fn limit(error: &CallError, which: Which) {
    assert_eq!(error, &CallError::Limit(which), "{error}");
}

#[tokio::test]
async fn plain_text_is_a_skill() {
    assert!(text("plain").with(&json!({})).await.json().is_object());
}

#[tokio::test]
async fn tables_are_counted() {
    let told = text("table").with(&json!({})).await;
    told.json();
    let told = text("table-big").with(&json!({})).await;
    limit(told.error(), Which::TableElements);
}

#[tokio::test]
async fn memories_are_counted_together() {
    let mut bench = text("memories");
    bench.job.limits.memory = Bytes::mib(8);
    let told = bench.with(&json!({})).await;
    assert!(told.usage.memory_peak <= Bytes::mib(8), "{:?}", told.usage);
    bench.job.limits.memories = 4;
    limit(bench.with(&json!({})).await.error(), Which::Memories);
    let told = text("memory-big").with(&json!({})).await;
    limit(told.error(), Which::Memory);
}

#[tokio::test]
async fn endless_recursion_ends_at_the_stack() {
    limit(
        text("recursion").with(&json!({})).await.error(),
        Which::Stack,
    );
}

#[tokio::test]
async fn a_start_function_is_part_of_the_call() {
    let mut bench = text("start-loop");
    bench.job.limits.cpu = Span::millis(100);
    limit(bench.with(&json!({})).await.error(), Which::Cpu);
    let told = text("start-trap").with(&json!({})).await;
    assert!(
        matches!(told.error(), CallError::Trap { .. }),
        "{:?}",
        told.end
    );
}

#[tokio::test]
async fn answers_that_lie_are_errors() {
    for name in ["answer-outside", "answer-huge", "answer-odd"] {
        let told = text(name).with(&json!({})).await;
        match told.error() {
            CallError::Trap { .. } | CallError::Limit(Which::Output) => {}
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn a_description_that_lies_or_never_ends_is_refused() {
    let sandbox = sandbox();
    for name in [
        "describe-trap",
        "describe-loop",
        "describe-outside",
        "start-loop",
        "start-trap",
    ] {
        let error = refused(sandbox.examine(&fixture(name)));
        assert!(matches!(error, LoadError::Describe(_)), "{name}: {error}");
    }
    let error = refused(sandbox.examine(&fixture("describe-alias")));
    let LoadError::Describe(CallError::Limit(which)) = error else {
        panic!("{error}");
    };
    assert_eq!(which, Which::Output, "more than a gigabyte is never copied");
}

#[test]
fn what_is_imported_beyond_the_world_is_named() {
    let sandbox = sandbox();
    for (name, part) in [
        ("import-unknown", ""),
        ("import-function", ""),
        ("import-newer", "coworker:skill/log"),
        ("import-wasi", "wasi:"),
    ] {
        let error = refused(sandbox.examine(&fixture(name)));
        let LoadError::UnknownImport { name: import } = &error else {
            panic!("{name}: {error}");
        };
        assert!(
            !import.is_empty() && import.contains(part),
            "{name}: {import}"
        );
        assert!(error.hint().is_some(), "{name}");
        let wasm = fixture(name);
        let loaded = sandbox.load(coworker_core::Digest::of(&wasm), &wasm);
        assert!(
            matches!(loaded, Err(LoadError::UnknownImport { .. })),
            "{name}"
        );
    }
    let error = refused(sandbox.examine(&fixture("import-wrong-type")));
    assert!(matches!(error, LoadError::Mismatch(_)), "{error}");
    assert!(error.to_string().contains("progress"), "{error}");
}

#[test]
fn what_exports_no_skill_is_told_why() {
    let sandbox = sandbox();
    for (name, hint) in [
        ("wrong-world", "skills new"),
        ("wrong-version", "another version"),
    ] {
        let error = refused(sandbox.examine(&fixture(name)));
        assert!(
            matches!(error, LoadError::WrongWorld { .. }),
            "{name}: {error}"
        );
        let given = error.hint().unwrap_or_default();
        assert!(given.contains(hint), "{name}: {given}");
    }
    let error = refused(sandbox.examine(&fixture("wrong-types")));
    assert!(matches!(error, LoadError::Mismatch(_)), "{error}");
    let error = refused(sandbox.examine(&fixture("core-module")));
    assert!(matches!(error, LoadError::CoreModule), "{error}");
}

#[test]
fn features_that_are_off_are_refused() {
    let sandbox = sandbox();
    for name in ["memory-64", "threads"] {
        let error = refused(sandbox.examine(&fixture(name)));
        assert!(matches!(error, LoadError::Invalid(_)), "{name}: {error}");
    }
}

#[test]
fn deep_types_are_refused_before_they_are_compiled() {
    let error = refused(sandbox().examine(&fixture("bomb-types")));
    assert!(matches!(error, LoadError::Invalid(_)), "{error}");
    assert!(error.to_string().len() < 1_000, "{error}");
}
