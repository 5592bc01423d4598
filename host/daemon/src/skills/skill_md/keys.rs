//! Refuses keys of a frontmatter that look like a tier, a limit on who may call, or a grant, and are not read where they
//! stand. Their author meant something stricter than what would be served.

use serde_json::{Map, Value};

use super::front::{Front, plain};
use super::likeness::{self, Likeness};
use super::{SkillMdError, layout, words};

/// The keys that give the least tier.
pub(super) const TIERS: [&str; 4] = ["min_trust_tier", "min-trust-tier", "min_tier", "min-tier"];
/// What a caller sends or gets, in its author's own words.
const SHAPES: [&str; 3] = ["arguments", "input_schema", "output_schema"];
/// Keys of a schema below which values stand and no keys of it.
const VALUES: [&str; 5] = ["default", "example", "examples", "const", "enum"];
/// Sections of grants.toml.
const SECTIONS: [&str; 6] = ["grants", "grant", "limits", "limit", "guard", "guards"];
/// Running text, in which words of ours may stand.
const PROSE: [&str; 2] = ["description", "when_to_use"];

/// Looks at every key and value.
pub(super) fn check(front: &Front, warnings: &mut Vec<String>) -> Result<(), SkillMdError> {
    for (key, value) in front.entries() {
        if TIERS.contains(&key) {
            continue;
        }
        let known = key.replace('-', "_");
        if SHAPES.contains(&known.as_str()) {
            shape(key, value)?;
            continue;
        }
        if PROSE.contains(&known.as_str()) {
            text(key, value, true)?;
            continue;
        }
        if words::near_tier(key) {
            return Err(SkillMdError::Tierlike(key.to_owned()));
        }
        entry(key, key, value, warnings)?;
        let below = value.as_object().filter(|_| known == "metadata");
        let mut sections = below.into_iter().flat_map(Map::keys).chain([&known]);
        if let Some(section) =
            sections.find(|name| SECTIONS.contains(&name.to_lowercase().as_str()))
        {
            return Err(SkillMdError::Section(section.clone()));
        }
    }
    Ok(())
}

/// Refuses what looks like a tier in the frontmatter of a text that has none of its own.
pub(super) fn check_slot(front: &Front, warnings: &mut Vec<String>) -> Result<(), SkillMdError> {
    for (key, value) in front.entries() {
        if TIERS.contains(&key) {
            return Err(SkillMdError::Tierlike(key.to_owned()));
        }
        entry(key, key, value, warnings)?;
    }
    Ok(())
}

fn entry(
    place: &str,
    key: &str,
    value: &Value,
    warnings: &mut Vec<String>,
) -> Result<(), SkillMdError> {
    match likeness::of_key(key) {
        Likeness::Tier => return Err(SkillMdError::Tierlike(place.to_owned())),
        Likeness::Foreign if names_tier(value) => {
            return Err(SkillMdError::Tierlike(place.to_owned()));
        }
        Likeness::Foreign => warnings.push(format!(
            "`{place}` says nothing of who may call: that is `min_trust_tier`"
        )),
        Likeness::Access if keeps_out(value) => return Err(SkillMdError::Access(place.to_owned())),
        Likeness::Open if !lets_in(value) => return Err(SkillMdError::Access(place.to_owned())),
        Likeness::Level if names_tier(value) => {
            return Err(SkillMdError::Access(place.to_owned()));
        }
        Likeness::Access | Likeness::Open | Likeness::Level | Likeness::Plain => {}
    }
    inner(place, value, warnings)
}

fn inner(place: &str, value: &Value, warnings: &mut Vec<String>) -> Result<(), SkillMdError> {
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| {
            entry(&format!("{place}.{}", short(key)), key, value, warnings)
        }),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| inner(place, item, warnings)),
        Value::String(_) => text(place, value, false),
        _ => Ok(()),
    }
}

/// Looks at a schema or a list of arguments. What they call their parts is their author's own; only our key with a tier as
/// its value was put there by mistake.
fn shape(place: &str, value: &Value) -> Result<(), SkillMdError> {
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| {
            let place = format!("{place}.{}", short(key));
            let is_plain = !value.is_object() && !value.is_array();
            if is_plain && likeness::is_ours(key) && likeness::is_value(&plain(value)) {
                return Err(SkillMdError::Tierlike(place));
            }
            if VALUES.contains(&key.as_str()) {
                return Ok(());
            }
            shape(&place, value)
        }),
        Value::Array(items) => items.iter().try_for_each(|item| shape(place, item)),
        _ => Ok(()),
    }
}

/// Refuses a text that holds our key with a value, as one that slipped into another, or a whole map written as a text.
fn text(place: &str, value: &Value, is_prose: bool) -> Result<(), SkillMdError> {
    let Value::String(text) = value else {
        return Ok(());
    };
    // The first line of running text may be a title; a further one that gives a tier is a key that was indented.
    let mut lines = text.lines().skip(usize::from(is_prose));
    let slipped = layout::assigns(text)
        || lines.any(layout::says_pair)
        || (!is_prose && (likeness::is_highest(text) || text.lines().any(layout::says_tier)));
    if slipped {
        return Err(SkillMdError::Tierlike(place.to_owned()));
    }
    Ok(())
}

/// Returns whether a value is the name of one of our tiers, and no number.
fn names_tier(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(names_tier),
        Value::String(text) => {
            likeness::is_value(text) && !text.chars().any(|c| c.is_ascii_digit())
        }
        _ => false,
    }
}

fn keeps_out(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => items.iter().any(keeps_out),
        Value::Null | Value::Bool(false) => false,
        other => !matches!(
            plain(other).to_lowercase().as_str(),
            "" | "0"
                | "all"
                | "any"
                | "anybody"
                | "anyone"
                | "everybody"
                | "everyone"
                | "exposed"
                | "false"
                | "no"
                | "none"
                | "off"
                | "open"
                | "public"
                | "unrestricted"
                | "visible"
                | "world"
                | "*"
        ),
    }
}

fn lets_in(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(true) => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.iter().all(|item| !likeness::is_value(&plain(item))),
        other => {
            let text = plain(other).to_lowercase();
            !matches!(
                text.as_str(),
                "false" | "no" | "off" | "none" | "never" | "nobody"
            ) && !likeness::is_value(&text)
        }
    }
}

fn short(key: &str) -> String {
    key.chars().take(80).collect()
}
