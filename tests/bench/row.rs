//! Rows and how they are printed. A row over its budget makes the run fail, except in a smoke run, whose figures mean
//! nothing.

use serde_json::{Value, json};

use crate::Effort;

/// What a row may be at most, or at least.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    /// The value may be at most so much.
    AtMost(f64),
    /// The value must be at least so much.
    AtLeast(f64),
    /// The ratio to the baseline may be at most so much.
    Ratio(f64),
}

/// All rows of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) json: bool,
    pub(crate) effort: Effort,
    rows: Vec<(String, f64, String)>,
    missed: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            json: false,
            effort: Effort::Full,
            rows: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Prints a row. `baseline` names the row that this one is divided by.
    pub(crate) fn row(
        &mut self,
        name: &str,
        value: f64,
        unit: &str,
        baseline: Option<&str>,
        budget: Option<Budget>,
    ) {
        let divisor = baseline
            .and_then(|name| self.rows.iter().find(|row| row.0 == name))
            .map(|row| row.1);
        let ratio = divisor.map(|divisor| value / divisor);
        let met = budget.map(|budget| match budget {
            Budget::AtMost(most) => value <= most,
            Budget::AtLeast(least) => value >= least,
            Budget::Ratio(most) => ratio.is_some_and(|ratio| ratio <= most),
        });
        let words = budget.map(|budget| match budget {
            Budget::AtMost(most) => format!("<= {most}"),
            Budget::AtLeast(least) => format!(">= {least}"),
            Budget::Ratio(most) => format!("<= {most}x"),
        });
        if self.json {
            let row = json!({
                "name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio,
                "budget": words, "met": met.filter(|_| self.effort == Effort::Full),
            });
            println!("{row}");
        } else {
            if self.rows.is_empty() {
                println!(
                    "{:<32} {:>12} {:<8} {:>8}  {:<12} met",
                    "name", "value", "unit", "ratio", "budget"
                );
            }
            let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let verdict = match met {
                _ if self.effort == Effort::Smoke => "-",
                None => "-",
                Some(true) => "yes",
                Some(false) => "NO",
            };
            let budget = words.unwrap_or_else(|| "-".to_owned());
            println!(
                "{name:<32} {:>12} {unit:<8} {ratio:>8}  {budget:<12} {verdict}",
                figure(value)
            );
        }
        if met == Some(false) && self.effort == Effort::Full {
            self.missed.push(name.to_owned());
        }
        self.rows.push((name.to_owned(), value, unit.to_owned()));
    }

    /// Prints a remark that belongs to the rows around it.
    pub(crate) fn remark(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("  {text}");
        }
    }

    /// Returns whether every budget was met.
    pub(crate) fn finish(&self) -> bool {
        if !self.missed.is_empty() {
            eprintln!("over budget: {}", self.missed.join(", "));
        }
        self.missed.is_empty()
    }
}

fn figure(value: f64) -> String {
    if value >= 1_000.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Returns the value below which `share` (0 to 1) of the sorted samples lie.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Sorts samples for [`percentile`].
pub(crate) fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

/// Returns the figure of a `/proc/PID/status` line in MB, 0 where there is none.
pub(crate) fn rss_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or(0.0) * 1_024.0 / 1e6
}

/// Returns a value's text under a key.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
