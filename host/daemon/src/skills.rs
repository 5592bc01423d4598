//! What there is to run: watches the skills folders, has components examined, keeps what the owner approved, and
//! publishes the catalog. Nothing is shown to a peer, and nothing is granted to a skill, that no recorded decision of
//! the owner covers.

mod blame;
mod error;
mod examine;
mod files;
mod imported;
mod inspect;
mod loaded;
mod models;
mod mounts;
mod neighbours;
mod owner;
mod package;
mod protected;
mod publish;
mod row;
mod rules;
mod scan;
mod settle;
pub mod skill_md;
mod source;
mod state;
mod text;
mod vault;
mod verdict;
mod watch;
mod wrap;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use coworker_core::{Catalog, Digest};
use coworker_sandbox::{Loaded, Sandbox};
use tokio::sync::{Semaphore, watch as channel};

pub use error::SkillsError;
pub use examine::{Child, ExamineError, Examiner, InProcess};
pub(crate) use examine::{Look, this_program};
pub use imported::Imported;
pub use models::ModelCheck;
pub use row::{
    ChangeRow, Configure, Configured, Expose, Inspection, PrivateRow, RolledBack, RowState,
    SkillRow, UpdateRow,
};
pub use text::TextError;
pub use wrap::{FileRow, LineRow, Scanned, TierView, Wrapped, component_in, scan_tree, wrap};

use crate::config::Config;
use crate::home::Home;
use crate::store::Store;
use crate::tasks::Tasks;
use loaded::Ready;
use rules::Rules;
pub(crate) use scan::COMPONENT;
use scan::{Memory, Source};
pub(crate) use source::is_one_skill;
use state::State;
use vault::Vault;
use watch::Watch;

/// How many components are compiled at a time: each may take a few hundred megabytes.
const COMPILERS: usize = 2;
/// How many host deaths a component may be present at before it is not run again.
const DEATHS: u32 = 3;
/// The version of the host: what another one found out about components is found out again.
const HOST: &str = env!("CARGO_PKG_VERSION");

/// Where skills come from and how they are treated.
#[derive(Debug, Clone)]
pub struct SkillsOptions {
    /// The home.
    pub home: Home,
    /// The configuration.
    pub config: Config,
    /// Files and folders to serve besides the home's own.
    pub paths: Vec<PathBuf>,
    /// Whether grants that skills of `paths` ask for are given without asking.
    pub allow_grants: bool,
    /// Whether cards may change without review.
    pub dev: bool,
    /// The program to run as compile child.
    pub exe: PathBuf,
    /// Says which models can be asked.
    pub models: ModelCheck,
}

/// The skills of a host.
#[derive(Debug)]
pub struct Skills {
    home: Home,
    state: tokio::sync::Mutex<State>,
    scanner: tokio::sync::Mutex<Scanner>,
    rules: Rules,
    models: ModelCheck,
    vault: Vault,
    store: Store,
    sandbox: Arc<Sandbox>,
    examiner: Arc<dyn Examiner>,
    compilers: Semaphore,
    tasks: Tasks,
    catalog: channel::Sender<Arc<Catalog>>,
    /// Counts components that are being compiled.
    busy: channel::Sender<usize>,
    rows: Mutex<Arc<Vec<SkillRow>>>,
    runnable: RwLock<HashSet<Digest>>,
    ready: Ready,
}

#[derive(Debug)]
struct Scanner {
    sources: Vec<Source>,
    /// Places that were taken up, by the same rules and by nobody's command line.
    imported: Vec<Source>,
    memory: Memory,
    watch: Watch,
    /// Whether the last look left something for a look soon after it.
    again: bool,
}

impl Skills {
    /// Opens the skills of a home: what is approved and there serves at once, the rest is examined behind.
    pub async fn open(
        options: SkillsOptions,
        sandbox: Arc<Sandbox>,
        store: Store,
        tasks: Tasks,
    ) -> Result<Arc<Self>, SkillsError> {
        let child = Child {
            program: options.exe.clone(),
            cache: options.home.cache(),
        };
        Self::open_with(options, sandbox, store, tasks, Arc::new(child)).await
    }

