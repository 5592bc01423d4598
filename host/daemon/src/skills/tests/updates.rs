use super::*;

const LOG: &str = "coworker:skill/log@0.1.0";

async fn approved() -> (World, Digest) {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    world.expose("count").await;
    (world, Digest::of(&bytes))
}

fn changed(key: &str, value: Value) -> Vec<u8> {
    let mut manifest = skill("count");
    manifest[key] = value;
    component(&[manifest], &[LOG], 2)
}

#[tokio::test]
async fn what_reaches_further_waits_and_the_old_one_serves_on() {
    let (world, old) = approved().await;
    let updates = [
        component(&[skill("count")], &[LOG, "wasi:clocks/wall-clock@0.2.6"], 2),
        component(&[skill("count"), skill("more")], &[LOG], 2),
        changed("min_tier", json!("untrusted")),
        changed("description", json!("Counts words and obeys me")),
        changed("version", json!("1.1")),
        changed("input", json!({})),
        changed("output", json!({})),
        changed("when_to_use", json!("always")),
    ];
    for update in updates {
        world.put("words.wasm", &update).await;
        let row = world.row("skills/words.wasm").await;
        let waiting = row.update.unwrap();
        assert_eq!(
            (row.state, waiting.state),
            (RowState::Exposed, RowState::Pending)
        );
        assert!(!waiting.reasons.is_empty());
        assert_eq!(world.serves("count"), Some(old));
    }
    assert_eq!(world.skills.waiting().await.len(), 1);
}

#[tokio::test]
async fn what_stays_within_swaps_by_itself() {
    let (world, _) = approved().await;
    let mut later = skill("count");
    later["min_tier"] = json!("internal");
    let updates = [
        one("count", 2),
        changed("min_tier", json!("internal")),
        component(&[later], &[], 3),
    ];
    for update in updates {
        world.put("words.wasm", &update).await;
        assert_eq!(world.serves("count"), Some(Digest::of(&update)));
    }
    assert!(world.seen(Tier::Known).is_empty());
    assert_eq!(world.seen(Tier::Internal), ["count"]);
}

#[tokio::test]
async fn a_new_skill_of_an_approved_update_starts_hidden() {
    let (world, _) = approved().await;
    let update = component(&[skill("count"), skill("more")], &[LOG], 2);
    world.put("words.wasm", &update).await;
    let rows = world.skills.list().await;
    assert!(
        rows.iter()
            .any(|row| row.name.as_deref() == Some("more") && row.state == RowState::Pending)
    );
    world.expose("count").await;
    assert_eq!(world.serves("count"), Some(Digest::of(&update)));
    assert_eq!(world.seen(Tier::Privileged), ["count"]);
    world.expose("more").await;
    assert_eq!(world.seen(Tier::Privileged), ["count", "more"]);
}

#[tokio::test]
async fn review_and_dev_mean_what_they_say() {
    let (world, old) = approved().await;
    let mut config = Config::default();
    config.host.updates = Updates::Review;
    let world = world
        .restart(Start {
            config,
            ..Start::default()
        })
        .await;
    world.put("words.wasm", &one("count", 2)).await;
    assert_eq!(world.serves("count"), Some(old));

    let world = world
        .restart(Start {
            dev: true,
            ..Start::default()
        })
        .await;
    assert_eq!(world.serves("count"), Some(Digest::of(&one("count", 2))));
    let card = component(
        &[
            {
                let mut manifest = skill("count");
                manifest["description"] = json!("Better");
                manifest
            },
            skill("more"),
        ],
        &[LOG],
        3,
    );
    world.put("words.wasm", &card).await;
    assert_eq!(world.serves("count"), Some(Digest::of(&card)));
    assert_eq!(world.seen(Tier::Privileged), ["count"]);
    world.put("words.toml", b"[grants]\nllm = true\n").await;
    assert_eq!(
        world.row("skills/words.wasm").await.update.unwrap().state,
        RowState::Pending
    );
}

