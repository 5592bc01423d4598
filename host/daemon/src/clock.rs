//! The daemon's only sources of time and randomness: everything that decides gets both as arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coworker_core::{TaskId, Timestamp};
use tokio::time::Instant;

/// Refusals leave on multiples of this, so that the time to an answer does not tell why it was refused.
pub const BOUNDARY: Duration = Duration::from_millis(25);

/// Returns the time by the system's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Returns `N` bytes that nobody can guess.
///
/// # Panics
/// If the system has no randomness to give, in which case nothing the host promises could hold.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// Returns a new task id: the time in milliseconds and 80 random bits. Ids of one time lie side by side in the store's
/// index, which would else write another page for every task; no peer ever sees one.
pub fn task_id() -> TaskId {
    let mut id: [u8; 16] = random();
    let millis = now().0 / 1_000;
    for (byte, time) in id.iter_mut().zip(millis.to_be_bytes().into_iter().skip(2)) {
        *byte = time;
    }
    TaskId::from_random(id)
}

/// Returns 16 random hexadecimal digits, for ids that peers or the owner see.
pub fn token() -> String {
    format!("{:016x}", u64::from_be_bytes(random()))
}

/// Returns 32 random hexadecimal digits, for ids that must not collide for years.
pub fn long_token() -> String {
    format!("{:032x}", u128::from_be_bytes(random()))
}

/// Returns how long to wait after so many failures: twice as long each time, from `first` to `last`, and a quarter more or
/// less, so that those who failed together do not come back together.
pub fn pause(first: Duration, last: Duration, failures: u32) -> Duration {
    let pause = first.saturating_mul(1 << failures.min(10)).min(last);
    let jitter = 0.75 + f64::from(u16::from_be_bytes(random())) / f64::from(u16::MAX) / 2.0;
    pause.mul_f64(jitter)
}

/// Returns a random UUID (version 4), the form of ids that old peers give their tasks.
pub fn uuid() -> String {
    let random = u128::from_be_bytes(random());
    let version = (random & !(0xf << 76)) | (4 << 76);
    let text = format!("{:032x}", (version & !(0b11 << 62)) | (0b10 << 62));
    let part = |from, to| text.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// The grid of release times, fixed when the host starts.
#[derive(Debug, Clone, Copy)]
pub struct Boundary {
    origin: Instant,
    step: Duration,
}

impl Boundary {
    /// Returns the grid that starts now.
    pub fn new() -> Self {
        Self::every(BOUNDARY)
    }

    /// Returns the grid that starts now and whose points lie `step` apart, for who wants to see what leaves between them.
    pub fn every(step: Duration) -> Self {
        Self {
            origin: Instant::now(),
            step,
        }
    }

    /// Returns the first point of the grid after `at`.
    pub fn after(&self, at: Instant) -> Instant {
        let beyond = at.duration_since(self.origin).as_nanos() % self.step.as_nanos().max(1);
        // Less than a step, which fits.
        at + self.step - Duration::from_nanos(u64::try_from(beyond).unwrap_or_default())
    }
}

impl Default for Boundary {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_last_one() {
        let (first, last) = (Duration::from_millis(200), Duration::from_secs(60));
        for (failures, expected) in [(0, first), (3, first * 8), (30, last), (u32::MAX, last)] {
            let pause = pause(first, last, failures);
            assert!(pause >= expected.mul_f64(0.75) && pause <= expected.mul_f64(1.25));
        }
    }

    #[test]
    fn those_who_failed_together_do_not_come_back_together() {
        let (first, last) = (Duration::from_millis(200), Duration::from_secs(60));
        for (failures, middle) in [(0, first), (30, last)] {
            let pauses = (0..200).map(|_| pause(first, last, failures));
            let pauses: std::collections::BTreeSet<Duration> = pauses.collect();
            // Of so many, all but a few differ, and by far not all lie on one side: by chance that comes once in 2^50 runs.
            assert!(pauses.len() > 150, "{} pauses differ", pauses.len());
            let below = pauses.range(..middle.mul_f64(0.9)).count();
            let above = pauses.range(middle.mul_f64(1.1)..).count();
            assert!(below > 10 && above > 10, "{below} short and {above} long");
        }
    }

    #[test]
    fn a_uuid_says_that_it_is_random() {
        let all: std::collections::HashSet<String> = (0..100).map(|_| uuid()).collect();
        assert_eq!(all.len(), 100);
        for uuid in all {
            let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12]);
            assert!(
                uuid.chars()
                    .all(|c| c == '-' || matches!(c, '0'..='9' | 'a'..='f'))
            );
            assert_eq!(uuid.as_bytes()[14], b'4');
            assert!(
                matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'),
                "{uuid}"
            );
        }
    }

    #[test]
    fn the_boundary_is_always_ahead_and_never_far() {
        for apart in [BOUNDARY, Duration::from_secs(1)] {
            let grid = Boundary::every(apart);
            let ten_years = Duration::from_secs(10 * 365 * 86_400);
            for step in 0..200 {
                let at = grid.origin + Duration::from_micros(1_337) * step + ten_years * (step % 2);
                let release = grid.after(at);
                assert!(release > at && release - at <= apart);
                let since = release - grid.origin;
                assert_eq!(
                    since.as_nanos() % apart.as_nanos(),
                    0,
                    "it is a point of the grid"
                );
            }
        }
        assert_eq!(Boundary::new().step, BOUNDARY);
    }
}
