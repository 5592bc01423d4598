//! The owner's private texts: what a model is told before it sees a caller's input. They are held so that nothing prints,
//! serialises or compares them by accident; only who asks for a text by name gets it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Manifest};

/// The slot that the body of SKILL.md is bound to; every other one is bound to `prompts/SLOT.md`.
pub const SKILL_SLOT: &str = "skill";

/// A text that must not be printed, logged or sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// How the author of a text wants it to be answered. What is absent is the owner's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelWish {
    /// The provider's name in the owner's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// 0.0 to 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// The most tokens to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

/// A private text and how it wants to be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// The system prompt.
    pub text: Secret,
    /// How to answer it.
    pub wish: ModelWish,
}

/// The private texts of one version of a skill file, by slot.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateTexts {
    slots: BTreeMap<String, Slot>,
    digest: Digest,
}

/// What happens to an answer that holds private text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardMode {
    /// It is not let out.
    Block,
    /// It is let out without the private text, to peers of tier 2 and above.
    Redact,
    /// It is let out, and the owner is told.
    Warn,
}

/// How the author of private texts wants them guarded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardRule {
    /// What happens to an answer that holds them; absent means what the owner set for all skills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<GuardMode>,
    /// Lines of them that answers may quote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public: Vec<String>,
}

impl GuardRule {
    /// Returns whether a text is one line that says something, as those that may be quoted are.
    pub fn is_line(text: &str) -> bool {
        !text.trim().is_empty() && !text.contains(['\n', '\r'])
    }

    /// Returns the rule with further lines that may be quoted.
    #[must_use]
    pub fn with_public(mut self, lines: &[String]) -> Self {
        for line in lines {
            if !self.public.contains(line) {
                self.public.push(line.clone());
            }
        }
        self
    }

    /// Returns what this lets out that no rule would hold back, in words: its author asks for it.
    pub fn asks(&self) -> Vec<String> {
        let mut more = Vec::new();
        let weaker = |mode: &GuardMode| GuardMode::weakens(None, Some(*mode));
        if let Some(mode) = self.mode.filter(weaker) {
            more.push(format!(
                "have its private texts guarded by {:?} only",
                mode.word()
            ));
        }
        if !self.public.is_empty() {
            let lines = self.public.len();
            more.push(format!(
                "let {lines} line(s) of its private texts be quoted"
            ));
        }
        more
    }
}

impl GuardMode {
    /// Returns whether going from one to another could let more out. Absent is what the owner set for all skills.
    pub fn weakens(old: Option<Self>, new: Option<Self>) -> bool {
        match (old, new) {
            (Some(old), Some(new)) => (new as u8) > (old as u8),
            (None, Some(new)) => new != Self::Block,
            (old, None) => old == Some(Self::Block),
        }
    }

    /// Returns its name in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Redact => "redact",
            Self::Warn => "warn",
        }
    }

    /// Returns the one of that name. What has another one holds back.
    pub fn of(word: &str) -> Self {
        let named = [Self::Redact, Self::Warn]
            .into_iter()
            .find(|mode| mode.word() == word);
        named.unwrap_or(Self::Block)
    }
}

impl fmt::Display for GuardMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl GuardRule {
    /// Returns whether it says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Secret {
    /// Takes a text in.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text. Each caller of this is a place where a secret could get out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl PrivateTexts {
    /// Takes over the texts by slot. Their digest covers names, texts and wishes.
    pub fn new(slots: BTreeMap<String, Slot>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("coworker-host private texts v1");
        for (name, slot) in &slots {
            let wish = serde_json::to_string(&slot.wish).unwrap_or_default();
            for part in [name.as_str(), slot.text.reveal(), &wish] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Self {
            slots,
            digest: Digest::from_hash(hasher.finalize()),
        }
    }

    /// Returns what a slot is bound to.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.get(name)
    }

    /// Returns every slot by name.
    pub fn slots(&self) -> impl Iterator<Item = (&str, &Slot)> {
        self.slots.iter().map(|(name, slot)| (name.as_str(), slot))
    }

    /// Returns the digest of a skill that is these texts and no component: of them and of what is published.
    pub fn package(&self, manifest: &Manifest) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("coworker-host skill without component v1");
        hasher.update(self.digest.as_bytes());
        // A manifest has no keys but texts, so writing it cannot fail.
        hasher.update(
            serde_json::to_string(manifest)
                .unwrap_or_default()
                .as_bytes(),
        );
        Digest::from_hash(hasher.finalize())
    }

    /// Returns the digest of all of it. It names the texts and tells nothing of them.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(slots: &[(&str, &str)]) -> PrivateTexts {
        let slot = |text: &str| Slot {
            text: Secret::new(text),
            wish: ModelWish::default(),
        };
        PrivateTexts::new(
            slots
                .iter()
                .map(|(name, text)| ((*name).to_owned(), slot(text)))
                .collect(),
        )
    }

    #[test]
    fn a_text_is_not_printed() {
        let texts = texts(&[(SKILL_SLOT, "the recipe")]);
        assert!(!format!("{texts:?}").contains("recipe"));
        assert_eq!(
            texts.slot(SKILL_SLOT).map(|slot| slot.text.reveal()),
            Some("the recipe")
        );
    }

    #[test]
    fn a_digest_tells_where_one_text_ends_and_the_next_begins() {
        let one = texts(&[("a", "b"), ("c", "d")]);
        assert_eq!(one.digest(), texts(&[("c", "d"), ("a", "b")]).digest());
        for other in [
            texts(&[("a", "bc"), ("c", "d")]),
            texts(&[("a", "b")]),
            texts(&[("a", "d"), ("c", "b")]),
        ] {
            assert_ne!(one.digest(), other.digest());
        }
    }
}
