//! The time in which a component describes itself: always the same, so that the answer depends on nothing.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// 2020-01-01T00:00:00Z, in seconds since 1970.
const THEN: Duration = Duration::from_secs(1_577_836_800);

/// A wall clock that stands at the start of 2020.
pub(crate) struct Standing;

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        THEN
    }
}

/// A clock that counts how often it was read, in microseconds: code that waits for time to pass comes to an end, and
/// yet sees the same at every run.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl HostMonotonicClock for Counting {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1, Relaxed).saturating_mul(1_000)
    }
}
