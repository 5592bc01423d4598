//! What an author asked for under a name that is not read is never taken for nothing.

use std::path::Path;

use serde::Deserialize;

use super::super::text;
use super::*;
use crate::config::LimitsConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    text: String,
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    grants: Vec<Row>,
    config: Vec<Row>,
}

fn table() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/skill-md/requests.toml");
    toml::from_str(&std::fs::read_to_string(path).expect("a table")).expect("a table")
}

#[tokio::test]
async fn a_request_that_is_not_understood_refuses_the_skill() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for row in table().grants {
        std::fs::write(world.path("payroll.toml"), &row.text).unwrap();
        world.put("payroll.wasm", &one("payroll", 1)).await;
        let found = world.row("skills/payroll.wasm").await;
        let reason = found.reason.unwrap_or_default();
        let is_told = reason.starts_with("payroll.toml: ") && reason.contains(&row.says);
        if found.state != RowState::Broken || !is_told {
            wrong.push(format!("{:?}: {:?}, {reason}", row.text, found.state));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(world.seen(Tier::Privileged).is_empty());
    for fine in [
        "",
        "\n# nothing\n",
        "\u{feff}",
        "\u{feff}[skill.payroll]\nmin_tier = \"internal\"\n",
    ] {
        assert!(text::read(fine).is_ok(), "{fine:?}");
    }
}

#[test]
fn a_configuration_that_is_not_understood_is_refused() {
    let file = Path::new("config.toml");
    for row in table().config {
        let error = match Config::parse(file, &row.text, &[]) {
            Ok(_) => panic!("it is read: {:?}", row.text),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(&row.says), "{:?}: {error}", row.text);
    }
}

#[tokio::test]
async fn a_request_under_a_name_that_is_not_read_refuses_the_skill() {
    let md = b"---\nname: notes\ndescription: A.\n---\nThe secret way";
    let strict = b"[skill.notes]\nmin_tier = \"privileged\"\n";
    for (name, wanted) in [
        ("Grants.toml", "grants.toml"),
        ("GRANTS.TOML", "grants.toml"),
        ("grant.toml", "grants.toml"),
        ("grants.tml", "grants.toml"),
        ("grants.toml.txt", "grants.toml"),
        ("grants.yaml", "grants.toml"),
        ("gr\u{430}nts.toml", "grants.toml"),
        ("notes.toml", "grants.toml"),
        ("skill.toml", "grants.toml"),
        ("skill.md", "SKILL.md"),
        ("Skill.md", "SKILL.md"),
        ("SKILL.MD", "SKILL.md"),
    ] {
        let world = World::new().await;
        world.put("notes/SKILL.md", md).await;
        std::fs::write(world.path("notes").join(name), strict).unwrap();
        world.look().await;
        let row = world.row("skills/notes/SKILL.md").await;
        assert_eq!(row.state, RowState::Broken, "{name}: {row:?}");
        let reason = row.reason.unwrap_or_default();
        assert!(
            reason.contains(&format!("call it {wanted:?}")),
            "{name}: {reason}"
        );
        let looked = wrap(&world.path("notes"), &LimitsConfig::default(), None);
        assert!(looked.is_err(), "{name}");
    }
    let world = World::new().await;
    world.put("notes/SKILL.md", md).await;
    for name in [
        "grants.toml~",
        ".grants.toml.swp",
        "grants.toml.bak",
        "SKILL.md.orig",
        "skills.md",
        "package.json",
        "notes.md",
    ] {
        std::fs::write(world.path("notes").join(name), strict).unwrap();
    }
    world.look().await;
    assert_eq!(
        world.row("skills/notes/SKILL.md").await.state,
        RowState::Pending
    );
}

#[tokio::test]
async fn a_request_beside_a_component_under_another_name_refuses_it() {
    for name in [
        "Payroll.toml",
        "payroll.TOML",
        "payrol.toml",
        "payroll.tml",
        "payroll.wasm.toml",
        "payroll.grants.toml",
        "payroll.yaml",
        "payroll.toml.txt",
        "grants.toml",
        "Grants.toml",
        "Payroll.md",
        "payroll.MD",
    ] {
        let world = World::new().await;
        std::fs::write(
            world.path(name),
            "[skill.payroll]\nmin_tier = \"privileged\"\n",
        )
        .unwrap();
        world.put("payroll.wasm", &one("payroll", 1)).await;
        let row = world.row("skills/payroll.wasm").await;
        assert_eq!(row.state, RowState::Broken, "{name}: {row:?}");
        assert!(
            row.reason.is_some_and(|reason| reason.contains("call it")),
            "{name}"
        );
    }
    // A file that belongs to another component, or says what this one's does, is no mistake.
    let world = World::new().await;
    std::fs::write(world.path("payroll2.toml"), "").unwrap();
    std::fs::write(world.path("payroll.toml"), "").unwrap();
    std::fs::write(world.path("README.md"), "").unwrap();
    world.put("payroll2.wasm", &one("second", 1)).await;
    world.put("payroll.wasm", &one("payroll", 1)).await;
    assert_eq!(
        world.row("skills/payroll.wasm").await.state,
        RowState::Pending
    );
}

#[test]
fn a_configuration_under_another_name_is_refused() {
    for name in [
        "Config.toml",
        "config.tml",
        "config.toml.txt",
        "confg.toml",
        "config.yaml",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        assert!(Config::load(&file, &[]).is_ok());
        std::fs::write(dir.path().join("config.toml.bak"), "").unwrap();
        std::fs::write(&file, "").unwrap();
        assert!(Config::load(&file, &[]).is_ok());
        std::fs::write(dir.path().join(name), "[guard]\nmode = \"block\"\n").unwrap();
        let failure = crate::report::Failure::from(Config::load(&file, &[]).unwrap_err());
        assert!(
            failure.what.contains(name) && failure.hint.is_some(),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn what_an_author_should_look_at_is_in_the_owners_list() {
    let world = World::new().await;
    let md = b"---\nname: notes\ndescription: A.\nallowed-tools: Read\ntemprature: 1\n---\nThe secret way";
    world.put("notes/SKILL.md", md).await;
    let row = world.row("skills/notes/SKILL.md").await;
    let said = row.warnings.join("\n");
    assert!(
        said.contains("names tools") && said.contains("did you mean `temperature`"),
        "{said}"
    );
    world.expose("notes").await;
    assert_eq!(
        world.row("skills/notes/SKILL.md").await.warnings,
        row.warnings
    );
    let shown = serde_json::to_value(world.skills.inspect("notes", None).await.unwrap()).unwrap();
    assert_eq!(shown["warnings"], serde_json::json!(row.warnings));
}
