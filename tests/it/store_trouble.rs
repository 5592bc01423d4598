//! Trouble of the store: the owner hears it everywhere at once, nothing that was acknowledged is lost, and the host goes
//! on by itself where that is possible.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use coworker_host::report::Failure;
use serde_json::{Value, json};

use crate::hosts::{EXPOSED, ask_at};
use crate::peer::until;
use crate::support::{Ended, Place};

/// Longer than any test takes: a call that waits for its time does not end within it.
const SOON: Duration = Duration::from_secs(20);

/// Makes a place whose host served a skill and knows a peer.
fn used(skill: &str) -> Place {
    let place = Place::configured(EXPOSED);
    place.drop_in(skill, skill);
    let serving = place.serve(&[]);
    place.wait_for(skill.trim_end_matches(".wasm"), "exposed");
    let peer = place.peer(&serving, "known");
    peer.ping();
    assert!(serving.terminate().success());
    place
}

/// Writes over a page of a home's database.
fn damage(place: &Place, page: usize) {
    let path = place.home().join("host.db");
    let mut bytes = std::fs::read(&path).expect("a database");
    let at = page * 4096;
    bytes[at..at + 4096].fill(0xa5);
    std::fs::write(path, bytes).expect("ours");
}

fn pages(place: &Place) -> usize {
    let length = std::fs::metadata(place.home().join("host.db")).expect("a database");
    usize::try_from(length.len()).expect("small") / 4096
}