#[tokio::test]
async fn rollback_returns_to_the_version_before_and_the_newer_one_waits() {
    let (world, old) = approved().await;
    let new = one("count", 2);
    world.put("words.wasm", &new).await;
    let done = world.skills.rollback("count").await.unwrap();
    assert_eq!((done.from, done.to), (Digest::of(&new), old));
    assert_eq!(world.serves("count"), Some(old));
    world.look().await;
    assert_eq!(world.serves("count"), Some(old));

    let world = world.restart(Start::default()).await;
    assert_eq!(world.serves("count"), Some(old));
    let waiting = world.row("skills/words.wasm").await.update.unwrap();
    assert!(waiting.reasons[0].contains("rolled back"));
    assert!(matches!(
        world.skills.rollback("count").await,
        Err(SkillsError::NoEarlier(_))
    ));
    world.expose("count").await;
    assert_eq!(world.serves("count"), Some(Digest::of(&new)));
    let done = world.skills.rollback("count").await.unwrap();
    assert_eq!(done.to, old);
}

#[tokio::test]
async fn an_approval_approves_what_was_shown_and_nothing_else() {
    let (world, old) = approved().await;
    world
        .put("words.wasm", &changed("description", json!("one")))
        .await;
    let shown = world.skills.inspect("count", None).await.unwrap();
    assert!(
        shown
            .changes
            .unwrap()
            .iter()
            .any(|change| change.waits && change.what.contains("description"))
    );
    world
        .put("words.wasm", &changed("description", json!("two")))
        .await;
    let expose = Expose {
        tier: None,
        review: Some(shown.review),
    };
    assert!(matches!(
        world.skills.expose("count", expose).await,
        Err(SkillsError::Changed(_))
    ));
    assert_eq!(world.serves("count"), Some(old));
    let shown = world.skills.inspect("count", None).await.unwrap();
    world
        .skills
        .expose(
            "count",
            Expose {
                tier: None,
                review: Some(shown.review),
            },
        )
        .await
        .unwrap();
    assert_ne!(world.serves("count"), Some(old));
    let diff = world
        .skills
        .inspect("count", Some(&old.to_string()))
        .await
        .unwrap();
    assert!(
        diff.changes
            .unwrap()
            .iter()
            .any(|change| change.to.as_deref() == Some("Counts words"))
    );
}

#[tokio::test]
async fn a_copy_without_a_record_approves_nothing() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    // What a crash between the copy and the record leaves behind.
    world.skills.vault.keep(&Digest::of(&bytes), None).unwrap();
    let world = world.restart(Start::default()).await;
    assert_eq!(world.state("skills/words.wasm").await, RowState::Pending);
    assert_eq!(world.expose("count").await.state, RowState::Exposed);
}

#[tokio::test]
async fn what_the_owner_gives_every_skill_needs_no_approval_of_each() {
    let world = World::new().await;
    world.put("plain.wasm", &one("plain", 1)).await;
    std::fs::write(world.path("more.toml"), "[limits]\ncpu = \"20s\"\n").unwrap();
    world.put("more.wasm", &one("more", 1)).await;
    world.expose("plain").await;
    world.expose("more").await;
    let mut config = Config::default();
    config.limits.default.memory = coworker_core::Bytes::mib(128);
    let start = Start {
        config,
        ..Start::default()
    };
    let world = world.restart(start.clone()).await;
    let memory = |name: &str| {
        world
            .entry(name)
            .map(|entry| entry.limits.memory.to_string())
    };
    for name in ["plain", "more"] {
        assert_eq!(memory(name).as_deref(), Some("128 MiB"), "{name}");
        let row = world.row(&format!("skills/{name}.wasm")).await;
        assert_eq!((row.state, row.update), (RowState::Exposed, None), "{name}");
    }
    // What an author asks for beyond that waits all the same, and what was approved serves on.
    let text = b"[limits]\ncpu = \"30s\"\nmemory = \"129 MiB\"\n";
    world.put("more.toml", text).await;
    let waiting = world.row("skills/more.wasm").await.update.unwrap();
    assert_eq!(waiting.state, RowState::Pending);
    assert_eq!(
        waiting.reasons,
        [
            "the limit memory goes from 128 MiB to 129 MiB",
            "the limit cpu goes from 20s to 30s"
        ]
    );
    assert_eq!(memory("more").as_deref(), Some("128 MiB"));
}
