use std::time::Duration;

use coworker_core::{Span, TaskId};

use super::*;

fn peer(n: u32) -> PeerId {
    format!("loop:{n:064x}").parse().expect("a peer id")
}

async fn trust(auto: Tier) -> Trust {
    let store = Store::in_memory().expect("memory");
    Trust::open(store, auto).await.expect("an empty store")
}

/// Puts a request of a peer on disk, for a lease to be charged for.
async fn request(trust: &Trust, n: u32, id: u8) -> TaskId {
    let task = TaskId::from_random([id; 16]);
    let now = clock::now();
    let arrival = crate::store::Arrival {
        task,
        peer: peer(n),
        transport_id: format!("m{id}"),
        kind: "task_request".into(),
        correlation: None,
        fingerprint: [id; 32],
        skill: Some("one".into()),
        body: b"{}".to_vec(),
        received: now,
        expires: now.after(Duration::from_secs(60)),
        begun: None,
    };
    trust.store.accept(arrival).await.expect("a row");
    task
}

async fn asks(trust: &Trust, n: u32, wanted: Tier) -> Asked {
    trust
        .asked(&peer(n), wanted, "please", Some("c1".into()))
        .await
        .expect("a store in memory")
}

#[tokio::test]
async fn strangers_stay_strangers_until_the_owner_says_otherwise() {
    let trust = trust(Tier::Untrusted).await;
    assert_eq!(trust.tier(&peer(1)), Tier::Untrusted);
    assert_eq!(asks(&trust, 1, Tier::Known).await, Asked::Waits);
    assert_eq!(trust.tier(&peer(1)), Tier::Untrusted);
    let waiting = trust.store.trust_requests().await.expect("rows");
    let (row, request) = trust.grant(&waiting[0].id).await.expect("it waits");
    assert_eq!(
        (row.tier, request.correlation.as_deref()),
        (Tier::Known, Some("c1"))
    );
    assert!(trust.grant(&waiting[0].id).await.is_err(), "granted once");
}

#[tokio::test]
async fn a_request_never_lowers_a_tier() {
    let trust = trust(Tier::Known).await;
    trust
        .set(&peer(1), Tier::Privileged, None)
        .await
        .expect("a row");
    assert_eq!(
        asks(&trust, 1, Tier::Known).await,
        Asked::Granted(Tier::Privileged)
    );
    assert_eq!(trust.tier(&peer(1)), Tier::Privileged);
}

#[tokio::test]
async fn a_block_holds_against_requests_and_forgetting_but_not_against_the_owner() {
    let trust = trust(Tier::Known).await;
    trust
        .set(&peer(1), Tier::Untrusted, None)
        .await
        .expect("a row");
    assert_eq!(
        asks(&trust, 1, Tier::Known).await,
        Asked::Waits,
        "no grant by itself"
    );
    assert!(
        trust.store.trust_requests().await.expect("rows").is_empty(),
        "and nothing for the owner to slip on"
    );
    trust.forget(&peer(1)).await.expect("a row");
    assert_eq!(asks(&trust, 1, Tier::Known).await, Asked::Waits);
    let reopened = Trust::open(trust.store.clone(), Tier::Known)
        .await
        .expect("rows");
    assert_eq!(
        asks(&reopened, 1, Tier::Known).await,
        Asked::Waits,
        "it survives a restart"
    );
    trust.set(&peer(1), Tier::Known, None).await.expect("a row");
    assert_eq!(trust.tier(&peer(1)), Tier::Known);
}

