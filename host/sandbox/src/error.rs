//! What can go wrong, for the owner. Nothing here is fit for a peer: the daemon maps a `CallError` to a refusal.

use std::path::PathBuf;

use coworker_core::{Bytes, Span};
use rustix::io::Errno;

/// A room limit that a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All linear memories together.
    Memory,
    /// Time on the processor.
    Cpu,
    /// The guest's stack.
    Stack,
    /// Elements of all tables together.
    TableElements,
    /// Linear memories.
    Memories,
    /// Core instances or tables.
    Instances,
    /// Bytes that crossed the boundary in host calls.
    HostBytes,
    /// Host calls.
    HostCalls,
    /// Handles held at one time.
    Handles,
    /// Random bytes.
    Randomness,
    /// The output.
    Output,
}

impl Which {
    /// Returns the key of this limit in a `[limits]` table, where it has one.
    pub const fn key(self) -> Option<&'static str> {
        Some(match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::TableElements => "table_elements",
            Self::Memories => "memories",
            Self::Instances => "instances",
            Self::HostBytes => "host_bytes",
            Self::HostCalls => "host_calls",
            Self::Handles => "handles",
            Self::Randomness => "randomness",
            Self::Output => "output",
            Self::Stack => return None,
        })
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Memory => "memory",
            Self::Cpu => "processor time",
            Self::Stack => "stack",
            Self::TableElements => "table elements",
            Self::Memories => "number of memories",
            Self::Instances => "number of instances",
            Self::HostBytes => "bytes passed in host calls",
            Self::HostCalls => "number of host calls",
            Self::Handles => "number of handles",
            Self::Randomness => "randomness",
            Self::Output => "output size",
        })
    }
}

/// Why a call gave no output. The texts are for the owner; those of the guest are bounded, never trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The skill says that the input is not usable; the caller may see the text, scrubbed.
    #[error("the skill refused the input: {0}")]
    InvalidInput(String),
    /// The skill says that it failed; the caller may see the text, scrubbed.
    #[error("the skill failed: {0}")]
    Failed(String),
    /// The guest trapped.
    #[error("the skill crashed: {why}")]
    Trap {
        /// What kind of trap it was.
        why: String,
    },
    /// The guest ran into a limit.
    #[error("the skill reached its limit: {0}")]
    Limit(Which),
    /// The wall clock ran out, waits in host calls included.
    #[error("the skill took longer than {0}")]
    TimedOut(Span),
    /// The output is not what a skill may answer: not JSON, not UTF-8, or too large.
    #[error("the output cannot be passed on: {0}")]
    Rejected(String),
    /// The host could not run the skill at all.
    #[error("the skill cannot run: {0}")]
    Unavailable(String),
}

/// Returns whether an error of the engine's is the machine's: it gave no memory, thread, descriptor or room.
pub(crate) fn is_of_the_machine(error: &wasmtime::Error) -> bool {
    let short = [
        Errno::NOMEM,
        Errno::AGAIN,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::FBIG,
        Errno::IO,
    ];
    let is_short = |cause: &(dyn std::error::Error + 'static)| {
        let system = cause.downcast_ref::<std::io::Error>();
        let system = system.and_then(Errno::from_io_error);
        let code = system.or_else(|| cause.downcast_ref::<Errno>().copied());
        code.is_some_and(|code| short.contains(&code)) || cause.is::<wasmtime::error::OutOfMemory>()
    };
    error.chain().any(is_short)
        || error
            .downcast_ref()
            .is_some_and(|code| short.contains(code))
        || error
            .downcast_ref::<wasmtime::error::OutOfMemory>()
            .is_some()
}

