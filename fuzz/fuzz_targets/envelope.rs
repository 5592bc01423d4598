//! Bytes of a stranger: what decodes is written again, and what was written says the same.
#![no_main]

use coworker_core::{Sender, decode, encode, fingerprint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(envelope) = decode(bytes) else {
        return;
    };
    let sender = Sender {
        name: "fuzz",
        wallet: None,
    };
    let text = encode(&envelope, &sender);
    let again = decode(text.as_bytes()).expect("what we write, we read");
    assert_eq!(fingerprint(&again.message), fingerprint(&envelope.message));
});
