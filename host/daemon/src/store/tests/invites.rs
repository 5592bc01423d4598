//! Invites: who may use one, how often, and what stays as the owner decided.

use coworker_core::InviteSecret;

use super::*;

fn secret(n: u8) -> InviteSecret {
    InviteSecret::from_random([n; 16])
}

fn invite(n: u8, uses: u32) -> InviteRow {
    InviteRow {
        id: format!("i{n}"),
        tier: Tier::Known,
        network: "loopback".to_owned(),
        bound: None,
        uses,
        used: 0,
        made: NOW,
        expires: later(DAY),
        revoked: None,
    }
}

async fn put(store: &Store, row: InviteRow, n: u8) {
    store
        .put_invite(row, secret(n).hash())
        .await
        .expect("an invite");
}

async fn show(store: &Store, n: u64, secret: InviteSecret) -> Redeemed {
    store
        .redeem(peer(n), secret.hash(), "loopback", NOW)
        .await
        .expect("a store in memory")
}

async fn tier(store: &Store, n: u64) -> Tier {
    let row = store.peer(peer(n)).await.expect("a read");
    row.map_or(Tier::Untrusted, |row| row.tier)
}

#[track_caller]
fn refused(came: Redeemed, why: Unredeemed) {
    assert_eq!(came, Redeemed::Refused(why));
}

#[tokio::test]
async fn an_invite_lets_in_as_many_as_it_says_and_each_once() {
    let store = store();
    put(&store, invite(1, 2), 1).await;
    for n in [1, 2] {
        let came = show(&store, n, secret(1)).await;
        assert!(
            matches!(came, Redeemed::Granted(row, id) if row.tier == Tier::Known && id == "i1")
        );
        assert_eq!(tier(&store, n).await, Tier::Known);
    }
    // Whoever comes again uses up nothing and gets nothing: not even back what the owner took since.
    refused(show(&store, 1, secret(1)).await, Unredeemed::UsedBefore);
    refused(show(&store, 3, secret(1)).await, Unredeemed::UsedUp);
    assert_eq!(tier(&store, 3).await, Tier::Untrusted);
    assert_eq!(store.invites().await.expect("rows")[0].used, 2);
}

#[tokio::test]
async fn of_many_that_come_at_once_as_many_get_in_as_may() {
    let store = store();
    put(&store, invite(1, 3), 1).await;
    let all = (1..=50).map(|n| show(&store, n, secret(1)));
    let came = futures::future::join_all(all).await;
    let granted = came
        .iter()
        .filter(|came| matches!(came, Redeemed::Granted(..)));
    assert_eq!(granted.count(), 3);
    let mut trusted = 0;
    for n in 1..=50 {
        trusted += usize::from(tier(&store, n).await == Tier::Known);
    }
    assert_eq!(trusted, 3);
}

#[tokio::test]
async fn what_does_not_fit_gives_nothing() {
    let store = store();
    put(&store, invite(1, 1), 1).await;
    refused(show(&store, 1, secret(9)).await, Unredeemed::Unknown);
    put(
        &store,
        InviteRow {
            expires: NOW,
            ..invite(2, 1)
        },
        2,
    )
    .await;
    refused(show(&store, 1, secret(2)).await, Unredeemed::Expired);
    put(
        &store,
        InviteRow {
            network: "xmtp".to_owned(),
            ..invite(3, 1)
        },
        3,
    )
    .await;
    refused(show(&store, 1, secret(3)).await, Unredeemed::OtherNetwork);
    put(
        &store,
        InviteRow {
            bound: Some(peer(7)),
            ..invite(4, 1)
        },
        4,
    )
    .await;
    refused(show(&store, 1, secret(4)).await, Unredeemed::ForAnother);
    assert!(matches!(
        show(&store, 7, secret(4)).await,
        Redeemed::Granted(..)
    ));
    put(&store, invite(5, 1), 5).await;
    let row = store.revoke_invite("i5", NOW).await.expect("a write");
    assert_eq!(row.expect("it is there").revoked, Some(NOW));
    refused(show(&store, 1, secret(5)).await, Unredeemed::Revoked);
    assert_eq!(tier(&store, 1).await, Tier::Untrusted);
    assert_eq!(store.revoke_invite("i6", NOW).await.expect("a write"), None);
}

#[tokio::test]
async fn a_block_and_a_higher_tier_stay() {
    let store = store();
    put(&store, invite(1, 9), 1).await;
    let blocked = PeerRow {
        blocked: true,
        ..PeerRow::stranger(&peer(1), NOW)
    };
    store.put_peer(blocked.clone()).await.expect("a peer");
    refused(show(&store, 1, secret(1)).await, Unredeemed::Blocked);
    assert_eq!(store.peer(peer(1)).await.expect("a read"), Some(blocked));
    let high = PeerRow {
        tier: Tier::Privileged,
        name: Some("ada".to_owned()),
        ..PeerRow::stranger(&peer(2), NOW)
    };
    store.put_peer(high.clone()).await.expect("a peer");
    assert!(matches!(
        show(&store, 2, secret(1)).await,
        Redeemed::Granted(..)
    ));
    assert_eq!(store.peer(peer(2)).await.expect("a read"), Some(high));
    // The block did not use it up.
    assert_eq!(store.invites().await.expect("rows")[0].used, 1);
}

#[tokio::test]
async fn no_secret_is_in_the_database() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("host.db");
    let store = Store::open(&path, StoreOptions::default()).expect("a store");
    let shown = InviteSecret::from_random(*b"sixteen letters!");
    let row = invite(1, 1);
    store
        .put_invite(row, shown.hash())
        .await
        .expect("an invite");
    show(&store, 1, shown).await;
    store.close().await.expect("an end");
    for file in std::fs::read_dir(dir.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(b"sixteen letters!") && !holds(shown.encode().as_bytes()));
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_lets_nobody_in() {
    let store = store();
    put(&store, invite(1, 1), 1).await;
    put(&store, invite(2, 1), 2).await;
    store
        .write(|c| {
            c.execute("UPDATE invite SET tier = 9 WHERE id = 'i1'", [])?;
            c.execute("UPDATE invite SET bound = x'ff' WHERE id = 'i2'", [])?;
            Ok(())
        })
        .await
        .expect("a write");
    refused(show(&store, 1, secret(1)).await, Unredeemed::UsedUp);
    refused(show(&store, 1, secret(2)).await, Unredeemed::UsedUp);
}

#[tokio::test]
async fn what_a_peer_asked_for_and_has_now_need_not_wait_for_the_owner() {
    let store = store();
    put(&store, invite(1, 9), 1).await;
    for (n, requested) in [(1, Tier::Known), (2, Tier::Internal)] {
        let request = TrustRequestRow {
            id: format!("r{n}"),
            peer: peer(n),
            requested,
            reason: String::new(),
            correlation: None,
            at: NOW,
        };
        store.put_trust_request(request).await.expect("a request");
        assert!(matches!(
            show(&store, n, secret(1)).await,
            Redeemed::Granted(..)
        ));
    }
    let waiting = store.trust_requests().await.expect("rows");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].requested, Tier::Internal);
}
