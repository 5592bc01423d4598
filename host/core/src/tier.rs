//! The four tiers of trust. A tier is the owner's decision about a peer, never a claim of the peer's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far the owner trusts a peer. The order is the meaning: more tier never sees less.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Every peer starts here.
    #[default]
    Untrusted,
    /// Let in by the owner.
    Known,
    /// The owner's own circle.
    Internal,
    /// May do whatever a peer can do.
    Privileged,
}

/// The text or number is not a tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a tier: use untrusted, known, internal or privileged")]
pub struct TierError(String);

impl Tier {
    /// Every tier, lowest first.
    pub const ALL: [Self; 4] = [
        Self::Untrusted,
        Self::Known,
        Self::Internal,
        Self::Privileged,
    ];

    /// Returns the number that stands for this tier on the wire, 0 to 3.
    pub const fn level(self) -> u8 {
        match self {
            Self::Untrusted => 0,
            Self::Known => 1,
            Self::Internal => 2,
            Self::Privileged => 3,
        }
    }

    /// Returns the tier of a wire number, or nothing above 3.
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            0 => Some(Self::Untrusted),
            1 => Some(Self::Known),
            2 => Some(Self::Internal),
            3 => Some(Self::Privileged),
            _ => None,
        }
    }

    /// Returns the tier's name, as commands and files write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Known => "known",
            Self::Internal => "internal",
            Self::Privileged => "privileged",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = TierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(text) || text == tier.level().to_string())
            .ok_or_else(|| TierError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for tier in Tier::ALL {
            assert_eq!(tier.name().parse(), Ok(tier));
            assert_eq!(tier.level().to_string().parse(), Ok(tier));
            assert_eq!(Tier::from_level(tier.level()), Some(tier));
        }
        assert_eq!(Tier::from_level(4), None);
        assert!("root".parse::<Tier>().is_err());
    }
}
