//! Looks at what others wrote: every SKILL.md of a folder of public repositories is wrapped by the program as it is built,
//! and no line of its body may stand in its card. Nothing is fetched here, and nothing of it is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Where such a folder lies, if none is named.
pub(crate) const FOLDER: &str = "COWORKER_SKILL_BODIES";
/// Fewer files, or files of fewer repositories, say too little about what people write.
const LEAST_FILES: usize = 100;
const LEAST_REPOSITORIES: usize = 3;
/// From how many characters on a line says something of its own: `---` and `## Steps` stand in every file.
const LINE: usize = 12;
/// How deep to look.
const DEPTH: usize = 24;

/// What was found in all repositories together.
#[derive(Debug, Default)]
struct Counts {
    repositories: usize,
    files: usize,
    cards: usize,
    /// Why files are not served, and how many for each reason.
    refused: BTreeMap<String, usize>,
    /// Lines of bodies that their authors wrote into the frontmatter as well.
    repeated: usize,
    /// What must not be.
    wrong: Vec<String>,
}

/// Wraps every SKILL.md below each folder in this one, and says what came of it, or what is wrong.
pub(crate) fn bodies(host: &Path, folder: &Path) -> Result<String> {
    let mut counts = Counts::default();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot look into {}", folder.display()))?;
    let mut repositories: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    repositories.sort();
    for repository in repositories.iter().filter(|path| path.is_dir()) {
        let repository = std::fs::canonicalize(repository)?;
        let mut files = Vec::new();
        find(&repository, 0, &mut files)?;
        if !files.is_empty() {
            counts.look(host, &repository, &files)?;
        }
    }
    counts.told()
}

/// Collects every SKILL.md below a folder. Links are not followed.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() && depth < DEPTH && name != ".git" {
            find(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() && name.eq_ignore_ascii_case("skill.md") {
            found.push(entry.path());
        }
    }
    Ok(())
}

impl Counts {
    /// Has the program wrap one repository, and compares what it publishes with what is in the files.
    fn look(&mut self, host: &Path, repository: &Path, files: &[PathBuf]) -> Result<()> {
        self.repositories += 1;
        let nowhere = repository.join("there-is-no-home-here");
        let mut wrap = Command::new(host);
        let wrap = wrap.env_clear().arg("--home").arg(nowhere);
        let output = wrap
            .args(["wrap", "--scan", "--json"])
            .arg(repository)
            .output()
            .with_context(|| format!("cannot run {}", host.display()))?;
        // It leaves with 1 where a card shows private lines, which is looked for here, too.
        if !matches!(output.status.code(), Some(0 | 1)) {
            bail!(
                "wrapping {} ended with {}: {}",
                repository.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("wrapping {} told nothing", repository.display()))?;
        let rows = answer.get("files").and_then(Value::as_array);
        let rows: BTreeMap<&str, &Value> = rows
            .into_iter()
            .flatten()
            .filter_map(|row| Some((row.get("file")?.as_str()?, row)))
            .collect();
        for file in files {
            let bytes = std::fs::read(file)?;
            let text = String::from_utf8_lossy(&bytes);
            let called = file.parent().and_then(Path::file_name).unwrap_or_default();
            let shown = file.display().to_string();
            let row = rows.get(shown.as_str()).copied();
            self.file(&shown, &called.to_string_lossy(), &text, row);
        }
        Ok(())
    }

    /// Judges what became of one file.
    fn file(&mut self, file: &str, called: &str, text: &str, row: Option<&Value>) {
        self.files += 1;
        let Some(row) = row else {
            return self.wrong.push(format!("{file}: nothing is said of it"));
        };
        let word = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        if !word("refused").is_empty() {
            *self.refused.entry(word("refused").to_owned()).or_default() += 1;
            return;
        }
        let card = row.get("card").unwrap_or(&Value::Null);
        let says = |key: &str| {
            let text = card.get(key).and_then(Value::as_str);
            text.is_some_and(|text| !text.is_empty())
        };
        if !says("name") || !says("description") {
            return self
                .wrong
                .push(format!("{file}: neither a card nor a reason"));
        }
        self.cards += 1;
        let leaks = row.get("leaks").and_then(Value::as_array);
        if leaks.is_none_or(|leaks| !leaks.is_empty()) {
            self.wrong
                .push(format!("{file}: wrap says that its card shows its body"));
        }
        let (shown, repeated) = in_card(text, called, card);
        self.repeated += repeated;
        let lines = shown
            .into_iter()
            .map(|line| format!("{file}:{line}: this line stands in its card"));
        self.wrong.extend(lines);
    }

    fn told(self) -> Result<String> {
        let mut told = format!(
            "{} files of {} repositories: {} cards, {} refused, {} lines that their authors published themselves",
            self.files,
            self.repositories,
            self.cards,
            self.refused.values().sum::<usize>(),
            self.repeated,
        );
        for (why, files) in &self.refused {
            told.push_str(&format!("\n  {files} refused: {why}"));
        }
        if !self.wrong.is_empty() {
            bail!("{told}\n{}", self.wrong.join("\n"));
        }
        if self.files < LEAST_FILES || self.repositories < LEAST_REPOSITORIES {
            bail!(
                "{told}\nthat is too little: {LEAST_FILES} files of {LEAST_REPOSITORIES} repositories are wanted, each a \
                 folder of its own"
            );
        }
        Ok(told)
    }
}

/// Returns the lines of a body that its card shows, and how many more it shows that the author published himself: above the
/// body, or as the name of the folder.
fn in_card(text: &str, called: &str, card: &Value) -> (Vec<usize>, usize) {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let rule = |line: &&str| line.trim_end() == "---";
    let end = match lines.split_first() {
        Some((first, rest)) if rule(first) => rest.iter().position(rule).map_or(0, |at| at + 2),
        _ => 0,
    };
    let (head, body) = lines.split_at(end);
    let published = [plain(&head.join("\n")), plain(called)];
    let mut said = Vec::new();
    texts(card, &mut said);
    let (mut shown, mut repeated) = (Vec::new(), 0);
    for (n, line) in body.iter().enumerate() {
        let line = plain(line);
        if line.chars().count() < LINE || !said.iter().any(|text| text.contains(&line)) {
            continue;
        }
        if published.iter().any(|text| text.contains(&line)) {
            repeated += 1;
        } else {
            shown.push(end + n + 1);
        }
    }
    (shown, repeated)
}

/// Collects every text of a value, keys too.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(plain(text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => {
            for (key, value) in map {
                found.push(plain(key));
                texts(value, found);
            }
        }
        _ => {}
    }
}

