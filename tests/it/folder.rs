//! A skill's life in the folder: dropped in, looked at, exposed, updated, held back, rolled back, removed; and a restart
//! at any moment changes nothing.

use std::io::Write;

use serde_json::{Value, json};

use crate::hosts::{EXPOSED, seen_at_start};
use crate::peer::{Peer, block_on, until};
use crate::support::{Place, fixture};

fn expose(place: &Place, name: &str) {
    place.owner(json!({ "do": "skills_expose", "name": name }));
}

#[track_caller]
fn echoes(peer: &Peer) {
    let answer = peer.call("echo", json!({ "text": "still here" }));
    assert_eq!(
        answer["result"],
        json!({ "text": "still here" }),
        "{answer}"
    );
}

/// Shows that the second build of the same skill serves.
#[track_caller]
fn answers_anew(peer: &Peer) {
    let answer = peer.call("echo", json!({ "text": "still here" }));
    assert_eq!(
        answer["result"]["answered_by"], "the other code",
        "{answer}"
    );
}

#[test]
fn a_file_copied_in_is_listed_hidden_and_callable_once_exposed() {
    let place = Place::with_home();
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "known");
    place.drop_in("echo.wasm", "echo.wasm");
    place.wait_for("echo", "pending");
    assert_eq!(
        peer.discover(),
        [""; 0],
        "nobody sees what the owner did not look at"
    );
    assert_eq!(peer.call("echo", json!({}))["success"], false);
    expose(&place, "echo");
    assert_eq!(peer.discover(), ["echo"]);
    echoes(&peer);
    place.owner(json!({ "do": "skills_hide", "name": "echo" }));
    assert_eq!(peer.discover(), [""; 0]);
    assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
    // Hidden by the owner's word, it stays hidden over a restart, and exposed again it needs no other look.
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    assert_eq!(peer.discover(), [""; 0]);
    expose(&place, "echo");
    echoes(&peer);
}

#[test]
fn a_half_copied_file_never_disturbs_the_one_that_serves() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.peer(&serving, "known");
    place.drop_in("shape.wasm", "echo.wasm");
    let old = place.wait_for("echo", "exposed")["digest"].clone();
    let new = std::fs::read(fixture("shape-code.wasm")).expect("a fixture");
    let path = place.home().join("skills/echo.wasm");
    let mut file = std::fs::File::create(path).expect("ours");
    for slice in new.chunks(new.len() / 8) {
        file.write_all(slice).expect("written");
        file.sync_all().expect("written");
        // The folder is looked at while the file is as it is.
        let row = place.row("echo").expect("it is listed at all times");
        assert_eq!(row["state"], "exposed", "{row}");
        echoes(&peer);
    }
    drop(file);
    until("the whole file has taken over", || {
        let row = place.row("echo")?;
        (row["state"] == "exposed" && row["digest"] != old).then_some(())
    });
    answers_anew(&peer);
}

#[test]
fn a_broken_file_leaves_the_approved_version_serving_over_a_restart() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    for broken in [
        "truncated.wasm",
        "garbage.wasm",
        "empty.wasm",
        "core-module.wasm",
    ] {
        place.drop_in(broken, "echo.wasm");
        let reason = place.wait_for_update("echo", "broken");
        assert!(reason.len() > 2, "{broken}: {reason}");
        echoes(&peer);
    }
    assert!(serving.terminate().success());
    let serving = place.serve(&[]);
    assert_eq!(seen_at_start(&serving, "known"), json!(["echo"]));
    echoes(&peer);
}

/// Puts `update` in the place of an approved echo, and shows that it waits for a reason while the old one serves, also
/// over a restart, and serves once the owner said yes.
#[track_caller]
fn waits(update: &str, because: &str) {
    let (place, serving) = Place::serving(&[]);
    let peer = place.peer(&serving, "known");
    let stranger = place.stranger(&serving);
    place.drop_in("shape.wasm", "echo.wasm");
    let old = place.wait_for("echo", "exposed");
    let cards = peer.ask("discover", json!({})).payload();
    place.drop_in(update, "echo.wasm");
    let check = |reasons: &str| {
        assert!(reasons.contains(because), "{update}: {reasons}");
        let row = place.row("echo").expect("it is listed");
        assert_eq!(
            (&row["state"], &row["digest"]),
            (&old["state"], &old["digest"]),
            "{update}"
        );
        assert_eq!(
            peer.ask("discover", json!({})).payload(),
            cards,
            "{update}: the card is the approved one"
        );
        assert_eq!(stranger.discover(), [""; 0]);
        echoes(&peer);
    };
    check(&place.wait_for_update("echo", "pending"));
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    check(&place.wait_for_update("echo", "pending"));
    let shown = place.owner(json!({ "do": "skills_inspect", "name": "echo" }));
    assert!(
        shown["changes"]
            .as_array()
            .is_some_and(|changes| !changes.is_empty()),
        "{shown}"
    );
    let expose = json!({ "do": "skills_expose", "name": "echo", "review": shown["review"] });
    place.owner(expose);
    until("the update serves", || {
        let row = place.row("echo")?;
        (row["digest"] != old["digest"] && row["state"] == "exposed").then_some(())
    });
    echoes(&peer);
}

