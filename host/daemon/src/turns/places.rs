//! Who is on a processor. There are fewer places than live guests; a guest that waits in a host call gives its place
//! back, and a guest that only computes goes to the back of its line at every tick while others wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coworker_core::PeerId;
use tokio::sync::oneshot;

#[derive(Debug, Default)]
struct State {
    free: usize,
    held: HashMap<PeerId, usize>,
    /// Guests that want a place, one line a peer.
    waiting: HashMap<PeerId, VecDeque<oneshot::Sender<()>>>,
    /// Peers with a line; the front is next.
    round: VecDeque<PeerId>,
}

/// The places of a host.
#[derive(Debug, Clone)]
pub struct Places {
    total: usize,
    state: Arc<Mutex<State>>,
}

/// One guest's claim to a place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    places: Places,
    peer: PeerId,
    held: Mutex<bool>,
}

impl Places {
    /// Returns so many free places, at least one.
    pub fn new(total: usize) -> Self {
        let total = total.max(1);
        Self {
            total,
            state: Arc::new(Mutex::new(State {
                free: total,
                ..State::default()
            })),
        }
    }

    /// Returns a claim for a guest of `peer` that holds no place yet.
    pub fn claim(&self, peer: PeerId) -> Place {
        Place {
            places: self.clone(),
            peer,
            held: Mutex::new(false),
        }
    }

    fn half(&self) -> usize {
        (self.total / 2).max(1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete in itself, so a poisoned lock holds good data.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self, peer: &PeerId) {
        loop {
            let turn = {
                let mut state = self.state();
                if state.free > 0 && state.round.is_empty() {
                    state.grant(peer);
                    return;
                }
                let (turn, granted) = oneshot::channel();
                let line = state.waiting.entry(peer.clone()).or_default();
                line.push_back(turn);
                if line.len() == 1 {
                    state.round.push_back(peer.clone());
                }
                // A place may be free although others wait in the round: hand out what there is.
                state.hand_out(self.half());
                granted
            };
            let guard = Unclaimed {
                places: self,
                peer,
                turn: Some(turn),
            };
            if guard.wait().await {
                return;
            }
        }
    }

    fn give(&self, peer: &PeerId) {
        let mut state = self.state();
        state.take_back(peer);
        state.hand_out(self.half());
    }
}

/// A wait for a place that may be cancelled after the place was handed over but before anybody noticed.
struct Unclaimed<'a> {
    places: &'a Places,
    peer: &'a PeerId,
    turn: Option<oneshot::Receiver<()>>,
}

impl Unclaimed<'_> {
    async fn wait(mut self) -> bool {
        let Some(turn) = self.turn.as_mut() else {
            return false;
        };
        let granted = turn.await.is_ok();
        self.turn = None;
        granted
    }
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        let Some(mut turn) = self.turn.take() else {
            return;
        };
        // Closing under the lock: afterwards nobody can hand us a place.
        let mut state = self.places.state();
        turn.close();
        if turn.try_recv().is_ok() {
            state.take_back(self.peer);
            state.hand_out(self.places.half());
        }
    }
}

impl State {
    fn grant(&mut self, peer: &PeerId) {
        self.free -= 1;
        *self.held.entry(peer.clone()).or_default() += 1;
    }

    fn take_back(&mut self, peer: &PeerId) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(peer) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(peer);
            }
        }
    }

    /// Gives free places to those who wait, one peer after the other; a peer that has half of all goes last.
    fn hand_out(&mut self, half: usize) {
        while self.free > 0 && !self.round.is_empty() {
            let modest = self
                .round
                .iter()
                .position(|peer| self.held.get(peer).is_none_or(|held| *held < half));
            let Some(peer) = self.round.remove(modest.unwrap_or(0)) else {
                return;
            };
            let Some(line) = self.waiting.get_mut(&peer) else {
                continue;
            };
            let turn = line.pop_front();
            if line.is_empty() {
                self.waiting.remove(&peer);
            } else {
                self.round.push_back(peer.clone());
            }
            // A guest that was cancelled meanwhile has dropped its end.
            if let Some(turn) = turn
                && turn.send(()).is_ok()
            {
                self.grant(&peer);
            }
        }
    }
}

impl Place {
    /// Waits for a place, unless this guest holds one.
    pub async fn take(&self) {
        if !self.is_held() {
            self.places.take(&self.peer).await;
            self.set(true);
        }
    }

    /// Gives the place back.
    pub fn give(&self) {
        if self.is_held() {
            self.set(false);
            self.places.give(&self.peer);
        }
    }

    /// Returns whether somebody waits, so that a guest that has computed for a tick goes to the back of its line.
    pub fn should_yield(&self) -> bool {
        !self.places.state().round.is_empty()
    }

    fn is_held(&self) -> bool {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, held: bool) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.give();
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

    async fn taken(place: &Place) -> bool {
        let wait = place.take();
        tokio::pin!(wait);
        futures::poll!(wait).is_ready()
    }

    #[tokio::test]
    async fn a_place_given_back_goes_to_the_peer_with_less() {
        let places = Places::new(2);
        let greedy: Vec<Place> = (0..3).map(|_| places.claim(peer(1))).collect();
        let modest = places.claim(peer(2));
        assert!(
            taken(&greedy[0]).await && taken(&greedy[1]).await,
            "nobody else waits: all of them"
        );
        assert!(!taken(&greedy[2]).await);
        let (third, other) = (greedy[2].take(), modest.take());
        tokio::pin!(third, other);
        assert!(
            futures::poll!(third.as_mut()).is_pending()
                && futures::poll!(other.as_mut()).is_pending()
        );
        assert!(greedy[0].should_yield());
        greedy[0].give();
        assert!(
            futures::poll!(other.as_mut()).is_ready(),
            "the second peer came later and still goes first"
        );
        assert!(futures::poll!(third.as_mut()).is_pending());
        greedy[1].give();
        assert!(futures::poll!(third.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn a_cancelled_wait_loses_no_place() {
        let places = Places::new(1);
        let (first, second) = (places.claim(peer(1)), places.claim(peer(2)));
        first.take().await;
        {
            let wait = second.take();
            tokio::pin!(wait);
            assert!(futures::poll!(wait.as_mut()).is_pending());
            // The place is handed over, and the one who waited is gone before it notices.
            first.give();
        }
        assert!(taken(&first).await, "the place came back");
        drop(first);
        assert!(taken(&second).await, "a dropped claim gives its place back");
        assert_eq!(places.state().held.len(), 1);
    }
}
