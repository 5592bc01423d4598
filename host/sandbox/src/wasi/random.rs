//! Randomness, counted. Real for calls, always the same for `describe`.

use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::error::Which;
use crate::room::Room;

/// Where random bytes come from.
#[derive(Debug)]
pub(crate) struct Dice(Option<u64>);

impl Dice {
    /// Returns the system's.
    pub(crate) fn real() -> Self {
        Self(None)
    }

    /// Returns dice that always roll the same.
    pub(crate) fn fixed() -> Self {
        Self(Some(0x005e_edc0_30a4_e500))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> wasmtime::Result<()> {
        let Some(state) = &mut self.0 else {
            return getrandom::fill(bytes).map_err(|error| {
                wasmtime::format_err!("the system gives no random bytes: {error}")
            });
        };
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: good enough to look random, and the same everywhere.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(z.to_le_bytes().get(..chunk.len()).unwrap_or_default());
        }
        Ok(())
    }
}

impl Room {
    fn roll(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.enter(0)?;
        self.randomness = self.randomness.saturating_add(len);
        if self.randomness > self.limits.randomness.0 {
            return Err(self.fail(Which::Randomness));
        }
        // At most the limit, which was just checked.
        let mut bytes = vec![0; usize::try_from(len)?];
        self.dice.fill(&mut bytes)?;
        self.carry(bytes.len())?;
        Ok(bytes)
    }

    fn roll_u64(&mut self) -> wasmtime::Result<u64> {
        let bytes = self.roll(8)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl random::Host for Room {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.roll(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.roll_u64()
    }
}

impl insecure::Host for Room {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.roll(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.roll_u64()
    }
}

impl insecure_seed::Host for Room {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.roll_u64()?, self.roll_u64()?))
    }
}
