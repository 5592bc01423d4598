//! The least that is a leak, in every disguise that has a name, alone and split over calls; and whose text it is.

use std::collections::BTreeSet;

use super::*;

/// Disguises that put digits between words: where the text has some itself, nobody can tell whose they are.
pub(super) const WITH_DIGITS: [&str; 3] = ["numbered lines", "a table", "json objects"];

/// Disguises that take words one by one: a word that is cut is another one, so that whole ones are asked for.
pub(super) const BY_WORD: [&str; 3] = ["words turned", "words backwards", "attributes"];

/// Returns whether a passage that is hidden in a disguise can be found there.
fn is_found(text: &str, disguise: &Disguise) -> bool {
    let is_hidden = !text.is_ascii() && disguise.name == "invisible tags";
    let has_digits = text.contains(|c: char| c.is_ascii_digit());
    !(is_hidden || has_digits && WITH_DIGITS.contains(&disguise.name))
}

/// Returns a part of a text with the rest of its last word.
fn to_the_end_of_the_word<'a>(text: &'a str, part: &str) -> &'a str {
    let from = text.find(part).expect("it is a part");
    let rest = &text[from + part.len()..];
    let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
    &text[from..from + part.len() + word]
}

#[test]
fn the_least_that_is_a_leak_is_found_in_every_disguise() {
    let mut missed = Vec::new();
    for (name, text) in PROMPTS {
        let index = index(&[(name, text)]);
        for from in [0, 700, 1_500] {
            let part = passage(text, from, LONGEST + 1);
            assert_eq!(codes(part, Look::Alike).len(), LONGEST + 1, "{name} {from}");
            for disguise in KINDS.iter().chain(&VARIANTS) {
                let part = match BY_WORD.contains(&disguise.name) {
                    true => to_the_end_of_the_word(text, part),
                    false => part,
                };
                let sighting = index.inspect(&(disguise.put_on)(part), "");
                if !is_run(&sighting) && is_found(part, disguise) {
                    missed.push(format!(
                        "{} {name} {from} {part:?} {:?}",
                        disguise.name, sighting.leak
                    ));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_is_split_over_calls_in_a_disguise_stays_within_the_account() {
    let text = prompt("incident-letters");
    let index = index(&[("skill", text)]);
    let distinct: usize = index.sizes().values().map(|(_, distinct)| distinct).sum();
    let peer: PeerId = format!("loop:{}", "a".repeat(64)).parse().expect("a peer");
    let ten = KINDS.iter().step_by(2).chain(VARIANTS.iter().step_by(13));
    let ten: Vec<&Disguise> = ten.collect();
    assert_eq!(ten.len(), 10);
    for disguise in ten {
        let (mut ledger, mut own, mut held) = (Ledger::default(), BTreeSet::new(), 0);
        for call in 0..10 {
            let piece = passage(text, call * 300, LONGEST);
            // Whole words: what is cut is not what is turned.
            let piece = piece.rsplit_once(' ').map_or(piece, |(piece, _)| piece);
            let sighting = index.inspect(&(disguise.put_on)(piece), "");
            if ledger.judge(&peer, &sighting).is_some() {
                held += 1;
                continue;
            }
            ledger.add(&peer, &sighting);
            let plain = index.inspect(piece, "").shown;
            own.extend(plain.into_iter().flat_map(|shown| shown.prints));
        }
        let name = disguise.name;
        assert!(held > 0 && !own.is_empty(), "{name}: {held} of ten");
        assert!(
            own.len() * 100 <= distinct * PEER_SHARE,
            "{name}: {} of {distinct}",
            own.len()
        );
    }
}

#[test]
fn the_owner_learns_which_text_it_is() {
    let index = index(&PROMPTS);
    for (name, text) in PROMPTS {
        let sighting = index.inspect(passage(text, 700, 90), "");
        assert_eq!(sighting.leak.map(|leak| leak.slot).as_deref(), Some(name));
        let sighting = index.inspect(passage(text, 700, LONGEST), "");
        assert_eq!(sighting.leak, None);
        let slots: Vec<&str> = sighting
            .shown
            .iter()
            .map(|shown| shown.slot.as_str())
            .collect();
        assert_eq!(slots, [name]);
        assert_eq!(sighting.shown[0].text, crate::Digest::of(text.as_bytes()));
    }
    let leak = index
        .inspect("The register is Q-118-K4-77XZ-09B2.", "")
        .leak;
    assert_eq!(leak.map(|leak| leak.slot).as_deref(), Some("licence-desk"));
}
