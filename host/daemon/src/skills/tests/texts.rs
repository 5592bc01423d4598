//! Folders that hold a SKILL.md and no component, from the first look to the last.

use std::os::unix::fs::{PermissionsExt, symlink};

use coworker_core::{Body, Entry, ModelWish, SKILL_SLOT};

use super::*;

pub(super) const NOTES: &str = "skills/notes/SKILL.md";

/// Returns a SKILL.md; `secret` is its private text.
pub(super) fn skill_md(description: &str, secret: &str) -> Vec<u8> {
    format!("---\nname: notes\ndescription: {description}\nversion: '1'\n---\n{secret}")
        .into_bytes()
}

impl World {
    pub(super) fn entry(&self, name: &str) -> Option<Arc<Entry>> {
        let catalog = self.skills.catalog();
        catalog.seen_by(Tier::Privileged).find(name).cloned()
    }

    /// Returns the private text that a name serves with.
    pub(super) fn told(&self, name: &str) -> Option<String> {
        let entry = self.entry(name)?;
        let slot = entry.private.as_ref()?.slot(SKILL_SLOT)?;
        Some(slot.text.reveal().to_owned())
    }

    /// Puts a new state of an approved text, and waits until it counts as written.
    pub(super) async fn rewrite(&self, name: &str, bytes: &[u8]) {
        self.put(name, bytes).await;
        loop {
            let rows = self.skills.list().await;
            let writing = |row: &SkillRow| {
                let update = row.update.as_ref();
                update.is_some_and(|update| {
                    update
                        .reasons
                        .iter()
                        .any(|why| why.contains("being written"))
                })
            };
            if !rows.iter().any(writing) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            self.look().await;
        }
    }
}

#[tokio::test]
async fn a_folder_with_a_skill_md_is_a_skill() {
    let world = World::new().await;
    world
        .put(
            "notes/SKILL.md",
            &skill_md("Writes notes", "The secret way"),
        )
        .await;
    assert_eq!(world.state(NOTES).await, RowState::Pending);
    assert!(world.seen(Tier::Privileged).is_empty());
    let row = world.expose("notes").await;
    assert_eq!((row.file.as_str(), row.state), (NOTES, RowState::Exposed));
    assert_eq!(world.seen(Tier::Known), ["notes"]);
    assert!(world.seen(Tier::Untrusted).is_empty());
    let entry = world.entry("notes").unwrap();
    assert_eq!(entry.body, Body::Model);
    assert!(entry.grants.is_empty());
    assert_eq!(entry.limits.wall, coworker_core::Limits::WALL_WITH_MODEL);
    assert_eq!(world.told("notes").as_deref(), Some("The secret way"));
    let card = entry.card.to_string();
    assert!(
        card.contains("Writes notes") && !card.contains("secret"),
        "{card}"
    );
    assert_eq!(
        world.reader.looks.load(Ordering::Relaxed),
        0,
        "there is nothing to compile"
    );

    // What serves is the approved copy: a restart finds it, and so does a file that comes back.
    let digest = entry.digest;
    let world = world.restart(Start::default()).await;
    assert_eq!(world.serves("notes"), Some(digest));
    assert_eq!(world.told("notes").as_deref(), Some("The secret way"));
    world.remove("notes/SKILL.md").await;
    assert!(world.serves("notes").is_none());
    world
        .put(
            "notes/SKILL.md",
            &skill_md("Writes notes", "The secret way"),
        )
        .await;
    assert_eq!(world.serves("notes"), Some(digest));
}

#[tokio::test]
async fn a_text_swaps_by_itself_and_a_card_does_not() {
    let world = World::new().await;
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "first"))
        .await;
    world.expose("notes").await;
    let first = world.serves("notes").unwrap();
    world
        .rewrite("notes/SKILL.md", &skill_md("Writes notes", "second"))
        .await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    let second = world.serves("notes").unwrap();
    assert_ne!(first, second);

    world
        .rewrite("notes/SKILL.md", &skill_md("Writes more", "third"))
        .await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    let update = world.row(NOTES).await.update.unwrap();
    assert_eq!(update.reasons, ["the description of notes is another"]);
    let shown = world.skills.inspect("notes", None).await.unwrap();
    let changes: Vec<String> = shown
        .changes
        .unwrap()
        .into_iter()
        .map(|change| change.what)
        .collect();
    assert_eq!(
        changes,
        [
            "its private texts are others",
            "the description of notes is another"
        ]
    );
    world.expose("notes").await;
    assert_eq!(world.told("notes").as_deref(), Some("third"));

    // Back to the text before, and not forward again by itself, also not after a restart.
    let back = world.skills.rollback("notes").await.unwrap();
    assert_eq!(back.to, second);
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    let world = world.restart(Start::default()).await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    assert!(world.row(NOTES).await.update.unwrap().reasons[0].contains("rolled back"));
    let older = world
        .skills
        .inspect("notes", Some(&first.to_string()))
        .await
        .unwrap();
    assert!(older.changes.is_some());
    world.expose("notes").await;
    assert_eq!(world.told("notes").as_deref(), Some("third"));
}

