//! How often a peer may start something. Tier 0 shares one bucket, so that many names are no more than one.

use std::num::NonZeroU32;
use std::time::Duration;

use coworker_core::{PeerId, Tier};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

/// Starts per minute. 0 means nobody of that tier ever starts anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMinute {
    /// All peers of tier 0 together.
    pub untrusted: u32,
    /// Each peer of tier 1.
    pub known: u32,
    /// Each peer of tier 2. Tier 3 has no bucket.
    pub internal: u32,
    /// How many a rested peer may start at once.
    pub burst: u32,
}

/// The buckets of all peers.
#[derive(Debug)]
pub struct Rates {
    untrusted: Option<DefaultDirectRateLimiter>,
    known: Option<DefaultKeyedRateLimiter<PeerId>>,
    internal: Option<DefaultKeyedRateLimiter<PeerId>>,
    clock: DefaultClock,
}

impl Rates {
    /// Returns full buckets.
    pub fn new(rates: PerMinute) -> Self {
        let quota = |per_minute| {
            let per_minute = NonZeroU32::new(per_minute)?;
            Some(
                Quota::per_minute(per_minute)
                    .allow_burst(NonZeroU32::new(rates.burst)?.min(per_minute)),
            )
        };
        Self {
            untrusted: quota(rates.untrusted).map(RateLimiter::direct),
            known: quota(rates.known).map(RateLimiter::keyed),
            internal: quota(rates.internal).map(RateLimiter::keyed),
            clock: DefaultClock::default(),
        }
    }

    /// Takes a token for a start of `peer`, or tells how long until there may be one.
    pub fn take(&self, peer: &PeerId, tier: Tier) -> Result<(), Duration> {
        let keyed = match tier {
            Tier::Untrusted => {
                let Some(bucket) = &self.untrusted else {
                    return Err(Duration::MAX);
                };
                return bucket.check().map_err(|wait| self.wait(&wait));
            }
            Tier::Known => &self.known,
            Tier::Internal => &self.internal,
            Tier::Privileged => return Ok(()),
        };
        let Some(bucket) = keyed else {
            return Err(Duration::MAX);
        };
        bucket.check_key(peer).map_err(|wait| self.wait(&wait))
    }

    /// Forgets peers whose buckets are full again, so that names once seen cost nothing.
    pub fn forget_rested(&self) {
        for bucket in [&self.known, &self.internal].into_iter().flatten() {
            bucket.retain_recent();
            bucket.shrink_to_fit();
        }
    }

    fn wait(&self, until: &NotUntil<<DefaultClock as Clock>::Instant>) -> Duration {
        until.wait_time_from(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> PeerId {
        format!("loop:{}", format!("{n:02x}").repeat(32))
            .parse()
            .expect("a peer id")
    }

    #[test]
    fn strangers_share_and_friends_do_not() {
        let rates = Rates::new(PerMinute {
            untrusted: 10,
            known: 10,
            internal: 0,
            burst: 5,
        });
        let strangers = (0..20)
            .filter(|n| rates.take(&peer(*n), Tier::Untrusted).is_ok())
            .count();
        assert_eq!(strangers, 5, "twenty names draw from one bucket");
        for n in 0..3 {
            let starts = (0..20)
                .filter(|_| rates.take(&peer(n), Tier::Known).is_ok())
                .count();
            assert_eq!(starts, 5, "each friend has a bucket of its own");
        }
        assert!(
            rates
                .take(&peer(0), Tier::Known)
                .is_err_and(|wait| wait <= Duration::from_secs(6))
        );
        assert_eq!(rates.take(&peer(0), Tier::Internal), Err(Duration::MAX));
        assert!((0..1_000).all(|_| rates.take(&peer(0), Tier::Privileged).is_ok()));
    }
}
