//! The seal of a home whose owner wants it encrypted: one random key, which lies in the home under a passphrase, and under
//! which the host's own keys and everything that was said lie. It hides what a thief of the disk may find; it does not
//! stop somebody who can write to the home, who is the host in any case.

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use coworker_core::Secret;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, exists};
use crate::clock;

/// Before what is sealed in a file of its own. A key in the clear never begins like this.
const MARK: &[u8] = b"coworker-host sealed v1\n";
/// How many random bytes each sealed value begins with: enough that they never repeat by chance.
const NONCE: usize = 24;
/// What guessing a passphrase costs: memory in KiB, and passes over it. The second choice of RFC 9106, section 4.
const COST: (u32, u32) = (64 << 10, 3);
/// The most that a file may ask for: it is read before anything is proved.
const MOST: (u32, u32) = (1 << 20, 64);

/// What lies in the home: how the passphrase is stretched, and the key under it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    memory_kib: u32,
    passes: u32,
    salt: String,
    key: String,
}

/// A seal that is open. Clones are one key.
#[derive(Clone)]
pub struct Seal(Arc<XChaCha20Poly1305>);

impl Seal {
    /// By how many bytes a sealed value is longer than what is in it: the nonce, and a tag of 16 bytes.
    pub(crate) const AROUND: i64 = 24 + 16;

    fn of(key: &[u8; 32]) -> Self {
        Self(Arc::new(XChaCha20Poly1305::new(key.into())))
    }

    /// Makes bytes unreadable without the key: a nonce, and then what is encrypted and authenticated.
    pub fn close(&self, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = clock::random();
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), plain);
        let sealed = sealed.expect("no value is as long as the cipher's bound of 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Returns what was sealed; nothing if it was by another key, or changed since.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        self.0.decrypt(XNonce::from_slice(nonce), sealed).ok()
    }

    /// The same for text, which stays text.
    pub fn close_text(&self, plain: &str) -> String {
        BASE64.encode(self.close(plain.as_bytes()))
    }

    /// The same for text.
    pub fn open_text(&self, sealed: &str) -> Option<String> {
        String::from_utf8(self.open(&BASE64.decode(sealed).ok()?)?).ok()
    }
}

/// Nothing of the key.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

/// Stretches a passphrase.
fn stretch(passphrase: &Secret, salt: &[u8], (memory_kib, passes): (u32, u32)) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    let params = Params::new(memory_kib, passes, 1, Some(key.len())).ok()?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.reveal().as_bytes(), salt, &mut key)
        .ok()?;
    Some(key)
}

impl Wrapped {
    /// Puts a new key under a passphrase.
    fn new(passphrase: &Secret) -> (Self, Seal) {
        let (key, salt) = (clock::random::<32>(), clock::random::<16>());
        let under = stretch(passphrase, &salt, COST).expect("the parameters are ours");
        let wrapped = Self {
            memory_kib: COST.0,
            passes: COST.1,
            salt: BASE64.encode(salt),
            key: BASE64.encode(Seal::of(&under).close(&key)),
        };
        (wrapped, Seal::of(&key))
    }

    /// Returns the key, if this is its passphrase.
    fn open(&self, passphrase: &Secret) -> Result<Seal, &'static str> {
        const DAMAGED: &str = "it is damaged";
        if self.memory_kib > MOST.0 || self.passes > MOST.1 {
            return Err(DAMAGED);
        }
        let salt = BASE64.decode(&self.salt).map_err(|_| DAMAGED)?;
        let key = BASE64.decode(&self.key).map_err(|_| DAMAGED)?;
        let under = stretch(passphrase, &salt, (self.memory_kib, self.passes)).ok_or(DAMAGED)?;
        let key = Seal::of(&under)
            .open(&key)
            .ok_or("the passphrase is not the one it was made with")?;
        Ok(Seal::of(&key.try_into().map_err(|_| DAMAGED)?))
    }
}

