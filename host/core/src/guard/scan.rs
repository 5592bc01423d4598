//! Looks for the private texts in one reading of a candidate: finds shared fingerprints, follows each to both sides as far
//! as the texts agree, and notes what of it the caller did not know.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::fold::{Look, alike, codes, letters, plain_codes, without_digits};
use super::index::{Index, Reading, Text};
use super::near::around_bytes;
use super::print::{GRAM, each_gram};
use super::stretch::Place;
use super::{Form, LONGEST, Leak, Shown, Sighting, What, canary};

/// How many codes matches are followed over in one inspection. What agrees more often than that is made to cost.
const FOLLOWED: usize = 4_000_000;

/// How much more than a run is taken to be out where it breaks off early.
const WORD: usize = 12;

/// What the caller said itself, looked for when it first matters.
pub(super) struct Known<'a> {
    input: &'a str,
    /// For each reading: which of its codes stand in the caller's input, as part of a piece that is long enough.
    readings: Vec<OnceCell<Vec<bool>>>,
}

impl<'a> Known<'a> {
    fn new(index: &Index, input: &'a str) -> Self {
        Self {
            input,
            readings: index.readings.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// Returns whether the code at a place of a reading is among what the caller said.
    fn holds(&self, index: &Index, reading: usize, place: usize) -> bool {
        let (Some(cell), Some(read)) = (self.readings.get(reading), index.readings.get(reading))
        else {
            return false;
        };
        let places = cell.get_or_init(|| self.read(read));
        places.get(place).copied().unwrap_or(false)
    }

    fn read(&self, reading: &Reading) -> Vec<bool> {
        let all = reading.codes();
        let mut known = vec![false; all.len()];
        if self.input.is_empty() {
            return known;
        }
        let whole: Vec<usize> = (0..all.len()).collect();
        for (places, input) in [
            (whole, codes(self.input, reading.look)),
            (reading.letters(), letters(self.input, reading.look)),
        ] {
            if input.len() < GRAM {
                continue;
            }
            let mut pieces = HashSet::new();
            each_gram(&input, GRAM, |_, hash| {
                pieces.insert(hash);
            });
            let row: Vec<u16> = places
                .iter()
                .filter_map(|place| all.get(*place).copied())
                .collect();
            each_gram(&row, GRAM, |end, hash| {
                if pieces.contains(&hash) {
                    for place in places.get(end - GRAM..end).unwrap_or_default() {
                        if let Some(known) = known.get_mut(*place) {
                            *known = true;
                        }
                    }
                }
            });
        }
        known
    }
}

/// A part of a candidate that stands in a row of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    row: usize,
    /// Where it starts in the row.
    at: usize,
    /// Where it starts in the candidate's codes.
    pub(super) from: usize,
    pub(super) len: usize,
}

/// What of one text came out.
struct Covered {
    /// For the account: with what lies around what is out, where that breaks off early or leaves something out.
    places: Vec<bool>,
    /// For what is in a row: what was found itself.
    row: Vec<Place>,
    form: String,
}

/// What was found so far, in all readings of a candidate.
pub(super) struct Found<'a> {
    index: &'a Index,
    known: Known<'a>,
    /// For each text: which of its codes came out, and in which form first.
    covered: Vec<Option<Covered>>,
    worst: Option<Leak>,
    followed: usize,
}

impl<'a> Found<'a> {
    pub(super) fn new(index: &'a Index, input: &'a str) -> Self {
        Self {
            index,
            known: Known::new(index, input),
            covered: index.texts.iter().map(|_| None).collect(),
            worst: None,
            followed: 0,
        }
    }

    /// Reads a text in every way there is.
    pub(super) fn look(&mut self, text: &str, path: &[Form]) {
        // Where no digit is, digits make no difference, and there is no mark.
        let numbers = around_bytes(text, |byte| byte.is_ascii_digit());
        let is_own = self.index.own_letters && !text.is_ascii();
        for look in [Look::Alike, Look::Own] {
            if look == Look::Own && !is_own {
                continue;
            }
            self.search(&codes(text, look), path);
            let Some(numbers) = &numbers else {
                continue;
            };
            let plain = plain_codes(numbers, look);
            self.search(&without_digits(&plain), path);
            if look == Look::Alike && !self.index.canaries.is_empty() {
                let codes: Vec<u16> = plain.iter().map(|code| alike(*code)).collect();
                self.look_for_marks(&codes, path);
            }
        }
    }

    fn search(&mut self, codes: &[u16], path: &[Form]) {
        for run in runs(self.index, codes, &mut self.followed) {
            self.note(&run, path);
        }
        if self.followed >= FOLLOWED {
            self.leak(Leak::unsearchable());
        }
    }

    fn look_for_marks(&mut self, codes: &[u16], path: &[Form]) {
        for (canary, forms) in canary::seen(&self.index.canaries, codes) {
            if !canary.is_said_by(self.known.input) {
                self.leak(Leak {
                    slot: canary.slot.to_string(),
                    what: What::Canary,
                    form: Form::name(path, forms),
                });
            }
        }
    }

    /// Notes a leak, unless a worse one is known, or the same one in fewer disguises.
    pub(super) fn leak(&mut self, leak: Leak) {
        let rank = |leak: &Leak| {
            let plain = leak.form == Form::name(&[], &[]);
            (leak.what, plain, Reverse(leak.form.matches(',').count()))
        };
        if self
            .worst
            .as_ref()
            .is_none_or(|worst| rank(worst) < rank(&leak))
        {
            self.worst = Some(leak);
        }
    }

