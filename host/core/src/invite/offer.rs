//! What an invite offers: a tier for whoever shows its secret, until a time, on one network. The terms in a code are for
//! the reader; the issuer goes by its own record, of which the secret is only the key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::{Tier, Timestamp};

/// What makes a statement of ours unlike anything else that the key signs.
const DOMAIN: &[u8] = b"coworker-host invite v1\0";
/// What makes the kept hash unlike any other hash of the same bytes.
const HASH: &str = "coworker-host invite secret v1";
const MICROS: i64 = 1_000_000;

/// What proves that somebody was given a code: 128 random bits. The issuer keeps its hash only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InviteSecret([u8; 16]);

impl InviteSecret {
    /// Returns the secret of random bytes.
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`InviteSecret::encode`] wrote, and nothing else.
    pub fn read(text: &str) -> Option<Self> {
        bytes(text).map(Self)
    }

    /// Returns the secret as text.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Returns what the issuer keeps. It leads nowhere back: the secret has too many bits to be tried.
    pub fn hash(&self) -> [u8; 32] {
        blake3::derive_key(HASH, &self.0)
    }
}

/// Nothing of the secret, so that no log can hold it.
impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(..)")
    }
}

/// The part of an invite code that gives something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What to show the issuer.
    pub secret: InviteSecret,
    /// The tier that whoever shows it gets.
    pub tier: Tier,
    /// When it ends. Codes carry whole seconds.
    pub expires: Timestamp,
    /// Where it can be redeemed.
    pub network: String,
    /// Who signed the code.
    pub key: [u8; 32],
    /// The signature over [`super::InviteCode::statement`].
    pub signature: [u8; 64],
}

impl Offer {
    pub(super) fn write(&self) -> String {
        json!({
            "s": self.secret.encode(), "t": self.tier.level(), "e": self.expires.0.div_euclid(MICROS),
            "w": self.network, "k": URL_SAFE_NO_PAD.encode(self.key), "g": URL_SAFE_NO_PAD.encode(self.signature),
        })
        .to_string()
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str();
        let tier = u8::try_from(value.get("t")?.as_u64()?).ok()?;
        Some(Self {
            secret: InviteSecret::read(text("s")?)?,
            tier: Tier::from_level(tier).filter(|tier| *tier > Tier::Untrusted)?,
            expires: Timestamp(value.get("e")?.as_i64()?.checked_mul(MICROS)?),
            network: text("w")
                .filter(|name| (1..=64).contains(&name.len()))?
                .to_owned(),
            key: bytes(text("k")?)?,
            signature: bytes(text("g")?)?,
        })
    }

    /// Returns the terms with these texts around them. Each text is led by its length, so that no two lists of texts
    /// make the same statement.
    pub(super) fn statement(&self, texts: &[&str]) -> Vec<u8> {
        let mut statement = DOMAIN.to_vec();
        for text in texts.iter().chain([&self.network.as_str()]) {
            statement.extend_from_slice(&(text.len() as u64).to_be_bytes());
            statement.extend_from_slice(text.as_bytes());
        }
        statement.push(self.tier.level());
        statement.extend_from_slice(&self.expires.0.div_euclid(MICROS).to_be_bytes());
        statement.extend_from_slice(&self.secret.0);
        statement.extend_from_slice(&self.key);
        statement
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
