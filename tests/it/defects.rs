//! What peers and owners of an older agent suffered, and where it is shown that it does not happen here.
//!
//! | what happened there | shown by |
//! |---|---|
//! | a message said who its sender was, and was believed | `identity::no_claim_in_a_message_makes_anybody_somebody_else`, `identity::a_claimed_name_is_nobodys_name` |
//! | errors brought tracebacks, source lines and paths to callers | `guests::a_panic_reaches_the_owner_alone`, `guests::a_failure_that_tells_is_scrubbed`, `guests::a_trap_says_nothing_of_itself` |
//! | undeclared keys of callers reached the model | `a_card_and_a_call_show_what_is_declared_and_no_more` (with prompts: `interop::prompts`, and where models are connected) |
//! | one malformed envelope destroyed the batch | `envelopes::a_batch_with_one_bad_message_loses_no_other`, `envelopes::no_malformed_message_harms_the_message_after_it` |
//! | hidden skills were listed, run and put into plans | `a_plan_learns_of_no_skill`, `refusals::what_a_peer_may_see_is_all_that_any_reply_shows` |
//! | a trust request lowered tiers; who asked was known | `trust::a_request_never_lowers_a_tier`, `trust::a_stranger_sees_nothing_until_the_owner_grants_what_it_asked_for`, `a_group_gives_its_members_no_tier` |
//! | the second meeting wiped what was known of a peer | `pairs::meeting_a_peer_twice_changes_nothing` |
//! | a tier given for a time never ended | `trust::a_lease_ends_with_its_time`, `trust::a_lease_ends_with_its_calls_over_a_restart` |
//! | asynchronous requests were lost after an hour | `an_asynchronous_request_outlives_its_ttl`, `durable::a_peer_that_was_away_gets_its_answer_over_a_restart_of_either_side`; an `error` blocked the answer: `an_error_ends_a_question_and_blocks_no_other` |
//! | every repetition ran again | `durable::a_request_that_comes_again_gets_the_recorded_answer_and_runs_once` |
//! | a slow skill stopped everything; `exit` left the agent deaf | `a_slow_skill_stops_nobody_else`, `pairs::two_hosts_may_call_each_other_at_once`, `a_skill_that_exits_ends_itself_alone` |
//! | two processes read one inbox | `a_second_process_never_reads_the_inbox` |
//! | answers were taken from anybody, for ever; names overwrote names | `identity::an_answer_counts_from_the_peer_that_was_asked_and_once`, `identity::answers_that_nobody_asked_for_change_nothing`, `identity::a_claimed_name_is_nobodys_name` |
//! | the dashboard gave away the key | there is no dashboard; nothing listens on the network: `nothing_listens_on_the_network` |
//! | schemas were not enforced, nothing was limited, keys were readable | `input_and_output_keep_the_published_schema`, `guests`, `flood`, `the_key_is_for_its_owner_alone` |
//! | `inspect` crashed on invites, `preview` ignored tiers, errors exited 0, `--json` printed text | `pairs::commands_take_invites_and_end_with_their_codes`, `preview_shows_what_a_tier_sees` |
//! | our own time-outs and bad input counted against peers | `no_failure_changes_a_tier` |
//! | SKILL.md was read by hand | where SKILL.md is served |
//! | groups lost answers and posted elsewhere | `a_group_gives_its_members_no_tier`, `identity::no_claim_in_a_message_makes_anybody_somebody_else` (groups are not taken part in) |
//! | messages that came while the bridge was down were never seen | `durable::a_request_that_was_taken_and_not_started_is_served_after_a_kill`, `pairs::messages_that_come_while_no_host_runs_are_kept_by_their_sender` |
//! | the time of a refusal told its reason | the benchmark `refusal`; the bytes: `refusals` |

use std::path::Path;

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::peer::{CARD_KEYS, Got, Peer, envelope};
use crate::support::{Ended, Place, sockets};

#[test]
fn a_card_and_a_call_show_what_is_declared_and_no_more() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    let cards = peer.ask("discover", json!({})).payload()["skills"].clone();
    let keys: Vec<&String> = cards[0].as_object().expect("a card").keys().collect();
    assert!(
        keys.iter().all(|key| CARD_KEYS.contains(&key.as_str())),
        "{keys:?}"
    );
    let whole = cards.to_string();
    for private in [
        place.home().to_str().expect("plain"),
        ".wasm",
        "digest",
        "sandbox",
        "import",
    ] {
        assert!(!whole.contains(private), "{private}: {whole}");
    }
}

#[test]
fn a_plan_learns_of_no_skill() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    place.owner(json!({ "do": "skills_hide", "name": "echo" }));
    let peer = place.peer(&serving, "privileged");
    let plan = json!({
        "goal": "anything", "initiator": "x", "initiator_wallet": "x",
        "steps": [{ "skill": "echo", "agent": "test", "agent_wallet": serving.me(), "input": {} }],
    });
    let answer = peer.ask("plan_propose", plan);
    assert_eq!(answer.kind(), "plan_reject");
    assert_eq!(answer.payload(), json!({ "reason": "not taking part" }));
    assert!(
        place.tasks().iter().all(|task| task["skill"].is_null()),
        "and nothing ran"
    );
}

