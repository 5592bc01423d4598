//! The key of the host's wallet, under which XMTP networks know it. It signs nothing but text, in the way wallets do, so
//! that no signature of it can be taken for one of a payment.

use std::fmt;

use k256::ecdsa::SigningKey;
use sha3::{Digest, Keccak256};

use super::{Home, HomeError};
use crate::clock;

/// The key of an Ethereum account without funds.
pub struct Wallet {
    key: SigningKey,
}

impl Wallet {
    /// Returns the wallet of a secret, if the number is one that a key can be.
    pub fn from_secret(secret: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_slice(secret).ok()?;
        Some(Self { key })
    }

    /// Returns the address, in lower case.
    pub fn address(&self) -> String {
        let point = self.key.verifying_key().to_encoded_point(false);
        // Without the first byte, which says in which form the point is written.
        let hash = Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default());
        let tail = hash.get(12..).unwrap_or_default();
        format!("0x{}", hex(tail))
    }

    /// Signs a text as wallets do (EIP-191): with its length and a mark in front, so that it can be nothing else.
    ///
    /// # Errors
    /// With one hash in 2¹²⁸ there is no signature.
    pub fn sign(&self, text: &str) -> Result<[u8; 65], k256::ecdsa::Error> {
        let mut hasher = Keccak256::new();
        hasher.update(format!("\x19Ethereum Signed Message:\n{}", text.len()));
        hasher.update(text);
        let (signature, recovery) = self.key.sign_digest_recoverable(hasher)?;
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        Ok(bytes)
    }

    /// Reads the wallet's key, or makes one if the home has none yet.
    pub(super) fn open(home: &Home) -> Result<Self, HomeError> {
        let path = home.wallet_key();
        if !super::exists(&path)? {
            if home.has_inbox()? {
                let why = "peers know this home on a network by that key";
                return Err(HomeError::Lost { path, why });
            }
            let wallet = Self::generate();
            let text = format!("{}\n", hex(&wallet.key.to_bytes()));
            home.write_key(&path, text.as_bytes())?;
            return Ok(wallet);
        }
        let bad = |why| HomeError::Key {
            path: path.clone(),
            why,
        };
        let bytes = home.read_key(&path)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| bad("it is not text"))?;
        let text = text.trim().trim_start_matches("0x");
        let secret = unhex(text).ok_or_else(|| bad("it is not 64 hexadecimal digits"))?;
        Self::from_secret(&secret).ok_or_else(|| bad("no key is this number"))
    }

    fn generate() -> Self {
        // All but one in 2¹²⁸ numbers are keys.
        loop {
            if let Some(wallet) = Self::from_secret(&clock::random()) {
                return wallet;
            }
        }
    }
}

/// Only the public half, so that no log can hold the other.
impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wallet({})", self.address())
    }
}

/// Returns bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

    use super::*;

    /// The key of number one, whose address everybody knows.
    fn one() -> Wallet {
        let mut secret = [0; 32];
        secret[31] = 1;
        Wallet::from_secret(&secret).expect("a key")
    }

    #[test]
    fn an_address_is_that_of_its_key() {
        assert_eq!(
            one().address(),
            "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
        );
        assert!(
            Wallet::from_secret(&[0; 32]).is_none() && Wallet::from_secret(&[0xff; 32]).is_none()
        );
    }

    #[test]
    fn a_signature_leads_back_to_the_key_through_the_marked_text_alone() {
        let bytes = one().sign("a text").expect("signed");
        let signature = Signature::from_slice(&bytes[..64]).expect("a signature");
        let recovery = RecoveryId::from_byte(bytes[64] - 27).expect("27 or 28");
        let marked = Keccak256::new_with_prefix("\x19Ethereum Signed Message:\n6a text");
        let key = VerifyingKey::recover_from_digest(marked, &signature, recovery).expect("a key");
        assert_eq!(&key, one().key.verifying_key());
        let bare = Keccak256::new_with_prefix("a text");
        let other = VerifyingKey::recover_from_digest(bare, &signature, recovery);
        assert!(other.map_or(true, |other| &other != one().key.verifying_key()));
    }

    #[test]
    fn a_home_keeps_its_wallet() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::create(&folder.path().join("home")).expect("a home");
        let wallet = home.wallet().expect("made");
        assert_eq!(home.wallet().expect("read").address(), wallet.address());
        std::fs::write(home.wallet_key(), "0x12").expect("ours");
        assert!(
            home.wallet()
                .is_err_and(|error| error.to_string().contains("64 hexadecimal"))
        );
    }
}
