use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Bytes;

fn manifest(name: &str) -> Manifest {
    Manifest {
        name: name.parse().unwrap(),
        version: Some("1.0".to_owned()),
        description: "Counts words".to_owned(),
        when_to_use: None,
        category: None,
        input: json!({"type": "object"}),
        output: json!({"type": "object"}),
        min_tier: Tier::Known,
    }
}

fn approved() -> Reviewed {
    Reviewed {
        digest: Digest::of(b"one"),
        body: Body::Component,
        private: None,
        guard: GuardRule::default(),
        manifests: vec![manifest("count"), manifest("sum")],
        imports: vec!["coworker:skill/log@0.1.0".to_owned()],
        grants: Grants::default(),
        limits: Limits::default(),
    }
}

fn update(edit: impl FnOnce(&mut Reviewed)) -> Reviewed {
    let mut next = approved();
    next.digest = Digest::of(b"two");
    edit(&mut next);
    next
}

/// Judges where the owner lets skills have no more than the approved one has.
fn judge(old: &Reviewed, new: &Reviewed, policy: UpdatePolicy) -> Update {
    judge_update(old, new, &old.limits, policy)
}

#[track_caller]
fn check(next: &Reviewed, policy: UpdatePolicy, swaps: bool) {
    let judged = judge(&approved(), next, policy);
    assert_eq!(judged == Update::Swap, swaps, "{judged:?}");
}

const AUTO: UpdatePolicy = UpdatePolicy {
    review_all: false,
    dev: false,
};
const DEV: UpdatePolicy = UpdatePolicy {
    review_all: false,
    dev: true,
};
const REVIEW: UpdatePolicy = UpdatePolicy {
    review_all: true,
    dev: false,
};

#[test]
fn the_same_or_less_swaps() {
    check(&update(|_| {}), AUTO, true);
    check(&update(|r| r.imports.clear()), AUTO, true);
    check(&update(|r| drop(r.manifests.pop())), AUTO, true);
    check(
        &update(|r| r.manifests[0].min_tier = Tier::Internal),
        AUTO,
        true,
    );
    check(&update(|r| r.limits.memory = Bytes::mib(1)), AUTO, true);
    check(&update(|r| r.manifests.reverse()), AUTO, true);
}

#[test]
fn more_of_anything_waits() {
    let more: [fn(&mut Reviewed); 12] = [
        |r| {
            r.imports
                .push("wasi:http/outgoing-handler@0.2.6".to_owned());
        },
        |r| r.manifests.push(manifest("new")),
        |r| r.manifests[0].min_tier = Tier::Untrusted,
        |r| r.manifests[0].description.push('!'),
        |r| r.manifests[0].version = None,
        |r| r.manifests[0].when_to_use = Some("always".to_owned()),
        |r| r.manifests[0].category = Some("action".to_owned()),
        |r| r.manifests[0].input = json!({}),
        |r| r.manifests[0].output = json!({}),
        |r| r.grants.llm = true,
        |r| r.grants.state = StateGrant::PerCaller,
        |r| r.limits.host_calls += 1,
    ];
    for edit in more {
        check(&update(edit), AUTO, false);
    }
}

#[test]
fn an_author_at_work_may_change_cards_and_nothing_else() {
    check(&update(|r| r.manifests[0].description.push('!')), DEV, true);
    check(&update(|r| r.manifests[0].input = json!({})), DEV, true);
    check(&update(|r| r.manifests.push(manifest("new"))), DEV, true);
    check(
        &update(|r| r.manifests[0].min_tier = Tier::Untrusted),
        DEV,
        false,
    );
    check(&update(|r| r.grants.llm = true), DEV, false);
    check(
        &update(|r| r.imports.push("wasi:cli/environment@0.2.6".to_owned())),
        DEV,
        false,
    );
}

#[test]
fn a_limit_that_the_owner_lets_every_skill_have_is_no_reason_to_wait() {
    let new = update(|r| r.limits.memory = Bytes(64 << 20));
    let mut old = new.clone();
    old.limits.memory = Bytes(32 << 20);
    let judged = |usual: u64| {
        let usual = Limits {
            memory: Bytes(usual << 20),
            ..old.limits
        };
        judge_update(&old, &new, &usual, AUTO)
    };
    assert_eq!(judged(64), Update::Swap);
    assert!(matches!(judged(63), Update::Wait(reasons) if reasons.len() == 1));
}

