//! A home that is ours: nobody else serves it, its key is read, its store is open. What a transport and a host stand on.

use std::sync::Arc;

use coworker_core::{Bytes, Secret};

use crate::config::Config;
use crate::control::protocol::Progress;
use crate::home::{Home, HomeLock, Identity};
use crate::models::key::{Key, Source};
use crate::poison::{Poison, Remains};
use crate::port;
use crate::report::Failure;
use crate::secret_command::SecretCommand;
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
    /// What the host died of.
    pub(crate) poison: Poison,
    /// Loops that carry messages and watch files; they stop last.
    pub tasks: Tasks,
    /// Held for as long as the host lives: two processes never read one inbox.
    pub(super) lock: HomeLock,
}

impl OpenHome {
    /// Takes a home and opens what is in it, with the owner's passphrase if there is one.
    pub async fn open(home: Home, config: Config) -> Result<Self, Failure> {
        Self::open_with(home, config, &Progress::silent()).await
    }

    /// The same, telling what it waits for.
    pub async fn open_with(
        mut home: Home,
        config: Config,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let lock = home.lock()?;
        if let Some(passphrase) = passphrase(&config, progress).await? {
            if !home.has_seal()? && Store::is_sealed(&home.store())? {
                return Err(home.lost_seal().into());
            }
            progress.say("opening the home");
            home = tokio::task::spawn_blocking(move || home.unseal(&passphrase).map(|()| home))
                .await
                .map_err(|error| {
                    Failure::internal("the home was not opened").caused_by(&error)
                })??;
        }
        let identity = Arc::new(home.identity()?);
        let remains = Remains::read(&home.handling());
        let kept = &config.retention;
        let options = StoreOptions {
            answers: kept.answers.0,
            // What is delivered is erased early beyond `size`; twice that is the hard stop.
            max_size: Some(Bytes(kept.size.0.saturating_mul(2))),
            seal: home.seal().cloned(),
            ended: remains.ended.clone(),
            ..StoreOptions::default()
        };
        let store = Store::open(&home.store(), options)?;
        if store.is_anew() {
            tracing::warn!(
                "the home's database was gone, and a new one was made: peers, trust, approvals and whatever waited start anew"
            );
        }
        let tasks = Tasks::new();
        let shared = (store.clone(), tasks.clone());
        let poison = Poison::open(&home.handling(), remains, shared).await?;
        Ok(Self {
            home,
            config,
            identity,
            store,
            poison,
            tasks,
            lock,
        })
    }
}

/// Returns the home's passphrase, if the configuration says where it is.
async fn passphrase(config: &Config, progress: &Progress) -> Result<Option<Secret>, Failure> {
    let host = &config.host;
    let source = match (&host.passphrase_env, &host.passphrase_command) {
        (None, None) => return Ok(None),
        (_, Some(line)) => {
            let key = "host.passphrase_command".to_owned();
            progress.say(format!("waiting for the command of `{key}`"));
            let line = line.clone();
            Source::Command(SecretCommand { key, line })
        }
        (Some(name), None) => Source::Env(name.clone()),
    };
    Key::new(source, port::http::environment())
        .get()
        .await
        .map_err(|why| {
            Failure::config("the home's passphrase is not there")
                .cause(why)
                .hint("see `passphrase_env` and `passphrase_command` under [host]")
        })
}
