//! Frontmatter made to cost: each is refused at once, with a reason that says so.

use std::time::{Duration, Instant};

use super::*;

/// Far more than any of these takes, and far less than what they would cost if they were built.
const SOON: Duration = Duration::from_secs(5);

#[track_caller]
fn refused_soon(yaml: &str) {
    let started = Instant::now();
    let error = refused(&format!("---\n{yaml}\n---\nx"));
    assert!(started.elapsed() < SOON, "took {:?}", started.elapsed());
    assert!(error.len() < 400, "{error}");
}

#[test]
fn what_expands_is_refused() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = n - 1;
        let again = vec![format!("*a{before}"); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{again}]\n"));
    }
    refused_soon(&laughs);
    let many = format!("a: &a x\nb: [{}]", vec!["*a"; 5_000].join(", "));
    refused_soon(&many);
    let anchors: String = (0..1_000).map(|n| format!("k{n}: &a{n} v\n")).collect();
    refused_soon(&anchors);
    let merges: String = (0..500).map(|n| format!("k{n}:\n  <<: *b\n")).collect();
    refused_soon(&format!("b: &b {{x: y}}\n{merges}"));
    refused_soon("a: &a [*a]");
}

#[test]
fn what_nests_is_refused() {
    refused_soon(&format!("a: {}1{}", "[".repeat(20_000), "]".repeat(20_000)));
    refused_soon(&format!("a: {}", "{b: ".repeat(5_000)));
    let deep: String = (0..300).map(|n| format!("{}k:\n", " ".repeat(n))).collect();
    refused_soon(&deep);
    refused_soon(&format!("a:\n  {}x", "- ".repeat(10_000)));
    refused_soon(&format!("a:\n  {}x", "? ".repeat(10_000)));
}

#[test]
fn what_is_too_large_is_refused() {
    refused_soon(&format!("description: {}", "x".repeat(65 << 10)));
    let keys: String = (0..9_000).map(|n| format!("k{n}: v\n")).collect();
    refused_soon(&keys);
    let items = format!("a: [{}]", "1,".repeat(20_000));
    refused_soon(&items);
}

#[test]
fn odd_values_do_no_harm() {
    for yaml in [
        "a: .inf\nb: -.inf\nc: .nan",
        "a: 123456789012345678901234567890123456789012345678901234567890",
        "a: !!binary aGk=",
        "a: !custom {b: c}",
        "a: !!python/object/apply:os.system [ls]",
        "a: 2024-13-45T99:99:99Z",
        "a: \"\\0\\x1b\\u202e\"",
        "1: x\n2.5: y\ntrue: z",
        "a: 0x1F\nb: 0o17\nc: 1_000",
    ] {
        let read = ok(&format!("---\nname: n\n{yaml}\n---\nx"));
        assert_eq!(read.manifest.name.as_str(), "n", "{yaml}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for bytes in [
        &b"\xff\xfe-\0-\0-\0"[..],
        b"---\nname: \xc3\x28\n---\n",
        b"\xed\xa0\x80",
    ] {
        assert_eq!(read(bytes, "folder"), Err(SkillMdError::NotUtf8));
    }
    assert!(ok("---\nname: a\n---\nbo\0dy").slot.is_some());
}
