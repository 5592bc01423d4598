//! What the owner reviewed, and what an update may change without another look. An update that passes here can do no
//! more and shows no more than what was approved; how it behaves within that is not judged.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Body, Digest, FsGrant, Grants, GuardMode, GuardRule, HttpGrant, Limits, Manifest, SkillName,
    StateGrant, Tier,
};

/// Everything about one state of a skill file that the owner's approval binds to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// The component; of a skill without one, everything that was read.
    pub digest: Digest,
    /// Who answers.
    #[serde(default, skip_serializing_if = "Body::is_component")]
    pub body: Body,
    /// The private texts beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Digest>,
    /// How they are guarded.
    #[serde(default, skip_serializing_if = "GuardRule::is_default")]
    pub guard: GuardRule,
    /// Its skills; `min_tier` is the least tier that component and file beside it ask for together.
    pub manifests: Vec<Manifest>,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// What it asks for, and once approved, what it was granted.
    pub grants: Grants,
    /// What one call may use.
    pub limits: Limits,
}

impl Reviewed {
    /// Returns whether another state would run the same component with the same private texts.
    pub fn runs_the_same(&self, other: &Self) -> bool {
        self.digest == other.digest && self.private == other.private
    }
}

/// How strict the owner wants updates to be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// Every new component waits, whatever it changes.
    pub review_all: bool,
    /// Cards may change: for an author at work. Tiers still never fall and grants never grow.
    pub dev: bool,
}

/// What becomes of an update.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It takes the place of the approved version.
    Swap,
    /// It waits for the owner.
    Wait(Vec<Reason>),
}

/// Why an update waits.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It reaches beyond what was approved.
    Beyond(Change),
    /// Another component or other texts would run, and what was granted binds to those that were approved.
    BoundToCode,
    /// Another component or other texts would run, and the owner reviews each.
    ReviewAll,
}

/// A part of what callers read of a skill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardPart {
    /// The version.
    Version,
    /// The description.
    Description,
    /// When to use it.
    WhenToUse,
    /// The category.
    Category,
    /// The schema of the input.
    Input,
    /// The schema of the output.
    Output,
}

/// One difference between two states of a skill file.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Another component.
    Code(Digest, Digest),
    /// A component where a model answered, or the other way round.
    Body(Body, Body),
    /// Other private texts.
    Texts(Option<Digest>, Option<Digest>),
    /// The private texts are guarded in another way.
    Guard(Option<GuardMode>, Option<GuardMode>),
    /// A line of the private texts that may be quoted.
    QuotableAdded(String),
    /// A line that may no longer be quoted.
    QuotableGone(String),
    /// A new import.
    ImportAdded(String),
    /// An import that is gone.
    ImportGone(String),
    /// A new skill.
    SkillAdded(SkillName),
    /// A skill that is gone.
    SkillGone(SkillName),
    /// A skill's least tier is another.
    Tier(SkillName, Tier, Tier),
    /// What callers read of a skill is another; both as text.
    Card(SkillName, CardPart, String, String),
    /// Something more is asked for, in words.
    GrantAdded(String),
    /// Something is no longer asked for, in words.
    GrantGone(String),
    /// A limit is another; both as text.
    Limit(&'static str, String, String, bool),
}

impl Change {
    /// Returns whether the newer state reaches beyond the older one.
    pub fn widens(&self) -> bool {
        match self {
            Self::Body(..)
            | Self::ImportAdded(_)
            | Self::SkillAdded(_)
            | Self::Card(..)
            | Self::GrantAdded(_)
            | Self::QuotableAdded(_) => true,
            Self::Guard(old, new) => GuardMode::weakens(*old, *new),
            Self::Tier(_, old, new) => new < old,
            Self::Limit(_, _, _, raised) => *raised,
            Self::Code(..)
            | Self::Texts(..)
            | Self::QuotableGone(_)
            | Self::ImportGone(_)
            | Self::SkillGone(_)
            | Self::GrantGone(_) => false,
        }
    }

    /// Returns whether only what callers read changes.
    pub const fn is_card(&self) -> bool {
        matches!(self, Self::Card(..) | Self::SkillAdded(_))
    }

    /// Returns what changes, before and after, as text for the owner.
    pub fn sides(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Code(old, new) => (Some(old.to_string()), Some(new.to_string())),
            Self::Body(old, new) => (Some(old.to_string()), Some(new.to_string())),
            Self::Texts(old, new) => (old.map(|of| of.to_string()), new.map(|of| of.to_string())),
            Self::Guard(old, new) => (old.map(|of| of.to_string()), new.map(|of| of.to_string())),
            Self::ImportAdded(name) | Self::GrantAdded(name) | Self::QuotableAdded(name) => {
                (None, Some(name.clone()))
            }
            Self::ImportGone(name) | Self::GrantGone(name) | Self::QuotableGone(name) => {
                (Some(name.clone()), None)
            }
            Self::SkillAdded(name) => (None, Some(name.to_string())),
            Self::SkillGone(name) => (Some(name.to_string()), None),
            Self::Tier(_, old, new) => (Some(old.to_string()), Some(new.to_string())),
            Self::Card(_, _, old, new) | Self::Limit(_, old, new, _) => {
                (Some(old.clone()), Some(new.clone()))
            }
        }
    }
}

