//! What ends a compilation from outside, or keeps it from starting, says nothing about the component: it is served
//! after the next start, or as soon as the owner asks.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::hosts::{EXPOSED, with_section};
use crate::peer::until;
use crate::support::{Place, Serving};

const SKILL: &str = "hostile-wasi";
const FILE: &str = "hostile-wasi.wasm";

/// Makes a place with a component that nobody compiled before.
fn place(name: &str) -> Place {
    let place = Place::configured(EXPOSED);
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock");
    let unique = format!("{name} {}", now.as_nanos());
    place.put(&with_section(FILE, &unique), FILE);
    place
}

/// Starts a host behind a command of the shell, and does not wait for it.
fn start(place: &Place, before: &str) -> Reaped {
    let host = place.command(&["--json", "serve"]);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(host.get_program())
        .args(host.get_args())
        .env_clear()
        .envs(
            host.get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .current_dir(place.path("."))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place.path("serve.log")).expect("ours"));
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    Reaped(shell.spawn().expect("a shell"))
}

struct Reaped(Child);

impl Reaped {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the fields of a process's `stat` behind its name: the first is its state, the second its parent.
fn stat(id: &str) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Waits for the child that compiles for a host, and stops it there.
#[track_caller]
fn stopped_child(host: u32) -> Pid {
    let host = host.to_string();
    let child = loop {
        let mut all = std::fs::read_dir("/proc").expect("a list").flatten();
        let found = all.find_map(|entry| {
            let id = entry.file_name().into_string().ok()?;
            let of = stat(&id)?.get(1)? == &host;
            let command = std::fs::read(entry.path().join("cmdline")).ok()?;
            let examines = command
                .split(|byte| *byte == 0)
                .any(|word| word == b"examine");
            (of && examines).then(|| id.parse().ok())?
        });
        if let Some(id) = found.and_then(Pid::from_raw) {
            break id;
        }
        std::thread::yield_now();
    };
    kill_process(child, Signal::STOP).expect("it compiles");
    child
}

#[track_caller]
fn served(place: &Place) {
    let serving = place.serve(&[]);
    place.wait_for(SKILL, "exposed");
    drop(serving);
}

/// Starts a host on a place and does this to its compile child.
fn with_child(place: &Place, signal: Signal) -> Reaped {
    let host = start(place, "");
    let child = stopped_child(host.0.id());
    kill_process(child, signal).expect("it is stopped");
    if signal != Signal::KILL {
        kill_process(child, Signal::CONT).expect("it is stopped");
    }
    host
}

#[track_caller]
fn is_delayed(place: &Place) -> Value {
    until("the host answers its owner", || {
        let socket = place.home().join("control.sock");
        socket
            .exists()
            .then(|| place.try_owner(json!({ "do": "status" })).ok())?
    });
    let row = place.wait_for_file(FILE, "broken");
    let reason = row["reason"].as_str().expect("a reason");
    assert!(reason.contains("it is tried again"), "{row}");
    assert!(!reason.contains("not tried again"), "{row}");
    row
}

#[test]
fn a_compilation_that_a_signal_ended_is_tried_at_the_next_start() {
    for signal in [Signal::TERM, Signal::KILL] {
        let place = place("next start");
        let host = with_child(&place, signal);
        is_delayed(&place);
        drop(host);
        served(&place);
    }
}

#[test]
fn a_compilation_that_a_signal_ended_is_tried_when_the_owner_exposes_the_skill() {
    for signal in [Signal::TERM, Signal::KILL] {
        let place = place("expose");
        let host = with_child(&place, signal);
        is_delayed(&place);
        let exposed = place.run(&["--json", "skills", "expose", SKILL]);
        assert_eq!(exposed.code, 0, "{}", exposed.stderr);
        assert_eq!(place.row(SKILL).expect("listed")["state"], "exposed");
        drop(host);
    }
}

#[test]
fn a_ctrl_c_during_the_first_compilation_leaves_no_verdict() {
    let place = place("ctrl-c");
    let mut host = start(&place, "");
    let child = stopped_child(host.0.id());
    assert_ne!(
        stat(&child.as_raw_nonzero().to_string()).expect("it is stopped")[2],
        host.0.id().to_string(),
        "a Ctrl-C does not reach the child"
    );
    kill_process_group(host.pid(), Signal::INT).expect("it runs");
    assert!(host.0.wait().expect("it ends").success());
    ended(child);
    served(&place);
}

/// Waits until a process is gone, or only its number is left.
#[track_caller]
fn ended(child: Pid) {
    let id = child.as_raw_nonzero().to_string();
    until("the child is gone", || {
        stat(&id)
            .is_none_or(|fields| fields[0] == "Z")
            .then_some(())
    });
}

#[test]
fn a_child_does_not_outlive_a_host_that_is_killed() {
    let place = place("orphan");
    let host = start(&place, "");
    let child = stopped_child(host.0.id());
    drop(host);
    kill_process(child, Signal::CONT).expect("it is stopped");
    ended(child);
    served(&place);
}

#[test]
fn a_compilation_under_a_low_limit_of_the_machine_leaves_no_verdict() {
    // Too little address space for the engine, too little memory, and too little time, as a shell may set them.
    for limit in ["ulimit -v 3000000;", "ulimit -d 24000;", "ulimit -f 8;"] {
        let place = place(limit);
        let mut host = start(&place, limit);
        let settled = until("the host said what it can do", || {
            if host.0.try_wait().expect("a child of ours").is_some() {
                return Some(Value::Null);
            }
            let socket = place.home().join("control.sock");
            let list = socket
                .exists()
                .then(|| place.try_owner(json!({ "do": "skills_list" })))?;
            let row = list.ok()?.as_array()?.first()?.clone();
            (row["state"] != "compiling").then_some(row)
        });
        println!("{limit} {settled}");
        drop(host);
        served(&place);
    }
}

#[test]
fn a_check_that_a_signal_ended_says_nothing_about_the_component() {
    let place = place("check");
    let file = place.home().join("skills").join(FILE);
    let mut check = place.command(&["skills", "check", file.to_str().expect("plain")]);
    let mut check = Reaped(check.spawn().expect("the binary runs"));
    let child = stopped_child(check.0.id());
    kill_process(child, Signal::KILL).expect("it is stopped");
    let mut said = String::new();
    let mut pipe = check.0.stderr.take().expect("piped");
    std::io::Read::read_to_string(&mut pipe, &mut said).expect("text");
    assert_eq!(check.0.wait().expect("it ends").code(), Some(1));
    assert!(said.contains("could not be looked at"), "{said}");
    assert!(!said.contains("cannot be served"), "{said}");
}

#[test]
fn a_program_that_is_replaced_under_a_running_host_goes_on_compiling() {
    let place = Place::configured(EXPOSED);
    let program = place.path("coworker-host");
    std::fs::copy(env!("CARGO_BIN_EXE_coworker-host"), &program).expect("copied");
    let log = std::fs::File::create(place.path("serve.log")).expect("ours");
    let host = place.command(&["--json", "serve"]);
    let mut command = Command::new(&program);
    command
        .args(host.get_args())
        .env_clear()
        .envs(
            host.get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .stdout(Stdio::null())
        .stderr(log);
    let child = command.spawn().expect("the binary runs");
    let serving = Serving::of(child, Value::Null);
    until("the host answers its owner", || {
        let socket = place.home().join("control.sock");
        socket
            .exists()
            .then(|| place.try_owner(json!({ "do": "status" })).ok())?
    });
    std::fs::remove_file(&program).expect("ours");
    std::fs::write(&program, "#!/bin/sh\nexit 101\n").expect("ours");
    place.mode("coworker-host", 0o700);
    place.put(&with_section(FILE, "replaced"), FILE);
    place.wait_for(SKILL, "exposed");
    drop(serving);
}
