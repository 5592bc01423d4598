//! The socket of a running host, `control.sock` in its home: how commands of the same user reach it. Nobody else does.

pub mod client;
mod line;
pub mod protocol;
pub mod server;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use protocol::{Answer, Note, Progress, Request, UsageBy};
pub use server::{ControlError, Listener, listen};
