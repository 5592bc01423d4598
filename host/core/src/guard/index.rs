//! The private texts, prepared to be recognised: each is read in several ways (without its markup, in its own letters,
//! backwards, word by word, rotated, without digits), and of each reading the fingerprints are kept with their places.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::fold::{Look, alike, is_digit, rotate};
use super::layout::{Layout, aligned, other_readings, turned};
use super::open::{mark, open_places};
use super::print::{GRAM, NARROW, Table, WINDOW, each_gram, winnow};
use super::{Form, canary, common};
use crate::{Digest, PrivateTexts};

/// What is recognised of the private texts of one version of a skill.
pub struct Index {
    pub(super) texts: Vec<Text>,
    pub(super) readings: Vec<Reading>,
    pub(super) orders: Vec<Order>,
    pub(super) rows: Vec<Row>,
    pub(super) table: Table,
    pub(super) canaries: Vec<canary::Canary>,
    /// Whether a text has letters beyond ASCII, so that a candidate is read both ways.
    pub(super) own_letters: bool,
}

/// One private text.
pub(super) struct Text {
    pub(super) slot: Arc<str>,
    pub(super) digest: Digest,
    /// Which codes of its first reading are on the card, or on a line that may be quoted.
    pub(super) public: Vec<bool>,
    /// What its account counts: the fingerprints of its first reading, with their places.
    pub(super) prints: Vec<(u32, u64)>,
    /// How many different ones those are.
    pub(super) distinct: usize,
}

/// A text as a row of plain codes.
pub(super) struct Reading {
    pub(super) text: usize,
    pub(super) look: Look,
    codes: Vec<u16>,
    /// Which code of the text's first reading each one is.
    home: Vec<u32>,
}

/// The codes of a reading in some order.
pub(super) struct Order {
    reading: usize,
    places: Vec<u32>,
}

/// A way in which a text may be written: an order, forwards or backwards, rotated or not.
pub(super) struct Row {
    pub(super) order: usize,
    backwards: bool,
    rotated: bool,
    /// What it is called before the owner.
    pub(super) forms: Vec<Form>,
}

impl Index {
    /// Prepares private texts. What the card says and what the owner lets be quoted is not private.
    pub fn new(private: &PrivateTexts, published: &[String], public: &[String]) -> Self {
        let mut index = Self {
            texts: Vec::new(),
            readings: Vec::new(),
            orders: Vec::new(),
            rows: Vec::new(),
            table: Table::default(),
            canaries: Vec::new(),
            own_letters: false,
        };
        for (slot, bound) in private.slots() {
            index.take(slot, bound.text.reveal(), published, public);
        }
        let rows = (0..index.rows.len()).flat_map(|row| {
            let picked = index.picked(row).into_iter();
            picked.map(move |(at, hash)| (hash, row as u32, at))
        });
        index.table = Table::new(rows.collect::<Vec<_>>().into_iter());
        index
    }

    /// Returns the pieces of a row by which it is recognised.
    fn picked(&self, number: usize) -> Vec<(u32, u64)> {
        let Some((row, order)) = self
            .rows
            .get(number)
            .and_then(|row| Some((row, self.orders.get(row.order)?)))
        else {
            return Vec::new();
        };
        let codes = self.codes(number);
        if row.breaks_off() {
            return winnow(&codes, NARROW);
        }
        let mut picked = winnow(&codes, WINDOW);
        let reading = self.readings.get(order.reading);
        let Some((reading, text)) =
            reading.and_then(|reading| Some((reading, self.texts.get(reading.text)?)))
        else {
            return picked;
        };
        // What an account counts is recognised wherever it is, if it is there as a whole.
        if row.is_straight() {
            let counted: HashSet<u32> = text.prints.iter().map(|(at, _)| *at).collect();
            let len = codes.len();
            each_gram(&codes, GRAM, |end, hash| {
                let first = if row.backwards { len - end } else { end - GRAM };
                let home = reading.home.get(first);
                if home.is_some_and(|home| counted.contains(home)) {
                    picked.push(((end - GRAM) as u32, hash));
                }
            });
            picked.sort_unstable();
            picked.dedup();
        }
        picked
    }

