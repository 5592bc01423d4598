//! What a host does about its store's trouble: it says so once, tries again while there is hope, and takes up what
//! was left when it is over.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use coworker_core::{Bytes, PeerId, TaskId};
use serde_json::{Value, json};

use super::Host;
use super::report::check;
use crate::report::Failure;
use crate::store::{Coverage, StoreError, Trouble};

/// How often to look whether a store in trouble takes writes again.
const RETRY: Duration = Duration::from_secs(1);
/// A disk with less room than this is about to be full.
const SCARCE: Bytes = Bytes::mib(1);

/// Tends the store's health until the host stops.
pub(super) async fn tend(host: Arc<Host>) {
    let mut health = host.store.watch_trouble();
    let mut was_well = true;
    loop {
        let trouble = health.borrow_and_update().clone();
        match &trouble {
            Some(trouble) => tell(trouble),
            None if was_well => {}
            None => host.take_up().await,
        }
        was_well = trouble.is_none();
        loop {
            tokio::select! {
                () = host.intake.stopped() => return,
                changed = health.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                () = tokio::time::sleep(RETRY), if trouble.is_some() => {
                    // What comes of it shows in the health.
                    let _ = host.store.try_room().await;
                }
            }
        }
    }
}

/// Tells the owner, on the terminal and in the log, what is wrong and what to do.
fn tell(trouble: &Trouble) {
    let failure = Failure::from(trouble.error.clone());
    let cause = failure.causes.join(": ");
    let hint = failure.hint.as_deref();
    tracing::error!(
        cause,
        hint,
        "the store is in trouble: {}; nothing is taken in until that is mended",
        failure.what
    );
}

impl Host {
    /// Notes a task that the store did not let end.
    pub(crate) fn stall(&self, peer: &PeerId, task: TaskId, error: &StoreError) {
        if error.trouble().is_none() {
            tracing::error!(%peer, %task, %error, "a task could not be finished; it is taken up again after a restart");
            return;
        }
        tracing::debug!(%peer, %task, %error, "a task waits for the store");
        self.stalled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(task);
    }

    /// Takes up what waited for the store.
    async fn take_up(&self) {
        let stalled =
            std::mem::take(&mut *self.stalled.lock().unwrap_or_else(PoisonError::into_inner));
        tracing::info!(tasks = stalled.len(), "the store takes writes again");
        if let Err(error) = self.restore_those(|task| stalled.contains(task)).await {
            tracing::error!(%error, "what waited for the store is taken up again after a restart");
        }
    }

    /// Looks at the whole store.
    pub(super) async fn check_store(&self) -> Value {
        let looked = async {
            if let Some(trouble) = self.store.trouble() {
                return Err(trouble.error);
            }
            Ok((self.store.check().await?, self.store.used().await?))
        };
        match looked.await {
            Ok((checked, used)) => {
                let mut detail = format!("{used} in use");
                if checked.whole < checked.of {
                    let Coverage { whole, of } = checked;
                    detail.push_str(&format!(
                        "; there was time to look at {whole} of its {of} tables"
                    ));
                }
                if self.store.is_anew() {
                    detail.push_str("; it was made at this start, as there was none any more");
                }
                check("store", true, detail, None)
            }
            Err(error) => {
                let failure = Failure::from(error);
                check("store", false, words(&failure), failure.hint)
            }
        }
    }

    /// Says where the disk of the home is almost full.
    pub(super) fn check_disk(&self) -> Option<Value> {
        let disk = rustix::fs::statvfs(self.home.root()).ok()?;
        let free = Bytes(disk.f_bavail.saturating_mul(disk.f_frsize));
        (free < SCARCE).then(|| {
            let hint = "free some space before requests are turned away".to_owned();
            check(
                "disk",
                false,
                format!("{free} are left for the home"),
                Some(hint),
            )
        })
    }

    /// Returns how the store is, for the owner.
    pub(super) fn store_value(&self) -> Value {
        let trouble = self.store.trouble();
        let failure = trouble
            .as_ref()
            .map(|trouble| Failure::from(trouble.error.clone()));
        let why = failure.as_ref().map(words);
        json!({
            "state": trouble.as_ref().and_then(|trouble| trouble.error.trouble()).unwrap_or("ready"),
            "why": why,
            "hint": failure.and_then(|failure| failure.hint),
            "since_at": trouble.map(|trouble| trouble.since),
        })
    }
}

fn words(failure: &Failure) -> String {
    let words = std::iter::once(&failure.what).chain(&failure.causes);
    words.cloned().collect::<Vec<_>>().join(": ")
}
