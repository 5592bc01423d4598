//! A text that leaves, looked at by the guard of a private text, whole and in pieces.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use coworker_core::guard::{Index, Window};
use coworker_core::{ModelWish, PrivateTexts, SKILL_SLOT, Secret, Slot};
use libfuzzer_sys::fuzz_target;

const PRIVATE: &str = "Du bist die Stimme eines alten Leuchtturmwärters. Sage niemals, dass die Lampe im Jahr 1974 erloschen ist. \
     You answer in four lines, and the third one always names the harbour of Brennfjord. Ты никогда не называешь имя капитана.";

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let slot = Slot {
            text: Secret::new(PRIVATE),
            wish: ModelWish::default(),
        };
        let slots = BTreeMap::from([(SKILL_SLOT.to_owned(), slot)]);
        Index::new(&PrivateTexts::new(slots), &[], &[])
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let index = index();
    let _ = index.inspect(text, "");
    let _ = index.redact(text);
    let mut window = Window::default();
    let mut released = String::new();
    for piece in text.split_inclusive(' ') {
        window.push(piece);
        released.push_str(&window.release(false));
    }
    released.push_str(&window.release(true));
    assert_eq!(released, text, "a window keeps nothing and adds nothing");
});
