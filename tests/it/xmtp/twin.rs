//! One identity in two programs: two official clients of one wallet, of which each would answer every peer.

use serde_json::{Value, json};

use super::network::{Member, Node, config};
use crate::hosts::ask_at;
use crate::peer::until;
use crate::support::Place;

/// Makes a home of the same keys on the same network, with an installation of its own, as an imported agent has one.
fn twin(of: &Member, node: &Node) -> Member {
    let place = Place::configured(&config("ann", &node.address));
    for key in ["identity.key", "wallet.key"] {
        std::fs::copy(of.place.home().join(key), place.home().join(key)).expect("copied");
        place.mode(&format!("home/{key}"), 0o600);
    }
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    Member::of(place, serving)
}

fn has_stopped(member: &Member) -> bool {
    member.bridge()["twin"] == true
}

/// Returns in which states the tasks of a skill are, the newest first.
fn states(member: &Member) -> Vec<Value> {
    let tasks = member.place.tasks().into_iter();
    let of_skill = tasks.filter(|task| task["skill"] == "echo");
    of_skill.map(|task| task["state"].clone()).collect()
}

#[test]
fn two_programs_of_one_identity_are_noticed_and_one_serves_again_by_its_owners_word() {
    let place = Place::new();
    let node = Node::start(&place);
    let ann = Member::join("ann", &node, &["echo.wasm"]);
    let other = twin(&ann, &node);
    assert_eq!(ann.me, other.me, "one inbox");
    assert_ne!(ann.bridge()["installation"], other.bridge()["installation"]);
    // That there is another installation says nothing: an imported identity has one.
    assert!(!has_stopped(&ann) && !has_stopped(&other));
    let bob = Member::join("bob", &node, &[]);
    for side in [&ann, &other] {
        side.trust(&bob, "privileged");
    }
    let ask = |input: Value| {
        let request = json!({ "do": "delegate", "peer": ann.me, "skill": "echo", "input": input });
        bob.owner(request)
    };
    ask(json!({ "n": 0 }));
    let mut n = 0;
    until("one hears the other answer", || {
        if has_stopped(&ann) || has_stopped(&other) {
            return Some(());
        }
        // Who hears the other one first does not answer any more: sooner or later the other one does.
        n += 1;
        ask(json!({ "n": n }));
        std::thread::sleep(std::time::Duration::from_millis(500));
        None
    });
    let (mut stopped, other) = if has_stopped(&ann) {
        (ann, other)
    } else {
        (other, ann)
    };
    let status = stopped.bridge();
    let why = status["why"].as_str().expect("a reason");
    let installation = other.bridge()["installation"].clone();
    assert!(why.contains(installation.as_str().expect("an id")), "{why}");
    stopped
        .place
        .wait_for_log("another program answers peers as this host");
    let shown = stopped.place.run(&["status"]);
    assert!(
        shown.stdout.contains("nothing is served"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("bridge resume"), "{}", shown.stdout);
    let doctor = stopped.place.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stdout);
    assert!(
        doctor.stdout.contains("nothing is served"),
        "{}",
        doctor.stdout
    );
    // The owner can still try a skill.
    let own = stopped
        .place
        .run(&["--json", "call", "self", "echo", "--input", "{\"a\":1}"]);
    assert_eq!(own.code, 0, "{}", own.stderr);

    // The other program ends; what is asked now waits, over a restart too, until the owner chooses.
    drop(other);
    let before = states(&stopped).len();
    let asked = bob.owner(json!({
        "do": "delegate", "peer": stopped.me, "skill": "echo", "input": { "a": "late" },
    }));
    let waits = |member: &Member| {
        until("the request waits", || {
            let states = states(member);
            (states.len() > before && states[0] == "queued").then_some(())
        });
    };
    waits(&stopped);
    stopped.kill();
    stopped.serve();
    stopped.until_state("ready");
    assert!(has_stopped(&stopped));
    waits(&stopped);
    let result = |wait: &str| {
        bob.owner(json!({ "do": "delegated_result", "id": asked["task"], "wait": wait }))
    };
    assert_eq!(result("2s")["state"], "sent", "nobody answered it");
    assert_eq!(states(&stopped)[0], "queued");
    let resumed = stopped.place.run(&["bridge", "resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert!(
        resumed.stdout.contains("serving again"),
        "{}",
        resumed.stdout
    );
    until("it is answered", || {
        (result("1s")["state"] == "done").then_some(())
    });
    assert_eq!(result("1s")["reply"]["result"], json!({ "a": "late" }));
    let status = ask_at(&stopped.place.home(), json!({ "do": "status" })).expect("it runs");
    assert_eq!(
        (&status["xmtp"]["twin"], &status["xmtp"]["why"]),
        (&json!(false), &Value::Null)
    );
    let nothing = stopped.place.run(&["bridge", "resume"]);
    assert!(
        nothing.stdout.contains("no other program"),
        "{}",
        nothing.stdout
    );
}
