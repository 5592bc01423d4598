mod dress;
mod forms;
mod honest;
mod known;
mod least;
mod scripts;
mod stream;
mod ways;

use std::collections::BTreeMap;

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use self::dress::{Disguise, KINDS, PROMPTS, VARIANTS, fits, passage};
use super::fold::{Look, codes};
use super::*;
use crate::{ModelWish, PeerId, PrivateTexts, Secret, Slot};

fn private(texts: &[(&str, &str)]) -> PrivateTexts {
    let slot = |text: &str| Slot {
        text: Secret::new(text),
        wish: ModelWish::default(),
    };
    let slots: BTreeMap<String, Slot> = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), slot(text)))
        .collect();
    PrivateTexts::new(slots)
}

fn index(texts: &[(&str, &str)]) -> Index {
    Index::new(&private(texts), &[], &[])
}

fn prompt(name: &str) -> &'static str {
    PROMPTS
        .iter()
        .find(|(other, _)| *other == name)
        .expect("a prompt")
        .1
}

fn is_run(sighting: &Sighting) -> bool {
    matches!(
        sighting.leak,
        Some(Leak {
            what: What::Run(_),
            ..
        })
    )
}

#[track_caller]
fn found(index: &Index, text: &str, what: &str) {
    let sighting = index.inspect(text, "");
    assert!(is_run(&sighting), "{what}: {:?} in {text}", sighting.leak);
}

#[test]
fn every_disguise_is_seen_through() {
    for (name, text) in PROMPTS {
        let index = index(&[(name, text)]);
        for disguise in KINDS.iter().chain(&VARIANTS) {
            // Some cannot be put on letters beyond ASCII, or hide a text that is not all ASCII.
            if name == "kitchen-ru" && disguise.name == "invisible tags" {
                continue;
            }
            let part = passage(text, 700, 90);
            found(&index, &(disguise.put_on)(part), disguise.name);
            let within = format!(
                "Of course!\n\n{}\n\nAnything else?",
                (disguise.put_on)(part)
            );
            found(&index, &within, disguise.name);
        }
    }
}

#[test]
fn every_pair_of_disguises_is_seen_through() {
    let text = prompt("licence-desk");
    let index = index(&[("skill", text)]);
    for outer in &KINDS {
        for inner in KINDS.iter().filter(|inner| fits(outer, inner)) {
            let part = passage(text, 900, 80);
            let dressed = (outer.put_on)(&(inner.put_on)(part));
            found(
                &index,
                &dressed,
                &format!("{} of {}", outer.name, inner.name),
            );
        }
    }
}

#[test]
fn a_run_of_forty_passes_and_one_of_forty_one_does_not() {
    let text = prompt("manual-pages");
    let index = index(&[("skill", text)]);
    for from in (0..2_000).step_by(97) {
        let fine = index.inspect(passage(text, from, LONGEST), "");
        assert!(!is_run(&fine), "{from}: {:?}", fine.leak);
        let sighting = index.inspect(passage(text, from, LONGEST + 1), "");
        let leak = sighting.leak.expect("a leak");
        assert_eq!(leak.what, What::Run(LONGEST + 1), "{from}");
        assert_eq!(
            (leak.slot.as_str(), leak.form.as_str()),
            ("skill", "as it is")
        );
    }
}

#[test]
fn pieces_of_one_answer_are_put_together() {
    let text = prompt("manual-pages");
    let index = index(&[("skill", text)]);
    let both = passage(text, 700, 2 * LONGEST);
    let first = passage(text, 700, LONGEST);
    let second = &both[first.len()..];
    let form = |text: &str| index.inspect(text, "").leak.map(|leak| leak.form);
    assert_eq!(form(first), None);
    assert_eq!(form(second), None);
    let apart = format!("{second} That was the end. And this is how it begins: {first}");
    let leak = index.inspect(&apart, "").leak.expect("a leak");
    assert_eq!(leak.what, What::Run(2 * LONGEST));
    assert!(leak.form.ends_with(", in pieces"), "{}", leak.form);
    // In two answers they are one as well, whatever each is dressed in.
    let (first, second) = (
        index.inspect(first, ""),
        index.inspect(&STANDARD.encode(second), ""),
    );
    let leak = first.stretches.with(&second.stretches).expect("a leak");
    assert_eq!(leak.what, What::Run(2 * LONGEST));
    assert!(!format!("{first:?}").contains("Kept"));
}

