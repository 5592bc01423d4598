//! Why a SKILL.md is not served. Nothing of its private text stands in an error.

/// Why a file cannot be read for sure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillMdError {
    /// The bytes are no text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// The frontmatter does not end.
    #[error(
        "its frontmatter begins with `---` on line {0} and does not end: close it with a line of `---`"
    )]
    Unclosed(usize),
    /// The frontmatter is not YAML.
    #[error("its frontmatter is not YAML: line {line}: {why}")]
    Yaml {
        /// The line of the file.
        line: u64,
        /// What the library says.
        why: String,
    },
    /// The frontmatter takes more to read than any honest one does.
    #[error("its frontmatter is refused: {0}")]
    Hostile(String),
    /// Neither file nor folder gives a name.
    #[error("its folder is called {0:?}, which cannot name a skill: give it a `name`")]
    NoName(String),
    /// A frontmatter that is none because of where or how it begins.
    #[error(
        "line {0} begins what looks like a frontmatter and is not read as one: it must begin on the first line, with `---` and nothing else on it, and end with such a line"
    )]
    Misplaced(usize),
    /// The frontmatter goes on beyond what looks like its end.
    #[error(
        "line {0} looks like the end of the frontmatter and is none: write `---` at the start of the line, and nothing else"
    )]
    End(usize),
    /// A tier outside the frontmatter.
    #[error(
        "line {0} names a tier outside the frontmatter, where none is read: write `min_trust_tier` between the first two lines of `---`"
    )]
    Outside(usize),
    /// A key that looks like a tier and is none.
    #[error(
        "`{0}` looks like a tier and is not read: write `min_trust_tier: 0`, `1`, `2` or `3` at the top of the frontmatter"
    )]
    Tierlike(String),
    /// A key that looks like a rule of who may call.
    #[error(
        "`{0}` looks like a rule of who may call and is not read: write `min_trust_tier: 0`, `1`, `2` or `3` instead, or remove it"
    )]
    Access(String),
    /// A section of another file.
    #[error("`{0}` is not read in a SKILL.md: write it in grants.toml, or remove it")]
    Section(String),
    /// A tier that is none.
    #[error("`min_trust_tier` is {0}: use 0, 1, 2, 3 or untrusted, known, internal, privileged")]
    Tier(String),
    /// A schema that cannot be used.
    #[error("`{key}`: {why}")]
    Schema {
        /// The key.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
}
