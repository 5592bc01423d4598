//! Peers, trust requests, what we asked, probes, usage, state and logs.

use super::*;
use coworker_core::budget::Cost;
use coworker_core::{Limits, Span};

fn row(n: u64) -> PeerRow {
    PeerRow {
        peer: peer(n),
        name: None,
        claimed_name: Some(format!("claims {n}")),
        tier: Tier::Untrusted,
        blocked: false,
        lease: None,
        first_seen: NOW,
        last_seen: later(n as i64),
    }
}

fn request(id: &str, n: u64, requested: Tier) -> TrustRequestRow {
    TrustRequestRow {
        id: id.to_owned(),
        peer: peer(n),
        requested,
        reason: "please".to_owned(),
        correlation: Some("c".to_owned()),
        at: NOW,
    }
}

#[tokio::test]
async fn peers_read_back_as_they_were_put() {
    let store = store();
    let lease = LeaseRow {
        tier: Tier::Internal,
        until: Some(later(HOUR)),
        calls_left: Some(3),
        skills: Some(vec!["echo".to_owned()]),
    };
    let ada = PeerRow {
        name: Some("ada".to_owned()),
        tier: Tier::Known,
        lease: Some(lease),
        ..row(1)
    };
    let xmtp = PeerRow {
        peer: format!("xmtp:{:064x}", 5).parse().expect("an id"),
        blocked: true,
        ..row(2)
    };
    let local = PeerRow {
        peer: "local:owner".parse().expect("an id"),
        ..row(3)
    };
    for row in [&ada, &xmtp, &local] {
        store.put_peer(row.clone()).await.expect("a peer");
        assert_eq!(
            store.peer(&row.peer).await.expect("a row").as_ref(),
            Some(row)
        );
    }
    assert_eq!(store.peers().await.expect("rows").len(), 3);
    let taken = PeerRow {
        name: Some("ada".to_owned()),
        ..row(4)
    };
    assert!(matches!(
        store.put_peer(taken.clone()).await,
        Err(StoreError::NameTaken(_))
    ));
    assert!(store.forget(&ada.peer).await.expect("a known peer"));
    assert!(!store.forget(&ada.peer).await.expect("an unknown peer"));
    store.put_peer(taken).await.expect("a free name");
}

#[tokio::test]
async fn a_row_that_makes_no_sense_trusts_nobody() {
    let store = store();
    for (n, change) in [(1, "tier = 9"), (2, "lease = '{\"tier\":\"owner\"}'")] {
        store
            .put_peer(PeerRow {
                tier: Tier::Privileged,
                ..row(n)
            })
            .await
            .expect("a peer");
        let key = super::super::codec::peer_key(&peer(n));
        store
            .write(move |c| {
                Ok(c.execute(&format!("UPDATE peer SET {change} WHERE peer = ?1"), [key])?)
            })
            .await
            .expect("a change");
        let read = store.peer(peer(n)).await.expect("a row").expect("a peer");
        assert_eq!(
            (read.tier, read.blocked, read.lease),
            (Tier::Untrusted, true, None)
        );
    }
}

#[tokio::test]
async fn strangers_make_room_and_friends_do_not() {
    let store = store();
    store
        .put_peer(PeerRow {
            name: Some("ada".to_owned()),
            last_seen: Timestamp(0),
            ..row(0)
        })
        .await
        .expect("a peer");
    let strangers = (1..=10_005).map(|n| store.put_peer(row(n)));
    futures::future::join_all(strangers).await;
    let peers = store.peers().await.expect("rows");
    assert_eq!(peers.len(), 10_001);
    assert!(peers.iter().any(|row| row.name.is_some()));
    for n in 1..=5 {
        assert_eq!(
            store.peer(peer(n)).await.expect("a row"),
            None,
            "{n} was not seen for longest"
        );
    }
}

#[tokio::test]
async fn a_changed_trust_request_voids_the_one_that_was_shown() {
    let store = store();
    store
        .put_trust_request(request("a", 1, Tier::Known))
        .await
        .expect("a request");
    store
        .put_trust_request(request("b", 1, Tier::Privileged))
        .await
        .expect("a request");
    assert_eq!(
        store.take_trust_request("a").await.expect("an answer"),
        None
    );
    assert_eq!(
        store.trust_requests().await.expect("rows"),
        [request("b", 1, Tier::Privileged)]
    );
    assert_eq!(
        store.take_trust_request("b").await.expect("an answer"),
        Some(request("b", 1, Tier::Privileged))
    );
    assert_eq!(
        store.take_trust_request("b").await.expect("an answer"),
        None
    );
}

