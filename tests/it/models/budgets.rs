//! Budgets through the whole host: whose calls go on, what the others hear, and that a restart gives nothing back.

use super::*;

const FINE: &str = "[[rule]]\nanswer = \"Boil it.\"\n";

#[track_caller]
fn busy(answer: &Value) {
    assert_eq!(
        *answer,
        json!({ "success": false, "error": "Busy: try again later", "error_code": "BUSY" })
    );
}

#[test]
fn one_peer_at_its_budget_costs_another_nothing() {
    let place = scripted(
        FINE,
        "[budget]\npeer_calls_per_day = 5\nall_calls_per_day = 40\n",
    );
    let (serving, ann) = start(&place);
    let bob = place.peer(&serving, "known");
    let mut got = 0;
    for _ in 0..20 {
        let answer = ann.call("soup", json!({ "input": "leek" }));
        if answer["success"] == true {
            got += 1;
        } else {
            busy(&answer);
        }
    }
    assert_eq!(got, 5);
    let log = newest(&place, "soup")["log"].to_string();
    assert!(
        log.contains("`peer_calls_per_day` is used up") && log.contains("hint: "),
        "{log}"
    );
    for _ in 0..5 {
        assert_eq!(
            bob.call("soup", json!({ "input": "onion" }))["success"],
            true
        );
    }
    // What was used is on disk: a restart is no new day.
    drop(serving);
    let _serving = place.serve(&[]);
    place.wait_for("soup", "exposed");
    busy(&ann.call("soup", json!({ "input": "leek" })));
}

#[test]
fn peers_in_a_hurry_leave_the_others_their_share() {
    let place = scripted(
        FINE,
        "[budget]\npeer_calls_per_day = 1000\nall_calls_per_day = 30\nreserved = 50\n",
    );
    let (serving, ann) = start(&place);
    let others: Vec<Peer> = (0..2).map(|_| place.peer(&serving, "known")).collect();
    // 15 are kept in three shares of five: whoever is first gets the other 15 and its own five.
    let mut got = 0;
    while ann.call("soup", json!({ "input": "leek" }))["success"] == true {
        got += 1;
        assert!(got <= 30, "nothing stops it");
    }
    assert_eq!(got, 20);
    for peer in others {
        for _ in 0..5 {
            assert_eq!(
                peer.call("soup", json!({ "input": "onion" }))["success"],
                true
            );
        }
        busy(&peer.call("soup", json!({ "input": "onion" })));
    }
}

#[test]
fn tokens_and_costs_are_bounded_too() {
    let script = "[[rule]]\nanswer = \"Boil it.\"\ntokens_in = 900\ntokens_out = 100\n";
    for (budget, key) in [
        ("skill_tokens_per_day = 3000\n", "skill_tokens_per_day"),
        ("all_cost_per_day = 0.003\n", "all_cost_per_day"),
    ] {
        let config = format!(
            "price_in = 1.0\nprice_out = 1.0\nmax_tokens = 100\n[budget]\nreserved = 0\n{budget}"
        );
        let place = scripted(script, &config);
        let (_serving, peer) = start(&place);
        for _ in 0..2 {
            assert_eq!(
                peer.call("soup", json!({ "input": "leek" }))["success"],
                true,
                "{key}"
            );
        }
        // The third fits as long as nobody knows that it will take a thousand.
        peer.call("soup", json!({ "input": "leek" }));
        busy(&peer.call("soup", json!({ "input": "leek" })));
        assert!(newest(&place, "soup")["log"].to_string().contains(key));
    }
}
