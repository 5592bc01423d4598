//! SKILL.md from the command line: what `wrap` shows, what `skills import` takes up, and that no command prints a word of
//! a private text.

use serde_json::{Value, json};

use crate::hosts::EXPOSED;
use crate::support::Place;

const SECRET: &str = "Never mention the quarterly target of the northern office";

fn folder(place: &Place, name: &str, front: &str) -> String {
    let folder = place.path(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(
        folder.join("SKILL.md"),
        format!("---\n{front}---\n# How\n\n{SECRET}.\nUse $north.\n"),
    )
    .expect("written");
    folder.to_str().expect("plain").to_owned()
}

fn json_of(place: &Place, arguments: &[&str]) -> Value {
    let ended = place
        .command(&[&["--json"], arguments].concat())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    serde_json::from_str(&text(&ended.stdout)).expect("one document")
}

const FRONT: &str = "name: notes\ndescription: Turns a meeting into notes\nversion: 1.10\nmin_trust_tier: 2\narguments:\n  - transcript\n  - name: length\n    type: int\n    default: 10\n";

#[test]
fn wrap_shows_what_each_tier_would_see_and_what_stays() {
    let place = Place::new();
    let notes = folder(&place, "notes", FRONT);
    std::fs::create_dir_all(place.path("notes/prompts")).expect("a folder");
    std::fs::create_dir_all(place.path("notes/references")).expect("a folder");
    place.write("notes/prompts/check.md", SECRET);
    place.write("notes/references/deep.md", "not read");
    let shown = place.run(&["wrap", &notes]);
    insta::assert_snapshot!(shown.seen(), @r#"
    exit 0
    what peers would see:
      untrusted   nothing
      known       nothing
      internal
    {
      "name": "notes",
      "description": "Turns a meeting into notes",
      "input_schema": {
        "transcript": "str",
        "length": "int (optional)"
      },
      "output_schema": {
        "result": "str"
      },
      "min_trust_tier": 2,
      "max_context_privacy_tier": "L1_PUBLIC",
      "version": "1.10",
      "ext": {
        "input": {
          "type": "object",
          "properties": {
            "transcript": {
              "type": "string"
            },
            "length": {
              "type": "integer",
              "default": 10
            }
          },
          "required": [
            "transcript"
          ]
        },
        "output": {
          "type": "object",
          "properties": {
            "result": {
              "type": "string"
            }
          },
          "required": [
            "result"
          ]
        }
      }
    }
      privileged  the same as internal
    what stays here:
      slot check               57 bytes  [DIGEST]
      slot skill               78 bytes  [DIGEST]
      file references/deep.md  8 bytes, read by nobody
    "#);
    // The file itself means the same, and a check of it too.
    let file = format!("{notes}/SKILL.md");
    for same in [
        ["wrap", &file].as_slice(),
        &["skills", "check", &notes],
        &["skills", "check", &file],
    ] {
        assert_eq!(place.run(same).seen(), shown.seen(), "{same:?}");
    }
    let answer = json_of(&place, &["wrap", &notes]);
    let tiers: Vec<(&str, usize)> = answer["tiers"]
        .as_array()
        .expect("tiers")
        .iter()
        .map(|view| {
            (
                view["tier"].as_str().expect("a tier"),
                view["skills"].as_array().expect("cards").len(),
            )
        })
        .collect();
    assert_eq!(
        tiers,
        [
            ("untrusted", 0),
            ("known", 0),
            ("internal", 1),
            ("privileged", 1)
        ]
    );
    assert!(!place.home().exists(), "nothing is made to look at a file");
}

#[test]
fn the_card_is_the_one_that_a_host_publishes() {
    let place = Place::configured(EXPOSED);
    let notes = folder(&place, "home/skills/notes", FRONT);
    let serving = place.serve(&[]);
    let wrapped = json_of(&place, &["wrap", &notes]);
    let inspected = place.owner(json!({ "do": "skills_inspect", "name": "notes" }));
    assert_eq!(wrapped["tiers"][3]["skills"][0], inspected["card"]);
    assert_eq!(wrapped["texts"], inspected["texts"]);
    assert_eq!(wrapped["digest"], inspected["digest"]);
    // No command, and no file but the private copies, holds a word of the text.
    for arguments in [
        ["skills", "inspect", "notes"].as_slice(),
        &["--json", "skills", "inspect", "notes"],
        &["skills", "list"],
        &["--json", "skills", "preview", "--peer-tier", "privileged"],
        &["status"],
        &["doctor"],
        &["logs"],
    ] {
        let seen = place.run(arguments).seen();
        assert!(
            !seen.contains("quarterly") && !seen.contains("north"),
            "{arguments:?}: {seen}"
        );
    }
    drop(serving);
    let log = std::fs::read_to_string(place.path("serve.log")).expect("a log");
    assert!(!log.contains("quarterly"), "{log}");
    let mut holds = Vec::new();
    let mut folders = vec![place.home()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path)
                && bytes.windows(9).any(|part| part == b"quarterly")
            {
                holds.push(entry.file_name().into_string().expect("Unicode"));
            }
        }
    }
    holds.sort();
    assert_eq!(holds, ["SKILL.md", "texts.json"]);
}

