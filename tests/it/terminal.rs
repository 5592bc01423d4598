//! What somebody at a terminal sees and is asked. Python brings the terminal.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::hosts::PORTS_ASK;
use crate::peer::until;
use crate::support::{Place, Serving};

/// A program on a terminal, until this is dropped.
struct Terminal {
    driver: Child,
    answers: BufReader<ChildStdout>,
}

impl Place {
    /// Runs the real binary on a terminal.
    fn on_terminal(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/terminal.py");
        let mut command = Command::new("python3");
        command
            .arg(here)
            .arg(env!("CARGO_BIN_EXE_coworker-host"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.path(""))
            .env("COWORKER_HOME", self.home())
            .env("TMPDIR", self.path(""))
            .env("RUST_LOG", "off")
            .envs(environment.iter().copied())
            .current_dir(self.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut driver = command.spawn().expect("Python 3.10 or later");
        let answers = BufReader::new(driver.stdout.take().expect("piped"));
        Terminal { driver, answers }
    }
}

impl Terminal {
    fn say(&mut self, line: &Value) {
        let stdin = self.driver.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").expect("it listens");
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("read");
        serde_json::from_str(&line).expect("the driver says what came")
    }

    /// Waits until this is on the screen; returns what came before it, and it.
    #[track_caller]
    fn expect(&mut self, text: &str) -> String {
        self.say(&json!({ "expect": text }));
        let answer = self.answer();
        let seen = answer["seen"].as_str().expect("text").to_owned();
        assert_eq!(answer["ended"], false, "{text} never came: {seen}");
        seen
    }

    /// Presses keys.
    fn press(&mut self, keys: &str) {
        self.say(&json!({ "type": keys }));
    }

    /// Waits for the end; returns the exit code and what came since the last wait.
    fn end(mut self) -> (i64, String) {
        self.say(&json!({ "end": true }));
        let answer = self.answer();
        let seen = answer["seen"].as_str().expect("text").to_owned();
        (answer["code"].as_i64().expect("a code"), seen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It ends the program when nobody tells it anything any more.
        drop(self.driver.stdin.take());
        let _ = self.driver.wait();
    }
}

const CTRL_C: &str = "\u{3}";
const QUESTION: &str = "grant this, and let peers see it? [y/N] ";

/// A place with a running host and a skill that asks for grants.
fn asking() -> (Place, Serving) {
    let place = Place::with_home();
    place.drop_in_ports();
    let serving = place.serve(&[]);
    place.wait_for("ports", "pending");
    (place, serving)
}

#[test]
fn expose_grants_what_it_showed_to_whoever_says_yes() {
    let (place, _serving) = asking();
    for (keys, code) in [("n\n", 1), ("\n", 1), ("maybe\n", 1), ("y\n", 0)] {
        assert_eq!(place.row("ports").expect("listed")["state"], "pending");
        let mut terminal = place.on_terminal(&["skills", "expose", "ports"], &[]);
        let shown = terminal.expect(QUESTION);
        assert!(shown.contains("ask models (llm)"), "{shown}");
        terminal.press(keys);
        let (ended, told) = terminal.end();
        assert_eq!(ended, code, "{keys:?}: {told}");
        assert_eq!(told.contains("you said no"), code == 1, "{told}");
    }
    assert_eq!(place.row("ports").expect("listed")["state"], "exposed");
    // What was granted once is not asked again.
    let (ended, told) = place
        .on_terminal(&["skills", "expose", "ports", "--yes"], &[])
        .end();
    assert_eq!(ended, 0, "{told}");
}

#[test]
fn serve_asks_about_the_skills_it_was_pointed_to() {
    for (keys, state) in [("n\n", "pending"), ("y\n", "exposed")] {
        let place = Place::with_home();
        std::fs::create_dir(place.path("brought")).expect("ours");
        std::fs::copy(
            crate::support::fixture("ports.wasm"),
            place.path("brought/ports.wasm"),
        )
        .expect("copied");
        place.write("brought/ports.toml", PORTS_ASK);
        let serve = ["serve", "--transport", "loopback", "brought"];
        let mut terminal = place.on_terminal(&serve, &[]);
        let shown = terminal.expect(QUESTION);
        assert!(shown.contains("invite"), "{shown}");
        // A picture of the invite, for a camera.
        assert!(shown.contains('█') && shown.contains('▀'), "{shown}");
        assert!(shown.contains("remember per caller (state)"), "{shown}");
        terminal.press(keys);
        let greeting = terminal.expect("privileged");
        let sees = greeting.contains("sees ports");
        assert_eq!(sees, state == "exposed", "{greeting}");
        until("the host answers", || place.row("ports"));
        assert_eq!(place.row("ports").expect("listed")["state"], state);
        terminal.press(CTRL_C);
        let (ended, told) = terminal.end();
        assert_eq!(ended, 0, "{told}");
    }
}

#[test]
fn a_code_is_drawn_where_it_fits_and_else_said_to_be_wider() {
    let place = Place::with_home();
    let _serving = place.serve(&[]);
    // One that says where the host is is small; one that gives a tier is signed, and longer.
    let invite = |words: &[&str], columns: &str| {
        let words = [&["invite"], words].concat();
        let on = [("TERMINAL_COLUMNS", columns)];
        let (ended, told) = place.on_terminal(&words, &on).end();
        assert_eq!(ended, 0, "{told}");
        told
    };
    let grants = ["--grants", "known"];
    for (told, drawn) in [
        (invite(&[], "80"), true),
        (invite(&grants, "200"), true),
        (invite(&grants, "60"), false),
        (invite(&grants, "20"), false),
        (invite(&[], "20"), false),
    ] {
        assert_eq!(told.contains('▀'), drawn, "{told}");
        assert_eq!(told.contains("columns wide"), !drawn, "{told}");
    }
    // What it says is what it takes. Each invite is another one, whose code may be a size larger or smaller than the one that
    // was measured; a size is four columns.
    let told = invite(&grants, "60");
    let (before, _) = told.split_once(" columns wide").expect("it says so");
    let needed = before.rsplit(' ').next().expect("a number");
    let needed: u32 = needed.parse().expect("a number");
    assert!(invite(&grants, &(needed + 8).to_string()).contains('▀'));
    assert!(!invite(&grants, &(needed - 8).to_string()).contains('▀'));
}

#[test]
fn import_asks_which_skills_to_serve() {
    let place = Place::with_home();
    for name in ["soup", "bread", "salad"] {
        let folder = place.path(&format!("elsewhere/{name}"));
        std::fs::create_dir_all(&folder).expect("ours");
        let text = format!("---\nname: {name}\ndescription: Knows all about {name}.\n---\nStir.\n");
        std::fs::write(folder.join("SKILL.md"), text).expect("ours");
    }
    let _serving = place.serve(&[]);
    let import = ["skills", "import", "--from", "elsewhere"];
    for (keys, code, served) in [
        ("\n", 1, &[][..]),
        ("nothing\n", 1, &[]),
        ("9\n", 1, &[]),
        ("1 soup\n", 0, &["bread", "soup"]),
        ("all\n", 0, &["bread", "salad", "soup"]),
    ] {
        let mut terminal = place.on_terminal(&import, &[]);
        let shown = terminal.expect("nothing to leave) ");
        assert!(shown.contains("Knows all about bread."), "{shown}");
        terminal.press(keys);
        let (ended, told) = terminal.end();
        assert_eq!(ended, code, "{keys:?}: {told}");
        let imported = place.owner(json!({ "do": "skills_imported" }));
        let mut places: Vec<&str> = imported
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|row| row["place"].as_str()?.rsplit('/').next())
            .collect();
        places.sort_unstable();
        assert_eq!(places, served, "{keys:?}");
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    let place = Place::configured(
        "[host]\nname = \"test\"\ndefault_visibility = \"exposed\"\ngrace = \"1h\"\n",
    );
    place.drop_in("hostile.wasm", "hostile.wasm");
    let mut terminal = place.on_terminal(&["serve", "--transport", "loopback"], &[]);
    let shown = terminal.expect("try: coworker-host call self hostile");
    let me = shown.lines().find_map(|line| line.strip_prefix("peer  "));
    let peer = crate::peer::Peer::new(place.sockets(), me.expect("an id").trim());
    place.set_tier(&peer, "known");
    place.owner(json!({ "do": "skills_configure", "name": "hostile", "limits": { "cpu": "30s" } }));
    peer.say(
        "task_request",
        json!({ "skill": "hostile", "input": { "mode": "loop" } }),
    );
    until("it runs", || {
        let status = place.owner(json!({ "do": "status" }));
        (status["tasks"]["running"] == 1).then_some(())
    });
    terminal.press(CTRL_C);
    terminal.expect("press Ctrl-C again to leave at once");
    terminal.press(CTRL_C);
    let (code, told) = terminal.end();
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("error: left before everything was finished"),
        "{told}"
    );
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let place = Place::with_home();
    place.drop_in("echo.wasm", "echo.wasm");
    let _serving = place.serve(&[]);
    place.wait_for("echo", "pending");
    let colour = "\u{1b}[";
    let list = ["skills", "list"];
    let shown = |arguments: &[&str], environment: &[(&str, &str)]| {
        let (code, told) = place.on_terminal(arguments, environment).end();
        assert_eq!(code, 0, "{told}");
        assert!(told.contains("SKILL"), "{told}");
        told.contains(colour)
    };
    assert!(shown(&list, &[]));
    assert!(
        shown(&list, &[("NO_COLOR", "")]),
        "empty is as good as absent"
    );
    for value in ["1", "0", "no"] {
        assert!(!shown(&list, &[("NO_COLOR", value)]));
    }
    assert!(!shown(&["--no-color", "skills", "list"], &[]));
    assert!(!place.run(&list).stdout.contains(colour));
}

#[test]
fn work_that_takes_long_is_told_on_a_terminal_alone() {
    let place = Place::with_home();
    place.drop_in("hostile.wasm", "hostile.wasm");
    let _serving = place.serve(&[]);
    place.agree("hostile");
    let limits = json!({ "cpu": "3s" });
    place.owner(json!({ "do": "skills_configure", "name": "hostile", "limits": limits }));
    let call = ["call", "self", "hostile", "--input", "{\"mode\":\"loop\"}"];
    let mut terminal = place.on_terminal(&call, &[]);
    terminal.expect("(1 s)");
    let (code, told) = terminal.end();
    assert_eq!(code, 1, "{told}");
    // The line of progress is gone before anything else is said.
    let (_, last) = told.rsplit_once("\r\u{1b}[K").expect("it is erased");
    assert!(
        last.starts_with("error: ") && !last.contains(" s)"),
        "{told:?}"
    );
    let quiet = [&["--quiet"], &call[..]].concat();
    let (_, told) = place.on_terminal(&quiet, &[]).end();
    assert!(told.starts_with("error: "), "{told:?}");
    let piped = place.run(&call);
    assert_eq!((piped.code, piped.stdout.as_str()), (1, ""));
    assert!(
        piped.stderr.starts_with("error: ") && !piped.stderr.contains('\r'),
        "{}",
        piped.stderr
    );
}

#[test]
fn a_command_for_a_passphrase_is_not_waited_for_in_silence() {
    let config = "[host]\nname = \"test\"\npassphrase_command = \"sleep 3; echo open sesame\"\n";
    let place = Place::configured(config);
    for arguments in [&["serve"][..], &["peers", "list"]] {
        let mut terminal = place.on_terminal(arguments, &[]);
        terminal.expect("waiting for the command of `host.passphrase_command`");
        if arguments == ["serve"] {
            terminal.expect("loop:");
            terminal.press(CTRL_C);
        }
        let (code, told) = terminal.end();
        assert_eq!(code, 0, "{told}");
    }
}
