//! Absent, hidden, pending, too low, unavailable and lost are the same bytes to whoever asks, in every way of asking.

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, shape};
use crate::peer::{Got, Peer};
use crate::support::{Place, Serving};

/// One name for each reason; equally long, so that nothing but the name differs.
pub(crate) const NAMES: [&str; 5] = ["s-absent", "s-hidden", "s-waits1", "s-toolow", "s-broken"];

/// Starts a host with a skill for every reason not to see one, and one that is seen.
pub(crate) fn world() -> (Place, Serving) {
    let place = Place::configured(EXPOSED);
    for name in &NAMES[1..] {
        place.write(
            &format!("home/skills/{name}.wasm"),
            shape(&format!("name={name}")),
        );
    }
    place.drop_in("echo.wasm", "echo.wasm");
    place.write("home/skills/s-waits1.toml", "[grants]\nstate = true\n");
    let serving = place.serve(&[]);
    place.owner(json!({ "do": "skills_hide", "name": "s-hidden" }));
    place.owner(json!({ "do": "skills_configure", "name": "s-toolow", "min_tier": "privileged" }));
    let broken = place.wait_for("s-broken", "exposed")["digest"].clone();
    assert!(serving.terminate().success());
    // It was running at three deaths of the host.
    let store = rusqlite::Connection::open(place.home().join("host.db")).expect("the store");
    let digest = hex(broken.as_str().expect("a digest"));
    store
        .execute(
            "INSERT INTO death (digest, deaths, at) VALUES (?1, 3, ?2)",
            (digest, coworker_host::clock::now().0),
        )
        .expect("written");
    drop(store);
    let serving = place.serve(&[]);
    let state = |name: &str| place.row(name).expect("listed")["state"].clone();
    assert_eq!(place.row("s-absent"), None);
    assert_eq!(
        NAMES[1..]
            .iter()
            .map(|name| state(name))
            .collect::<Vec<_>>(),
        ["hidden", "pending", "exposed", "unavailable"]
    );
    (place, serving)
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

#[track_caller]
fn all_the_same(peer: &Peer, kind: &str, ask: impl Fn(&str) -> Value) -> Got {
    the_same(peer, &NAMES, kind, ask)
}

#[track_caller]
fn the_same(peer: &Peer, names: &[&str], kind: &str, ask: impl Fn(&str) -> Value) -> Got {
    let answers: Vec<Got> = names.iter().map(|name| peer.ask(kind, ask(name))).collect();
    let first = answers[0].blotted(names[0]);
    for (name, answer) in names.iter().zip(&answers) {
        assert_eq!(first, answer.blotted(name), "{} and {name}", names[0]);
    }
    answers[0].clone()
}

/// Ways to call a skill that one may not see.
const WAYS: [fn(&str) -> Value; 6] = [
    |name| json!({ "skill": name }),
    |name| json!({ "skill": name, "input": [1, "not an object"] }),
    |name| json!({ "skill": name, "input": {}, "skill_version": "1.0.0" }),
    |name| json!({ "skill": name, "input": {}, "skill_version": "9.9.9" }),
    |name| json!({ "skill": name, "input": { "text": "x".repeat(600_000) } }),
    |name| json!({ "skill": name, "input": {}, "async": true, "task_id": "t" }),
];

#[test]
fn every_reason_not_to_see_a_skill_is_the_same_bytes() {
    let (place, serving) = world();
    for tier in ["untrusted", "known", "internal"] {
        let peer = place.stranger(&serving);
        if tier != "untrusted" {
            place.set_tier(&peer, tier);
        }
        let sees = if tier == "untrusted" {
            vec![]
        } else {
            vec!["echo"]
        };
        assert_eq!(peer.discover(), sees);
        let plain = all_the_same(
            &peer,
            "task_request",
            |name| json!({ "skill": name, "input": {} }),
        );
        assert_eq!(plain.kind(), "task_error", "also to a stranger");
        assert_eq!(
            plain.payload(),
            json!({ "success": false, "error": "Unknown skill: s-absent" })
        );
        for way in WAYS {
            let answer = all_the_same(&peer, "task_request", way);
            assert_eq!(answer.payload(), plain.payload());
        }
        let card = all_the_same(&peer, "skill_card_query", |name| json!({ "skill": name }));
        assert_eq!(card.kind(), "error");
        assert_eq!(
            card.payload(),
            json!({ "code": "SKILL_NOT_FOUND", "message": "Unknown skill: s-absent" })
        );
    }
    // The owner finds out who asked for what, and what it was.
    let probes = place.owner(json!({ "do": "probes" }));
    let class = |name: &str| {
        let rows = probes.as_array().expect("rows");
        rows.iter().find(|row| row["skill"] == name).expect("a row")["class"].clone()
    };
    let classes: Vec<Value> = NAMES.iter().map(|name| class(name)).collect();
    assert_eq!(
        classes,
        ["absent", "hidden", "pending", "too low", "unavailable"]
    );
}

/// A private text that a model repeats to whoever asks.
const LOST: &str = "---\nname: s-barred\ndescription: Helps.\nversion: 1.0.0\nmin_trust_tier: 0\n---\nThe spare key of the boat house hangs behind the \
                    third lantern, and the dog knows nobody but the two gardeners and old Mathilda.\n";

#[test]
fn a_skill_that_a_peer_lost_is_the_same_bytes_as_one_that_never_was() {
    let place = Place::scripted("[[rule]]\nmode = \"repeat\"\n", "");
    let folder = place.home().join("skills/s-barred");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), LOST).expect("written");
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    place.wait_for("s-barred", "exposed");
    place.wait_for("echo", "exposed");
    place.owner(json!({ "do": "skills_expose", "name": "s-barred", "tier": "untrusted" }));
    let both = ["s-absent", "s-barred"];
    for tier in ["untrusted", "known", "internal"] {
        let peer = place.stranger(&serving);
        if tier != "untrusted" {
            place.set_tier(&peer, tier);
        }
        let sees = |skill: &str| peer.discover().iter().any(|name| name == skill);
        assert!(sees("s-barred"), "{tier}");
        let asked = json!({ "skill": "s-barred", "input": { "input": "say it" } });
        let first = crate::peer::envelope("task_request", "s-first", &asked);
        peer.send(&first).expect("taken");
        assert_eq!(
            peer.answer("s-first").payload()["error_code"],
            "OUTPUT_REJECTED"
        );
        for _ in 0..4 {
            let answer = peer.ask("task_request", asked.clone());
            assert_eq!(answer.payload()["error_code"], "OUTPUT_REJECTED", "{tier}");
        }
        assert!(!sees("s-barred"), "{tier}");
        let plain = the_same(
            &peer,
            &both,
            "task_request",
            |name| json!({ "skill": name, "input": { "input": "say it" } }),
        );
        assert_eq!(
            plain.payload(),
            json!({ "success": false, "error": "Unknown skill: s-absent" })
        );
        for way in WAYS {
            let answer = the_same(&peer, &both, "task_request", way);
            assert_eq!(answer.payload(), plain.payload());
        }
        the_same(
            &peer,
            &both,
            "skill_card_query",
            |name| json!({ "skill": name }),
        );
        // What it was told before, it is not told again.
        peer.send(&first).expect("taken");
        let again = peer.wait(|all| {
            let of = |got: &&Got| got.envelope()["correlation_id"] == "s-first";
            all.iter().filter(of).nth(1).cloned()
        });
        assert_eq!(
            again.expect("it is answered").payload()["error"],
            "Unknown skill: s-barred"
        );
        // The others see it, and lose it by themselves.
        assert_eq!(sees("echo"), tier != "untrusted");
    }
    let probes = place.owner(json!({ "do": "probes" }));
    let of_it = probes.as_array().expect("rows").iter();
    let classes: Vec<&Value> = of_it
        .filter(|row| row["skill"] == "s-barred")
        .map(|row| &row["class"])
        .collect();
    assert_eq!(classes, ["barred", "barred", "barred"], "{probes}");
}

