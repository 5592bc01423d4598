//! The host's own key. It never leaves this file in clear but for the file it is kept in; nothing prints it.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use coworker_core::PeerId;
use ed25519_dalek::{SECRET_KEY_LENGTH, Signature, Signer, SigningKey, VerifyingKey};

use super::{Home, HomeError};
use crate::clock;

/// The key that makes this host itself.
pub struct Identity {
    key: SigningKey,
}

impl Identity {
    /// Makes a new key.
    pub fn generate() -> Self {
        Self::from_secret(&clock::random::<SECRET_KEY_LENGTH>())
    }

    /// Returns the identity of a secret: for tests, and for keys kept elsewhere.
    pub fn from_secret(secret: &[u8; SECRET_KEY_LENGTH]) -> Self {
        Self {
            key: SigningKey::from_bytes(secret),
        }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Returns the public key.
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Returns the hash of the public key, as 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        blake3::hash(&self.public()).to_hex().to_string()
    }

    /// Returns under which id other hosts on this machine know us.
    pub fn peer(&self) -> PeerId {
        fingerprint(&self.public())
    }

    /// Returns a secret of its own for one purpose. It leads back neither to the key nor to another purpose's secret.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, self.key.as_bytes())
    }

    pub(super) fn load(home: &Home) -> Result<Self, HomeError> {
        let path = home.identity_key();
        let bytes = home.read_key(&path)?;
        let secret = bytes.as_slice().try_into().map_err(|_| HomeError::Key {
            path,
            why: "it is not 32 bytes long",
        })?;
        Ok(Self::from_secret(secret))
    }

    pub(super) fn store(&self, home: &Home) -> Result<(), HomeError> {
        home.write_key(&home.identity_key(), self.key.as_bytes())
    }
}

/// Only the public half, so that no log can hold the other.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

/// Reads a file that holds a secret, if it is ours and nobody else may read it.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, HomeError> {
    let bad = |why| HomeError::Key {
        path: path.to_owned(),
        why,
    };
    let meta =
        std::fs::symlink_metadata(path).map_err(|source| HomeError::io("read", path, source))?;
    if !meta.is_file() {
        return Err(bad("it is not a file"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(bad("it belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(HomeError::Unsafe {
            why: "other users may read the key".to_owned(),
            hint: format!("run `chmod 600 {}`", path.display()),
            path: path.to_owned(),
        });
    }
    std::fs::read(path).map_err(|source| HomeError::io("read", path, source))
}

/// Returns whether the owner of a public key signed a message.
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// Returns under which id the owner of a public key is known on this machine.
pub fn fingerprint(public: &[u8; 32]) -> PeerId {
    format!("loop:{}", blake3::hash(public).to_hex())
        .parse()
        .expect("a BLAKE3 hash is 64 hexadecimal digits")
}
