//! Models: who answers, what they are told, and what that may cost. Private texts and keys stay on this side of the sandbox,
//! and nothing that a model wrote leaves but through `let_through`.

mod conversation;

mod answer;
mod ask;
mod let_through;
mod port;

mod anthropic;
mod choice;
pub(crate) mod key;
mod openai;
mod provider;
mod question;
mod scripted;
mod transfer;

mod fault;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coworker_core::budget::{Books, Budget, Spent};
use coworker_core::{Body, Entry, ModelWish, PeerId, Scheme, TaskId, Tier, Timestamp};

pub use choice::providers;
pub use conversation::{Begun, Conversation, Told};
pub use fault::Fault;
pub use provider::ProviderRow;

use crate::clock;
use crate::config::Config;
use crate::guarding::Guards;
use crate::report::Failure;
use crate::store::{Store, StoreError};
use choice::Providers;
use transfer::Transfer;

/// Everything that answers for models. Clones share it.
#[derive(Clone)]
pub struct Models(Arc<Inner>);

/// What the clones share.
pub(crate) struct Inner {
    providers: Providers,
    transfer: Transfer,
    budget: Budget,
    guards: Guards,
    books: Mutex<Books>,
    conversations: Mutex<HashMap<TaskId, Arc<Conversation>>>,
}

impl Models {
    /// Returns what the configuration and the environment name. Nobody is asked for anything yet.
    pub fn new(
        config: &Config,
        home: &Path,
        environment: impl Fn(&str) -> Option<String>,
        guards: Guards,
    ) -> Result<Self, Failure> {
        let transfer = Transfer::new(&environment).map_err(|error| {
            Failure::internal("the client of models cannot be set up").cause(error.to_string())
        })?;
        Ok(Self(Arc::new(Inner {
            providers: Providers::new(config, home, environment),
            transfer,
            budget: config.budget.budget(),
            guards,
            books: Mutex::default(),
            conversations: Mutex::default(),
        })))
    }

    /// Books what was used today, so that a restart gives nobody a second budget.
    pub async fn recall(
        &self,
        store: &Store,
        tier: impl Fn(&PeerId) -> Tier,
    ) -> Result<(), StoreError> {
        let Timestamp(now) = clock::now();
        let today = Timestamp(now - now.rem_euclid(24 * 3_600 * 1_000_000));
        for row in store.spent_since(today, Timestamp(now)).await? {
            // Whatever tier the owner took for a try, it was the owner who asked.
            let is_trusted = row.peer.scheme() == Scheme::Local || tier(&row.peer) >= Tier::Known;
            let used = Spent {
                calls: row.calls,
                tokens: row.tokens,
                cost: row.cost,
            };
            let peer = conversation::payer(&row.peer);
            self.0
                .books()
                .restore(&peer, is_trusted, &row.skill, used, row.at);
        }
        Ok(())
    }

    /// Returns whether models may be asked for calls of a skill.
    pub fn concerns(entry: &Entry) -> bool {
        entry.body == Body::Model || entry.grants.llm
    }

    /// Lets models be asked for a call, for as long as what is returned lives.
    pub fn begin(&self, conversation: Conversation) -> Begun {
        let conversation = Arc::new(conversation);
        self.0
            .conversations()
            .insert(conversation.task, conversation.clone());
        Begun {
            inner: self.0.clone(),
            conversation,
        }
    }

    /// Returns why nobody would answer such a wish, if nobody would: a skill that needs it cannot be served.
    pub fn why_unavailable(&self, wish: &ModelWish) -> Option<String> {
        self.0.providers.choose(wish).err()
    }

    /// Returns every provider as the owner sees it.
    pub fn rows(&self) -> Vec<ProviderRow> {
        self.0.providers.rows()
    }
}

impl Inner {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conversations(&self) -> MutexGuard<'_, HashMap<TaskId, Arc<Conversation>>> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("providers", &self.0.providers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
