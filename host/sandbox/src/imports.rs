//! The host's side of `coworker:skill`.

pub(crate) mod llm;
pub(crate) mod state;

use crate::bindings::{log, progress, types};
use crate::event::Level;
use crate::room::Room;

impl types::Host for Room {}

impl log::Host for Room {
    fn write(&mut self, level: log::Level, line: String) -> wasmtime::Result<()> {
        self.enter(line.len())?;
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.journal().log(level, &line);
        Ok(())
    }
}

impl progress::Host for Room {
    fn report(&mut self, done: Option<f32>, text: String) -> wasmtime::Result<()> {
        self.enter(text.len())?;
        self.journal().progress(done, &text);
        Ok(())
    }
}