    /// Returns the digests of the texts, which name their accounts.
    pub fn texts(&self) -> impl Iterator<Item = Digest> {
        self.texts.iter().map(|text| text.digest)
    }

    /// Returns the code at a place of a row.
    #[inline]
    pub(super) fn code(&self, row: &Row, at: usize) -> Option<u16> {
        let order = self.orders.get(row.order)?;
        let place = row.place(&order.places, at)?;
        let code = self
            .readings
            .get(order.reading)?
            .codes
            .get(place as usize)?;
        Some(alike(if row.rotated { rotate(*code) } else { *code }))
    }

    /// Returns the reading that a row is of, and which code of it stands at a place of the row.
    pub(super) fn place(&self, row: &Row, at: usize) -> Option<(usize, usize)> {
        let order = self.orders.get(row.order)?;
        let place = row.place(&order.places, at)?;
        Some((order.reading, place as usize))
    }

    fn codes(&self, row: usize) -> Vec<u16> {
        let Some(row) = self.rows.get(row) else {
            return Vec::new();
        };
        (0..).map_while(|at| self.code(row, at)).collect()
    }

    fn take(&mut self, slot: &str, text: &str, published: &[String], public: &[String]) {
        let number = self.texts.len();
        let first = Layout::read(text, Look::Alike);
        let codes: Vec<u16> = first.codes.iter().map(|code| alike(*code)).collect();
        let mut open = open_places(&codes, published, public);
        mark_common(&mut open, text, &codes, &first.offsets);
        let mut prints = winnow(&codes, WINDOW);
        prints.retain(|(at, _)| {
            let piece = open.get(*at as usize..*at as usize + GRAM);
            piece.is_some_and(|piece| piece.contains(&false))
        });
        let distinct = prints
            .iter()
            .map(|(_, hash)| hash)
            .collect::<HashSet<_>>()
            .len();
        self.canaries.extend(canary::find(text, slot, |value| {
            canary::is_open(value, published, public)
        }));
        self.texts.push(Text {
            slot: slot.into(),
            digest: Digest::of(text.as_bytes()),
            public: open,
            prints,
            distinct,
        });
        let offsets = first.offsets.clone();
        let straight = first.codes.clone();
        let home = (0..straight.len() as u32).collect();
        self.add(number, &[], first, home);
        for (forms, other) in other_readings(text) {
            let layout = Layout::read(&other, Look::Alike);
            let home = aligned(&layout.codes, &straight);
            self.add(number, &forms, layout, home);
        }
        let own = Layout::read(text, Look::Own);
        if own.codes != straight {
            self.own_letters = true;
            let home = own
                .offsets
                .iter()
                .map(|at| offsets.partition_point(|other| other < at) as u32);
            let home = home.collect();
            self.add(number, &[], own, home);
        }
    }

    /// Adds every row of one reading of a text. `home` leads to the codes of the text's first reading.
    fn add(&mut self, text: usize, forms: &[Form], layout: Layout, home: Vec<u32>) {
        let reading = self.readings.len();
        let mut orders = vec![(None, (0..layout.codes.len() as u32).collect::<Vec<_>>())];
        let clusters = (layout.clusters.len() < layout.codes.len()).then_some(&layout.clusters);
        let parts = [(Form::Words, &layout.words), (Form::Lines, &layout.lines)];
        for (form, breaks) in parts
            .into_iter()
            .chain(clusters.map(|breaks| (Form::Clusters, breaks)))
        {
            if breaks.len() > 1 {
                orders.push((Some(form), turned(&layout, breaks)));
            }
        }
        let with_digits = layout.codes.iter().any(|code| is_digit(*code));
        self.readings.push(Reading {
            text,
            look: layout.look,
            home,
            codes: layout.codes,
        });
        for (form, places) in orders {
            let forms = [forms, form.as_slice()].concat();
            let letters = with_digits.then(|| {
                let codes = self
                    .readings
                    .get(reading)
                    .map_or(&[][..], |reading| &reading.codes);
                let is_letter =
                    |at: &u32| codes.get(*at as usize).is_some_and(|code| !is_digit(*code));
                places.iter().copied().filter(is_letter).collect()
            });
            self.add_order(reading, &forms, places);
            if let Some(letters) = letters {
                let forms = [&forms[..], &[Form::Numbers]].concat();
                self.add_order(reading, &forms, letters);
            }
        }
    }

