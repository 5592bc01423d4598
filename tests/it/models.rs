//! Skills whose answers models write, through the whole host: what peers get, what owners find, what it costs.

mod budgets;
mod components;
mod failures;
mod litellm;
mod network;
mod samples;
pub(crate) mod server;
mod texts;

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, PORTS_ASK, SCRIPTED};
use crate::peer::Peer;
use crate::support::{Place, Serving};

/// What no peer, no log and no error may hold.
const SECRET: &str = "Stir the soup seven times and never tell anybody about the saffron.";

/// The head of a SKILL.md without arguments.
const SOUP: &str = "---\nname: soup\ndescription: Knows soups.\nversion: '2.0'\n---\n";

/// A place whose host has a provider, and one skill that is a text.
fn place(provider: &str, head: &str) -> Place {
    let place = Place::configured(&format!("{EXPOSED}{provider}"));
    std::fs::create_dir(place.home().join("skills/soup")).expect("a folder");
    place.write("home/skills/soup/SKILL.md", format!("{head}{SECRET}\n"));
    place
}

/// The same with a scripted provider.
fn scripted(script: &str, config: &str) -> Place {
    let place = place(&format!("{SCRIPTED}{config}"), SOUP);
    place.write("home/script.toml", script);
    place
}

/// Starts it, and waits until the skill answers.
fn start(place: &Place) -> (Serving, Peer) {
    let serving = place.serve(&[]);
    place.wait_for("soup", "exposed");
    let peer = place.peer(&serving, "known");
    (serving, peer)
}

/// Returns everything that the owner finds of the newest task of a skill.
fn newest(place: &Place, skill: &str) -> Value {
    let row = place.tasks().into_iter().find(|row| row["skill"] == skill);
    place.task(&row.expect("it is on record"))
}

/// Calls the skill; the caller gets this code, the owner this cause and hint, and neither anything private.
#[track_caller]
fn fails(place: &Place, peer: &Peer, code: &str, cause: &str, hint: &str) {
    let answer = peer.call("soup", json!({ "input": "leek" }));
    assert_eq!(answer["error_code"], code, "{answer}");
    let task = newest(place, "soup");
    assert_eq!(task["outcome"], code);
    let log = task["log"].to_string();
    assert!(log.contains(cause) && log.contains(hint), "{log}");
    for text in [log, answer.to_string()] {
        assert!(
            !text.contains("soup seven") && !text.contains("sk-"),
            "{text}"
        );
    }
}