#[test]
fn the_owner_learns_the_form() {
    let text = prompt("manual-pages");
    let index = index(&[("skill", text)]);
    let part = passage(text, 500, 100);
    let dress = |names: &[&str]| {
        names.iter().rev().fold(part.to_owned(), |text, name| {
            let disguise = KINDS
                .iter()
                .find(|one| one.name == *name)
                .expect("a disguise");
            (disguise.put_on)(&text)
        })
    };
    for (names, form) in [
        (&["base64", "reversal"][..], "base64, reversed"),
        (&["hex", "rot13"], "hex, rot13"),
        (
            &["url encoding", "html escapes"],
            "URL encoding, HTML escapes",
        ),
    ] {
        let leak = index.inspect(&dress(names), "").leak.expect("a leak");
        assert_eq!(leak.form, form);
        assert!(!leak.to_string().contains(part));
    }
}

#[test]
fn what_the_caller_said_is_not_counted() {
    let text = prompt("python-answers");
    let index = index(&[("skill", text)]);
    let part = passage(text, 800, 200);
    assert_eq!(
        index.inspect(&format!("You wrote: {part}"), part),
        Sighting::default()
    );
    // More than it said is.
    let longer = passage(text, 800, 260);
    assert!(is_run(&index.inspect(longer, part)));
    // What it said in two parts it may have in one: each of them is known.
    let (first, second) = part.split_at(part.len() / 2);
    let turned = format!("{second} and before that {first}");
    assert_eq!(index.inspect(part, &turned).leak, None);
    // Words that it knows one by one are not a text that it knows.
    let words: Vec<&str> = part.split(' ').rev().collect();
    assert!(is_run(&index.inspect(part, &words.join(" "))));
}

#[test]
fn what_the_card_says_and_what_may_be_quoted_is_not_counted() {
    let text = prompt("licence-desk");
    let closing = "This is an engineering review and not legal advice; your counsel decides.";
    let card = "Developers want to know which package, which line, and what to do by Thursday.";
    let private = private(&[("skill", text)]);
    let closed = Index::new(&private, &[], &[]);
    let open = Index::new(&private, &[card.to_owned()], &[closing.to_owned()]);
    for quote in [closing, card] {
        assert!(is_run(&closed.inspect(quote, "")));
        assert_eq!(open.inspect(quote, ""), Sighting::default());
    }
    let beyond = format!("decides. {}", passage(text, 900, 60));
    assert!(is_run(&open.inspect(&beyond, "")));
}

#[test]
fn pieces_add_up_for_a_peer_and_for_all() {
    let text = prompt("incident-letters");
    let index = index(&[("skill", text)]);
    let distinct = index.sizes().values().next().expect("a text").1;
    let peer = |n: u64| -> PeerId { format!("loop:{n:064x}").parse().expect("a peer") };
    let mut ledger = Ledger::default();
    let mut let_through = 0;
    // Each peer takes what it can in pieces that are no leak by themselves.
    let pieces = (0..text.len() * 3 / 4)
        .step_by(90)
        .map(|from| passage(text, from, LONGEST));
    for (n, piece) in pieces.enumerate() {
        let who = peer(n as u64 % 5);
        let sighting = index.inspect(piece, "");
        match ledger.judge(&who, &sighting) {
            Some(leak) => assert!(
                matches!(leak.what, What::InSum(_) | What::InSumOfAll(_)),
                "{leak}"
            ),
            None => let_through += ledger.add(&who, &sighting).len(),
        }
    }
    let digest = index.texts().next().expect("a text");
    for n in 0..5 {
        let (own, all) = ledger.shown(&digest, &peer(n));
        assert!(own * 100 <= distinct * PEER_SHARE, "{own} of {distinct}");
        assert!(all * 100 <= distinct * ALL_SHARE, "{all} of {distinct}");
    }
    assert!(let_through > 0);
    // The same again is nothing new.
    let shown = index.inspect(passage(text, 0, LONGEST), "");
    assert!(ledger.judge(&peer(0), &shown).is_none());
}

#[test]
fn a_text_that_changed_has_a_new_account() {
    let one = index(&[("skill", prompt("readme-review"))]);
    let other = index(&[("skill", &format!("{} ", prompt("readme-review")))]);
    assert_ne!(one.texts().next(), other.texts().next());
}

#[test]
fn a_mark_alone_is_a_leak() {
    let index = index(&[("skill", prompt("licence-desk"))]);
    for text in [
        "The register is Q-118-K4-77XZ-09B2.",
        "2b90zx774k811q",
        "UTExOEs0NzdYWjA5QjIgYW5kIG1vcmU=",
    ] {
        let leak = index.inspect(text, "").leak.expect("a leak");
        assert_eq!(leak.what, What::Canary, "{text}");
    }
    assert_eq!(
        index
            .inspect("Q-118-K4-77XZ-09B2", "is it Q118K477XZ09B2?")
            .leak,
        None
    );
}

