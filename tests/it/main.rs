//! Black-box tests of the whole host.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that indexes what is not there fails, as it should"
)]

mod cli;
mod commands;
mod compile_child;
mod component;
mod defects;
mod delegation;
mod demo;
mod durable;
mod egress;
mod envelopes;
mod flood;
mod folder;
mod greeting;
mod guard;
mod guests;
mod hosts;
mod identity;
mod import;
mod interop;
mod interrupted;
mod invites;
mod log;
mod meeting;
mod models;
mod node;
mod pairs;
mod peer;
mod poison;
mod refusals;
mod release;
mod sealed;
mod store_trouble;
mod strict;
mod support;
mod swap;
mod terminal;
mod texts;
mod tidy;
mod trust;
mod xmtp;
