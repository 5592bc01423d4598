//! How fast a client may ask: a bucket of tokens that fills up again as time passes. Connections of one place in the
//! network share theirs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::api::UNREAD_OF_ONE;
use crate::config::Rate;

/// One client's tokens.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// How many tokens there were, and when that was.
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            state: Mutex::new((f64::from(rate.burst), now)),
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, then) = *state;
        let passed = now.saturating_duration_since(then).as_secs_f64();
        let tokens =
            (tokens + passed * f64::from(self.rate.per_second)).min(f64::from(self.rate.burst));
        let taken = tokens >= 1.0;
        *state = (if taken { tokens - 1.0 } else { tokens }, now);
        taken
    }
}

/// Large requests of one client at once.
const LARGE: usize = 8;

/// What all connections of an address share.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) bucket: Bucket,
    /// Places for large requests: one client must not take all there are.
    pub(crate) large: Semaphore,
    /// Places for the pieces of large answers, for the same reason.
    pub(crate) unread: Arc<Semaphore>,
}

impl Share {
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            bucket: Bucket::new(rate, now),
            large: Semaphore::new(LARGE),
            unread: Arc::new(Semaphore::new(UNREAD_OF_ONE as usize)),
        }
    }
}

/// The shares of the addresses that have open connections.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    open: Mutex<HashMap<IpAddr, (usize, Arc<Share>)>>,
}

/// One connection's share of its address; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
    pub(crate) share: Arc<Share>,
}

impl Addresses {
    /// Counts one more connection of `address`, unless it has `most`.
    ///
    /// An address that closes all its connections gets a full bucket with the next one: opening a connection costs it more
    /// than the requests it gains.
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        most: usize,
        rate: Rate,
        now: Instant,
    ) -> Option<Place> {
        let address = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, share) = open
            .entry(address)
            .or_insert_with(|| (0, Arc::new(Share::new(rate, now))));
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            addresses: self.clone(),
            address,
            share: share.clone(),
        })
    }
}

/// Who has one address of IPv6 has the 2^64 of its network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .addresses
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 3,
    };

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(RATE, start);
        let took = (0..5).filter(|_| bucket.take(start)).count();
        assert_eq!(took, 3);
        let later = start + Duration::from_millis(200);
        assert_eq!((0..5).filter(|_| bucket.take(later)).count(), 2);
        let much_later = start + Duration::from_secs(60);
        assert_eq!((0..5).filter(|_| bucket.take(much_later)).count(), 3);
    }

    #[test]
    fn connections_of_an_address_share_a_bucket_and_are_counted() {
        let addresses = Arc::new(Addresses::default());
        let (now, here) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
        let first = addresses.enter(here, 2, RATE, now).expect("a place");
        let second = addresses.enter(here, 2, RATE, now).expect("a place");
        assert!(Arc::ptr_eq(&first.share, &second.share));
        assert!(addresses.enter(here, 2, RATE, now).is_none());
        drop(first);
        assert!(addresses.enter(here, 2, RATE, now).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let addresses = Arc::new(Addresses::default());
        let enter = |address: &str| {
            let address = address.parse().expect("an address");
            addresses.enter(address, 1, RATE, Instant::now())
        };
        let _first = enter("2001:db8:1:2::3").expect("a place");
        assert!(enter("2001:db8:1:2:ffff:ffff:ffff:ffff").is_none());
        assert!(enter("2001:db8:1:3::3").is_some());
        let _other = enter("192.0.2.1").expect("a place");
        assert!(enter("192.0.2.2").is_some());
    }
}
