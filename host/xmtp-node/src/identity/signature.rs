//! The two kinds of signature that need nothing but the text to verify: a wallet's (ERC-191 over secp256k1) and an
//! installation's (Ed25519ph). Contract wallets need a chain and passkeys a browser's data; they are refused.

use ed25519_dalek::VerifyingKey as InstallationKey;
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, VerifyingKey};
use sha2::Sha512;
use sha3::{Digest, Keccak256};

use super::Refused;
use super::address::hex;
use super::state::Member;
use crate::proto::identity::Signature;

/// Keeps a signature over an identity update from being one over something else.
const INSTALLATION_CONTEXT: &[u8] = b"IDENTITY UPDATE SIGNATURE";

/// Who signed, and the signature in its one spelling: the same signature must not be used again under another.
pub(super) struct Signed {
    pub(super) by: Member,
    pub(super) unique: [u8; 64],
}

/// Verifies `signature` over `text`.
pub(super) fn verify(signature: &Signature, text: &str) -> Result<Signed, Refused> {
    match signature {
        Signature {
            contract_wallet: None,
            delegated: None,
            passkey: None,
            erc191,
            installation_key,
        } => match (erc191, installation_key) {
            (Some(wallet), None) => verify_wallet(&wallet.bytes, text),
            (None, Some(key)) => verify_installation(&key.bytes, &key.public_key, text),
            (None, None) => Err(Refused::Unsigned),
            (Some(_), Some(_)) => Err(Refused::Signature),
        },
        _ => Err(Refused::Unverifiable),
    }
}

fn verify_wallet(bytes: &[u8], text: &str) -> Result<Signed, Refused> {
    let (&last, unique) = bytes.split_last().ok_or(Refused::Signature)?;
    let unique: [u8; 64] = unique.try_into().map_err(|_| Refused::Signature)?;
    let recovery = match last {
        0 | 27 => RecoveryId::new(false, false),
        1 | 28 => RecoveryId::new(true, false),
        _ => return Err(Refused::Signature),
    };
    let signature = EcdsaSignature::from_slice(&unique).map_err(|_| Refused::Signature)?;
    // Of the two forms of each signature wallets make the low one. Anyone can make the other from it.
    if signature.normalize_s().is_some() {
        return Err(Refused::Signature);
    }
    let mut hash = Keccak256::new();
    hash.update(format!("\x19Ethereum Signed Message:\n{}", text.len()));
    hash.update(text);
    let key = VerifyingKey::recover_from_prehash(&hash.finalize(), &signature, recovery)
        .map_err(|_| Refused::Signature)?;
    Ok(Signed {
        by: Member::Address(address_of(&key)?),
        unique,
    })
}

/// Returns the address of a wallet's key.
fn address_of(key: &VerifyingKey) -> Result<String, Refused> {
    let point = key.to_encoded_point(false);
    // The first byte says that the point is not compressed.
    let (_, coordinates) = point.as_bytes().split_first().ok_or(Refused::Signature)?;
    let hash = Keccak256::digest(coordinates);
    let (_, address) = hash.split_at(12);
    Ok(format!("0x{}", hex(address)))
}

fn verify_installation(bytes: &[u8], key: &[u8], text: &str) -> Result<Signed, Refused> {
    let unique: [u8; 64] = bytes.try_into().map_err(|_| Refused::Signature)?;
    let raw: [u8; 32] = key.try_into().map_err(|_| Refused::InstallationKey)?;
    let key = InstallationKey::from_bytes(&raw).map_err(|_| Refused::InstallationKey)?;
    key.verify_prehashed_strict(
        Sha512::new().chain_update(text),
        Some(INSTALLATION_CONTEXT),
        &ed25519_dalek::Signature::from_bytes(&unique),
    )
    .map_err(|_| Refused::Signature)?;
    Ok(Signed {
        by: Member::Installation(raw),
        unique,
    })
}