    fn note(&mut self, run: &Run, path: &[Form]) {
        let index = self.index;
        let Some(row) = index.rows.get(run.row) else {
            return;
        };
        let mut new = 0;
        let mut whose = None;
        let (mut last, mut before) = (None, None);
        for at in run.at..run.at + run.len {
            let Some((number, place)) = index.place(row, at) else {
                continue;
            };
            let Some(reading) = index.readings.get(number) else {
                continue;
            };
            let (Some(text), Some(home)) = (index.texts.get(reading.text), reading.home(place))
            else {
                continue;
            };
            whose = Some(text);
            let public = text.public.get(home).copied().unwrap_or(false);
            let is_known = public || self.known.holds(index, number, place);
            let Some(slot) = self.covered.get_mut(reading.text) else {
                continue;
            };
            let covered =
                slot.get_or_insert_with(|| Covered::new(text, Form::name(path, &row.forms)));
            covered.note(home, before.filter(|_| row.is_in_order()), is_known);
            before = Some(home);
            if is_known {
                last = None;
                continue;
            }
            new += 1;
            let (from, to) = if row.has_turned_words() {
                // A run breaks off within a word that is out as a whole.
                (home.saturating_sub(WORD), home + WORD)
            } else if row.forms.contains(&Form::Numbers) {
                let (from, to) = reading.with_digits(place);
                let first = reading.home(from).unwrap_or(home);
                (first, reading.home(to).unwrap_or(home).max(first))
            } else {
                // What lies between two that are out was left out on the way: marks, halves of characters.
                let before = last
                    .filter(|last| home.abs_diff(*last) <= WORD)
                    .unwrap_or(home);
                (home.min(before), home.max(before))
            };
            last = Some(home);
            let end = (to + 1).min(covered.places.len());
            let places = covered.places.get_mut(from..end);
            places.unwrap_or_default().fill(true);
        }
        if let Some(text) = whose.filter(|_| new > LONGEST) {
            self.leak(Leak {
                slot: text.slot.to_string(),
                what: What::Run(new),
                form: Form::name(path, &row.forms),
            });
        }
    }

    /// Returns what was found.
    pub(super) fn into_sighting(self) -> Sighting {
        let mut sighting = Sighting {
            leak: self.worst,
            ..Sighting::default()
        };
        for (text, covered) in self.index.texts.iter().zip(self.covered) {
            let Some(covered) = covered else {
                continue;
            };
            let prints = shown(text, &covered.places);
            let stretches = &mut sighting.stretches;
            stretches.insert(text.digest, &text.slot, &covered.form, covered.row);
            if !prints.is_empty() {
                sighting.shown.push(Shown {
                    text: text.digest,
                    slot: text.slot.to_string(),
                    distinct: text.distinct,
                    prints,
                    form: covered.form,
                });
            }
        }
        // Pieces of one answer are put together as easily as pieces of several.
        if !matches!(&sighting.leak, Some(leak) if leak.what >= What::Canary) {
            sighting.leak = sighting.stretches.leak().or(sighting.leak);
        }
        sighting
    }
}

impl Covered {
    fn new(text: &Text, form: String) -> Self {
        let open = |public: &bool| {
            if *public { Place::Between } else { Place::Kept }
        };
        Self {
            places: vec![false; text.public.len()],
            row: text.public.iter().map(open).collect(),
            form,
        }
    }

    /// Notes a place of a run, and what was left out since the one before it.
    fn note(&mut self, home: usize, before: Option<usize>, is_known: bool) {
        let before = before.filter(|before| home.abs_diff(*before) <= WORD);
        let before = before.unwrap_or(home);
        let between = home.min(before)..=home.max(before);
        for place in self.row.get_mut(between).unwrap_or_default() {
            *place = (*place).max(Place::Between);
        }
        if let Some(place) = self.row.get_mut(home).filter(|_| !is_known) {
            *place = Place::Out;
        }
    }
}

/// Returns the fingerprints of a text that came out: those of which every code did that is not public.
fn shown(text: &Text, covered: &[bool]) -> BTreeSet<u64> {
    let prints = text.prints.iter();
    prints
        .filter(|(at, _)| {
            let piece = *at as usize..*at as usize + GRAM;
            let covered = covered.get(piece.clone()).unwrap_or_default();
            let public = text.public.get(piece).unwrap_or_default();
            covered.contains(&true) && covered.iter().zip(public).all(|(out, open)| *out || *open)
        })
        .map(|(_, hash)| *hash)
        .collect()
}

/// Returns every part of a candidate that holds a fingerprint, as far as it goes.
pub(super) fn runs(index: &Index, codes: &[u16], followed: &mut usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    each_gram(codes, GRAM, |end, hash| {
        for spot in index.table.find(hash) {
            let (row, at, from) = (spot.row as usize, spot.at as usize, end - GRAM);
            let seen = runs.iter().rev().take(64).any(|run| {
                run.row == row
                    && run.from <= from
                    && from + GRAM <= run.from + run.len
                    && run.at + (from - run.from) == at
            });
            if seen || *followed >= FOLLOWED {
                continue;
            }
            let run = follow(index, codes, row, at, from);
            *followed += 1 + run.map_or(0, |run| run.len);
            runs.extend(run);
        }
    });
    runs
}

/// Follows a shared fingerprint to both sides. Returns nothing if only the hashes agree.
fn follow(index: &Index, codes: &[u16], number: usize, at: usize, from: usize) -> Option<Run> {
    let row = index.rows.get(number)?;
    let same = |at: usize, from: usize| {
        let code = codes.get(from);
        code.is_some() && code.copied() == index.code(row, at)
    };
    let ahead = (0..).take_while(|n| same(at + n, from + n)).count();
    if ahead < GRAM {
        return None;
    }
    let behind = (1..=at.min(from))
        .take_while(|n| same(at - n, from - n))
        .count();
    Some(Run {
        row: number,
        at: at - behind,
        from: from - behind,
        len: behind + ahead,
    })
}
