//! Time that only goes forward, made of a clock that may jump.

use crate::Timestamp;

/// How far a time may lie behind the last one that was seen without meaning that the clock went back: who looked at the
/// clock first may come second.
const LATE: i64 = 60_000_000;

/// A clock's high-water mark that goes on with the clock. A step back of the clock takes no time back, and after a step
/// forward and back again time goes on from the mark at the clock's own pace: nothing waits until the clock comes there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ratchet {
    at: Timestamp,
    seen: Option<Timestamp>,
}

impl Ratchet {
    /// Returns a ratchet that goes on from a mark of an earlier process.
    pub const fn from_mark(at: Timestamp) -> Self {
        Self { at, seen: None }
    }

    /// Returns the time by the ratchet when the clock shows `now`: never earlier than before.
    pub fn at(&mut self, now: Timestamp) -> Timestamp {
        let Some(seen) = self.seen else {
            self.seen = Some(now);
            self.at = self.at.max(now);
            return self.at;
        };
        let passed = now.0.saturating_sub(seen.0);
        if passed > 0 {
            self.at.0 = self.at.0.saturating_add(passed);
        }
        if !(-LATE..=0).contains(&passed) {
            self.seen = Some(now);
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a time in minutes.
    fn minute(minute: i64) -> Timestamp {
        Timestamp(minute * LATE)
    }

    #[test]
    fn time_goes_on_from_its_mark_whatever_the_clock_does() {
        let mut ratchet = Ratchet::from_mark(minute(100));
        let steps = [
            (40, 100),
            (50, 110),
            (1_000, 1_060),
            (60, 1_060),
            (70, 1_070),
            (10, 1_070),
            (11, 1_071),
        ];
        for (now, at) in steps {
            assert_eq!(ratchet.at(minute(now)), minute(at), "at {now}");
        }
        let mut ratchet = Ratchet::default();
        assert_eq!(ratchet.at(Timestamp(7)), Timestamp(7));
        ratchet.at(Timestamp(i64::MIN));
        assert_eq!(ratchet.at(Timestamp(i64::MAX)), Timestamp(i64::MAX));
    }

    #[test]
    fn those_who_come_late_make_no_time() {
        let mut ratchet = Ratchet::default();
        for n in 0..1_000 {
            ratchet.at(Timestamp(minute(100).0 + n));
            ratchet.at(Timestamp(minute(99).0 + n));
        }
        assert_eq!(ratchet.at(minute(101)), minute(101));
    }
}
