//! Why a skill has no output, in the two kinds a host knows.

use std::fmt;

/// The result of a skill.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why there is no output. Callers see the text, so it names no path, key or model.
///
/// It is no `std::error::Error` itself, so that `?` turns every error into [`Failure::Failed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The input cannot be used; the text says which part and why.
    InvalidInput(String),
    /// The work failed; a short sentence.
    Failed(String),
}

/// Returns the failure for an input that passed the schema and still makes no sense.
pub fn invalid(why: impl fmt::Display) -> Failure {
    Failure::InvalidInput(why.to_string())
}

/// Returns the failure for work that could not be done.
pub fn failed(why: impl fmt::Display) -> Failure {
    Failure::Failed(why.to_string())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidInput(why) => write!(f, "invalid input: {why}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_a_failure() {
        fn parse(text: &str) -> Result<u8> {
            Ok(text.parse::<u8>()?)
        }
        assert_eq!(parse("7"), Ok(7));
        assert_eq!(parse("x"), Err(failed("invalid digit found in string")));
    }
}
