//! Adapters around the decision core: transports, store, skills folder, control socket, command line.

pub mod cli;
pub mod report;
pub mod config;
pub mod home;
pub mod clock;
pub mod tasks;
pub mod control;
pub mod host;
pub mod server;
pub mod inbox;
pub mod turns;
pub mod perform;
pub mod outbox;
pub mod ask;
pub mod trust;
pub mod skills;
pub mod store;
pub mod port;
pub mod transport;
