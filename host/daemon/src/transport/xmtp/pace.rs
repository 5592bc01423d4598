//! Who sends next, and when: one message of each peer in turn, no faster than the network allows.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use coworker_core::PeerId;
use tokio::time::Instant;

use crate::transport::Outgoing;

/// The span that a network counts sends in.
const SPAN: Duration = Duration::from_secs(300);
/// How many messages may wait here; more wait in the outbox.
const ROOM: usize = 4_096;

/// A message that waits, or waited.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) message: Outgoing,
    /// Its place among all that came.
    place: u64,
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Queues {
    waiting: HashMap<PeerId, VecDeque<Queued>>,
    /// The peers with something waiting, in the order of their turns.
    turns: VecDeque<PeerId>,
    count: usize,
    places: u64,
}

impl Queues {
    pub(super) fn has_room(&self) -> bool {
        self.count < ROOM
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, message: Outgoing) {
        let queue = self.waiting.entry(message.to.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(message.to.clone());
        }
        let place = self.places;
        queue.push_back(Queued { message, place });
        self.places += 1;
        self.count += 1;
    }

    /// Puts back what did not leave, before everything of its peer that came after it.
    pub(super) fn put_back(&mut self, queued: Queued) {
        let to = &queued.message.to;
        let queue = self.waiting.entry(to.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_front(to.clone());
        }
        let later = queue.partition_point(|other| other.place < queued.place);
        queue.insert(later, queued);
        self.count += 1;
    }

    /// Returns the next message of a peer whose turn it is, passing over those that have enough on the wire.
    pub(super) fn next(&mut self, may: impl Fn(&PeerId) -> bool) -> Option<Queued> {
        for _ in 0..self.turns.len() {
            let peer = self.turns.pop_front()?;
            if !may(&peer) {
                self.turns.push_back(peer);
                continue;
            }
            let queue = self.waiting.get_mut(&peer)?;
            let queued = queue.pop_front();
            if queue.is_empty() {
                self.waiting.remove(&peer);
            } else {
                self.turns.push_back(peer);
            }
            self.count -= usize::from(queued.is_some());
            return queued;
        }
        None
    }

    /// Takes out all that waits for one peer.
    pub(super) fn drain_of(&mut self, peer: &PeerId) -> impl Iterator<Item = Outgoing> + use<> {
        self.turns.retain(|other| other != peer);
        let waiting = self.waiting.remove(peer).unwrap_or_default();
        self.count -= waiting.len();
        waiting.into_iter().map(|queued| queued.message)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Outgoing> {
        self.turns.clear();
        self.count = 0;
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().flatten().map(|queued| queued.message)
    }
}

/// A bucket that fills as fast as a network allows sends.
#[derive(Debug)]
pub(super) struct Bucket {
    size: Option<f64>,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// Returns a full bucket; one without a size never runs dry.
    pub(super) fn new(size: Option<u32>) -> Self {
        let size = size.map(|size| f64::from(size.max(1)));
        Self {
            size,
            level: size.unwrap_or_default(),
            at: Instant::now(),
        }
    }

