use std::collections::BTreeMap;

use coworker_core::{
    Body, Digest, Grants, GuardRule, Limits, Manifest, ModelWish, PrivateTexts, SKILL_SLOT, Secret,
    Slot, Span,
};
use serde_json::json;

use super::*;

const PROMPT: &str = include_str!("../../../../tests/fixtures/prompts/manual-pages.md");

fn peer(digit: char) -> PeerId {
    format!("loop:{}", digit.to_string().repeat(64))
        .parse()
        .expect("a peer")
}

fn entry(text: &str, mode: Option<GuardMode>) -> Arc<Entry> {
    named("pages", text, mode)
}

fn named(name: &str, text: &str, mode: Option<GuardMode>) -> Arc<Entry> {
    let manifest = Manifest {
        name: name.parse().expect("a name"),
        version: None,
        description: "Writes manual pages.".to_owned(),
        when_to_use: None,
        category: None,
        input: json!({"type": "object"}),
        output: json!({"type": "object"}),
        min_tier: Tier::Known,
    };
    let slot = Slot {
        text: Secret::new(text),
        wish: ModelWish::default(),
    };
    let texts = PrivateTexts::new(BTreeMap::from([(SKILL_SLOT.to_owned(), slot)]));
    let rule = GuardRule {
        mode,
        ..GuardRule::default()
    };
    let entry = Entry::new(
        manifest,
        Digest::of(b"x"),
        Grants::default(),
        Limits::default(),
    );
    let entry = entry.expect("good schemas");
    Arc::new(
        entry
            .with_private(Body::Model, Arc::new(texts))
            .with_guard(rule),
    )
}

fn store() -> Store {
    Store::in_memory().expect("a store")
}

fn guards(store: &Store) -> Guards {
    Guards::new(store.clone(), GuardConfig::default())
}

fn passing<'a>(task: u8, peer: &'a PeerId, entry: &'a Arc<Entry>) -> Passing<'a> {
    Passing {
        task: TaskId::from_random([task; 16]),
        peer,
        tier: Tier::Internal,
        entry,
        input: "{}",
        is_begun: false,
        earlier: None,
    }
}

/// A part of the prompt of so many bytes, which are ASCII.
fn part(from: usize, len: usize) -> &'static str {
    &PROMPT[from..from + len]
}

#[tokio::test]
async fn what_holds_private_text_is_held_back_and_the_rest_passes() {
    let (store, ann, entry) = (store(), peer('a'), entry(PROMPT, None));
    let guards = guards(&store);
    let fine = guards.pass(
        passing(1, &ann, &entry),
        Stage::Output,
        "{\"result\":\"NAME\"}",
    );
    assert_eq!(fine.await, Ok(Passed::default()));
    let text = json!({ "result": part(700, 200) }).to_string();
    let held = guards
        .pass(passing(1, &ann, &entry), Stage::Output, &text)
        .await;
    let told = held.expect_err("it is held back").to_string();
    assert!(
        told.contains("characters in a row") && told.contains("output"),
        "{told}"
    );
    assert!(!told.contains("tape"), "{told}");
    let (bars, rejections) = guards.rows().await.expect("rows");
    assert_eq!((bars.len(), rejections.len()), (0, 1));
    assert_eq!(
        (rejections[0].stage.as_str(), &rejections[0].peer),
        ("output", &ann)
    );
}

#[tokio::test]
async fn five_rejections_take_the_skill_until_the_owner_gives_it_back() {
    let (store, ann, ben, entry) = (store(), peer('a'), peer('b'), entry(PROMPT, None));
    let guards = guards(&store);
    for task in 1..=5 {
        assert!(guards.barred(&ann).is_empty(), "{task}");
        // Two in one task count once.
        for stage in [Stage::Model, Stage::Output] {
            let held = guards.pass(passing(task, &ann, &entry), stage, part(700, 200));
            assert!(held.await.is_err());
        }
    }
    assert_eq!(guards.barred(&ann), BTreeSet::from(["pages".to_owned()]));
    assert!(guards.barred(&ben).is_empty());
    // A restart changes nothing.
    let again = self::guards(&store);
    again.recall().await.expect("read");
    assert_eq!(again.barred(&ann).len(), 1);
    assert!(again.lift(&ann, "pages").await.expect("lifted"));
    assert!(again.barred(&ann).is_empty());
    assert!(!again.lift(&ann, "pages").await.expect("nothing to lift"));
    // It begins anew.
    let held = again.pass(passing(9, &ann, &entry), Stage::Output, part(700, 200));
    assert!(held.await.is_err() && again.barred(&ann).is_empty());
}

