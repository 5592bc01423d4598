//! How far the work is, for callers that show it: at most 100 reports of 1 KiB a call.

use std::fmt::Display;

/// Reports that a part of the whole (0.0 to 1.0) is done.
pub fn done(part: f32, text: impl Display) {
    report(Some(part.clamp(0.0, 1.0)), &text.to_string());
}

/// Reports a step whose share of the whole is not known.
pub fn step(text: impl Display) {
    report(None, &text.to_string());
}

#[cfg(target_arch = "wasm32")]
fn report(done: Option<f32>, text: &str) {
    crate::component::coworker::skill::progress::report(done, text);
}

#[cfg(not(target_arch = "wasm32"))]
fn report(done: Option<f32>, text: &str) {
    crate::testing::record_progress(done, text);
}
