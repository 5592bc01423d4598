//! What each tier sees of the skills: one map per tier, in which a skill that the tier may not see is absent rather
//! than filtered out, so that looking for it cannot differ from looking for one that never was.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::guard::{Index, published};
use crate::message::RemoteCard;
use crate::{
    Digest, Grants, GuardRule, Limits, Manifest, PrivateTexts, Schema, SchemaError, SkillName,
    Tier, schema_hash, type_words,
};

/// The one context privacy that cards name: nothing beyond what the input itself carries reaches a skill.
const CONTEXT_PRIVACY: &str = "L1_PUBLIC";

/// Who answers a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// A component, in the sandbox.
    #[default]
    Component,
    /// A model, told the text of slot [`SKILL_SLOT`](crate::SKILL_SLOT): a skill that is a SKILL.md and no code.
    Model,
}

impl Body {
    /// Returns whether a component answers.
    pub const fn is_component(&self) -> bool {
        matches!(self, Self::Component)
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "a component",
            Self::Model => "a model",
        })
    }
}

/// A skill that can be called, with everything prepared that a call or a card needs.
#[derive(Debug)]
pub struct Entry {
    /// The skill's manifest; `min_tier` is the tier in force here.
    pub manifest: Manifest,
    /// What runs it: the component, or for a skill without one its private texts.
    pub digest: Digest,
    /// Who answers.
    pub body: Body,
    /// What models are told, if it has private texts.
    pub private: Option<Arc<PrivateTexts>>,
    /// How those texts are guarded.
    pub guard: GuardRule,
    /// What the owner granted.
    pub grants: Grants,
    /// What one call may use.
    pub limits: Limits,
    /// The input's schema.
    pub input: Schema,
    /// The output's schema.
    pub output: Schema,
    /// The card as it travels, with `ext`.
    pub card: Arc<Value>,
    /// The hash of the card's schema, as peers compute it.
    pub hash: String,
    pub(crate) bare: Arc<Value>,
    pub(crate) card_len: usize,
    pub(crate) bare_len: usize,
    index: OnceLock<Index>,
}

impl Entry {
    /// Prepares a skill: compiles its schemas and writes its card.
    pub fn new(
        manifest: Manifest,
        digest: Digest,
        grants: Grants,
        limits: Limits,
    ) -> Result<Self, SchemaError> {
        let input = Schema::compile(&manifest.input)?;
        let output = Schema::compile(&manifest.output)?;
        let bare = Value::Object(bare_card(&manifest));
        let mut card = bare.clone();
        if let Value::Object(map) = &mut card {
            map.insert(
                "ext".to_owned(),
                json!({ "input": manifest.input, "output": manifest.output }),
            );
        }
        Ok(Self {
            hash: schema_hash(&bare),
            card_len: card.to_string().len(),
            bare_len: bare.to_string().len(),
            card: Arc::new(card),
            bare: Arc::new(bare),
            manifest,
            digest,
            body: Body::Component,
            private: None,
            index: OnceLock::new(),
            guard: GuardRule::default(),
            grants,
            limits,
            input,
            output,
        })
    }

    /// Gives the skill the texts that models are told, and says who answers.
    #[must_use]
    pub fn with_private(mut self, body: Body, private: Arc<PrivateTexts>) -> Self {
        self.body = body;
        self.private = Some(private);
        self
    }

    /// Says how its private texts are guarded.
    #[must_use]
    pub fn with_guard(mut self, guard: GuardRule) -> Self {
        self.guard = guard;
        self
    }

    /// Returns what its private texts are recognised by, if it has any. Made when it is first asked for, which takes some
    /// milliseconds.
    pub fn index(&self) -> Option<&Index> {
        let private = self.private.as_ref()?;
        let make = || Index::new(private, &published(&self.manifest), &self.guard.public);
        Some(self.index.get_or_init(make))
    }

    /// Returns whether [`index`](Self::index) takes no time.
    pub fn has_index(&self) -> bool {
        self.private.is_none() || self.index.get().is_some()
    }

    /// Returns the skill's name.
    pub fn name(&self) -> &str {
        self.manifest.name.as_str()
    }

    /// Returns the whole card as a message carries it.
    pub fn remote_card(&self) -> RemoteCard {
        RemoteCard::own(Arc::clone(&self.card))
    }
}