#[tokio::test]
async fn rejections_of_long_ago_do_not_count() {
    let (store, ann, entry) = (store(), peer('a'), entry(PROMPT, None));
    let config = GuardConfig {
        within: Span::secs(0),
        ..GuardConfig::default()
    };
    let guards = Guards::new(store.clone(), config);
    for task in 1..=9 {
        let held = guards.pass(passing(task, &ann, &entry), Stage::Output, part(700, 200));
        assert!(held.await.is_err());
    }
    assert!(guards.barred(&ann).is_empty());
}

#[tokio::test]
async fn pieces_add_up_over_a_restart_and_begin_anew_with_another_text() {
    let (store, ann, entry) = (store(), peer('a'), entry(PROMPT, None));
    let mut guards = guards(&store);
    let mut held = 0;
    // Another skill of the same component has the same text.
    let both = [entry.clone(), named("more", PROMPT, None)];
    for (task, entry) in (0..30).zip(both.iter().cycle()) {
        guards = self::guards(&store);
        guards.recall().await.expect("read");
        let piece = part(usize::from(task) * 120, 45);
        let passed = guards.pass(passing(task, &ann, entry), Stage::Output, piece);
        held += usize::from(passed.await.is_err());
    }
    assert!((15..30).contains(&held), "{held}");
    let shown = store.guard_shown().await.expect("rows").len();
    let distinct: usize = entry
        .index()
        .expect("texts")
        .sizes()
        .values()
        .map(|(_, n)| n)
        .sum();
    assert!(
        shown > 0 && shown * 100 <= distinct * 2,
        "{shown} of {distinct}"
    );
    // Of pieces that came out before, nothing is new.
    let repeated = guards
        .pass(passing(40, &ann, &entry), Stage::Output, part(0, 45))
        .await;
    assert!(repeated.is_ok());
    let changed = self::entry(&format!("{PROMPT}\nOne more rule."), None);
    let piece = guards.pass(passing(41, &ann, &changed), Stage::Output, part(2_900, 45));
    assert!(piece.await.is_ok());
}

#[tokio::test]
async fn pieces_of_one_call_are_put_together() {
    let (store, ann, entry) = (store(), peer('a'), entry(PROMPT, None));
    let guards = guards(&store);
    let earlier = Earlier::default();
    let within = Passing {
        earlier: Some(&earlier),
        ..passing(1, &ann, &entry)
    };
    // The second one comes where the first one ends, and the account has room for both.
    let (first, second) = (part(760, 45), part(805, 45));
    assert!(guards.pass(within, Stage::Model, first).await.is_ok());
    let held = guards.pass(within, Stage::Model, second).await;
    let told = held.expect_err("it is held back").to_string();
    assert!(
        told.contains("in a row") && told.contains("in pieces"),
        "{told}"
    );
    // What was held back is nothing that the skill has.
    let third = guards.pass(within, Stage::Model, part(860, 45));
    assert!(third.await.is_ok());
    // Another call, of a peer that has seen nothing, may have it.
    let (ben, another) = (peer('b'), Earlier::default());
    let elsewhere = Passing {
        earlier: Some(&another),
        ..passing(2, &ben, &entry)
    };
    assert!(guards.pass(elsewhere, Stage::Model, second).await.is_ok());
}

#[tokio::test]
async fn two_at_once_do_not_both_use_what_is_left() {
    let (store, ann, entry) = (store(), peer('a'), entry(PROMPT, None));
    let guards = guards(&store);
    let pieces = (0..30_u8).map(|task| {
        let (guards, entry, ann) = (guards.clone(), entry.clone(), ann.clone());
        async move {
            let piece = part(usize::from(task) * 120, 45);
            guards
                .pass(passing(task, &ann, &entry), Stage::Model, piece)
                .await
                .is_ok()
        }
    });
    let passed = futures::future::join_all(pieces).await;
    assert!(passed.iter().any(|passed| !passed));
    let shown = store.guard_shown().await.expect("rows").len();
    let distinct: usize = entry
        .index()
        .expect("texts")
        .sizes()
        .values()
        .map(|(_, n)| n)
        .sum();
    assert!(shown * 100 <= distinct * 2, "{shown} of {distinct}");
}

