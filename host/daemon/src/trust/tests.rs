use std::time::Duration;

use super::*;

fn peer(n: u32) -> PeerId {
    format!("loop:{n:064x}").parse().expect("a peer id")
}

async fn trust(auto: Tier) -> Trust {
    let store = Store::in_memory().expect("memory");
    Trust::open(store, auto).await.expect("an empty store")
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
    let later = now.after(Duration::from_secs(61));
    assert_eq!(
        trust.sight(&peer(1), later).tier_for("one"),
        Tier::Untrusted,
        "its time is over"
    );
    for left in [true, true, false] {
        assert_eq!(
            trust
                .spend(&peer(1), Tier::Known, now)
                .await
                .expect("a row"),
            left
        );
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