#[tokio::test]
async fn an_owner_who_reviews_updates_reviews_texts() {
    let mut start = Start::default();
    start.config.host.updates = Updates::Review;
    let world = World::with(start).await;
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "first"))
        .await;
    world.expose("notes").await;
    world
        .rewrite("notes/SKILL.md", &skill_md("Writes notes", "second"))
        .await;
    assert_eq!(world.told("notes").as_deref(), Some("first"));
    assert!(world.row(NOTES).await.update.unwrap().reasons[0].contains("updates = \"review\""));
}

#[tokio::test]
async fn a_broken_or_half_written_text_leaves_the_approved_one_serving() {
    let world = World::new().await;
    let whole = skill_md("Writes notes", "step one\nstep two\n");
    world.put("notes/SKILL.md", &whole).await;
    world.expose("notes").await;
    for (broken, why) in [
        (&b"---\nname: notes\n"[..], "does not end"),
        (b"---\nname: [\n---\nx", "not YAML"),
        (b"---\nmin_trust_tier: 9\n---\nx", "min_trust_tier"),
        (b"---\na: &a [*a]\n---\nx", "frontmatter"),
        (b"\xff\xfe", "not UTF-8"),
        (b"---\nname: notes\n---\n  \n", "no text below"),
    ] {
        world.rewrite("notes/SKILL.md", broken).await;
        let update = world.row(NOTES).await.update.unwrap();
        assert_eq!(update.state, RowState::Broken);
        assert!(update.reasons[0].contains(why), "{why}: {update:?}");
        assert_eq!(world.told("notes").as_deref(), Some("step one\nstep two\n"));
    }
    let large = skill_md("Writes notes", &"x".repeat(300 << 10));
    world.rewrite("notes/SKILL.md", &large).await;
    assert!(world.row(NOTES).await.update.unwrap().reasons[0].contains("at most"));
    let world = world.restart(Start::default()).await;
    assert_eq!(world.told("notes").as_deref(), Some("step one\nstep two\n"));

    // A text that was written a moment ago is looked at again before it counts: this one is half of what is meant.
    std::fs::write(
        world.path("notes/SKILL.md"),
        skill_md("Writes notes", "step one\n"),
    )
    .unwrap();
    world.look().await;
    assert_eq!(world.told("notes").as_deref(), Some("step one\nstep two\n"));
    assert!(world.row(NOTES).await.update.unwrap().reasons[0].contains("being written"));
    std::fs::write(
        world.path("notes/SKILL.md"),
        skill_md("Writes notes", "step one\nstep three\n"),
    )
    .unwrap();
    let mut catalog = world.skills.subscribe();
    while world.told("notes").as_deref() == Some("step one\nstep two\n") {
        catalog.changed().await.unwrap();
    }
    assert_eq!(
        world.told("notes").as_deref(),
        Some("step one\nstep three\n")
    );
}

#[tokio::test]
async fn links_pipes_and_what_others_can_write_are_no_texts() {
    let world = World::new().await;
    let outside = world.dir.path().join("outside.md");
    std::fs::write(&outside, skill_md("x", "outside")).unwrap();
    for name in [
        "link", "pipe", "open", "folder", "shared", "bad name", "prompts",
    ] {
        std::fs::create_dir(world.path(name)).unwrap();
    }
    symlink(&outside, world.path("link/SKILL.md")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        world.path("pipe/SKILL.md"),
        rustix::fs::Mode::RWXU,
    )
    .unwrap();
    std::fs::create_dir(world.path("folder/SKILL.md")).unwrap();
    for name in ["open", "shared", "bad name", "prompts"] {
        std::fs::write(world.path(name).join("SKILL.md"), skill_md("x", "text")).unwrap();
    }
    let chmod = |name: &str, mode| {
        std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod("open/SKILL.md", 0o666);
    chmod("shared", 0o777);
    symlink(world.dir.path(), world.path("prompts/prompts")).unwrap();
    world.look().await;
    for (file, state, words) in [
        ("link/SKILL.md", RowState::Ignored, "symbolic link"),
        ("pipe/SKILL.md", RowState::Ignored, "pipe"),
        ("open/SKILL.md", RowState::Ignored, "chmod go-w"),
        ("folder/SKILL.md", RowState::Ignored, "folder"),
        ("shared/SKILL.md", RowState::Ignored, "chmod go-w"),
        (
            "bad name/SKILL.md",
            RowState::Ignored,
            "cannot name a skill",
        ),
        (
            "prompts/SKILL.md",
            RowState::Broken,
            "prompts: it is a symbolic link",
        ),
    ] {
        let row = world.row(&format!("skills/{file}")).await;
        assert_eq!(row.state, state, "{row:?}");
        assert!(row.reason.as_deref().unwrap().contains(words), "{row:?}");
    }
    assert_eq!(world.skills.list().await.len(), 7);

    // An approved text in whose place a link is put is gone, as a component is.
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "mine"))
        .await;
    world.expose("notes").await;
    std::fs::remove_file(world.path("notes/SKILL.md")).unwrap();
    symlink(&outside, world.path("notes/SKILL.md")).unwrap();
    world.look().await;
    assert!(world.serves("notes").is_none());
}