#[tokio::test]
async fn a_thousand_trust_requests_wait_and_no_more() {
    let store = store();
    for n in 0..1_000 {
        store
            .put_trust_request(request(&n.to_string(), n, Tier::Known))
            .await
            .expect("a request");
    }
    let more = store
        .put_trust_request(request("more", 1_000, Tier::Known))
        .await;
    assert!(matches!(more, Err(StoreError::Bound { limit: 1_000, .. })));
    store
        .put_trust_request(request("again", 5, Tier::Known))
        .await
        .expect("a replacement needs no room");
    assert_eq!(store.trust_requests().await.expect("rows").len(), 1_000);
}

#[tokio::test]
async fn an_answer_counts_once_from_who_was_asked_and_in_time() {
    let store = store();
    store
        .ask(question("c", later(HOUR)))
        .await
        .expect("a question");
    let answered = async |n, c: &'static str, at| {
        let given = store.answered(peer(n), c, b"answer".to_vec(), at).await;
        given.expect("a store").kept().await
    };
    assert!(!answered(2, "c", NOW).await.expect("from another"));
    assert!(!answered(1, "d", NOW).await.expect("to another"));
    assert!(!answered(1, "c", later(HOUR + 1)).await.expect("too late"));
    assert_eq!(store.asked_open().await.expect("rows").len(), 1);
    assert!(answered(1, "c", later(HOUR)).await.expect("just in time"));
    assert!(!answered(1, "c", NOW).await.expect("again"));
    let reply = store.reply("c").await.expect("a row").expect("a question");
    assert_eq!(reply.answer, Some((b"answer".to_vec(), later(HOUR))));
    assert!(store.asked_open().await.expect("rows").is_empty());
    store
        .ask(question("e", later(HOUR)))
        .await
        .expect("a question");
    store.unask("e").await.expect("no more");
    assert!(!answered(1, "e", NOW).await.expect("nobody waits"));
}

#[tokio::test]
async fn a_question_and_its_place_in_the_outbox_come_together_and_a_card_says_how_often_it_leaves()
{
    let store = store();
    let question = |n: u64| Question {
        delivery: |_, accepts| match accepts {
            [] => Delivery::AtMostOnce { tried: false },
            _ => Delivery::AtLeastOnce,
        },
        ..question(&format!("q{n}"), later(HOUR))
    };
    let once = Delivery::AtMostOnce { tried: false };
    let (_, delivery) = store.ask(question(1)).await.expect("a question");
    assert_eq!(delivery, once);
    let card = CardRow {
        claimed_name: None,
        hash: "hash".to_owned(),
        accepts: vec!["text".to_owned()],
        tier: None,
        at: NOW,
        skills: Vec::new(),
    };
    store.put_card(peer(1), card).await.expect("a card");
    let (id, delivery) = store.ask(question(2)).await.expect("a question");
    assert_eq!(delivery, Delivery::AtLeastOnce);
    // A question that is asked already is not sent a second time.
    assert!(store.ask(question(2)).await.is_err());
    let rows = due(&store, NOW).await;
    let kept: Vec<_> = rows.iter().map(|row| row.delivery).collect();
    assert_eq!(kept, [once, Delivery::AtLeastOnce]);
    assert_eq!(rows.last().map(|row| row.id), Some(id));
    assert_eq!(store.asked_open().await.expect("rows").len(), 2);
}

#[tokio::test]
async fn probes_are_bounded_by_peer_and_in_all() {
    let store = store();
    store.probe(peer(1), "shell", NOW).await.expect("a probe");
    store
        .probe(peer(1), "shell", later(SECOND))
        .await
        .expect("a probe");
    let probes = store.probes().await.expect("rows");
    assert_eq!(
        (probes[0].times, probes[0].first, probes[0].last),
        (2, NOW, later(SECOND))
    );
    for n in 0..200 {
        store
            .probe(peer(1), &format!("name {n}"), later(n))
            .await
            .expect("a probe");
    }
    let probes = store.probes().await.expect("rows");
    assert_eq!(probes.len(), 64);
    assert!(probes.iter().any(|probe| probe.name == "name 199"));
    store
        .probe(peer(2), &"é".repeat(10_000), NOW)
        .await
        .expect("a probe");
    assert_eq!(
        store.probes().await.expect("rows")[64].name.chars().count(),
        200
    );
    let all = (0..10_500u64).map(|n| {
        let store = store.clone();
        async move {
            store
                .probe(peer(100 + n / 50), &format!("name {n}"), later(n as i64))
                .await
        }
    });
    futures::future::join_all(all).await;
    assert_eq!(store.probes().await.expect("rows").len(), 10_000);
}