/// Shows that no command takes the home's database, and that each says why.
#[track_caller]
fn is_refused(place: &Place, why: &str) {
    let before = std::fs::read(place.home().join("host.db")).ok();
    let told = |ended: Ended| {
        assert_eq!(ended.code, 3, "{}", ended.seen());
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    };
    told(place.run(&["serve"]));
    told(place.run(&["call", "self", "echo", "--input", "{}"]));
    let doctor = place.run(&["--json", "doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stderr);
    let checks: Value = serde_json::from_str(&doctor.stdout).expect("a document");
    let bad = checks
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["ok"] == false);
    let bad = bad.expect("something is wrong");
    assert!(
        bad["detail"].as_str().expect("words").contains(why),
        "{bad}"
    );
    assert!(bad["hint"].is_string(), "{bad}");
    let after = std::fs::read(place.home().join("host.db")).ok();
    assert!(before == after, "it is left as it is");
}

/// Shows that a home serves its skill, at once and at the next start.
#[track_caller]
fn serves(place: &Place) {
    for _ in 0..2 {
        let serving = place.serve(&[]);
        let row = until("the skill is looked at", || {
            place.row("echo").filter(|row| row["state"] != "compiling")
        });
        assert_eq!(row["state"], "exposed", "{row}");
        let called = place.run(&["--json", "call", "self", "echo", "--input", "{}"]);
        assert_eq!(called.code, 0, "{}", called.stderr);
        assert!(serving.terminate().success());
    }
}

#[test]
fn two_damaged_pages_are_found_at_the_start() {
    let place = used("echo.wasm");
    let last = pages(&place) - 1;
    damage(&place, last);
    damage(&place, last / 2);
    is_refused(&place, "damaged");
}

#[test]
fn an_empty_or_cut_database_is_no_new_one() {
    let place = used("echo.wasm");
    let path = place.home().join("host.db");
    let whole = std::fs::read(&path).expect("a database");
    std::fs::write(&path, &whole[..whole.len() / 2 / 4096 * 4096]).expect("ours");
    is_refused(&place, "damaged");
    std::fs::write(&path, &whole[..100]).expect("ours");
    is_refused(&place, "damaged");
    std::fs::write(&path, "").expect("ours");
    is_refused(&place, "the file is empty");
    // A log that outlived its database.
    std::fs::remove_file(&path).expect("ours");
    place.write("home/host.db-wal", &whole[..4096]);
    is_refused(&place, "the database is not");
    std::fs::remove_file(place.home().join("host.db-wal")).expect("ours");
    std::fs::write(&path, whole).expect("ours");
    serves(&place);
}

#[test]
fn a_home_whose_database_was_moved_away_serves_at_once_and_says_that_it_begins_anew() {
    let place = used("echo.wasm");
    std::fs::rename(place.home().join("host.db"), place.path("kept.db")).expect("ours");
    let serving = place.serve(&[]);
    place.wait_for_log("a new one was made");
    let checks = place.owner(json!({ "do": "doctor" }));
    assert!(
        checks.to_string().contains("made at this start"),
        "{checks}"
    );
    drop(serving);
    std::fs::remove_file(place.home().join("host.db")).expect("ours");
    let _ = std::fs::remove_file(place.home().join("host.db-wal"));
    serves(&place);
}

/// A host whose home lies on a small disk of its own.
struct Disk {
    place: Place,
    host: Child,
}

impl Disk {
    /// Moves a place's home to a disk with this much room, and starts its host there.
    fn of(place: Place, size: &str) -> Self {
        let disk = place.path("disk");
        std::fs::create_dir(&disk).expect("ours");
        let serve = place.command(&["--json", "serve", "--home", "disk"]);
        let script = format!(
            "mount -t tmpfs -o size={size},mode=0700 tmpfs disk && cp -a home/. disk/ && exec \"$0\" \"$@\""
        );
        let mut command = Command::new("unshare");
        command
            .args(["-Urm", "/bin/sh", "-c", &script])
            .arg(serve.get_program())
            .args(serve.get_args())
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .envs(
                serve
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .current_dir(place.path("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place.path("serve.log")).expect("ours"));
        let disk = Self {
            host: command.spawn().expect("a namespace of our own"),
            place,
        };
        until("the host on its disk answers", || {
            disk.ask(json!({ "do": "status" })).ok()
        });
        disk
    }

    /// Returns a path on the disk, as this process reaches it.
    fn path(&self, name: &str) -> PathBuf {
        let disk = self.place.path("disk");
        let below = disk.strip_prefix("/").expect("a whole path");
        Path::new("/proc")
            .join(self.host.id().to_string())
            .join("root")
            .join(below)
            .join(name)
    }

    fn ask(&self, request: Value) -> Result<Value, Failure> {
        if !self.path("control.sock").exists() {
            return Err(Failure::unreachable("not yet"));
        }
        ask_at(&self.path(""), request)
    }

    fn call(&self, skill: &str, input: Value) -> Result<Value, Failure> {
        let began = Instant::now();
        let called = self.ask(json!({
            "do": "call", "peer": "self", "skill": skill, "input": input, "timeout": "60s",
        }));
        assert!(began.elapsed() < SOON, "it waited: {called:?}");
        called
    }

    /// Leaves no room on the disk.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path("filler")).expect("ours");
        let piece = vec![1; 4096];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path("filler")).expect("ours");
    }

    #[track_caller]
    fn is(&self, state: &str) -> Value {
        until(&format!("the store is {state}"), || {
            let status = self
                .ask(json!({ "do": "status" }))
                .expect("it is told in any state");
            Some(status["store"].clone()).filter(|store| store["state"] == state)
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

#[test]
fn a_full_disk_is_told_at_once_and_the_host_goes_on_when_there_is_room() {
    let disk = Disk::of(used("echo.wasm"), "16m");
    let peer = json!({ "do": "trust_list" });
    let before = disk.ask(peer.clone()).expect("a list");
    let known = before[0]["peer"].as_str().expect("a peer").to_owned();
    disk.fill();
    let failure = disk.call("echo", json!({})).expect_err("no room");
    assert!(
        failure
            .to_string()
            .contains("no room is left for the store"),
        "{failure}"
    );
    assert!(failure.hint.is_some(), "{failure}");
    let store = disk.is("full");
    assert!(
        store["why"].is_string() && store["hint"].is_string(),
        "{store}"
    );
    disk.place
        .wait_for_log("the store is in trouble: no room is left");
    let checks = disk
        .ask(json!({ "do": "doctor" }))
        .expect("it is told in any state");
    let check = |name: &str| {
        let all = checks.as_array().expect("a list").iter();
        all.clone().find(|row| row["check"] == name).cloned()
    };
    assert_eq!(check("store").expect("looked at")["ok"], false, "{checks}");
    assert_eq!(check("disk").expect("looked at")["ok"], false, "{checks}");
    // What cannot be written down does not happen.
    for request in [
        json!({ "do": "trust_set", "peer": known, "tier": "privileged" }),
        json!({ "do": "skills_hide", "name": "echo" }),
        json!({ "do": "invite", "grants": "known" }),
    ] {
        let failure = disk.ask(request.clone()).expect_err("no room");
        assert!(
            failure.to_string().contains("no room"),
            "{request}: {failure}"
        );
    }
    assert_eq!(disk.ask(peer.clone()).expect("a list"), before);
    disk.make_room();
    disk.is("ready");
    let answer = disk
        .call("echo", json!({ "again": 1 }))
        .expect("it goes on");
    assert_eq!(answer["success"], true, "{answer}");
    assert_eq!(disk.ask(peer).expect("a list"), before);
}

#[test]
fn a_task_that_the_full_disk_stopped_is_ended_when_there_is_room() {
    let disk = Disk::of(used("hostile-wasi.wasm"), "16m");
    // Nobody waits at this end: the task outlives its caller.
    let ask = json!({
        "do": "call", "peer": "self", "skill": "hostile-wasi", "input": { "mode": "sleep", "n": 1_500 },
        "timeout": "60s",
    });
    let began = Instant::now();
    let failure = std::thread::scope(|scope| {
        let calling = scope.spawn(|| disk.ask(ask));
        until("it runs", || {
            let status = disk.ask(json!({ "do": "status" })).expect("it is told");
            (status["tasks"]["running"] == 1).then_some(())
        });
        disk.fill();
        calling.join().expect("it ends").expect_err("no room")
    });
    assert!(began.elapsed() < SOON, "{failure}");
    assert!(failure.to_string().contains("no room"), "{failure}");
    disk.is("full");
    disk.make_room();
    disk.is("ready");
    until("the task has ended", || {
        let rows = disk.ask(json!({ "do": "logs" })).expect("a list");
        let all = rows.as_array().expect("a list");
        all.iter().any(|row| row["outcome"] == "OK").then_some(())
    });
}

#[test]
fn a_new_home_on_a_full_disk_says_so() {
    let place = Place::new();
    let script = "mkdir disk && mount -t tmpfs -o size=4k,mode=0700 tmpfs disk && head -c 9000 /dev/zero >disk/filler; exec \"$0\" init --home disk/home";
    let init = place.command(&[]);
    let ended = Command::new("unshare")
        .args(["-Urm", "/bin/sh", "-c", script])
        .arg(init.get_program())
        .current_dir(place.path("."))
        .output()
        .expect("a namespace of our own");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert!(said.contains("hint: free some space"), "{said}");
}

#[test]
fn a_home_on_a_read_only_disk_says_so() {
    let place = used("echo.wasm");
    let script = "mount --bind home home && mount -o remount,bind,ro home && exec \"$0\" serve";
    let serve = place.command(&[]);
    let ended = Command::new("unshare")
        .args(["-Urm", "/bin/sh", "-c", script])
        .arg(serve.get_program())
        .env("COWORKER_HOME", place.home())
        .current_dir(place.path("."))
        .output()
        .expect("a namespace of our own");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(
        said.contains("hint: the disk of the home is mounted read-only"),
        "{said}"
    );
}

#[test]
fn a_limit_on_files_does_not_end_the_host_and_is_told() {
    let place = used("echo.wasm");
    let serve = place.command(&["--json", "serve"]);
    let size = std::fs::metadata(place.home().join("host.db"))
        .expect("a database")
        .len();
    // In blocks of half a KiB: the database fits, and a log beside it that is a little longer.
    let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", size / 512 + 400);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &script])
        .arg(serve.get_program())
        .args(serve.get_args())
        .env_clear()
        .envs(
            serve
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .current_dir(place.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place.path("serve.log")).expect("ours"));
    let mut host = shell.spawn().expect("a shell");
    let status = || {
        let socket = place.home().join("control.sock");
        socket
            .exists()
            .then(|| place.try_owner(json!({ "do": "status" })).ok())?
    };
    until("the host answers its owner", status);
    let large = "x".repeat(100 << 10);
    let failure = until("no room is left", || {
        let call = json!({
            "do": "call", "peer": "self", "skill": "echo", "input": { "text": large }, "timeout": "60s",
        });
        place.try_owner(call).err()
    });
    assert!(
        failure.to_string().contains("the disk under the store"),
        "{failure}"
    );
    let store = status().expect("it runs")["store"].clone();
    assert_eq!(store["state"], "failing", "{store}");
    host.kill().expect("it runs");
    host.wait().expect("it ends");
    serves(&place);
}
