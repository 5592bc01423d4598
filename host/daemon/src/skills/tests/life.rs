use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_dropped_file_waits_is_exposed_removed_and_returns() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    let row = world.row("skills/words.wasm").await;
    assert_eq!(
        (row.state, row.name.as_deref()),
        (RowState::Pending, Some("count"))
    );
    assert!(world.seen(Tier::Privileged).is_empty());

    assert_eq!(world.expose("count").await.state, RowState::Exposed);
    assert_eq!(world.seen(Tier::Known), ["count"]);
    assert!(world.seen(Tier::Untrusted).is_empty());

    world.remove("words.wasm").await;
    assert!(world.serves("count").is_none());
    assert!(world.skills.list().await.is_empty());
    world.put("words.wasm", &bytes).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&bytes)));
    assert_eq!(
        world.reader.looks.load(Ordering::Relaxed),
        1,
        "a known component is not looked at again"
    );
}

#[tokio::test]
async fn the_folder_is_watched() {
    let world = World::new().await;
    let mut catalog = world.skills.subscribe();
    world.put("words.wasm", &one("count", 1)).await;
    world.expose("count").await;
    // From here on nobody asks for a look.
    let new = one("count", 2);
    let partial = world.path(".words.partial");
    std::fs::write(&partial, &new).unwrap();
    std::fs::rename(partial, world.path("words.wasm")).unwrap();
    let found = catalog.wait_for(|catalog| {
        catalog
            .seen_by(Tier::Known)
            .find("count")
            .is_some_and(|entry| entry.digest == Digest::of(&new))
    });
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap()
        .unwrap();

    std::fs::create_dir(world.path("sums")).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    std::fs::write(world.path("sums/skill.wasm"), one("sum", 1)).unwrap();
    let listed = async {
        while !world
            .skills
            .list()
            .await
            .iter()
            .any(|row| row.file == "skills/sums/skill.wasm")
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), listed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_half_written_or_broken_update_leaves_the_old_one_serving() {
    let world = World::new().await;
    let (old, new) = (one("count", 1), one("count", 2));
    world.put("words.wasm", &old).await;
    world.expose("count").await;
    for cut in [0, 1, new.len() / 2, new.len() - 1] {
        world.put("words.wasm", &new[..cut]).await;
        assert_eq!(
            world.serves("count"),
            Some(Digest::of(&old)),
            "cut at {cut}"
        );
        let row = world.row("skills/words.wasm").await;
        assert_eq!(row.state, RowState::Exposed);
        assert_eq!(row.update.unwrap().state, RowState::Broken);
    }
    world.put("words.wasm", &new).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&new)));
    assert_eq!(world.row("skills/words.wasm").await.update, None);
}

#[tokio::test]
async fn a_broken_update_does_not_cost_the_old_version_across_restarts() {
    let world = World::new().await;
    let old = one("count", 1);
    world.put("words.wasm", &old).await;
    world.expose("count").await;
    world.put("words.wasm", b"nonsense").await;
    let world = world.restart(Start::default()).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&old)));
    world.remove("words.wasm").await;
    let world = world.restart(Start::default()).await;
    assert!(world.serves("count").is_none());
    world.put("words.wasm", b"other nonsense").await;
    assert_eq!(world.serves("count"), Some(Digest::of(&old)));
}

#[tokio::test]
async fn what_breaks_the_compiler_is_not_tried_again() {
    let world = World::new().await;
    world.put("bomb.wasm", b"bomb").await;
    assert_eq!(world.state("skills/bomb.wasm").await, RowState::Broken);
    world.look().await;
    let world = world.restart(Start::default()).await;
    assert_eq!(world.state("skills/bomb.wasm").await, RowState::Broken);
    assert!(world.reason("skills/bomb.wasm").await.contains("signal 9"));
    assert_eq!(world.reader.looks.load(Ordering::Relaxed), 1);
    world.put("bomb.wasm", &one("count", 1)).await;
    assert_eq!(world.state("skills/bomb.wasm").await, RowState::Pending);
}

