//! What comes and goes through a sidecar that says exactly what a test wants: a message too large to take, a network that
//! wants us to be slower, and groups.

use serde_json::{Value, json};

use super::fake::Faked;
use super::replay::{EVE, sent_now};
use crate::hosts::ask_at;
use crate::peer::{envelope, until};

/// Who put us into the other group.
const ANN: &str = "9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a";

fn ping(correlation: &str) -> Value {
    let text = envelope("ping", correlation, &json!({ "message": "?" }));
    sent_now(correlation, &text)
}

fn correlation(frame: &Value) -> String {
    let text = frame["text"].as_str().expect("text");
    let envelope: Value = serde_json::from_str(text).expect("JSON");
    envelope["correlation_id"]
        .as_str()
        .expect("text")
        .to_owned()
}

#[test]
fn a_message_of_25_mb_costs_its_sender_alone() {
    let large = json!({
        "is": "message", "peer": EVE, "id": "large", "sent_ns": sent_now("", b"")["sent_ns"], "size": 25_000_000, "text": null,
    });
    // More of them than the sidecar may hand over before the host has taken the first: each is given its place back.
    let faked = Faked::new(&format!(
        r#"
let credit = 0;
const later = [];
const next = () => {{ while (credit > 0 && later.length > 0) {{ credit -= 1; say(later.shift()); }} }};
hear((frame) => {{
  live(frame);
  if (frame.do === "hello") {{
    ready();
    credit = frame.credit;
    for (let n = 0; n < 300; n++) later.push({{ ...{large}, id: "large-" + n }});
    later.push({good});
  }}
  if (frame.do === "more") credit += frame.count;
  if (frame.do === "send") {{ note(frame); say({{ is: "sent", id: frame.id }}); }}
  next();
}});
"#,
        good = ping("good"),
    ));
    let _serving = faked.place.serve(&[]);
    let sent = until("the good one is answered", || {
        Some(faked.noted()).filter(|all| !all.is_empty())
    });
    assert_eq!(sent.iter().map(correlation).collect::<Vec<_>>(), ["good"]);
    let bridge = faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
    assert_eq!(bridge["restarts"], 0, "{bridge}");
}

/// The first of many messages does not leave; those on the wire behind it come back as a sidecar sends them back, and those
/// that were not on the wire yet would pass.
#[test]
fn nothing_overtakes_what_did_not_leave() {
    for (kind, goes_again) in [("unreachable", true), ("unconfirmed", false)] {
        let faked = Faked::new(&format!(
            r#"
const early = [];
hear((frame) => {{
  live(frame);
  if (frame.do === "hello") ready();
  if (frame.do !== "send") return;
  const sent = early.length === 4;
  note({{ ...frame, sent }});
  if (sent) return say({{ is: "sent", id: frame.id }});
  if (early.push(frame) < 4) return;
  for (const {{ id }} of early)
    say({{ is: "failed", id, kind: id === early[0].id ? {kind:?} : "unreachable", why: "connect" }});
}});
"#
        ));
        let _serving = faked.place.serve(&[]);
        faked.bridge_until("it is ready", |bridge| bridge["state"] == "ready");
        let work = json!({ "do": "delegate", "peer": format!("xmtp:{EVE}"), "skill": "slow", "input": {} });
        let tasks: Vec<String> = (0..7)
            .map(|_| faked.place.owner(work.clone())["task"].clone())
            .map(|task| task.as_str().expect("an id").to_owned())
            .collect();
        // An old peer would do twice what may have left and is sent again.
        let expected = &tasks[usize::from(!goes_again)..];
        let all = until("all are sent", || {
            Some(faked.noted()).filter(|all| all.len() >= 4 + expected.len())
        });
        let (early, sent) = all.split_at(4);
        let order = |frames: &[Value]| frames.iter().map(correlation).collect::<Vec<_>>();
        assert_eq!(order(early), tasks[..4], "{kind}");
        assert_eq!(order(sent), expected, "{kind}");
        assert_eq!(sent[0]["again"], true, "{kind}");
        assert!(
            sent[1..].iter().all(|frame| frame["again"] == false),
            "{kind}"
        );
    }
}

