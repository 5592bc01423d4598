//! What is wrong with a configuration, where, and what was probably meant.

use std::path::PathBuf;

use crate::report::{Exit, Failure};

use super::AboveCeiling;

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file that was meant to be the configuration, and is not read.
    #[error("{} is not read: the configuration is {}", .found.display(), .path.display())]
    Missed {
        /// What lies there.
        found: PathBuf,
        /// What is read.
        path: PathBuf,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {message}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// There is no such key.
    #[error("{}: there is no key `{key}`", place(.path.as_ref(), *.line, .origin))]
    UnknownKey {
        /// The file, if the key stands in one.
        path: Option<PathBuf>,
        /// The line.
        line: usize,
        /// Where the key comes from, if not from the file.
        origin: String,
        /// The key.
        key: String,
        /// The key that is most like it.
        nearest: Option<String>,
    },
    /// A key has a value that it cannot have.
    #[error("{}: `{key}`: {message}", place(.path.as_ref(), *.line, .origin))]
    Value {
        /// The file, if the key stands in one.
        path: Option<PathBuf>,
        /// The line.
        line: usize,
        /// Where the value comes from, if not from the file.
        origin: String,
        /// The key.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A default limit is above its ceiling.
    #[error("under [limits.default]: {0}")]
    Ceiling(#[from] AboveCeiling),
}

impl ConfigError {
    /// Returns what is wrong with a value that fits its type.
    pub(super) fn of_key(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Value {
            path: None,
            line: 0,
            origin: "config.toml".to_owned(),
            key: key.into(),
            message: message.into(),
        }
    }

    /// Returns what to do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::Syntax { .. } => None,
            Self::Missed { path, .. } => {
                let name = path.file_name().unwrap_or_default().display().to_string();
                Some(format!("call it {name}, or move it out of the home"))
            }
            Self::UnknownKey {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownKey { nearest: None, .. } => {
                Some("`coworker-host config show` lists the keys".to_owned())
            }
            Self::Value { .. } => {
                Some("`coworker-host config show` lists the keys and their values".to_owned())
            }
            Self::Ceiling(above) => Some(format!(
                "raise `{}` under `[limits.ceiling]` too, or lower it under `[limits.default]`",
                above.key
            )),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let mut failure = Self::new(Exit::Config, error.to_string());
        if let Some(cause) = std::error::Error::source(&error) {
            failure = failure.cause(cause.to_string());
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn place(path: Option<&PathBuf>, line: usize, origin: &str) -> String {
    match path {
        Some(path) => format!("{}:{line}", path.display()),
        None => origin.to_owned(),
    }
}
