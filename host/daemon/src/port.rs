//! What stands behind the sandbox's ports: the store for what skills remember, and a guarded way to the network.

pub mod http;
pub mod state;
