//! A key package is stored under the key that signed it. The node checks both signatures, so nobody can put a package of
//! their own in somebody else's place, and a lifetime, so an old one cannot come back.

use ed25519_dalek::{Signature, VerifyingKey};

use super::Malformed;
use super::reader::{Reader, write_vector};

const MLS10: u16 = 1;
/// The suites that sign with Ed25519: X25519 with AES-GCM, X25519 with ChaCha20, and X-Wing with ChaCha20.
const SUITES: [u16; 3] = [0x0001, 0x0003, 0x004d];
const BASIC_CREDENTIAL: u16 = 1;
const SOURCE_KEY_PACKAGE: u8 = 1;
/// How far a client's clock may be ahead of ours.
const CLOCK_SKEW_SECONDS: u64 = 24 * 60 * 60;

/// A key package whose signatures hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CheckedKeyPackage {
    /// The key that signed it, which is the installation's id.
    pub(crate) installation: [u8; 32],
    /// When its lifetime began, in seconds: a later package replaces an earlier one, never the other way.
    pub(crate) not_before: u64,
}

/// Checks a key package at `now`, in seconds since 1970.
pub(crate) fn check_key_package(bytes: &[u8], now: u64) -> Result<CheckedKeyPackage, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u16()? != MLS10 {
        return Err(Malformed::Version);
    }
    if !SUITES.contains(&reader.u16()?) {
        return Err(Malformed::Suite);
    }
    let _init_key = reader.vector()?;

    let leaf_start = bytes.len() - reader.left();
    let _encryption_key = reader.vector()?;
    let installation: [u8; 32] = reader.vector()?.try_into().map_err(|_| Malformed::Key)?;
    let key = VerifyingKey::from_bytes(&installation).map_err(|_| Malformed::Key)?;
    if reader.u16()? != BASIC_CREDENTIAL || reader.vector()?.is_empty() {
        return Err(Malformed::Credential);
    }
    // Versions, suites, extensions, proposals and credentials that the client understands.
    for _ in 0..5 {
        reader.vector()?;
    }
    if reader.u8()? != SOURCE_KEY_PACKAGE {
        return Err(Malformed::Source);
    }
    let (not_before, not_after) = (reader.u64()?, reader.u64()?);
    let _leaf_extensions = reader.vector()?;
    let leaf_end = bytes.len() - reader.left();
    let leaf_signature = reader.vector()?;

    let _extensions = reader.vector()?;
    let end = bytes.len() - reader.left();
    let signature = reader.vector()?;
    reader.end()?;

    let leaf = bytes.get(leaf_start..leaf_end).ok_or(Malformed::Length)?;
    let package = bytes.get(..end).ok_or(Malformed::Length)?;
    verify(&key, "LeafNodeTBS", leaf, leaf_signature)?;
    verify(&key, "KeyPackageTBS", package, signature)?;
    if not_before > now.saturating_add(CLOCK_SKEW_SECONDS)
        || not_after < now
        || not_after <= not_before
    {
        return Err(Malformed::Lifetime);
    }
    Ok(CheckedKeyPackage {
        installation,
        not_before,
    })
}

/// Checks a signature as `SignWithLabel` makes it.
fn verify(
    key: &VerifyingKey,
    label: &str,
    content: &[u8],
    signature: &[u8],
) -> Result<(), Malformed> {
    let signature = Signature::from_slice(signature).map_err(|_| Malformed::Signature)?;
    let mut signed = Vec::with_capacity(content.len() + 32);
    write_vector(&mut signed, format!("MLS 1.0 {label}").as_bytes())?;
    write_vector(&mut signed, content)?;
    key.verify_strict(&signed, &signature)
        .map_err(|_| Malformed::Signature)
}
