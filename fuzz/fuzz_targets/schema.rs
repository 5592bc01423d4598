//! A stranger's schema, and a stranger's value behind a line break: the fuzzer's own limits on time and memory must hold.
#![no_main]

use coworker_core::{MAX_DEPTH, Schema, read_lenient, schema_from_type_words, type_words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (schema, value) = bytes.split_at(at.unwrap_or(bytes.len()));
    let Ok(schema) = read_lenient(schema, MAX_DEPTH) else {
        return;
    };
    let Ok(compiled) = Schema::compile(&schema) else {
        return;
    };
    let _ = schema_from_type_words(&type_words(&schema));
    compiled.nameless();
    if let Some(example) = compiled.example() {
        assert!(compiled.check(&example).is_ok(), "an example fits");
    }
    let Ok(value) = read_lenient(value, MAX_DEPTH) else {
        return;
    };
    if let Err(violation) = compiled.check(&value) {
        assert!(violation.to_string().len() < 4 << 10, "an explanation is short");
    }
    let _ = compiled.declared(&value);
});
