//! Wallets and installations with keys of our own, and what they can sign: honest updates and forged ones.

use bytes::Bytes;
use ed25519_dalek::Signer as _;
use k256::ecdsa::SigningKey;
use sha2::{Digest as _, Sha256, Sha512};
use sha3::Keccak256;

use crate::proto::identity::{
    AddAssociation, ChangeRecoveryAddress, CreateInbox, EcdsaSignature, Ed25519Signature,
    IdentityAction, IdentityUpdate, MemberIdentifier, RevokeAssociation, Signature,
};

/// 2026-01-01T00:00:00Z
pub(super) const NEW_YEAR_NS: u64 = 1_767_225_600_000_000_000;

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whoever can sign an update.
#[derive(Clone)]
pub(super) enum Signer {
    Wallet(SigningKey),
    Installation(Box<ed25519_dalek::SigningKey>),
}

pub(super) fn wallet(seed: u8) -> Signer {
    Signer::Wallet(SigningKey::from_slice(&[seed; 32]).expect("a key"))
}

pub(super) fn installation(seed: u8) -> Signer {
    Signer::Installation(Box::new(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])))
}

impl Signer {
    /// How the network calls it: an address, or the digits of a key.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Wallet(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let hash = Keccak256::digest(&point.as_bytes()[1..]);
                format!("0x{}", hex(&hash[12..]))
            }
            Self::Installation(key) => hex(key.verifying_key().as_bytes()),
        }
    }

    pub(super) fn member(&self) -> MemberIdentifier {
        match self {
            Self::Wallet(_) => MemberIdentifier {
                ethereum_address: Some(self.name()),
                ..MemberIdentifier::default()
            },
            Self::Installation(key) => MemberIdentifier {
                installation_key: Some(Bytes::copy_from_slice(key.verifying_key().as_bytes())),
                ..MemberIdentifier::default()
            },
        }
    }

    /// The id of the inbox that it creates with nonce 0.
    pub(super) fn inbox(&self) -> String {
        hex(&Sha256::digest(format!("{}0", self.name())))
    }

    pub(super) fn sign(&self, text: &str) -> Signature {
        match self {
            Self::Wallet(key) => {
                let prefix = format!("\x19Ethereum Signed Message:\n{}", text.len());
                let hash = Keccak256::digest([prefix.as_bytes(), text.as_bytes()].concat());
                let (signature, id) = key.sign_prehash_recoverable(&hash).expect("a signature");
                let mut bytes = signature.to_bytes().to_vec();
                bytes.push(27 + id.to_byte());
                Signature {
                    erc191: Some(EcdsaSignature {
                        bytes: bytes.into(),
                    }),
                    ..Signature::default()
                }
            }
            Self::Installation(key) => {
                let context = Some(b"IDENTITY UPDATE SIGNATURE".as_slice());
                let signature = key
                    .sign_prehashed(Sha512::new().chain_update(text), context)
                    .expect("a signature");
                Signature {
                    installation_key: Some(Ed25519Signature {
                        bytes: Bytes::copy_from_slice(&signature.to_bytes()),
                        public_key: Bytes::copy_from_slice(key.verifying_key().as_bytes()),
                    }),
                    ..Signature::default()
                }
            }
        }
    }
}

/// What an update is to do, and who signs it.
pub(super) enum Wish {
    Create(Signer, u64),
    Add {
        member: Signer,
        by: Signer,
        signed_by: Signer,
    },
    Revoke(Signer, Signer),
    Recovery(Signer, Signer),
}

/// The honest way to add somebody: both sign.
pub(super) fn add(member: &Signer, by: &Signer) -> Wish {
    Wish::Add {
        member: member.clone(),
        by: by.clone(),
        signed_by: member.clone(),
    }
}

/// Returns an update of `inbox`, made `second` seconds after New Year and signed as wished.
pub(super) fn update(inbox: &str, second: u64, wishes: &[Wish]) -> IdentityUpdate {
    let lines: Vec<String> = wishes.iter().map(Wish::line).collect();
    let text = format!(
        "XMTP : Authenticate to inbox\n\nInbox ID: {inbox}\nCurrent time: 2026-01-01T00:{:02}:{:02}Z\n\n{}\n\nFor more info: https://xmtp.org/signatures",
        second / 60,
        second % 60,
        lines.join("\n")
    );
    IdentityUpdate {
        actions: wishes.iter().map(|wish| wish.action(&text)).collect(),
        client_timestamp_ns: NEW_YEAR_NS + second * 1_000_000_000,
        inbox_id: inbox.to_owned(),
    }
}

