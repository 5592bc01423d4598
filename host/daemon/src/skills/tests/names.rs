use super::*;

#[tokio::test]
async fn the_one_that_serves_keeps_the_name() {
    let world = World::new().await;
    let (first, second) = (one("count", 1), one("count", 2));
    world.put("z.wasm", &first).await;
    world.expose("count").await;
    world.put("a.wasm", &second).await;
    assert_eq!(world.state("skills/a.wasm").await, RowState::Pending);
    let taken = world.skills.expose("a.wasm:count", Expose::default()).await;
    assert!(matches!(taken, Err(SkillsError::Taken { .. })));
    assert_eq!(world.serves("count"), Some(Digest::of(&first)));

    world.remove("z.wasm").await;
    world
        .skills
        .expose("a.wasm:count", Expose::default())
        .await
        .unwrap();
    world.put("z.wasm", &first).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&second)));
    assert_eq!(world.state("skills/z.wasm").await, RowState::Shadowed);
    let world = world.restart(Start::default()).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&second)));
    world.skills.hide("count").await.unwrap();
    assert_eq!(world.serves("count"), Some(Digest::of(&first)));
}

#[tokio::test]
async fn a_new_file_that_claims_a_known_name_starts_hidden() {
    let world = World::new().await;
    world.put("a.wasm", &one("count", 1)).await;
    world.expose("count").await;
    world.skills.hide("count").await.unwrap();
    let folder = world.dir.path().join("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        folder.join("b.wasm"),
        component(&[skill("count"), skill("fresh")], &[], 2),
    )
    .unwrap();
    let world = world
        .restart(Start {
            paths: vec![folder],
            ..Start::default()
        })
        .await;
    assert_eq!(world.seen(Tier::Privileged), ["fresh"]);
}

#[tokio::test]
async fn a_name_that_two_files_offer_has_to_be_told_apart() {
    let world = World::new().await;
    world.put("a.wasm", &one("count", 1)).await;
    world.put("b.wasm", &one("count", 2)).await;
    assert!(matches!(
        world.skills.expose("count", Expose::default()).await,
        Err(SkillsError::Ambiguous { .. })
    ));
    assert_eq!(
        world.expose("skills/b.wasm:count").await.file,
        "skills/b.wasm"
    );
    assert_eq!(
        world.skills.inspect("count", None).await.unwrap().row.file,
        "skills/b.wasm"
    );
    assert!(matches!(
        world.skills.hide("nothing").await,
        Err(SkillsError::NotFound(_))
    ));
}