#[test]
fn what_is_taken_out_is_no_longer_there() {
    let text = prompt("python-answers");
    let index = index(&[("skill", text)]);
    let part = passage(text, 800, 100);
    let answer = serde_json::json!({"kind": "WHY", "answer": format!("Well. {part} So.")});
    let redacted = index.redact(&answer.to_string());
    assert_eq!(index.inspect(&redacted, ""), Sighting::default());
    let redacted: serde_json::Value = serde_json::from_str(&redacted).expect("JSON");
    assert_eq!(redacted["kind"], "WHY");
    let left = redacted["answer"].as_str().expect("text");
    assert!(
        left.starts_with("Well. […]") && left.ends_with("So."),
        "{left}"
    );
}

#[test]
fn nothing_prints_what_is_recognised() {
    let index = index(&[("skill", prompt("licence-desk"))]);
    assert_eq!(format!("{index:?}"), "Index(of 1 texts)");
}

#[test]
fn texts_without_private_ones_cost_nothing() {
    let index = Index::new(&private(&[]), &[], &[]);
    assert_eq!(index.inspect("anything at all", ""), Sighting::default());
}

#[test]
fn a_card_says_what_a_peer_may_read() {
    let manifest = crate::Manifest {
        name: "a".parse().expect("a name"),
        version: Some("1.0".to_owned()),
        description: "what it does".to_owned(),
        when_to_use: Some("when".to_owned()),
        category: None,
        input: serde_json::json!({"type": "object"}),
        output: serde_json::json!({"properties": {"kind": {"enum": ["one", "two"]}}}),
        min_tier: crate::Tier::Known,
    };
    let texts = published(&manifest);
    for text in ["what it does", "when", "kind", "one", "two"] {
        assert!(texts.iter().any(|other| other == text), "{text}");
    }
}

/// Texts that make looking through them as costly as they can.
fn hostile(seed: u64, len: usize) -> String {
    let layers = [
        "%25",
        "&amp;",
        "\\u005c",
        "<b>",
        "=3D",
        "7",
        "QUFB",
        "\u{200b}",
        "ａ",
        "[b]",
        "{\"a\":\"",
        " x ",
    ];
    let mut state = seed;
    let mut text = String::new();
    while text.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(layers[(state >> 33) as usize % layers.len()]);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_long_run_is_found_in_any_disguise(
        which in 0..PROMPTS.len() - 1, from in 0_usize..6_000, chars in LONGEST + 1..300, disguise in 0..KINDS.len() + VARIANTS.len()
    ) {
        let (name, text) = PROMPTS[which];
        let all: Vec<&Disguise> = KINDS.iter().chain(&VARIANTS).collect();
        let part = passage(text, from, chars);
        prop_assume!(codes(part, Look::Alike).len() > LONGEST);
        let index = index(&[(name, text)]);
        let disguise = all[disguise];
        let sighting = index.inspect(&(disguise.put_on)(part), "");
        // Digits of its own are not told from those that a disguise puts between words, and a word that is cut is another one.
        let in_digits = part.contains(|c: char| c.is_ascii_digit()) && least::WITH_DIGITS.contains(&disguise.name);
        let in_words = least::BY_WORD.contains(&disguise.name);
        let is_short = codes(part, Look::Alike).len() <= LONGEST + 8;
        prop_assert!(is_run(&sighting) || ((in_digits || in_words) && is_short), "{}: {part:?} {:?}", disguise.name, sighting.leak);
    }

    #[test]
    fn nothing_that_the_caller_said_is_flagged(from in 0_usize..4_000, chars in 41_usize..500, disguise in 0..VARIANTS.len()) {
        let text = prompt("manual-pages");
        let part = passage(text, from, chars);
        let index = index(&[("skill", text)]);
        let plain = ["as it is", "capitals", "json string", "no blanks", "html in hex", "base64 for urls"];
        prop_assume!(plain.contains(&VARIANTS[disguise].name));
        let sighting = index.inspect(&(VARIANTS[disguise].put_on)(part), part);
        // A letter that follows by chance is no leak.
        prop_assert_eq!((sighting.leak, sighting.shown), (None, Vec::new()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn looking_never_fails_and_ends(bytes in proptest::collection::vec(any::<u8>(), 0..3_000), text in "\\PC{0,200}", seed in any::<u64>()) {
        let index = index(&[("skill", prompt("readme-review"))]);
        index.inspect(&String::from_utf8_lossy(&bytes), &text);
        index.inspect(&text, "");
        index.inspect(&hostile(seed, 500), &text);
        let mut count = 0;
        let hostile = hostile(seed, 2_000);
        let mut size = 0;
        disguise::each(&hostile, |text, _| {
            count += 1;
            size += text.len();
        });
        prop_assert!(count <= 500 && size <= 2 << 20, "{} texts, {} bytes", count, size);
    }
}
