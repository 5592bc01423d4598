//! What lies beside: texts of components, grants beside a SKILL.md, and files that are nobody's business.

use coworker_core::{Body, GuardMode};

use super::texts::{NOTES, skill_md};
use super::*;

const LLM: &[u8] = b"[grants]\nllm = true\n";

#[tokio::test]
async fn a_component_keeps_its_private_texts() {
    let world = World::new().await;
    std::fs::create_dir_all(world.path("words/prompts")).unwrap();
    for (name, text) in [
        ("words/grants.toml", LLM),
        (
            "words/SKILL.md",
            b"---\nname: other\ndescription: of nobody\nmin_trust_tier: 2\n---\nfirst",
        ),
        ("words/prompts/check.md", b"second"),
        ("words/prompts/skill.md", b"never"),
        ("words/prompts/bad name.md", b"never"),
        ("words/prompts/notes.txt", b"never"),
        ("flat.md", b"flat text"),
        ("flat.toml", LLM),
    ] {
        std::fs::write(world.path(name), text).unwrap();
    }
    std::fs::write(world.path("flat.wasm"), one("flat", 1)).unwrap();
    world.put("words/skill.wasm", &one("count", 1)).await;
    assert!(
        world
            .reason("skills/words/skill.wasm")
            .await
            .contains("ask models")
    );
    world.expose("count").await;
    world.expose("flat").await;
    let entry = world.entry("count").unwrap();
    assert_eq!(
        (entry.body, entry.digest),
        (Body::Component, Digest::of(&one("count", 1)))
    );
    assert!(entry.grants.llm);
    assert_eq!(entry.manifest.description, "Counts words");
    assert_eq!(
        entry.manifest.min_tier,
        Tier::Internal,
        "the text raises the tier"
    );
    let slots: Vec<String> = entry
        .private
        .as_ref()
        .unwrap()
        .slots()
        .map(|(name, slot)| format!("{name}={}", slot.text.reveal()))
        .collect();
    assert_eq!(slots, ["check=second", "skill=first"]);
    assert_eq!(world.told("flat").as_deref(), Some("flat text"));
    let warnings = world
        .skills
        .inspect("count", None)
        .await
        .unwrap()
        .row
        .warnings
        .join("\n");
    assert!(
        warnings.contains("prompts/skill.md is not read") && warnings.contains("bad name.md"),
        "{warnings}"
    );

    // Another text alone swaps; the component is not compiled again, and its rollback leads to the text before.
    let looks = world.reader.looks.load(Ordering::Relaxed);
    world.rewrite("words/prompts/check.md", b"third").await;
    let text = |world: &World| {
        let entry = world.entry("count").unwrap();
        let slot = entry.private.as_ref().unwrap().slot("check").cloned();
        slot.unwrap().text.reveal().to_owned()
    };
    assert_eq!(text(&world), "third");
    assert_eq!(world.reader.looks.load(Ordering::Relaxed), looks);
    world.skills.rollback("count").await.unwrap();
    assert_eq!(text(&world), "second");
    let world = world.restart(Start::default()).await;
    assert_eq!(text(&world), "second");
    assert!(
        world
            .row("skills/words/skill.wasm")
            .await
            .update
            .unwrap()
            .reasons[0]
            .contains("rolled back")
    );
    world.rewrite("words/SKILL.md", b"---\nbroken").await;
    assert_eq!(text(&world), "second");
    let update = world.row("skills/words/skill.wasm").await.update.unwrap();
    assert_eq!(update.state, RowState::Broken);
}

#[tokio::test]
async fn texts_of_a_component_with_an_acting_grant_wait() {
    let world = World::new().await;
    std::fs::write(
        world.path("words.toml"),
        b"[grants]\nllm = true\nstate = \"shared\"\n",
    )
    .unwrap();
    std::fs::write(world.path("words.md"), "first").unwrap();
    world.put("words.wasm", &one("count", 1)).await;
    world.expose("count").await;
    world.rewrite("words.md", b"second").await;
    assert_eq!(world.told("count").as_deref(), Some("first"));
    assert!(
        world.row("skills/words.wasm").await.update.unwrap().reasons[0].contains("other texts")
    );
}

