//! The linear memories of guests that live in this process, read from outside as the kernel shows them: any component can be
//! searched as it was built, with nothing put into it or into the host for that.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use async_trait::async_trait;
use coworker_sandbox::Turn;

use super::WIDTH;

/// Around a guest's memory lie addresses that nobody may touch, so that no access of it goes astray: at least so many bytes
/// before it and behind it. Nothing else in a process lies like that.
const BEFORE: u64 = 16 << 20;
const BEHIND: u64 = 1 << 30;
/// How much is read at a time.
const PART: usize = 1 << 20;
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Pieces of texts that are looked for by their letters and digits, whatever stands between those. A piece has [`WIDTH`] of
/// them.
pub(super) struct Sought {
    /// Of which texts there is a piece with a hash.
    hashes: HashMap<u64, Found>,
    /// Which upper quarters of hashes there are: most places need no second look.
    marks: Vec<bool>,
    /// What a letter counts that leaves the piece.
    leaving: u64,
}

/// How many pieces there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// Of private texts.
    pub(super) private: usize,
    /// Of what the guest was given.
    pub(super) given: usize,
}

impl Found {
    fn add(&mut self, more: Self) {
        self.private += more.private;
        self.given += more.given;
    }
}

impl Sought {
    /// Returns what looks for pieces of private texts and of what a guest was given.
    pub(super) fn new(private: &[String], given: &[&str]) -> Self {
        let mut hashes: HashMap<u64, Found> = HashMap::new();
        for text in private {
            for hash in pieces(text) {
                hashes.entry(hash).or_default().private = 1;
            }
        }
        for hash in given.iter().flat_map(|text| pieces(text)) {
            hashes.entry(hash).or_default().given = 1;
        }
        let mut marks = vec![false; 1 << 16];
        for hash in hashes.keys() {
            marks[(hash >> 48) as usize] = true;
        }
        Self {
            hashes,
            marks,
            leaving: (0..WIDTH).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
        }
    }

    /// Counts the places where a piece ends.
    pub(super) fn count(&self, bytes: &[u8]) -> Found {
        const EMPTY: [u8; 4096] = [0; 4096];
        let mut last = [0_u8; WIDTH];
        let (mut hash, mut place, mut found) = (0_u64, 0_usize, Found::default());
        // Most of a memory was never written.
        for part in bytes.chunks(EMPTY.len()).filter(|part| *part != EMPTY) {
            for &byte in part {
                if !byte.is_ascii_alphanumeric() {
                    continue;
                }
                let byte = byte.to_ascii_lowercase();
                hash = with(hash, byte)
                    .wrapping_sub(u64::from(last[place]).wrapping_mul(self.leaving));
                last[place] = byte;
                place = if place + 1 == WIDTH { 0 } else { place + 1 };
                if self.marks[(hash >> 48) as usize]
                    && let Some(piece) = self.hashes.get(&hash)
                {
                    found.add(*piece);
                }
            }
        }
        found
    }
}

/// Returns the hashes of one piece after another of a text.
fn pieces(text: &str) -> Vec<u64> {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    let letters: Vec<u8> = letters.map(|byte| byte.to_ascii_lowercase()).collect();
    let pieces = letters.chunks_exact(WIDTH);
    pieces
        .map(|piece| piece.iter().fold(0, |hash, byte| with(hash, *byte)))
        .collect()
}

fn with(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(u64::from(byte))
}

/// What was seen in all memory of the guests of this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// While they waited.
    pub(super) waiting: Found,
    /// How often they did.
    pub(super) waits: usize,
    /// Once they had ended.
    pub(super) ended: Found,
    /// How much memory there was then.
    pub(super) bytes: u64,
    /// How often a guest had ended.
    pub(super) ends: usize,
}

/// A turn that is always one's own, and that looks through the guest's memory whenever it waits, and once it has ended.
pub(super) struct Searching {
    sought: Sought,
    seen: Mutex<Seen>,
}

impl Searching {
    pub(super) fn new(sought: Sought) -> Self {
        Self {
            sought,
            seen: Mutex::default(),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().expect("alive").clone()
    }
}

#[async_trait]
impl Turn for Searching {
    fn pause(&self) {
        let mut seen = self.seen.lock().expect("alive");
        seen.waits += 1;
        for memory in linear() {
            seen.waiting.add(self.sought.count(&memory));
        }
    }

    async fn resume(&self) {}

    fn end(&self) {
        let mut seen = self.seen.lock().expect("alive");
        seen.ends += 1;
        for memory in linear() {
            seen.ended.add(self.sought.count(&memory));
            seen.bytes += memory.len() as u64;
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    None,
    Full,
    Other,
}

/// Addresses that follow one another and may all be used in the same way.
struct Range {
    from: u64,
    to: u64,
    access: Access,
}

/// Returns a copy of every linear memory in this process.
fn linear() -> Vec<Vec<u8>> {
    let memory = File::open("/proc/self/mem").expect("a process may read itself");
    let ranges = ranges();
    let around = ranges.windows(3).filter(|three| {
        let [before, it, behind] = three else {
            return false;
        };
        let empty = |of: &Range, least| of.access == Access::None && of.to - of.from >= least;
        it.access == Access::Full
            && (before.to == it.from && it.to == behind.from)
            && (empty(before, BEFORE) && empty(behind, BEHIND))
    });
    around
        .filter_map(|three| copy(&memory, three[1].from, three[1].to))
        .collect()
}

/// Returns what lies there, unless it went away meanwhile: then it was of another test, whose guest has ended.
fn copy(memory: &File, from: u64, to: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).expect("it fits")];
    let mut at = from;
    for part in bytes.chunks_mut(PART) {
        memory.read_exact_at(part, at).ok()?;
        at += part.len() as u64;
    }
    Some(bytes)
}

/// Returns the addresses of this process, those that touch and are used alike as one.
fn ranges() -> Vec<Range> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("a process may read itself");
    let mut ranges: Vec<Range> = Vec::new();
    for line in maps.lines() {
        let (addresses, rest) = line.split_once(' ').expect("addresses and more");
        let (from, to) = addresses.split_once('-').expect("two addresses");
        let address = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let (from, to) = (address(from), address(to));
        let access = match rest.as_bytes().get(..3) {
            Some(b"---") => Access::None,
            Some(b"rw-") => Access::Full,
            _ => Access::Other,
        };
        match ranges.last_mut() {
            Some(last) if last.to == from && last.access == access => last.to = to,
            _ => ranges.push(Range { from, to, access }),
        }
    }
    ranges
}

#[test]
fn pieces_are_found_by_their_letters() {
    let text = "The keys of the cellar hang behind the third clock in the hall.";
    let sought = Sought::new(&[text.to_owned()], &["Behind the third clock of the hall"]);
    let count = |bytes: &[u8]| {
        let found = sought.count(bytes);
        (found.private, found.given)
    };
    assert_eq!(count(text.as_bytes()), (2, 0));
    let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0, b'-']).collect();
    assert_eq!(count(&wide.to_ascii_uppercase()), (2, 0));
    let mut far = vec![0; 10_000];
    far.extend(&text.as_bytes()[..30]);
    assert_eq!(count(&far), (1, 0));
    assert_eq!(count(b"look behind the third clock of the hall"), (0, 1));
    assert_eq!(count(b"The keys of the cellar are lost."), (0, 0));
    assert_eq!(count(&[]), (0, 0));
}
