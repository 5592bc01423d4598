//! What the owner decided for all skills at once.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use coworker_core::Limits;
use coworker_core::approval::{Reviewed, UpdatePolicy};

use super::text;
use crate::config::{Config, LimitsConfig, Updates, Visibility};

/// The owner's standing decisions, from the configuration and the command line.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// A skill that asks for no grant is shown as soon as it is found.
    pub(crate) default_exposed: bool,
    /// Every new component waits.
    pub(crate) review_all: bool,
    /// Cards may change.
    pub(crate) dev: bool,
    /// Grants that skills of the places named at the start ask for are given.
    pub(crate) allow_grants: bool,
    /// Limits and their ceilings.
    pub(crate) limits: LimitsConfig,
    /// Lines that every skill may quote of its private texts.
    pub(crate) quotable: Arc<[String]>,
    /// Folders that no skill may reach.
    ours: Arc<RwLock<Arc<[PathBuf]>>>,
}

impl Rules {
    /// Returns the rules of a host that also serves the folders in `sources`.
    pub(crate) fn new(config: &Config, allow_grants: bool, dev: bool, ours: Vec<PathBuf>) -> Self {
        Self {
            default_exposed: config.host.default_visibility == Visibility::Exposed,
            review_all: config.host.updates == Updates::Review,
            dev,
            allow_grants,
            limits: config.limits.clone(),
            quotable: config.guard.public.clone().into(),
            ours: Arc::new(RwLock::new(ours.into())),
        }
    }

    /// Returns how strictly updates are judged.
    pub(crate) fn policy(&self) -> UpdatePolicy {
        UpdatePolicy {
            review_all: self.review_all,
            dev: self.dev,
        }
    }

    /// Returns the limits that the owner lets such a skill have without asking.
    pub(crate) fn usual(&self, reviewed: &Reviewed) -> Limits {
        text::usual(reviewed.body, &reviewed.grants, &self.limits)
    }

    /// Returns the folders that no skill may reach.
    pub(crate) fn ours(&self) -> Arc<[PathBuf]> {
        self.ours
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps skills off a further folder.
    pub(crate) fn keep_off(&self, folder: PathBuf) {
        let mut ours = self.ours.write().unwrap_or_else(PoisonError::into_inner);
        if !ours.contains(&folder) {
            *ours = ours.iter().cloned().chain([folder]).collect();
        }
    }
}
