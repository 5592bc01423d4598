//! What the host costs, measured: every row is a ratio to something in the same run, or a figure with a budget. Run as
//! `cargo xtask bench [GROUP…] [--json] [--smoke]`; `--smoke` runs each row once, to see that it runs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a bench prints its rows, and may stop at once where it is wrong"
)]

mod call;
mod guard;
mod hostile;
mod memory;
mod recover;
mod refusal;
mod rig;
mod row;
mod start;
mod xmtp;

use std::process::ExitCode;

use row::Report;

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough for figures.
    Full,
    /// Once.
    Smoke,
}

impl Effort {
    /// Returns how often to repeat something.
    pub(crate) fn times(self, full: usize, smoke: usize) -> usize {
        self.pick(full, smoke)
    }

    /// Returns the one that fits the effort.
    pub(crate) fn pick<T>(self, full: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Smoke => smoke,
        }
    }
}

/// Measures the rows of a group.
type Group = fn(&mut Report, Effort);

fn main() -> ExitCode {
    let mut report = Report::new();
    let (mut groups, mut effort) = (Vec::new(), Effort::Full);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--json" => report.json = true,
            "--smoke" => effort = Effort::Smoke,
            // What cargo adds for benches and tests.
            "--bench" | "--test" => {}
            group if !group.starts_with('-') => groups.push(group.to_owned()),
            other => {
                eprintln!("error: the benches take group names, --json and --smoke, not {other:?}");
                return ExitCode::from(2);
            }
        }
    }
    let known: [(&str, Group); 8] = [
        ("call", call::run),
        ("start", start::run),
        ("memory", memory::run),
        ("refusal", refusal::run),
        ("hostile", hostile::run),
        ("recover", recover::run),
        ("xmtp", xmtp::run),
        ("guard", guard::run),
    ];
    if let Some(unknown) = groups
        .iter()
        .find(|group| known.iter().all(|(name, _)| name != group))
    {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        eprintln!("error: there is no group {unknown:?}: {}", names.join(", "));
        return ExitCode::from(2);
    }
    report.effort = effort;
    for (name, group) in known {
        if groups.is_empty() || groups.iter().any(|wanted| wanted == name) {
            group(&mut report, effort);
        }
    }
    if report.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
