//! The same with components and the sandbox, in this process.

use super::*;

/// Returns a built fixture, with another mode if it has one.
fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/fixtures")
        .join(name);
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask samples`", path.display()))
}

#[tokio::test]
async fn components_are_dropped_exposed_updated_and_made_ready() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(SandboxConfig::default(), Ports::default()).unwrap();
    let examiner = Arc::new(InProcess(sandbox.clone()));
    let world = World::serve(dir, sandbox, Arc::default(), examiner, Start::default()).await;
    let echo = fixture("shape-plain.wasm");
    world.put("echo.wasm", &echo).await;
    let row = world.row("skills/echo.wasm").await;
    assert_eq!(row.state, RowState::Pending, "{row:?}");
    let name = row.name.unwrap();
    assert!(
        !world
            .skills
            .inspect(&name, None)
            .await
            .unwrap()
            .ceiling
            .is_none_or(|sentences| sentences.is_empty())
    );
    world.expose(&name).await;
    let digest = Digest::of(&echo);
    let (one, two) = tokio::join!(world.skills.load(&digest), world.skills.load(&digest));
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()), "made ready once");
    for (update, words) in [
        ("fetch.wasm", "http"),
        ("shape-lower-tier.wasm", "tier"),
        ("shape-new-skill.wasm", "new skill"),
        ("shape-description.wasm", "description"),
        ("truncated.wasm", ""),
        ("core-module.wasm", "core"),
    ] {
        world.put("echo.wasm", &fixture(update)).await;
        let row = world.row("skills/echo.wasm").await;
        let reasons = row
            .update
            .map(|update| update.reasons.join("; "))
            .unwrap_or_default();
        assert!(
            !reasons.is_empty() && reasons.contains(words),
            "{update}: {reasons}"
        );
        assert_eq!(world.serves(&name), Some(digest), "{update}");
    }
    let code = fixture("shape-code.wasm");
    world.put("echo.wasm", &code).await;
    assert_eq!(world.serves(&name), Some(Digest::of(&code)));
    world.skills.rollback(&name).await.unwrap();
    assert_eq!(world.serves(&name), Some(digest));
    assert!(world.skills.load(&digest).await.is_ok());
}
