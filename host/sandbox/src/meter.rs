//! Time: how long a guest ran on the processor, and whether it stopped because its tick was over or because it waits.
//!
//! Epoch ticks interrupt the guest; the thread's own processor clock measures it. Ticks alone would charge a guest for
//! the time in which the machine ran something else, and would charge nothing for what the host does on its behalf.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::port::Turn;

/// Processor time of one call. Shared by its future and its epoch callback, which run on one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent: AtomicU64,
    since: AtomicU64,
    yielded: AtomicBool,
}

/// Returns the processor time of this thread in nanoseconds.
fn thread_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

impl Meter {
    /// Returns the time spent before the poll that is under way.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    /// Returns the time spent up to now. Only within a poll: another thread has another clock.
    pub(crate) fn spent_now(&self) -> Duration {
        let running = thread_nanos().saturating_sub(self.since.load(Relaxed));
        Duration::from_nanos(self.spent.load(Relaxed).saturating_add(running))
    }

    /// Notes that the guest gives way because its tick is over, not because it waits.
    pub(crate) fn note_yield(&self) {
        self.yielded.store(true, Relaxed);
    }

    fn enter(&self) {
        self.yielded.store(false, Relaxed);
        self.since.store(thread_nanos(), Relaxed);
    }

    /// Ends a poll and returns whether the guest gave way because its tick was over.
    fn leave(&self) -> bool {
        let ran = thread_nanos().saturating_sub(self.since.load(Relaxed));
        self.spent.fetch_add(ran, Relaxed);
        self.yielded.load(Relaxed)
    }
}

/// A call's future that gives its turn back while the guest waits in a host call.
///
/// When it is dropped while it waits, `pause` is the last that the turn hears.
pub(crate) struct Paced<'a, F> {
    inner: Pin<&'a mut F>,
    meter: Arc<Meter>,
    turn: &'a dyn Turn,
    resuming: Option<BoxFuture<'a, ()>>,
    waiting: bool,
}

impl<'a, F: Future> Paced<'a, F> {
    pub(crate) fn new(inner: Pin<&'a mut F>, meter: Arc<Meter>, turn: &'a dyn Turn) -> Self {
        Self {
            inner,
            meter,
            turn,
            resuming: None,
            waiting: false,
        }
    }
}

impl<F: Future> Future for Paced<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.waiting {
            let turn = this.turn;
            let resuming = this.resuming.get_or_insert_with(|| turn.resume());
            if resuming.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            this.resuming = None;
            this.waiting = false;
        }
        this.meter.enter();
        let polled = this.inner.as_mut().poll(cx);
        let yielded = this.meter.leave();
        if polled.is_pending() && (!yielded || this.turn.should_yield()) {
            this.turn.pause();
            this.waiting = true;
        }
        polled
    }
}
