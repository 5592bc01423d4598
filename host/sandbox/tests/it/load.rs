//! What is taken as a skill, and what is said about what is not.

use std::os::unix::fs::DirBuilderExt;

use coworker_core::{Digest, Tier};
use coworker_sandbox::{Config, LoadError, ManifestError, Ports, Sandbox};
use serde_json::json;

use crate::support::{bench, bench_of, fixture, refused, sandbox, shape};

#[test]
fn a_component_is_examined() {
    let wasm = fixture("echo");
    let examined = sandbox().examine(&wasm).expect("`echo` is fine");
    assert_eq!(examined.digest, Digest::of(&wasm));
    assert_eq!(examined.manifests.len(), 1);
    let manifest = &examined.manifests[0];
    assert_eq!(manifest.name.as_str(), "echo");
    assert_eq!(manifest.version.as_deref(), Some("1.0.0"));
    assert_eq!(manifest.min_tier, Tier::Known);
    assert_eq!(manifest.input, json!({ "type": "object" }));
    assert!(!examined.ceiling.http && !examined.ceiling.fs && !examined.ceiling.clock);
    let told = serde_json::to_string(&examined).expect("plain data");
    assert_eq!(
        serde_json::from_str::<coworker_sandbox::Examined>(&told).unwrap(),
        examined
    );
}

#[test]
fn the_ceiling_is_what_is_imported() {
    let wasi = sandbox()
        .examine(&fixture("hostile-wasi"))
        .expect("it is fine");
    let ceiling = wasi.ceiling;
    assert!(ceiling.fs && ceiling.env && ceiling.clock && ceiling.random);
    assert!(ceiling.sockets && ceiling.stdio && !ceiling.http && !ceiling.llm);
    let ports = sandbox().examine(&fixture("ports")).expect("it is fine");
    assert!(ports.ceiling.llm && ports.ceiling.state && !ports.ceiling.http);
    let fetch = sandbox().examine(&fixture("fetch")).expect("it is fine");
    assert!(fetch.ceiling.http);
}

#[test]
fn descriptions_that_cannot_be_published_are_refused() {
    let sandbox = sandbox();
    for mode in [
        "none",
        "skills-65",
        "duplicate",
        "bad-name",
        "empty-name",
        "long-name",
        "unicode-name",
        "long-description",
        "schema-no-json",
        "schema-no-schema",
        "schema-text",
        "schema-ref-http",
        "schema-ref-file",
        "schema-ref-absent",
        "schema-ref-loop",
        "schema-lookaround",
        "schema-pattern-big",
        "schema-deep",
        "schema-big",
    ] {
        let error = refused(sandbox.examine(&shape(mode)));
        assert!(matches!(error, LoadError::Manifest(_)), "{mode}: {error}");
        assert!(error.to_string().len() < 800, "{mode}: {error}");
        assert!(error.hint().is_some());
    }
    let error = refused(sandbox.examine(&shape("skills-65")));
    assert!(matches!(
        error,
        LoadError::Manifest(ManifestError::TooMany(65))
    ));
}

#[test]
fn a_description_that_does_not_come_is_refused() {
    let sandbox = sandbox();
    for mode in ["trap", "loop", "flood"] {
        let error = refused(sandbox.examine(&shape(mode)));
        match error {
            LoadError::Describe(_) | LoadError::Manifest(ManifestError::TooMany(_)) => {}
            other => panic!("{mode}: {other}"),
        }
    }
}

#[test]
fn a_description_depends_on_nothing() {
    let sandbox = sandbox();
    let wasm = shape("second");
    let first = sandbox.examine(&wasm).expect("the first time");
    assert_eq!(sandbox.examine(&wasm).expect("the second time"), first);
}

#[test]
fn odd_descriptions_within_the_rules_are_taken() {
    let sandbox = sandbox();
    let many = sandbox
        .examine(&shape("skills-64"))
        .expect("64 are allowed");
    assert_eq!(many.manifests.len(), 64);
    let pattern = sandbox
        .examine(&shape("schema-pattern"))
        .expect("patterns take linear time");
    assert_eq!(pattern.manifests.len(), 1);
    sandbox
        .examine(&shape("control-text"))
        .expect("texts are shown with care, not refused");
}