#[tokio::test]
async fn a_component_that_hosts_died_of_is_unavailable() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    world.expose("count").await;
    let digest = Digest::of(&bytes);
    let died = world.store.write(move |c| {
        c.execute(
            "INSERT INTO death (digest, deaths, at) VALUES (?1, 3, 0)",
            [digest.as_bytes()],
        )?;
        Ok(())
    });
    died.await.unwrap();
    let world = world.restart(Start::default()).await;
    assert_eq!(
        world.state("skills/words.wasm").await,
        RowState::Unavailable
    );
    assert!(world.serves("count").is_none());
    let sight = coworker_core::Sight::of(Tier::Privileged);
    assert_eq!(world.skills.classify("count", &sight).await, "unavailable");
    world.put("words.wasm", &one("count", 2)).await;
    assert!(
        world.serves("count").is_some(),
        "another component is not to blame"
    );
}

#[tokio::test]
async fn an_approved_copy_that_was_changed_is_not_run() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    let digest = Digest::of(&bytes);
    assert!(matches!(
        world.skills.load(&digest).await,
        Err(SkillsError::NotApproved(_))
    ));
    world.expose("count").await;
    let copy = world
        .home
        .approved()
        .join(digest.to_string())
        .join("component.wasm");
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
    std::fs::write(&copy, b"something else").unwrap();
    assert!(matches!(
        world.skills.load(&digest).await,
        Err(SkillsError::Copies(_))
    ));
}

#[tokio::test]
async fn every_class_of_absence_is_told_to_the_owner_alone() {
    let world = World::new().await;
    world
        .put(
            "a.wasm",
            &component(&[skill("shown"), skill("other")], &[], 1),
        )
        .await;
    world.put("b.wasm", &one("new", 1)).await;
    let expose = Expose {
        tier: Some(Tier::Internal),
        review: None,
    };
    world.skills.expose("shown", expose).await.unwrap();
    let sight = coworker_core::Sight::of(Tier::Known);
    for (name, class) in [
        ("shown", "too low"),
        ("other", "hidden"),
        ("new", "pending"),
        ("nothing", "absent"),
    ] {
        assert_eq!(world.skills.classify(name, &sight).await, class, "{name}");
        assert!(sight.find(&world.skills.catalog(), name).is_none());
    }
}

#[tokio::test]
async fn a_hundred_known_skills_start_without_looking_at_one() {
    let world = World::new().await;
    for n in 0..100 {
        std::fs::write(world.path(&format!("s{n}.wasm")), one(&format!("s{n}"), n)).unwrap();
    }
    let mut config = Config::default();
    config.host.default_visibility = Visibility::Exposed;
    let start = Start {
        config,
        ..Start::default()
    };
    let world = world.restart(start.clone()).await;
    assert_eq!(world.seen(Tier::Known).len(), 100);
    let looks = world.reader.looks.load(Ordering::Relaxed);
    let began = std::time::Instant::now();
    let world = world.restart(start).await;
    println!("restart with 100 skills took {:?}", began.elapsed());
    assert_eq!(world.seen(Tier::Known).len(), 100);
    assert_eq!(world.reader.looks.load(Ordering::Relaxed), looks);
}

#[tokio::test]
async fn a_call_that_was_let_in_finishes_on_what_it_started_with() {
    let world = World::new().await;
    let old = one("count", 1);
    world.put("words.wasm", &old).await;
    world.expose("count").await;
    world.put("words.wasm", &one("count", 2)).await;
    assert_ne!(world.serves("count"), Some(Digest::of(&old)));
    // The text that stands for a component here does not load; that it is tried is what counts.
    let late = world.skills.load(&Digest::of(&old)).await;
    assert!(matches!(late, Err(SkillsError::Load(_))), "{late:?}");
    assert!(
        world
            .home
            .approved()
            .join(Digest::of(&old).to_string())
            .is_dir()
    );
}

#[tokio::test]
async fn copies_that_nothing_needs_are_removed() {
    let world = World::new().await;
    let copies = || {
        std::fs::read_dir(world.home.approved().join(".staging"))
            .unwrap()
            .count()
    };
    for n in 0..5 {
        world.put("words.wasm", &one("count", n)).await;
        assert_eq!(copies(), 1);
    }
    world.remove("words.wasm").await;
    assert_eq!(copies(), 0);
}
