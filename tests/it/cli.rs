//! What the owner reads when something is wrong: each failure says what, why, and what to do, and ends with its code.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{Place, fixture};

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
    hint: usage: coworker-host call <PEER> <SKILL>
    ");
    assert_snapshot!(place.run(&["trust", "set", "ann", "root"]).seen(), @r#"
    exit 2
    --- stderr
    error: invalid value 'root' for '<TIER>': "root" is not a tier: use untrusted, known, internal or privileged
    hint: run `coworker-host --help`
    "#);
    assert_snapshot!(place.run(&["serve", "--transport", "xmtp"]).seen(), @r"
    exit 2
    --- stderr
    error: invalid value 'xmtp' for '--transport <TRANSPORT>' [possible values: loopback]
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
fn a_component_that_is_none() {
    let place = Place::new();
    let check = |name: &str| place.run(&["skills", "check", &fixture(name)]).seen();
    assert_snapshot!(check("core-module.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/core-module.wasm cannot be served
    cause: the file is a core WebAssembly module, not a component
    hint: link it as a component: with Rust, set `linker = "wasm-component-ld"` for wasm32-unknown-unknown or build for wasm32-wasip2; else run `wasm-tools component new`
    "#);
    assert_snapshot!(check("truncated.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/truncated.wasm cannot be served
    cause: the file is cut off: a section that starts at byte 249 is longer than the file
    hint: copy the file again, under another name first, then rename it
    ");
    assert_snapshot!(check("empty.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/empty.wasm cannot be served
    cause: the file is empty
    hint: copy the file again, under another name first, then rename it
    ");
    assert_snapshot!(check("garbage.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/garbage.wasm cannot be served
    cause: the file is not WebAssembly
    hint: give a component as `coworker-host skills new` builds it
    ");
    assert_snapshot!(check("wrong-world.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/wrong-world.wasm cannot be served
    cause: the component does not export coworker:skill/guest@0.1.0
    hint: export coworker:skill/guest@0.1.0, as `coworker-host skills new NAME` shows
    ");
    assert_snapshot!(check("wrong-version.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/wrong-version.wasm cannot be served
    cause: the component does not export coworker:skill/guest@0.1.0
    hint: it was built for another version of the skill world: this host serves coworker:skill/guest@0.1.0
    ");
    assert_snapshot!(check("wrong-types.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/wrong-types.wasm cannot be served
    cause: the component does not fit the world of skills: `describe` of coworker:skill/guest@0.1.0 has another type: expected 1-tuple, found 0-tuple
    hint: build it against the wit/ folder of this host's version
    ");
    assert_snapshot!(check("import-unknown.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/import-unknown.wasm cannot be served
    cause: the component imports coworker:skill/secrets@0.1.0, which this host does not offer
    hint: it was built for another version of the skill world: build it against the wit/ folder of this host
    ");
    assert_snapshot!(check("import-wasi.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/import-wasi.wasm cannot be served
    cause: the component imports wasi:keyvalue/store@0.2.0, which this host does not offer
    hint: WASI 0.2 is offered, other versions are not: build it for wasm32-wasip2
    ");
    assert_snapshot!(place.run(&["skills", "check", "none.wasm"]).seen(), @r"
    exit 2
    --- stderr
    error: there is no file none.wasm
    hint: name a .wasm file
    ");
}

#[test]
fn a_component_that_describes_itself_badly() {
    let place = Place::new();
    let check = |name: &str| place.run(&["skills", "check", &fixture(name)]).seen();
    assert_snapshot!(check("shape-duplicate.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/shape-duplicate.wasm cannot be served
    cause: the skill describes itself in a way that cannot be published: it names "echo" twice
    hint: correct what `describe` returns and build the skill again
    "#);
    assert_snapshot!(check("shape-schema-no-json.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/shape-schema-no-json.wasm cannot be served
    cause: the skill describes itself in a way that cannot be published: skill "echo": its input schema is not usable: it is not JSON: EOF while parsing an object at line 1 column 1
    hint: correct what `describe` returns and build the skill again
    "#);
    assert_snapshot!(check("shape-schema-no-schema.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/shape-schema-no-schema.wasm cannot be served
    cause: the skill describes itself in a way that cannot be published: skill "echo": its input schema is not usable: /type: anyOf: must fit one of the choices in `anyOf`
    hint: correct what `describe` returns and build the skill again
    "#);
    assert_snapshot!(check("shape-schema-ref-http.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/shape-schema-ref-http.wasm cannot be served
    cause: the skill describes itself in a way that cannot be published: skill "echo": its input schema is not usable: : $ref
    hint: correct what `describe` returns and build the skill again
    "#);
    assert_snapshot!(check("shape-bad-name.wasm"), @r#"
    exit 1
    --- stderr
    error: [FIXTURES]/shape-bad-name.wasm cannot be served
    cause: the skill describes itself in a way that cannot be published: "../escape" cannot name a skill: use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit
    hint: correct what `describe` returns and build the skill again
    "#);
    assert_snapshot!(check("describe-trap.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/describe-trap.wasm cannot be served
    cause: the skill could not describe itself
    cause: the skill crashed: wasm trap: wasm `unreachable` instruction executed
    hint: `describe` runs without grants, with a fixed clock and within the limits of a call: it must only return text
    ");
    assert_snapshot!(check("describe-loop.wasm"), @r"
    exit 1
    --- stderr
    error: [FIXTURES]/describe-loop.wasm cannot be served
    cause: the skill could not describe itself
    cause: the skill reached its limit: processor time
    hint: `describe` runs without grants, with a fixed clock and within the limits of a call: it must only return text
    ");
}

#[test]
fn a_component_that_takes_too_long_breaks_only_the_process_that_compiles_it() {
    let place = Place::new();
    let bomb = fixture("bomb-function.wasm");
    let mut child = place.command(&["examine", "--memory", "1073741824", "--cpu", "1", &bomb]);
    let output = child.output().expect("it ends");
    // It is ended by the system, or refuses the component by itself; it never says that all is well.
    assert!(!output.status.success(), "{:?}", output.status);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("\"ok\""));
}

#[test]
fn a_good_component_says_what_it_could_do() {
    let place = Place::new();
    let ended = place.run(&["--json", "skills", "check", &fixture("echo.wasm")]);
    let answer: Value = serde_json::from_str(&ended.stdout).expect("one document");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        answer["manifests"]
            .as_array()
            .is_some_and(|skills| !skills.is_empty()),
        "{answer}"
    );
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