/// Returns every difference between two states, code first.
pub fn changes(old: &Reviewed, new: &Reviewed) -> Vec<Change> {
    let mut found = Vec::new();
    if old.body != new.body {
        found.push(Change::Body(old.body, new.body));
    } else if old.body.is_component() && old.digest != new.digest {
        found.push(Change::Code(old.digest, new.digest));
    }
    if old.private != new.private {
        found.push(Change::Texts(old.private, new.private));
    }
    guard_changes(&old.guard, &new.guard, &mut found);
    let added = new
        .imports
        .iter()
        .filter(|name| !old.imports.contains(name));
    found.extend(added.cloned().map(Change::ImportAdded));
    let gone = old
        .imports
        .iter()
        .filter(|name| !new.imports.contains(name));
    found.extend(gone.cloned().map(Change::ImportGone));
    for skill in &new.manifests {
        match old.manifests.iter().find(|other| other.name == skill.name) {
            Some(other) => card_changes(other, skill, &mut found),
            None => found.push(Change::SkillAdded(skill.name.clone())),
        }
    }
    for skill in &old.manifests {
        if !new.manifests.iter().any(|other| other.name == skill.name) {
            found.push(Change::SkillGone(skill.name.clone()));
        }
    }
    let more = beyond(&old.grants, &new.grants);
    found.extend(more.into_iter().map(Change::GrantAdded));
    let less = beyond(&new.grants, &old.grants);
    found.extend(less.into_iter().map(Change::GrantGone));
    for (before, after) in old.limits.fields().into_iter().zip(new.limits.fields()) {
        if before.value != after.value {
            let raised = after.value > before.value;
            found.push(Change::Limit(after.key, before.text, after.text, raised));
        }
    }
    found
}

fn guard_changes(old: &GuardRule, new: &GuardRule, found: &mut Vec<Change>) {
    if old.mode != new.mode {
        found.push(Change::Guard(old.mode, new.mode));
    }
    let only = |one: &GuardRule, other: &GuardRule| -> Vec<String> {
        let lines = one.public.iter();
        lines
            .filter(|line| !other.public.contains(line))
            .cloned()
            .collect()
    };
    found.extend(only(new, old).into_iter().map(Change::QuotableAdded));
    found.extend(only(old, new).into_iter().map(Change::QuotableGone));
}

fn card_changes(old: &Manifest, new: &Manifest, found: &mut Vec<Change>) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let parts = [
        (
            CardPart::Version,
            old.version != new.version,
            text(&old.version),
            text(&new.version),
        ),
        (
            CardPart::Description,
            old.description != new.description,
            old.description.clone(),
            new.description.clone(),
        ),
        (
            CardPart::WhenToUse,
            old.when_to_use != new.when_to_use,
            text(&old.when_to_use),
            text(&new.when_to_use),
        ),
        (
            CardPart::Category,
            old.category != new.category,
            text(&old.category),
            text(&new.category),
        ),
        (
            CardPart::Input,
            old.input != new.input,
            old.input.to_string(),
            new.input.to_string(),
        ),
        (
            CardPart::Output,
            old.output != new.output,
            old.output.to_string(),
            new.output.to_string(),
        ),
    ];
    for (part, differs, old, new_text) in parts {
        if differs {
            found.push(Change::Card(new.name.clone(), part, old, new_text));
        }
    }
    if old.min_tier != new.min_tier {
        found.push(Change::Tier(new.name.clone(), old.min_tier, new.min_tier));
    }
}

