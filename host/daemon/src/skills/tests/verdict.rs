//! What the machine did to a look is no verdict about the component, and does not stand in the owner's way.

use super::*;

const FILE: &str = "skills/words.wasm";

fn ended() -> ExamineError {
    ExamineError::Ended("ended with signal 9".to_owned())
}

fn unable() -> ExamineError {
    ExamineError::Unable("signal 15 ended the process that compiles".to_owned())
}

impl World {
    fn trouble(&self, trouble: Option<ExamineError>) {
        *self.reader.trouble.lock().unwrap() = trouble;
    }

    fn looks(&self) -> usize {
        self.reader.looks.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_look_that_the_machine_ended_is_tried_at_the_next_start() {
    for trouble in [ended(), unable()] {
        let world = World::new().await;
        world.trouble(Some(trouble));
        world.put("words.wasm", &one("count", 1)).await;
        let row = world.row(FILE).await;
        let reason = row.reason.unwrap();
        assert_eq!(row.state, RowState::Broken, "{reason}");
        assert!(reason.contains("it is tried again"), "{reason}");
        world.look().await;
        assert_eq!(world.looks(), 1, "not at once: {reason}");
        world.trouble(None);
        let world = world.restart(Start::default()).await;
        assert_eq!(world.state(FILE).await, RowState::Pending, "{reason}");
    }
}

#[tokio::test]
async fn a_look_that_the_machine_ended_does_not_block_its_owner() {
    for trouble in [ended(), unable()] {
        let world = World::new().await;
        world.trouble(Some(trouble));
        world.put("words.wasm", &one("count", 1)).await;
        let refused = world.skills.expose("words", Expose::default()).await;
        assert!(matches!(refused, Err(SkillsError::NotReady { .. })));
        assert_eq!(world.looks(), 2, "the owner's word is another look");
        world.trouble(None);
        assert_eq!(world.expose("words").await.state, RowState::Exposed);
        assert_eq!(world.seen(Tier::Known), ["count"]);
    }
}

#[tokio::test]
async fn an_inspection_looks_again_and_shows_what_is_found() {
    let world = World::new().await;
    world.trouble(Some(unable()));
    world.put("words.wasm", &one("count", 1)).await;
    world.trouble(None);
    let shown = world.skills.inspect("words", None).await.unwrap();
    assert!(shown.card.is_some() && !shown.review.is_empty());
    assert_eq!(world.state(FILE).await, RowState::Pending);
}

#[tokio::test]
async fn what_breaks_looks_off_at_three_starts_is_to_blame_until_its_owner_asks() {
    let world = World::new().await;
    world.trouble(Some(ended()));
    world.put("words.wasm", &one("count", 1)).await;
    let world = world.restart(Start::default()).await;
    assert!(world.reason(FILE).await.contains("it is tried again"));
    let world = world.restart(Start::default()).await;
    assert!(world.reason(FILE).await.contains("not tried again"));
    assert_eq!(world.looks(), 3);
    world.trouble(None);
    let world = world.restart(Start::default()).await;
    assert!(world.reason(FILE).await.contains("not tried again"));
    assert_eq!(world.looks(), 3, "a start does not try again");
    world.skills.inspect("words", None).await.unwrap();
    assert_eq!(world.looks(), 3, "nor does who only looks");
    assert_eq!(world.expose("words").await.state, RowState::Exposed);
}

#[tokio::test]
async fn a_signal_from_outside_is_never_the_components_fault() {
    let mut world = World::new().await;
    world.trouble(Some(unable()));
    world.put("words.wasm", &one("count", 1)).await;
    for _ in 0..4 {
        world = world.restart(Start::default()).await;
        assert!(world.reason(FILE).await.contains("it is tried again"));
    }
    assert_eq!(world.looks(), 5);
}

#[tokio::test]
async fn a_component_that_breaks_the_compiler_has_another_chance_by_its_owners_word() {
    let world = World::new().await;
    world.trouble(Some(ExamineError::Broke("ended with signal 11".to_owned())));
    world.put("words.wasm", &one("count", 1)).await;
    world.trouble(None);
    let world = world.restart(Start::default()).await;
    assert!(world.reason(FILE).await.contains("not tried again"));
    assert_eq!(world.looks(), 1);
    assert_eq!(world.expose("words").await.state, RowState::Exposed);
}

#[tokio::test]
async fn a_look_that_failed_is_made_again_after_a_while() {
    let world = World::new().await;
    world.trouble(Some(unable()));
    world.put("words.wasm", &one("count", 1)).await;
    world.trouble(None);
    for delay in world.skills.state.lock().await.delayed.values_mut() {
        assert!(delay.again.unwrap() > tokio::time::Instant::now());
        delay.again = Some(tokio::time::Instant::now());
    }
    world.look().await;
    assert_eq!(world.state(FILE).await, RowState::Pending);
}

#[tokio::test]
async fn an_approved_component_that_could_not_be_looked_at_is_exposed_again_by_its_owners_word() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    world.expose("count").await;
    // As another version of the host finds it.
    let forget = world.store.write(|c| {
        c.execute("DELETE FROM examined", [])?;
        Ok(())
    });
    forget.await.unwrap();
    world.trouble(Some(ended()));
    let world = world.restart(Start::default()).await;
    let row = world.row(FILE).await;
    assert_eq!(row.state, RowState::Unavailable);
    assert!(row.reason.unwrap().contains("it is tried again"));
    world.trouble(None);
    assert_eq!(world.expose("count").await.state, RowState::Exposed);
    assert_eq!(world.serves("count"), Some(Digest::of(&bytes)));
}

#[tokio::test]
async fn a_damaged_private_copy_is_made_again() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.trouble(Some(unable()));
    world.put("words.wasm", &bytes).await;
    let copy = world.home.approved().join(".staging");
    let copy = copy.join(format!("{}.wasm", Digest::of(&bytes)));
    // As a power cut leaves a file whose name is on disk and whose bytes are not.
    std::fs::write(&copy, "").unwrap();
    world.trouble(None);
    let world = world.restart(Start::default()).await;
    assert!(world.reason(FILE).await.contains("it is tried again"));
    assert_eq!(world.expose("words").await.state, RowState::Exposed);
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
}

#[tokio::test]
async fn a_fresh_database_beside_copies_of_before_serves_at_once() {
    let world = World::new().await;
    let bytes = one("count", 1);
    world.put("words.wasm", &bytes).await;
    world.expose("count").await;
    let anew = world.store.write(|c| {
        Ok(c.execute_batch(
            "DELETE FROM examined; DELETE FROM approval; DELETE FROM skill_file; DELETE FROM visibility",
        )?)
    });
    anew.await.unwrap();
    let world = world.restart(Start::default()).await;
    assert_eq!(world.state(FILE).await, RowState::Pending);
    assert_eq!(world.expose("count").await.state, RowState::Exposed);
    assert!(world.skills.vault.read(&Digest::of(&bytes)).is_ok());
}