#[test]
fn an_update_with_a_lower_tier_waits() {
    waits("shape-lower-tier.wasm", "tier");
}

#[test]
fn an_update_with_a_higher_tier_takes_over_and_shows_itself_to_fewer() {
    let (place, serving) = Place::serving(&[]);
    let (low, high) = (
        place.peer(&serving, "internal"),
        place.peer(&serving, "privileged"),
    );
    place.drop_in("shape.wasm", "echo.wasm");
    let old = place.wait_for("echo", "exposed")["digest"].clone();
    echoes(&low);
    place.drop_in("shape-higher-tier.wasm", "echo.wasm");
    let row = until("the update took over", || {
        place.row("echo").filter(|row| row["digest"] != old)
    });
    assert_eq!(
        (&row["state"], &row["tier"]),
        (&json!("exposed"), &json!("privileged"))
    );
    assert_eq!(low.discover(), [""; 0]);
    assert_eq!(low.call("echo", json!({}))["error"], "Unknown skill: echo");
    echoes(&high);
}

#[test]
fn an_update_with_a_new_skill_waits() {
    waits("shape-new-skill.wasm", "echo-too");
}

#[test]
fn an_update_with_a_changed_description_waits() {
    waits("shape-description.wasm", "description");
}

#[test]
fn an_update_with_a_changed_schema_waits() {
    // Only waiting is shown here: the new schema asks for the `text` that every echo of these tests brings.
    waits("shape-schema.wasm", "input");
}

#[test]
fn an_update_with_an_http_import_waits_and_the_old_one_serves() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    let old = place.wait_for("echo", "exposed")["digest"].clone();
    // Without a request for it, it can never work; with one, it is the owner's to decide.
    place.drop_in("fetch.wasm", "echo.wasm");
    until("the update is held", || {
        let row = place.row("echo")?;
        let state = row["update"]["state"].as_str()?.to_owned();
        (state == "broken" || state == "pending").then_some(())
    });
    echoes(&peer);
    let asks = "[[grants.http]]\nurl = \"https://example.org/api/\"\nmethods = [\"GET\"]\n";
    place.write("home/skills/echo.toml", asks);
    let reasons = place.wait_for_update("echo", "pending");
    assert!(reasons.contains("http"), "{reasons}");
    echoes(&peer);
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    assert_eq!(place.row("echo").expect("listed")["digest"], old);
    echoes(&peer);
}

#[test]
fn an_update_of_the_code_alone_takes_over_and_a_rollback_returns() {
    let (place, serving) = Place::serving(&[]);
    let peer = place.peer(&serving, "known");
    place.drop_in("shape.wasm", "echo.wasm");
    let old = place.wait_for("echo", "exposed")["digest"].clone();
    place.drop_in("shape-code.wasm", "echo.wasm");
    let new = until("the update took over", || {
        let digest = place.row("echo")?["digest"].clone();
        (digest != old).then_some(digest)
    });
    answers_anew(&peer);
    let back = place.owner(json!({ "do": "skills_rollback", "name": "echo" }));
    assert_eq!((&back["from"], &back["to"]), (&new, &old));
    assert_eq!(place.row("echo").expect("listed")["digest"], old);
    echoes(&peer);
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    let row = place.row("echo").expect("listed");
    assert_eq!(
        row["digest"], old,
        "the file that was rolled back does not come back by itself"
    );
    echoes(&peer);
}

#[test]
fn a_removed_file_is_gone_and_the_same_file_is_as_it_was() {
    let (place, serving) = Place::serving(&["echo.wasm", "hostile.wasm"]);
    let peer = place.peer(&serving, "known");
    assert_eq!(peer.discover(), ["echo", "hostile"]);
    std::fs::remove_file(place.home().join("skills/echo.wasm")).expect("ours");
    until("the skill is gone", || {
        place.row("echo").is_none().then_some(())
    });
    assert_eq!(peer.discover(), ["hostile"]);
    assert_eq!(peer.call("echo", json!({}))["error"], "Unknown skill: echo");
    place.drop_in("echo.wasm", "echo.wasm");
    place.wait_for("echo", "exposed");
    echoes(&peer);
}

const ASKS: &str = "[[grants.fs]]\nhost = \"DATA\"\nguest = \"/data\"\n\n\
                    [[grants.http]]\nurl = \"http://127.0.0.1:9/\"\nmethods = [\"GET\"]\n";

