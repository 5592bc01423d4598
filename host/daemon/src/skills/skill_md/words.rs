//! The keys of a frontmatter that are one word or number: the tier, and how a model is to answer.

use coworker_core::{ModelWish, Tier};
use serde_json::Value;

use super::SkillMdError;
use super::front::{Front, plain};
use super::keys::TIERS;

/// Keys that mean something here.
pub(super) const OURS: [&str; 13] = [
    "name",
    "description",
    "version",
    "when_to_use",
    "arguments",
    "input_schema",
    "output_schema",
    "provider",
    "model",
    "temperature",
    "max_tokens",
    "min_trust_tier",
    "min_tier",
];
/// Keys that other programs read; they say nothing to a peer and nothing to us.
const THEIRS: [&str; 16] = [
    "license",
    "compatibility",
    "metadata",
    "allowed_tools",
    "argument_hint",
    "agent",
    "context",
    "effort",
    "disable_model_invocation",
    "user_invocable",
    "hooks",
    "paths",
    "author",
    "tags",
    "category",
    "homepage",
];
/// Words by which one program chooses among its own models; they name none of a provider's.
const ALIASES: [&str; 7] = [
    "inherit",
    "default",
    "sonnet",
    "opus",
    "haiku",
    "opusplan",
    "sonnet[1m]",
];
/// The most alike two keys are that are not the same one mistyped.
const ALIKE: f64 = 0.92;
/// The longest name of a provider or model.
const NAME: usize = 200;

/// Warns of keys that look like ours and are not.
pub(super) fn unknown(front: &Front, warnings: &mut Vec<String>) {
    for key in front.keys() {
        let plain = key.replace('-', "_").to_lowercase();
        if OURS.contains(&plain.as_str()) || THEIRS.contains(&plain.as_str()) {
            if plain != key.replace('-', "_") {
                warnings.push(format!("`{key}` is not read: write `{plain}`"));
            }
            continue;
        }
        if let Some(near) = near(&plain) {
            warnings.push(format!("`{key}` is not read: did you mean `{near}`?"));
        }
    }
}

/// Returns the key of ours that a key is most like.
fn near(plain: &str) -> Option<&'static str> {
    OURS.iter()
        .map(|name| (strsim::jaro_winkler(name, plain), *name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// Returns whether a key is most like one that gives the least tier.
pub(super) fn near_tier(key: &str) -> bool {
    let plain = key.replace('-', "_").to_lowercase();
    !is_known(key) && near(&plain).is_some_and(|name| TIERS.contains(&name))
}

/// Returns whether a key means something to us or to other programs, in whatever case.
pub(super) fn is_known(key: &str) -> bool {
    let plain = key.replace('-', "_").to_lowercase();
    OURS.contains(&plain.as_str()) || THEIRS.contains(&plain.as_str())
}

/// Returns whether a key means something to us as it is written.
pub(super) fn is_ours(key: &str) -> bool {
    OURS.contains(&key.replace('-', "_").as_str())
}

/// Returns the least tier that is asked for, the highest of all keys that ask. What cannot be understood is refused, also
/// an empty value: it might have meant a higher one.
pub(super) fn tier(front: &Front) -> Result<Option<Tier>, SkillMdError> {
    let mut least = None;
    for (_, value) in front.entries().filter(|(key, _)| TIERS.contains(key)) {
        let word = plain(value);
        let tier = match word.parse::<u8>() {
            Ok(level) => Tier::from_level(level),
            Err(_) => word.to_lowercase().parse().ok(),
        };
        let tier = tier.ok_or_else(|| SkillMdError::Tier(word.chars().take(40).collect()))?;
        least = least.max(Some(tier));
    }
    Ok(least)
}

/// Returns how a model is to answer. What cannot be understood is left to the owner's defaults.
pub(super) fn wish(front: &Front, warnings: &mut Vec<String>) -> ModelWish {
    let mut model = word(front, "model", warnings);
    let provider = word(front, "provider", warnings);
    if let Some(alias) = &model
        && provider.is_none()
        && ALIASES.contains(&alias.as_str())
    {
        if alias != "inherit" && alias != "default" {
            warnings.push(format!(
                "`model` is {alias:?}, which names no provider's model: the owner's default is asked"
            ));
        }
        model = None;
    }
    ModelWish {
        provider,
        model,
        temperature: temperature(front, warnings),
        max_tokens: max_tokens(front, warnings),
    }
}

fn word(front: &Front, key: &str, warnings: &mut Vec<String>) -> Option<String> {
    let text = front.text(key, warnings)?;
    if text.len() > NAME || text.chars().any(char::is_control) {
        warnings.push(format!("`{key}` cannot be a name, and is left out"));
        return None;
    }
    Some(text)
}

fn temperature(front: &Front, warnings: &mut Vec<String>) -> Option<f32> {
    let value = front.get("temperature").filter(|value| !value.is_null())?;
    let number = match value {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let found = number.filter(|number| (0.0..=2.0).contains(number));
    if found.is_none() {
        warnings.push("`temperature` is no number from 0 to 2, and is left out".to_owned());
    }
    found.map(|number| number as f32)
}

fn max_tokens(front: &Front, warnings: &mut Vec<String>) -> Option<u32> {
    let value = front.get("max_tokens").filter(|value| !value.is_null())?;
    let number = match value {
        Value::String(text) => text.trim().parse::<u32>().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    let found = number.filter(|number| *number > 0);
    if found.is_none() {
        warnings.push("`max_tokens` is no whole number above 0, and is left out".to_owned());
    }
    found
}

/// Returns every key that is known.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    OURS.into_iter().chain(THEIRS)
}