#[tokio::test]
async fn a_component_beside_an_approved_text_waits_for_the_owner() {
    let world = World::new().await;
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "mine"))
        .await;
    world.expose("notes").await;
    std::fs::write(world.path("notes/grants.toml"), LLM).unwrap();
    world.put("notes/skill.wasm", &one("notes", 1)).await;
    assert_eq!(
        world.entry("notes").map(|entry| entry.body),
        Some(Body::Model)
    );
    let update = world.row(NOTES).await.update.unwrap();
    assert!(
        update
            .reasons
            .contains(&"a component answers now".to_owned()),
        "{update:?}"
    );
    world.expose("notes").await;
    assert_eq!(
        world.entry("notes").map(|entry| entry.body),
        Some(Body::Component)
    );
    let world = world.restart(Start::default()).await;
    assert_eq!(
        world.entry("notes").map(|entry| entry.body),
        Some(Body::Component)
    );
    world.skills.rollback("notes").await.unwrap();
    assert_eq!(
        world.entry("notes").map(|entry| entry.body),
        Some(Body::Model)
    );
    assert_eq!(world.told("notes").as_deref(), Some("mine"));
}

#[tokio::test]
async fn a_removed_component_is_removed_whatever_text_it_leaves() {
    let world = World::new().await;
    std::fs::create_dir(world.path("notes")).unwrap();
    std::fs::write(
        world.path("notes/SKILL.md"),
        skill_md("Writes notes", "mine"),
    )
    .unwrap();
    world.put("notes/skill.wasm", &one("notes", 1)).await;
    world.expose("notes").await;
    world.remove("notes/skill.wasm").await;
    assert!(world.serves("notes").is_none());
    assert_eq!(world.state(NOTES).await, RowState::Pending);
}

#[tokio::test]
async fn a_text_that_asks_to_be_guarded_less_waits_for_its_owner_from_the_start() {
    for (asks, words) in [
        ("mode = \"warn\"", Some("guarded by \"warn\" only")),
        (
            "public = [\"mine\"]",
            Some("1 line(s) of its private texts be quoted"),
        ),
        ("mode = \"block\"", None),
    ] {
        let mut config = Config::default();
        config.host.default_visibility = Visibility::Exposed;
        let start = Start {
            config,
            ..Start::default()
        };
        let world = World::with(start).await;
        std::fs::create_dir(world.path("notes")).unwrap();
        let beside = format!("[guard]\n{asks}\n");
        std::fs::write(world.path("notes/grants.toml"), beside).unwrap();
        world
            .put("notes/SKILL.md", &skill_md("Writes notes", "mine"))
            .await;
        assert_eq!(world.entry("notes").is_none(), words.is_some(), "{asks}");
        if let Some(words) = words {
            let reason = world.reason(NOTES).await;
            assert!(reason.contains(words), "{asks}: {reason}");
            world.expose("notes").await;
            assert!(world.entry("notes").is_some(), "{asks}");
        }
    }
}

