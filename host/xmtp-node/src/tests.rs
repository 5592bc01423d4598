//! The node from outside: a client over a real connection, and real messages that official clients sent.

mod captured;
mod client;
mod signer;

mod bounds;
mod forged;
mod hostile;
mod inbox;
mod lasting;
mod quota;
mod retention;
mod rpc;
mod rules;
mod unread;
mod welcome;