/// The card in the fields and order of the old peers, which hash some of them.
fn bare_card(manifest: &Manifest) -> Map<String, Value> {
    let mut card = Map::new();
    let mut put = |key: &str, value: Value| card.insert(key.to_owned(), value);
    put("name", json!(manifest.name));
    put("description", json!(manifest.description));
    put("input_schema", type_words(&manifest.input));
    put("output_schema", type_words(&manifest.output));
    // The tier in force, which the reader of the card has anyway: old peers hash it.
    put("min_trust_tier", json!(manifest.min_tier.level()));
    put("max_context_privacy_tier", json!(CONTEXT_PRIVACY));
    if let Some(version) = manifest.version.as_ref().filter(|text| !text.is_empty()) {
        put("version", json!(version));
    }
    if let Some(when) = manifest
        .when_to_use
        .as_ref()
        .filter(|text| !text.is_empty())
    {
        put("when_to_use", json!(when));
    }
    if let Some(category) = manifest.category.as_ref().filter(|word| *word != "query") {
        put("category", json!(category));
    }
    card
}

/// What one tier sees.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    by_name: HashMap<SkillName, Arc<Entry>>,
    sorted: Vec<Arc<Entry>>,
}

impl Shelf {
    /// Returns the skill of that name, if this tier sees it.
    pub fn find(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name)
    }

    /// Returns what this tier sees, by name.
    pub fn cards(&self) -> &[Arc<Entry>] {
        &self.sorted
    }
}

/// One state of everything that is served. A change makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    shelves: [Shelf; Tier::ALL.len()],
}

impl Catalog {
    /// Returns the catalog of these skills. Where two have a name, the first keeps it.
    pub fn new(entries: Vec<Arc<Entry>>) -> Self {
        // A name that is taken stays taken on every shelf, or a lower tier would meet another skill by it.
        let mut taken = HashSet::new();
        let mut sorted: Vec<_> = entries
            .into_iter()
            .filter(|entry| taken.insert(entry.manifest.name.clone()))
            .collect();
        sorted.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        let mut catalog = Self::default();
        for (tier, shelf) in Tier::ALL.into_iter().zip(&mut catalog.shelves) {
            for entry in sorted
                .iter()
                .filter(|entry| entry.manifest.min_tier <= tier)
            {
                let name = entry.manifest.name.clone();
                shelf.by_name.insert(name, Arc::clone(entry));
                shelf.sorted.push(Arc::clone(entry));
            }
        }
        catalog
    }

    /// Returns what a tier sees.
    pub fn seen_by(&self, tier: Tier) -> &Shelf {
        let [untrusted, known, internal, privileged] = &self.shelves;
        match tier {
            Tier::Untrusted => untrusted,
            Tier::Known => known,
            Tier::Internal => internal,
            Tier::Privileged => privileged,
        }
    }
}

/// A tier for a while, for all skills or for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The tier while it lasts.
    pub tier: Tier,
    /// The skills it is for; absent means all.
    pub skills: Option<BTreeSet<String>>,
}

/// How far one peer sees at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The tier that the owner set.
    pub tier: Tier,
    /// What is lent on top of it.
    pub lease: Option<Lease>,
    /// Skills that this peer does not see, whatever its tier.
    pub barred: BTreeSet<String>,
}

/// Where nothing is found.
static BARE: LazyLock<Shelf> = LazyLock::new(Shelf::default);

impl Sight {
    /// Returns the sight of a tier without a lease.
    pub const fn of(tier: Tier) -> Self {
        Self {
            tier,
            lease: None,
            barred: BTreeSet::new(),
        }
    }

    /// Returns the highest tier that holds for all skills.
    pub fn tier(&self) -> Tier {
        match &self.lease {
            Some(Lease { tier, skills: None }) => self.tier.max(*tier),
            _ => self.tier,
        }
    }

    /// Returns the highest tier that holds for any skill.
    pub fn highest(&self) -> Tier {
        self.lease
            .as_ref()
            .map_or(self.tier, |lease| self.tier.max(lease.tier))
    }

    /// Returns the tier that holds for one skill, whether there is such a skill or not.
    pub fn tier_for(&self, name: &str) -> Tier {
        match &self.lease {
            Some(Lease { tier, skills })
                if skills.as_ref().is_none_or(|some| some.contains(name)) =>
            {
                self.tier.max(*tier)
            }
            _ => self.tier,
        }
    }

    /// Returns the skill of that name, if the peer sees it: one lookup on one shelf, whatever the reason it is not there.
    pub fn find<'c>(&self, catalog: &'c Catalog, name: &str) -> Option<&'c Arc<Entry>> {
        let shelf = catalog.seen_by(self.tier_for(name));
        let shelf = if self.barred.contains(name) {
            &BARE
        } else {
            shelf
        };
        shelf.find(name)
    }

    /// Returns what the peer sees, by name.
    pub fn cards<'c>(&self, catalog: &'c Catalog) -> Vec<&'c Arc<Entry>> {
        catalog
            .seen_by(self.highest())
            .cards()
            .iter()
            .filter(|entry| entry.manifest.min_tier <= self.tier_for(entry.name()))
            .filter(|entry| !self.barred.contains(entry.name()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
