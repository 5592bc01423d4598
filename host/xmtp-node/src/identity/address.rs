//! Ethereum addresses and the inbox ids made from them. One spelling each: lowercase.

use sha2::{Digest, Sha256};

/// Whether `text` is an address as the network spells it.
pub(crate) fn is_address(text: &str) -> bool {
    text.strip_prefix("0x")
        .is_some_and(|digits| digits.len() == 40 && is_lower_hex(digits))
}

/// Whether `text` is an inbox id as the network spells it.
pub(crate) fn is_inbox_id(text: &str) -> bool {
    text.len() == 64 && is_lower_hex(text)
}

/// Returns the id of the inbox that `address` creates with `nonce`.
pub(super) fn inbox_id(address: &str, nonce: u64) -> String {
    hex(&Sha256::digest(format!("{address}{nonce}")))
}

/// Returns lowercase hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