#[test]
fn files_that_are_no_components_are_told_apart() {
    let sandbox = sandbox();
    let echo = fixture("echo");
    for cut in [9, 100, echo.len() / 2, echo.len() - 1] {
        let error = refused(sandbox.examine(&echo[..cut]));
        assert!(
            matches!(error, LoadError::Truncated { .. }),
            "{cut}: {error}"
        );
    }
    assert!(matches!(refused(sandbox.examine(b"")), LoadError::Empty));
    assert!(matches!(
        refused(sandbox.examine(b"#!/bin/sh")),
        LoadError::NotWasm
    ));
    assert!(matches!(
        refused(sandbox.examine(b"\0asm\x01\0\0\0")),
        LoadError::CoreModule
    ));
    let mut damaged = echo.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0xff);
    refused(sandbox.examine(&damaged));
}

#[tokio::test]
async fn a_component_of_any_name_is_called_by_it() {
    let bench = bench_of(sandbox(), &shape("name=foo"), "foo");
    assert_eq!(
        bench.with(&json!({ "a": 1 })).await.json(),
        json!({ "a": 1 })
    );
}

#[tokio::test]
async fn what_fits_no_prepared_slot_runs_all_the_same() {
    let sandbox = sandbox();
    let plain = bench(sandbox.clone(), "echo", "echo");
    assert!(plain.loaded.is_pooled(), "most components fit one");
    let odd = bench(sandbox, "memories", "wat");
    assert!(
        !odd.loaded.is_pooled(),
        "eight memories are more than a slot has"
    );
    assert_eq!(odd.with(&json!({})).await.json(), json!({}));
}

#[test]
fn bytes_must_be_those_of_the_digest() {
    let error = sandbox().load(Digest::of(b"other"), &fixture("echo"));
    assert!(matches!(error, Err(LoadError::Digest(_))), "{error:?}");
}

#[tokio::test]
async fn a_damaged_cache_costs_time_only() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let folder = temp.path().join("cache");
    let open = || {
        let config = Config {
            cache_dir: Some(folder.clone()),
            ..Config::default()
        };
        Sandbox::new(config, Ports::default()).expect("a sandbox")
    };
    bench(open(), "echo", "echo").with(&json!({})).await.json();
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let code: Vec<_> = files
        .iter()
        .filter(|path| path.extension().is_none())
        .collect();
    assert!(!code.is_empty(), "{files:?}");
    for damage in [&b""[..], b"not compressed", &[0; 5_000]] {
        for path in &code {
            std::fs::write(path, damage).expect("a file of ours");
        }
        bench(open(), "echo", "echo").with(&json!({})).await.json();
    }
    let whole = std::fs::read(code[0]).expect("it was written anew");
    std::fs::write(code[0], &whole[..whole.len() / 2]).expect("a file of ours");
    bench(open(), "echo", "echo").with(&json!({})).await.json();
}

/// As after a downgrade, or beside another program of ours: whole and well formed, but made for other rules.
#[tokio::test]
async fn code_compiled_for_another_engine_is_not_run() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let (ours, theirs) = (temp.path().join("ours"), temp.path().join("theirs"));
    let open = || {
        let config = Config {
            cache_dir: Some(ours.clone()),
            ..Config::default()
        };
        Sandbox::new(config, Ports::default()).expect("a sandbox")
    };
    let code = |folder: &std::path::Path| {
        let mut files = Vec::new();
        walk(folder, &mut files);
        files.retain(|path| path.extension().is_none());
        files
    };
    // Without epochs, a loop would never end.
    let mut cached = wasmtime::CacheConfig::new();
    cached.with_directory(&theirs);
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(false)
        .cache(Some(wasmtime::Cache::new(cached).expect("a cache")));
    let engine = wasmtime::Engine::new(&config).expect("an engine");
    let foreign = wasmtime::component::Component::new(&engine, fixture("hostile"));
    foreign.expect("a component");
    let foreign = std::fs::read(&code(&theirs)[0]).expect("code of another engine");

    let looping = || bench(open(), "hostile", "hostile");
    looping();
    let kept = code(&ours);
    assert!(!kept.is_empty());
    for path in &kept {
        std::fs::write(path, &foreign).expect("a file of ours");
    }
    let mut looping = looping();
    looping.job.limits.cpu = coworker_core::Span::millis(50);
    looping.mode("loop").await.error();
}

#[test]
fn a_cache_that_others_may_write_is_refused() {
    let temp = tempfile::tempdir().expect("a folder for the test");
    let folder = temp.path().join("cache");
    std::fs::DirBuilder::new()
        .mode(0o755)
        .create(&folder)
        .expect("a folder");
    let config = Config {
        cache_dir: Some(folder),
        ..Config::default()
    };
    let error = Sandbox::new(config, Ports::default()).expect_err("others may read it");
    assert!(
        error.hint().is_some_and(|hint| hint.contains("0700")),
        "{error}"
    );
}

fn walk(folder: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
