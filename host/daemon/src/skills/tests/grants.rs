use coworker_core::{Bytes, StateGrant};

use super::*;

const ASKS: &[u8] = b"[grants]\nllm = true\nstate = true\n";

fn beside(world: &World) -> PathBuf {
    let folder = world.dir.path().join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn a_grant_takes_effect_only_by_the_owners_recorded_approval() {
    let world = World::new().await;
    std::fs::write(world.path("words.toml"), ASKS).unwrap();
    world.put("words.wasm", &one("count", 1)).await;
    assert!(
        world
            .reason("skills/words.wasm")
            .await
            .contains("ask models")
    );
    let shown = world.skills.inspect("count", None).await.unwrap();
    assert!(shown.granted.is_empty() && shown.asked.is_some_and(|asked| asked.llm));
    world.expose("count").await;
    let world = world.restart(Start::default()).await;
    let entry = world
        .skills
        .catalog()
        .seen_by(Tier::Known)
        .find("count")
        .cloned()
        .unwrap();
    assert!(entry.grants.llm && entry.grants.state == StateGrant::PerCaller);
    assert_eq!(entry.limits.wall, coworker_core::Limits::WALL_WITH_MODEL);
    world
        .put("words.toml", b"[grants]\nllm = true\nstate = \"shared\"\n")
        .await;
    let waiting = world.row("skills/words.wasm").await.update.unwrap();
    assert!(
        waiting.reasons[0].contains("channel between them"),
        "{waiting:?}"
    );
}

#[tokio::test]
async fn serve_consents_to_exposure_and_not_to_grants() {
    let world = World::new().await;
    let folder = beside(&world);
    std::fs::write(folder.join("plain.wasm"), one("plain", 1)).unwrap();
    std::fs::write(folder.join("asks.wasm"), one("asks", 1)).unwrap();
    std::fs::write(folder.join("asks.toml"), ASKS).unwrap();
    std::fs::write(world.path("own.wasm"), one("own", 1)).unwrap();
    let start = Start {
        paths: vec![folder.clone(), world.home.skills()],
        ..Start::default()
    };
    let world = world.restart(start.clone()).await;
    assert_eq!(world.seen(Tier::Known), ["plain"]);
    let waiting: Vec<_> = world
        .skills
        .waiting()
        .await
        .into_iter()
        .filter_map(|row| row.name)
        .collect();
    assert_eq!(waiting, ["asks", "own"]);
    // What appears later was not there when the owner consented.
    std::fs::write(folder.join("later.wasm"), one("later", 1)).unwrap();
    world.look().await;
    assert_eq!(world.seen(Tier::Known), ["plain"]);
    world.skills.hide("plain").await.unwrap();
    let world = world
        .restart(Start {
            allow_grants: true,
            ..start
        })
        .await;
    assert_eq!(
        world.seen(Tier::Known),
        ["asks", "later"],
        "and what was hidden stays hidden"
    );
}

#[tokio::test]
async fn who_asks_for_more_than_a_call_usually_has_waits() {
    let mut config = Config::default();
    config.host.default_visibility = Visibility::Exposed;
    let start = Start {
        config,
        ..Start::default()
    };
    let world = World::with(start.clone()).await;
    let usual = coworker_core::Limits::default();
    // Less, and as much, is for the author to say.
    for (limits, name) in [("cpu = \"1s\"", "less"), ("memory = \"64 MiB\"", "same")] {
        let text = format!("[limits]\n{limits}\n");
        std::fs::write(world.path(&format!("{name}.toml")), text).unwrap();
        world.put(&format!("{name}.wasm"), &one(name, 1)).await;
    }
    assert_eq!(world.seen(Tier::Known), ["less", "same"]);
    let ask = b"[limits]\nmemory = \"128 MiB\"\nmodel_calls = 20\n";
    std::fs::write(world.path("more.toml"), ask).unwrap();
    world.put("more.wasm", &one("more", 1)).await;
    let words = "raise the limit memory from 64 MiB to 128 MiB";
    let reason = world.reason("skills/more.wasm").await;
    assert!(
        reason.contains(words) && reason.contains("model_calls from 8 to 20"),
        "{reason}"
    );
    assert!(world.serves("more").is_none());
    let shown = world.skills.inspect("more", None).await.unwrap();
    assert!(shown.asks.unwrap().iter().any(|asks| asks == words));
    world.expose("more").await;
    let entry = world.entry("more").unwrap();
    assert_eq!(
        (usual.memory, entry.limits.memory),
        (Bytes::mib(64), Bytes::mib(128))
    );

    // The same for a place that the owner named: that consents to show it, and to nothing more.
    let folder = beside(&world);
    std::fs::write(folder.join("named.wasm"), one("named", 1)).unwrap();
    std::fs::write(folder.join("named.toml"), ask).unwrap();
    let start = Start {
        paths: vec![folder],
        ..Start::default()
    };
    let world = world.restart(start.clone()).await;
    assert!(world.serves("named").is_none() && world.serves("more").is_some());
    let allowed = Start {
        allow_grants: true,
        ..start
    };
    let world = world.restart(allowed).await;
    assert!(world.serves("named").is_some());
}

#[tokio::test]
async fn what_the_owner_lets_every_skill_use_is_not_asked_for() {
    let mut config = Config::default();
    config.host.default_visibility = Visibility::Exposed;
    config.limits.default.memory = Bytes::mib(256);
    let start = Start {
        config,
        ..Start::default()
    };
    let world = World::with(start).await;
    std::fs::write(world.path("a.toml"), b"[limits]\nmemory = \"128 MiB\"\n").unwrap();
    world.put("a.wasm", &one("a", 1)).await;
    assert_eq!(world.seen(Tier::Known), ["a"]);
    // A text is given the time that a model takes, and has to ask for more.
    for (wall, state) in [("120s", RowState::Exposed), ("121s", RowState::Pending)] {
        let text = format!("[limits]\nwall = \"{wall}\"\n");
        std::fs::create_dir_all(world.path(wall)).unwrap();
        std::fs::write(world.path(&format!("{wall}/grants.toml")), text).unwrap();
        let name = format!("{wall}/SKILL.md");
        world
            .put(&name, b"---\ndescription: Waits\n---\nWait.\n")
            .await;
        let file = format!("skills/{name}");
        assert_eq!(
            world.state(&file).await,
            state,
            "{wall}: {}",
            world.reason(&file).await
        );
    }
}

#[tokio::test]
async fn a_place_to_serve_is_a_file_a_folder_or_one_skill() {
    let world = World::new().await;
    let folder = beside(&world);
    std::fs::write(folder.join("a.wasm"), one("a", 1)).unwrap();
    std::fs::write(folder.join("b.wasm"), one("b", 1)).unwrap();
    std::fs::create_dir(folder.join("c")).unwrap();
    std::fs::write(folder.join("c/skill.wasm"), one("c", 1)).unwrap();
    let paths = vec![folder.join("a.wasm"), folder.join("c")];
    let world = world
        .restart(Start {
            paths,
            ..Start::default()
        })
        .await;
    assert_eq!(world.seen(Tier::Known), ["a", "c"]);
    let options = |path: PathBuf| SkillsOptions {
        home: world.home.clone(),
        config: Config::default(),
        paths: vec![path],
        allow_grants: false,
        dev: false,
        exe: PathBuf::new(),
        models: ModelCheck::default(),
    };
    for bad in [
        folder.join("none"),
        world.home.root().to_owned(),
        world.dir.path().to_owned(),
        world.home.store(),
    ] {
        let store = Store::in_memory().unwrap();
        let opened = Skills::open(
            options(bad.clone()),
            world.sandbox.clone(),
            store,
            Tasks::new(),
        )
        .await;
        assert!(matches!(opened, Err(SkillsError::Path { .. })), "{bad:?}");
    }
}

#[tokio::test]
async fn exposed_by_default_is_exposure_without_grants() {
    let mut config = Config::default();
    config.host.default_visibility = Visibility::Exposed;
    let world = World::with(Start {
        config,
        ..Start::default()
    })
    .await;
    world.put("plain.wasm", &one("plain", 1)).await;
    std::fs::write(world.path("asks.toml"), ASKS).unwrap();
    world.put("asks.wasm", &one("asks", 1)).await;
    std::fs::write(
        world.path("shy.toml"),
        b"[skill.shy]\nvisibility = \"hidden\"\n",
    )
    .unwrap();
    world.put("shy.wasm", &one("shy", 1)).await;
    assert_eq!(world.seen(Tier::Known), ["plain"]);
}

#[tokio::test]
async fn no_grant_reaches_the_host_itself() {
    let world = World::new().await;
    let free = beside(&world);
    let link = world.dir.path().join("link");
    std::os::unix::fs::symlink(world.home.root(), &link).unwrap();
    let grant = |host: &Path| {
        format!(
            "[[grants.fs]]\nhost = {:?}\nguest = \"/data\"\n",
            host.display().to_string()
        )
    };
    let ours = [
        world.home.root(),
        &world.home.skills(),
        &world.home.cache(),
        world.dir.path(),
        Path::new("/"),
        &link,
    ];
    world.put("words.wasm", &one("count", 1)).await;
    for host in ours {
        world.put("words.toml", grant(host).as_bytes()).await;
        assert_eq!(
            world.state("skills/words.wasm").await,
            RowState::Broken,
            "{host:?}"
        );
        assert!(
            world
                .skills
                .expose("words", Expose::default())
                .await
                .is_err()
        );
    }
    world.put("words.toml", grant(&free).as_bytes()).await;
    world.expose("count").await;
    // The folder that was approved is replaced by a way into the home.
    std::fs::remove_dir(&free).unwrap();
    std::os::unix::fs::symlink(world.home.root(), &free).unwrap();
    world.look().await;
    assert_eq!(
        world.state("skills/words.wasm").await,
        RowState::Unavailable
    );
    assert!(world.serves("count").is_none());
}

#[tokio::test]
async fn texts_are_read_strictly() {
    let world = World::new().await;
    world
        .put(
            "words.wasm",
            &component(&[skill("count")], &["wasi:http/outgoing-handler@0.2.6"], 1),
        )
        .await;
    assert!(
        world
            .reason("skills/words.wasm")
            .await
            .contains("imports http")
    );
    let nested = format!("grants = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let cases: &[(&str, &str)] = &[
        ("[grant]\n", "did you mean `grants`"),
        ("[grants]\nlmm = true\n", "did you mean `grants.llm`"),
        (
            "[[grants.http]]\nurl = \"https://x/\"\nmethod = [\"GET\"]\n",
            "did you mean `grants.http.methods`",
        ),
        ("[[grants.http]]\nurl = \"https://x/a\"\n", "must end with"),
        ("[[grants.http]]\nurl = \"https://u:p@x/\"\n", "user name"),
        ("[[grants.http]]\nurl = \"file:///etc/\"\n", "not an http"),
        (
            "[[grants.fs]]\nhost = \"data\"\nguest = \"/data\"\n",
            "not an absolute",
        ),
        (
            "[[grants.fs]]\nhost = \"/tmp\"\nguest = \"/a/../b\"\n",
            "plain absolute",
        ),
        ("[grants]\nstate = \"everyone\"\n", "grants"),
        (
            "[limits]\nmemroy = \"1 MiB\"\n",
            "did you mean `limits.memory`",
        ),
        ("[limits]\nmemory = \"much\"\n", "not a size"),
        (
            "[skill.count]\ntier = \"known\"\n",
            "unknown key `skill.count.tier`",
        ),
        ("[grants\n", "not TOML"),
        (&nested, "not TOML"),
    ];
    for (text, words) in cases {
        world.put("words.toml", text.as_bytes()).await;
        let row = world.row("skills/words.wasm").await;
        let reason = row.reason.unwrap_or_default();
        assert_eq!(row.state, RowState::Broken, "{reason}");
        assert!(
            reason.starts_with("words.toml: ") && reason.contains(words),
            "{words}: {reason}"
        );
    }
    let http = "[[grants.http]]\nurl = \"https://x/\"\n";
    for (more, words) in [
        ("[limits]\nmemory = \"9 GiB\"\n", "ceiling"),
        (
            "[skill.count]\nmin_tier = \"untrusted\"\n",
            "only be raised",
        ),
        ("[skill.other]\nmin_tier = \"internal\"\n", "no such skill"),
    ] {
        world
            .put("words.toml", format!("{http}{more}").as_bytes())
            .await;
        assert!(
            world.reason("skills/words.wasm").await.contains(words),
            "{words}"
        );
    }
    world.put("words.toml", &vec![b'#'; 70_000]).await;
    assert_eq!(world.state("skills/words.wasm").await, RowState::Broken);
    let good =
        format!("\u{feff}{http}[limits]\ncpu = \"1s\"\n[skill.count]\nmin_tier = \"internal\"\n");
    world.put("words.toml", good.as_bytes()).await;
    world.expose("count").await;
    assert_eq!(world.seen(Tier::Internal), ["count"]);
    assert!(world.seen(Tier::Known).is_empty());
    world.put("words.toml", http.as_bytes()).await;
    assert!(
        world.seen(Tier::Known).is_empty(),
        "a text that lowers the tier again waits"
    );
}

#[tokio::test]
async fn the_owner_sets_tier_and_limits_within_bounds() {
    let world = World::new().await;
    let mut public = skill("open");
    public["min_tier"] = json!("untrusted");
    world
        .put("words.wasm", &component(&[skill("count"), public], &[], 1))
        .await;
    world.expose("words").await;
    assert_eq!(world.seen(Tier::Known), ["count", "open"]);
    assert!(world.seen(Tier::Untrusted).is_empty());
    let lower = Expose {
        tier: Some(Tier::Untrusted),
        review: None,
    };
    assert!(matches!(
        world.skills.expose("count", lower.clone()).await,
        Err(SkillsError::Below { .. })
    ));
    world.skills.expose("open", lower).await.unwrap();
    assert_eq!(world.seen(Tier::Untrusted), ["open"]);

    let set = |limits: Value, min_tier| Configure {
        min_tier,
        limits: limits.as_object().cloned().unwrap(),
    };
    let done = world
        .skills
        .configure(
            "count",
            set(json!({"memory": "1 MiB"}), Some(Tier::Internal)),
        )
        .await
        .unwrap();
    assert_eq!(
        (done.tier, done.limits.memory),
        (Tier::Internal, Bytes::mib(1))
    );
    let above = world
        .skills
        .configure("count", set(json!({"memory": "64 GiB"}), None))
        .await;
    assert!(matches!(above, Err(SkillsError::Above(_))));
    assert!(
        world
            .skills
            .configure("count", set(json!({"memory": "much"}), None))
            .await
            .is_err()
    );
    assert!(
        world
            .skills
            .configure("count", set(json!({"memroy": 1}), None))
            .await
            .is_err()
    );
    let world = world.restart(Start::default()).await;
    let entry = world
        .skills
        .catalog()
        .seen_by(Tier::Internal)
        .find("count")
        .cloned()
        .unwrap();
    assert_eq!(entry.limits.memory, Bytes::mib(1));
    assert_eq!(world.seen(Tier::Known), ["open"]);
}
