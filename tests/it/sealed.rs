//! A home whose owner gave a passphrase: what a thief of the disk finds of what was said, and that nothing else changes.

use serde_json::json;

use crate::hosts::EXPOSED;
use crate::peer::{answers, envelope};
use crate::support::{Place, holding};

const FIRST: &str = "said before there was a passphrase";
const SECOND: &str = "said since there is a passphrase";
const REASON: &str = "why a stranger wants to be trusted";
const KEPT: &str = "kept by a skill for its caller";

fn configure(place: &Place, passphrase: Option<&str>) {
    let line = passphrase.map(|words| format!("passphrase_command = \"echo {words}\"\n"));
    place.write(
        "home/config.toml",
        format!("{EXPOSED}{}", line.unwrap_or_default()),
    );
    place.mode("home/config.toml", 0o600);
}

#[test]
fn a_passphrase_hides_what_was_said_and_the_hosts_keys() {
    let place = Place::configured(EXPOSED);
    let home = place.home();
    place.drop_in_ports();
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    place.agree("ports");
    let peer = place.peer(&serving, "privileged");
    let said = json!({ "text": FIRST });
    let asked = peer.say("task_request", json!({ "skill": "echo", "input": said }));
    let answer = peer.answer(&asked);
    assert_eq!(answer.payload()["result"], said);
    peer.call("ports", json!({ "mode": "set", "key": "k", "value": KEPT }));
    let eve = place.stranger(&serving);
    let reason = json!({ "requested_tier": 1, "reason": REASON });
    assert_eq!(eve.ask("trust_request", reason).kind(), "trust_deny");
    let key = std::fs::read(home.join("identity.key")).expect("ours");
    assert!(serving.terminate().success());
    assert!(!holding(&home, FIRST).is_empty());
    assert!(!holding(&home, KEPT).is_empty());
    assert!(!holding(&home, REASON).is_empty());

    configure(&place, Some("open sesame"));
    let serving = place.serve(&[]);
    let said = json!({ "text": SECOND });
    assert_eq!(peer.call("echo", said.clone())["result"], said);
    // What was said before is still known: the same request gets the recorded answer, the skill has what it kept, and the
    // owner sees what was asked.
    let same = json!({ "skill": "echo", "input": { "text": FIRST } });
    peer.send(&envelope("task_request", &asked, &same))
        .expect("the host took it");
    let again = peer
        .wait(|all| Some(answers(all, &asked)).filter(|all| all.len() > 1))
        .expect("the recorded answer");
    assert_eq!(again[1].bytes, answer.bytes);
    let value = peer.call("ports", json!({ "mode": "get", "key": "k" }));
    assert_eq!(value["result"]["value"], KEPT);
    let waiting = place.owner(json!({ "do": "trust_requests" }));
    assert_eq!(waiting[0]["reason"], REASON);
    assert!(serving.terminate().success());
    for text in [FIRST, SECOND, KEPT, REASON]
        .map(str::as_bytes)
        .into_iter()
        .chain([&key[..]])
    {
        assert_eq!(holding(&home, text), [""; 0], "{}", text.escape_ascii());
    }

    for (given, cause) in [(None, "encrypted"), (Some("open barley"), "passphrase")] {
        configure(&place, given);
        let refused = place.run(&["serve"]);
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert!(refused.stderr.contains(cause), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("passphrase_command"),
            "{}",
            refused.stderr
        );
    }
    // Without its seal.json, the database is not taken for an empty one.
    configure(&place, None);
    std::fs::remove_file(home.join("identity.key")).expect("ours");
    std::fs::remove_file(home.join("seal.json")).expect("ours");
    place.write("home/identity.key", [7; 32]);
    place.mode("home/identity.key", 0o600);
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("seal"), "{}", refused.stderr);
    // Nor does it get another one, which a backup would keep in the place of the lost one.
    configure(&place, Some("open sesame"));
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("seal.json is lost"),
        "{}",
        refused.stderr
    );
    assert!(!home.join("seal.json").exists());
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stderr);
    assert!(doctor.stdout.contains("seal.json"), "{}", doctor.stdout);
    assert!(!home.join("seal.json").exists());
}

#[test]
fn a_lost_key_is_named_and_nothing_takes_its_place() {
    let (place, serving) = Place::serving(&[]);
    let key = place.home().join("identity.key");
    assert!(serving.terminate().success());
    let kept = std::fs::read(&key).expect("ours");
    std::fs::remove_file(&key).expect("ours");
    for command in ["serve", "init", "status", "doctor"] {
        let refused = place.run(&[command]);
        assert_ne!(refused.code, 0, "{command}");
        assert!(!key.exists(), "{command}");
    }
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("identity.key is lost"),
        "{}",
        refused.stderr
    );
    std::fs::write(&key, kept).expect("restored");
    place.mode("home/identity.key", 0o600);
    assert!(place.serve(&[]).terminate().success());
}

#[test]
fn a_passphrase_that_is_not_there_is_said_and_never_shown() {
    let place = Place::configured(&format!("{EXPOSED}passphrase_env = \"NOT_THERE\"\n"));
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("NOT_THERE"), "{}", refused.stderr);
    assert!(!place.home().join("seal.json").exists());
    let both = "passphrase_env = \"A\"\npassphrase_command = \"echo b\"\n";
    let place = Place::configured(&format!("{EXPOSED}{both}"));
    let refused = place.run(&["config", "check"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
}