/// Returns in words what `asked` holds beyond `granted`.
pub fn beyond(granted: &Grants, asked: &Grants) -> Vec<String> {
    let mut more = Vec::new();
    if asked.llm && !granted.llm {
        more.push("ask models (llm)".to_owned());
    }
    match (granted.state, asked.state) {
        (StateGrant::None, StateGrant::PerCaller) => {
            more.push("remember per caller (state)".to_owned());
        }
        (StateGrant::None | StateGrant::PerCaller, StateGrant::Shared) => more.push(
            "remember across callers, which is a channel between them (state = \"shared\")"
                .to_owned(),
        ),
        _ => {}
    }
    for (key, value) in &asked.env {
        if granted.env.get(key) != Some(value) {
            more.push(format!("read the constant {key}={value:?} (env)"));
        }
    }
    for asked in &asked.fs {
        if !granted.fs.iter().any(|granted| fs_covers(granted, asked)) {
            let verb = if asked.write {
                "read and write"
            } else {
                "read"
            };
            more.push(format!(
                "{verb} the folder {:?} as {:?} (fs)",
                asked.host, asked.guest
            ));
        }
    }
    for asked in &asked.http {
        if !granted
            .http
            .iter()
            .any(|granted| http_covers(granted, asked))
        {
            let mut words = format!("ask {} with {}", asked.url, asked.methods.join(", "));
            for (name, value) in &asked.headers {
                words.push_str(&format!(", adding the header {name}: {value:?}"));
            }
            more.push(words + " (http)");
        }
    }
    more
}

fn fs_covers(granted: &FsGrant, asked: &FsGrant) -> bool {
    granted.host == asked.host && granted.guest == asked.guest && (granted.write || !asked.write)
}

fn http_covers(granted: &HttpGrant, asked: &HttpGrant) -> bool {
    granted.url == asked.url
        && asked
            .methods
            .iter()
            .all(|method| granted.methods.contains(method))
        && asked
            .headers
            .iter()
            .all(|(name, value)| granted.headers.get(name) == Some(value))
}

/// Decides whether an update takes the place of what was approved, or waits for the owner. `usual` are the limits that the
/// owner lets such a skill have without asking: who stays within them was given that by the owner.
pub fn judge_update(
    approved: &Reviewed,
    candidate: &Reviewed,
    usual: &Limits,
    policy: UpdatePolicy,
) -> Update {
    let above = candidate.limits.above(usual);
    let is_usual = |change: &Change| match change {
        Change::Limit(key, ..) => !above.iter().any(|(_, asked)| asked.key == *key),
        _ => false,
    };
    let mut reasons: Vec<Reason> = changes(approved, candidate)
        .into_iter()
        .filter(|change| change.widens() && !is_usual(change))
        .filter(|change| !(policy.dev && change.is_card()))
        .map(Reason::Beyond)
        .collect();
    if !approved.runs_the_same(candidate) {
        if candidate.grants.binds_to_code() {
            reasons.push(Reason::BoundToCode);
        }
        if policy.review_all {
            reasons.push(Reason::ReviewAll);
        }
    }
    if reasons.is_empty() {
        Update::Swap
    } else {
        Update::Wait(reasons)
    }
}

/// Returns the tier in force: what is asked for at least, raised by the owner. Only the owner's own word makes a skill
/// public.
pub fn tier_in_force(asked: Tier, owner: Option<Tier>) -> Tier {
    match owner {
        Some(tier) => asked.max(tier),
        None => asked.max(Tier::Known),
    }
}

impl fmt::Display for CardPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Description => "description",
            Self::WhenToUse => "when-to-use",
            Self::Category => "category",
            Self::Input => "input schema",
            Self::Output => "output schema",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(..) => f.write_str("the component is another"),
            Self::Body(_, new) => write!(f, "{new} answers now"),
            Self::Texts(None, _) => f.write_str("it has private texts"),
            Self::Texts(_, None) => f.write_str("it has no private texts any more"),
            Self::Texts(..) => f.write_str("its private texts are others"),
            Self::Guard(..) => f.write_str("its private texts are guarded in another way"),
            Self::QuotableAdded(_) => f.write_str("a line of its private texts may be quoted"),
            Self::QuotableGone(_) => f.write_str("a line may no longer be quoted"),
            Self::ImportAdded(name) => write!(f, "it imports {name}"),
            Self::ImportGone(name) => write!(f, "it no longer imports {name}"),
            Self::SkillAdded(name) => write!(f, "it brings a new skill, {name}"),
            Self::SkillGone(name) => write!(f, "the skill {name} is gone"),
            Self::Tier(name, old, new) if new < old => {
                write!(f, "the least tier of {name} falls from {old} to {new}")
            }
            Self::Tier(name, old, new) => {
                write!(f, "the least tier of {name} rises from {old} to {new}")
            }
            Self::Card(name, part, ..) => write!(f, "the {part} of {name} is another"),
            Self::GrantAdded(words) => write!(f, "it asks to {words}"),
            Self::GrantGone(words) => write!(f, "it no longer asks to {words}"),
            Self::Limit(key, old, new, _) => write!(f, "the limit {key} goes from {old} to {new}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beyond(change) => change.fmt(f),
            Self::BoundToCode => f.write_str(
                "it is another component or has other texts, and files, network, constants or shared state were granted to what was approved",
            ),
            Self::ReviewAll => f.write_str(
                "it is another component or has other texts, and `updates = \"review\"` makes each wait",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