    /// Takes a drop. Returns when there will be one, if there is none.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let Some(size) = self.size else {
            return Ok(());
        };
        let rate = size / SPAN.as_secs_f64();
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + since * rate).min(size);
        self.at = now;
        if self.level >= 1.0 {
            self.level -= 1.0;
            return Ok(());
        }
        Err(now + Duration::from_secs_f64((1.0 - self.level) / rate))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::config::{XmtpConfig, XmtpEnv};

    fn message(peer: u8, id: &str) -> Outgoing {
        Outgoing {
            round: 0,
            to: format!("xmtp:{peer:064x}").parse().expect("an id"),
            id: id.to_owned(),
            bytes: Vec::new(),
            done: oneshot::channel().0,
        }
    }

    #[test]
    fn peers_take_turns_and_each_keeps_its_order() {
        let mut queues = Queues::default();
        for (peer, id) in [(1, "a"), (1, "b"), (1, "c"), (2, "x"), (3, "y"), (2, "z")] {
            queues.push(message(peer, id));
        }
        let first = queues.next(|_| true).expect("one waits");
        assert_eq!(first.message.id, "a");
        queues.put_back(first);
        let mut order = Vec::new();
        while let Some(queued) = queues.next(|_| true) {
            order.push(queued.message.id);
        }
        assert_eq!(order, ["x", "y", "a", "z", "b", "c"]);
        assert_eq!(queues.len(), 0);
    }

    #[test]
    fn what_waits_for_one_peer_is_taken_out_alone() {
        let mut queues = Queues::default();
        for (peer, id) in [(1, "a"), (2, "x"), (1, "b")] {
            queues.push(message(peer, id));
        }
        let taken: Vec<String> = queues.drain_of(&message(1, "").to).map(|m| m.id).collect();
        assert_eq!(taken, ["a", "b"]);
        assert_eq!(queues.len(), 1);
        queues.push(message(1, "c"));
        let mut order = Vec::new();
        while let Some(queued) = queues.next(|_| true) {
            order.push(queued.message.id);
        }
        assert_eq!(order, ["x", "c"]);
    }

    #[test]
    fn what_is_put_back_stands_where_it_stood() {
        let mut queues = Queues::default();
        for id in ["a", "b", "c", "d"] {
            queues.push(message(1, id));
        }
        let mut taken: Vec<Queued> = (0..3).filter_map(|_| queues.next(|_| true)).collect();
        taken.swap(0, 1);
        taken.into_iter().for_each(|queued| queues.put_back(queued));
        let order = std::iter::from_fn(|| queues.next(|_| true));
        let order: Vec<String> = order.map(|queued| queued.message.id).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }

    #[test]
    fn who_has_enough_on_the_wire_is_passed_over() {
        let mut queues = Queues::default();
        queues.push(message(1, "a"));
        queues.push(message(2, "x"));
        let busy = message(1, "").to;
        assert_eq!(
            queues
                .next(|peer| *peer != busy)
                .expect("the other")
                .message
                .id,
            "x"
        );
        assert!(queues.next(|peer| *peer != busy).is_none());
        assert_eq!(queues.drain().count(), 1);
        assert!(queues.next(|_| true).is_none() && queues.len() == 0);
    }

    #[test]
    fn a_bucket_gives_what_a_network_allows() {
        let (mut bucket, start) = (Bucket::new(Some(300)), Instant::now());
        for _ in 0..300 {
            bucket.take(start).expect("it was full");
        }
        let next = bucket.take(start).expect_err("it is empty");
        assert!(next - start <= Duration::from_secs(1));
        let later = start + Duration::from_millis(1_001);
        bucket.take(later).expect("one a second");
        assert!(bucket.take(later).is_err());
        let mut open = Bucket::new(None);
        assert!((0..10_000).all(|_| open.take(start).is_ok()));
    }

    #[test]
    fn a_public_network_gets_three_thousand_in_five_minutes_and_ones_own_is_not_counted() {
        let mut config = XmtpConfig::default();
        assert_eq!(config.sends_per_5_min(), None, "one's own node");
        for env in [XmtpEnv::Dev, XmtpEnv::Production] {
            config.env = Some(env);
            let mut bucket = Bucket::new(config.sends_per_5_min());
            let start = Instant::now();
            let burst = (0..10_000).filter(|_| bucket.take(start).is_ok()).count();
            assert_eq!(burst, 3_000, "{env:?}");
            // Somebody who always has something to send, and comes when there is to be room.
            let (mut now, mut sent) = (start, Vec::new());
            while now < start + 4 * SPAN {
                match bucket.take(now) {
                    Ok(()) => sent.push(now),
                    Err(until) => {
                        assert!(until > now, "it would come back at once, for ever");
                        // A clock counts nanoseconds, and the bucket parts of them.
                        now = until + Duration::from_micros(1);
                    }
                }
            }
            let count = |from: Instant| {
                let within = |at: &&Instant| **at >= from && **at < from + SPAN;
                sent.iter().filter(within).count()
            };
            for spans in 0..3 {
                let sent = count(start + spans * SPAN);
                assert!((2_990..=3_001).contains(&sent), "{sent} in five minutes");
            }
        }
    }
}
