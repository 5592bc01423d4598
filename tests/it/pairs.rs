//! Two hosts on one machine, each with a home and an owner of its own.

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, ask_at};
use crate::peer::{envelope, names, until};
use crate::support::{Place, Serving};

/// A second host on the same machine.
fn second(place: &Place, config: &str) -> (String, Serving) {
    let home = place.path("other").to_str().expect("plain").to_owned();
    let made = place.run(&["--home", &home, "init", "--name", "other"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    place.write("other/config.toml", config);
    place.mode("other/config.toml", 0o600);
    let serving = place.serve(&["--home", &home]);
    (home, serving)
}

#[test]
fn meeting_a_peer_twice_changes_nothing() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let (home, other) = second(&place, "[host]\nname = \"other\"\n");
    place.owner(json!({ "do": "trust_set", "peer": other.me(), "tier": "internal" }));
    let meet = || {
        let met = place.run(&[
            "--home",
            &home,
            "--json",
            "connect",
            serving.me(),
            "--tier",
            "known",
        ]);
        assert_eq!(met.code, 0, "{}", met.stderr);
        let met: Value = serde_json::from_str(&met.stdout).expect("one document");
        assert_eq!(names(&met["skills"]), ["echo"]);
        let row = place.owner(json!({ "do": "peers_show", "peer": other.me() }));
        assert_eq!(row["tier"], "internal", "asking for less lowers nothing");
        let show = json!({ "do": "peers_show", "peer": serving.me() });
        let known = ask_at(home.as_ref(), show).expect("it was met");
        assert_eq!(names(&known["skills"]), ["echo"]);
    };
    meet();
    meet();
}

#[test]
fn two_hosts_may_call_each_other_at_once() {
    let (place, serving) = Place::serving(&["hostile-wasi.wasm"]);
    let (home, other) = second(&place, EXPOSED);
    std::fs::copy(
        place.home().join("skills/hostile-wasi.wasm"),
        place.path("other/skills/hostile-wasi.wasm"),
    )
    .expect("ours");
    until("the other has it too", || {
        let list = place.run(&["--home", &home, "--json", "skills", "list"]);
        list.stdout.contains("exposed").then_some(())
    });
    place.owner(json!({ "do": "trust_set", "peer": other.me(), "tier": "known" }));
    let set = place.run(&["--home", &home, "trust", "set", serving.me(), "known"]);
    assert_eq!(set.code, 0, "{}", set.stderr);
    let input = "{\"mode\":\"sleep\",\"n\":1000}";
    std::thread::scope(|scope| {
        let there =
            scope.spawn(|| place.run(&["call", other.me(), "hostile-wasi", "--input", input]));
        let back = scope.spawn(|| {
            place.run(&[
                "--home",
                &home,
                "call",
                serving.me(),
                "hostile-wasi",
                "--input",
                input,
            ])
        });
        for ended in [
            there.join().expect("it ends"),
            back.join().expect("it ends"),
        ] {
            assert_eq!(ended.code, 0, "{}", ended.stderr);
        }
    });
}

#[test]
fn messages_that_come_while_no_host_runs_are_kept_by_their_sender() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let (home, other) = second(&place, "[host]\nname = \"other\"\n");
    place.owner(json!({ "do": "trust_set", "peer": other.me(), "tier": "known" }));
    let me = serving.me().to_owned();
    assert!(serving.terminate().success());
    std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            place.run(&[
                "--home",
                &home,
                "--json",
                "call",
                &me,
                "echo",
                "--input",
                "{\"a\":1}",
                "--timeout",
                "100s",
            ])
        });
        until("the question waits for its peer", || {
            let status = ask_at(home.as_ref(), json!({ "do": "status" })).ok()?;
            (status["outbox"]["waiting"] == 1).then_some(())
        });
        let _serving = place.serve(&[]);
        let ended = call.join().expect("it ends");
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let reply: Value = serde_json::from_str(&ended.stdout).expect("the reply");
        assert_eq!(reply["result"], json!({ "a": 1 }));
    });
}

#[test]
fn what_comes_while_a_command_is_on_the_network_waits_for_a_host() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    assert!(serving.terminate().success());
    std::thread::scope(|scope| {
        let id = peer.id.to_string();
        let place = &place;
        let call =
            scope.spawn(move || place.run(&["--json", "call", &id, "sum", "--timeout", "100s"]));
        let question =
            peer.wait(|all| all.iter().find(|got| got.kind() == "task_request").cloned());
        let question = question
            .expect("the command asks")
            .correlation
            .expect("an id");
        // While it waits for us, we ask in turn: so much that an answer to the first would be on its way at the end.
        let ours = json!({ "skill": "echo", "input": { "a": 1 } });
        let ids: Vec<String> = (0..20).map(|n| format!("ours-{n}")).collect();
        for id in &ids {
            peer.send(&envelope("task_request", id, &ours))
                .expect("it is on disk");
        }
        let reply = json!({ "success": true, "result": 3 });
        peer.send(&envelope("task_response", &question, &reply))
            .expect("taken");
        let called = call.join().expect("it ends");
        assert_eq!(called.code, 0, "{}", called.stderr);
        for id in &ids {
            assert_eq!(peer.answers(id).len(), 0, "a command answers nobody");
        }
        let _serving = place.serve(&[]);
        for id in &ids {
            let answer = peer.answer(id).payload();
            assert_eq!(answer["result"], json!({ "a": 1 }), "{answer}");
        }
        place.settled();
        for id in &ids {
            assert_eq!(peer.answers(id).len(), 1, "once");
        }
    });
}

#[test]
fn commands_take_invites_and_end_with_their_codes() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let (home, other) = second(&place, "[host]\nname = \"other\"\n");
    place.owner(json!({ "do": "trust_set", "peer": other.me(), "tier": "known" }));
    let invite = serving.ready["invite"]
        .as_str()
        .expect("an invite")
        .to_owned();
    let run = |arguments: &[&str]| {
        let all: Vec<&str> = ["--home", &home, "--json"]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        let ended = place.run(&all);
        let value: Option<Value> = serde_json::from_str(&ended.stdout).ok();
        (ended.code, value, ended.stderr)
    };
    let (code, value, told) = run(&["inspect", &invite]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(names(&value.expect("one document")["skills"]), ["echo"]);
    let (code, value, told) = run(&["call", &invite, "echo", "--input", "{\"a\":1}"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        value.expect("exactly the reply"),
        json!({ "success": true, "result": { "a": 1 } })
    );
    let (code, value, told) = run(&["call", &invite, "absent"]);
    assert_eq!(code, 1, "{told}");
    assert_eq!(
        value.expect("exactly the reply"),
        json!({ "success": false, "error": "Unknown skill: absent" })
    );
    let nobody = format!("loop:{}", "0".repeat(64));
    let (code, _, told) = run(&["call", &nobody, "echo", "--timeout", "200ms"]);
    assert_eq!(code, 4, "{told}");
    let (code, _, told) = run(&["inspect", "nobody-i-know"]);
    assert_eq!(code, 1, "{told}");
}
