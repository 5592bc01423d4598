use proptest::prelude::*;

use super::*;

fn peer(n: u8) -> PeerId {
    format!("loop:{}", format!("{n:02x}").repeat(32))
        .parse()
        .expect("a peer id")
}

fn bounds() -> Bounds {
    Bounds {
        peer_requests: 10,
        peer_bytes: Bytes(1_000),
        all_requests: 80,
        all_bytes: Bytes(10_000),
        untrusted_bytes: Bytes(500),
        live: 8,
    }
}

fn free(_: &PeerId, _: Tier) -> Result<(), Duration> {
    Ok(())
}

fn join(
    lines: &mut Lines<u32>,
    n: u8,
    tier: Tier,
    request: u32,
    bytes: usize,
) -> Result<(), Refused> {
    lines.reserve(&peer(n), tier, bytes)?;
    lines.join(&peer(n), request, bytes);
    Ok(())
}

#[test]
fn peers_take_turns_and_keep_their_order() {
    let mut lines = Lines::new(bounds());
    for request in 0..3 {
        join(&mut lines, 1, Tier::Known, request, 1).expect("room");
    }
    join(&mut lines, 2, Tier::Known, 10, 1).expect("room");
    let mut started = Vec::new();
    while let Next::Start(peer, request) = lines.next(|_| Tier::Known, free) {
        started.push(request);
        lines.ended(&peer);
    }
    assert_eq!(started, [0, 10, 1, 2]);
    assert!(
        lines.lines.is_empty() && lines.round.is_empty(),
        "nothing is kept of peers that are done"
    );
}

#[test]
fn one_peer_never_has_more_than_half() {
    let mut lines = Lines::new(bounds());
    for request in 0..10 {
        join(&mut lines, 1, Tier::Privileged, request, 1).expect("room");
    }
    let starts = std::iter::from_fn(|| match lines.next(|_| Tier::Privileged, free) {
        Next::Start(..) => Some(()),
        _ => None,
    });
    assert_eq!(starts.count(), 4);
    join(&mut lines, 2, Tier::Known, 77, 1).expect("room");
    assert_eq!(lines.next(|_| Tier::Known, free), Next::Start(peer(2), 77));
}

#[test]
fn strangers_together_have_an_eighth() {
    let mut lines = Lines::new(bounds());
    let taken = (0..100)
        .filter(|n| join(&mut lines, *n, Tier::Untrusted, 0, 1).is_ok())
        .count();
    assert_eq!(taken, 10);
    assert_eq!(
        join(&mut lines, 101, Tier::Known, 0, 1),
        Ok(()),
        "a known peer still finds room"
    );
    let mut lines = Lines::new(bounds());
    assert_eq!(join(&mut lines, 1, Tier::Untrusted, 0, 501), Err(Refused));
    assert_eq!(join(&mut lines, 1, Tier::Known, 0, 501), Ok(()));
}

#[test]
fn a_new_stranger_finds_room_where_others_wait() {
    let mut lines = Lines::new(bounds());
    let taken = (0..100)
        .filter(|_| join(&mut lines, 1, Tier::Untrusted, 0, 1).is_ok())
        .count();
    assert!(taken < 10, "{taken}");
    assert_eq!(join(&mut lines, 2, Tier::Untrusted, 0, 1), Ok(()));
    assert_eq!(join(&mut lines, 2, Tier::Untrusted, 0, 1), Err(Refused));
}

#[test]
fn a_peer_without_a_token_waits_and_others_go_on() {
    let mut lines = Lines::new(bounds());
    join(&mut lines, 1, Tier::Known, 1, 1).expect("room");
    join(&mut lines, 2, Tier::Known, 2, 1).expect("room");
    let slow = peer(1);
    let rate = |peer: &PeerId, _| {
        if *peer == slow {
            Err(Duration::from_secs(3))
        } else {
            Ok(())
        }
    };
    assert_eq!(lines.next(|_| Tier::Known, rate), Next::Start(peer(2), 2));
    assert_eq!(
        lines.next(|_| Tier::Known, rate),
        Next::Later(Duration::from_secs(3))
    );
    assert_eq!(lines.next(|_| Tier::Known, free), Next::Start(peer(1), 1));
}

#[test]
fn clearing_a_line_frees_its_room() {
    let mut lines = Lines::new(bounds());
    for request in 0..10 {
        join(&mut lines, 1, Tier::Known, request, 100).expect("room");
    }
    assert_eq!(join(&mut lines, 1, Tier::Known, 11, 1), Err(Refused));
    assert_eq!(lines.clear(&peer(1)).len(), 10);
    assert_eq!(lines.load(), (0, 0));
    assert_eq!(join(&mut lines, 1, Tier::Known, 11, 1), Ok(()));
}

