//! The thread that keeps the guests' time: it raises the epoch of every engine each millisecond while guests live, and
//! sleeps while none does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often a guest gives way.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// After so many ticks without a guest the thread sleeps. Waking it costs a few microseconds, which calls that follow
/// one another should not pay each time.
const IDLE_TICKS: u32 = 100;

#[derive(Default)]
struct Shared {
    engines: Mutex<Vec<EngineWeak>>,
    live: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// The epoch thread, joined when dropped.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// As long as this is held, time passes.
pub(crate) struct Live<'a>(&'a Shared);

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, SeqCst);
    }
}

impl Ticker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let run = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("coworker-epoch".to_owned())
            .spawn(move || tick(&run))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Adds an engine whose epoch is to be raised.
    pub(crate) fn watch(&self, engine: &Engine) {
        self.shared
            .engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(engine.weak());
    }

    /// Lets time pass until the guard is dropped.
    pub(crate) fn live(&self) -> Live<'_> {
        self.shared.live.fetch_add(1, SeqCst);
        if self.shared.asleep.load(SeqCst) {
            self.wake();
        }
        Live(&self.shared)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the epoch thread had panicked");
        }
    }
}

fn tick(shared: &Shared) {
    let mut idle = 0;
    while !shared.stop.load(SeqCst) {
        if shared.live.load(SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > IDLE_TICKS {
            // Whoever counts itself in after this sees `asleep` and wakes us; whoever did before is seen here.
            shared.asleep.store(true, SeqCst);
            while shared.live.load(SeqCst) == 0 && !shared.stop.load(SeqCst) {
                std::thread::park();
            }
            shared.asleep.store(false, SeqCst);
            idle = 0;
        }
        std::thread::sleep(TICK);
        shared
            .engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|engine| match engine.upgrade() {
                Some(engine) => {
                    engine.increment_epoch();
                    true
                }
                None => false,
            });
    }
}