fn greedy() -> Place {
    let place = Place::with_home();
    let data = place.path("data");
    std::fs::create_dir(&data).expect("ours");
    place.write("data/file", "for the skill alone");
    std::fs::create_dir_all(place.path("shelf/hostile-wasi")).expect("ours");
    place.drop_in("hostile-wasi.wasm", "../../shelf/hostile-wasi/skill.wasm");
    let asks = ASKS.replace("DATA", data.to_str().expect("plain"));
    place.write("shelf/hostile-wasi/grants.toml", asks);
    place
}

#[test]
fn a_skill_that_asks_for_files_and_network_gets_none_by_being_served() {
    let place = greedy();
    let serving = place.serve(&["shelf"]);
    let row = place.wait_for("hostile-wasi", "pending");
    let reason = row["reason"].as_str().expect("a reason").to_owned();
    assert!(
        reason.contains("data") && reason.contains("http://127.0.0.1:9/"),
        "{reason}"
    );
    let peer = place.peer(&serving, "privileged");
    assert_eq!(peer.discover(), [""; 0]);
    let answer = peer.call("hostile-wasi", json!({ "mode": "folders" }));
    assert_eq!(answer["error"], "Unknown skill: hostile-wasi");
    let shown = place.owner(json!({ "do": "skills_inspect", "name": "hostile-wasi" }));
    assert_eq!(
        shown["granted"]["fs"].as_array().map_or(0, Vec::len),
        0,
        "{shown}"
    );
    assert!(serving.terminate().success());
    let _serving = place.serve(&["shelf"]);
    assert_eq!(
        place.row("hostile-wasi").expect("listed")["state"],
        "pending"
    );
}

#[test]
fn the_owner_may_give_at_the_start_what_is_asked_for() {
    let place = greedy();
    let serving = place.serve(&["shelf", "--allow-grants"]);
    place.wait_for("hostile-wasi", "exposed");
    let peer = place.peer(&serving, "known");
    let folders = peer.call("hostile-wasi", json!({ "mode": "folders" }));
    assert!(folders["result"].to_string().contains("/data"), "{folders}");
    let write = peer.call(
        "hostile-wasi",
        json!({ "mode": "write", "text": "/data/file" }),
    );
    assert!(
        !write["result"].to_string().contains("got"),
        "the grant reads only: {write}"
    );
    let text = std::fs::read_to_string(place.path("data/file")).expect("there");
    assert_eq!(text, "for the skill alone");
}

/// A process that does not outlive its test.
struct Reaped(std::process::Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a host without waiting until it has looked at everything, and returns the first list it shows.
fn first_list(place: &Place) -> (Reaped, Value) {
    let _ = std::fs::remove_file(place.home().join("control.sock"));
    let mut command = place.command(&["--json", "serve"]);
    let child = Reaped(command.spawn().expect("the binary runs"));
    let list = until("the host answers its owner", || {
        let socket = place.home().join("control.sock");
        let client = block_on(coworker_host::control::Client::connect(&socket)).ok()?;
        client.and_then(|_| place.try_owner(json!({ "do": "skills_list" })).ok())
    });
    (child, list)
}

#[test]
fn a_compile_bomb_breaks_only_its_child_and_is_not_tried_again() {
    let (place, serving) = Place::serving(&["echo.wasm"]);
    let peer = place.peer(&serving, "known");
    place.drop_in("bomb-function.wasm", "bomb.wasm");
    until("the bomb is found", || {
        let list = place.owner(json!({ "do": "skills_list" }));
        list.to_string().contains("bomb.wasm").then_some(())
    });
    // While the child works on it, and after it died of it.
    echoes(&peer);
    let row = place.wait_for_file("bomb.wasm", "broken");
    let reason = row["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("compiling it ")
            && reason.ends_with("; it is not tried again until the file changes"),
        "it broke the process that looked, and is not called an invalid file: {row}"
    );
    echoes(&peer);
    assert!(serving.terminate().success());
    let (child, list) = first_list(&place);
    let rows = list.as_array().expect("a list");
    let bomb = rows
        .iter()
        .find(|row| row["file"] == "skills/bomb.wasm")
        .expect("listed");
    let told = bomb.clone();
    // Another start does not try again: it knows at once. Another file is looked at.
    std::fs::copy(
        fixture("hostile.wasm"),
        place.home().join("skills/bomb.wasm"),
    )
    .expect("ours");
    place.wait_for("hostile", "exposed");
    drop(child);
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&json!("broken"), &row["reason"])
    );
}

#[test]
fn a_new_file_that_claims_a_known_name_serves_nobody() {
    let place = Place::configured(EXPOSED);
    place.drop_in("echo.wasm", "b.wasm");
    let serving = place.serve(&[]);
    let peer = place.peer(&serving, "known");
    let first = place.wait_for("echo", "exposed");
    place.drop_in("shape.wasm", "a.wasm");
    place.wait_for_file("a.wasm", "shadowed");
    echoes(&peer);
    assert!(serving.terminate().success());
    let _serving = place.serve(&[]);
    let row = place.wait_for_file("b.wasm", "exposed");
    assert_eq!(row["digest"], first["digest"]);
    echoes(&peer);
}
