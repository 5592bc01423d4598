//! `examine`: the compile child. It limits itself, looks at one component, prints what it found, and ends. Whatever a
//! component does to it, it does to this process alone.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use coworker_core::Limits;
use coworker_sandbox::{Config, Examined, LoadError, Ports, Sandbox};
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
use serde::{Deserialize, Serialize};

use crate::report::{Exit, Failure};

/// How long after the signal of its soft limit a process that does not end of it is ended, in seconds.
const GRACE: u64 = 5;

/// What to look at, and within what.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where compiled code is kept
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// The most memory to use
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// The most processor time to use
    #[arg(long, value_name = "SECS")]
    cpu: Option<u64>,
    /// End when standard input does, which whoever started this holds open
    #[arg(long)]
    attached: bool,
    /// The component
    file: PathBuf,
}

/// What the child says, as one line of JSON on stdout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// It is a skill.
    Ok(Box<Examined>),
    /// It is none.
    Error(Problem),
    /// The machine did not let it be looked at.
    Unable(Problem),
}

/// Why a component is no skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Problem {
    /// A word for programs.
    pub(super) code: String,
    /// What is wrong.
    pub(super) what: String,
    /// Why, the nearest cause first.
    #[serde(default)]
    pub(super) causes: Vec<String>,
    /// What to do about it.
    #[serde(default)]
    pub(super) hint: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    limit(options)?;
    volunteer();
    if options.attached {
        attach()?;
    }
    let said = match look(options)? {
        Ok(examined) => Said::Ok(Box::new(examined)),
        Err(error) if error.may_pass() => Said::Unable(problem(&error)),
        Err(error) => Said::Error(problem(&error)),
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &said)
        .map_err(|error| Failure::internal("cannot say what was found").caused_by(&error))?;
    match said {
        Said::Ok(_) => Ok(()),
        // The parent reads the document; the words on stderr are for whoever runs this by hand.
        Said::Error(problem) | Said::Unable(problem) => Err(Failure {
            what: problem.what,
            causes: problem.causes,
            hint: problem.hint,
            exit: Exit::Failed,
        }),
    }
}

/// Gives up, for good, what a component could make this process take.
fn limit(options: &Options) -> Result<(), Failure> {
    let mut limits = vec![(Resource::Core, 0), (Resource::Fsize, 1 << 30)];
    // Not the address space: the engine reserves far more of it than it ever uses. What is written to counts as data.
    limits.extend(options.memory.map(|bytes| (Resource::Data, bytes)));
    limits.extend(options.cpu.map(|seconds| (Resource::Cpu, seconds)));
    for (resource, most) in limits {
        // What the system allows is never raised: it would take a right that few have.
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        // The signal of the soft limit on processor time says which limit it was; that of the hard one does not.
        let grace = if resource == Resource::Cpu { GRACE } else { 0 };
        let limit = Rlimit {
            current: Some(most.min(allowed)),
            maximum: Some(most.saturating_add(grace).min(allowed)),
        };
        setrlimit(resource, limit).map_err(|error| {
            Failure::internal("cannot limit the process that compiles").caused_by(&error)
        })?;
    }
    Ok(())
}

/// Offers this process to a system that runs out of memory: the host must not end for what a component takes.
fn volunteer() {
    if cfg!(target_os = "linux") {
        // A system without this choice chooses by size, which mostly comes to the same.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
}

/// Ends this process as soon as whoever started it is gone: nobody would read what it finds.
fn attach() -> Result<(), Failure> {
    let watch = || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        // Whatever this process is doing is of use to nobody, and takes no notice of a request to end.
        let _ = kill_process(getpid(), Signal::KILL);
    };
    std::thread::Builder::new()
        .name("attached".to_owned())
        .spawn(watch)
        .map(drop)
        .map_err(|error| Failure::internal("cannot start a thread").caused_by(&error))
}

fn look(options: &Options) -> Result<Result<Examined, LoadError>, Failure> {
    let unread = |error: std::io::Error| {
        Failure::failed(format!("cannot read {}", options.file.display())).caused_by(&error)
    };
    let most = Limits::COMPONENT.0;
    let mut wasm = Vec::new();
    std::fs::File::open(&options.file)
        .and_then(|file| file.take(most + 1).read_to_end(&mut wasm))
        .map_err(unread)?;
    if wasm.len() as u64 > most {
        return Ok(Err(LoadError::TooLarge {
            size: wasm.len() as u64,
            limit: Limits::COMPONENT,
        }));
    }
    let config = Config {
        cache_dir: options.cache.clone(),
        live_instances: 1,
    };
    let sandbox = Sandbox::new(config, Ports::default()).map_err(|error| {
        let failure = Failure::config("the sandbox cannot be set up").caused_by(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    Ok(sandbox.examine(&wasm))
}

fn problem(error: &LoadError) -> Problem {
    let told = Failure::failed("").caused_by(error);
    let mut texts = told.causes.into_iter();
    Problem {
        code: code(error).to_owned(),
        what: texts.next().unwrap_or_default(),
        causes: texts.collect(),
        hint: error.hint(),
    }
}

const fn code(error: &LoadError) -> &'static str {
    match error {
        LoadError::Empty => "empty",
        LoadError::TooLarge { .. } => "too_large",
        LoadError::NotWasm => "not_wasm",
        LoadError::CoreModule => "core_module",
        LoadError::UnknownFormat(_) => "unknown_format",
        LoadError::Truncated { .. } => "truncated",
        LoadError::UnknownImport { .. } => "unknown_import",
        LoadError::WrongWorld { .. } => "wrong_world",
        LoadError::Mismatch(_) => "mismatch",
        LoadError::Invalid(_) => "invalid",
        LoadError::Resources(_) => "resources",
        LoadError::Describe(_) => "describe",
        LoadError::Manifest(_) => "manifest",
        LoadError::Digest(_) => "digest",
    }
}