#[tokio::test]
async fn a_lease_ends_by_time_by_calls_and_holds_for_its_skills_only() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    let lease = LeaseRow {
        tier: Tier::Internal,
        until: Some(now.after(Duration::from_secs(60))),
        calls_left: Some(2),
        skills: Some(vec!["one".into()]),
    };
    trust
        .set(&peer(1), Tier::Internal, Some(lease))
        .await
        .expect("a row");
    let sight = trust.sight(&peer(1), now);
    assert_eq!(
        (sight.tier_for("one"), sight.tier_for("two")),
        (Tier::Internal, Tier::Untrusted)
    );
    for (id, left) in [(1, true), (2, true), (3, false)] {
        let task = request(&trust, 1, id).await;
        let charged = trust.charge(&peer(1), task, Tier::Known, now).await;
        assert_eq!(charged.expect("a row"), left);
        assert_eq!(trust.store.is_charged(task).await.expect("a row"), left);
    }
    assert_eq!(
        trust.sight(&peer(1), now).tier_for("one"),
        Tier::Untrusted,
        "its calls are used up"
    );
    let reopened = Trust::open(trust.store.clone(), Tier::Untrusted)
        .await
        .expect("rows");
    assert_eq!(
        reopened.sight(&peer(1), now).tier_for("one"),
        Tier::Untrusted
    );
    let lease = LeaseRow {
        tier: Tier::Internal,
        until: Some(now.after(Duration::from_secs(60))),
        calls_left: None,
        skills: None,
    };
    trust
        .set(&peer(1), Tier::Internal, Some(lease))
        .await
        .expect("a row");
    let seen = |now| trust.sight(&peer(1), now).tier_for("one");
    assert_eq!(seen(now), Tier::Internal);
    let later = now.after(Duration::from_secs(61));
    assert_eq!(seen(later), Tier::Untrusted, "its time is over");
}

#[tokio::test]
async fn a_clock_that_goes_back_revives_no_lease_and_a_new_one_has_its_own_time() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    let (hour, years) = (Span::secs(3_600), Duration::from_secs(200_000_000));
    let lend = async |trust: &Trust, at| {
        let lease = LeaseRow {
            tier: Tier::Internal,
            until: Some(trust.lease_end(hour, at)),
            calls_left: None,
            skills: None,
        };
        let row = trust.set(&peer(1), Tier::Internal, Some(lease)).await;
        row.expect("a row").lease.and_then(|lease| lease.until)
    };
    let seen = |trust: &Trust, at| trust.sight(&peer(1), at).tier_for("one");
    let after = |secs| now.after(Duration::from_secs(secs));
    lend(&trust, now).await;
    assert_eq!(seen(&trust, after(3_000)), Tier::Internal);
    assert_eq!(seen(&trust, after(3_700)), Tier::Untrusted);
    assert_eq!(seen(&trust, now), Tier::Untrusted, "the clock went back");
    assert!(trust.known(now).is_empty(), "nor is the peer known by it");
    // Ahead by years and back: what is lent from then on ends after its hour, also over a restart.
    seen(&trust, now.after(years));
    let until = lend(&trust, now).await.expect("an end");
    let shown = trust.shown_end(until, now);
    assert!(
        shown.since(after(3_590)) < Duration::from_secs(20),
        "{shown:?}"
    );
    assert_eq!(seen(&trust, after(3_500)), Tier::Internal);
    trust.mark_time(after(3_500)).await.expect("written");
    let reopened = Trust::open(trust.store.clone(), Tier::Untrusted)
        .await
        .expect("rows");
    for trust in [&reopened, &trust] {
        assert_eq!(seen(trust, after(3_500)), Tier::Internal);
        assert_eq!(seen(trust, after(3_700)), Tier::Untrusted);
    }
    // A host that did not run while the clock went back.
    trust.mark_time(after(3_700)).await.expect("written");
    let again = Trust::open(trust.store.clone(), Tier::Untrusted)
        .await
        .expect("rows");
    assert_eq!(seen(&again, now), Tier::Untrusted);
}

