//! Why a home cannot be used, and what to do about it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::report::{Exit, Failure};

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Nothing says where the home is.
    #[error("this user has no folder of its own to keep a home in")]
    Nowhere,
    /// There is no such folder.
    #[error("there is no home at {}", .0.display())]
    Missing(PathBuf),
    /// Something else has its name.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// Another user could change what lies in it.
    #[error("{} is not safe: {why}", .path.display())]
    Unsafe {
        /// The folder or link at fault.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What mends it.
        hint: String,
    },
    /// Another process serves it.
    #[error("another process{} uses the home {}", .process.map(|n| format!(" ({n})")).unwrap_or_default(), .home.display())]
    Locked {
        /// The home.
        home: PathBuf,
        /// The process, as it wrote itself down.
        process: Option<u32>,
    },
    /// The key is no key.
    #[error("the key {} cannot be used: {why}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file that a home in use was made with is not there. Nothing takes its place.
    #[error("{} is lost: {why}", .path.display())]
    Lost {
        /// The file.
        path: PathBuf,
        /// What needs it.
        why: &'static str,
    },
    /// The home is encrypted, and does not open.
    #[error("the seal {} does not open: {why}", .path.display())]
    Seal {
        /// The file that the home's key lies in.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The system refused.
    #[error("cannot {doing} {}", .path.display())]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl HomeError {
    pub(super) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Returns what to do about it, if anything.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nowhere => "name one with --home DIR, or with COWORKER_HOME".to_owned(),
            Self::Missing(_) => "run `coworker-host init`".to_owned(),
            Self::NotAFolder(_) => "move it away, or name another home with --home DIR".to_owned(),
            Self::Unsafe { hint, .. } => hint.clone(),
            Self::Locked { .. } => {
                "stop the other coworker-host, or name another home with --home DIR".to_owned()
            }
            Self::Seal { .. } => {
                "give the passphrase that the home was encrypted with: `passphrase_env` or `passphrase_command` under [host]".to_owned()
            }
            Self::Lost { path, .. } => format!(
                "restore {} from a backup, or start anew with --home DIR; nothing was written",
                path.display()
            ),
            Self::Key { path, .. } => format!(
                "restore {} from a backup; without it, peers know this host no longer",
                path.display()
            ),
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "free some space on the disk of the home, and try again".to_owned()
                }
                ErrorKind::ReadOnlyFilesystem => {
                    "the disk of the home is mounted read-only: mount it writable, or name another home with --home DIR".to_owned()
                }
                ErrorKind::PermissionDenied => {
                    "check that the home, and the files in it, are yours".to_owned()
                }
                _ => return None,
            },
        })
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
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
