//! Invites over the wire: what one gives, to whom, and what everybody else hears.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coworker_core::{InviteCode, Offer, Tier, Timestamp};
use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{Peer, names};
use crate::support::{Ended, Place, Serving};

/// Another owner on the same machine, whose host does not run.
pub(crate) struct Visitor<'p> {
    place: &'p Place,
    pub(crate) home: String,
}

impl<'p> Visitor<'p> {
    pub(crate) fn new(place: &'p Place, name: &str) -> Self {
        let home = place.path(name).to_str().expect("plain").to_owned();
        let visitor = Self { place, home };
        let made = visitor.run(&["init", "--name", name]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        visitor
    }

    /// Returns under which id others know it.
    pub(crate) fn id(&self) -> String {
        let home = coworker_host::home::Home::open(Path::new(&self.home)).expect("a home");
        home.identity().expect("a key").peer().to_string()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let all = ["--home", &self.home, "--json"];
        raw(self.place, &[&all, arguments].concat())
    }

    /// Runs a command that must work, and returns its document.
    #[track_caller]
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        serde_json::from_str(&ended.stdout).expect("one document")
    }
}

/// Runs a command to its end. Nothing in what it says is blotted out.
pub(crate) fn raw(place: &Place, arguments: &[&str]) -> Ended {
    let output = place.command(arguments).output().expect("it ends");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn make(place: &Place, terms: Value) -> Value {
    let mut request = json!({ "do": "invite", "grants": "known" });
    let whole = request.as_object_mut().expect("an object");
    whole.extend(terms.as_object().expect("an object").clone());
    place.owner(request)
}

fn code(invite: &Value) -> &str {
    invite["code"].as_str().expect("a code")
}

fn opened(invite: &Value) -> Value {
    let json = STANDARD.decode(code(invite)).expect("padded base64");
    serde_json::from_slice(&json).expect("JSON")
}

fn secret(invite: &Value) -> String {
    opened(invite)["x"]["s"]
        .as_str()
        .expect("a secret")
        .to_owned()
}

fn tier(place: &Place, peer: &str) -> Value {
    place.owner(json!({ "do": "peers_show", "peer": peer }))["tier"].clone()
}

/// Shows a secret as a peer would, and returns the answer with what differs from one to the next blotted out.
fn redeem(peer: &Peer, secret: &str) -> String {
    let payload = json!({ "requested_tier": 1, "reason": "r", "ext": { "invite": secret } });
    peer.ask("trust_request", payload).blotted("")
}

fn ask_plainly(peer: &Peer) -> String {
    peer.ask(
        "trust_request",
        json!({ "requested_tier": 1, "reason": "r" }),
    )
    .blotted("")
}

#[test]
fn whoever_redeems_an_invite_is_let_in_and_everybody_else_is_not() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let invite = make(&place, json!({ "expires": "7d", "uses": 2 }));
    let (ann, ben, eve) = (
        Visitor::new(&place, "ann"),
        Visitor::new(&place, "ben"),
        Visitor::new(&place, "eve"),
    );
    for visitor in [&ann, &ben] {
        let met = visitor.get(&["connect", code(&invite)]);
        assert_eq!(met["granted"], "known", "{met}");
        assert_eq!(names(&met["skills"]), ["echo"]);
    }
    let met = eve.get(&["connect", code(&invite)]);
    assert_eq!(
        (&met["granted"], &met["skills"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(met["reason"], "manual approval required");
    // What eve asked for waits, as if there had been no invite; the others' need not.
    let waiting = place.owner(json!({ "do": "trust_requests" }));
    assert_eq!(waiting.as_array().map(Vec::len), Some(1), "{waiting}");
    assert_eq!(waiting[0]["peer"], eve.id());
    let list = place.owner(json!({ "do": "invite_list" }));
    assert_eq!(list[0]["id"], invite["id"]);
    assert_eq!(
        (&list[0]["state"], &list[0]["used"]),
        (&json!("used"), &json!(2))
    );
    assert!(list[0].get("code").is_none());
    // Who is in stays in over a restart, and its first message then is served.
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    let reply = ann.get(&["call", code(&invite), "echo", "--input", "{\"a\":1}"]);
    assert_eq!(reply["result"], json!({ "a": 1 }));
}

#[test]
fn an_invite_is_a_plain_code_to_old_readers() {
    let (place, _serving) = Place::serving(&[]);
    let plain = place.owner(json!({ "do": "invite" }));
    let keys = |invite: &Value| -> Vec<String> {
        let opened = opened(invite);
        opened
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&plain), ["n", "i", "v"]);
    assert_eq!(plain["id"], Value::Null);
    let granting = make(&place, json!({}));
    assert_eq!(keys(&granting), ["n", "i", "v", "x"]);
    assert_eq!(opened(&granting)["i"], opened(&plain)["i"]);
    assert_eq!(granting["short_id"], plain["short_id"]);
}

#[test]
fn a_secret_that_gives_nothing_is_answered_as_if_there_were_none() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let expected = ask_plainly(&place.stranger(&serving));
    let used = make(&place, json!({}));
    assert_ne!(redeem(&place.stranger(&serving), &secret(&used)), expected);
    let revoked = make(&place, json!({}));
    place.owner(json!({ "do": "invite_revoke", "id": revoked["id"] }));
    let other = Visitor::new(&place, "other");
    let bound = make(&place, json!({ "for": other.id() }));
    let short = make(&place, json!({ "expires": "1s" }));
    let expired = place.stranger(&serving);
    crate::peer::until("the invite has expired", || {
        let list = place.owner(json!({ "do": "invite_list" }));
        let row = list
            .as_array()?
            .iter()
            .find(|row| row["id"] == short["id"])?
            .clone();
        (row["state"] == "expired").then_some(())
    });
    assert_eq!(redeem(&expired, &secret(&short)), expected);
    let open = make(&place, json!({}));
    let blocked = place.stranger(&serving);
    place.owner(json!({ "do": "trust_revoke", "peer": blocked.id }));
    assert_eq!(redeem(&blocked, &secret(&open)), expected);
    for given in [
        secret(&used),
        secret(&revoked),
        secret(&bound),
        "A".repeat(22),
        "short".to_owned(),
    ] {
        let peer = place.stranger(&serving);
        assert_eq!(redeem(&peer, &given), expected, "{given}");
        assert_eq!(tier(&place, &peer.id.to_string()), "untrusted");
        assert_eq!(peer.discover(), [""; 0]);
    }
    assert_eq!(tier(&place, &blocked.id.to_string()), "untrusted");
    // The block used nothing up.
    assert_ne!(redeem(&place.stranger(&serving), &secret(&open)), expected);
}

#[test]
fn an_invite_brings_back_nothing_that_the_owner_took() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let invite = make(&place, json!({ "uses": 5 }));
    let peer = place.stranger(&serving);
    redeem(&peer, &secret(&invite));
    assert_eq!(peer.discover(), ["echo"]);
    place.owner(json!({ "do": "trust_revoke", "peer": peer.id }));
    redeem(&peer, &secret(&invite));
    assert_eq!(peer.discover(), [""; 0]);
    place.owner(json!({ "do": "peers_forget", "peer": peer.id }));
    redeem(&peer, &secret(&invite));
    assert_eq!(peer.discover(), [""; 0]);
    // Forgetting a peer that was not blocked gives its use of the invite back neither.
    let other = place.stranger(&serving);
    redeem(&other, &secret(&invite));
    place.owner(json!({ "do": "peers_forget", "peer": other.id }));
    redeem(&other, &secret(&invite));
    assert_eq!(other.discover(), [""; 0]);
}

