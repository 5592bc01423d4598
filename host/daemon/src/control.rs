//! The socket of a running host, `control.sock` in its home: how commands of the same user reach it. Nobody else does.

mod protocol;

pub use protocol::{Answer, Note, Progress, Request, UsageBy};