#[test]
fn what_a_busy_network_sent_back_goes_again_in_its_order() {
    let faked = Faked::new("");
    let go = faked.place.path("go");
    // Three messages are on the wire when the network begins to refuse; the second is refused first.
    faked.replace(&format!(
        r#"
import {{ existsSync }} from "node:fs";
const early = [];
const refuse = (frame) => say({{ is: "failed", id: frame.id, kind: "rate_limited", why: "RESOURCE_EXHAUSTED" }});
let [refused, named] = [false, false];
hear((frame) => {{
  live(frame);
  if (frame.do === "hello") ready();
  // Of peers that nobody named, fewer would be on the wire.
  if (frame.do === "name" && frame.peers.length > 0 && !named) {{ named = true; say({a}); say({b}); say({c}); }}
  if (frame.do !== "send") return;
  const sent = existsSync({go:?});
  note({{ ...frame, sent }});
  if (sent) return say({{ is: "sent", id: frame.id }});
  if (refused) return refuse(frame);
  early.push(frame);
  if (early.length < 3) return;
  refused = true;
  refuse(early[1]); refuse(early[0]); refuse(early[2]);
}});
"#,
        a = ping("a"),
        b = ping("b"),
        c = ping("c"),
        go = go.display().to_string(),
    ));
    let _serving = faked.place.serve(&[]);
    let trust = json!({ "do": "trust_set", "peer": format!("xmtp:{EVE}"), "tier": "known" });
    ask_at(&faked.place.home(), trust).expect("a tier");
    faked.bridge_until("it is told to be slower", |bridge| {
        bridge["slowed_until_at"].is_number() && bridge["sending"] == 3
    });
    let again = until("the first is tried again", || {
        Some(faked.noted()).filter(|all| all.len() > 3)
    });
    // Before the others, and as it was.
    let order: Vec<String> = again[..3].iter().map(correlation).collect();
    assert_eq!(
        (&again[3]["text"], &again[3]["again"]),
        (&again[0]["text"], &json!(true))
    );
    std::fs::write(go, "").expect("ours");
    let sent = until("all are sent", || {
        let sent = faked
            .noted()
            .into_iter()
            .filter(|frame| frame["sent"] == true);
        Some(sent.collect::<Vec<_>>()).filter(|sent| sent.len() >= 3)
    });
    assert_eq!(sent.iter().map(correlation).collect::<Vec<_>>(), order);
    let bridge = faked.bridge_until("nothing is left", |bridge| bridge["sending"] == 0);
    assert!(bridge["slowed_until_at"].is_null(), "{bridge}");
}

#[test]
fn a_group_is_left_unless_somebody_trusted_made_it() {
    let faked = Faked::new(&format!(
        r#"
hear((frame) => {{
  live(frame);
  if (frame.do === "hello") {{
    ready();
    say({{ is: "group", id: "of-a-friend", by: {ANN:?} }});
    say({{ is: "group", id: "of-a-stranger", by: {EVE:?} }});
    say({{ is: "group", id: "of-nobody", by: "" }});
  }}
  if (frame.do === "leave") note(frame.id);
}});
"#
    ));
    let trust = |peer: &str, tier: &str| {
        let ended = faked
            .place
            .run(&["trust", "set", &format!("xmtp:{peer}"), tier]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        // The command had a sidecar of its own, which may have come as far as its groups.
        let _ = std::fs::remove_file(faked.place.path("notes"));
    };
    let left = |count: usize| {
        let mut left = until("groups are left", || {
            Some(faked.noted()).filter(|left| left.len() >= count)
        });
        left.sort_by_key(Value::to_string);
        left
    };
    trust(EVE, "untrusted");
    trust(ANN, "known");
    let serving = faked.place.serve(&[]);
    assert_eq!(left(2), [json!("of-a-stranger"), json!("of-nobody")]);
    drop(serving);
    // Who is trusted no more at the next start has made a group like any other.
    trust(ANN, "untrusted");
    let _serving = faked.place.serve(&[]);
    let all = ["of-a-friend", "of-a-stranger", "of-nobody"];
    assert_eq!(left(3), all.map(Value::from));
}
