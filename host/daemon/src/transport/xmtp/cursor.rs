//! Up to where the host has what each peer sent: the latest message of a run without a hole. Whatever came later is asked
//! for again after a restart, with what was sent shortly before: messages of one moment have no order that a client keeps.
//! The store knows what of it it has.

use std::collections::{HashMap, HashSet, VecDeque};

use coworker_core::PeerId;

use super::frame::Have;
use crate::clock;
use crate::store::CursorRow;

/// How long before the latest message others may still be missing, in nanoseconds: longer than anything that mixes up the
/// order of messages takes. The sidecar looks as far back.
pub(super) const OVERLAP_NS: i64 = 2_000_000_000;

/// How far the network's clock may be ahead of ours, in nanoseconds.
const AHEAD_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// Returns the network's time of a message, as far as it can be believed. A mark in the far future would say that the host has
/// everything that its peer sends from now on, and nothing of it would be read again.
pub(super) fn believable(sent_ns: i64) -> i64 {
    let now_ns = clock::now().0.saturating_mul(1_000);
    sent_ns.clamp(0, now_ns.saturating_add(AHEAD_NS))
}

/// A message of the network, by its id and the network's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) id: String,
    pub(super) sent_ns: i64,
}

#[derive(Debug)]
struct Open {
    ticket: u64,
    mark: Mark,
    kept: bool,
}

/// What the host has of a peer.
#[derive(Debug)]
struct Confirmed {
    latest: Mark,
    /// What is known to have been kept, and is not much older than the latest.
    recent: VecDeque<Mark>,
}

/// The marks of all peers.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    confirmed: HashMap<PeerId, Confirmed>,
    open: HashMap<PeerId, VecDeque<Open>>,
    changed: HashSet<PeerId>,
    tickets: u64,
}

impl Confirmed {
    fn new(mark: Mark) -> Self {
        Self {
            latest: mark.clone(),
            recent: VecDeque::from([mark]),
        }
    }

    fn add(&mut self, mark: Mark) {
        if mark.sent_ns >= self.latest.sent_ns {
            self.latest = mark.clone();
        }
        self.recent.push_back(mark);
        let horizon = self.latest.sent_ns.saturating_sub(OVERLAP_NS);
        self.recent.retain(|mark| mark.sent_ns >= horizon);
    }

    fn have(&self) -> Have<'_> {
        Have {
            sent_ns: self.latest.sent_ns.to_string(),
            ids: self.recent.iter().map(|mark| mark.id.as_str()).collect(),
        }
    }
}

impl Cursors {
    pub(super) fn new(rows: Vec<CursorRow>) -> Self {
        let confirmed = rows.into_iter().map(|row| {
            let mark = Mark {
                id: row.message,
                sent_ns: believable(row.sent_ns),
            };
            (row.peer, Confirmed::new(mark))
        });
        Self {
            confirmed: confirmed.collect(),
            ..Self::default()
        }
    }

    /// Notes a message on its way to the host. Returns the ticket under which its fate is told.
    pub(super) fn arrived(&mut self, peer: &PeerId, mark: Mark) -> u64 {
        self.tickets += 1;
        let open = Open {
            ticket: self.tickets,
            mark,
            kept: false,
        };
        self.open.entry(peer.clone()).or_default().push_back(open);
        self.tickets
    }

    /// The host has a message, or has refused it for good.
    pub(super) fn kept(&mut self, peer: &PeerId, ticket: u64) {
        let Some(open) = self.open.get_mut(peer) else {
            return;
        };
        if let Some(entry) = open.iter_mut().find(|entry| entry.ticket == ticket) {
            entry.kept = true;
        }
        while let Some(first) = open.pop_front_if(|entry| entry.kept) {
            match self.confirmed.get_mut(peer) {
                Some(confirmed) => confirmed.add(first.mark),
                None => {
                    self.confirmed
                        .insert(peer.clone(), Confirmed::new(first.mark));
                }
            }
            self.changed.insert(peer.clone());
        }
        if open.is_empty() {
            self.open.remove(peer);
        }
    }

    /// The host could not keep a message. Returns whether everything after what the host has is to be asked for again,
    /// which it was already if not.
    pub(super) fn lost(&mut self, peer: &PeerId, ticket: u64) -> bool {
        let open = self.open.get(peer);
        let is_open = open.is_some_and(|open| open.iter().any(|entry| entry.ticket == ticket));
        if is_open {
            self.open.remove(peer);
        }
        is_open
    }