#[tokio::test]
async fn the_mode_decides_what_becomes_of_it() {
    let (store, ann) = (store(), peer('a'));
    let guards = guards(&store);
    let text = json!({ "result": format!("Well: {} So.", part(700, 200)) }).to_string();
    let warned = entry(PROMPT, Some(GuardMode::Warn));
    let passed = guards
        .pass(passing(1, &ann, &warned), Stage::Output, &text)
        .await;
    let passed = passed.expect("it passes");
    assert!(passed.instead.is_none() && passed.note.is_some_and(|note| note.contains("warn")));
    let redacted = entry(PROMPT, Some(GuardMode::Redact));
    let passed = guards
        .pass(passing(2, &ann, &redacted), Stage::Output, &text)
        .await;
    let passed = passed.expect("it passes");
    let instead = passed.instead.expect("another text");
    assert!(instead.contains("[…] So."), "{instead}");
    // What has begun to go cannot be taken back, and so nothing can stand in for it.
    let begun = Passing {
        is_begun: true,
        ..passing(4, &ann, &redacted)
    };
    assert!(guards.pass(begun, Stage::Model, &text).await.is_err());
    // Whoever is not of the inner circle gets nothing.
    let outer = Passing {
        tier: Tier::Known,
        ..passing(3, &ann, &redacted)
    };
    assert!(guards.pass(outer, Stage::Output, &text).await.is_err());
    // All of it is on record, the latest first.
    let rows = guards.rows().await.expect("rows").1;
    let mut told: Vec<(u8, GuardMode)> = rows
        .iter()
        .map(|row| (row.task.as_bytes()[0], row.mode))
        .collect();
    told.sort_unstable_by_key(|(task, _)| *task);
    assert_eq!(
        told.iter().map(|(_, mode)| *mode).collect::<Vec<_>>(),
        [
            GuardMode::Warn,
            GuardMode::Redact,
            GuardMode::Block,
            GuardMode::Block
        ]
    );
}

#[tokio::test]
async fn what_is_let_through_on_purpose_takes_no_skill() {
    let (store, ann) = (store(), peer('a'));
    let guards = guards(&store);
    for mode in [GuardMode::Warn, GuardMode::Redact] {
        let entry = entry(PROMPT, Some(mode));
        for task in 0..9 {
            let passed = guards.pass(passing(task, &ann, &entry), Stage::Output, part(700, 200));
            assert!(passed.await.is_ok(), "{mode:?} {task}");
        }
    }
    assert_eq!(guards.rows().await.expect("rows").1.len(), 9);
    assert!(guards.barred(&ann).is_empty());
    // In a task in which something was let through first, what is held back after it counts.
    let blocked = entry(PROMPT, None);
    for task in 0..5 {
        let held = guards.pass(passing(task, &ann, &blocked), Stage::Output, part(700, 200));
        assert!(held.await.is_err());
    }
    assert_eq!(guards.rows().await.expect("rows").1.len(), 9);
    assert_eq!(guards.barred(&ann).len(), 1);
}

#[tokio::test]
async fn the_owner_loses_nothing_by_trying() {
    let (store, entry) = (store(), entry(PROMPT, None));
    let owner: PeerId = "local:someone".parse().expect("a local id");
    let guards = guards(&store);
    for task in 1..=9 {
        let held = guards.pass(passing(task, &owner, &entry), Stage::Output, part(700, 200));
        assert!(held.await.is_err());
        let piece = part(usize::from(task) * 150, 40);
        assert!(
            guards
                .pass(passing(task, &owner, &entry), Stage::Output, piece)
                .await
                .is_ok()
        );
    }
    assert!(guards.barred(&owner).is_empty());
    assert!(store.guard_shown().await.expect("rows").is_empty());
}
