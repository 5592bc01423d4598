//! The host's own log: one event is one line, and nothing in it can move a cursor.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{LogConfig, LogFormat};
use crate::report::{Failure, printable, printable_json};

/// Sends what a command's parts have to say to stderr: warnings, unless RUST_LOG asks for more.
pub(super) fn for_commands() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Only tests run two commands in one process; the first one's log serves both.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Lines(printable))
        .try_init();
}

/// Sends what a serving host has to say to stderr, as its settings say: RUST_LOG is one of them.
pub(super) fn for_serve(config: &LogConfig) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.level).map_err(|error| {
        Failure::config("`log.level` in config.toml cannot be used")
            .caused_by(&error)
            .hint("write it as in \"info\", \"debug\" or \"warn,coworker_host=debug\"")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    let _ = match config.format {
        LogFormat::Text => log.with_writer(Lines(printable)).try_init(),
        LogFormat::Json => log.json().with_writer(Lines(printable_json)).try_init(),
    };
    Ok(())
}

/// Writes every event through a function that leaves one printable line of it.
#[derive(Clone, Copy, Debug)]
struct Lines(fn(&str) -> String);

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Line;

    fn make_writer(&'w self) -> Line {
        Line {
            clean: self.0,
            text: Vec::new(),
        }
    }
}

/// One event; the subscriber makes a writer for each. It is written whole when it is dropped.
struct Line {
    clean: fn(&str) -> String,
    text: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        let line = (self.clean)(text.trim_end());
        // A log that cannot be written must not stop what it tells about.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}
