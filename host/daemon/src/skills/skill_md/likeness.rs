//! Keys that look like a tier. An author who meant a tier and mistyped it must not have the file served without one, so a
//! key is compared by its normal form, wherever it stands.

use std::sync::LazyLock;

use coworker_core::is_unfit;

use crate::spelling::{LONGEST, UNKNOWN, normal_form};

/// What a key looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Nothing that decides who may call.
    Plain,
    /// A tier of something else: of a price, of a model.
    Foreign,
    /// A word of access that counts if its value keeps somebody out.
    Access,
    /// A word for a group or a rank, which is a tier if its value is the name of one.
    Level,
    /// A word of access of which `true` lets everybody in.
    Open,
    /// A tier.
    Tier,
}

/// The longest normal form that is compared letter by letter.
const NEAR: usize = 32;

/// Parts of a key that mean a tier, wherever they stand in it.
const PARTS: [&str; 31] = [
    "tier",
    "teir",
    "clearance",
    "trust_level",
    "level_of_trust",
    "level_trust",
    "min_trust",
    "minimum_trust",
    "minimal_trust",
    "trust_min",
    "required_trust",
    "requires_trust",
    "trust_required",
    "least_trust",
    "lowest_trust",
    "access_level",
    "level_access",
    "min_access",
    "minimum_access",
    "required_access",
    "access_control",
    "access_policy",
    "security_level",
    "privilege_level",
    "permission_level",
    "auth_level",
    "authorization_level",
    "min_level",
    "minimum_level",
    "required_level",
    "visibility_level",
];
/// Words that hold one of them by accident.
const ACCIDENTS: [&str; 4] = ["prettier", "frontier", "courtier", "minter"];
/// What other things have tiers of.
const FOREIGN: [&str; 21] = [
    "model",
    "pricing",
    "price",
    "cost",
    "service",
    "plan",
    "subscription",
    "billing",
    "cache",
    "storage",
    "quality",
    "free",
    "paid",
    "support",
    "memory",
    "reasoning",
    "compute",
    "license",
    "rate",
    "product",
    "account",
];
/// Words that keep somebody out.
const ACCESS: [&str; 24] = [
    "access",
    "visibility",
    "trust",
    "privilege",
    "privileges",
    "privileged",
    "restricted",
    "restrict",
    "restriction",
    "restrictions",
    "confidential",
    "confidentiality",
    "private",
    "internal",
    "hidden",
    "acl",
    "exposure",
    "allowed_callers",
    "allowed_peers",
    "allowed_users",
    "allow_peers",
    "who_can_call",
    "callable_by",
    "shared_with",
];
/// Words that let somebody in.
const OPEN: [&str; 3] = ["visible", "public", "exposed"];
/// Words for groups and ranks.
const LEVELS: [&str; 16] = [
    "level",
    "rank",
    "role",
    "roles",
    "group",
    "groups",
    "audience",
    "scope",
    "who",
    "for",
    "peers",
    "callers",
    "users",
    "security",
    "classification",
    "sensitivity",
];
/// Words that stand beside those and change nothing.
const BESIDE: [&str; 27] = [
    "min", "minimum", "minimal", "required", "requires", "require", "needed", "least", "lowest",
    "skill", "caller", "callers", "peer", "peers", "user", "users", "coworker", "host", "level",
    "class", "policy", "to", "for", "only", "is", "by", "the",
];
/// The keys that are read, in every spelling that is not.
const OURS: [(&str, usize); 3] = [("min_trust_tier", 3), ("trust_tier", 2), ("min_tier", 1)];

/// The lists in their normal form.
struct Words {
    parts: Vec<String>,
    accidents: Vec<String>,
    foreign: Vec<String>,
    access: Vec<String>,
    open: Vec<String>,
    levels: Vec<String>,
    beside: Vec<String>,
    ours: Vec<(String, usize)>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let all = |words: &[&str]| words.iter().map(|word| plain(word)).collect();
    Words {
        parts: all(&PARTS),
        accidents: all(&ACCIDENTS),
        foreign: all(&FOREIGN),
        access: all(&ACCESS),
        open: all(&OPEN),
        levels: all(&LEVELS),
        beside: all(&BESIDE),
        ours: OURS.iter().map(|(key, most)| (plain(key), *most)).collect(),
    }
});

/// Returns what a key looks like.
pub(super) fn of_key(key: &str) -> Likeness {
    let forms = forms(key);
    if forms.iter().any(|form| is_tier(form)) {
        return if is_foreign(key) {
            Likeness::Foreign
        } else {
            Likeness::Tier
        };
    }
    let words = Vec::from_iter(
        words(key)
            .into_iter()
            .filter(|word| !WORDS.beside.contains(word)),
    );
    let rest = words.concat();
    if WORDS.access.contains(&rest) || forms.iter().any(|form| WORDS.access.contains(form)) {
        Likeness::Access
    } else if WORDS.open.contains(&rest) {
        Likeness::Open
    } else if forms.iter().any(|form| WORDS.levels.contains(form)) {
        Likeness::Level
    } else {
        Likeness::Plain
    }
}

/// Returns whether a word names our own key beyond doubt, in whatever spelling: nothing else is called so.
pub(super) fn is_ours(word: &str) -> bool {
    forms(word).iter().any(|form| {
        WORDS
            .ours
            .iter()
            .any(|(ours, _)| form.contains(ours.as_str()))
            || (holds(form, "tier")
                && WORDS
                    .parts
                    .iter()
                    .any(|part| part != "tier" && holds(form, part)))
    })
}