#[tokio::test]
async fn names_are_the_owners_and_lead_to_one_peer() {
    let trust = trust(Tier::Untrusted).await;
    trust
        .seen(&peer(1), Some("ann\u{202e}"), clock::now())
        .await
        .expect("a row");
    assert_eq!(
        trust.named("ann\u{202e}"),
        None,
        "a claimed name leads nowhere"
    );
    trust
        .name(&peer(1), Some("ann".into()))
        .await
        .expect("a plain name");
    assert_eq!(trust.named("ann"), Some(peer(1)));
    for bad in ["ann", "self", "loop:x", "", "a\nb"] {
        assert!(
            trust.name(&peer(2), Some(bad.into())).await.is_err(),
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn names_that_cost_nothing_take_no_memory() {
    let trust = trust(Tier::Untrusted).await;
    trust.set(&peer(1), Tier::Known, None).await.expect("a row");
    for n in 2..(u32::try_from(STRANGERS).expect("small") + 100) {
        trust
            .seen(&peer(n), None, Timestamp(i64::from(n)))
            .await
            .expect("a row");
    }
    assert!(trust.rows().len() <= STRANGERS + 1);
    assert_eq!(
        trust.tier(&peer(1)),
        Tier::Known,
        "who was trusted is not crowded out"
    );
}

#[tokio::test]
async fn a_revocation_is_not_undone_by_a_message_that_comes_at_the_same_time() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    trust.seen(&peer(1), Some("a"), now).await.expect("a row");
    trust
        .set(&peer(1), Tier::Privileged, None)
        .await
        .expect("a row");
    let later = now.after(Duration::from_secs(120));
    let one = peer(1);
    let (revoked, seen) = tokio::join!(
        trust.set(&one, Tier::Untrusted, None),
        trust.seen(&one, Some("b"), later),
    );
    assert!(revoked.is_ok() && seen.is_ok());
    let reopened = Trust::open(trust.store.clone(), Tier::Untrusted)
        .await
        .expect("rows");
    for trust in [&trust, &reopened] {
        let row = trust.row(&peer(1)).expect("it was seen");
        assert_eq!((row.tier, row.blocked), (Tier::Untrusted, true));
    }
}

#[tokio::test]
async fn what_was_taken_back_is_not_charged() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    let task = request(&trust, 1, 1).await;
    let charge = async |n, tier| {
        let charged = trust.charge(&peer(n), task, tier, now).await;
        charged.expect("a row")
    };
    assert!(
        charge(1, Tier::Untrusted).await,
        "what is public is for all"
    );
    assert!(!charge(1, Tier::Known).await, "nobody knows this peer");
    let lease = |calls_left| LeaseRow {
        tier: Tier::Internal,
        until: None,
        calls_left,
        skills: None,
    };
    trust
        .set(&peer(1), Tier::Internal, Some(lease(None)))
        .await
        .expect("a row");
    assert!(charge(1, Tier::Internal).await);
    assert!(!charge(1, Tier::Privileged).await, "beyond what was lent");
    trust
        .set(&peer(1), Tier::Internal, Some(lease(Some(5))))
        .await
        .expect("a row");
    let one = peer(1);
    let (revoked, charged) = tokio::join!(
        trust.set(&one, Tier::Untrusted, None),
        trust.charge(&one, task, Tier::Internal, now),
    );
    assert!(revoked.is_ok());
    assert!(!charged.expect("a row"), "the revocation came first");
    assert!(!charge(1, Tier::Internal).await);
}

#[tokio::test]
async fn a_peer_that_changes_its_name_with_every_message_costs_one_write_a_minute() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    trust.seen(&peer(1), None, now).await.expect("a row");
    trust.seen(&peer(1), Some("a"), now).await.expect("a row");
    trust.seen(&peer(1), Some("b"), now).await.expect("a row");
    let claimed = |trust: &Trust| trust.row(&peer(1)).and_then(|row| row.claimed_name);
    assert_eq!(claimed(&trust).as_deref(), Some("a"));
    let later = now.after(Duration::from_secs(61));
    trust.seen(&peer(1), Some("b"), later).await.expect("a row");
    assert_eq!(claimed(&trust).as_deref(), Some("b"));
}