    /// Returns what the host has of a peer.
    pub(super) fn have(&self, peer: &PeerId) -> Option<Have<'_>> {
        self.confirmed.get(peer).map(Confirmed::have)
    }

    /// Returns what the host has of every peer.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Have<'_>)> {
        self.confirmed
            .iter()
            .map(|(peer, confirmed)| (peer.id(), confirmed.have()))
    }

    /// Forgets what is on its way, since all of it comes again, and returns what the host has.
    pub(super) fn restart(&mut self) -> impl Iterator<Item = (&str, Have<'_>)> {
        self.open.clear();
        self.all()
    }

    /// Forgets up to where the host has what was sent by those who have sent nothing since a time.
    pub(super) fn forget(&mut self, since_ns: i64) {
        let Self {
            confirmed, open, ..
        } = self;
        confirmed.retain(|peer, confirmed| {
            confirmed.latest.sent_ns >= since_ns || open.contains_key(peer)
        });
    }

    /// Returns the marks that have moved since the last time.
    pub(super) fn take_changed(&mut self) -> Vec<CursorRow> {
        let changed = std::mem::take(&mut self.changed);
        let row = |peer: PeerId| {
            let mark = &self.confirmed.get(&peer)?.latest;
            Some(CursorRow {
                message: mark.id.clone(),
                sent_ns: mark.sent_ns,
                peer,
            })
        };
        changed.into_iter().filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> PeerId {
        format!("xmtp:{n:064x}").parse().expect("an id")
    }

    fn mark(id: &str, seconds: i64) -> Mark {
        Mark {
            id: id.to_owned(),
            sent_ns: seconds * 1_000_000_000,
        }
    }

    #[track_caller]
    fn check(cursors: &Cursors, peer: &PeerId, expected: Option<(&str, &[&str])>) {
        let latest = cursors.confirmed.get(peer).map(|c| c.latest.id.as_str());
        assert_eq!(latest, expected.map(|(latest, _)| latest));
        let recent = cursors.have(peer).map(|have| have.ids);
        assert_eq!(recent, expected.map(|(_, recent)| recent.to_vec()));
    }

    #[test]
    fn a_mark_never_passes_a_hole() {
        let (mut cursors, ann, bob) = (Cursors::default(), peer(1), peer(2));
        let [a, b, c] =
            [("a", 1), ("b", 2), ("c", 9)].map(|(id, at)| cursors.arrived(&ann, mark(id, at)));
        let other = cursors.arrived(&bob, mark("x", 1));
        cursors.kept(&ann, b);
        cursors.kept(&ann, c);
        check(&cursors, &ann, None);
        cursors.kept(&bob, other);
        check(&cursors, &bob, Some(("x", &["x"])));
        cursors.kept(&ann, a);
        check(&cursors, &ann, Some(("c", &["c"])));
        let mut changed: Vec<String> = cursors
            .take_changed()
            .into_iter()
            .map(|row| row.message)
            .collect();
        changed.sort();
        assert_eq!(changed, ["c", "x"]);
        assert!(cursors.take_changed().is_empty() && cursors.open.is_empty());
    }

    #[test]
    fn a_mark_never_goes_back_and_its_moment_is_known_whole() {
        let (mut cursors, ann) = (Cursors::default(), peer(1));
        for (id, at) in [("a", 5), ("b", 7), ("c", 6), ("d", 7)] {
            let ticket = cursors.arrived(&ann, mark(id, at));
            cursors.kept(&ann, ticket);
        }
        check(&cursors, &ann, Some(("d", &["a", "b", "c", "d"])));
        let ticket = cursors.arrived(&ann, mark("e", 9));
        cursors.kept(&ann, ticket);
        check(&cursors, &ann, Some(("e", &["b", "d", "e"])));
    }

    #[test]
    fn who_is_gone_for_long_leaves_no_mark() {
        let mut cursors = Cursors::default();
        for (n, at) in [(1, 1), (2, 5), (3, 9)] {
            let ticket = cursors.arrived(&peer(n), mark("a", at));
            cursors.kept(&peer(n), ticket);
        }
        // One has a message on its way, before which nothing may be forgotten.
        cursors.arrived(&peer(1), mark("b", 2));
        cursors.forget(mark("", 9).sent_ns);
        let mut left: Vec<&str> = cursors.all().map(|(peer, _)| peer).collect();
        left.sort_unstable();
        assert_eq!(left, [peer(1).id(), peer(3).id()]);
        let changed = cursors.take_changed();
        assert_eq!(changed.len(), 2, "{changed:?}");
    }

    #[test]
    fn a_mark_is_never_far_in_the_future() {
        let row = CursorRow {
            peer: peer(1),
            message: "a".to_owned(),
            sent_ns: i64::MAX,
        };
        let cursors = Cursors::new(vec![row]);
        let have = cursors.have(&peer(1)).expect("a mark");
        let sent: i64 = have.sent_ns.parse().expect("a number");
        let now = clock::now().0 * 1_000;
        assert!(sent > now && sent <= now + AHEAD_NS, "{sent}");
        assert_eq!(believable(i64::MIN), 0);
        assert_eq!(believable(now), now);
    }

    #[test]
    fn what_is_lost_is_asked_for_once_from_before_the_hole() {
        let (mut cursors, ann) = (Cursors::default(), peer(1));
        let [a, b, c] = ["a", "b", "c"].map(|id| cursors.arrived(&ann, mark(id, 1)));
        cursors.kept(&ann, a);
        assert!(cursors.lost(&ann, b));
        assert!(!cursors.lost(&ann, c), "all of it comes again");
        cursors.kept(&ann, c);
        check(&cursors, &ann, Some(("a", &["a"])));
        let again = cursors.arrived(&ann, mark("b", 1));
        cursors.kept(&ann, again);
        check(&cursors, &ann, Some(("b", &["a", "b"])));
    }
}
