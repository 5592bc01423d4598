//! A host in the place of an agent of the Python package: the same wallet, the same inbox, and peers that go on as before.

use serde_json::{Value, json};

use super::agent::Agent;
use crate::invites::raw;
use crate::peer::until;
use crate::support::Place;
use crate::xmtp::network::{Member, Node, config};

/// Brings an agent's home to a place of ours. It must work.
fn import(place: &Place, from: &str) -> Value {
    let ended = raw(place, &["--json", "init", "--import", from]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("one document")
}

/// Serves an imported home on a node.
fn serve(place: Place, node: &Node) -> Member {
    place.write("home/config.toml", config("bob", &node.address));
    place.mode("home/config.toml", 0o600);
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let member = Member::of(place, serving);
    member.place.wait_for("echo", "exposed");
    member
}

#[test]
fn an_imported_agent_is_the_same_peer_to_all_who_knew_it() {
    let place = Place::new();
    let node = Node::start(&place);
    let (bob, carol) = std::thread::scope(|scope| {
        let bob = scope.spawn(|| Agent::start(&place, "bob", &node.address));
        let carol = Agent::start(&place, "carol", &node.address);
        (bob.join().expect("an agent"), carol)
    });
    // They know each other, by the package's own means; carol is given more than what it gives everybody.
    carol.ask(json!({ "do": "connect", "to": bob.wallet }));
    bob.ask(json!({ "do": "connect", "to": carol.wallet }));
    bob.ask(json!({ "do": "trust", "peer": carol.wallet, "tier": 2 }));
    let sum = |a: u32| json!({ "do": "call", "to": bob.inbox, "skill": "add", "input": { "a": a, "b": 1 } });
    assert_eq!(carol.ask(sum(1))["result"], json!({ "sum": 2 }));

    // Beside the agent nobody else may be it.
    let home = bob.data("").to_str().expect("plain").to_owned();
    let ours = Place::new();
    let refused = raw(&ours, &["init", "--import", &home]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    for part in ["is running", "cause: ", "coworker bridge stop"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(!ours.home().exists(), "nothing was made");
    let (wallet, inbox) = (bob.wallet.clone(), bob.inbox.clone());
    drop(bob);
    let brought = import(&ours, &home)["imported"].clone();
    assert_eq!(
        (
            &brought["wallet"],
            &brought["proposals"],
            &brought["skipped"]
        ),
        (&json!(wallet), &json!(1), &json!(0))
    );

    let bob = serve(ours, &node);
    assert_eq!(bob.me, format!("xmtp:{inbox}"), "the same inbox");
    assert_eq!(bob.bridge()["inbox"], json!(inbox));
    // Carol is nobody until the owner says so.
    let asked = |skill: &str, input: Value| {
        until("it is answered", || {
            let call =
                json!({ "do": "call", "to": inbox, "skill": skill, "input": input, "timeout": 10 });
            Some(carol.ask(call)).filter(|answer| answer["error"] != "timeout (10s)")
        })
    };
    assert_eq!(
        asked("echo", json!({ "a": 1 }))["error"],
        "Unknown skill: echo"
    );
    let waiting = bob.owner(json!({ "do": "trust_requests" }));
    let proposal = waiting
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["origin"] == "import");
    let proposal = proposal.expect("carol was brought along");
    assert_eq!(
        (&proposal["claimed_name"], &proposal["tier"]),
        (&json!("carol"), &json!("internal"))
    );
    let granted = bob.owner(json!({ "do": "trust_grant", "id": proposal["id"] }));
    assert_eq!(
        (&granted["peer"], &granted["tier"]),
        (&json!(carol.peer()), &json!("internal"))
    );

    // By inbox and by wallet, in the conversation that she had with the agent.
    assert_eq!(
        asked("echo", json!({ "a": 2 }))["result"],
        json!({ "a": 2 })
    );
    let pong = carol.ping(&wallet);
    assert_eq!(
        (
            &pong.from,
            &pong.envelope()["sender_wallet"],
            &pong.payload()["message"]
        ),
        (&inbox, &json!(wallet), &json!("pong from bob"))
    );
    // The package's own connect takes it for the peer that it has on file.
    let again = carol.ask(json!({ "do": "connect", "to": wallet }));
    assert_eq!(again["skills"][0]["name"], "echo", "{again}");
    let kept = carol.ask(json!({ "do": "peers" }));
    assert_eq!(
        kept.as_object().map(serde_json::Map::len),
        Some(1),
        "{kept}"
    );
    // And the tier that carol gave the agent is ours.
    let answer = bob.owner(json!({
        "do": "call", "peer": "carol", "skill": "add", "input": { "a": 2, "b": 2 }, "timeout": "100s",
    }));
    assert_eq!(answer["reply"]["result"], json!({ "sum": 4 }), "{answer}");
    carol.unharmed();
}
