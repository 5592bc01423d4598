//! The README's table of commands: every command is in it, and nothing that is none.

use std::collections::BTreeSet;

use clap::Command;

use super::root;

/// Returns the commands and subcommands that people are shown, each as it is typed.
fn offered(command: &Command, before: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        let typed = format!("{before}{}", inner.get_name());
        let deeper = offered(inner, &format!("{typed} "));
        // One that only leads to others is none by itself.
        if deeper.is_empty() || !inner.is_subcommand_required_set() {
            found.insert(typed);
        }
        found.extend(deeper);
    }
    found
}

/// Returns what stands in backquotes in the first column of the table, with the choices of each written out.
fn shown(text: &str) -> Vec<String> {
    let (_, table) = text
        .split_once("\n| command | does |\n|---|---|\n")
        .expect("a table of commands");
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let mut found = Vec::new();
    for row in rows {
        let row = row.replace("\\|", "\u{1}");
        let cell = row.split('|').nth(1).expect("a first column");
        for part in cell.split('`').skip(1).step_by(2) {
            let mut words = part.splitn(3, ' ');
            let (first, second) = (words.next().unwrap_or_default(), words.next());
            let rest = words.next().unwrap_or_default();
            match second {
                Some(second) => found.extend(
                    second
                        .split('\u{1}')
                        .map(|choice| format!("{first} {choice} {rest}")),
                ),
                None => found.push(first.to_owned()),
            }
        }
    }
    found
}

/// Returns the command that a line of the table is about, and the options that it names.
fn read<'c>(command: &'c Command, line: &str) -> Option<(&'c Command, String, Vec<String>)> {
    let mut words = line
        .split([' ', '[', ']', '\u{1}'])
        .filter(|word| !word.is_empty());
    let first = words.next()?;
    let mut named = command.find_subcommand(first)?;
    let mut typed = first.to_owned();
    let rest: Vec<&str> = words.collect();
    if let Some(inner) = rest.first().and_then(|word| named.find_subcommand(word)) {
        typed = format!("{typed} {}", inner.get_name());
        named = inner;
    }
    let options = rest.iter().filter_map(|word| word.strip_prefix("--"));
    let options = options.map(str::to_owned).collect();
    Some((named, typed, options))
}

#[test]
fn the_readme_lists_every_command() {
    let text = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let mut command = coworker_host::cli::command();
    command.build();
    let mut listed = BTreeSet::new();
    let mut wrong = Vec::new();
    for line in shown(&text) {
        // A part that only names options belongs to the command before it, which has them all.
        if line.starts_with("--") {
            continue;
        }
        let first = line.split(' ').next().unwrap_or_default();
        let Some((named, typed, options)) = read(&command, &line) else {
            wrong.push(line.clone());
            continue;
        };
        let has = |option: &String| {
            let mut all = named.get_arguments().filter_map(clap::Arg::get_long);
            all.any(|long| long == option)
        };
        if !options.iter().all(has) {
            wrong.push(line.clone());
        }
        // A subcommand that may be left out.
        if line
            .strip_prefix(first)
            .is_some_and(|rest| rest.starts_with(" ["))
        {
            listed.insert(first.to_owned());
        }
        listed.insert(typed);
    }
    assert_eq!(wrong, [""; 0], "the README names what there is not");
    let offered = offered(&command, "");
    assert!(offered.len() > 40, "the commands were not found");
    let missing: Vec<&String> = offered.difference(&listed).collect();
    assert!(missing.is_empty(), "the README does not list {missing:?}");
}