/// Why a component cannot become a skill.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file holds nothing.
    #[error("the file is empty")]
    Empty,
    /// The file is over the limit.
    #[error("the file has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: Bytes,
    },
    /// The file is not WebAssembly.
    #[error("the file is not WebAssembly")]
    NotWasm,
    /// The file is a core module, not a component.
    #[error("the file is a core WebAssembly module, not a component")]
    CoreModule,
    /// The file is WebAssembly in a version of the format that this host does not know.
    #[error("the file has WebAssembly format version {0:#010x}, which this host does not know")]
    UnknownFormat(u32),
    /// The file ends in the middle.
    #[error("the file is cut off: a section that starts at byte {at} is longer than the file")]
    Truncated {
        /// Where the section starts.
        at: u64,
    },
    /// The component imports something that no grant could give.
    #[error("the component imports {name}, which this host does not offer")]
    UnknownImport {
        /// The import's name, bounded.
        name: String,
    },
    /// The component is not a skill.
    #[error("the component does not export {expected}")]
    WrongWorld {
        /// The interface that every skill exports.
        expected: &'static str,
        /// What it exports instead, bounded.
        exports: Vec<String>,
    },
    /// An import or export has the right name and the wrong type.
    #[error("the component does not fit the world of skills: {0}")]
    Mismatch(String),
    /// The component is not valid, or uses a WebAssembly feature that is switched off here.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// The machine had no memory, threads or descriptors for it, which says nothing about the component.
    #[error("the machine has no room to compile it: {0}")]
    Resources(String),
    /// `describe` did not answer.
    #[error("the skill could not describe itself")]
    Describe(#[source] CallError),
    /// `describe` answered with something that cannot be published.
    #[error("the skill describes itself in a way that cannot be published: {0}")]
    Manifest(#[from] ManifestError),
    /// The bytes are not those of the digest.
    #[error("the bytes are not those of digest {0}")]
    Digest(coworker_core::Digest),
}

impl LoadError {
    /// Returns whether the machine may be to blame and not the component: another look may find otherwise.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Resources(_) | Self::Describe(CallError::Unavailable(_) | CallError::TimedOut(_))
        )
    }

    /// Returns what the author or owner can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty | Self::Truncated { .. } => {
                "copy the file again, under another name first, then rename it".to_owned()
            }
            Self::TooLarge { .. } => "strip debug information and unused data from the component".to_owned(),
            Self::NotWasm => "give a component as `coworker-host skills new` builds it".to_owned(),
            Self::CoreModule => "link it as a component: with Rust, set `linker = \"wasm-component-ld\"` for wasm32-unknown-unknown or build for wasm32-wasip2; else run `wasm-tools component new`".to_owned(),
            Self::UnknownFormat(_) => "build it with a toolchain that writes components of format 0x0001000d".to_owned(),
            Self::UnknownImport { name } => crate::ceiling::import_hint(name),
            Self::WrongWorld { expected, exports } => crate::ceiling::export_hint(expected, exports),
            Self::Mismatch(_) => "build it against the wit/ folder of this host's version".to_owned(),
            Self::Invalid(_) => "build it for plain WebAssembly with SIMD and bulk memory; threads, 64-bit memories, exceptions and garbage collection are off".to_owned(),
            Self::Resources(_) | Self::Describe(CallError::Unavailable(_)) => "free some memory, or raise what the system lets this program have (`ulimit -a`)".to_owned(),
            Self::Describe(_) => "`describe` runs without grants, with a fixed clock and within the limits of a call: it must only return text".to_owned(),
            Self::Manifest(_) => "correct what `describe` returns and build the skill again".to_owned(),
            Self::Digest(_) => return None,
        })
    }
}

/// Why a manifest cannot be published. Names and texts are the guest's own, bounded and with quotes escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// No skills at all.
    #[error("it names no skill")]
    None,
    /// More skills than a component may hold.
    #[error("it names {0} skills; a component holds at most 64")]
    TooMany(usize),
    /// A name that cannot name a skill.
    #[error(transparent)]
    Name(#[from] coworker_core::SkillNameError),
    /// Two skills of one name.
    #[error("it names {0:?} twice")]
    Twice(String),
    /// A text is missing or too long.
    #[error("skill {skill:?}: its {field} has {size} bytes; allowed are {least} to {most}")]
    Text {
        /// The skill.
        skill: String,
        /// The field of the manifest.
        field: &'static str,
        /// How long it is.
        size: usize,
        /// The least that is allowed.
        least: usize,
        /// The most that is allowed.
        most: usize,
    },
    /// A schema that is not usable.
    #[error("skill {skill:?}: its {which} schema is not usable: {why}")]
    Schema {
        /// The skill.
        skill: String,
        /// `input` or `output`.
        which: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The cache folder cannot be trusted: whoever can write there runs code as this user.
    #[error("the cache folder {path} is not safe: {why}")]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The engine refused its configuration.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The epoch thread did not start.
    #[error("the thread that keeps the guests' time does not start")]
    Thread(#[source] std::io::Error),
}

impl SandboxError {
    /// Returns what the owner can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cache { path, .. } => Some(format!(
                "remove {}, it is made anew: it must be a folder of yours with mode 0700",
                path.display()
            )),
            Self::Engine(_) | Self::Thread(_) => None,
        }
    }
}
