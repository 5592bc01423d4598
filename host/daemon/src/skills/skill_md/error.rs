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
