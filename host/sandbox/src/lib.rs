//! The sealed room: runs what strangers wrote, and the only crate that names wasmtime.
//!
//! It has no network client, no store and no model: what a guest may reach beyond itself stands behind three ports,
//! and the sandbox checks grants and counts limits before a port hears of anything. It never writes what a skill
//! remembers; it returns the writes with the outcome.
//!
//! # What a hostile guest can try
//!
//! Each call has a store, an instance, a journal and a handle table of its own, made for it and dropped with it. Each
//! row ends that one call; `tests/it` has a test for each.
//!
//! | it tries | what stops it | how the call ends |
//! |---|---|---|
//! | to compute for ever, also in its start function | a tick each millisecond; the thread's processor clock | `Limit(Cpu)` |
//! | to wait for ever: sleep, model, network | the wall clock runs through every wait | `TimedOut` |
//! | memory, by small steps or by many memories | all memories are counted together | growth fails, or `Limit(Memory)` |
//! | tables, instances, memories without end | counted together | `Limit(TableElements, Instances, Memories)` |
//! | to recurse for ever | a stack of 512 KiB of its own | `Limit(Stack)` |
//! | to make the host copy: long lists, one text many times | what one host call copies is bounded, and all together | `Limit(HostBytes)` |
//! | a huge answer | refused before it is copied whole | `Limit(Output)` |
//! | an answer that is not UTF-8, not JSON, outside its memory | read as what it is: bytes of a stranger | `Rejected`, `Trap` |
//! | floods of host calls, handles, random bytes | counted | `Limit(HostCalls, Handles, Randomness)` |
//! | floods of log and progress | counted, cut, left out; one closing line tells | goes on |
//! | arguments, environment, files, sockets, names | WASI is bound to an empty context | sees nothing, or an error code |
//! | to leave a granted folder by `..`, links, absolute paths | paths are resolved below the folder's handle | an error code |
//! | another host, port, scheme, path or method than granted | the normalised request is compared, and is what is sent | an error code |
//! | to write what fails, or more than its share | writes wait for success; quotas count what will be stored | nothing is kept |
//! | to describe itself differently to different askers | `describe` runs without grants, with a fixed clock and fixed dice | always the same |
//! | a compile bomb | [`Sandbox::examine`] belongs into a child process | that process dies |
//! | imports that no grant could give; other worlds; broken files | told apart at load | a [`LoadError`] of its own |
//!
//! # What it cannot stop
//!
//! A mistake in wasmtime or in the processor; whoever can write into the cache folder, which holds machine code (so a
//! folder that is not ours alone is refused); a guest that tells, by how long it takes, what it knows. A guest that
//! hangs in a file of a granted folder (a pipe, a dead network mount) ends at its wall clock, but the host thread that
//! reads stays with the file.

mod sandbox;

mod ceiling;
mod component;
mod manifest;

mod run;

mod journal;
mod limiter;
mod meter;
mod room;

mod egress;
mod imports;
mod wasi;

mod bindings;
mod cache;
mod engine;
mod ticker;

mod error;
mod event;
mod port;

pub use ceiling::Ceiling;
pub use egress::allows;
pub use error::{CallError, LoadError, ManifestError, SandboxError, Which};
pub use event::{Done, Event, EventSender, Level, Partition, StateArea, StateWrite, Usage};
pub use port::{
    HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError,
    Ports, StatePort, StateUse, Turn, Unpaced,
};
pub use sandbox::{Config, Examined, Loaded, Sandbox};
