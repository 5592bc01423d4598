//! A SKILL.md of a stranger.
#![no_main]

use coworker_host::skills::skill_md;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = skill_md::read(bytes, "folder");
    let _ = skill_md::read_slot(bytes, &mut Vec::new());
});
