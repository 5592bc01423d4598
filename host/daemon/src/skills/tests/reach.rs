//! Folders that no grant may reach, under whatever name.

use super::*;

#[cfg(target_os = "linux")]
#[test]
fn a_mount_that_comes_later_ends_the_calls() {
    use super::super::protected::tests::{is_among_mounts, mount};
    if !is_among_mounts("skills::tests::reach::a_mount_that_comes_later_ends_the_calls") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::new().await;
        let free = world.dir.path().join("elsewhere");
        let deep = free.join("deep");
        std::fs::create_dir_all(&deep).unwrap();
        let grant = format!(
            "[[grants.fs]]\nhost = {:?}\nguest = \"/data\"\n",
            free.display().to_string()
        );
        world.put("words.toml", grant.as_bytes()).await;
        world.put("words.wasm", &one("count", 1)).await;
        world.expose("count").await;
        let grants = world.entry("count").unwrap().grants.clone();
        assert_eq!(world.skills.unreachable(&grants), None);
        mount("--bind", world.home.root(), &deep);
        let why = world.skills.unreachable(&grants).unwrap();
        assert!(why.contains("belongs to this host"), "{why}");
        mount("--rbind", Path::new("/proc"), &deep);
        let why = world.skills.unreachable(&grants).unwrap();
        assert!(why.contains("type proc"), "{why}");
        world.look().await;
        assert_eq!(
            world.state("skills/words.wasm").await,
            RowState::Unavailable
        );
        // A place that is the home under another name is not served as one that the owner named.
        let named = [free.join("deep")];
        mount("--bind", &world.home.skills(), &deep);
        assert!(super::super::source::sources(&world.home, &named).is_err());
    });
}

#[tokio::test]
async fn no_grant_reaches_what_the_system_makes_up_or_the_configuration_names() {
    let mut config = Config::default();
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    std::fs::create_dir(&keys).unwrap();
    std::fs::write(keys.join("openai"), "key").unwrap();
    let provider = crate::config::ProviderConfig {
        key_file: Some(keys.join("openai")),
        ..Default::default()
    };
    config.llm.insert("openai".to_owned(), provider);
    let sockets = dir.path().join("sockets");
    std::fs::create_dir(&sockets).unwrap();
    config.loopback.dir = Some(sockets.clone());
    let world = World::with(Start {
        config,
        ..Start::default()
    })
    .await;
    world.put("words.wasm", &one("count", 1)).await;
    for (host, words) in [
        (Path::new("/proc"), "of type proc"),
        (Path::new("/proc/self"), "of type proc"),
        (Path::new("/proc/self/root"), "of type proc"),
        (Path::new("/proc/self/cwd"), "of type proc"),
        (Path::new("/proc/self/fd"), "of type proc"),
        (Path::new("/sys"), "of type sysfs"),
        (Path::new("/dev"), "of type"),
        (Path::new("/dev/fd"), "of type"),
        (Path::new("/dev/shm"), "of type"),
        (&keys, "belongs to this host"),
        (&sockets, "belongs to this host"),
        (dir.path(), "belongs to this host"),
    ] {
        let text = format!(
            "[[grants.fs]]\nhost = {:?}\nguest = \"/data\"\n",
            host.display().to_string()
        );
        world.put("words.toml", text.as_bytes()).await;
        let reason = world.reason("skills/words.wasm").await;
        assert!(reason.contains(words), "{host:?}: {reason}");
        assert!(
            world
                .skills
                .expose("words", Expose::default())
                .await
                .is_err(),
            "{host:?}"
        );
    }
}
