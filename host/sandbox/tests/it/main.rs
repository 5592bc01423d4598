//! The sandbox against real components. Every guest here comes from `tests/fixtures`, built by `cargo xtask samples`.

mod answers;
mod files;
mod hostile;
mod load;
mod ports;
mod support;
mod texts;
mod wasi;
