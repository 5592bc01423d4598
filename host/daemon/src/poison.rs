//! Poison messages: what the host dies of while it handles it. A message is named in a small file before anything looks at
//! it, and no longer once the host is through with it. The names survive the process and cost no commit; what they say at
//! the next start is counted in the store. After one death a message is handled alone, so that the next death names it
//! and nobody else; after two it is not handled again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use coworker_core::{PeerId, TaskId, Timestamp};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::clock;
use crate::report::Failure;
use crate::store::{PoisonRow, Store};
use crate::tasks::Tasks;

/// How many messages are named at a time. More than that are handled at once only where most of them wait.
const SLOTS: usize = 512;
/// What a name takes.
const SLOT: usize = 256;
/// The most of a transport's id that is kept.
const ID: usize = 120;

/// What stands for a message: its sender and its content.
pub(crate) type Key = [u8; 16];

/// What the host does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its bytes are read.
    Decode,
    /// It is decided about.
    Judge,
    /// Its answer is looked at and written.
    Answer,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Decode, Self::Judge, Self::Answer];

    const fn code(self) -> u8 {
        match self {
            Self::Decode => 1,
            Self::Judge => 2,
            Self::Answer => 3,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Decode => "read",
            Self::Judge => "decide about",
            Self::Answer => "answer",
        }
    }
}

/// Returns the key of a message that was not decoded yet.
pub(crate) fn raw_key(peer: &PeerId, bytes: &[u8]) -> Key {
    key(b"bytes", peer, blake3::hash(bytes).as_bytes())
}

/// Returns the key of a message, whatever its ids and times are.
pub(crate) fn content_key(peer: &PeerId, fingerprint: &[u8; 32]) -> Key {
    key(b"content", peer, fingerprint)
}

fn key(what: &[u8], peer: &PeerId, content: &[u8; 32]) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(what);
    hasher.update(content);
    // A peer's id has no fixed length: it comes last.
    hasher.update(&[peer.scheme() as u8]);
    hasher.update(peer.id().as_bytes());
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

/// What was being handled when the last process died.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    rows: Vec<PoisonRow>,
    /// Tasks whose component had ended.
    pub(crate) ended: Vec<TaskId>,
}

impl Remains {
    /// Reads what the last process left. What cannot be read names nobody.
    pub(crate) fn read(path: &Path) -> Self {
        let mut bytes = Vec::new();
        let most = (SLOTS * SLOT) as u64;
        if let Ok(file) = File::open(path) {
            let _ = file.take(most).read_to_end(&mut bytes);
        }
        let mut remains = Self::default();
        let now = clock::now();
        for slot in bytes.chunks_exact(SLOT) {
            if let Some(row) = parse(slot, now) {
                let is_after = row.stage == Stage::Answer.words();
                remains.ended.extend(row.task.filter(|_| is_after));
                // Two copies of a message at one death are one message.
                if remains.rows.iter().all(|known| known.key != row.key) {
                    remains.rows.push(row);
                }
            }
        }
        remains
    }
}

/// Which messages are handled now, and which were when the host died.
#[derive(Debug)]
pub(crate) struct Poison {
    file: File,
    free: Mutex<Vec<u16>>,
    store: Store,
    tasks: Tasks,
    /// Whether a message is refused, for each that the host died of.
    known: Mutex<HashMap<Key, bool>>,
    /// Whether there is any: nearly no host ever has one.
    is_any: AtomicBool,
    alone: RwLock<()>,
    /// Messages that were not handled, since the start.
    pub(crate) refused: AtomicU64,
    trap: trap::Trap,
}