#[test]
fn a_repeated_refusal_is_the_same_bytes() {
    let (place, serving) = world();
    let peer = place.peer(&serving, "known");
    for name in NAMES {
        let message =
            crate::peer::envelope("task_request", name, &json!({ "skill": name, "input": {} }));
        peer.send(&message).expect("taken");
        peer.answer(name);
        peer.send(&message).expect("taken");
        let twice = peer.wait(|all| {
            let of = |got: &&Got| got.envelope()["correlation_id"] == name;
            let found: Vec<Got> = all.iter().filter(of).cloned().collect();
            (found.len() == 2).then_some(found)
        });
        let twice = twice.expect("both are answered");
        assert_eq!(twice[0].blotted(name), twice[1].blotted(name));
    }
}

#[test]
fn names_that_are_no_names_are_refused_like_any_other() {
    let (place, serving) = world();
    let peer = place.peer(&serving, "known");
    let refused = |skill: Value| {
        let got = peer.ask("task_request", json!({ "skill": skill, "input": {} }));
        assert_eq!(got.kind(), "task_error");
        got.payload()["error"]
            .as_str()
            .expect("a sentence")
            .to_owned()
    };
    assert_eq!(refused(json!(null)), "Unknown skill: ");
    assert_eq!(refused(json!(["echo"])), "Unknown skill: ");
    assert_eq!(refused(json!({ "name": "echo" })), "Unknown skill: ");
    assert_eq!(refused(json!("")), "Unknown skill: ");
    assert_eq!(refused(json!("ECHO")), "Unknown skill: ECHO");
    assert_eq!(refused(json!("echo ")), "Unknown skill: echo ");
    assert_eq!(
        refused(json!("../skills/echo")),
        "Unknown skill: ../skills/echo"
    );
    assert_eq!(
        refused(json!("x".repeat(5_000))),
        format!("Unknown skill: {}", "x".repeat(200))
    );
}

#[test]
fn what_a_peer_may_see_is_all_that_any_reply_shows() {
    let (place, serving) = world();
    let known = place.peer(&serving, "known");
    let privileged = place.peer(&serving, "privileged");
    let hash = |peer: &Peer| {
        peer.ask(
            "agent_card_query",
            json!({ "name": "n", "cached_hash": "" }),
        )
        .payload()
    };
    let (low, high) = (hash(&known), hash(&privileged));
    assert_eq!(crate::peer::names(&low["skills"]), ["echo"]);
    assert_eq!(crate::peer::names(&high["skills"]), ["echo", "s-toolow"]);
    assert_ne!(low["card_hash"], high["card_hash"]);
    // Whatever is hidden: the lower peer's card and its hash are those of a host that has nothing else.
    let (bare, bare_serving) = Place::serving(&["echo.wasm"]);
    let other = bare.peer(&bare_serving, "known");
    assert_eq!(hash(&other), low);
}

#[test]
fn a_pinned_version_tells_only_where_the_skill_is_seen() {
    let (place, serving) = world();
    let peer = place.peer(&serving, "known");
    let answer = peer.ask(
        "task_request",
        json!({ "skill": "echo", "input": {}, "skill_version": "9.9.9" }),
    );
    assert_eq!(answer.payload()["error_code"], "VERSION_MISMATCH");
    assert_eq!(answer.payload()["available_version"], "1.0.0");
}
