//! The sealed room.

mod ceiling;
mod egress;
mod error;
mod event;
mod port;
mod sandbox;

pub use ceiling::Ceiling;
pub use egress::allows;
pub use error::{CallError, LoadError, ManifestError, SandboxError, Which};
pub use event::{Done, Event, EventSender, Level, Partition, StateArea, StateWrite, Usage};
pub use port::{
    HttpPort, HttpRequest, HttpResponse, LlmAsk, LlmError, LlmPort, LlmReply, LlmStream, PortError,
    Ports, StatePort, StateUse, Turn, Unpaced,
};
pub use sandbox::{Config, Examined, Loaded, Sandbox};