    /// Opens the skills of a home with another way to examine components.
    pub async fn open_with(
        options: SkillsOptions,
        sandbox: Arc<Sandbox>,
        store: Store,
        tasks: Tasks,
        examiner: Arc<dyn Examiner>,
    ) -> Result<Arc<Self>, SkillsError> {
        let (sources, named) = source::sources(&options.home, &options.paths)?;
        let places = store.places().await?;
        let imported = imported::sources(places.into_iter().map(|row| row.folder));
        let mut ours = protected::of_host(&options.home, &options.config);
        ours.extend(sources.iter().chain(&imported).map(Source::reach));
        let rules = Rules::new(&options.config, options.allow_grants, options.dev, ours);
        let vault = Vault::open(options.home.clone()).map_err(SkillsError::Copies)?;
        let mut state = State::load(store.approvals().await?, HOST);
        state.quarantined = store
            .quarantined(DEATHS)
            .await?
            .into_iter()
            .map(|(digest, _)| digest)
            .collect();
        let skills = Arc::new(Self {
            home: options.home,
            state: tokio::sync::Mutex::new(state),
            scanner: tokio::sync::Mutex::new(Scanner {
                sources,
                imported,
                memory: Memory::default(),
                watch: Watch::new(),
                again: false,
            }),
            rules,
            models: options.models,
            vault,
            store,
            sandbox,
            examiner,
            compilers: Semaphore::new(COMPILERS),
            tasks,
            catalog: channel::Sender::new(Arc::new(Catalog::default())),
            busy: channel::Sender::new(0),
            rows: Mutex::default(),
            runnable: RwLock::default(),
            ready: Ready::default(),
        });
        skills.look(Some(&named)).await?;
        skills.tasks.spawn(watching(skills.clone()));
        Ok(skills)
    }

    /// Returns what is served now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.borrow().clone()
    }

    /// Returns what tells of every change of what is served.
    pub fn subscribe(&self) -> channel::Receiver<Arc<Catalog>> {
        self.catalog.subscribe()
    }

    /// Returns a component, ready to be called, from its approved copy.
    pub async fn load(&self, digest: &Digest) -> Result<Arc<Loaded>, SkillsError> {
        self.ready
            .get(digest, || async {
                let runnable = self
                    .runnable
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(digest);
                if !runnable {
                    return Err(SkillsError::NotApproved(*digest));
                }
                let (vault, sandbox, digest) = (self.vault.clone(), self.sandbox.clone(), *digest);
                let made = self.tasks.spawn_blocking(move || {
                    let wasm = vault.read(&digest).map_err(SkillsError::Copies)?;
                    Ok(sandbox.load(digest, &wasm)?)
                });
                made.await.unwrap_or(Err(SkillsError::Stopping))
            })
            .await
    }

    /// Returns a row for every file and skill.
    pub async fn list(&self) -> Vec<SkillRow> {
        self.rows().as_ref().clone()
    }

    /// Looks at every place now, instead of when something is reported.
    pub async fn rescan(self: &Arc<Self>) -> Result<(), SkillsError> {
        self.look(None).await
    }

    /// Resolves when no component is being compiled.
    pub async fn settled(&self) {
        // The sender lives in self: waiting cannot fail.
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }

    fn rows(&self) -> Arc<Vec<SkillRow>> {
        self.rows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Looks at every place and acts on what is there. `named` are the places that the owner named at the start.
    async fn look(self: &Arc<Self>, named: Option<&BTreeSet<PathBuf>>) -> Result<(), SkillsError> {
        let mut scanner = self.scanner.lock().await;
        let known: BTreeSet<String> = self.state.lock().await.approved().cloned().collect();
        let (mut sources, vault) = (scanner.sources.clone(), self.vault.clone());
        let more = scanner.imported.iter().filter(|one| !sources.contains(one));
        let more: Vec<Source> = more.cloned().collect();
        sources.extend(more);
        let mut memory = std::mem::take(&mut scanner.memory);
        let read = self.tasks.spawn_blocking(move || {
            let scan = scan::scan(&sources, &known, &mut memory, &vault);
            (scan, memory)
        });
        let (scan, memory) = read.await.map_err(|_| SkillsError::Stopping)?;
        scanner.memory = memory;
        scanner.watch.set(&scan.folders, &scan.empty);
        scanner.again = scan.again;
        let mut state = self.state.lock().await;
        state.take(scan, named);
        self.settle(&mut state).await?;
        self.tidy(&state).await;
        Ok(())
    }
}

async fn watching(skills: Arc<Skills>) {
    loop {
        let due = {
            let scanner = skills.scanner.lock().await;
            scanner.watch.due(scanner.again)
        };
        tokio::select! {
            () = due => {}
            () = skills.tasks.stopped() => return,
        }
        if let Err(error) = skills.look(None).await {
            tracing::error!(%error, "the skills folders could not be looked at");
        }
    }
}

#[cfg(test)]
mod tests;
