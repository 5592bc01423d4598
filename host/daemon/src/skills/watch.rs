//! Notices that something changed. It says only when to look again, never what changed: events may be lost, and the
//! look is what counts.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// How long it must be quiet before a look, so that a copy is not read in the middle.
const QUIET: Duration = Duration::from_millis(50);
/// How long a look is put off at most while things go on changing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often to look without being told, for what the system did not report.
const SLOW: Duration = Duration::from_secs(10);
/// The same where nothing is reported at all.
const BLIND: Duration = Duration::from_secs(1);
/// How long after a look that found something half written to look again.
const SOON: Duration = Duration::from_millis(300);
/// How many folders are watched; the system has a bound for all programs of the user together.
const MOST: usize = 2_000;

/// Watches folders.
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("watched", &self.watched)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Starts watching nothing.
    pub(crate) fn new() -> Self {
        let changed = Arc::new(Notify::new());
        let told = changed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading makes access events; an error is an overflow, which is a reason to look.
            if !event.is_ok_and(|event| {
                matches!(event.kind, EventKind::Access(_)) && !event.need_rescan()
            }) {
                told.notify_one();
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "the system does not report changes; skills are looked at every second");
        }
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
            changed,
        }
    }

    /// Watches these folders and no others, the first ones before the second.
    pub(crate) fn set(&mut self, folders: &BTreeSet<PathBuf>, more: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let (watched, wanted) = (
            &mut self.watched,
            folders
                .iter()
                .chain(more.difference(folders))
                .take(MOST)
                .cloned()
                .collect::<BTreeSet<_>>(),
        );
        watched.retain(|folder| {
            let keep = wanted.contains(folder);
            if !keep {
                // A folder that is gone is no longer watched anyway.
                let _ = watcher.unwatch(folder);
            }
            keep
        });
        for folder in wanted {
            // Again also where it is watched: another folder may have the name by now.
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                watched.insert(folder);
            } else {
                watched.remove(&folder);
            }
        }
    }

    /// Returns what resolves when it is time to look, soon if the last look left something.
    pub(crate) fn due(&self, again: bool) -> impl Future<Output = ()> + use<> {
        let changed = self.changed.clone();
        let slow = match (again, self.watched.is_empty()) {
            (true, _) => SOON,
            (false, true) => BLIND,
            (false, false) => SLOW,
        };
        async move {
            if timeout(slow, changed.notified()).await.is_err() {
                return;
            }
            let until = Instant::now() + PATIENCE;
            while Instant::now() < until && timeout(QUIET, changed.notified()).await.is_ok() {
                sleep(Duration::from_millis(1)).await;
            }
        }
    }
}