#[tokio::test]
async fn strangers_that_come_by_push_no_request_for_trust_off_the_list() {
    let trust = trust(Tier::Untrusted).await;
    trust
        .seen(&peer(1), None, Timestamp(1))
        .await
        .expect("a row");
    assert_eq!(asks(&trust, 1, Tier::Known).await, Asked::Waits);
    for n in 2..(u32::try_from(STRANGERS).expect("small") + 10) {
        trust
            .seen(&peer(n), None, Timestamp(i64::from(n)))
            .await
            .expect("a row");
    }
    assert!(
        trust.row(&peer(1)).is_none(),
        "it made room for a later one"
    );
    let waiting = trust.store.trust_requests().await.expect("rows");
    assert_eq!(waiting.len(), 1, "and its request still waits");
}

#[tokio::test]
async fn a_session_of_the_owner_ends_with_its_call() {
    let trust = trust(Tier::Untrusted).await;
    let session = trust.admit_local(Tier::Privileged);
    let peer = session.peer().clone();
    assert_eq!(trust.tier(&peer), Tier::Privileged);
    drop(session);
    assert_eq!(trust.tier(&peer), Tier::Untrusted);
}

#[tokio::test]
async fn a_lease_is_charged_once_for_a_task_and_holds_for_it() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    let lease = LeaseRow {
        tier: Tier::Internal,
        until: Some(now.after(Duration::from_secs(60))),
        calls_left: Some(1),
        skills: None,
    };
    trust
        .set(&peer(1), Tier::Internal, Some(lease.clone()))
        .await
        .expect("a row");
    let task = request(&trust, 1, 1).await;
    let charged = trust.charge(&peer(1), task, Tier::Internal, now).await;
    assert!(charged.expect("a row"));
    let reopened = Trust::open(trust.store.clone(), Tier::Untrusted)
        .await
        .expect("rows");
    for trust in [&trust, &reopened] {
        let seen = |is_charged, now| trust.sight_for(&peer(1), is_charged, now).tier_for("one");
        assert_eq!(seen(false, now), Tier::Untrusted, "its calls are used up");
        assert_eq!(seen(true, now), Tier::Internal, "this one is paid for");
        let later = now.after(Duration::from_secs(61));
        assert_eq!(seen(true, later), Tier::Untrusted, "its time is over");
    }
    trust
        .set(
            &peer(1),
            Tier::Internal,
            Some(LeaseRow {
                until: None,
                ..lease
            }),
        )
        .await
        .expect("a row");
    let seen = || trust.sight_for(&peer(1), true, now).tier_for("one");
    assert_eq!(seen(), Tier::Internal);
    trust
        .set(&peer(1), Tier::Untrusted, None)
        .await
        .expect("a row");
    assert_eq!(seen(), Tier::Untrusted, "it was taken back");
}

#[tokio::test]
async fn a_task_that_was_cancelled_costs_nothing() {
    let trust = trust(Tier::Untrusted).await;
    let now = clock::now();
    let lease = LeaseRow {
        tier: Tier::Internal,
        until: None,
        calls_left: Some(1),
        skills: None,
    };
    trust
        .set(&peer(1), Tier::Internal, Some(lease))
        .await
        .expect("a row");
    let task = request(&trust, 1, 1).await;
    trust.store.cancel_peer(peer(1)).await.expect("rows");
    let charged = trust.charge(&peer(1), task, Tier::Internal, now).await;
    assert!(matches!(charged, Err(StoreError::NotOpen)));
    let left = |row: Option<PeerRow>| row.and_then(|row| row.lease).and_then(|l| l.calls_left);
    assert_eq!(left(trust.row(&peer(1))), Some(1));
    let stored = trust.store.peer(peer(1)).await.expect("a row");
    assert_eq!(left(stored), Some(1));
}