#[test]
fn nobody_is_lowered_by_an_invite() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let invite = make(&place, json!({}));
    for held in ["internal", "privileged"] {
        let peer = place.peer(&serving, held);
        redeem(&peer, &secret(&invite));
        assert_eq!(tier(&place, &peer.id.to_string()), held);
    }
    let list = place.owner(json!({ "do": "invite_list" }));
    assert_eq!(list[0]["used"], 0, "nor is it used up");
}

#[test]
fn of_many_that_race_for_an_invite_as_many_get_in_as_may() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let invite = make(&place, json!({ "uses": 3 }));
    let secret = secret(&invite);
    let peers: Vec<Peer> = (0..12).map(|_| place.stranger(&serving)).collect();
    let granted = std::thread::scope(|scope| {
        let asked: Vec<_> = peers
            .iter()
            .map(|peer| scope.spawn(|| redeem(peer, &secret).contains("trust_grant")))
            .collect();
        asked
            .into_iter()
            .map(|asked| usize::from(asked.join().expect("it ends")))
            .sum::<usize>()
    });
    assert_eq!(granted, 3);
    let seen = peers.iter().filter(|peer| peer.discover() == ["echo"]);
    assert_eq!(seen.count(), 3);
}

#[test]
fn a_kill_between_leaves_an_invite_used_and_its_peer_let_in_or_neither() {
    let (place, mut serving) = Place::serving(&["echo.wasm"]);
    for round in 0..10 {
        let invite = make(&place, json!({}));
        let peer = place.stranger(&serving);
        let payload = json!({
            "requested_tier": 1, "reason": "r", "ext": { "invite": secret(&invite) },
        });
        let correlation = peer.say("trust_request", payload);
        // It is on disk; whatever was done of it so far is cut off here.
        drop(serving);
        serving = place.serve(&[]);
        assert_eq!(peer.answer(&correlation).kind(), "trust_grant", "{round}");
        assert_eq!(tier(&place, &peer.id.to_string()), "known");
        let list = place.owner(json!({ "do": "invite_list" }));
        let row = list
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["id"] == invite["id"]);
        assert_eq!(row.expect("it is there")["used"], 1);
    }
}