#[test]
fn a_group_gives_its_members_no_tier() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let stranger = place.stranger(&serving);
    for kind in [
        "group_create",
        "group_invite",
        "group_message",
        "group_discover",
        "group_task_request",
        "group_capabilities",
    ] {
        let payload = json!({ "name": "g", "wallet": serving.me(), "skill": "echo", "input": {}, "text": "hello" });
        let mut message: Value =
            serde_json::from_slice(&envelope(kind, kind, &payload)).expect("JSON");
        message["_group_id"] = json!("g");
        message["_xmtp_is_group"] = json!(true);
        stranger
            .send(message.to_string().as_bytes())
            .expect("taken");
    }
    stranger.ping();
    place.settled();
    assert_eq!(stranger.all().len(), 1, "only the ping is answered");
    assert_eq!(
        stranger.call("echo", json!({}))["error"],
        "Unknown skill: echo"
    );
    let row = place.owner(json!({ "do": "peers_show", "peer": stranger.id }));
    assert_eq!(row["tier"], "untrusted");
}

#[test]
fn an_asynchronous_request_outlives_its_ttl() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    let mut request: Value = serde_json::from_slice(&envelope(
        "task_request",
        "a",
        &json!({
            "skill": "echo", "input": { "a": 1 }, "async": true, "task_id": "a",
        }),
    ))
    .expect("JSON");
    request["ttl"] = json!(0);
    peer.send(request.to_string().as_bytes()).expect("taken");
    assert_eq!(peer.answer("a").payload()["result"], json!({ "a": 1 }));
    // One that is waited for is of no more use after it.
    request["payload"]["async"] = json!(false);
    request["correlation_id"] = json!("b");
    peer.send(request.to_string().as_bytes())
        .expect("dropped and confirmed");
    peer.ping();
    assert_eq!(place.turned_away("expired"), 1);
    assert_eq!(peer.answers("b").len(), 0);
}

#[test]
fn an_error_ends_a_question_and_blocks_no_other() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.stranger(&serving);
    std::thread::scope(|scope| {
        let ask = |skill: &'static str| {
            let request = json!({ "do": "call", "peer": peer.id, "skill": skill, "input": {}, "timeout": "100s" });
            scope.spawn(|| place.owner(request))
        };
        let question = |skill: &'static str| {
            let of = |got: &&Got| got.kind() == "task_request" && got.payload()["skill"] == skill;
            let got = peer
                .wait(|all| all.iter().find(of).cloned())
                .expect("we are asked");
            got.envelope()["correlation_id"]
                .as_str()
                .expect("an id")
                .to_owned()
        };
        let (first, second) = (ask("one"), ask("two"));
        let (one, two) = (question("one"), question("two"));
        let error = json!({ "code": "TRUST_TIER_TOO_LOW", "message": "\u{1b}[31mno" });
        peer.send(&envelope("error", &one, &error)).expect("taken");
        peer.send(&envelope(
            "task_response",
            &two,
            &json!({ "success": true, "result": 2 }),
        ))
        .expect("taken");
        let (first, second) = (
            first.join().expect("it ends"),
            second.join().expect("it ends"),
        );
        assert_eq!(
            (&first["success"], &first["reply"]),
            (&json!(false), &error)
        );
        assert_eq!(
            (&second["success"], &second["reply"]["result"]),
            (&json!(true), &json!(2))
        );
    });
}

#[test]
fn a_slow_skill_stops_nobody_else() {
    let place = Place::configured(&format!("{EXPOSED}\n[limits.default]\ncpu = \"1s\"\n"));
    place.drop_in("hostile.wasm", "hostile.wasm");
    place.drop_in("echo.wasm", "echo.wasm");
    let serving = place.serve(&[]);
    let (slow, quick) = (place.peer(&serving, "known"), place.peer(&serving, "known"));
    let loops: Vec<String> = (0..8)
        .map(|n| {
            slow.say(
                "task_request",
                json!({ "skill": "hostile", "input": { "mode": "loop", "n": n } }),
            )
        })
        .collect();
    // Both are served while eight loops hold as much as one peer may have.
    for n in 0..5 {
        assert_eq!(
            quick.call("echo", json!({ "n": n }))["result"],
            json!({ "n": n })
        );
        slow.ping();
    }
    for correlation in loops {
        assert_eq!(slow.answer(&correlation).payload()["error_code"], "TIMEOUT");
    }
}

