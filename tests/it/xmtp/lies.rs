//! A node that lies: it says of a wallet that it is somebody else's. A host believes the inbox's own log alone, which the
//! owner of the wallet signed.

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::network::{Member, Node};
use crate::peer::until;
use crate::support::Place;

/// Changes what a node says, behind its back. Each statement must change something.
fn rewrite(place: &Place, node: &mut Node, statements: &[(&str, [&str; 2])]) {
    node.away(|| {
        let database = Connection::open(place.path("node/node.db")).expect("the node's");
        for (statement, [first, second]) in statements {
            let changed = database.execute(statement, params![first, second]);
            assert!(changed.expect("a statement") > 0, "{statement}");
        }
    });
}

fn wallet(host: &Member) -> String {
    let home = coworker_host::home::Home::open(&host.place.home()).expect("a home");
    home.wallet().expect("a wallet").address()
}

fn inbox(host: &Member) -> &str {
    host.me.strip_prefix("xmtp:").expect("an inbox")
}

/// Why a wallet leads nowhere: nobody has it, or nobody could say.
const NOBODY: &str = "nobody on the network has that wallet";
const CANNOT: &str = "the network cannot be asked";

/// Everything that an owner does with a wallet leads to nobody.
#[track_caller]
fn leads_nowhere(ann: &Member, eve: &Member, wallet: &str, why: &[&str]) {
    for words in [
        &["connect", wallet][..],
        &["call", wallet, "echo"],
        &["request", wallet, "echo"],
        &["inspect", wallet],
        &["trust", "set", wallet, "privileged"],
        &["peers", "name", wallet, "bob"],
    ] {
        // While the node is coming back it can be asked nothing.
        let ended = until("the node is asked", || {
            let ended = ann.place.run(words);
            let is_asked = why.iter().any(|why| ended.stderr.contains(why));
            (is_asked || !ended.stderr.contains(CANNOT)).then_some(ended)
        });
        assert_ne!(ended.code, 0, "{words:?}: {}", ended.stdout);
        assert!(
            why.iter().any(|why| ended.stderr.contains(why)),
            "{words:?}: {}",
            ended.stderr
        );
        assert!(!ended.seen().contains(inbox(eve)), "{}", ended.seen());
    }
    assert_eq!(ann.owner(json!({ "do": "trust_list" })), json!([]));
    assert_eq!(ann.owner(json!({ "do": "peers_list" })), json!([]));
    assert_eq!(
        eve.place.turned_away("received"),
        0,
        "she hears nothing of it"
    );
}

#[test]
fn a_node_that_lies_about_a_wallet_leads_nobody_to_another() {
    let place = Place::new();
    let mut node = Node::start(&place);
    let ann = Member::join("ann", &node, &[]);
    let (bob, eve) = (
        Member::join("bob", &node, &["echo.wasm"]),
        Member::join("eve", &node, &["echo.wasm"]),
    );
    let his = wallet(&bob);

    // The row of his wallet names her inbox; then there is a newer one that does, beside the right one.
    let name = "UPDATE address_log SET inbox = ?1 WHERE address = ?2";
    rewrite(&place, &mut node, &[(name, [inbox(&eve), &his])]);
    leads_nowhere(&ann, &eve, &his, &[NOBODY]);
    let link = "INSERT INTO address_log (address, inbox, linked) VALUES (?2, ?1, 1000000)";
    let (his_again, newer) = ((name, [inbox(&bob), &*his]), (link, [inbox(&eve), &*his]));
    rewrite(&place, &mut node, &[his_again, newer]);
    leads_nowhere(&ann, &eve, &his, &[NOBODY]);

    // What he signed lies in her log too: it speaks of his inbox, and not of hers.
    let copied = "INSERT INTO inbox_log (inbox, server_ns, body)
                  SELECT ?1, server_ns, body FROM inbox_log WHERE inbox = ?2";
    rewrite(&place, &mut node, &[(copied, [inbox(&eve), inbox(&bob)])]);
    leads_nowhere(&ann, &eve, &his, &[NOBODY, CANNOT]);

    // The truth leads to him, which is what makes the others a test.
    let forgotten = "DELETE FROM address_log WHERE inbox = ?1 AND address = ?2";
    rewrite(&place, &mut node, &[(forgotten, [inbox(&eve), &his])]);
    bob.trust(&ann, "known");
    let met = until("the node is asked", || {
        let connect = json!({ "do": "connect", "target": his });
        ann.place.try_owner(connect).ok()
    });
    assert_eq!(
        (&met["peer"], &met["claimed_name"]),
        (&json!(bob.me), &json!("bob"))
    );
    let called = ann.owner(json!({
        "do": "call", "peer": his, "skill": "echo", "input": { "a": 1 }, "timeout": "100s",
    }));
    assert_eq!(called["reply"]["result"], json!({ "a": 1 }));
    let rows: Value = ann.owner(json!({ "do": "peers_list" }));
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
}
