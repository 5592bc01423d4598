//! A home that is ours: nobody else serves it, its key is read, its store is open. What a transport and a host stand on.

use std::sync::Arc;

use coworker_core::Bytes;

use crate::config::Config;
use crate::home::{Home, HomeLock, Identity};
use crate::report::Failure;
use crate::store::{Store, StoreOptions};
use crate::tasks::Tasks;

/// A home that is ours.
#[derive(Debug)]
pub struct OpenHome {
    /// Where everything is kept.
    pub home: Home,
    /// How the owner wants it.
    pub config: Config,
    /// The host's own key.
    pub identity: Arc<Identity>,
    /// What must survive.
    pub store: Store,
    /// Loops that carry messages and watch files; they stop last.
    pub tasks: Tasks,
    /// Held for as long as the host lives: two processes never read one inbox.
    pub(super) lock: HomeLock,
}

impl OpenHome {
    /// Takes a home and opens what is in it.
    pub fn open(home: Home, config: Config) -> Result<Self, Failure> {
        let lock = home.lock()?;
        let identity = Arc::new(home.identity()?);
        let kept = &config.retention;
        let options = StoreOptions {
            answers: kept.answers.0,
            // What is delivered is erased early beyond `size`; twice that is the hard stop.
            max_size: Some(Bytes(kept.size.0.saturating_mul(2))),
            ..StoreOptions::default()
        };
        let store = Store::open(&home.store(), options)?;
        Ok(Self {
            home,
            config,
            identity,
            store,
            tasks: Tasks::new(),
            lock,
        })
    }
}
