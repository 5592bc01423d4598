//! What the client's own database keeps of what was said: as long as ours, and no longer.

use std::process::{Command, Stdio};
use std::time::Duration;

use coworker_host::home::{Home, hex};
use serde_json::json;

use super::fake::Faked;
use super::network::{Member, Node, node_program, sidecar};
use crate::peer::until;
use crate::support::{Place, holding};

/// Has a member's client take in what was sent to it, of which its host hears nothing. The member must not run.
pub(super) fn taken_in(member: &Member, node: &Node) {
    client(member, node, &["sync"]);
}

/// Returns everything that a member's client knows of what was said. The member must not run.
fn said(member: &Member, node: &Node) -> String {
    client(member, node, &[])
}

fn client(member: &Member, node: &Node, more: &[&str]) -> String {
    let home = Home::open(&member.place.home()).expect("a home");
    let identity = home.identity().expect("a key");
    let key = identity.derive("coworker-host xmtp database of local v1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop/said.mjs");
    let ended = Command::new(node_program())
        .arg(source)
        .arg(format!("http://{}", node.address))
        .arg(home.xmtp().join("local/client.db3"))
        .arg(hex(&key))
        .arg(home.wallet().expect("a key").address())
        .args(more)
        .current_dir(sidecar())
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("Node.js runs");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{told}");
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

#[test]
fn what_is_old_leaves_the_clients_database_too() {
    let place = Place::new();
    let node = Node::start(&place);
    let mut ann = Member::join("ann", &node, &["echo.wasm"]);
    let bob = Member::join("bob", &node, &[]);
    ann.trust(&bob, "privileged");
    for text in ["the first secret", "the second secret"] {
        let input = json!({ "text": text });
        assert_eq!(bob.call(&ann, "echo", input.clone())["result"], input);
    }
    ann.kill();
    let kept = said(&ann, &node);
    // The request and its answer.
    assert_eq!(kept.matches("the first secret").count(), 2, "{kept}");
    assert_eq!(kept.matches("the second secret").count(), 2, "{kept}");

    ann.place
        .configure_more("[retention]\nbodies = \"1s\"\nanswers = \"1s\"\n");
    // A client that was killed takes in once more what it had sent in its last moments, so it forgets that the next time.
    for text in ["the third secret", "the fourth secret"] {
        std::thread::sleep(Duration::from_millis(1_100));
        ann.serve();
        ann.place.wait_for_log("forgot what is old");
        let input = json!({ "text": text });
        assert_eq!(bob.call(&ann, "echo", input.clone())["result"], input);
        ann.kill();
    }
    let kept = said(&ann, &node);
    assert!(!kept.contains("the first secret"), "{kept}");
    assert!(!kept.contains("the second secret"), "{kept}");
    assert_eq!(kept.matches("the fourth secret").count(), 2, "{kept}");
}

#[test]
fn a_conversation_that_cannot_be_looked_through_keeps_nobody_from_being_heard() {
    let faked = Faked::with_client();
    faked.place.drop_in("echo.wasm", "echo.wasm");
    let peer = |of: char, talks: u64, strange: bool| {
        json!({ "peer": of.to_string().repeat(64), "waiting": 1, "size": 10, "talks": talks, "pours": 0, "apart": 1_000_000,
                "ago": 60, "strange": strange })
    };
    faked.world(&json!([peer('e', 0, true), peer('a', 3, false)]));
    let _serving = faked.place.serve(&[]);
    faked.place.wait_for_log("forgot what is old");
    // The sidecar's own log says what stayed.
    let said = holding(&faked.place.home().join("xmtp"), "no codec reads that");
    assert_eq!(said.len(), 1, "{said:?}");
    until("the other is answered", || {
        let noted = faked.noted();
        let told = noted
            .iter()
            .filter(|note| note["to"] == "a".repeat(64).as_str());
        (told.count() >= 3).then_some(())
    });
    let bridge = faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
    assert_eq!(bridge["restarts"], 0, "{bridge}");
}