#[test]
fn wrap_compares_and_looks_through_trees() {
    let place = Place::new();
    let old = folder(&place, "tree/old/notes", FRONT);
    let new = folder(
        &place,
        "tree/new/notes",
        &FRONT.replace("a meeting", "any talk"),
    );
    folder(&place, "tree/deep/.hidden/other", "description: fine\n");
    folder(&place, "tree/broken", "min_trust_tier: 9\n");
    let compared = json_of(&place, &["wrap", &new, "--diff", &old]);
    let changes: Vec<(&str, bool)> = compared["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| {
            (
                change["what"].as_str().expect("words"),
                change["waits"].as_bool().expect("a flag"),
            )
        })
        .collect();
    assert_eq!(changes, [("the description of notes is another", true)]);
    let tree = place.path("tree");
    let scanned = json_of(&place, &["wrap", "--scan", tree.to_str().expect("plain")]);
    assert_eq!(
        (&scanned["read"], &scanned["refused"], &scanned["leaks"]),
        (&json!(3), &json!(1), &json!(0))
    );
    let refused = scanned["files"]
        .as_array()
        .expect("files")
        .iter()
        .find(|row| !row["refused"].is_null())
        .expect("one");
    assert!(
        refused["refused"]
            .as_str()
            .expect("words")
            .contains("min_trust_tier"),
        "{refused}"
    );
    let table = place.run(&["wrap", "--scan", "tree"]);
    assert!(
        table
            .stdout
            .ends_with("3 can be served, 1 cannot, 0 show private lines\n"),
        "{}",
        table.seen()
    );
    for (arguments, words) in [
        (
            ["wrap", "nowhere"].as_slice(),
            "there is nothing at nowhere",
        ),
        (&["wrap", "tree"], "there is no SKILL.md in it"),
        (&["wrap", "tree/broken"], "min_trust_tier"),
        (&["wrap", "--scan", "tree/broken/SKILL.md"], "is no folder"),
    ] {
        let ended = place.run(arguments);
        assert_ne!(ended.code, 0);
        assert!(
            ended.stderr.contains(words) && ended.stderr.contains("hint: "),
            "{}",
            ended.seen()
        );
    }
}

#[test]
fn a_component_that_shows_its_prompt_is_caught_before_it_is_served() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("echo")).expect("a folder");
    std::fs::copy(
        crate::support::fixture("echo.wasm"),
        place.path("echo/skill.wasm"),
    )
    .expect("copied");
    place.write("echo/SKILL.md", "A text that its card does not show.");
    let fine = json_of(&place, &["wrap", "echo"]);
    assert_eq!(
        (&fine["body"], &fine["leaks"]),
        (&json!("component"), &json!([]))
    );
    let card = &fine["tiers"][3]["skills"][0];
    let shown = card["description"].as_str().expect("a description");
    place.write("echo/SKILL.md", format!("First line\n{shown}\n"));
    let ended = place.run(&["wrap", "echo"]);
    assert_eq!(ended.code, 1, "{}", ended.seen());
    assert!(
        ended
            .stdout
            .contains("line 2 of slot skill is private and stands in the card"),
        "{}",
        ended.seen()
    );
}

#[test]
fn skills_of_other_programs_are_served_where_they_lie() {
    let place = Place::with_home();
    let notes = folder(&place, ".claude/skills/notes", FRONT);
    folder(&place, ".claude/skills/odd", "min_trust_tier: many\n");
    folder(
        &place,
        ".openclaw/workspace/skills/claw",
        "description: x\n",
    );
    folder(&place, ".nanobot/workspace/skills/nano", "description: y\n");
    std::os::unix::fs::symlink(
        place.path(".nanobot/workspace/skills/nano"),
        place.path(".claude/skills/linked"),
    )
    .expect("a link");
    // Nobody sits at a terminal: nothing is picked, and the error says what there is.
    let unpicked = place.run(&["skills", "import", "--from", "claude"]);
    insta::assert_snapshot!(unpicked.seen(), @r"
    exit 2
    --- stderr
    error: nobody picked a skill
    cause: [PLACE]/.claude/skills holds nano, notes
    hint: name those to serve, or add --all
    ");
    assert_eq!(json_of(&place, &["skills", "import", "--list"]), json!([]));

    let taken = json_of(
        &place,
        &["skills", "import", "--from", "claude", "notes", "linked"],
    );
    let places: Vec<&str> = taken
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["place"].as_str().expect("a place"))
        .collect();
    let nano = place.path(".nanobot/workspace/skills/nano");
    assert_eq!(places, [notes.as_str(), nano.to_str().expect("plain")]);
    let others = json_of(&place, &["skills", "import", "--from", "openclaw", "--all"]);
    assert_eq!(others[0]["skills"][0]["name"], "claw");

    // They are remembered, a running host takes up more at once, and a change of the card waits.
    let serving = place.serve(&[]);
    assert!(serving.ready.to_string().contains("notes"));
    let list = json_of(&place, &["skills", "import", "--list"]);
    assert_eq!(list.as_array().expect("rows").len(), 3);
    folder(&place, "mine/one", "description: z\n");
    json_of(&place, &["skills", "import", "--from", "mine", "--all"]);
    assert!(place.row("one").is_some());
    std::fs::write(
        format!("{notes}/SKILL.md"),
        "---\nname: notes\ndescription: Another\nmin_trust_tier: 2\n---\nx",
    )
    .expect("written");
    place.wait_for_update("notes", "pending");
    let gone = place.run(&["skills", "import", "--remove", "notes"]);
    assert_eq!(gone.code, 0, "{}", gone.seen());
    assert!(place.row("notes").is_none());
    assert!(std::path::Path::new(&notes).join("SKILL.md").exists());

    for (arguments, words) in [
        (
            ["--from", "claude", "none"].as_slice(),
            "there is no skill \"none\"",
        ),
        (&["--from", "claude", "odd"], "\"odd\" cannot be served"),
        (&["--from", "nowhere"], "there is no folder"),
        (&["--remove", "none"], "nothing was imported as"),
        (&["--all"], "--from"),
    ] {
        let ended = place.run(&[&["skills", "import"], arguments].concat());
        assert_ne!(ended.code, 0);
        assert!(ended.stderr.contains(words), "{}", ended.seen());
    }
}