impl Poison {
    /// Counts what the last process left, and names it to the owner.
    pub(crate) async fn open(
        path: &Path,
        remains: Remains,
        (store, tasks): (Store, Tasks),
    ) -> Result<Self, Failure> {
        if !remains.rows.is_empty() {
            store.poisoned(remains.rows).await?;
        }
        // Written out: room that a full disk refuses later is no room.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| file.write_all_at(&[0; SLOTS * SLOT], 0).map(|()| file))
            .map_err(|error| {
                Failure::config(format!("{} cannot be written", path.display()))
                    .cause(error.to_string())
            })?;
        let mut known = HashMap::new();
        for row in store.poison().await? {
            known.insert(row.key, row.is_refused());
            let (peer, message, stage) = (&row.peer, &row.message, &row.stage);
            if !row.is_refused() {
                tracing::warn!(%peer, %message, %stage, deaths = row.deaths, "the host died while it handled a message; if it comes again, it is handled alone");
            } else {
                tracing::error!(%peer, %message, %stage, deaths = row.deaths, "the host died again while it handled a message; it is not handled any more");
            }
        }
        Ok(Self {
            file,
            free: Mutex::new((0..SLOTS as u16).collect()),
            store,
            tasks,
            is_any: AtomicBool::new(!known.is_empty()),
            known: Mutex::new(known),
            alone: RwLock::new(()),
            refused: AtomicU64::new(0),
            trap: trap::Trap::set(),
        })
    }

    /// Begins to handle a message, or returns nothing if the host died of it often enough. One that it died of once waits
    /// until nothing else is handled, and everything else for it.
    pub(crate) async fn handle(
        &self,
        peer: &PeerId,
        id: &str,
        (key, stage): (Key, Stage),
        task: Option<TaskId>,
    ) -> Option<Handling<'_>> {
        let mut handling = Handling {
            poison: self,
            slot: self.take_slot(),
            alone: Alone::Fast,
        };
        handling
            .enter(peer, id, (key, stage), task)
            .await
            .then_some(handling)
    }

    /// Notes that the host is through with a message, and did not die of it.
    pub(crate) fn survived(&self, key: Key) {
        if !self.is_any.load(Ordering::Acquire) {
            return;
        }
        let mut known = self.known();
        if known.get(&key) != Some(&false) {
            return;
        }
        known.remove(&key);
        self.is_any.store(!known.is_empty(), Ordering::Release);
        drop(known);
        let store = self.store.clone();
        self.tasks.spawn(async move {
            if let Err(error) = store.harmless(key).await {
                tracing::warn!(%error, "a message could not be noted as harmless");
            }
        });
    }

    /// Dies here if a test asked for it.
    pub(crate) fn pass(&self, stage: Stage, bytes: impl FnOnce() -> Vec<u8>) {
        self.trap.pass(stage, bytes);
    }

    fn take_slot(&self) -> Option<u16> {
        self.free().pop()
    }

    fn write(&self, slot: u16, at: usize, bytes: &[u8]) {
        let at = usize::from(slot) * SLOT + at;
        // A full disk cannot fail this. Whatever does is no reason to leave a message unanswered.
        if let Err(error) = self.file.write_all_at(bytes, at as u64) {
            tracing::warn!(%error, "a message could not be named before it was handled");
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<u16>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, bool>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether others may be handled at the same time.
#[derive(Debug)]
enum Alone<'p> {
    /// Nobody has to be handled alone.
    Fast,
    /// Others may be.
    Together(#[expect(dead_code, reason = "held")] RwLockReadGuard<'p, ()>),
    /// Nobody else is.
    Exclusive(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'p, ()>),
}

/// A message that is being handled. It is named until this is dropped.
#[derive(Debug)]
pub(crate) struct Handling<'p> {
    poison: &'p Poison,
    slot: Option<u16>,
    alone: Alone<'p>,
}

impl Handling<'_> {
    /// Goes on to another stage of the same message, under the key that it has there. Returns false if the host died of it
    /// often enough.
    pub(crate) async fn enter(
        &mut self,
        peer: &PeerId,
        id: &str,
        (key, stage): (Key, Stage),
        task: Option<TaskId>,
    ) -> bool {
        let poison = self.poison;
        if poison.is_any.load(Ordering::Acquire) {
            let known = poison.known().get(&key).copied();
            if known == Some(true) {
                poison.refused.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            // What waits for its turn is not handled, and keeps nobody from it.
            self.clear();
            self.alone = Alone::Fast;
            self.alone = match known {
                None => Alone::Together(poison.alone.read().await),
                Some(_) => Alone::Exclusive(poison.alone.write().await),
            };
        }
        if let Some(slot) = self.slot {
            poison.write(slot, 0, &name(peer, id, (key, stage), task));
        }
        true
    }

    fn clear(&self) {
        if let Some(slot) = self.slot {
            self.poison.write(slot, 0, &[0]);
        }
    }
}

impl Drop for Handling<'_> {
    fn drop(&mut self) {
        self.clear();
        if let Some(slot) = self.slot {
            self.poison.free().push(slot);
        }
    }
}

/// Returns the bytes of a slot: the stage, the key, the task, and the texts behind their lengths.
fn name(peer: &PeerId, id: &str, (key, stage): (Key, Stage), task: Option<TaskId>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT);
    bytes.push(stage.code());
    bytes.extend_from_slice(&key);
    bytes.extend_from_slice(&task.map_or([0; 16], |task| *task.as_bytes()));
    for text in [peer.to_string().as_str(), id] {
        let text = text.get(..text.floor_char_boundary(ID)).unwrap_or_default();
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.truncate(SLOT);
    bytes
}

fn parse(slot: &[u8], at: Timestamp) -> Option<PoisonRow> {
    let (code, rest) = slot.split_first()?;
    let stage = Stage::ALL.into_iter().find(|stage| stage.code() == *code)?;
    let (key, rest) = rest.split_first_chunk::<16>()?;
    let (task, rest) = rest.split_first_chunk::<16>()?;
    let task = (*task != [0; 16]).then(|| TaskId::from_random(*task));
    let text = |bytes: &mut &[u8]| -> Option<String> {
        let (length, rest) = bytes.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(*length))?;
        *bytes = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    };
    let mut rest = rest;
    let peer = text(&mut rest)?.parse().ok()?;
    let message = text(&mut rest)?;
    let row = PoisonRow {
        key: *key,
        peer,
        message,
        task,
        stage: stage.words().to_owned(),
        deaths: 1,
        at,
    };
    Some(row)
}

