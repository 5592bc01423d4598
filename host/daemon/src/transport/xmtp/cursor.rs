//! Up to where the host has what each peer sent: the last message of a run without a hole. Whatever came later is asked
//! for again after a restart, and the store knows what of it it has.

use std::collections::{HashMap, HashSet, VecDeque};

use coworker_core::PeerId;

use crate::store::CursorRow;

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

/// The marks of all peers.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    confirmed: HashMap<PeerId, Mark>,
    open: HashMap<PeerId, VecDeque<Open>>,
    changed: HashSet<PeerId>,
    tickets: u64,
}

impl Cursors {
    pub(super) fn new(rows: Vec<CursorRow>) -> Self {
        let confirmed = rows.into_iter().map(|row| {
            let mark = Mark {
                id: row.message,
                sent_ns: row.sent_ns,
            };
            (row.peer, mark)
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
            self.confirmed.insert(peer.clone(), first.mark);
            self.changed.insert(peer.clone());
        }
        if open.is_empty() {
            self.open.remove(peer);
        }
    }

    /// The host could not keep a message. Returns from where everything is wanted again, unless it was asked for
    /// already.
    pub(super) fn lost(&mut self, peer: &PeerId, ticket: u64) -> Option<Option<Mark>> {
        let open = self.open.get(peer)?;
        open.iter().find(|entry| entry.ticket == ticket)?;
        self.open.remove(peer);
        Some(self.confirmed.get(peer).cloned())
    }

    /// Forgets what is on its way: all of it comes again.
    pub(super) fn restart(&mut self) -> &HashMap<PeerId, Mark> {
        self.open.clear();
        &self.confirmed
    }

    /// Returns the marks that have moved since the last time.
    pub(super) fn take_changed(&mut self) -> Vec<CursorRow> {
        let changed = std::mem::take(&mut self.changed);
        let row = |peer: PeerId| {
            let mark = self.confirmed.get(&peer)?;
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

    fn mark(id: &str) -> Mark {
        Mark {
            id: id.to_owned(),
            sent_ns: 1,
        }
    }

    #[track_caller]
    fn check(cursors: &mut Cursors, peer: &PeerId, expected: Option<&str>) {
        let confirmed = cursors.confirmed.get(peer).map(|mark| mark.id.as_str());
        assert_eq!(confirmed, expected);
    }

    #[test]
    fn a_mark_never_passes_a_hole() {
        let (mut cursors, ann, bob) = (Cursors::default(), peer(1), peer(2));
        let [a, b, c] = ["a", "b", "c"].map(|id| cursors.arrived(&ann, mark(id)));
        let other = cursors.arrived(&bob, mark("x"));
        cursors.kept(&ann, b);
        cursors.kept(&ann, c);
        check(&mut cursors, &ann, None);
        cursors.kept(&bob, other);
        check(&mut cursors, &bob, Some("x"));
        cursors.kept(&ann, a);
        check(&mut cursors, &ann, Some("c"));
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
    fn what_is_lost_is_asked_for_once_from_before_the_hole() {
        let (mut cursors, ann) = (Cursors::default(), peer(1));
        let [a, b, c] = ["a", "b", "c"].map(|id| cursors.arrived(&ann, mark(id)));
        cursors.kept(&ann, a);
        assert_eq!(cursors.lost(&ann, b), Some(Some(mark("a"))));
        assert_eq!(cursors.lost(&ann, c), None, "all of it comes again");
        cursors.kept(&ann, c);
        check(&mut cursors, &ann, Some("a"));
        let again = cursors.arrived(&ann, mark("b"));
        cursors.kept(&ann, again);
        check(&mut cursors, &ann, Some("b"));
    }
}
