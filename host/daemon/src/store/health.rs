//! Whether the store does what it is asked. Trouble of the database or its disk concerns everybody who uses the store,
//! so it is known here as soon as the first write or read meets it, and until writes are kept again.

use std::time::{Duration, Instant};

use coworker_core::Timestamp;
use tokio::sync::watch;

use super::{Store, StoreError};
use crate::clock;

/// How long writes must have been kept since the last failure before the trouble is over: a small write may find room
/// where the next large one finds none.
const CALM: Duration = Duration::from_secs(3);
/// How much room a test write takes: more than any other needs at once to go on.
const ROOM: usize = 256 << 10;

/// What is wrong with the store.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What the last work that met it was told.
    pub error: StoreError,
    /// Since when.
    pub since: Timestamp,
    /// When it was met last.
    met: Instant,
}

/// What the store's thread and its handles know of its health.
#[derive(Debug)]
pub(super) struct Health(watch::Sender<Option<Trouble>>);

impl Default for Health {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Health {
    /// Returns why nothing may be written until the next start, if that is so.
    pub(super) fn forbids(&self) -> Option<StoreError> {
        let trouble = self.0.borrow();
        let lasting = trouble
            .as_ref()
            .filter(|trouble| trouble.error.is_lasting());
        lasting.map(|trouble| trouble.error.clone())
    }

    /// Takes notice of an error, if it is of the database and not of the work.
    pub(super) fn meet(&self, error: &StoreError) {
        if error.trouble().is_none() {
            return;
        }
        self.0.send_if_modified(|known| match known {
            Some(trouble) if trouble.error.is_lasting() => false,
            Some(trouble) => {
                let is_new = trouble.error.trouble() != error.trouble();
                trouble.error = error.clone();
                trouble.met = Instant::now();
                is_new
            }
            None => {
                *known = Some(Trouble {
                    error: error.clone(),
                    since: clock::now(),
                    met: Instant::now(),
                });
                true
            }
        });
    }

    /// Takes notice of a commit that was kept.
    pub(super) fn kept(&self) {
        if self.0.borrow().is_none() {
            return;
        }
        self.0.send_if_modified(|known| {
            let is_over = known.as_ref().is_some_and(|trouble| {
                !trouble.error.is_lasting() && trouble.met.elapsed() >= CALM
            });
            if is_over {
                *known = None;
            }
            is_over
        });
    }
}

impl Store {
    /// Returns what is wrong with the store, if anything is.
    pub fn trouble(&self) -> Option<Trouble> {
        self.shared.health.0.borrow().clone()
    }

    /// Returns what tells of trouble that begins, changes or ends.
    pub fn watch_trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.shared.health.0.subscribe()
    }

    /// Finds out whether there is room to write again. Leaves nothing behind.
    pub async fn try_room(&self) -> Result<(), StoreError> {
        self.write(|db| {
            Ok(db.execute_batch(&format!(
                "DROP TABLE IF EXISTS room; CREATE TABLE room (bytes BLOB); \
                 INSERT INTO room VALUES (zeroblob({ROOM}))"
            ))?)
        })
        .await?;
        self.write(|db| Ok(db.execute_batch("DROP TABLE IF EXISTS room")?))
            .await
    }
}