#[test]
fn what_binds_to_code_waits_for_other_code_only() {
    let grants = Grants {
        env: [("MODE".to_owned(), "fast".to_owned())].into(),
        ..Grants::default()
    };
    let mut old = approved();
    old.grants = grants.clone();
    let mut new = old.clone();
    assert_eq!(judge(&old, &new, AUTO), Update::Swap);
    new.digest = Digest::of(b"two");
    assert_eq!(
        judge(&old, &new, AUTO),
        Update::Wait(vec![Reason::BoundToCode])
    );
    assert_eq!(
        judge(&old, &new, DEV),
        Update::Wait(vec![Reason::BoundToCode])
    );
    new.grants = Grants::default();
    assert_eq!(judge(&old, &new, AUTO), Update::Swap);
}

#[test]
fn review_makes_every_component_wait() {
    check(&update(|_| {}), REVIEW, false);
    check(&approved(), REVIEW, true);
}

#[test]
fn a_covered_grant_is_not_beyond() {
    let fs = |write| FsGrant {
        host: "/data".to_owned(),
        guest: "/data".to_owned(),
        write,
    };
    let http = |methods: &[&str]| HttpGrant {
        url: "https://api.example.com/v1/".to_owned(),
        methods: methods.iter().map(|m| (*m).to_owned()).collect(),
        headers: Default::default(),
    };
    let granted = Grants {
        fs: vec![fs(true)],
        http: vec![http(&["GET", "POST"])],
        ..Grants::default()
    };
    let less = Grants {
        fs: vec![fs(false)],
        http: vec![http(&["GET"])],
        ..Grants::default()
    };
    assert!(beyond(&granted, &less).is_empty());
    assert_eq!(beyond(&less, &granted).len(), 2);
    let mut secret = less.clone();
    secret.http[0]
        .headers
        .insert("Authorization".to_owned(), "Bearer ${env:KEY}".to_owned());
    assert!(beyond(&granted, &secret)[0].contains("Authorization"));
}

#[test]
fn only_the_owner_makes_a_skill_public() {
    assert_eq!(tier_in_force(Tier::Untrusted, None), Tier::Known);
    assert_eq!(
        tier_in_force(Tier::Untrusted, Some(Tier::Untrusted)),
        Tier::Untrusted
    );
    assert_eq!(
        tier_in_force(Tier::Internal, Some(Tier::Untrusted)),
        Tier::Internal
    );
    assert_eq!(
        tier_in_force(Tier::Known, Some(Tier::Privileged)),
        Tier::Privileged
    );
}

fn some_reviewed() -> impl Strategy<Value = Reviewed> {
    let skill = ("[ab]", 0_u8..4, "[xy]", prop::option::of("[12]")).prop_map(
        |(name, tier, text, version)| Manifest {
            min_tier: Tier::from_level(tier).unwrap(),
            description: text,
            version,
            ..manifest(&name)
        },
    );
    let grants = (any::<bool>(), 0_u8..3, any::<bool>()).prop_map(|(llm, state, env)| Grants {
        llm,
        state: match state {
            0 => StateGrant::None,
            1 => StateGrant::PerCaller,
            _ => StateGrant::Shared,
        },
        env: env
            .then(|| ("K".to_owned(), "v".to_owned()))
            .into_iter()
            .collect(),
        ..Grants::default()
    });
    (
        (
            0_u8..3,
            prop_oneof![Just(Body::Component), Just(Body::Model)],
            prop::option::of(0_u8..2),
            prop::option::of(prop_oneof![
                Just(GuardMode::Block),
                Just(GuardMode::Redact),
                Just(GuardMode::Warn)
            ]),
            prop::collection::vec("[lm]", 0..2),
        ),
        prop::collection::vec(skill, 1..3),
        prop::collection::vec("[ijk]", 0..3),
        grants,
        1_u64..3,
    )
        .prop_map(
            |((digest, body, private, mode, public), mut manifests, imports, grants, mem)| {
                manifests.sort_by(|a, b| a.name.cmp(&b.name));
                manifests.dedup_by(|a, b| a.name == b.name);
                Reviewed {
                    digest: Digest::of(&[digest]),
                    body,
                    private: private.map(|text| Digest::of(&[text])),
                    guard: GuardRule { mode, public },
                    manifests,
                    imports,
                    grants,
                    limits: Limits {
                        memory: Bytes(mem),
                        ..Limits::default()
                    },
                }
            },
        )
}

