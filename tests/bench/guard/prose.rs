//! Texts that are made up, for machines without documentation: sentences of common words and names, the same in every run.

use std::path::PathBuf;

const SUBJECTS: [&str; 16] = [
    "The command",
    "This option",
    "A service",
    "The file",
    "Each line",
    "The server",
    "Your project",
    "The module",
    "An error",
    "The first request",
    "The log",
    "A worker",
    "The default value",
    "Every package",
    "The user",
    "The network",
];
const VERBS: [&str; 16] = [
    "reads", "writes", "returns", "removes", "creates", "checks", "prints", "ignores", "starts",
    "stops", "needs", "replaces", "lists", "updates", "accepts", "repeats",
];
const OBJECTS: [&str; 16] = [
    "the configuration",
    "all matching entries",
    "a temporary folder",
    "the current version",
    "its arguments",
    "the cache",
    "one record at a time",
    "the given path",
    "an empty answer",
    "the list of names",
    "what was changed",
    "the exit status",
    "a message for each item",
    "the oldest backup",
    "the environment",
    "both sides of the comparison",
];
const ENDS: [&str; 16] = [
    "before it ends",
    "unless told otherwise",
    "if the disk is full",
    "in the order given",
    "when nothing else fits",
    "for every host",
    "after a restart",
    "as described below",
    "on most systems",
    "with the same rights",
    "at least once a day",
    "without asking",
    "since version 2.4",
    "in any case",
    "while others wait",
    "only on request",
];

/// Returns so many texts.
pub(super) fn texts(count: usize) -> Vec<(PathBuf, String)> {
    (0..count)
        .map(|n| (PathBuf::from(format!("made up/{n}")), text(n as u64)))
        .collect()
}

fn text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut pick = |from: &[&'static str; 16]| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from[(state >> 40) as usize % 16]
    };
    let mut out = format!("# Notes, part {seed}\n\n");
    while out.len() < 4_000 {
        for _ in 0..4 {
            out += &format!(
                "{} {} {} {}. ",
                pick(&SUBJECTS),
                pick(&VERBS),
                pick(&OBJECTS),
                pick(&ENDS)
            );
        }
        out += "\n\n";
    }
    out
}