#[test]
fn a_changed_code_is_refused_before_anybody_is_written_to() {
    let (place, _serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    let invite = make(&place, json!({}));
    let whole = opened(&invite);
    let forged = make_as(&ann, &whole);
    let mut changed = vec![forged];
    for (pointer, value) in [
        ("/n", json!("somebody")),
        ("/i", json!("0".repeat(64))),
        ("/v", json!("9")),
        ("/x/t", json!(3)),
        ("/x/e", json!(4_000_000_000_u64)),
        ("/x/w", json!("xmtp")),
        ("/x/s", json!("A".repeat(22))),
        ("/x/g", json!("A".repeat(86))),
        ("/x/k", json!("A".repeat(43))),
    ] {
        let mut code = whole.clone();
        *code.pointer_mut(pointer).expect("a key") = value;
        changed.push(code);
    }
    let before = place.turned_away("received");
    for code in changed {
        let text = STANDARD.encode(code.to_string());
        for command in [["connect", &text], ["inspect", &text]] {
            let ended = ann.run(&command);
            assert_eq!(ended.code, 1, "{code}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("forged or damaged"),
                "{}",
                ended.stderr
            );
        }
    }
    assert_eq!(place.turned_away("received"), before);
    // As it was made, it is as good as before.
    assert_eq!(ann.get(&["connect", code(&invite)])["granted"], "known");
}

#[test]
fn a_code_for_another_network_or_another_time_is_refused_before_anybody_is_written_to() {
    let (place, _serving) = Place::serving(&["echo.wasm"]);
    let ann = Visitor::new(&place, "ann");
    let invite = make(&place, json!({}));
    let home = coworker_host::home::Home::open(&place.home()).expect("a home");
    let identity = home.identity().expect("a key");
    // Signed by the issuer itself.
    let signed = |change: fn(&mut Offer)| {
        let mut code = InviteCode::decode(code(&invite)).expect("a code");
        change(code.offer.as_mut().expect("an offer"));
        let statement = code.statement().expect("an inbox");
        code.offer.as_mut().expect("an offer").signature = identity.sign(&statement);
        code.encode()
    };
    let before = place.turned_away("received");
    for (change, said) in [
        (
            (|offer| offer.network = "xmtp-dev".to_owned()) as fn(&mut Offer),
            "for the network \"xmtp-dev\"",
        ),
        (|offer| offer.expires = Timestamp(1_000_000), "has expired"),
    ] {
        let ended = ann.run(&["connect", &signed(change)]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    assert_eq!(place.turned_away("received"), before);
    // The issuer goes by its own record: a higher tier in a code, even signed, gives what was recorded.
    let raised = signed(|offer| offer.tier = Tier::Privileged);
    let met = ann.get(&["connect", &raised]);
    assert_eq!(met["granted"], "known", "{met}");
    assert_eq!(tier(&place, &ann.id()), "known");
}

/// Returns a code of the same words, signed by somebody else.
fn make_as(visitor: &Visitor<'_>, whole: &Value) -> Value {
    let made = visitor.get(&["invite", "--grants", "known"]);
    let mut forged = whole.clone();
    forged["x"]["k"] = opened(&made)["x"]["k"].clone();
    forged["x"]["g"] = opened(&made)["x"]["g"].clone();
    forged
}

#[test]
fn what_is_too_generous_is_not_made() {
    let place = Place::configured(EXPOSED);
    let code = |arguments: &[&str]| {
        let all: Vec<&str> = ["invite", "--grants"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        place.run(&all).code
    };
    assert_eq!(code(&["untrusted"]), 2);
    assert_eq!(code(&["internal", "--uses", "2"]), 2);
    assert_eq!(code(&["privileged", "--expires", "25h"]), 2);
    assert_eq!(code(&["known", "--uses", "0"]), 2);
    assert_eq!(code(&["known", "--expires", "0s"]), 2);
    assert_eq!(code(&["known", "--for", "nobody-i-know"]), 1);
    assert_eq!(code(&["internal", "--uses", "1", "--expires", "24h"]), 0);
    assert_eq!(place.run(&["invite", "--uses", "3"]).code, 2);
    assert_eq!(place.run(&["invite", "revoke", "none"]).code, 1);
    // Made while no host ran; the next one honours it.
    let made = raw(&place, &["--json", "invite", "--grants", "internal"]);
    let made: Value = serde_json::from_str(&made.stdout).expect("one document");
    let serving = place.serve(&[]);
    let ann = Visitor::new(&place, "ann");
    let met = ann.get(&["connect", made["code"].as_str().expect("a code")]);
    assert_eq!(met["granted"], "internal", "{}", Serving::me(&serving));
}
