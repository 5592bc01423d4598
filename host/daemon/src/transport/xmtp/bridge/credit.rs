//! How many messages may be between the sidecar and the host's disk. Each one takes a place when the sidecar hands it over and
//! gives it back once the host is done with it, whichever way, so that no sequence of messages uses the places up for good.

/// The places of all messages, and how many of them peers may take that the host did not name.
const ALL: usize = 256;
const REST: usize = 24;
/// How many places are given back at a time: an order for each message would be as much for the sidecar to read as the
/// messages are.
const BATCH: (usize, usize) = (32, 6);

/// A number of places: in all, and of these for peers that the host did not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) all: usize,
    pub(super) rest: usize,
}

impl Places {
    fn count(&mut self, is_named: bool) {
        self.all += 1;
        self.rest += usize::from(!is_named);
    }
}

/// The places of one bridge, over all its sidecars.
#[derive(Debug, Default)]
pub(super) struct Credit {
    /// Taken by messages that the host is not done with.
    taken: Places,
    /// Free again, which the sidecar has not heard.
    owed: Places,
}

impl Credit {
    /// Returns what a sidecar that starts may use: what an earlier one handed over still has its places.
    pub(super) fn start(&mut self) -> Places {
        self.owed = Places::default();
        Places {
            all: ALL.saturating_sub(self.taken.all),
            rest: REST.saturating_sub(self.taken.rest),
        }
    }

    /// A message came.
    pub(super) fn take(&mut self, is_named: bool) {
        self.taken.count(is_named);
    }

    /// The host is done with a message.
    pub(super) fn give_back(&mut self, is_named: bool) {
        self.taken.all = self.taken.all.saturating_sub(1);
        self.taken.rest = self.taken.rest.saturating_sub(usize::from(!is_named));
        self.owed.count(is_named);
    }

    /// Returns what to tell the sidecar: what is free again, once there is enough of it, or anything if it is `time`.
    pub(super) fn due(&mut self, time: bool) -> Option<Places> {
        let named = self.owed.all - self.owed.rest;
        let is_due = named >= BATCH.0 || self.owed.rest >= BATCH.1 || time && self.owed.all > 0;
        is_due.then(|| std::mem::take(&mut self.owed))
    }

    /// Puts back what could not be told.
    pub(super) const fn not_told(&mut self, places: Places) {
        self.owed.all += places.all;
        self.owed.rest += places.rest;
    }

    /// Returns how many messages the host is not done with.
    pub(super) const fn under_way(&self) -> usize {
        self.taken.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_comes_back_for_every_message_and_only_once() {
        let mut credit = Credit::default();
        let mut sidecar = credit.start();
        for round in 0..10_000 {
            let is_named = round % 3 == 0;
            assert!(sidecar.all > 0 && (is_named || sidecar.rest > 0));
            sidecar.all -= 1;
            sidecar.rest -= usize::from(!is_named);
            credit.take(is_named);
            credit.give_back(is_named);
            if let Some(places) = credit.due(false) {
                sidecar.all += places.all;
                sidecar.rest += places.rest;
            }
        }
        assert_eq!(credit.under_way(), 0);
        let rest = credit.due(true).unwrap_or_default();
        assert_eq!(
            (sidecar.all + rest.all, sidecar.rest + rest.rest),
            (ALL, REST)
        );
        assert_eq!(credit.due(true), None);
    }

    #[test]
    fn credit_of_a_new_sidecar_is_what_the_last_one_left() {
        let mut credit = Credit::default();
        credit.start();
        (0..REST).for_each(|_| credit.take(false));
        let second = credit.start();
        assert_eq!((second.all, second.rest), (ALL - REST, 0));
        // What the first one handed over gives its places to the second.
        (0..REST).for_each(|_| credit.give_back(false));
        assert_eq!(
            credit.due(false),
            Some(Places {
                all: REST,
                rest: REST
            })
        );
    }

    #[test]
    fn credit_that_is_not_told_is_told_later() {
        let mut credit = Credit::default();
        credit.take(true);
        credit.give_back(true);
        let places = credit.due(true).expect("one");
        credit.not_told(places);
        assert_eq!(credit.due(true), Some(places));
    }
}
