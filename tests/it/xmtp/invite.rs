//! Ways to name a peer over a network: granting invites between inboxes, wallets, and the codes of old peers that name
//! a wallet alone.

use coworker_core::InviteCode;
use serde_json::{Value, json};

use super::network::{Member, Node};
use crate::peer::names;
use crate::support::Place;

fn make(host: &Member, terms: Value) -> Value {
    let mut request = json!({ "do": "invite", "grants": "known" });
    let whole = request.as_object_mut().expect("an object");
    whole.extend(terms.as_object().expect("an object").clone());
    host.owner(request)
}

/// Shows a code to whom it names, and returns what came of it.
fn redeem(guest: &Member, invite: &Value) -> Value {
    guest.owner(json!({ "do": "connect", "target": invite["code"], "tier": "known" }))
}

#[track_caller]
fn tier(host: &Member, guest: &Member) -> Value {
    host.owner(json!({ "do": "peers_show", "peer": guest.me }))["tier"].clone()
}

#[test]
fn an_invite_over_a_network_lets_in_once_and_no_more_than_its_owner_wants() {
    let place = Place::new();
    let node = Node::start(&place);
    let ann = Member::join("ann", &node, &["echo.wasm"]);
    let (bob, eve) = (
        Member::join("bob", &node, &[]),
        Member::join("eve", &node, &[]),
    );
    let open = make(&ann, json!({ "expires": "7d", "uses": 3 }));
    assert_eq!(open["network"], "xmtp-local");
    let met = redeem(&bob, &open);
    assert_eq!(
        (&met["granted"], names(&met["skills"])),
        (&json!("known"), vec!["echo".to_owned()])
    );
    assert_eq!(bob.call(&ann, "echo", json!({ "n": 1 }))["result"]["n"], 1);

    // What was taken back stays taken back, whatever is shown again.
    ann.owner(json!({ "do": "trust_revoke", "peer": bob.me }));
    for invite in [&open, &make(&ann, json!({}))] {
        let met = redeem(&bob, invite);
        assert_eq!(
            (&met["granted"], &met["skills"]),
            (&Value::Null, &json!([]))
        );
        assert_eq!(tier(&ann, &bob), "untrusted");
    }
    let refused = bob.call(&ann, "echo", json!({ "n": 2 }));
    assert_eq!(refused["error"], "Unknown skill: echo");

    // One that is for an inbox gives nobody else anything, and is not used up by who tries.
    let bound = make(&ann, json!({ "for": eve.me }));
    let carl = Member::join("carl", &node, &[]);
    assert_eq!(redeem(&carl, &bound)["granted"], Value::Null);
    assert_eq!(tier(&ann, &carl), "untrusted");
    assert_eq!(redeem(&eve, &bound)["granted"], "known");
    assert_eq!(tier(&ann, &eve), "known");
}

#[test]
fn a_wallet_names_who_proved_to_have_it() {
    let place = Place::new();
    let node = Node::start(&place);
    let (ann, bob) = (
        Member::join("ann", &node, &["echo.wasm"]),
        Member::join("bob", &node, &[]),
    );
    ann.trust(&bob, "known");
    let wallet = ann.bridge()["wallet"]
        .as_str()
        .expect("an address")
        .to_owned();
    let loud = format!("0x{}", wallet[2..].to_uppercase());
    let code = |wallet: &str| {
        let code = InviteCode {
            name: "ann".to_owned(),
            inbox_id: None,
            wallet: Some(wallet.to_owned()),
            version: "0.6.1".to_owned(),
            offer: None,
        };
        code.encode()
    };
    for target in [wallet.clone(), loud, code(&wallet)] {
        let met = bob.owner(json!({ "do": "connect", "target": target }));
        assert_eq!(
            (&met["peer"], names(&met["skills"])),
            (&json!(ann.me), vec!["echo".to_owned()])
        );
    }
    let call = json!({ "do": "call", "peer": wallet, "skill": "echo", "input": { "n": 1 } });
    assert_eq!(bob.owner(call)["reply"]["result"]["n"], 1);

    let nobody = format!("0x{}", "12".repeat(20));
    for target in [nobody.clone(), code(&nobody)] {
        let ended = bob.place.run(&["connect", &target]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("nobody on the network has that wallet")
                && ended.stderr.contains("hint: "),
            "{}",
            ended.stderr
        );
    }
}