#[tokio::test]
async fn grants_beside_a_text_limit_raise_and_guard_it() {
    let world = World::new().await;
    std::fs::create_dir(world.path("notes")).unwrap();
    let beside = |more: &str| {
        format!("[limits]\nwall = \"20s\"\n[skill.notes]\nmin_tier = \"internal\"\n{more}")
            .into_bytes()
    };
    std::fs::write(
        world.path("notes/grants.toml"),
        beside("[guard]\nmode = \"block\"\npublic = [\"a line\"]\n"),
    )
    .unwrap();
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "mine"))
        .await;
    world.expose("notes").await;
    let entry = world.entry("notes").unwrap();
    assert_eq!(entry.limits.wall, coworker_core::Span::secs(20));
    assert_eq!(entry.manifest.min_tier, Tier::Internal);
    assert_eq!(
        (entry.guard.mode, entry.guard.public.as_slice()),
        (Some(GuardMode::Block), &["a line".to_owned()][..])
    );
    for (weaker, why) in [
        (
            "[guard]\nmode = \"warn\"\npublic = [\"a line\"]\n",
            "guarded in another way",
        ),
        (
            "[guard]\nmode = \"block\"\npublic = [\"a line\", \"another\"]\n",
            "may be quoted",
        ),
    ] {
        world.put("notes/grants.toml", &beside(weaker)).await;
        assert!(world.row(NOTES).await.update.unwrap().reasons[0].contains(why));
    }
    assert_eq!(
        world.entry("notes").unwrap().guard.mode,
        Some(GuardMode::Block)
    );
    world
        .put("notes/grants.toml", &beside("[guard]\nmode = \"block\"\n"))
        .await;
    assert!(world.entry("notes").unwrap().guard.public.is_empty());
    for (bad, why) in [
        (
            "[[grants.http]]\nurl = \"https://example.com/\"\n",
            "can use no grant",
        ),
        ("[grants]\nstate = true\n", "can use no grant"),
        ("[guard]\nmode = \"off\"\n", "guard"),
        ("[guard]\nmod = \"warn\"\n", "did you mean `guard.mode`"),
        ("[guard]\npublic = [\"\"]\n", "blank line"),
        ("[skill.other]\nmin_tier = \"internal\"\n", "no such skill"),
    ] {
        world.put("notes/grants.toml", &beside(bad)).await;
        let update = world.row(NOTES).await.update.unwrap();
        assert_eq!(update.state, RowState::Broken, "{update:?}");
        assert!(update.reasons[0].contains(why), "{update:?}");
    }
    world
        .put("notes/grants.toml", &beside("[grants]\nllm = true\n"))
        .await;
    assert!(world.entry("notes").unwrap().grants.is_empty());
}

#[tokio::test]
async fn a_folder_that_is_one_skill_is_served_as_it_is() {
    let world = World::new().await;
    let folder = world.dir.path().join("my skill");
    std::fs::create_dir_all(folder.join("references")).unwrap();
    std::fs::create_dir_all(folder.join("scripts")).unwrap();
    std::fs::write(
        folder.join("SKILL.md"),
        "---\ndescription: Does it\n---\nmine",
    )
    .unwrap();
    std::fs::write(folder.join("references/deep.md"), "not read").unwrap();
    for path in [folder.clone(), folder.join("SKILL.md")] {
        let world = World::at(
            tempfile::tempdir().unwrap(),
            Start {
                paths: vec![path],
                ..Start::default()
            },
        )
        .await;
        assert_eq!(world.seen(Tier::Known), ["my-skill"]);
        let before = world.serves("my-skill").unwrap();
        std::fs::write(folder.join("scripts/run.sh"), "#!/bin/sh").unwrap();
        std::fs::write(folder.join("references/deep.md"), "changed").unwrap();
        world.look().await;
        assert_eq!(world.serves("my-skill"), Some(before));
        let card = world.entry("my-skill").unwrap().card.to_string();
        assert!(!card.contains("deep") && !card.contains("run.sh"));
    }
}

#[tokio::test]
async fn lower_case_names_of_the_file_are_found_too() {
    let world = World::new().await;
    world
        .put("notes/skill.md", &skill_md("Writes notes", "mine"))
        .await;
    world.expose("notes").await;
    assert_eq!(world.told("notes").as_deref(), Some("mine"));
    // A text in the skills folder itself is no skill.
    world
        .put("SKILL.md", &skill_md("Writes notes", "mine"))
        .await;
    world.put("lonely.md", b"text").await;
    assert_eq!(world.skills.list().await.len(), 1);
}
