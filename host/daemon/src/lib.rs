//! Adapters around the decision core: transports, store, skills folder, control socket, command line.

pub mod ask;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod guarding;
pub mod home;
pub mod host;
pub mod import;
pub mod inbox;
pub mod local_node;
pub mod models;
pub mod outbox;
pub mod perform;
mod poison;
pub mod port;
pub mod report;
mod secret_command;
pub mod server;
pub mod skills;
mod spelling;
pub mod store;
pub mod tasks;
pub mod transport;
pub mod trust;
pub mod turns;