/// What tests kill a host with. A build for users has none.
mod trap {
    use super::Stage;

    /// Set to `STAGE:TEXT`, a host that is built for tests dies at that stage of every message that holds the text.
    #[cfg(debug_assertions)]
    const VARIABLE: &str = "COWORKER_TEST_DIE_AT";

    #[derive(Debug)]
    pub(super) struct Trap {
        #[cfg(debug_assertions)]
        at: Option<(String, Vec<u8>)>,
    }

    impl Trap {
        #[cfg(debug_assertions)]
        #[expect(
            clippy::disallowed_methods,
            reason = "no configuration may set a trap for the host"
        )]
        pub(super) fn set() -> Self {
            let given = std::env::var(VARIABLE).ok();
            let at = given.and_then(|given| {
                let (stage, text) = given.split_once(':')?;
                Some((stage.to_owned(), text.as_bytes().to_vec()))
            });
            Self { at }
        }

        #[cfg(not(debug_assertions))]
        pub(super) const fn set() -> Self {
            Self {}
        }

        #[cfg(debug_assertions)]
        pub(super) fn pass(&self, stage: Stage, bytes: impl FnOnce() -> Vec<u8>) {
            let Some((at, text)) = &self.at else { return };
            let is_here = match stage {
                Stage::Decode => at == "decode",
                Stage::Judge => at == "judge",
                Stage::Answer => at == "answer",
            };
            if is_here && bytes().windows(text.len()).any(|part| part == text) {
                std::process::abort();
            }
        }

        #[cfg(not(debug_assertions))]
        pub(super) fn pass(&self, _: Stage, _: impl FnOnce() -> Vec<u8>) {}
    }
}
