//! Command lines that make no sense, told in the same three kinds of lines as every other failure.

use std::io::Write;

use clap::error::ErrorKind;

use crate::report::{Exit, Failure};

/// Prints what the parser has to say, help included, and returns the exit code.
pub(super) fn tell(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is the reader's choice.
            let _ = error.print();
            0
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Usage.code()
        }
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "{}",
                failure(&error.render().to_string())
            );
            Exit::Usage.code()
        }
    }
}

/// Reads the parser's paragraphs: what is wrong, tips, and the usage.
fn failure(rendered: &str) -> Failure {
    let mut paragraphs = rendered.split("\n\n").map(joined);
    let what = paragraphs.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(&what);
    let mut failure = Failure::usage(what);
    let mut usage = None;
    for paragraph in paragraphs {
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            failure.hint.get_or_insert_with(|| tip.to_owned());
        } else if let Some(line) = paragraph.strip_prefix("Usage: ") {
            usage = Some(line.to_owned());
        } else if !paragraph.is_empty() && !paragraph.starts_with("For more information") {
            failure = failure.cause(paragraph);
        }
    }
    if failure.hint.is_none() {
        failure.hint = Some(match usage {
            Some(usage) => format!("usage: {usage}"),
            None => "run `coworker-host --help`".to_owned(),
        });
    }
    failure
}

fn joined(paragraph: &str) -> String {
    let lines: Vec<&str> = paragraph
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_become_lines() {
        let failure = failure(
            "error: unexpected argument '--hom' found\n\n  tip: a similar argument exists: '--home'\n\nUsage: coworker-host status\n\nFor more information, try '--help'.\n",
        );
        assert_eq!(
            failure.to_string(),
            "error: unexpected argument '--hom' found\nhint: a similar argument exists: '--home'"
        );
        let failure = super::failure(
            "error: the following required arguments were not provided:\n  <PEER>\n\nUsage: coworker-host connect <PEER>\n",
        );
        assert_eq!(
            failure.to_string(),
            "error: the following required arguments were not provided: <PEER>\nhint: usage: coworker-host connect <PEER>"
        );
    }
}
