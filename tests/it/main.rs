//! Black-box tests of the whole host.

mod cli;
mod component;
mod support;
mod tidy;
