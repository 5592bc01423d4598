//! Fingerprints: hashes of pieces of a text, picked so that any two texts that agree for long enough share one.

/// How many codes a fingerprint is of. Shorter agreements are how people write: of pieces of 16, a peer that is shown two thousand
/// texts of others would fill its account by chance; of pieces of 20 it does not.
pub(super) const GRAM: usize = 20;
/// Of so many pieces in a row one is picked. A run of `GRAM + WINDOW - 1` codes, which is 39, always holds a picked piece.
pub(super) const WINDOW: usize = 20;
/// The same where runs break off within words, and are shorter than what they show.
pub(super) const NARROW: usize = 5;

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash that moves over a row of codes.
#[derive(Debug)]
pub(super) struct Rolling {
    hash: u64,
    leaving: u64,
}

impl Rolling {
    /// Returns a hash over `width` codes.
    pub(super) fn new(width: usize) -> Self {
        Self {
            hash: 0,
            leaving: (0..width).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
        }
    }

    /// Moves on by one code. `leaves` is 0 until as many codes came as it is wide.
    #[inline]
    pub(super) fn roll(&mut self, comes: u16, leaves: u16) -> u64 {
        // This part does not wait for the hash before.
        let change = u64::from(comes).wrapping_sub(u64::from(leaves).wrapping_mul(self.leaving));
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(change);
        // The low bits of the sum depend on few codes: they are stirred.
        let stirred = (self.hash ^ (self.hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        stirred ^ (stirred >> 32)
    }
}

/// Passes on the hash of every piece of `width` codes and where it ends.
#[inline]
pub(super) fn each_gram(codes: &[u16], width: usize, mut sink: impl FnMut(usize, u64)) {
    let mut rolling = Rolling::new(width);
    let Some((head, tail)) = width
        .checked_sub(1)
        .and_then(|before| codes.split_at_checked(before))
    else {
        return;
    };
    for &code in head {
        rolling.roll(code, 0);
    }
    let mut leaves = 0;
    for (at, (&comes, &first)) in tail.iter().zip(codes).enumerate() {
        sink(width + at, rolling.roll(comes, leaves));
        leaves = first;
    }
}

/// Returns the picked pieces, at least one of so many in a row: where each starts, and its hash.
pub(super) fn winnow(codes: &[u16], window: usize) -> Vec<(u32, u64)> {
    let mut grams = Vec::with_capacity(codes.len().saturating_sub(GRAM - 1));
    each_gram(codes, GRAM, |_, hash| grams.push(hash));
    let mut picked: Vec<(u32, u64)> = Vec::new();
    let windows = grams.windows(window.min(grams.len().max(1)));
    let mut least: Option<(usize, u64)> = None;
    for (start, window) in windows.enumerate() {
        let end = start + window.len() - 1;
        let newest = window.last().copied().unwrap_or(u64::MAX);
        least = match least {
            Some((at, hash)) if at >= start && hash < newest => Some((at, hash)),
            Some((at, _)) if at >= start => Some((end, newest)),
            // The least has left: the rightmost of the least ones takes its place.
            _ => window
                .iter()
                .enumerate()
                .min_by_key(|(at, hash)| (**hash, usize::MAX - at))
                .map(|(at, hash)| (start + at, *hash)),
        };
        if let Some((at, hash)) = least
            && picked.last().is_none_or(|last| last.0 as usize != at)
        {
            picked.push((at as u32, hash));
        }
    }
    picked
}

/// Where a fingerprint is in the private texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    hash: u64,
    /// In which row of codes.
    pub(super) row: u32,
    /// At which code of it.
    pub(super) at: u32,
}

/// All fingerprints of the private texts, by hash.
#[derive(Debug, Default)]
pub(super) struct Table {
    spots: Vec<Spot>,
    /// Where the spots start whose hashes begin with the same bits.
    starts: Vec<u32>,
    shift: u32,
    /// A Bloom filter of the hashes, with two bits in one word for each: most pieces of most texts end here.
    sieve: Vec<u64>,
}

impl Table {
    /// Returns the table of picked pieces, given as hash, row and place.
    pub(super) fn new(pieces: impl Iterator<Item = (u64, u32, u32)>) -> Self {
        let mut spots: Vec<Spot> = pieces
            .map(|(hash, row, at)| Spot { hash, row, at })
            .collect();
        spots.sort_unstable_by_key(|spot| (spot.hash, spot.row, spot.at));
        let bits = spots.len().next_power_of_two().trailing_zeros().max(1);
        let shift = 64 - bits;
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for spot in &spots {
            if let Some(count) = starts.get_mut((spot.hash >> shift) as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut hashes: Vec<u64> = spots.iter().map(|spot| spot.hash).collect();
        hashes.dedup();
        let mut sieve = vec![0_u64; (hashes.len() * 8).next_power_of_two().max(64) / 64];
        let words = sieve.len() as u64;
        for hash in hashes {
            if let Some(word) = sieve.get_mut(((hash >> 12) & (words - 1)) as usize) {
                *word |= marks(hash);
            }
        }
        Self {
            spots,
            starts,
            shift,
            sieve,
        }
    }

    /// Returns where the fingerprint is.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> &[Spot] {
        let mask = (self.sieve.len() as u64).wrapping_sub(1);
        let word = self.sieve.get(((hash >> 12) & mask) as usize).copied();
        let marks = marks(hash);
        if word.unwrap_or(0) & marks != marks {
            return &[];
        }
        self.look_up(hash)
    }

    #[cold]
    fn look_up(&self, hash: u64) -> &[Spot] {
        let bucket = (hash >> self.shift) as usize;
        let start = self.starts.get(bucket).copied().unwrap_or(0) as usize;
        let end = self
            .starts
            .get(bucket.saturating_add(1))
            .copied()
            .unwrap_or(0) as usize;
        let spots = self.spots.get(start..end).unwrap_or_default();
        let first = spots.partition_point(|spot| spot.hash < hash);
        let spots = spots.get(first..).unwrap_or_default();
        let count = spots.partition_point(|spot| spot.hash == hash);
        spots.get(..count).unwrap_or_default()
    }
}

/// The bits of a hash in its word of the sieve.
#[inline]
const fn marks(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_long_run_holds_a_picked_piece(codes in proptest::collection::vec(1_u16..4, 60..300), from in 0_usize..200) {
            let picked = winnow(&codes, WINDOW);
            let run = GRAM + WINDOW - 1;
            let from = from.min(codes.len() - run);
            let held = picked.iter().any(|(at, _)| *at as usize >= from && *at as usize + GRAM <= from + run);
            prop_assert!(held, "{picked:?} of {}", codes.len());
        }

        #[test]
        fn a_piece_hashes_the_same_wherever_it_is(piece in proptest::collection::vec(any::<u16>(), GRAM), before in proptest::collection::vec(any::<u16>(), 0..50)) {
            let mut alone = None;
            each_gram(&piece, GRAM, |_, hash| alone = Some(hash));
            let mut last = None;
            each_gram(&[before, piece].concat(), GRAM, |_, hash| last = Some(hash));
            prop_assert_eq!(alone, last);
        }
    }

    #[test]
    fn what_was_put_in_is_found() {
        let hash = |n: u64| n.wrapping_mul(BASE);
        let table = Table::new((0..1_000).map(|n| (hash(n % 500), 0, n as u32)));
        for n in 0..500 {
            let at: Vec<u32> = table.find(hash(n)).iter().map(|spot| spot.at).collect();
            assert_eq!(at, [n as u32, n as u32 + 500]);
        }
        assert!(table.find(hash(500)).is_empty());
        assert!(Table::default().find(7).is_empty());
        assert!(Table::new(std::iter::empty()).find(0).is_empty());
    }

    #[test]
    fn what_is_too_short_has_none() {
        assert!(winnow(&[1; GRAM - 1], WINDOW).is_empty());
        assert_eq!(winnow(&[1; GRAM], WINDOW).len(), 1);
    }
}
