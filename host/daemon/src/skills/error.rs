//! Why something about skills did not work, with what the owner can do.

use std::path::PathBuf;

use coworker_core::{Digest, Tier};
use coworker_sandbox::LoadError;

use super::TextError;
use crate::config::AboveCeiling;
use crate::report::{Exit, Failure};
use crate::store::StoreError;

/// Why something about skills did not work.
#[derive(Debug, thiserror::Error)]
pub enum SkillsError {
    /// The store refused.
    #[error("the record of skills cannot be read or written")]
    Store(#[from] StoreError),
    /// A place to serve is not usable.
    #[error("cannot serve {}", path.display())]
    Path {
        /// The place.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The private copies are not usable.
    #[error("the private copies of components cannot be read or written")]
    Copies(#[source] std::io::Error),
    /// Nothing has that name.
    #[error("there is no skill or file {0:?}")]
    NotFound(String),
    /// No such folder was taken up.
    #[error("nothing was imported as {0:?}")]
    NotImported(String),
    /// Several files offer the name.
    #[error("several files offer {name:?}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The files.
        files: Vec<String>,
    },
    /// Another file serves the name.
    #[error("{file} serves {name:?}")]
    Taken {
        /// The name.
        name: String,
        /// The file.
        file: String,
    },
    /// What was shown is no longer what would be approved.
    #[error("{0:?} has changed since it was shown")]
    Changed(String),
    /// It cannot be shown to anybody as it is.
    #[error("{name:?} cannot be approved")]
    NotReady {
        /// The skill or file.
        name: String,
        /// Why.
        why: String,
    },
    /// A place that was looked at holds nothing that could be served.
    #[error("{} cannot be served as it is", place.display())]
    Unfit {
        /// The place.
        place: PathBuf,
        /// Why.
        why: String,
    },
    /// The tier is below what the author asks for.
    #[error("{name:?} is for {least} at least, not for {asked}")]
    Below {
        /// The skill.
        name: String,
        /// The author's tier.
        least: Tier,
        /// The tier asked for.
        asked: Tier,
    },
    /// Nothing was approved before.
    #[error("no earlier version of {0:?} is on record")]
    NoEarlier(String),
    /// A limit above its ceiling.
    #[error(transparent)]
    Above(#[from] AboveCeiling),
    /// A setting that cannot be read.
    #[error(transparent)]
    Setting(#[from] TextError),
    /// Not a component that may run.
    #[error("component {} is not approved", .0.short())]
    NotApproved(Digest),
    /// The approved copy does not load.
    #[error("the approved component does not load")]
    Load(#[from] LoadError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

impl SkillsError {
    /// Returns what the owner can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint().map(str::to_owned),
            Self::Path { .. } => {
                "name a .wasm file, a folder of skills, or a folder with one skill".to_owned()
            }
            Self::Copies(_) => {
                "check the space on the disk and the folder `approved` of the home".to_owned()
            }
            Self::NotFound(_) => "see `coworker-host skills list`".to_owned(),
            Self::NotImported(_) => "see `coworker-host skills import --list`".to_owned(),
            Self::Ambiguous { name, files } => {
                format!(
                    "write {}",
                    files
                        .iter()
                        .map(|file| format!("{file}:{name}"))
                        .collect::<Vec<_>>()
                        .join(" or ")
                )
            }
            Self::Taken { name, file } => {
                format!("hide it there first: `coworker-host skills hide {file}:{name}`")
            }
            Self::Changed(name) => format!("look again: `coworker-host skills inspect {name}`"),
            Self::NotReady { name, .. } => {
                format!("see `coworker-host skills inspect {name}`, and try again")
            }
            Self::Unfit { .. } => "correct it, and look again with `coworker-host wrap`".to_owned(),
            Self::Below { least, .. } => {
                format!("a manifest's tier can be raised only: use {least} or more")
            }
            Self::Above(_) => {
                "raise the ceiling under `[limits.ceiling]` in config.toml".to_owned()
            }
            Self::NoEarlier(_)
            | Self::Setting(_)
            | Self::NotApproved(_)
            | Self::Load(_)
            | Self::Stopping => {
                return None;
            }
        })
    }
}

impl From<SkillsError> for Failure {
    fn from(error: SkillsError) -> Self {
        let exit = match &error {
            SkillsError::Path { .. } | SkillsError::Copies(_) | SkillsError::Above(_) => {
                Exit::Config
            }
            SkillsError::Store(_) => Exit::Internal,
            SkillsError::Setting(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        let mut failure = Self::new(exit, error.to_string());
        match &error {
            SkillsError::Store(store) => {
                failure = Self::from(store.clone()).cause(failure.what);
            }
            SkillsError::Path { why, .. }
            | SkillsError::NotReady { why, .. }
            | SkillsError::Unfit { why, .. } => {
                failure = failure.cause(why.clone());
            }
            error => {
                if let Some(source) = std::error::Error::source(error) {
                    failure = failure.caused_by(source);
                }
            }
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
