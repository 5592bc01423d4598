//! The sealed room.

mod bindings;
mod cache;
mod ceiling;
mod component;
mod egress;
mod engine;
mod error;
mod event;
mod imports;
mod journal;
mod limiter;
mod manifest;
mod meter;
mod port;
mod room;
mod run;
mod sandbox;
mod ticker;
mod wasi;

pub use ceiling::Ceiling;
pub use egress::allows;
pub use error::{CallError, LoadError, ManifestError, SandboxError, Which};
pub use event::{Done, Event, EventSender, Level, Partition, StateArea, StateWrite, Usage};
pub use port::{
    HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError,
    Ports, StatePort, StateUse, Turn, Unpaced,
};
pub use sandbox::{Config, Examined, Loaded, Sandbox};
