//! The components that are ready to be called. A few are kept; the rest are made ready again from their approved
//! copies, each once however many calls wait for it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use coworker_core::Digest;
use coworker_sandbox::Loaded;
use tokio::sync::OnceCell;

/// How many are kept. A Rust skill takes about half a megabyte, an interpreter ten.
const KEPT: usize = 32;

type Slot = Arc<OnceCell<Arc<Loaded>>>;

/// The components used last, the latest at the end.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<Vec<(Digest, Slot)>>);

impl Ready {
    /// Returns a component, made ready by `make` if it is not.
    pub(crate) async fn get<E, F>(
        &self,
        digest: &Digest,
        make: impl FnOnce() -> F,
    ) -> Result<Arc<Loaded>, E>
    where
        F: Future<Output = Result<Arc<Loaded>, E>>,
    {
        self.slot(digest).get_or_try_init(make).await.cloned()
    }

    /// Keeps only components for which `wanted` holds.
    pub(crate) fn retain(&self, wanted: impl Fn(&Digest) -> bool) {
        self.lock().retain(|(digest, _)| wanted(digest));
    }

    fn slot(&self, digest: &Digest) -> Slot {
        let mut slots = self.lock();
        let slot = match slots.iter().position(|(other, _)| other == digest) {
            Some(at) => slots.remove(at).1,
            None => Slot::default(),
        };
        if slots.len() >= KEPT {
            // Calls under way hold their own handle; only the cache forgets it.
            slots.remove(0);
        }
        slots.push((*digest, slot.clone()));
        slot
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Digest, Slot)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
