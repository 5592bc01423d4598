//! `examine`: the compile child. It limits itself, looks at one component, prints what it found, and ends. Whatever a
//! component does to it, it does to this process alone.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use coworker_core::Limits;
use coworker_sandbox::{Config, Examined, LoadError, Ports, Sandbox};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::report::{Exit, Failure};

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
    let said = match look(options)? {
        Ok(examined) => Said::Ok(Box::new(examined)),
        Err(error) => Said::Error(problem(&error)),
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &said)
        .map_err(|error| Failure::internal("cannot say what was found").caused_by(&error))?;
    match said {
        Said::Ok(_) => Ok(()),
        // The parent reads the document; the words on stderr are for whoever runs this by hand.
        Said::Error(problem) => Err(Failure {
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
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| {
            Failure::internal("cannot limit the process that compiles").caused_by(&error)
        })?;
    }
    Ok(())
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
        LoadError::Describe(_) => "describe",
        LoadError::Manifest(_) => "manifest",
        LoadError::Digest(_) => "digest",
    }
}
