//! Fixtures, jobs and what a call told, in the fewest words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coworker_core::{CallerKey, Digest, Grants, Job, Limits, Span, TaskId, Timestamp};
use coworker_sandbox::{
    CallError, Config, Done, Event, Examined, Level, LoadError, Loaded, Ports, Sandbox, Turn,
    Unpaced, Usage,
};
use tokio::sync::mpsc;

/// Returns the folder of built things.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// Returns a fixture's bytes.
#[track_caller]
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = target().join("fixtures").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "the fixture {} is missing ({error}): run `cargo xtask fixtures` first",
            path.display()
        )
    })
}

/// Returns the fixture `shape` in another mode.
#[track_caller]
pub(crate) fn shape(mode: &str) -> Vec<u8> {
    const MARK: &[u8] = b"fixture-mode:";
    let mut wasm = fixture("shape");
    let at = wasm
        .windows(MARK.len())
        .position(|window| window == MARK)
        .expect("`shape` holds its mode");
    let mut slot = mode.as_bytes().to_vec();
    slot.resize(64 - MARK.len(), b' ');
    wasm[at + MARK.len()..at + 64].copy_from_slice(&slot);
    wasm
}

/// Returns a sandbox whose compiled code all test processes share.
pub(crate) fn sandbox() -> Arc<Sandbox> {
    sandbox_with(Ports::default())
}

/// Returns a sandbox with ports.
pub(crate) fn sandbox_with(ports: Ports) -> Arc<Sandbox> {
    use std::os::unix::fs::DirBuilderExt;
    let above = target().join("test-cache");
    let mut builder = std::fs::DirBuilder::new();
    if let Err(error) = builder.recursive(true).mode(0o700).create(&above) {
        panic!("{} cannot be made: {error}", above.display());
    }
    let above = above.canonicalize().expect("the folder was just made");
    let config = Config {
        cache_dir: Some(above.join("sandbox")),
        ..Config::default()
    };
    Sandbox::new(config, ports).expect("a sandbox")
}

/// A component, loaded.
pub(crate) struct Bench {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) job: Job,
}

/// Everything that a call told, and how it ended.
pub(crate) struct Told {
    pub(crate) end: Result<Done, CallError>,
    pub(crate) output: String,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) progress: Vec<(Option<f32>, String)>,
    pub(crate) usage: Usage,
}

/// Loads a fixture whose one skill has that name.
#[track_caller]
pub(crate) fn bench(sandbox: Arc<Sandbox>, fixture_name: &str, skill: &str) -> Bench {
    bench_of(sandbox, &fixture(fixture_name), skill)
}

/// Loads a component.
#[track_caller]
pub(crate) fn bench_of(sandbox: Arc<Sandbox>, wasm: &[u8], skill: &str) -> Bench {
    let digest = Digest::of(wasm);
    let loaded = sandbox
        .load(digest, wasm)
        .unwrap_or_else(|error| panic!("it must load: {error}"));
    let job = Job {
        digest,
        skill: skill.parse().expect("a skill's name"),
        input: "{}".to_owned(),
        grants: Grants::default(),
        limits: Limits::default(),
        deadline: Timestamp(i64::MAX),
        task: TaskId::from_random([1; 16]),
        caller: CallerKey("caller-1".to_owned()),
    };
    Bench {
        sandbox,
        loaded,
        job,
    }
}

/// Loads the hostile fixture.
#[track_caller]
pub(crate) fn hostile() -> Bench {
    bench(sandbox(), "hostile", "hostile")
}

impl Bench {
    /// Runs the fixture in one of its modes.
    pub(crate) async fn mode(&self, mode: &str) -> Told {
        self.with(&serde_json::json!({ "mode": mode })).await
    }

    /// Runs the fixture in one of its modes with a number.
    pub(crate) async fn mode_n(&self, mode: &str, n: u64) -> Told {
        self.with(&serde_json::json!({ "mode": mode, "n": n }))
            .await
    }

    /// Runs the fixture with an input.
    pub(crate) async fn with(&self, input: &serde_json::Value) -> Told {
        self.paced(input, Arc::new(Unpaced)).await
    }

    /// Runs the fixture with an input and a turn.
    pub(crate) async fn paced(&self, input: &serde_json::Value, turn: Arc<dyn Turn>) -> Told {
        let job = Job {
            input: input.to_string(),
            ..self.job.clone()
        };
        let (events, mut told) = mpsc::unbounded_channel();
        let end = self.sandbox.call(&self.loaded, &job, turn, &events).await;
        drop(events);
        let mut all = Told {
            end,
            output: String::new(),
            log: Vec::new(),
            progress: Vec::new(),
            usage: Usage::default(),
        };
        while let Some(event) = told.recv().await {
            match event {
                Event::Log { level, line } => all.log.push((level, line)),
                Event::Progress { done, text } => all.progress.push((done, text)),
                Event::Chunk(text) => all.output.push_str(&text),
                Event::Used(usage) => all.usage = usage,
            }
        }
        all
    }
}

impl Told {
    /// Returns the error that the call ended in.
    #[track_caller]
    pub(crate) fn error(&self) -> &CallError {
        match &self.end {
            Err(error) => error,
            Ok(_) => panic!("the call must fail, but answered {}", head(&self.output)),
        }
    }

    /// Returns the output of a call that succeeded.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        if let Err(error) = &self.end {
            panic!(
                "the call must succeed, but: {error}; its log: {:?}",
                self.log
            );
        }
        serde_json::from_str(&self.output).expect("an output is JSON")
    }
}

/// Returns the first characters of a text.
pub(crate) fn head(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Returns what is wrong with a component.
#[track_caller]
pub(crate) fn refused(result: Result<Examined, LoadError>) -> LoadError {
    match result {
        Err(error) => error,
        Ok(examined) => panic!("it must be refused, but is {examined:?}"),
    }
}

/// Returns limits that make a test of time short.
pub(crate) fn quick() -> Limits {
    Limits {
        cpu: Span::millis(200),
        wall: Span::secs(2),
        ..Limits::default()
    }
}
