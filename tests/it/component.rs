//! What the owner reads about a component that cannot be served, or not without a decision.

use insta::assert_snapshot;
use serde_json::Value;

use crate::hosts::PORTS_ASK;
use crate::support::{Place, fixture};

/// Copies a component that was built for tests into a folder of the place, under another name.
fn put(place: &Place, name: &str, to: &str) -> String {
    let target = place.path(to);
    std::fs::create_dir_all(target.parent().expect("a folder")).expect("ours");
    std::fs::copy(fixture(name), &target).expect("copied");
    target.to_str().expect("plain").to_owned()
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
    cause: the skill describes itself in a way that cannot be published: skill "echo": its input schema is not usable: : `$ref` "http://127.0.0.1:9/schema.json" leads to no subschema here: only local `#/` references are taken
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
fn two_files_with_one_name() {
    let place = Place::with_home();
    put(&place, "shape-name-first.wasm", "skills/a.wasm");
    put(&place, "shape-name-first.wasm", "skills/b.wasm");
    let serving = place.serve(&["skills"]);
    assert_snapshot!(place.run(&["skills", "list"]).seen(), @r"
    exit 0
    SKILL  STATE     TIER   VERSION  FILE                         DIGEST        REASON
    first  exposed   known  1.0.0    [PLACE]/skills/a.wasm  [DIGEST]…  -
    first  shadowed  known  1.0.0    [PLACE]/skills/b.wasm  [DIGEST]…  [PLACE]/skills/a.wasm serves this name
    ");
    drop(serving);
}

#[test]
fn a_skill_without_its_grant() {
    let place = Place::with_home();
    put(&place, "ports.wasm", "skills/ports.wasm");
    let serving = place.serve(&["skills"]);
    assert_snapshot!(place.run(&["skills", "list"]).seen(), @r"
    exit 0
    SKILL  STATE   TIER  VERSION  FILE                             DIGEST        REASON
    -      broken  -     -        [PLACE]/skills/ports.wasm  [DIGEST]…  ports.toml: the component imports llm, which needs a grant: ask for it under `[grants]`
    ");
    assert_snapshot!(place.run(&["skills", "expose", "ports"]).seen(), @r#"
    exit 1
    skill         -
    file          [PLACE]/skills/ports.wasm
    digest        [DIGEST]
    description   Remembers, or asks a model.
    the most it could ever do:
      reads its input and gives an output
      writes to its log and reports progress
      asks models through your slots; impossible without the grant `llm`
      remembers between calls; impossible without the grant `state`
    what it asks for:
      nothing
    --- stderr
    error: "ports" cannot be approved
    cause: ports.toml: the component imports llm, which needs a grant: ask for it under `[grants]`
    hint: see `coworker-host skills inspect ports`, and try again
    "#);
    let shown = place.run(&["skills", "inspect", "ports"]).seen();
    let (_, shown) = shown.split_once("imports:").expect("what it imports");
    assert_snapshot!(shown, @r"

      coworker:skill/llm@0.1.0
      coworker:skill/state@0.1.0
      coworker:skill/types@0.1.0
    the most it could ever do:
      reads its input and gives an output
      writes to its log and reports progress
      asks models through your slots; impossible without the grant `llm`
      remembers between calls; impossible without the grant `state`
    what it asks for:
      nothing
    what is granted:
      nothing
    ");
    // Of what is no component nothing is known, and nothing is said.
    put(&place, "garbage.wasm", "skills/garbage.wasm");
    place.wait_for_file("garbage.wasm", "broken");
    assert_snapshot!(place.run(&["skills", "inspect", "garbage.wasm"]).seen(), @r"
    exit 0
    file          [PLACE]/skills/garbage.wasm
    state         broken
    reason        the file is not WebAssembly (give a component as `coworker-host skills new` builds it)
    digest        [DIGEST]
    what it asks for:
      nothing
    what is granted:
      nothing
    ");
    assert_snapshot!(place.run(&["skills", "hide", "none"]).seen(), @r#"
    exit 1
    --- stderr
    error: there is no skill or file "none"
    hint: see `coworker-host skills list`
    "#);
    drop(serving);
}

#[test]
fn a_skill_that_asks_for_grants_gets_none_without_a_yes() {
    let place = Place::with_home();
    put(&place, "ports.wasm", "skills/ports.wasm");
    place.write("skills/ports.toml", PORTS_ASK);
    let serving = place.serve(&["skills"]);
    assert_snapshot!(place.run(&["skills", "list"]).seen(), @r"
    exit 0
    SKILL  STATE    TIER   VERSION  FILE                             DIGEST        REASON
    ports  pending  known  -        [PLACE]/skills/ports.wasm  [DIGEST]…  it asks to ask models (llm); it asks to remember per caller (state)
    ");
    assert_snapshot!(place.run(&["skills", "expose", "ports"]).seen(), @r"
    exit 1
    skill         ports
    file          [PLACE]/skills/ports.wasm
    digest        [DIGEST]
    description   Remembers, or asks a model.
    the most it could ever do:
      reads its input and gives an output
      writes to its log and reports progress
      asks models through your slots; impossible without the grant `llm`
      remembers between calls; impossible without the grant `state`
    what it asks for:
      ask models (llm)
      remember per caller (state)
    --- stderr
    error: ports asks for grants, and nobody said yes
    cause: it asks to: ask models (llm), remember per caller (state)
    hint: run it on a terminal, or add --yes after reading what it asks for
    ");
    drop(serving);
}