    fn add_order(&mut self, reading: usize, forms: &[Form], places: Vec<u32>) {
        let order = self.orders.len();
        self.orders.push(Order { reading, places });
        for rotated in [false, true] {
            for backwards in [false, true] {
                let mut forms = forms.to_vec();
                forms.extend(backwards.then_some(Form::Reversed));
                forms.extend(rotated.then_some(Form::Rot13));
                self.rows.push(Row {
                    order,
                    backwards,
                    rotated,
                    forms,
                });
            }
        }
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index(of {} texts)", self.texts.len())
    }
}

impl Reading {
    /// Returns which code of the text's first reading stands at a place.
    pub(super) fn home(&self, place: usize) -> Option<usize> {
        self.home.get(place).map(|home| *home as usize)
    }

    /// Returns the codes as they are compared.
    pub(super) fn codes(&self) -> Vec<u16> {
        self.codes.iter().map(|code| alike(*code)).collect()
    }

    /// Returns the places around one as far as there are digits.
    pub(super) fn with_digits(&self, place: usize) -> (usize, usize) {
        let digit = |place: &usize| self.codes.get(*place).is_some_and(|code| is_digit(*code));
        let before = (0..place).rev().take_while(digit).count();
        let after = (place + 1..self.codes.len()).take_while(digit).count();
        (place - before, place + after)
    }

    /// Returns the places of the codes that are no digits.
    pub(super) fn letters(&self) -> Vec<usize> {
        let codes = self.codes.iter().enumerate();
        codes
            .filter(|(_, code)| !is_digit(**code))
            .map(|(place, _)| place)
            .collect()
    }
}

impl Row {
    /// Returns whether the codes are all there and in their order, forwards or backwards.
    pub(super) fn is_straight(&self) -> bool {
        self.is_in_order() && !self.forms.contains(&Form::Numbers)
    }

    /// Returns whether no word, line or letter stands anywhere else than in the text, seen from one end or the other.
    pub(super) fn is_in_order(&self) -> bool {
        let turned = [Form::Words, Form::Lines, Form::Clusters];
        !self.forms.iter().any(|form| turned.contains(form))
    }

    /// Returns whether words are turned.
    pub(super) fn has_turned_words(&self) -> bool {
        self.forms.contains(&Form::Words)
    }

    /// Returns whether a run is shorter than what it shows.
    fn breaks_off(&self) -> bool {
        self.has_turned_words() || self.forms.contains(&Form::Numbers)
    }

    #[inline]
    fn place(&self, places: &[u32], at: usize) -> Option<u32> {
        let at = if self.backwards {
            places.len().checked_sub(at + 1)?
        } else {
            at
        };
        places.get(at).copied()
    }
}

/// The parts of an index by the digest of their text, for whoever keeps accounts.
impl Index {
    /// Returns each text's slot and how many fingerprints its account counts.
    pub fn sizes(&self) -> BTreeMap<Digest, (Arc<str>, usize)> {
        let sizes = self.texts.iter();
        sizes
            .map(|text| (text.digest, (Arc::clone(&text.slot), text.distinct)))
            .collect()
    }
}

/// Marks what everybody knows as not private.
fn mark_common(open: &mut [bool], text: &str, codes: &[u16], offsets: &[u32]) {
    common::each_known_piece(codes, |piece| mark(open, piece));
    for span in common::spans(text) {
        let place = |at: usize| offsets.partition_point(|offset| (*offset as usize) < at);
        mark(open, place(span.start)..place(span.end));
    }
}

/// Returns how many letters and digits of a text are guarded: all that are not what everybody knows. Of a text that has no more
/// than [`LONGEST`](super::LONGEST), any answer may hold all.
pub fn guarded(text: &str) -> usize {
    let layout = Layout::read(text, Look::Alike);
    let codes: Vec<u16> = layout.codes.iter().map(|code| alike(*code)).collect();
    let mut open = vec![false; codes.len()];
    mark_common(&mut open, text, &codes, &layout.offsets);
    open.iter().filter(|open| !**open).count()
}
