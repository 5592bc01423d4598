//! Numbers with their units: sizes, durations and points in time, and how people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A size in bytes. People write `64 KiB`, `1 MiB`, or a plain number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A length of time. People write `1s`, `250ms`, `2m`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

/// A point in time: microseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// The text is not a size or a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a size.
    #[error(
        "{0:?} is not a size: write a number of bytes, or with a unit as in \"64 KiB\" or \"1 MiB\""
    )]
    Size(String),
    /// Not a length of time.
    #[error(
        "{0:?} is not a length of time: write it as in \"250ms\", \"30s\", \"5m\", \"24h\" or \"7d\""
    )]
    Time(String),
}

const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Bytes {
    /// Returns so many KiB.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// Returns so many MiB.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// Returns whether the size is nothing at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the size as a length in memory, at most what this machine can address.
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Span {
    /// Returns so many milliseconds.
    pub const fn millis(n: u64) -> Self {
        Self(Duration::from_millis(n))
    }

    /// Returns so many seconds.
    pub const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }
}

impl Timestamp {
    /// Returns this point moved later by `by`.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns this point moved earlier by `by`.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// Returns how long ago `earlier` was at this point, or zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || UnitError::Size(text.chars().take(40).collect());
        if let Ok(bytes) = text.trim().parse() {
            return Ok(Self(bytes));
        }
        let (number, unit) = SIZES
            .iter()
            .find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?.trim(), *unit)))
            .ok_or_else(refuse)?;
        let number: u64 = number.parse().map_err(|_| refuse())?;
        number.checked_mul(unit).map(Self).ok_or_else(refuse)
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || UnitError::Time(text.chars().take(40).collect());
        let (number, unit) = TIMES
            .iter()
            .find_map(|(name, unit)| {
                Some((
                    text.trim().strip_suffix(name)?.trim().parse::<u64>().ok()?,
                    *unit,
                ))
            })
            .ok_or_else(refuse)?;
        number
            .checked_mul(unit)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(refuse)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES
            .iter()
            .take(3)
            .find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit))
        {
            Some((name, unit)) => write!(f, "{} {name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match TIMES
            .iter()
            .rev()
            .find(|(_, unit)| ms > 0 && ms.is_multiple_of(u128::from(*unit)))
        {
            Some((name, unit)) => write!(f, "{}{name}", ms / u128::from(*unit)),
            None => write!(f, "{ms}ms"),
        }
    }
}

/// What serde may find where a unit is expected.
#[derive(Deserialize)]
#[serde(untagged)]
enum Raw {
    Number(u64),
    Text(String),
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Raw::deserialize(deserializer)? {
            Raw::Number(bytes) => Ok(Self(bytes)),
            Raw::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_write() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("3 MB", 3_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
            assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
        for bad in ["", "KiB", "-1", "1.5 MiB", "99999999999 GiB", "1 parsec"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_read_and_write() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(text.parse(), Ok(Span::millis(ms)), "{text}");
            assert_eq!(Span::millis(ms).to_string().parse(), Ok(Span::millis(ms)));
        }
        for bad in ["", "s", "30", "-1s", "1y", "99999999999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }
}