#[tokio::test]
async fn private_copies_are_the_owners_alone_and_what_was_approved() {
    let world = World::new().await;
    world
        .put("notes/SKILL.md", &skill_md("Writes notes", "first"))
        .await;
    world.expose("notes").await;
    let private = world
        .entry("notes")
        .unwrap()
        .private
        .as_ref()
        .unwrap()
        .digest();
    let copy = world
        .home
        .approved()
        .join(private.to_string())
        .join("texts.json");
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The file waits with another card, the copy is damaged: nothing is served that nobody approved.
    world
        .rewrite("notes/SKILL.md", &skill_md("Writes more", "second"))
        .await;
    let damaged = std::fs::read_to_string(&copy)
        .unwrap()
        .replace("first", "other");
    std::fs::write(&copy, damaged).unwrap();
    let world = world.restart(Start::default()).await;
    assert!(world.serves("notes").is_none());
    let row = world.row(NOTES).await;
    assert_eq!(row.state, RowState::Unavailable);
    assert!(row.reason.unwrap().contains("private texts is gone"));
    // Copies that no approval names are removed.
    world.expose("notes").await;
    world.skills.hide("notes").await.unwrap();
    let kept = std::fs::read_dir(world.home.approved()).unwrap().count();
    assert_eq!(kept, 3, "two texts and the staging folder");
}

#[tokio::test]
async fn a_skill_whose_model_cannot_be_asked_is_unknown_to_peers() {
    let start = |why: Option<&'static str>| Start {
        models: ModelCheck::new(move |wish: &ModelWish| {
            let named = wish.provider.as_deref() == Some("mine");
            why.filter(|_| named).map(str::to_owned)
        }),
        ..Start::default()
    };
    let world = World::with(start(Some("no provider `mine`: add [llm.mine]"))).await;
    let text =
        |provider: &str| format!("---\nname: notes\nprovider: {provider}\n---\ntext").into_bytes();
    world.put("notes/SKILL.md", &text("mine")).await;
    let row = world.expose("notes").await;
    assert_eq!(row.state, RowState::Unavailable);
    assert!(row.reason.unwrap().contains("[llm.mine]"));
    assert!(world.seen(Tier::Privileged).is_empty());
    world.rewrite("notes/SKILL.md", &text("other")).await;
    assert_eq!(world.seen(Tier::Known), ["notes"]);
    world.rewrite("notes/SKILL.md", &text("mine")).await;
    assert!(world.seen(Tier::Known).is_empty());
    let world = world.restart(start(None)).await;
    assert_eq!(world.seen(Tier::Known), ["notes"]);
}

#[tokio::test]
async fn what_is_told_of_a_text_is_never_what_it_says() {
    let world = World::new().await;
    std::fs::create_dir_all(world.path("notes/prompts")).unwrap();
    std::fs::write(
        world.path("notes/prompts/check.md"),
        "---\nmodel: big\n---\nthe hidden check",
    )
    .unwrap();
    world
        .put(
            "notes/SKILL.md",
            &skill_md("Writes notes", "the hidden way"),
        )
        .await;
    let pending = world.skills.inspect("notes", None).await.unwrap();
    world.expose("notes").await;
    let shown = world.skills.inspect("notes", None).await.unwrap();
    for inspection in [&pending, &shown] {
        assert_eq!(inspection.body, Body::Model);
        let rows: Vec<_> = inspection
            .texts
            .iter()
            .map(|row| (row.slot.as_str(), row.bytes))
            .collect();
        assert_eq!(rows, [("check", 16), ("skill", 14)]);
        assert_eq!(inspection.texts[0].wish.model.as_deref(), Some("big"));
        assert_eq!(inspection.texts[1].digest, Digest::of(b"the hidden way"));
        assert_eq!(inspection.imports.as_deref(), Some(&[][..]));
        let ceiling = inspection.ceiling.as_ref();
        assert_eq!(ceiling.map(Vec::len), Some(1));
        assert!(
            !serde_json::to_string(inspection)
                .unwrap()
                .contains("hidden")
        );
    }
    let all = format!("{:?} {:?}", world.skills, world.skills.list().await);
    assert!(!all.contains("hidden"));
}

#[tokio::test]
async fn a_folder_that_becomes_a_skill_is_noticed_without_a_look() {
    let mut start = Start::default();
    start.config.host.default_visibility = Visibility::Exposed;
    let world = World::with(start).await;
    std::fs::create_dir(world.path("notes")).unwrap();
    world.look().await;
    let mut catalog = world.skills.subscribe();
    std::fs::write(
        world.path("notes/SKILL.md"),
        skill_md("Writes notes", "mine"),
    )
    .unwrap();
    // Long before the next look that nobody asks for.
    let soon = std::time::Duration::from_secs(5);
    tokio::time::timeout(soon, catalog.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(world.seen(Tier::Known), ["notes"]);
}
