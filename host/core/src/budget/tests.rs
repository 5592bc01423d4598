use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp(1_700_000_040_000_000);

fn trusted(peers: &[&str]) -> HashSet<String> {
    peers.iter().map(|peer| (*peer).to_owned()).collect()
}

fn calls(minute: Option<u64>, day: Option<u64>) -> Allowance {
    let bound = |calls| Bound {
        calls,
        ..Bound::default()
    };
    Allowance {
        minute: bound(minute),
        day: bound(day),
    }
}

fn one(tokens: u64) -> Spent {
    Spent {
        calls: 1,
        tokens,
        cost: Cost::default(),
    }
}

/// Asks until it is refused; returns how often it could, and why it could not.
fn drain(
    books: &mut Books,
    budget: &Budget,
    peer: &str,
    skill: &str,
    trusted: &HashSet<String>,
    now: Timestamp,
) -> (u64, Exhausted) {
    for n in 0.. {
        let claim = Claim {
            peer,
            skill,
            most: one(10),
            trusted,
        };
        match books.reserve(budget, &claim, now) {
            Ok(reservation) => books.settle(&reservation, one(5), now),
            Err(why) => return (n, why),
        }
        assert!(n < 100_000, "nothing bounds it");
    }
    unreachable!()
}

#[test]
fn a_peer_at_its_budget_costs_the_others_nothing() {
    let budget = Budget {
        peer: calls(Some(5), None),
        ..Budget::default()
    };
    let (mut books, all) = (Books::default(), trusted(&["ann", "bob"]));
    let (n, why) = drain(&mut books, &budget, "ann", "s", &all, NOON);
    assert_eq!((n, why.scope), (5, Scope::Peer));
    assert_eq!(
        why.to_string(),
        "the budget `peer_calls_per_minute` is used up"
    );
    assert_eq!(drain(&mut books, &budget, "bob", "s", &all, NOON).0, 5);
    let later = NOON.after(std::time::Duration::from_secs(60));
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, later).0, 5);
}

#[test]
fn strangers_are_one_peer() {
    let budget = Budget {
        peer: calls(None, Some(6)),
        ..Budget::default()
    };
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    assert_eq!(drain(&mut books, &budget, "eve", "s", &all, NOON).0, 6);
    assert_eq!(drain(&mut books, &budget, "mallory", "s", &all, NOON).0, 0);
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 6);
}

#[test]
fn a_skill_has_a_budget_over_all_peers() {
    let budget = Budget {
        skill: calls(None, Some(4)),
        ..Budget::default()
    };
    let (mut books, all) = (Books::default(), trusted(&["ann", "bob"]));
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 4);
    let (n, why) = drain(&mut books, &budget, "bob", "s", &all, NOON);
    assert_eq!((n, why.scope, why.window), (0, Scope::Skill, "day"));
    assert_eq!(drain(&mut books, &budget, "bob", "t", &all, NOON).0, 4);
}

#[test]
fn every_trusted_peer_keeps_its_share_of_all() {
    let budget = Budget {
        all: calls(Some(100), None),
        reserved: 50,
        ..Budget::default()
    };
    let (mut books, all) = (
        Books::default(),
        trusted(&["ann", "bob", "cy", "dan", "eva"]),
    );
    // Half is kept in five shares of ten; strangers get the rest, ann the rest and her own.
    assert_eq!(drain(&mut books, &budget, "eve", "s", &all, NOON).0, 50);
    for peer in ["ann", "bob", "cy", "dan", "eva"] {
        let (n, why) = drain(&mut books, &budget, peer, "s", &all, NOON);
        assert_eq!((n, why.scope), (10, Scope::All), "{peer}");
    }
    let mut books = Books::default();
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 60);
    assert_eq!(drain(&mut books, &budget, "bob", "s", &all, NOON).0, 10);
    assert_eq!(drain(&mut books, &budget, "eve", "s", &all, NOON).0, 0);
}

#[test]
fn what_is_under_way_counts_as_used() {
    let mut budget = Budget::default();
    budget.peer.minute.tokens = Some(100);
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    let claim = Claim {
        peer: "ann",
        skill: "s",
        most: one(60),
        trusted: &all,
    };
    let held = books.reserve(&budget, &claim, NOON).expect("room");
    assert!(books.reserve(&budget, &claim, NOON).is_err());
    books.settle(&held, one(30), NOON);
    let held = books.reserve(&budget, &claim, NOON).expect("room again");
    // It cost more than was thought: what is booked is what it cost.
    books.settle(&held, one(95), NOON);
    assert!(books.reserve(&budget, &claim, NOON).is_err());
}

#[test]
fn costs_count_where_prices_are_known() {
    assert_eq!(Cost::of(1_000_000, 2.5).value(), 2.5);
    assert_eq!(Cost::of(3, 0.15), Cost(450));
    let mut budget = Budget::default();
    budget.all.day.cost = Some(Cost::units(0.001));
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    let claim = Claim {
        peer: "ann",
        skill: "s",
        most: Spent {
            calls: 1,
            tokens: 600,
            cost: Cost::of(600, 1.0),
        },
        trusted: &all,
    };
    let held = books.reserve(&budget, &claim, NOON).expect("room");
    let why = books.reserve(&budget, &claim, NOON).expect_err("no room");
    assert_eq!(why.to_string(), "the budget `all_cost_per_day` is used up");
    books.settle(&held, Spent::default(), NOON);
    assert!(books.reserve(&budget, &claim, NOON).is_ok());
}