impl Home {
    /// Returns the open seal, if the home is encrypted.
    pub fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Opens the seal; the home must be locked by us. A home that has none gets one, and its keys are put under it: done
    /// again after a break, it ends as if it had been done once. A home that lost its seal gets none.
    ///
    /// # Errors
    /// If the passphrase is another one, if the seal is lost, or if a file cannot be read or written.
    pub fn unseal(&mut self, passphrase: &Secret) -> Result<(), HomeError> {
        let path = self.seal_file();
        let seal = if exists(&path)? {
            let text = super::identity::read_file(&path)?;
            let bad = |why| HomeError::Seal {
                path: path.clone(),
                why,
            };
            let wrapped: Wrapped =
                serde_json::from_slice(&text).map_err(|_| bad("it is damaged"))?;
            wrapped.open(passphrase).map_err(bad)?
        } else {
            for key in [self.identity_key(), self.wallet_key()] {
                if exists(&key)? && super::identity::read_file(&key)?.starts_with(MARK) {
                    return Err(self.lost_seal());
                }
            }
            let (wrapped, seal) = Wrapped::new(passphrase);
            let text = serde_json::to_vec_pretty(&wrapped).expect("it is plain data");
            self.write_new(&path, &text)?;
            seal
        };
        for path in [self.identity_key(), self.wallet_key()] {
            if !exists(&path)? {
                continue;
            }
            let bytes = super::identity::read_file(&path)?;
            if !bytes.starts_with(MARK) {
                self.write_private(&path, &[MARK, &seal.close(&bytes)].concat())?;
            }
        }
        self.seal = Some(seal);
        Ok(())
    }

    /// Writes the file of a key that does not exist yet.
    pub(super) fn write_key(&self, path: &std::path::Path, bytes: &[u8]) -> Result<(), HomeError> {
        match &self.seal {
            Some(seal) => self.write_new(path, &[MARK, &seal.close(bytes)].concat()),
            None => self.write_new(path, bytes),
        }
    }

    /// Reads the file of a key.
    pub(super) fn read_key(&self, path: &std::path::Path) -> Result<Vec<u8>, HomeError> {
        let bytes = super::identity::read_file(path)?;
        let Some(sealed) = bytes.strip_prefix(MARK) else {
            return Ok(bytes);
        };
        let seal = self.seal.as_ref().ok_or_else(|| HomeError::Seal {
            path: self.seal_file(),
            why: "the home is encrypted, and nothing says where its passphrase is",
        })?;
        seal.open(sealed).ok_or_else(|| HomeError::Key {
            path: path.to_owned(),
            why: "it was sealed in another home",
        })
    }

    /// Returns whether the home has a seal, open or not.
    ///
    /// # Errors
    /// If the home cannot be looked into.
    pub fn has_seal(&self) -> Result<bool, HomeError> {
        exists(&self.seal_file())
    }

    /// Returns why a home without a seal is refused that holds something under one.
    pub fn lost_seal(&self) -> HomeError {
        HomeError::Lost {
            path: self.seal_file(),
            why: "what this home holds is encrypted under the key in it",
        }
    }

