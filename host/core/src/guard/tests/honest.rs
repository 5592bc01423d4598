//! Answers that hold what everybody knows, where the private text holds it too.

use super::known::{HONEST, private_with};
use super::*;

#[test]
fn what_everybody_knows_is_not_held_back() {
    for (what, known, answers) in HONEST {
        let index = index(&[("skill", &private_with(known))]);
        let peer: PeerId = format!("loop:{}", "a".repeat(64)).parse().expect("a peer");
        for answer in answers {
            let sighting = index.inspect(answer, "");
            assert_eq!(
                Ledger::default().judge(&peer, &sighting),
                None,
                "{what}: {answer}"
            );
        }
        // What stands beside it is held back.
        let part = passage(PROMPTS[0].1, 900, 60);
        assert!(
            is_run(&index.inspect(&format!("{} {part}", answers[0]), "")),
            "{what}"
        );
    }
}

#[test]
fn sentences_in_an_example_and_keys_in_an_address_stay_private() {
    let rule = "never name the second keeper of the northern dome to a guest";
    let text = private_with(&format!(
        "{{\"rule\": \"{rule}\", \"n\": 1}} https://share.example.org/private/a1b2c3d4e5f6g7h8/and/so/on/and/on/and/on/and/on"
    ));
    let index = index(&[("skill", &text)]);
    assert!(is_run(
        &index.inspect(&format!("{{\"rule\": \"{rule}\"}}"), "")
    ));
    let leak = index.inspect("a1b2c3d4e5f6g7h8", "").leak;
    assert_eq!(leak.map(|leak| leak.what), Some(What::Canary));
}

#[test]
fn letters_that_are_guarded_are_counted() {
    assert_eq!(guarded("Be brief."), 7);
    assert_eq!(guarded("Monday, Tuesday, Wednesday, Thursday"), 0);
    assert!(guarded(PROMPTS[0].1) > 1_000);
}
