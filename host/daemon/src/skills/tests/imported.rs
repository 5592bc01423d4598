//! Skills that are served where another program keeps them.

use std::os::unix::fs::symlink;

use super::texts::skill_md;
use super::*;

/// Returns another program's folder of skills.
fn theirs(world: &World) -> PathBuf {
    let folder = std::fs::canonicalize(world.dir.path())
        .unwrap()
        .join("theirs");
    for (name, text) in [
        ("notes", skill_md("Writes notes", "first")),
        (
            "other",
            b"---\ndescription: Another\n---\nother text".to_vec(),
        ),
    ] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("SKILL.md"), text).unwrap();
    }
    folder
}

async fn written(world: &World, path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    world.rewrite("unrelated.txt", b"").await;
}

#[tokio::test]
async fn what_the_owner_picks_is_served_where_it_lies() {
    let world = World::new().await;
    let folder = theirs(&world);
    let file = folder.join("notes/SKILL.md");
    let taken = world.skills.import(&[folder.join("notes")]).await.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].skills[0].state, RowState::Exposed);
    assert_eq!(
        world.seen(Tier::Known),
        ["notes"],
        "the one beside it was not picked"
    );
    assert_eq!(world.told("notes").as_deref(), Some("first"));
    assert!(!world.home.skills().join("notes").exists());

    // Its changes pass the same gate, also over a restart.
    written(&world, &file, &skill_md("Writes notes", "second")).await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    written(&world, &file, &skill_md("Writes more", "third")).await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    let world = world.restart(Start::default()).await;
    assert_eq!(world.told("notes").as_deref(), Some("second"));
    let row = world.row(file.to_str().unwrap()).await;
    assert_eq!(row.update.unwrap().state, RowState::Pending);
    world.expose("notes").await;
    assert_eq!(world.told("notes").as_deref(), Some("third"));

    // Given up, it is gone here and untouched there; taken up again, it is what was approved.
    let gone = world.skills.forget("notes").await.unwrap();
    assert_eq!(gone.place, folder.join("notes"));
    assert!(world.seen(Tier::Privileged).is_empty() && file.exists());
    assert!(world.skills.imported().await.unwrap().is_empty());
    let world = world.restart(Start::default()).await;
    assert!(world.seen(Tier::Privileged).is_empty());
    world
        .skills
        .import(std::slice::from_ref(&file))
        .await
        .unwrap();
    assert_eq!(world.told("notes").as_deref(), Some("third"));
}

#[tokio::test]
async fn a_name_that_is_served_already_stays_where_it_is() {
    let world = World::new().await;
    world.put("notes/SKILL.md", &skill_md("Mine", "mine")).await;
    world.expose("notes").await;
    let folder = theirs(&world);
    let taken = world
        .skills
        .import(&[folder.join("notes"), folder.join("other")])
        .await
        .unwrap();
    let states: Vec<RowState> = taken.iter().map(|one| one.skills[0].state).collect();
    assert_eq!(states, [RowState::Shadowed, RowState::Exposed]);
    assert_eq!(world.told("notes").as_deref(), Some("mine"));
    assert!(matches!(
        world.skills.forget("none").await,
        Err(SkillsError::NotImported(_))
    ));
    let by_path = folder.join("notes");
    world
        .skills
        .forget(by_path.to_str().unwrap())
        .await
        .unwrap();
    assert_eq!(world.skills.imported().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_folders_that_are_one_skill_and_not_ours_are_taken_up() {
    let world = World::new().await;
    let folder = theirs(&world);
    world.put("notes/SKILL.md", &skill_md("Mine", "mine")).await;
    for bad in [
        folder.clone(),
        folder.join("none"),
        world.path("notes"),
        world.home.root().to_owned(),
    ] {
        let refused = world.skills.import(std::slice::from_ref(&bad)).await;
        assert!(
            matches!(refused, Err(SkillsError::Path { .. })),
            "{bad:?}: {refused:?}"
        );
    }
    // One that cannot be taken up keeps the others from it, too: nothing is done by half.
    let both = [folder.join("notes"), folder.join("none")];
    assert!(world.skills.import(&both).await.is_err());
    assert!(world.skills.imported().await.unwrap().is_empty());
    // A link leads to where the skill lies, at this moment and for good.
    let link = world.dir.path().join("link");
    symlink(folder.join("other"), &link).unwrap();
    let taken = world.skills.import(&[link]).await.unwrap();
    assert_eq!(taken[0].place, folder.join("other"));
    // No component may reach it.
    assert!(world.skills.rules.ours().contains(&folder.join("other")));
}

#[tokio::test]
async fn a_folder_that_goes_and_comes_back_is_the_same_skill() {
    let world = World::new().await;
    let folder = theirs(&world);
    world.skills.import(&[folder.join("notes")]).await.unwrap();
    std::fs::rename(folder.join("notes"), folder.join("away")).unwrap();
    world.look().await;
    assert!(world.seen(Tier::Known).is_empty());
    let listed = world.skills.imported().await.unwrap();
    assert!(listed[0].skills.is_empty());
    let world = world.restart(Start::default()).await;
    std::fs::rename(folder.join("away"), folder.join("notes")).unwrap();
    world.look().await;
    assert_eq!(world.seen(Tier::Known), ["notes"]);
}
