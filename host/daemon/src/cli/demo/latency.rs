//! How long things took that are worth a table at the end.

use std::time::Instant;

use serde_json::json;

use super::step::Step;

/// Times by what was done, in the order in which each was done first.
#[derive(Default)]
pub(super) struct Latencies {
    rows: Vec<(&'static str, Vec<f64>)>,
}

impl Latencies {
    /// Adds what took since `started`.
    pub(super) fn note(&mut self, what: &'static str, started: Instant) {
        let ms = started.elapsed().as_secs_f64() * 1_000.0;
        match self.rows.iter_mut().find(|row| row.0 == what) {
            Some(row) => row.1.push(ms),
            None => self.rows.push((what, vec![ms])),
        }
    }

    /// Prints them.
    pub(super) fn tell(&self, step: &Step<'_>, transport: &str) {
        step.part(&format!("how long it took over {transport}"));
        for (what, times) in &self.rows {
            let mut sorted = times.clone();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
            let most = sorted.last().copied().unwrap_or_default();
            let words = match sorted.len() {
                1 => format!("{what}: {middle:.1} ms"),
                times => {
                    format!("{what}: median {middle:.1} ms, at most {most:.1} ms, {times} times")
                }
            };
            step.remark(
                &words,
                json!({ "latency": what, "times": sorted.len(), "median_ms": middle, "max_ms": most }),
            );
        }
    }
}