proptest! {
    #[test]
    fn the_counts_always_add_up(steps in prop::collection::vec((0u8..5, 0u8..8, 1usize..300), 1..300)) {
        let mut lines: Lines<u32> = Lines::new(bounds());
        let mut running: Vec<PeerId> = Vec::new();
        // Those that have begun and are not on disk.
        let mut on_the_way: Vec<(PeerId, usize)> = Vec::new();
        let mut handed_on = 0;
        for (n, what, bytes) in steps {
            let tier = if n < 2 { Tier::Untrusted } else { Tier::Known };
            match what {
                0 | 1 => {
                    let _ = join(&mut lines, n, tier, 0, bytes);
                }
                2 | 3 => if lines.reserve(&peer(n), tier, bytes).is_ok() {
                    if lines.begin(&peer(n), tier, free) {
                        on_the_way.push((peer(n), bytes));
                    } else {
                        lines.leave(&peer(n), bytes);
                    }
                },
                4 => if let Some((peer, bytes)) = on_the_way.pop() {
                    lines.join_begun(&peer, 0, bytes);
                    handed_on += 1;
                },
                5 => if let Some((peer, bytes)) = on_the_way.pop() { lines.leave_begun(&peer, bytes) },
                6 => if let Next::Start(peer, _) = lines.next(|_| Tier::Known, free) {
                    running.push(peer);
                    handed_on = lines.begun.len();
                },
                _ => if let Some(peer) = running.pop() { lines.ended(&peer) },
            }
            let waiting = lines.lines.values().map(|line| line.waiting.len()).sum::<usize>();
            prop_assert!(lines.requests <= 80 && lines.live <= 8);
            prop_assert_eq!(lines.requests, waiting + on_the_way.len());
            prop_assert_eq!(lines.live, running.len() + on_the_way.len() + handed_on);
            prop_assert_eq!(lines.begun.len(), handed_on);
            prop_assert_eq!(lines.bytes, lines.lines.values().map(|line| line.bytes).sum::<usize>());
            prop_assert!(lines.untrusted_requests <= 10 && lines.untrusted_bytes <= 500);
            prop_assert!(lines.lines.values().all(|line| line.live <= 4 && line.requests <= 10 && line.bytes <= 1_000));
        }
    }
}

#[test]
fn a_request_begins_at_once_only_when_its_turn_would_come_at_once() {
    let mut lines: Lines<u32> = Lines::new(bounds());
    let arrives = |lines: &mut Lines<u32>, n: u8| {
        lines.reserve(&peer(n), Tier::Known, 1).expect("room");
        lines.begin(&peer(n), Tier::Known, free)
    };
    assert!(!lines.begin(&peer(1), Tier::Known, free), "without room");
    assert!(
        arrives(&mut lines, 1) && arrives(&mut lines, 1),
        "behind one that has begun"
    );
    lines.join_begun(&peer(1), 10, 1);
    lines.join_begun(&peer(1), 11, 1);
    for request in [10, 11] {
        assert_eq!(
            lines.next(|_| Tier::Known, free),
            Next::Start(peer(1), request),
            "its place is its own already"
        );
    }
    let paced = |_: &PeerId, _: Tier| Err(Duration::from_secs(1));
    lines.reserve(&peer(2), Tier::Known, 1).expect("room");
    assert!(
        !lines.begin(&peer(2), Tier::Known, paced),
        "without a token"
    );
    assert!(
        !arrives(&mut lines, 2),
        "before one of its own that has not begun"
    );
    lines.join(&peer(2), 20, 1);
    lines.leave(&peer(2), 1);
    assert!(!arrives(&mut lines, 3), "while anybody waits who may start");
    lines.leave(&peer(3), 1);
    assert!(matches!(lines.next(|_| Tier::Known, paced), Next::Later(_)));
    assert!(
        arrives(&mut lines, 3),
        "while others wait for their own tokens"
    );
    lines.leave_begun(&peer(3), 1);
    assert!(
        !arrives(&mut lines, 3),
        "before those that waited for a place have been looked at again"
    );
    lines.leave(&peer(3), 1);
    assert_eq!(lines.next(|_| Tier::Known, free), Next::Start(peer(2), 20));
    assert!(arrives(&mut lines, 1) && arrives(&mut lines, 1));
    assert!(!arrives(&mut lines, 1), "beyond half of the places");
}

#[test]
fn what_has_begun_is_cleared_with_its_peer_and_gives_its_place_back() {
    let mut lines: Lines<u32> = Lines::new(bounds());
    for n in [1, 2] {
        lines.reserve(&peer(n), Tier::Known, 1).expect("room");
        assert!(lines.begin(&peer(n), Tier::Known, free));
        lines.join_begun(&peer(n), n.into(), 1);
    }
    join(&mut lines, 1, Tier::Known, 10, 1).expect("room");
    assert_eq!(lines.clear(&peer(1)), [1, 10]);
    assert_eq!(lines.load(), (0, 1));
    assert_eq!(lines.next(|_| Tier::Known, free), Next::Start(peer(2), 2));
    lines.reserve(&peer(3), Tier::Known, 1).expect("room");
    assert!(lines.begin(&peer(3), Tier::Known, free));
    lines.leave_begun(&peer(3), 1);
    lines.ended(&peer(2));
    assert!(lines.lines.is_empty() && lines.load() == (0, 0));
}

#[test]
fn strangers_together_have_half_of_the_places() {
    let mut lines = Lines::new(bounds());
    let tier = |peer: &PeerId| {
        if *peer == self::peer(1) {
            Tier::Known
        } else {
            Tier::Untrusted
        }
    };
    for n in 2..9 {
        join(&mut lines, n, Tier::Untrusted, n.into(), 1).expect("room");
    }
    let mut running = Vec::new();
    while let Next::Start(peer, _) = lines.next(tier, free) {
        running.push(peer);
    }
    assert_eq!(running.len(), 4, "half of eight, however many names");
    join(&mut lines, 1, Tier::Known, 1, 1).expect("room");
    assert_eq!(lines.next(tier, free), Next::Start(peer(1), 1));
    lines.ended(&running[0]);
    assert!(matches!(lines.next(tier, free), Next::Start(..)));
    assert!(matches!(lines.next(tier, free), Next::Idle));
}
