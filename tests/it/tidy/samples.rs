//! Samples are for reading: each has less than [`MOST`] lines of logic of its own.
//!
//! A line of logic decides or computes something. Not counted are blank lines, comments, imports, lone brackets, tests, what
//! is published of a skill (attributes and signatures of skills, `#[data]` types, decorators, the tables of a card), and data
//! (constants, and files that are no code).

use std::path::{Path, PathBuf};

use super::root;

const MOST: usize = 80;

/// How a language writes what is not counted.
struct Language {
    ending: &'static str,
    comments: &'static [&'static str],
    /// What begins a statement that is not counted, to the end of its brackets.
    statements: &'static [&'static str],
}

const LANGUAGES: [Language; 4] = [
    Language {
        ending: "rs",
        comments: &["//"],
        statements: &["#[", "#![", "use ", "mod ", "struct ", "const "],
    },
    Language {
        ending: "ts",
        comments: &["//", "/*", "*"],
        statements: &[
            "import ",
            "type ",
            "interface ",
            "export const skills",
            "const format",
        ],
    },
    Language {
        ending: "py",
        comments: &["#"],
        statements: &["from ", "import ", "@"],
    },
    Language {
        ending: "c",
        comments: &["//", "/*", "*"],
        statements: &[
            "#include",
            "#define",
            "static const ",
            "const cw_skill",
            "const size_t",
        ],
    },
];

/// Returns how many more brackets a line opens than it closes, outside of its texts.
fn opened(line: &str) -> i32 {
    let (mut open, mut text, mut escaped) = (0, false, false);
    for c in line.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if text => escaped = true,
            '"' => text = !text,
            '(' | '[' | '{' if !text => open += 1,
            ')' | ']' | '}' if !text => open -= 1,
            _ => {}
        }
    }
    open
}

/// Returns the lines of logic of a file.
fn logic<'t>(language: &Language, text: &'t str) -> Vec<&'t str> {
    let (mut open, mut in_text, mut in_signature) = (0, false, false);
    let mut counted = Vec::new();
    for line in text.lines() {
        let plain = line.trim().trim_start_matches("pub(crate) ");
        let is_bare = plain.chars().all(|c| "()[]{};,".contains(c));
        if in_text {
            in_text = !plain.ends_with("\"\"\"");
        } else if open > 0 {
            open += opened(plain);
        } else if is_bare || language.comments.iter().any(|mark| plain.starts_with(mark)) {
            continue;
        } else if plain.starts_with("\"\"\"") {
            in_text = plain.len() < 4 || !plain.ends_with("\"\"\"");
        } else if is_uncounted(language, plain) {
            // The function below it says what is published, too.
            in_signature |= plain.starts_with("#[skill");
            open = opened(plain).max(0);
        } else if in_signature {
            in_signature = !plain.ends_with('{');
        } else {
            counted.push(line);
        }
    }
    counted
}

fn is_uncounted(language: &Language, line: &str) -> bool {
    let is_constant = || {
        let name = line.split(" =").next().unwrap_or_default();
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        language.ending == "py" && !name.is_empty() && is_name
    };
    let is_function = line.starts_with("const fn ");
    !is_function
        && language
            .statements
            .iter()
            .any(|mark| line.starts_with(mark))
        || is_constant()
}

/// Returns the files of a sample that are code, but for its tests and what was built or installed.
fn code(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a sample") {
        let path = entry.expect("a readable entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_test = name.starts_with("test") || name == "node_modules" || name == "target";
        if path.is_dir() && !is_test && !name.starts_with('.') && name != "__pycache__" {
            code(&path, found);
        } else if path.is_file() && !is_test {
            found.push(path);
        }
    }
}

#[test]
fn samples_are_short() {
    let mut samples = 0;
    for entry in std::fs::read_dir(root().join("sample-skills")).expect("the samples") {
        let folder = entry.expect("a readable entry").path();
        if !folder.join("README.md").is_file() {
            continue;
        }
        samples += 1;
        let mut files = Vec::new();
        code(&folder, &mut files);
        let mut lines = Vec::new();
        for file in &files {
            let ending = file.extension().unwrap_or_default();
            let language = LANGUAGES.iter().find(|language| ending == language.ending);
            if let Some(language) = language {
                let text = std::fs::read_to_string(file).expect("UTF-8");
                lines.extend(logic(language, &text).into_iter().map(str::to_owned));
            }
        }
        assert!(
            lines.len() < MOST,
            "{} has {} lines of logic:\n{}",
            folder.display(),
            lines.len(),
            lines.join("\n")
        );
        let is_text = folder.join("SKILL.md").is_file();
        assert!(
            is_text || lines.len() > 20,
            "{} was not read",
            folder.display()
        );
    }
    assert_eq!(samples, 8);
}

#[test]
fn what_counts_is_logic() {
    let rust = "//! Doc.\nuse a::{\n    b,\n};\n\n/// Doc.\n#[skill(\n    version = \"1 (\",\n)]\nfn f(\n    /// Doc.\n    a: u8,\n) -> u8 {\n    // Why.\n    let b = a;\n    if b > 1 {\n        return b;\n    }\n    b\n}\n#[data]\nstruct D {\n    a: u8,\n}\npub(crate) const T: &[u8] = &[\n    1,\n];\nconst fn g() -> u8 {\n    1\n}\n";
    let expected = [
        "let b = a;",
        "if b > 1 {",
        "return b;",
        "b",
        "const fn g() -> u8 {",
        "1",
    ];
    let found: Vec<&str> = logic(&LANGUAGES[0], rust)
        .iter()
        .map(|line| line.trim())
        .collect();
    assert_eq!(found, expected);
    let python = "\"\"\"Doc.\"\"\"\nimport re\nDAYS = [\n    1,\n]\n@skill(\n    a=1,\n)\ndef f(a):\n    \"\"\"Doc\n    more.\"\"\"\n    x = a\n    return x\n";
    let found: Vec<&str> = logic(&LANGUAGES[2], python)
        .iter()
        .map(|line| line.trim())
        .collect();
    assert_eq!(found, ["def f(a):", "x = a", "return x"]);
}
