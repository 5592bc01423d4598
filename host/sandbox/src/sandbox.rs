//! The sandbox as the daemon sees it: examine a component, load it, call it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use coworker_core::{Digest, Grants, Job, Limits, Manifest};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use wasmtime::Cache;

use crate::bindings::{SkillFullPre, types};
use crate::ceiling::Ceiling;
use crate::component;
use crate::engine::Machine;
use crate::error::{CallError, LoadError, SandboxError};
use crate::event::{Done, Event, EventSender};
use crate::port::{Ports, Turn, Unpaced};
use crate::room::Room;
use crate::run;
use crate::ticker::Ticker;

/// How many lines of a description's log are kept.
const DESCRIPTION_LINES: usize = 100;

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
pub struct Loaded {
    digest: Digest,
    imports: Vec<String>,
    ceiling: Ceiling,
    pre: SkillFullPre<Room>,
    pooled: bool,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("digest", &self.digest)
            .field("pooled", &self.pooled)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Returns the digest of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the interfaces it imports, with versions, sorted.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Returns the most that the component could ever do.
    pub fn ceiling(&self) -> &Ceiling {
        &self.ceiling
    }

    /// Returns whether its calls use prepared slots; a component that does not fit one is slower to start.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Returns which grants the component cannot be called without: `llm`, `state`, `http`.
    pub fn missing(&self, grants: &Grants) -> Vec<&'static str> {
        self.ceiling.missing(grants)
    }
}

/// The sealed room.
pub struct Sandbox {
    ports: Ports,
    cache: Option<Cache>,
    live_instances: u32,
    places: Semaphore,
    roomy: Machine,
    /// Made at the first load: a process that only examines needs no slots.
    pooled: OnceLock<Option<Machine>>,
    ticker: Ticker,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("ports", &self.ports)
            .field("live_instances", &self.live_instances)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Returns a sandbox with a thread of its own that keeps the guests' time.
    pub fn new(config: Config, ports: Ports) -> Result<Arc<Self>, SandboxError> {
        let cache = config
            .cache_dir
            .as_deref()
            .map(crate::cache::open)
            .transpose()?;
        let roomy = Machine::roomy(cache.clone())?;
        let ticker = Ticker::start().map_err(SandboxError::Thread)?;
        ticker.watch(&roomy.engine);
        let live_instances = config.live_instances.max(1);
        Ok(Arc::new(Self {
            ports,
            cache,
            live_instances,
            places: Semaphore::new(live_instances as usize),
            roomy,
            pooled: OnceLock::new(),
            ticker,
        }))
    }

    /// Compiles a component, checks it and asks what it is. Takes processor time and memory, as much as the author
    /// likes: for a child process with limits of its own. Fills the disk cache for [`Sandbox::load`].
    pub fn examine(&self, wasm: &[u8]) -> Result<Examined, LoadError> {
        component::inspect(wasm)?;
        let component = component::compile(&self.roomy, wasm)?;
        let pre = component::link(&self.roomy, &component)?;
        let imports = component::imports(&component, &self.roomy.engine);
        let (manifests, log) = self.describe(&pre)?;
        Ok(Examined {
            digest: Digest::of(wasm),
            ceiling: Ceiling::of(&imports),
            imports,
            manifests: crate::manifest::check(manifests)?,
            log,
        })
    }

    /// Makes a component ready to be called. Fast where the disk cache has its code.
    pub fn load(&self, digest: Digest, wasm: &[u8]) -> Result<Arc<Loaded>, LoadError> {
        component::inspect(wasm)?;
        if Digest::of(wasm) != digest {
            return Err(LoadError::Digest(digest));
        }
        let fits = self.pooled().and_then(|machine| {
            // Whatever is wrong with it, the roomy engine says so: it has no limits of its own.
            component::compile(machine, wasm)
                .ok()
                .map(|component| (machine, component))
        });
        let pooled = fits.is_some();
        let (machine, component) = match fits {
            Some(fits) => fits,
            None => (&self.roomy, component::compile(&self.roomy, wasm)?),
        };
        let imports = component::imports(&component, &machine.engine);
        Ok(Arc::new(Loaded {
            digest,
            ceiling: Ceiling::of(&imports),
            imports,
            pre: component::link(machine, &component)?,
            pooled,
        }))
    }

    /// Runs one call in a room of its own. What it tells goes to `events`, its output as chunks.
    ///
    /// The deadline of the job is the caller's to keep: dropping the future ends the guest at once. Needs a tokio
    /// runtime with its timer on. Where a call ends while it waits, `pause` is the last that its turn hears.
    pub async fn call(
        &self,
        loaded: &Arc<Loaded>,
        job: &Job,
        turn: Arc<dyn Turn>,
        events: &EventSender,
    ) -> Result<Done, CallError> {
        if loaded.digest != job.digest {
            return Err(CallError::Unavailable(format!(
                "the job is for component {}, not {}",
                job.digest.short(),
                loaded.digest.short()
            )));
        }
        let missing = loaded.missing(&job.grants);
        if !missing.is_empty() {
            return Err(CallError::Unavailable(format!(
                "it was not granted what it imports: {}",
                missing.join(", ")
            )));
        }
        if job.input.len() > job.limits.input.len() {
            return Err(CallError::InvalidInput(format!(
                "the input is larger than {}",
                job.limits.input
            )));
        }
        let Ok(_place) = self.places.acquire().await else {
            return Err(CallError::Unavailable("the sandbox is closed".to_owned()));
        };
        let _live = self.ticker.live();
        let room = Room::for_job(job, &self.ports, events.clone())?;
        let ran = run::invoke(
            &loaded.pre,
            room,
            turn.as_ref(),
            job.skill.as_str(),
            &job.input,
        )
        .await;
        ran.outcome?;
        Ok(Done {
            usage: ran.usage,
            writes: ran.writes,
        })
    }

    /// Returns the engine with slots, or nothing where the addresses for them cannot be had.
    fn pooled(&self) -> Option<&Machine> {
        self.pooled
            .get_or_init(
                || match Machine::pooled(self.cache.clone(), self.live_instances) {
                    Ok(machine) => {
                        self.ticker.watch(&machine.engine);
                        Some(machine)
                    }
                    Err(error) => {
                        tracing::warn!(%error, "guests get no prepared slots; calls start slower");
                        None
                    }
                },
            )
            .as_ref()
    }

    /// Asks a component for its manifests, on a thread of its own: this function may be called from anywhere.
    fn describe(
        &self,
        pre: &SkillFullPre<Room>,
    ) -> Result<(Vec<types::Manifest>, Vec<String>), LoadError> {
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let room = Room::for_description(Limits::default(), events);
        let _live = self.ticker.live();
        let described = std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()
                    .map_err(|error| CallError::Unavailable(error.to_string()))?;
                runtime.block_on(run::describe(pre, room, &Unpaced))
            });
            asked.join().unwrap_or_else(|_| {
                Err(CallError::Unavailable(
                    "the host failed during `describe`".to_owned(),
                ))
            })
        });
        let manifests = described.map_err(LoadError::Describe)?;
        let mut log = Vec::new();
        while let Ok(event) = told.try_recv() {
            if let Event::Log { line, .. } = event
                && log.len() < DESCRIPTION_LINES
            {
                log.push(line);
            }
        }
        Ok((manifests, log))
    }
}
