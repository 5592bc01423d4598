//! The encoding of RFC 9420: numbers, and vectors whose length is a number of one, two or four bytes.

use super::Malformed;

/// Reads from the front of bytes and never past their end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Length)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Reads a vector. The length's first two bits say how long the length is, and it must be as short as it can be:
    /// otherwise the same vector would have several spellings.
    pub(super) fn vector(&mut self) -> Result<&'a [u8], Malformed> {
        let first = self.u8()?;
        let start = u32::from(first & 0x3f);
        let (length, least) = match first >> 6 {
            0 => (start, 0),
            1 => ((start << 8) | u32::from(self.u8()?), 1 << 6),
            2 => {
                let [b, c, d] = self.array()?;
                (u32::from_be_bytes([first & 0x3f, b, c, d]), 1 << 14)
            }
            _ => return Err(Malformed::Length),
        };
        if length < least {
            return Err(Malformed::Length);
        }
        self.take(usize::try_from(length).map_err(|_| Malformed::Length)?)
    }

    /// Says that everything was read.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Trailing)
        }
    }
}

/// Appends a vector to `out`.
pub(super) fn write_vector(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Malformed> {
    let length = u32::try_from(bytes.len()).map_err(|_| Malformed::Length)?;
    let [a, b, c, d] = length.to_be_bytes();
    match length {
        0..0x40 => out.push(d),
        0x40..0x4000 => out.extend([0x40 | c, d]),
        0x4000..0x4000_0000 => out.extend([0x80 | a, b, c, d]),
        _ => return Err(Malformed::Length),
    }
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_of_any_length_comes_back() {
        for length in [0, 1, 63, 64, 16_383, 16_384, 100_000] {
            let bytes = vec![7; length];
            let mut out = Vec::new();
            write_vector(&mut out, &bytes).expect("a length that fits");
            let mut reader = Reader::new(&out);
            assert_eq!(reader.vector(), Ok(bytes.as_slice()));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn a_length_has_one_spelling() {
        assert_eq!(Reader::new(&[0x40, 1, 9]).vector(), Err(Malformed::Length));
        assert_eq!(Reader::new(&[0xc0, 0]).vector(), Err(Malformed::Length));
        assert_eq!(Reader::new(&[2, 9]).vector(), Err(Malformed::Length));
    }
}