/// Says independently of `changes` whether `new` stays within `old`.
fn within(old: &Reviewed, new: &Reviewed, cards: bool) -> bool {
    let rank = |state| match state {
        StateGrant::None => 0,
        StateGrant::PerCaller => 1,
        StateGrant::Shared => 2,
    };
    let strictness = |mode| match mode {
        Some(GuardMode::Block) => 3,
        None => 2,
        Some(GuardMode::Redact) => 1,
        Some(GuardMode::Warn) => 0,
    };
    // What the owner set for all skills may be anything: to fall back to it is to give up `block`, and nothing else.
    let guarded = match (old.guard.mode, new.guard.mode) {
        (old, None) => old != Some(GuardMode::Block),
        (old, new) => strictness(new) >= strictness(old),
    };
    guarded
        && old.body == new.body
        && new
            .guard
            .public
            .iter()
            .all(|line| old.guard.public.contains(line))
        && new
            .imports
            .iter()
            .all(|import| old.imports.contains(import))
        && new.manifests.iter().all(|skill| {
            match old.manifests.iter().find(|other| other.name == skill.name) {
                Some(other) if skill.min_tier < other.min_tier => false,
                Some(other) => {
                    !cards
                        || Manifest {
                            min_tier: other.min_tier,
                            ..skill.clone()
                        } == *other
                }
                None => !cards,
            }
        })
        && (old.grants.llm || !new.grants.llm)
        && rank(new.grants.state) <= rank(old.grants.state)
        && new
            .grants
            .env
            .iter()
            .all(|pair| old.grants.env.iter().any(|other| other == pair))
        && new.limits.memory <= old.limits.memory
}

#[test]
fn texts_alone_swap_and_how_they_are_guarded_does_not_weaken() {
    let with = |edit: &dyn Fn(&mut Reviewed)| {
        let mut next = approved();
        edit(&mut next);
        next
    };
    let texts = with(&|r| r.private = Some(Digest::of(b"texts")));
    check(&texts, AUTO, true);
    check(&texts, REVIEW, false);
    let acting = with(&|r| {
        r.private = Some(Digest::of(b"texts"));
        r.grants.env.insert("K".to_owned(), "v".to_owned());
    });
    let judged = judge(
        &with(&|r| drop(r.grants.env.insert("K".to_owned(), "v".to_owned()))),
        &acting,
        AUTO,
    );
    assert_eq!(judged, Update::Wait(vec![Reason::BoundToCode]));
    check(&with(&|r| r.body = Body::Model), DEV, false);
    check(&with(&|r| r.guard.mode = Some(GuardMode::Warn)), DEV, false);
    check(
        &with(&|r| r.guard.mode = Some(GuardMode::Block)),
        AUTO,
        true,
    );
    check(
        &with(&|r| r.guard.public.push("a line".to_owned())),
        DEV,
        false,
    );
}

proptest! {
    #[test]
    fn what_swaps_stays_within(old in some_reviewed(), new in some_reviewed(), dev: bool, review_all: bool) {
        let policy = UpdatePolicy { review_all, dev };
        let swaps = judge(&old, &new, policy) == Update::Swap;
        let same = old.digest == new.digest && old.private == new.private;
        let may = within(&old, &new, !dev) && (same || !(new.grants.binds_to_code() || review_all));
        prop_assert_eq!(swaps, may);
    }

    #[test]
    fn a_chain_of_updates_never_leaves_what_was_approved(a in some_reviewed(), b in some_reviewed(), c in some_reviewed()) {
        if judge(&a, &b, AUTO) == Update::Swap && judge(&b, &c, AUTO) == Update::Swap {
            prop_assert!(within(&a, &c, true));
        }
    }

    #[test]
    fn nothing_changed_is_nothing_to_judge(a in some_reviewed()) {
        prop_assert!(changes(&a, &a).is_empty());
        prop_assert_eq!(judge(&a, &a, REVIEW), Update::Swap);
    }
}