/// Returns the words of a text, in lower case, with single spaces.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "---\nname: soup\ndescription: Knows every soup there is.\n---\n# Soups\n\nNever speak of the saffron.\nKnows every soup there is.\n";

    fn judged(row: Option<&Value>) -> Counts {
        let mut counts = Counts::default();
        counts.file("soup/SKILL.md", "soup", TEXT, row);
        counts
    }

    fn row(description: &str) -> Value {
        json!({ "card": { "name": "soup", "description": description }, "leaks": [], "refused": null })
    }

    #[test]
    fn a_line_of_a_body_in_a_card_is_found() {
        let fine = judged(Some(&row("Knows every soup there is.")));
        assert_eq!((fine.cards, fine.repeated), (1, 1));
        assert!(fine.wrong.is_empty(), "{fine:?}");
        let shows = judged(Some(&row("Soups. *never speak of the SAFFRON*")));
        assert_eq!(
            shows.wrong,
            ["soup/SKILL.md:7: this line stands in its card"]
        );
        let mut told = row("Soups.");
        told["leaks"] = json!([{ "slot": "skill", "line": 7 }]);
        assert_eq!(judged(Some(&told)).wrong.len(), 1);
        let titled = ("# Old kitchen rules\n", "old-kitchen-rules");
        let card = json!({ "name": "old-kitchen-rules" });
        assert_eq!(in_card(titled.0, titled.1, &card), (vec![], 1));
        assert_eq!(in_card(titled.0, "other", &card), (vec![1], 0));
    }

    #[test]
    fn a_file_has_a_card_or_a_reason() {
        assert_eq!(judged(None).wrong.len(), 1);
        assert_eq!(
            judged(Some(&json!({ "leaks": [], "refused": null })))
                .wrong
                .len(),
            1
        );
        let refused = judged(Some(&json!({ "refused": "it is not YAML" })));
        assert!(refused.wrong.is_empty() && refused.refused.len() == 1);
    }

    #[test]
    fn little_is_too_little_and_wrong_is_wrong() {
        let counts = |files, repositories, wrong: &[&str]| Counts {
            files,
            repositories,
            wrong: wrong.iter().map(|&text| text.to_owned()).collect(),
            ..Counts::default()
        };
        assert!(counts(LEAST_FILES, LEAST_REPOSITORIES, &[]).told().is_ok());
        assert!(counts(99, 3, &[]).told().is_err());
        assert!(counts(500, 2, &[]).told().is_err());
        assert!(counts(500, 5, &["a line"]).told().is_err());
    }

    #[test]
    fn every_file_below_a_folder_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        for place in [
            "a/b/SKILL.md",
            "a/skill.md",
            "a/README.md",
            "a/.git/SKILL.md",
        ] {
            let file = folder.path().join(place);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, TEXT).expect("written");
        }
        let mut found = Vec::new();
        find(folder.path(), 0, &mut found).expect("looked through");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
