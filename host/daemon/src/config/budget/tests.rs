//! Each key of `[budget]` sets its own limit and no other: by what is reckoned with, and by what is refused.

use std::collections::HashSet;
use std::path::Path;

use coworker_core::Timestamp;
use coworker_core::budget::{Books, Claim, Exhausted, Reservation, Scope, Spent};

use super::*;

const SCOPES: [&str; 3] = ["peer", "skill", "all"];
const MEASURES: [&str; 3] = ["calls", "tokens", "cost"];
const WINDOWS: [&str; 2] = ["minute", "day"];
/// What the key under test is set to.
const SET: u64 = 3;
const MINUTE: i64 = 60_000_000;

/// Reads a budget in which nothing is ever used up but what `more` says.
fn budget(more: &str) -> Budget {
    let mut text = String::from("[budget]\nreserved = 0\n");
    for key in [
        "peer_calls_per_minute",
        "peer_calls_per_day",
        "all_calls_per_minute",
        "all_calls_per_day",
    ] {
        if !more.starts_with(key) {
            text.push_str(&format!("{key} = 1_000_000\n"));
        }
    }
    let read = Config::parse(Path::new("config.toml"), &format!("{text}{more}\n"), &[]);
    read.expect("a budget").config.budget.budget()
}

/// Sets one limit by hand.
fn with(mut budget: Budget, scope: &str, measure: &str, window: &str) -> Budget {
    let of = match scope {
        "peer" => &mut budget.peer,
        "skill" => &mut budget.skill,
        _ => &mut budget.all,
    };
    let bound = match window {
        "minute" => &mut of.minute,
        _ => &mut of.day,
    };
    match measure {
        "calls" => bound.calls = Some(SET),
        "tokens" => bound.tokens = Some(SET),
        _ => bound.cost = Some(Cost::units(3.0)),
    }
    budget
}

/// Asks a question of one token that costs one unit.
fn ask(
    books: &mut Books,
    budget: &Budget,
    (peer, skill): (&str, &str),
    at: i64,
) -> Result<Reservation, Exhausted> {
    let one = Spent {
        calls: 1,
        tokens: 1,
        cost: Cost::units(1.0),
    };
    let trusted = HashSet::from(["ann".to_owned(), "ben".to_owned()]);
    let claim = Claim {
        peer,
        skill,
        most: one,
        trusted: &trusted,
    };
    let reserved = books.reserve(budget, &claim, Timestamp(at))?;
    books.settle(&reserved, one, Timestamp(at));
    Ok(reserved)
}

#[test]
fn each_key_sets_its_own_limit_and_no_other() {
    let mut keys = vec!["budget.reserved".to_owned()];
    for scope in SCOPES {
        for measure in MEASURES {
            for window in WINDOWS {
                let key = format!("{scope}_{measure}_per_{window}");
                let set = budget(&format!("{key} = {SET}"));
                // The four that have a default are set to something else in both.
                assert_eq!(set, with(budget(""), scope, measure, window), "{key}");
                used_up(&set, &key, (scope, measure, window));
                keys.push(format!("budget.{key}"));
            }
        }
    }
    // There are no others, and each is documented.
    let documented = crate::config::keys().into_iter().map(|key| key.path);
    let documented: HashSet<String> = documented
        .filter(|key| key.starts_with("budget."))
        .collect();
    assert_eq!(documented, keys.into_iter().collect());
}

/// Uses a budget up in which one limit is set, and looks whom that stops and for how long.
fn used_up(set: &Budget, key: &str, (scope, measure, window): (&str, &str, &str)) {
    let start = 20_000 * 24 * 60 * MINUTE;
    let mut books = Books::default();
    for n in 0..SET {
        assert!(
            ask(&mut books, set, ("ann", "soup"), start).is_ok(),
            "{key} {n}"
        );
    }
    let refused = ask(&mut books, set, ("ann", "soup"), start).expect_err(key);
    let whose = match refused.scope {
        Scope::Peer => "peer",
        Scope::Skill => "skill",
        Scope::All => "all",
    };
    assert_eq!(
        (whose, refused.measure, refused.window),
        (scope, measure, window)
    );
    assert_eq!(
        refused.to_string(),
        format!("the budget `{key}` is used up")
    );
    let goes = |who: (&str, &str), at: i64| ask(&mut books.clone(), set, who, at).is_ok();
    assert_eq!(
        goes(("ben", "soup"), start),
        scope == "peer",
        "{key}: another peer"
    );
    assert_eq!(
        goes(("ann", "bread"), start),
        scope == "skill",
        "{key}: another skill"
    );
    assert_eq!(
        goes(("ben", "bread"), start),
        scope != "all",
        "{key}: both others"
    );
    assert_eq!(
        goes(("ann", "soup"), start + MINUTE),
        window == "minute",
        "{key}: a minute later"
    );
    assert!(
        goes(("ann", "soup"), start + 24 * 60 * MINUTE),
        "{key}: a day later"
    );
}

#[test]
fn the_reserved_part_is_its_own_key() {
    let before = budget("");
    let mut expected = before;
    expected.reserved = 25;
    let read = Config::parse(Path::new("config.toml"), "[budget]\nreserved = 25\n", &[]);
    assert_eq!(before.reserved, 0);
    assert_eq!(
        read.expect("a budget").config.budget.budget().reserved,
        expected.reserved
    );
}
