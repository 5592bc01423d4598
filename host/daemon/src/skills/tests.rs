//! A host's skills in a folder of their own, with real files, a real store and real copies. Components are small texts,
//! read by an examiner that fails in every way a real one can; `tests/real.rs` does the same with components.

mod child;
mod folder;
mod grants;
mod imported;
mod life;
mod names;
mod package;
mod reach;
mod real;
mod strict;
mod texts;
mod updates;
mod verdict;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use coworker_core::Tier;
use coworker_sandbox::{Ceiling, Config as SandboxConfig, Examined, Ports};
use serde_json::{Value, json};

use super::*;
use crate::config::{Updates, Visibility};
use crate::store::StoreOptions;

/// Reads a component that is a text: `{"skills": [manifest…], "imports": [name…]}`.
#[derive(Debug, Default)]
struct Reader {
    looks: AtomicUsize,
    /// What comes of every look while it is there.
    trouble: Mutex<Option<ExamineError>>,
}

#[async_trait]
impl Examiner for Reader {
    async fn examine(&self, file: &Path) -> Result<Examined, ExamineError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        if let Some(trouble) = self.trouble.lock().unwrap().clone() {
            return Err(trouble);
        }
        let bytes = std::fs::read(file).map_err(|error| ExamineError::Unable(error.to_string()))?;
        if bytes.starts_with(b"bomb") {
            return Err(ExamineError::Broke("ended with signal 9".to_owned()));
        }
        let refuse = |_| ExamineError::Refused("the file is cut off".to_owned());
        let text: Value = serde_json::from_slice(&bytes).map_err(refuse)?;
        let imports: Vec<String> =
            serde_json::from_value(text["imports"].clone()).map_err(refuse)?;
        let ceiling = Ceiling {
            http: imports.iter().any(|name| name.contains("http/outgoing")),
            ..Ceiling::default()
        };
        Ok(Examined {
            digest: Digest::of(&bytes),
            imports,
            ceiling,
            manifests: serde_json::from_value(text["skills"].clone()).map_err(refuse)?,
            log: Vec::new(),
        })
    }
}

fn skill(name: &str) -> Value {
    json!({
        "name": name, "version": "1.0", "description": "Counts words", "min_tier": "known",
        "input": {"type": "object"}, "output": {"type": "object"},
    })
}

/// Returns a component with these skills; `salt` makes others of it that differ in code alone.
fn component(skills: &[Value], imports: &[&str], salt: u32) -> Vec<u8> {
    json!({ "skills": skills, "imports": imports, "salt": salt })
        .to_string()
        .into_bytes()
}

fn one(name: &str, salt: u32) -> Vec<u8> {
    component(&[skill(name)], &["coworker:skill/log@0.1.0"], salt)
}

/// How a host is started.
#[derive(Clone, Default)]
struct Start {
    paths: Vec<PathBuf>,
    allow_grants: bool,
    dev: bool,
    config: Config,
    models: ModelCheck,
}

struct World {
    dir: tempfile::TempDir,
    home: Home,
    store: Store,
    tasks: Tasks,
    sandbox: Arc<Sandbox>,
    reader: Arc<Reader>,
    examiner: Arc<dyn Examiner>,
    skills: Arc<Skills>,
}

impl World {
    async fn new() -> Self {
        Self::with(Start::default()).await
    }

    async fn with(start: Start) -> Self {
        Self::at(tempfile::tempdir().unwrap(), start).await
    }

    async fn at(dir: tempfile::TempDir, start: Start) -> Self {
        let sandbox = Sandbox::new(SandboxConfig::default(), Ports::default()).unwrap();
        let reader = Arc::new(Reader::default());
        Self::serve(dir, sandbox, reader.clone(), reader, start).await
    }

    async fn serve(
        dir: tempfile::TempDir,
        sandbox: Arc<Sandbox>,
        reader: Arc<Reader>,
        examiner: Arc<dyn Examiner>,
        start: Start,
    ) -> Self {
        let home = Home::create(&dir.path().join("home")).unwrap();
        let store = Store::open(&home.store(), StoreOptions::default()).unwrap();
        let tasks = Tasks::new();
        let options = SkillsOptions {
            home: home.clone(),
            config: start.config,
            paths: start.paths,
            allow_grants: start.allow_grants,
            dev: start.dev,
            exe: PathBuf::new(),
            models: start.models,
        };
        let opened = Skills::open_with(
            options,
            sandbox.clone(),
            store.clone(),
            tasks.clone(),
            examiner.clone(),
        );
        let skills = opened.await.unwrap();
        skills.settled().await;
        Self {
            dir,
            home,
            store,
            tasks,
            sandbox,
            reader,
            examiner,
            skills,
        }
    }

    /// Ends the host and starts another on the same home.
    async fn restart(self, start: Start) -> Self {
        self.tasks.stop();
        self.tasks.ended().await;
        self.store.close().await.unwrap();
        drop(self.skills);
        Self::serve(self.dir, self.sandbox, self.reader, self.examiner, start).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.skills().join(name)
    }

    /// Puts a file in the skills folder in one step, and waits until everything about it is settled.
    async fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(path, bytes).unwrap();
        self.look().await;
    }

    async fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
        self.look().await;
    }

    async fn look(&self) {
        self.skills.rescan().await.unwrap();
        self.skills.settled().await;
    }

    async fn expose(&self, name: &str) -> SkillRow {
        self.skills.expose(name, Expose::default()).await.unwrap()
    }

    /// Returns the names that a tier sees.
    fn seen(&self, tier: Tier) -> Vec<String> {
        let catalog = self.skills.catalog();
        catalog
            .seen_by(tier)
            .cards()
            .iter()
            .map(|entry| entry.name().to_owned())
            .collect()
    }

    /// Returns the component that serves a name, if one does.
    fn serves(&self, name: &str) -> Option<Digest> {
        self.skills
            .catalog()
            .seen_by(Tier::Privileged)
            .find(name)
            .map(|entry| entry.digest)
    }

    async fn row(&self, file: &str) -> SkillRow {
        let rows = self.skills.list().await;
        rows.iter()
            .find(|row| row.file == file)
            .cloned()
            .unwrap_or_else(|| panic!("{file}: {rows:?}"))
    }

    async fn state(&self, file: &str) -> RowState {
        self.row(file).await.state
    }

    async fn reason(&self, file: &str) -> String {
        self.row(file).await.reason.unwrap_or_default()
    }
}
