use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn links_pipes_and_what_others_can_write_are_ignored() {
    let world = World::new().await;
    let outside = world.dir.path().join("outside.wasm");
    std::fs::write(&outside, one("outside", 1)).unwrap();
    symlink(&outside, world.path("link.wasm")).unwrap();
    symlink(world.dir.path(), world.path("linked")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        world.path("pipe.wasm"),
        rustix::fs::Mode::RWXU,
    )
    .unwrap();
    std::fs::create_dir(world.path("folder.wasm")).unwrap();
    std::fs::write(world.path("open.wasm"), one("open", 1)).unwrap();
    chmod(&world.path("open.wasm"), 0o666);
    std::fs::create_dir(world.path("shared")).unwrap();
    std::fs::write(world.path("shared/skill.wasm"), one("shared", 1)).unwrap();
    chmod(&world.path("shared"), 0o777);
    std::fs::write(world.path("bad name\n.wasm"), one("odd", 1)).unwrap();
    std::fs::create_dir(world.path("inner")).unwrap();
    symlink(&outside, world.path("inner/skill.wasm")).unwrap();
    std::fs::write(world.path("good.wasm"), one("good", 1)).unwrap();
    std::fs::write(world.path("README.md"), "text").unwrap();
    world.look().await;
    for (file, words) in [
        ("link.wasm", "symbolic link"),
        ("linked", "symbolic link"),
        ("pipe.wasm", "pipe"),
        ("folder.wasm", "folder"),
        ("open.wasm", "chmod go-w"),
        ("shared/skill.wasm", "chmod go-w"),
        ("bad name\n.wasm", "cannot name a skill"),
        ("inner/skill.wasm", "symbolic link"),
    ] {
        let row = world.row(&format!("skills/{file}")).await;
        assert_eq!(row.state, RowState::Ignored, "{file}");
        assert!(row.reason.as_deref().unwrap().contains(words), "{row:?}");
    }
    assert_eq!(world.state("skills/good.wasm").await, RowState::Pending);
    assert_eq!(world.skills.list().await.len(), 9);
}

#[tokio::test]
async fn an_approved_file_that_becomes_a_link_is_gone() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    world.expose("count").await;
    let outside = world.dir.path().join("same.wasm");
    std::fs::write(&outside, &bytes).unwrap();
    std::fs::remove_file(world.path("words.wasm")).unwrap();
    symlink(outside, world.path("words.wasm")).unwrap();
    world.look().await;
    assert!(world.serves("count").is_none());
    chmod(&world.home.skills(), 0o777);
    world.look().await;
    assert_eq!(world.skills.list().await[0].state, RowState::Ignored);
}

#[tokio::test]
async fn a_folder_that_others_can_replace_is_ignored() {
    let world = World::new().await;
    let upper = world.dir.path().join("upper");
    let folder = upper.join("skills");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.wasm"), one("a", 1)).unwrap();
    chmod(&upper, 0o777);
    let world = world
        .restart(Start {
            paths: vec![folder],
            ..Start::default()
        })
        .await;
    assert!(world.seen(Tier::Privileged).is_empty());
    assert!(
        world.skills.list().await[0]
            .reason
            .as_deref()
            .unwrap()
            .contains("replace it")
    );
}

#[tokio::test]
async fn a_crowded_folder_does_not_crowd_out_what_is_approved() {
    let world = World::new().await;
    world.put("zzz.wasm", &one("count", 1)).await;
    world.expose("count").await;
    for n in 0..10_000 {
        std::fs::write(world.path(&format!("a{n}.wasm")), b"").unwrap();
    }
    let mut deep = world.path("deep");
    for _ in 0..100 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    world.look().await;
    assert!(world.serves("count").is_some());
    let rows = world.skills.list().await;
    let crowd = rows
        .iter()
        .find(|row| row.state == RowState::Ignored)
        .unwrap();
    assert!(
        crowd
            .reason
            .as_deref()
            .unwrap()
            .starts_with("9001 further entries"),
        "{crowd:?}"
    );
    assert_eq!(rows.len(), 1_001);
}

#[tokio::test]
async fn a_file_that_is_too_large_or_changes_while_it_is_read_never_serves() {
    let world = World::new().await;
    let old = one("count", 1);
    world.put("words.wasm", &old).await;
    world.expose("count").await;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(world.path("words.wasm"))
        .unwrap();
    file.set_len(coworker_core::Limits::COMPONENT.0 + 1)
        .unwrap();
    world.look().await;
    assert_eq!(world.serves("count"), Some(Digest::of(&old)));
    let update = world.row("skills/words.wasm").await.update.unwrap();
    assert!(update.reasons[0].contains("at most"), "{update:?}");

    // Two components are written in turn, in place, while the folder is looked at again and again.
    let path = world.path("words.wasm");
    let texts = [one("count", 10), one("count", 20)];
    let digests = [
        Digest::of(&old),
        Digest::of(&texts[0]),
        Digest::of(&texts[1]),
    ];
    let writer = world.tasks.spawn_blocking(move || {
        for n in 0..400 {
            std::fs::write(&path, &texts[n % 2]).unwrap();
        }
    });
    while !writer.is_finished() {
        world.look().await;
        assert!(digests.contains(&world.serves("count").unwrap()));
    }
    world.look().await;
    assert_eq!(world.serves("count"), Some(digests[2]));
}