    pub(super) fn seal_file(&self) -> std::path::PathBuf {
        self.root.join("seal.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn a_value_is_read_back_whole_or_not_at_all() {
        let (seal, other) = (Seal::of(&[1; 32]), Seal::of(&[2; 32]));
        let sealed = seal.close(b"what was said");
        assert_ne!(sealed, seal.close(b"what was said"), "no two look the same");
        assert_eq!(seal.open(&sealed).as_deref(), Some(&b"what was said"[..]));
        let around = i64::try_from(sealed.len() - b"what was said".len());
        assert_eq!(around, Ok(Seal::AROUND));
        assert_eq!(other.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&changed), None, "byte {at}");
            assert_eq!(seal.open(&sealed[..at]), None, "cut at {at}");
        }
        let text = seal.close_text("ä");
        assert_eq!(seal.open_text(&text).as_deref(), Some("ä"));
        assert_eq!(seal.open_text("ä"), None);
        assert!(!format!("{seal:?}").contains('1'));
    }

    #[test]
    fn the_keys_of_a_home_lie_under_its_passphrase() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("home");
        let mut home = Home::create(&path).expect("a home");
        let (peer, wallet) = (
            home.identity().expect("a key").peer(),
            home.wallet().expect("a key").address(),
        );
        assert!(!home.seal_file().exists());
        let plain = std::fs::read(home.identity_key()).expect("ours");
        home.unseal(&word("open sesame")).expect("it gets a seal");
        assert_eq!(home.identity().expect("read").peer(), peer);

        let mut again = Home::open(&path).expect("a home");
        assert!(again.seal_file().exists());
        for refused in [again.identity().err(), again.wallet().err()] {
            let refused = refused.expect("it is closed");
            assert!(
                refused
                    .hint()
                    .is_some_and(|hint| hint.contains("passphrase")),
                "{refused}"
            );
        }
        let wrong = again.unseal(&word("open barley")).expect_err("another");
        assert!(wrong.to_string().contains("passphrase"), "{wrong}");
        again.unseal(&word("open sesame")).expect("it opens");
        assert_eq!(again.identity().expect("read").peer(), peer);
        assert_eq!(again.wallet().expect("read").address(), wallet);
        for file in [again.identity_key(), again.wallet_key()] {
            let bytes = std::fs::read(file).expect("ours");
            assert!(bytes.starts_with(MARK));
            assert!(!bytes.windows(32).any(|part| part == plain));
            assert!(!bytes.windows(64).any(|part| wallet.as_bytes() == part));
        }
        std::fs::write(again.seal_file(), "{}").expect("ours");
        let damaged = Home::open(&path)
            .expect("a home")
            .unseal(&word("open sesame"));
        assert!(damaged.is_err_and(|error| error.to_string().contains("damaged")));
    }

    #[test]
    fn what_was_broken_off_is_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut home = Home::create(&folder.path().join("home")).expect("a home");
        let plain = std::fs::read(home.identity_key()).expect("ours");
        home.unseal(&word("a")).expect("it gets a seal");
        // As if the host had died before it came to this file.
        home.write_private(&home.identity_key(), &plain)
            .expect("ours");
        let mut again = Home::open(home.root()).expect("a home");
        again.unseal(&word("a")).expect("it opens");
        assert!(
            std::fs::read(home.identity_key())
                .expect("ours")
                .starts_with(MARK)
        );
        // A key that is made later is sealed from the beginning.
        again.wallet().expect("made");
        assert!(
            std::fs::read(home.wallet_key())
                .expect("ours")
                .starts_with(MARK)
        );
    }

    #[test]
    fn a_lost_seal_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut home = Home::create(&folder.path().join("home")).expect("a home");
        home.wallet().expect("made");
        home.unseal(&word("a")).expect("it gets a seal");
        let kept = std::fs::read(home.seal_file()).expect("ours");
        std::fs::remove_file(home.seal_file()).expect("ours");
        // One sealed key is enough to tell.
        for lost in [home.identity_key(), home.wallet_key()] {
            let aside = folder.path().join("aside");
            std::fs::rename(&lost, &aside).expect("ours");
            let mut again = Home::open(home.root()).expect("a home");
            let refused = again.unseal(&word("a")).expect_err("it is lost");
            assert!(
                refused.to_string().contains("seal.json is lost"),
                "{refused}"
            );
            assert!(
                refused
                    .hint()
                    .is_some_and(|hint| hint.contains("nothing was written"))
            );
            assert!(!again.seal_file().exists());
            std::fs::rename(&aside, &lost).expect("ours");
        }
        std::fs::write(home.seal_file(), kept).expect("restored");
        std::fs::set_permissions(
            home.seal_file(),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .expect("ours");
        let mut again = Home::open(home.root()).expect("a home");
        again.unseal(&word("a")).expect("it opens again");
    }
}