impl Wish {
    fn line(&self) -> String {
        match self {
            Self::Create(owner, _) => format!("- Create inbox\n  (Owner: {})", owner.name()),
            Self::Add { member, .. } => match member {
                Signer::Wallet(_) => {
                    format!("- Link address to inbox\n  (Address: {})", member.name())
                }
                Signer::Installation(_) => {
                    format!("- Grant messaging access to app\n  (ID: {})", member.name())
                }
            },
            Self::Revoke(member, _) => match member {
                Signer::Wallet(_) => {
                    format!(
                        "- Unlink address from inbox\n  (Address: {})",
                        member.name()
                    )
                }
                Signer::Installation(_) => {
                    format!(
                        "- Revoke messaging access from app\n  (ID: {})",
                        member.name()
                    )
                }
            },
            Self::Recovery(new, _) => {
                let name = new.name();
                format!("- Change inbox recovery address\n  (Address: {name})")
            }
        }
    }

    fn action(&self, text: &str) -> IdentityAction {
        let mut action = IdentityAction::default();
        match self {
            Self::Create(owner, nonce) => {
                action.create_inbox = Some(CreateInbox {
                    initial_identifier: owner.name(),
                    nonce: *nonce,
                    signature: Some(owner.sign(text)),
                    identifier_kind: 1,
                });
            }
            Self::Add {
                member,
                by,
                signed_by,
            } => {
                action.add = Some(AddAssociation {
                    new_member: Some(member.member()),
                    existing_member_signature: Some(by.sign(text)),
                    new_member_signature: Some(signed_by.sign(text)),
                });
            }
            Self::Revoke(member, by) => {
                action.revoke = Some(RevokeAssociation {
                    member: Some(member.member()),
                    recovery_signature: Some(by.sign(text)),
                });
            }
            Self::Recovery(new, by) => {
                action.change_recovery_address = Some(ChangeRecoveryAddress {
                    new_identifier: new.name(),
                    recovery_signature: Some(by.sign(text)),
                    identifier_kind: 1,
                });
            }
        }
        action
    }
}

/// Makes a key package as a client makes it.
pub(super) fn key_package(seed: u8, not_before: u64, not_after: u64) -> Vec<u8> {
    labelled_key_package(seed, not_before, not_after, "LeafNodeTBS")
}

/// The same with another label on the signature of its leaf.
pub(super) fn labelled_key_package(
    seed: u8,
    not_before: u64,
    not_after: u64,
    label: &str,
) -> Vec<u8> {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let sign = |label: &str, content: &[u8]| {
        let mut signed = Vec::new();
        vector(&mut signed, format!("MLS 1.0 {label}").as_bytes());
        vector(&mut signed, content);
        key.sign(&signed).to_bytes()
    };
    let mut leaf = Vec::new();
    vector(&mut leaf, &[1; 32]);
    vector(&mut leaf, key.verifying_key().as_bytes());
    leaf.extend([0, 1]);
    vector(&mut leaf, b"credential");
    for _ in 0..5 {
        vector(&mut leaf, &[0, 1]);
    }
    leaf.push(1);
    leaf.extend(not_before.to_be_bytes());
    leaf.extend(not_after.to_be_bytes());
    vector(&mut leaf, b"");
    let signature = sign(label, &leaf);
    vector(&mut leaf, &signature);

    let mut package = vec![0, 1, 0, 1];
    vector(&mut package, &[2; 32]);
    package.extend(leaf);
    vector(&mut package, b"");
    let signature = sign("KeyPackageTBS", &package);
    vector(&mut package, &signature);
    package
}

/// Appends a vector of up to 16,383 bytes.
fn vector(out: &mut Vec<u8>, content: &[u8]) {
    match content.len() {
        length @ 0..0x40 => out.push(length as u8),
        length => out.extend((0x4000 | length as u16).to_be_bytes()),
    }
    out.extend(content);
}
