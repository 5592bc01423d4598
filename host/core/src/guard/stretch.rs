//! Which places of the private texts came out, and how many of them in a row: whoever puts pieces together has what stands in
//! a row in the private text, wherever it stood in what was let through.

use std::collections::BTreeMap;
use std::fmt;

use super::{LONGEST, Leak, What};
use crate::Digest;

/// What became of one place of a private text. The more came out, the higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// It did not come out.
    #[default]
    Kept,
    /// It did not, but whoever has both sides of it has them in a row: it is public, the caller's own, or a mark left out.
    Between,
    /// It came out.
    Out,
}

/// The places of the private texts that came out, in one answer or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches(BTreeMap<Digest, Row>);

#[derive(Clone, PartialEq, Eq)]
struct Row {
    slot: String,
    form: String,
    places: Vec<Place>,
}

impl Stretches {
    /// Notes what came out of a text, if anything did.
    pub(super) fn insert(&mut self, text: Digest, slot: &str, form: &str, places: Vec<Place>) {
        if places.contains(&Place::Out) {
            let row = Row {
                slot: slot.to_owned(),
                form: form.to_owned(),
                places,
            };
            self.0.insert(text, row);
        }
    }

    /// Adds what came out elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (text, new) in &other.0 {
            let Some(row) = self.0.get_mut(text) else {
                self.0.insert(*text, new.clone());
                continue;
            };
            for (place, new) in row.places.iter_mut().zip(&new.places) {
                *place = (*place).max(*new);
            }
        }
    }

    /// Returns the leak that a text is to somebody who has the rest already: whose pieces, put together, are too long.
    pub fn with(&self, new: &Self) -> Option<Leak> {
        if new.0.is_empty() {
            return None;
        }
        let mut all = self.clone();
        all.add(new);
        // What was there before is not the fault of what comes.
        all.0.retain(|text, _| new.0.contains_key(text));
        all.leak()
    }

    /// Returns what is too long in a row, if anything is.
    pub(super) fn leak(&self) -> Option<Leak> {
        let longest = self.0.values().map(|row| (row.longest(), row));
        let (chars, row) = longest.max_by_key(|(chars, _)| *chars)?;
        (chars > LONGEST).then(|| Leak {
            slot: row.slot.clone(),
            what: What::Run(chars),
            form: format!("{}, in pieces", row.form),
        })
    }
}

impl Row {
    /// Returns how many places came out between two that were kept.
    fn longest(&self) -> usize {
        let rows = self.places.split(|place| *place == Place::Kept);
        let counts = rows.map(|row| row.iter().filter(|place| **place == Place::Out).count());
        counts.max().unwrap_or(0)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in a row of {:?}", self.longest(), self.slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(places: &[Place]) -> Stretches {
        let mut stretches = Stretches::default();
        stretches.insert(Digest::of(b"text"), "skill", "as it is", places.to_vec());
        stretches
    }

    fn row(kept: usize, out: usize, rest: usize) -> Vec<Place> {
        let parts = [(Place::Kept, kept), (Place::Out, out), (Place::Kept, rest)];
        let parts = parts.map(|(place, count)| vec![place; count]);
        parts.concat()
    }

    #[test]
    fn pieces_that_touch_are_one() {
        let (first, second) = (stretches(&row(0, 30, 30)), stretches(&row(30, 30, 0)));
        assert_eq!(first.leak(), None);
        let leak = first.with(&second).expect("a leak");
        assert_eq!(leak.what, What::Run(60));
        assert_eq!(leak.slot, "skill");
        let apart = stretches(&row(31, 29, 0));
        assert_eq!(first.with(&apart), None);
        // The same again is nothing new.
        assert_eq!(first.with(&first), None);
    }

    #[test]
    fn what_is_public_between_two_pieces_joins_them_and_is_not_counted() {
        let mut places = row(0, 21, 0);
        places.extend([Place::Between; 50]);
        assert_eq!(stretches(&places).leak(), None);
        places.extend([Place::Out; 20]);
        let leak = stretches(&places).leak().expect("a leak");
        assert_eq!(leak.what, What::Run(41));
        // What is public in one answer and came out in another came out.
        let mut all = stretches(&places);
        all.add(&stretches(&row(0, 91, 0)));
        assert_eq!(all.leak().map(|leak| leak.what), Some(What::Run(91)));
    }

    #[test]
    fn a_text_of_which_nothing_comes_out_is_nobodys_leak() {
        let long = stretches(&row(0, 60, 0));
        assert_eq!(long.with(&Stretches::default()), None);
        let nothing = stretches(&[Place::Between; 60]);
        assert_eq!(nothing, Stretches::default());
    }
}