/// Returns a sample that is a text.
fn sample() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-skills/release-notes")
}

#[test]
fn the_sample_answers_in_the_form_that_it_publishes() {
    let place = Place::scripted(
        "[[rule]]\nsystem_contains = \"How we write release notes\"\ncontains = \"dark mode\"\n\
         json = { headline = \"Kite has a dark mode\", new = [\"Switch to a dark appearance.\"], fixed = [], to_do = [] }\n",
        "",
    );
    let wrapped = json_of(&place, &["wrap", sample().to_str().expect("plain")]);
    for empty in ["warnings", "leaks", "repeats", "asks"] {
        assert_eq!(wrapped[empty], json!([]), "{empty}");
    }
    let served = place.path("home/skills/release-notes");
    std::fs::create_dir(&served).expect("a folder");
    std::fs::copy(sample().join("SKILL.md"), served.join("SKILL.md")).expect("copied");
    let serving = place.serve(&[]);
    place.wait_for("release-notes", "exposed");
    let peer = place.peer(&serving, "known");
    assert_eq!(peer.discover(), ["release-notes"]);
    let answer = peer.call(
        "release-notes",
        json!({ "product": "Kite", "changes": ["feat: dark mode"] }),
    );
    assert_eq!(
        answer["result"]["headline"], "Kite has a dark mode",
        "{answer}"
    );
    for wrong in [
        json!({ "product": "Kite" }),
        json!({ "product": "Kite", "changes": [] }),
        json!({ "product": 1, "changes": ["x"] }),
    ] {
        assert_eq!(
            peer.call("release-notes", wrong)["error_code"],
            "INVALID_INPUT"
        );
    }
    // Another text, saved, answers the next call: the card is the same.
    let text = std::fs::read_to_string(sample().join("SKILL.md")).expect("a text");
    let other = text.replace(
        "How we write release notes",
        "How nobody writes release notes",
    );
    std::fs::write(served.join("SKILL.md"), other).expect("written");
    let before = wrapped["digest"].clone();
    crate::peer::until("the other text is served", || {
        place
            .row("release-notes")
            .filter(|row| row["digest"] != before && row["update"].is_null())
    });
    let unruled = peer.call(
        "release-notes",
        json!({ "product": "Kite", "changes": ["feat: dark mode"] }),
    );
    assert_eq!(
        unruled["success"], false,
        "no rule fits the other text: {unruled}"
    );
}

#[test]
fn a_text_that_is_too_short_to_be_guarded_is_named() {
    let place = Place::new();
    for (name, body, own) in [
        ("short", "Be brief, and be kind.", Some(16)),
        (
            "signs",
            "!!! ??? --- \u{1f389} \u{1f389} \u{1f389} ... (((()))) ### ~~~ *** +++ === %%% &&&",
            Some(0),
        ),
        (
            "days",
            "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday.",
            Some(0),
        ),
        ("long", SECRET, None),
    ] {
        std::fs::create_dir_all(place.path(name)).expect("a folder");
        place.write(
            &format!("{name}/SKILL.md"),
            format!("---\nname: {name}\ndescription: Answers\n---\n{body}\n"),
        );
        let wrapped = json_of(&place, &["wrap", place.path(name).to_str().expect("plain")]);
        let said = wrapped["warnings"].to_string();
        match own {
            Some(own) => assert!(
                said.contains(&format!("is not guarded: it has {own} letters")),
                "{said}"
            ),
            None => assert_eq!(said, "[]"),
        }
    }
}
