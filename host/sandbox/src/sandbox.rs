//! Building, examining and loading.

use std::path::PathBuf;
use std::sync::Arc;

use coworker_core::{Digest, Grants, Job, Manifest};
use serde::{Deserialize, Serialize};

use crate::ceiling::Ceiling;
use crate::error::{CallError, LoadError, SandboxError};
use crate::event::{Done, EventSender};
use crate::port::{Ports, Turn};

/// How a sandbox is built.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where compiled code is kept: a folder that only this user can read or write, made if it is missing. Without
    /// one, every load compiles.
    pub cache_dir: Option<PathBuf>,
    /// How many guests may live at one time; further calls wait.
    pub live_instances: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache_dir: None,
            live_instances: 64,
        }
    }
}

/// What a look at a component found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Examined {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The interfaces it imports, with versions, sorted.
    pub imports: Vec<String>,
    /// The most it could ever do.
    pub ceiling: Ceiling,
    /// Its skills, checked, in its own order.
    pub manifests: Vec<Manifest>,
    /// What it logged while it described itself.
    pub log: Vec<String>,
}

/// A component that is ready to be called.
#[derive(Debug)]
pub struct Loaded {
    digest: Digest,
    ceiling: Ceiling,
}

impl Loaded {
    /// Returns the digest of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the most that the component could ever do.
    pub fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// Returns which grants the component cannot be called without: `llm`, `state`, `http`.
    pub fn missing(&self, grants: &Grants) -> Vec<&'static str> {
        self.ceiling.missing(grants)
    }
}

/// The sealed room.
pub struct Sandbox {
    ports: Ports,
}

impl Sandbox {
    /// Returns a sandbox.
    pub fn new(config: Config, ports: Ports) -> Result<Arc<Self>, SandboxError> {
        let _ = config;
        Ok(Arc::new(Self { ports }))
    }

    /// Compiles a component, checks it and asks what it is. Takes processor time and memory: for a child process.
    pub fn examine(&self, wasm: &[u8]) -> Result<Examined, LoadError> {
        let _ = (wasm, &self.ports);
        Err(LoadError::NotWasm)
    }

    /// Makes a component ready to be called. Fast where the disk cache has its code.
    pub fn load(&self, digest: Digest, wasm: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        let _ = (digest, wasm);
        Err(LoadError::NotWasm)
    }

    /// Runs one call.
    pub async fn call(
        &self,
        loaded: &Arc<Loaded>,
        job: &Job,
        turn: Arc<dyn Turn>,
        events: &EventSender,
    ) -> Result<Done, CallError> {
        let _ = (loaded, job, turn, events);
        Err(CallError::Unavailable("not built".to_owned()))
    }
}