#[test]
fn what_was_used_before_counts_on() {
    let budget = Budget {
        peer: calls(Some(3), Some(10)),
        ..Budget::default()
    };
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    let earlier = Timestamp(NOON.0 - 600_000_000);
    let eight = Spent {
        calls: 8,
        ..Spent::default()
    };
    books.restore("ann", true, "s", eight, earlier);
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 2);
}

/// Returns a time so many days after noon.
fn days(days: i64) -> Timestamp {
    Timestamp(NOON.0 + days * DAY)
}

#[test]
fn a_clock_that_jumps_ahead_and_back_freezes_nothing_and_gives_nothing_back() {
    let budget = Budget {
        peer: calls(None, Some(5)),
        ..Budget::default()
    };
    let all = trusted(&["ann"]);
    for ahead in [1, 30, 4_000] {
        let mut books = Books::default();
        assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 5);
        // Ahead, it is a new day, and nobody can tell otherwise.
        assert_eq!(
            drain(&mut books, &budget, "ann", "s", &all, days(ahead)).0,
            5
        );
        for back in [NOON, days(-3)] {
            assert_eq!(
                drain(&mut books, &budget, "ann", "s", &all, back).0,
                0,
                "back"
            );
        }
        // Where the clock goes on, a day is a day again, once.
        assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(1)).0, 5);
        assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(1)).0, 0);
        assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(2)).0, 5);
    }
}

#[test]
fn a_clock_that_went_back_bounds_what_is_asked_from_then_on() {
    let budget = Budget {
        all: calls(Some(3), Some(5)),
        ..Budget::default()
    };
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(400)).0, 3);
    // What is used after a step back counts in the window that runs, and not in one that is over.
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 0);
    let minute = Timestamp(NOON.0 + MINUTE);
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, minute).0, 2);
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(1)).0, 3);
}

#[test]
fn what_an_earlier_process_booked_ahead_of_time_counts_for_one_window() {
    let budget = Budget {
        peer: calls(None, Some(5)),
        skill: calls(None, Some(100)),
        all: calls(None, Some(100)),
        reserved: 0,
    };
    let (mut books, all) = (Books::default(), trusted(&["ann"]));
    let four = Spent {
        calls: 4,
        ..Spent::default()
    };
    books.restore("ann", true, "s", four, days(1_500));
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, NOON).0, 1);
    assert_eq!(drain(&mut books, &budget, "ann", "s", &all, days(1)).0, 5);
}

proptest! {
    /// Whatever the clock does, nobody gets more than one window's worth for each window's length that it went forward.
    #[test]
    fn a_jumping_clock_gives_no_more_than_its_steps_forward(steps in proptest::collection::vec(-3_000_i64..3_000, 1..40)) {
        let budget = Budget { peer: calls(None, Some(2)), ..Budget::default() };
        let (mut books, all) = (Books::default(), trusted(&["ann"]));
        let (mut now, mut forward, mut got) = (NOON.0, 0_i64, 0);
        for minutes in steps {
            now += minutes * MINUTE;
            forward += minutes.max(0) * MINUTE;
            got += drain(&mut books, &budget, "ann", "s", &all, Timestamp(now)).0;
        }
        prop_assert!(got <= 2 * (u64::try_from(forward / DAY).expect("not negative") + 2), "{got} in {forward}");
        prop_assert_eq!(drain(&mut books, &budget, "ann", "s", &all, Timestamp(now + DAY + MINUTE)).0, 2);
    }

    /// Whoever asks how often in whatever order: no bound is passed, and each trusted peer gets its share.
    #[test]
    fn shares_hold(order in proptest::collection::vec(0_usize..5, 0..300), limit in 10_u64..80, reserved in 0_u8..=100) {
        let names = ["ann", "bob", "cy", "eve", "mallory"];
        let all = trusted(&names[..3]);
        let budget = Budget { all: calls(None, Some(limit)), reserved, ..Budget::default() };
        let mut books = Books::default();
        let mut got = HashMap::<&str, u64>::new();
        for who in order {
            let claim = Claim { peer: names[who], skill: "s", most: one(1), trusted: &all };
            if let Ok(held) = books.reserve(&budget, &claim, NOON) {
                books.settle(&held, one(1), NOON);
                *got.entry(names[who]).or_default() += 1;
            }
        }
        let share = limit * u64::from(reserved) / 100 / 3;
        for peer in &names[..3] {
            let more = drain(&mut books, &budget, peer, "s", &all, NOON).0;
            let total = got.entry(peer).or_default();
            *total += more;
            prop_assert!(*total >= share, "{peer} got {total} of {share}");
        }
        prop_assert!(got.values().sum::<u64>() <= limit);
    }
}
