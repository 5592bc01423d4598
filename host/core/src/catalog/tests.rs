use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn entry(name: &str, min_tier: Tier) -> Arc<Entry> {
    let manifest = Manifest {
        name: name.parse().expect("a name"),
        version: Some("1.0.0".into()),
        description: "Does it".into(),
        when_to_use: None,
        category: Some("query".into()),
        input: json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}),
        output: json!({"type": "object", "properties": {"text": {"type": "string"}}}),
        min_tier,
    };
    let entry = Entry::new(
        manifest,
        Digest::of(name.as_bytes()),
        Grants::default(),
        Limits::default(),
    );
    Arc::new(entry.expect("good schemas"))
}

#[test]
fn cards_read_as_old_peers_expect() {
    let entry = entry("summarize", Tier::Known);
    assert_eq!(
        *entry.card,
        json!({
            "name": "summarize", "description": "Does it", "input_schema": {"text": "str"},
            "output_schema": {"text": "str (optional)"}, "min_trust_tier": 1, "max_context_privacy_tier": "L1_PUBLIC",
            "version": "1.0.0", "ext": {"input": entry.manifest.input, "output": entry.manifest.output},
        })
    );
    assert_eq!(
        entry.hash,
        schema_hash(&entry.card),
        "what travels hashes to what we say"
    );
    let keys: Vec<_> = entry.card.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys[..4],
        ["name", "description", "input_schema", "output_schema"]
    );
}

#[test]
fn the_first_of_a_name_keeps_it_on_every_shelf() {
    let (high, low) = (entry("a", Tier::Privileged), entry("a", Tier::Known));
    let catalog = Catalog::new(vec![Arc::clone(&high), low]);
    assert!(catalog.seen_by(Tier::Internal).find("a").is_none());
    let found = catalog
        .seen_by(Tier::Privileged)
        .find("a")
        .expect("the first");
    assert!(Arc::ptr_eq(found, &high));
    assert_eq!(catalog.seen_by(Tier::Privileged).cards().len(), 1);
}

#[test]
fn a_lease_lifts_what_it_names_and_nothing_else() {
    let catalog = Catalog::new(vec![
        entry("b", Tier::Internal),
        entry("a", Tier::Internal),
        entry("c", Tier::Known),
    ]);
    let names = |sight: &Sight| {
        sight
            .cards(&catalog)
            .iter()
            .map(|e| e.name().to_owned())
            .collect::<Vec<_>>()
    };
    let mut sight = Sight::of(Tier::Known);
    assert_eq!(names(&sight), ["c"]);
    sight.lease = Some(Lease {
        tier: Tier::Internal,
        skills: Some(BTreeSet::from(["a".to_owned(), "none".to_owned()])),
    });
    assert_eq!(names(&sight), ["a", "c"]);
    assert_eq!(
        (sight.tier(), sight.highest()),
        (Tier::Known, Tier::Internal)
    );
    assert!(sight.find(&catalog, "a").is_some() && sight.find(&catalog, "b").is_none());
    sight.lease = Some(Lease {
        tier: Tier::Internal,
        skills: None,
    });
    assert_eq!(names(&sight), ["a", "b", "c"]);
    assert_eq!(sight.tier(), Tier::Internal);
    // A lease below the owner's tier takes nothing away.
    sight = Sight {
        tier: Tier::Internal,
        lease: Some(Lease {
            tier: Tier::Untrusted,
            skills: None,
        }),
        ..Sight::default()
    };
    assert_eq!(names(&sight), ["a", "b", "c"]);
}

fn tiers() -> impl Strategy<Value = Tier> {
    (0_u8..4).prop_map(|level| Tier::from_level(level).expect("a tier"))
}

#[test]
fn what_was_taken_from_a_peer_is_not_there() {
    let catalog = Catalog::new(vec![entry("a", Tier::Known), entry("b", Tier::Untrusted)]);
    let sight = Sight {
        barred: BTreeSet::from(["b".to_owned(), "c".to_owned()]),
        ..Sight::of(Tier::Privileged)
    };
    assert!(sight.find(&catalog, "a").is_some());
    assert!(sight.find(&catalog, "b").is_none());
    let names: Vec<&str> = sight
        .cards(&catalog)
        .iter()
        .map(|card| card.name())
        .collect();
    assert_eq!(names, ["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn more_tier_never_sees_less(
        skills in proptest::collection::vec(("[a-c]{1,2}", tiers()), 0..8),
        lower in tiers(),
        higher in tiers(),
        lease in proptest::option::of((tiers(), proptest::option::of(proptest::collection::btree_set("[a-c]{1,2}", 0..4)))),
    ) {
        prop_assume!(lower <= higher);
        let catalog = Catalog::new(skills.iter().map(|(name, tier)| entry(name, *tier)).collect());
        let lease = lease.map(|(tier, skills)| Lease { tier, skills });
        let names = |tier, lease: &Option<Lease>| -> BTreeSet<String> {
            let sight = Sight { tier, lease: lease.clone(), ..Sight::default() };
            let cards = sight.cards(&catalog);
            for card in &cards {
                assert!(sight.find(&catalog, card.name()).is_some_and(|found| Arc::ptr_eq(found, card)));
            }
            cards.iter().map(|card| card.name().to_owned()).collect()
        };
        prop_assert!(names(lower, &None).is_subset(&names(higher, &None)));
        prop_assert!(names(lower, &lease).is_subset(&names(higher, &lease)));
        prop_assert!(names(lower, &None).is_subset(&names(lower, &lease)));
        for (name, _) in &skills {
            let sight = Sight { tier: lower, lease: lease.clone(), ..Sight::default() };
            prop_assert_eq!(sight.find(&catalog, name).is_some(), names(lower, &lease).contains(name));
        }
    }
}
