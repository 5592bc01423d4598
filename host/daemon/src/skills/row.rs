//! What the owner reads about skills. Nothing here is for peers. Texts of authors are passed on raw: whoever prints them
//! makes them printable.

use coworker_core::{
    Body, Digest, Grants, GuardRule, Limits, ModelWish, PrivateTexts, Tier, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one skill of one file is to peers, or why it is nothing to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Peers of its tier see it.
    Exposed,
    /// Approved, and shown to nobody.
    Hidden,
    /// Waits for the owner.
    Pending,
    /// Is being read or compiled.
    Compiling,
    /// Another file serves its name.
    Shadowed,
    /// Approved, and cannot run.
    Unavailable,
    /// Cannot become a skill as it is.
    Broken,
    /// Was not looked into.
    Ignored,
}

impl RowState {
    /// Returns whether the owner should look at it.
    pub const fn needs_attention(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Shadowed | Self::Unavailable | Self::Broken | Self::Ignored
        )
    }
}

/// One skill of one file; a file that is no skill yet has one row without a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkillRow {
    /// The skill.
    pub name: Option<String>,
    /// The file: below the home as `skills/NAME.wasm`, elsewhere with its whole path.
    pub file: String,
    /// How it stands.
    pub state: RowState,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// The version that its author gave it.
    pub version: Option<String>,
    /// The least tier that sees it.
    pub tier: Option<Tier>,
    /// The component.
    pub digest: Option<Digest>,
    /// What stands beside it and does not serve: a newer state of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateRow>,
    /// What its author should look at, as `wrap` says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A newer state of a file whose approved version goes on serving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateRow {
    /// `compiling`, `pending` or `broken`.
    pub state: RowState,
    /// Its component, if it could be read.
    pub digest: Option<Digest>,
    /// Why it does not serve.
    pub reasons: Vec<String>,
}

/// Everything about one skill, for the owner to decide on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Its row.
    #[serde(flatten)]
    pub row: SkillRow,
    /// What callers read, as it would be published. Of the state that waits, if one does.
    pub card: Option<Value>,
    /// Who answers.
    #[serde(default)]
    pub body: Body,
    /// Its private texts.
    #[serde(default)]
    pub texts: Vec<PrivateRow>,
    /// How they are guarded.
    #[serde(default)]
    pub guard: GuardRule,
    /// The interfaces it imports, where that is known.
    pub imports: Option<Vec<String>>,
    /// The most the component could ever do, in sentences, where that is known.
    pub ceiling: Option<Vec<String>>,
    /// What it asks for, unless that cannot be read.
    pub asked: Option<Grants>,
    /// What it asks for, in words, unless that cannot be read.
    pub asks: Option<Vec<String>>,
    /// What the owner granted.
    pub granted: Grants,
    /// What one call may use, of what can be approved.
    pub limits: Option<Limits>,
    /// The component approved before, to which a rollback leads.
    pub previous: Option<Digest>,
    /// When the version in force was approved.
    pub approved_at: Option<Timestamp>,
    /// How it was approved.
    pub approved_by: Option<String>,
    /// Names exactly what was shown: an approval that carries it approves nothing else.
    pub review: String,
    /// Every skill of the component, which an approval approves together.
    pub together: Vec<String>,
    /// What would change, where something waits or a comparison was asked for.
    pub changes: Option<Vec<ChangeRow>>,
}

/// One private text, by all that is told of it: never what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrivateRow {
    /// The slot it is bound to.
    pub slot: String,
    /// How long it is.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
    /// How it wants to be answered.
    pub wish: ModelWish,
}

impl PrivateRow {
    /// Returns a row for every text.
    pub fn of(texts: &PrivateTexts) -> Vec<Self> {
        let row = |(slot, held): (&str, &coworker_core::Slot)| Self {
            slot: slot.to_owned(),
            bytes: held.text.reveal().len() as u64,
            digest: Digest::of(held.text.reveal().as_bytes()),
            wish: held.wish.clone(),
        };
        texts.slots().map(row).collect()
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// What is different.
    pub what: String,
    /// As it was approved.
    pub from: Option<String>,
    /// As it would be.
    pub to: Option<String>,
    /// Whether it is why the update waits.
    pub waits: bool,
}

/// How the owner exposes a skill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expose {
    /// From which tier on; absent means the one its author asks for, and at least `known`.
    pub tier: Option<Tier>,
    /// The `review` of the inspection that the owner looked at. If the skill is no longer that, nothing is approved.
    pub review: Option<String>,
}

/// What the owner may set for a skill.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configure {
    /// The least tier.
    pub min_tier: Option<Tier>,
    /// Limits by key, as people write them.
    pub limits: serde_json::Map<String, Value>,
}

/// What is in force after [`Configure`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Configured {
    /// The skill.
    pub name: String,
    /// The least tier that sees it.
    pub tier: Tier,
    /// What one call may use.
    pub limits: Limits,
}

/// What a rollback did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The skill.
    pub name: String,
    /// The component that served.
    pub from: Digest,
    /// The component that serves.
    pub to: Digest,
    /// Its version.
    pub version: Option<String>,
}
