//! A text over XMTP: a peer far away gets its answers and its card, and nothing of the text.

use std::path::Path;

use super::*;
use crate::xmtp::network::{Member, Node};

/// Returns whether a file below a folder holds these bytes.
fn holds(folder: &Path, wanted: &str) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .any(|path| {
            let kind = path.symlink_metadata().expect("it is there").file_type();
            if kind.is_dir() {
                return holds(&path, wanted);
            }
            kind.is_file() && {
                let bytes = std::fs::read(&path).unwrap_or_default();
                bytes
                    .windows(wanted.len())
                    .any(|window| window == wanted.as_bytes())
            }
        })
}

#[test]
fn a_text_answers_over_xmtp_and_shows_its_card_alone() {
    let place = Place::new();
    let node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &[]);
    ann.kill();
    ann.place.configure_more(SCRIPTED);
    ann.place.write(
        "home/script.toml",
        "[[rule]]\ncontains = \"leek\"\nanswer = \"Boil it.\"\n",
    );
    std::fs::create_dir(ann.place.home().join("skills/soup")).expect("a folder");
    ann.place
        .write("home/skills/soup/SKILL.md", format!("{SOUP}{SECRET}\n"));
    ann.serve();
    ann.until_state("ready");
    ann.place.wait_for("soup", "exposed");
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "known");
    bob.owner(json!({ "do": "connect", "target": ann.me, "name": "ann" }));
    let reply = bob.call(&ann, "soup", json!({ "input": "leek" }));
    assert_eq!(reply["result"], json!({ "result": "Boil it." }), "{reply}");
    let seen = bob.owner(json!({ "do": "peer_inspect", "peer": ann.me, "timeout": "100s" }));
    let cards = seen["skills"].as_array().expect("cards");
    assert_eq!(cards.len(), 1);
    let mut keys: Vec<&str> = cards[0]
        .as_object()
        .expect("a card")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "description",
            "ext",
            "input_schema",
            "max_context_privacy_tier",
            "min_trust_tier",
            "name",
            "output_schema",
            "version"
        ]
    );
    assert_eq!(cards[0]["description"], "Knows soups.");
    // Nothing of the text is anywhere at the other end, and it is here.
    assert!(holds(&ann.place.home(), SECRET) && !holds(&bob.place.home(), SECRET));
}