/// Returns whether a text says a tier as a value: a number, a name, or one with the word before it.
pub(super) fn is_value(text: &str) -> bool {
    let names = ["untrusted", "known", "internal", "privileged"];
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(plain);
    let Some(first) = words.next() else {
        return false;
    };
    let leads = ["tier", "level", "trust"].map(plain);
    let value = if leads.contains(&first) {
        words.find(|word| !leads.contains(word)).unwrap_or_default()
    } else {
        first
    };
    let number = |word: &str| (0..=9).any(|digit| plain(&digit.to_string()) == word);
    let spelt = ["zero", "one", "two", "three", "four"].map(plain);
    number(&value) || spelt.contains(&value) || names.iter().any(|name| plain(name) == value)
}

/// Returns whether a text is the highest tier's name, which means nothing else.
pub(super) fn is_highest(text: &str) -> bool {
    let highest = plain("privileged");
    forms(text).contains(&highest)
}

fn is_tier(form: &str) -> bool {
    let mut form = form.to_owned();
    for word in &WORDS.accidents {
        form = form.replace(word.as_str(), "");
    }
    WORDS.parts.iter().any(|part| holds(&form, part))
        || (form.len() <= NEAR
            && WORDS
                .ours
                .iter()
                .any(|(ours, most)| strsim::osa_distance(ours, &form) <= *most))
}

/// Returns whether a key is the tier of something else.
fn is_foreign(key: &str) -> bool {
    let words = words(key);
    let tier = plain("tier");
    let tiers = plain("tiers");
    let is_subject = |word: &String| WORDS.foreign.contains(word);
    words.iter().any(is_subject)
        && words
            .iter()
            .all(|word| is_subject(word) || *word == tier || *word == tiers)
}

/// Returns whether a normal form holds a part. A letter that looks like none of ASCII may be any, as long as half of the
/// part is there.
fn holds(form: &str, part: &str) -> bool {
    let (form, part) = (form.as_bytes(), part.as_bytes());
    form.windows(part.len()).any(|window| {
        let unknown = window.iter().filter(|byte| **byte == UNKNOWN as u8).count();
        let same = window
            .iter()
            .zip(part)
            .all(|(a, b)| a == b || *a == UNKNOWN as u8);
        same && unknown * 2 <= part.len()
    })
}

/// Returns the words of a key in their normal forms, cut where it is cut by a mark or by capitals.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in key.chars().take(LONGEST).filter(|c| !is_unfit(*c)) {
        if !c.is_alphanumeric() || (c.is_uppercase() && small) {
            words.push(String::new());
        }
        small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.push(c);
        }
    }
    words
        .iter()
        .map(|word| plain(word))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Returns a key's normal forms: capitals do not always look like what small letters look like.
fn forms(key: &str) -> Vec<String> {
    let small = plain(key);
    if key.is_ascii() {
        return vec![small];
    }
    let large = normal_form(key);
    if large == small {
        vec![small]
    } else {
        vec![small, large]
    }
}

fn plain(text: &str) -> String {
    normal_form(&text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_is_a_tier_in_every_spelling() {
        for key in [
            "tier",
            "Tier",
            "TIER",
            "tiers",
            "min tier",
            "minTrustTier",
            "MinTrustTier",
            "min.trust.tier",
            "mintrusttier",
            "min_trust_tier ",
            "trust-tier",
            "required_tier",
            "coworker:tier",
            "x-min-tier",
            "tier_min",
            "t1er",
            "7i3r",
            "min_trust_teir",
            "mni_trust_tire",
            "min_trust_level",
            "minimum_trust",
            "trust-level",
            "clearance",
            "securityClearance",
            "accessLevel",
            "min_trust",
            "mintrust",
            "min_trsut_tir",
            "t\u{200b}ier",
            "ｔｉｅｒ",
            "тier",
            "tіer",
            "tiеr",
            "ТIER",
            "tie\u{301}r",
            "𝐭𝐢𝐞𝐫",
            "τier",
            "min_trust_tıer",
            "rnin_tier",
        ] {
            assert_eq!(of_key(key), Likeness::Tier, "{key:?}: {:?}", forms(key));
        }
    }

    #[test]
    fn other_keys_are_none() {
        for key in [
            "name",
            "description",
            "license",
            "metadata",
            "version",
            "author",
            "tags",
            "prettier",
            "frontier",
            "workflow",
            "hooks",
            "network_access",
            "trusted_domains",
            "minify",
            "timer",
            "filter",
            "entries",
            "requires",
            "homepage",
            "技能",
            "отзыв",
            "identifier",
            "time",
            "priority",
            "title",
            "tire",
        ] {
            assert_eq!(of_key(key), Likeness::Plain, "{key:?}: {:?}", forms(key));
        }
        for key in ["pricing_tier", "modelTier", "service-tier", "free_tier"] {
            assert_eq!(of_key(key), Likeness::Foreign, "{key}");
        }
        for key in [
            "access",
            "visibility",
            "trust",
            "skill-visibility",
            "private",
            "internal",
            "ассess",
        ] {
            assert_eq!(of_key(key), Likeness::Access, "{key}");
        }
        assert_eq!(of_key("public"), Likeness::Open);
        assert_eq!(of_key("audience"), Likeness::Level);
    }

    #[test]
    fn values_are_told_from_prose() {
        for text in [
            "3",
            "0",
            "privileged",
            "Internal",
            "tier 3",
            "level three",
            "3 # internal",
            "рrivileged",
        ] {
            assert!(is_value(text) || is_highest(text), "{text}");
        }
        for text in ["free", "gold", "", "costs more"] {
            assert!(!is_value(text), "{text}");
        }
    }
}