#[test]
fn a_skill_that_exits_ends_itself_alone() {
    let (place, serving) = Place::serving(&["hostile-wasi.wasm", "echo.wasm"]);
    let peer = place.peer(&serving, "known");
    for code in [0, 1] {
        let answer = peer.call("hostile-wasi", json!({ "mode": "exit", "n": code }));
        assert_eq!(answer["error_code"], "EXECUTION_FAILED", "{answer}");
        assert_eq!(
            peer.call("echo", json!({ "a": 1 }))["result"],
            json!({ "a": 1 })
        );
    }
    assert_eq!(place.owner(json!({ "do": "status" }))["name"], "test");
}

#[test]
fn a_second_process_never_reads_the_inbox() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    let refused = place.run(&["serve"]);
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    // Commands beside a running host go through it, while its peers are served.
    std::thread::scope(|scope| {
        let commands = scope.spawn(|| {
            let other = peer.id.to_string();
            (0..5)
                .map(|_| place.run(&["connect", &other, "--timeout", "100ms"]))
                .collect::<Vec<Ended>>()
        });
        for n in 0..50 {
            assert_eq!(
                peer.call("echo", json!({ "n": n }))["result"],
                json!({ "n": n })
            );
        }
        for ended in commands.join().expect("they end") {
            assert_eq!(
                ended.code, 4,
                "the peer is no host and does not answer: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn nothing_listens_on_the_network() {
    let (_place, serving) = Place::serving(&["echo.wasm"]);
    let (all, on_the_network) = sockets(serving.id());
    assert!(
        all > 0,
        "it has its socket for peers and the one for its owner"
    );
    assert!(on_the_network.is_empty(), "{on_the_network:?}");
}

#[test]
fn input_and_output_keep_the_published_schema() {
    let (place, serving) = Place::serving(&["hostile.wasm"]);
    let peer = place.peer(&serving, "known");
    for input in [
        json!({}),
        json!({ "mode": 1 }),
        json!([]),
        json!("ok"),
        Value::Null,
    ] {
        let answer = peer.call("hostile", input.clone());
        assert_eq!(answer["error_code"], "INVALID_INPUT", "{input}: {answer}");
    }
    let answer = peer.call("hostile", json!({ "mode": "wrong-shape" }));
    assert_eq!(answer["error_code"], "OUTPUT_REJECTED");
    // What broke it never reached the skill.
    let ran = |task: &&Value| task["outcome"] == "OUTPUT_REJECTED";
    assert_eq!(place.tasks().iter().filter(ran).count(), 1);
    let usage = place.owner(json!({ "do": "usage", "by": "skill" }));
    assert!(usage.is_array(), "{usage}");
}

#[test]
fn the_key_is_for_its_owner_alone() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    peer.call("echo", json!({ "a": 1 }));
    is_for_its_owner_alone(&place.home());
}

/// Nobody else may read or enter anything of a home.
pub(crate) fn is_for_its_owner_alone(home: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("ours") {
            let entry = entry.expect("an entry");
            // What comes and goes beside a database may be gone again.
            let Ok(meta) = std::fs::symlink_metadata(entry.path()) else {
                continue;
            };
            let mode = meta.permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
            // Nobody else enters these two; what a library or a test puts into them may have any mode.
            if meta.is_dir() && entry.file_name() != "cache" && entry.file_name() != "skills" {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn preview_shows_what_a_tier_sees() {
    let (place, serving) = Place::serving(&["echo.wasm", "hostile.wasm"]);
    place.owner(json!({ "do": "skills_configure", "name": "hostile", "min_tier": "internal" }));
    for tier in ["untrusted", "known", "internal", "privileged"] {
        let preview = place.run(&["--json", "skills", "preview", "--peer-tier", tier]);
        assert_eq!(preview.code, 0, "{}", preview.stderr);
        let preview: Value = serde_json::from_str(&preview.stdout).expect("one document");
        let peer = place.stranger(&serving);
        if tier != "untrusted" {
            place.set_tier(&peer, tier);
        }
        let seen = peer.ask("discover", json!({})).payload()["skills"].clone();
        assert_eq!(
            preview["skills"], seen,
            "{tier}: the cards exactly as a peer gets them"
        );
    }
}

#[test]
fn no_failure_changes_a_tier() {
    let (place, serving) = Place::serving(&["hostile.wasm", "echo.wasm"]);
    let peer = place.peer(&serving, "internal");
    for n in 0..20 {
        peer.call("hostile", json!({ "mode": "trap", "n": n }));
        peer.call("echo", json!(n));
        peer.call("absent", json!({}));
    }
    // Nor does it count against a peer that it does not answer us.
    let call =
        json!({ "do": "call", "peer": peer.id, "skill": "x", "input": {}, "timeout": "50ms" });
    for _ in 0..5 {
        assert!(place.try_owner(call.clone()).is_err());
    }
    tier_is(&place, &peer, "internal");
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    tier_is(&place, &peer, "internal");
}

#[track_caller]
fn tier_is(place: &Place, peer: &Peer, tier: &str) {
    assert_eq!(
        place.owner(json!({ "do": "peers_show", "peer": peer.id }))["tier"],
        tier
    );
}