#[tokio::test]
async fn usage_adds_up_what_ran() {
    let store = store();
    let usage = UsageRow {
        cpu: Span::millis(10),
        wall: Span::millis(30),
        memory_peak: Bytes::kib(64),
        host_calls: 2,
        model_calls: 1,
        tokens_in: 40,
        tokens_out: 2,
        cost: Some(Cost(500)),
        model: Some("m".to_owned()),
        version: Some("1.0".to_owned()),
        measured: Some(Measured {
            host_bytes: Bytes::kib(3),
            output: Bytes::kib(2),
            log_lines: 5,
            limits: Allowed::of(&Limits::default()),
        }),
    };
    for n in 1..=3 {
        let skill = if n == 3 { "other" } else { "echo" };
        let received = later(if n == 3 { DAY } else { 0 });
        store
            .accept(Arrival {
                skill: Some(skill.to_owned()),
                received,
                ..arrival(n)
            })
            .await
            .expect("a request");
        let outcome = if n == 2 { "TIMEOUT" } else { Store::OK }.to_owned();
        store
            .finish(Finish {
                usage: Some(usage.clone()),
                outcome,
                ..finish(n)
            })
            .await
            .expect("an end");
    }
    // Refused without a run: used nothing.
    store.accept(arrival(4)).await.expect("a request");
    let refused = Finish {
        usage: None,
        ..finish(4)
    };
    store.finish(refused).await.expect("an end");
    let by_skill = store.usage(UsageBy::Skill, NOW).await.expect("sums");
    assert_eq!(by_skill.len(), 2);
    assert_eq!(
        (
            by_skill[0].key.as_str(),
            by_skill[0].calls,
            by_skill[0].failed
        ),
        ("echo", 2, 1)
    );
    assert_eq!(
        (by_skill[0].cpu, by_skill[0].wall, by_skill[0].host_calls),
        (Span::millis(20), Span::millis(60), 4)
    );
    assert_eq!(
        (
            by_skill[0].bytes_in.0,
            by_skill[0].bytes_out.0,
            by_skill[0].model_calls
        ),
        (18, 16, 2)
    );
    assert_eq!(
        (
            by_skill[0].tokens_in,
            by_skill[0].tokens_out,
            by_skill[0].cost
        ),
        (80, 4, Some(Cost(1_000)))
    );
    // For the budget they are added up by who, what and minute.
    let spent = store.spent_since(NOW, later(1)).await.expect("sums");
    let of_echo = spent.iter().find(|row| row.skill == "echo");
    let of_echo = of_echo.expect("a row");
    assert_eq!(
        (of_echo.calls, of_echo.tokens, of_echo.cost),
        (2, 84, Cost(1_000))
    );
    assert_eq!((spent.len(), &of_echo.peer), (2, &peer(1)));
    assert!(
        store
            .spent_since(later(1), later(2))
            .await
            .expect("sums")
            .is_empty()
    );
    let by_peer = store.usage(UsageBy::Peer, NOW).await.expect("sums");
    assert_eq!(
        (by_peer[0].key.clone(), by_peer[0].calls),
        (peer(1).to_string(), 3)
    );
    let by_day = store.usage(UsageBy::Day, NOW).await.expect("sums");
    assert_eq!(
        by_day
            .iter()
            .map(|sum| sum.key.as_str())
            .collect::<Vec<_>>(),
        ["1972-09-27", "1972-09-28"]
    );
    assert_eq!(
        store
            .usage(UsageBy::Day, later(DAY))
            .await
            .expect("sums")
            .len(),
        1
    );
    let row = store.task(task(1)).await.expect("a row").expect("the task");
    assert_eq!(row.usage, Some(usage));
}
