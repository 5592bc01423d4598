//! Write a coworker-host skill as a plain Rust function.
//!
//! ```
//! use coworker_skill::prelude::*;
//!
//! #[data]
//! struct Counts {
//!     /// How many words there are.
//!     words: usize,
//! }
//!
//! /// Counts the words of a text.
//! #[skill(category = "compute", version = "1.0.0")]
//! fn word_count(
//!     /// The text to count in.
//!     text: &str,
//! ) -> Result<Counts> {
//!     Ok(Counts { words: text.split_whitespace().count() })
//! }
//!
//! assert_eq!(word_count("one two").unwrap().words, 2);
//! ```
//!
//! Built for `wasm32-unknown-unknown`, the crate exports `coworker:skill/guest` for all functions so marked; natively
//! they stay functions that `cargo test` calls, and [`log`], [`progress`], [`llm`] and [`state`] go to doubles in
//! [`testing`]. It has no clock, files, sockets or randomness: a skill that needs those imports WASI itself.

pub use coworker_skill_macros::{data, skill};
pub use failure::{Failure, Result, failed, invalid};
pub use registry::Tier;
pub use {schemars, serde, serde_json};

#[cfg(target_arch = "wasm32")]
mod component;
mod failure;
#[cfg(all(target_arch = "wasm32", feature = "heap"))]
mod heap;
pub mod llm;
pub mod log;
pub mod progress;
mod registry;
pub mod state;
pub mod testing;

/// What a skill's source names most.
pub mod prelude {
    pub use crate::{Failure, Result, data, failed, invalid, llm, log, progress, skill, state};
}

/// What the attributes write; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::registry::{Outcome, Skill, read, schema, write};
    pub use inventory;
}
