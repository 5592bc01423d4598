//! Meeting notes: cleans a transcript up, has a model write the notes, and keeps only what the transcript bears out.

use std::collections::BTreeSet;

use coworker_skill::prelude::*;

/// Something that somebody is to do.
#[data]
struct Task {
    /// What.
    what: String,
    /// Who said or was told so, if it is one of the speakers.
    who: Option<String>,
}

/// What was said and decided.
#[data]
struct Notes {
    /// A few sentences.
    summary: String,
    /// What is to be done.
    tasks: Vec<Task>,
    /// How many tasks were left out because the transcript does not speak of them.
    left_out: usize,
}

/// What the model writes.
#[data]
struct Draft {
    summary: String,
    tasks: Vec<Task>,
}

/// Writes the notes of a meeting: a summary and who is to do what, as far as the transcript says so.
#[skill(
    category = "compute",
    version = "1.0.0",
    when_to_use = "A transcript with lines such as `Ann: …` is to become notes"
)]
fn meeting_notes(
    /// The transcript: a line for each thing said, with or without times.
    transcript: &str,
) -> Result<Notes> {
    let lines = cleaned(transcript);
    let speakers: BTreeSet<&str> = lines.iter().filter_map(|line| speaker(line)).collect();
    let said = lines.join("\n");
    if words(&said).len() < 8 {
        return Err(invalid("`transcript` holds too little to take notes of"));
    }
    progress::step("asking for the notes");
    let draft: Draft = llm::ask("skill")
        .with("transcript", &said)
        .with("speakers", &speakers)
        .temperature(0.2)
        .json()?;
    let heard = words(&said);
    let (kept, left): (Vec<Task>, Vec<Task>) = draft
        .tasks
        .into_iter()
        .partition(|task| is_borne_out(&task.what, &heard));
    log::info(format!("{} tasks, {} left out", kept.len(), left.len()));
    let known = |who: &String| speakers.iter().any(|name| name.eq_ignore_ascii_case(who));
    let tasks = kept.into_iter().map(|task| Task {
        who: task.who.filter(known),
        what: task.what,
    });
    Ok(Notes {
        summary: draft.summary.trim().to_owned(),
        tasks: tasks.collect(),
        left_out: left.len(),
    })
}

/// Returns the lines without times and blanks, each speaker's lines joined.
fn cleaned(transcript: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in transcript.lines() {
        let line = line
            .trim()
            .trim_start_matches(|c: char| c.is_ascii_digit() || "[]:.,-> ".contains(c));
        match (speaker(line), lines.last_mut()) {
            _ if line.is_empty() => {}
            (None, Some(last)) => last.extend([" ", line]),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// Returns who speaks, if the line begins with a name.
fn speaker(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    let is_name =
        name.len() <= 40 && name.split(' ').count() <= 3 && name.chars().next()?.is_uppercase();
    is_name.then_some(name)
}

/// Returns the words that mean something, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    let split = text.split(|c: char| !c.is_alphanumeric());
    split
        .filter(|word| word.chars().count() > 3)
        .map(str::to_lowercase)
        .collect()
}

/// Returns whether at least half of a task's words were said.
fn is_borne_out(what: &str, heard: &BTreeSet<String>) -> bool {
    let wanted = words(what);
    wanted.intersection(heard).count() * 2 >= wanted.len().max(1)
}

#[cfg(test)]
mod tests;
