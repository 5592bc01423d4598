//! Lines for the owner. Callers never see them.
//!
//! A host takes 4 KiB a line and 1,000 lines a call; what is beyond is counted, not kept.

use std::fmt::Display;

/// Writes what only helps to find a fault.
pub fn debug(line: impl Display) {
    write(Level::Debug, &line.to_string());
}

/// Writes what happened.
pub fn info(line: impl Display) {
    write(Level::Info, &line.to_string());
}

/// Writes what the owner should know about.
pub fn warn(line: impl Display) {
    write(Level::Warn, &line.to_string());
}

/// Writes what went wrong.
pub fn error(line: impl Display) {
    write(Level::Error, &line.to_string());
}

#[derive(Clone, Copy)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn write(level: Level, line: &str) {
    use crate::component::coworker::skill::log as host;
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::write(level, line);
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn write(level: Level, line: &str) {
    let level = match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    };
    crate::testing::record_log(format!("{level}: {line}"));
}
