//! What official clients of SDK 5.5.0 published to this node: `captured.bin` holds records of a kind, a length and bytes.

use bytes::Bytes;
use prost::Message;

use crate::proto::identity::IdentityUpdate;
use crate::proto::mls::WelcomeInput;

static RECORDS: &[u8] = include_bytes!("captured.bin");

/// A moment at which the captured key packages are valid.
pub(super) fn then() -> u64 {
    1_795_259_200
}

fn records(wanted: u8) -> Vec<Bytes> {
    let mut rest = RECORDS;
    let mut found = Vec::new();
    while let [kind, a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if *kind == wanted {
            found.push(Bytes::from_static(&after[..length]));
        }
        rest = &after[length..];
    }
    assert!(!found.is_empty(), "no record of kind {wanted}");
    found
}

/// All identity updates, in the order in which they were published. The first inbox is created, the others after it, and
/// then the first links an address, unlinks it, adds an installation, revokes it, and changes its recovery address.
pub(super) fn updates() -> Vec<Bytes> {
    records(1)
}

/// The six updates of the first inbox.
pub(super) fn log() -> Vec<Bytes> {
    let updates = updates();
    let inbox = decode(&updates[0]).inbox_id;
    updates
        .into_iter()
        .filter(|update| decode(update).inbox_id == inbox)
        .collect()
}

pub(super) fn decode(update: &Bytes) -> IdentityUpdate {
    IdentityUpdate::decode(update.clone()).expect("an identity update")
}

/// Key packages of four installations.
pub(super) fn key_packages() -> Vec<Bytes> {
    records(2)
}

/// All messages of one group, commits among them.
pub(super) fn group_messages() -> Vec<Bytes> {
    records(3)
}

pub(super) fn welcomes() -> Vec<WelcomeInput> {
    records(4)
        .into_iter()
        .map(|bytes| WelcomeInput::decode(bytes).expect("a welcome"))
        .collect()
}
