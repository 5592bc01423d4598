//! What the owner reads when something is wrong: each failure says what, why, and what to do, and ends with its code.

use std::io::Write;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::Place;

#[test]
fn wrong_usage() {
    let place = Place::new();
    assert_snapshot!(place.run(&["sevre"]).seen(), @r"
    exit 2
    --- stderr
    error: unrecognized subcommand 'sevre'
    hint: a similar subcommand exists: 'serve'
    ");
    assert_snapshot!(place.run(&["status", "--hom", "x"]).seen(), @r"
    exit 2
    --- stderr
    error: unexpected argument '--hom' found
    hint: a similar argument exists: '--home'
    ");
    assert_snapshot!(place.run(&["call", "self"]).seen(), @r"
    exit 2
    --- stderr
    error: the following required arguments were not provided: <SKILL>
    hint: usage: coworker-host call [OPTIONS] [--input <JSON|@FILE|->] <PEER> <SKILL>
    ");
    assert_snapshot!(place.run(&["trust", "set", "ann", "root"]).seen(), @r#"
    exit 2
    --- stderr
    error: invalid value 'root' for '<TIER>': "root" is not a tier: use untrusted, known, internal or privileged
    hint: run `coworker-host --help`
    "#);
    assert_snapshot!(place.run(&["serve", "--transport", "smoke"]).seen(), @r"
    exit 2
    --- stderr
    error: invalid value 'smoke' for '--transport <TRANSPORT>' [possible values: loopback, xmtp]
    hint: run `coworker-host --help`
    ");
    assert_snapshot!(place.run(&["call", "self", "ping", "--input", "{'a': 1}"]).seen(), @r#"
    exit 2
    --- stderr
    error: the input from --input is not JSON
    cause: key must be a string at line 1 column 2
    hint: write it as in --input '{"text": "hello"}', or name a file with --input @FILE
    "#);
    assert_snapshot!(place.run(&["call", "ann", "ping", "--as", "known"]).seen(), @r"
    exit 2
    --- stderr
    error: --as goes with `self` alone
    cause: what another host lets you do is for its owner to decide
    ");
    assert_snapshot!(place.run(&["skills", "configure", "ping"]).seen(), @r"
    exit 2
    --- stderr
    error: nothing to set
    hint: name a tier with --min-tier, or a limit with --limit KEY=VALUE
    ");
}

#[test]
fn escapes_in_arguments_do_not_reach_the_terminal() {
    let place = Place::new();
    let ended = place.run(&["\u{1b}[2J\u{202e}"]);
    assert_eq!(ended.code, 2);
    assert!(
        !ended.stderr.contains(['\u{1b}', '\u{202e}']),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_home_is_made_once() {
    let place = Place::new();
    assert_snapshot!(place.run(&["status"]).seen(), @r"
    exit 3
    --- stderr
    error: there is no home at [PLACE]/home
    hint: run `coworker-host init`
    ");
    assert_snapshot!(place.run(&["init", "--name", "test"]).seen(), @r"
    exit 0
    made the home [PLACE]/home
    --- stderr
    next: copy a skill into [PLACE]/home/skills and run `coworker-host serve`
          or write one with `coworker-host skills new NAME --lang rust`
    ");
    assert_snapshot!(place.run(&["init"]).seen(), @r"
    exit 3
    --- stderr
    error: there is a home already: [PLACE]/home
    cause: a home is never overwritten
    hint: run `coworker-host serve` to use it, or name another one with --home DIR
    ");
    assert_snapshot!(place.run(&["status"]).seen(), @r"
    exit 4
    --- stderr
    error: no host runs on this home
    cause: nobody listens at [PLACE]/home/control.sock
    hint: run `coworker-host serve`
    ");
}

#[test]
fn a_home_that_others_can_write_to() {
    let place = Place::with_home();
    place.mode("home", 0o777);
    assert_snapshot!(place.run(&["skills", "list"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home is not safe: other users can write to it
    hint: run `chmod go-w [PLACE]/home`
    ");
    assert_snapshot!(place.run(&["serve"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home is not safe: other users can write to it
    hint: run `chmod go-w [PLACE]/home`
    ");
    assert_snapshot!(place.run(&["doctor"]).seen(), @r"
    exit 1
    wrong  home        [PLACE]/home is not safe: other users can write to it
                       run `chmod go-w [PLACE]/home`
    --- stderr
    error: 1 of 1 checks found something
    ");
}

#[test]
fn a_configuration_that_cannot_be_read() {
    let place = Place::with_home();
    place.write("home/config.toml", "[host]\nnaem = \"x\"\n");
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home/config.toml:2: there is no key `host.naem`
    hint: did you mean `host.name`?
    ");
    assert_snapshot!(place.run(&["serve"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home/config.toml:2: there is no key `host.naem`
    hint: did you mean `host.name`?
    ");
    place.write("home/config.toml", "[hst]\nname = \"x\"\n");
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home/config.toml:1: there is no key `hst`
    hint: did you mean `host`?
    ");
    place.write("home/config.toml", "[rates]\nknown = \"many\"\n");
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r#"
    exit 3
    --- stderr
    error: [PLACE]/home/config.toml:2: `known`: invalid type: string "many", expected u32
    hint: `coworker-host config show` lists the keys and their values
    "#);
    place.write("home/config.toml", "[rates\n");
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r"
    exit 3
    --- stderr
    error: [PLACE]/home/config.toml:1: unclosed table, expected `]`
    hint: correct the file, or move it away to start from the defaults
    ");
    place.write("home/config.toml", [0xff, 0xfe, 0x00]);
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r"
    exit 3
    --- stderr
    error: cannot read [PLACE]/home/config.toml
    cause: stream did not contain valid UTF-8
    hint: correct the file, or move it away to start from the defaults
    ");
    std::fs::remove_file(place.path("home/config.toml")).expect("ours");
    std::fs::create_dir(place.path("home/config.toml")).expect("ours");
    assert_snapshot!(place.run(&["config", "check"]).seen(), @r"
    exit 3
    --- stderr
    error: cannot read [PLACE]/home/config.toml
    cause: Is a directory (os error 21)
    hint: correct the file, or move it away to start from the defaults
    ");
}

#[test]
fn a_new_project_has_the_skills_name_in_it_and_overwrites_nothing() {
    let place = Place::new();
    for (lang, file) in [
        ("rust", "src/lib.rs"),
        ("js", "src/skills.ts"),
        ("python", "skill.py"),
        ("c", "skill.c"),
    ] {
        let name = format!("my-{lang}");
        let ended = place.run(&["skills", "new", &name, "--lang", lang]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let text = std::fs::read_to_string(place.path(&name).join(file)).expect("written");
        assert!(text.contains(&name) && !text.contains("{{name}}"), "{text}");
    }
    assert_snapshot!(place.run(&["skills", "new", "my-rust", "--lang", "c"]).seen(), @r"
    exit 1
    --- stderr
    error: cannot make the folder my-rust
    cause: File exists (os error 17)
    hint: choose another name, or another place with --dir DIR
    ");
    let ended = place.run(&["skills", "new", "../up", "--lang", "c"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn a_home_that_is_in_use() {
    let place = Place::with_home();
    let serving = place.serve(&[]);
    let ended = place.run(&["serve"]);
    assert_eq!(ended.code, 3);
    assert!(
        ended.stderr.starts_with("error: another process ("),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("hint: stop the other coworker-host"),
        "{}",
        ended.stderr
    );
    assert_eq!(place.run(&["status"]).code, 0);
    assert_eq!(serving.terminate().code(), Some(0));
    assert_eq!(place.run(&["status"]).code, 4);
}

#[test]
fn a_socket_that_is_not_ours_to_replace() {
    let place = Place::with_home();
    place.write("home/control.sock", "something else");
    assert_snapshot!(place.run(&["serve"]).seen(), @r"
    exit 3
    --- stderr
    error: cannot open the control socket
    cause: [PLACE]/home/control.sock exists and is not a socket
    hint: move that file away: the name belongs to the host
    ");
    assert_snapshot!(place.run(&["status"]).seen(), @r"
    exit 4
    --- stderr
    error: no host runs on this home
    cause: nobody listens at [PLACE]/home/control.sock
    hint: run `coworker-host serve`
    ");
    assert_eq!(
        std::fs::read(place.path("home/control.sock")).expect("still there"),
        b"something else"
    );
}

#[test]
fn a_socket_of_a_host_that_died_is_replaced() {
    let place = Place::with_home();
    drop(
        std::os::unix::net::UnixListener::bind(place.path("home/control.sock")).expect("a socket"),
    );
    assert_eq!(place.run(&["status"]).code, 4);
    let serving = place.serve(&[]);
    assert_eq!(place.run(&["status"]).code, 0);
    assert_eq!(serving.ready["name"], "test");
}

#[test]
fn a_host_that_answers_in_another_tongue_is_an_internal_error() {
    let place = Place::with_home();
    let socket = std::os::unix::net::UnixListener::bind(place.path("home/control.sock"));
    let socket = socket.expect("a socket");
    let host = std::thread::spawn(move || {
        let (mut client, _) = socket.accept().expect("a client");
        client
            .write_all(b"{\"verdict\":\"fine\"}\n")
            .expect("taken");
    });
    assert_snapshot!(place.run(&["status"]).seen(), @r"
    exit 70
    --- stderr
    error: the running host answers in a way this command does not know
    cause: unknown variant `verdict`, expected one of `progress`, `ok`, `error` at line 1 column 10
    hint: if coworker-host was updated, stop the running host and start it again
    ");
    host.join().expect("it ends");
}

#[test]
fn json_is_alone_on_stdout() {
    let place = Place::with_home();
    for arguments in [
        &["--json", "config", "show"][..],
        &["--json", "version"],
        &["--json", "config", "check"],
    ] {
        let ended = place.run(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (0, ""),
            "{arguments:?}"
        );
        assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
        assert!(
            serde_json::from_str::<Value>(&ended.stdout).is_ok(),
            "{}",
            ended.stdout
        );
    }
    let ended = place.run(&["--json", "status"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (4, ""));
}
