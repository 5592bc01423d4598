//! What a component says of its skills, checked before anybody sees it. Texts and schemas come from strangers.

use std::collections::BTreeSet;

use coworker_core::{Limits, Manifest, SkillName, Tier};
use serde_json::Value;

use crate::bindings::types;
use crate::error::ManifestError;
use crate::journal::cut;

/// The longest description, and the longest advice when to use a skill.
const PROSE: usize = 4_096;
/// The longest version or category.
const WORD: usize = 64;
/// The longest schema.
const SCHEMA: usize = 64 << 10;

/// Checks all manifests of a component.
pub(crate) fn check(described: Vec<types::Manifest>) -> Result<Vec<Manifest>, ManifestError> {
    if described.is_empty() {
        return Err(ManifestError::None);
    }
    if described.len() > Limits::SKILLS_PER_COMPONENT {
        return Err(ManifestError::TooMany(described.len()));
    }
    let mut names = BTreeSet::new();
    described
        .into_iter()
        .map(|one| {
            let manifest = check_one(one)?;
            if names.insert(manifest.name.clone()) {
                Ok(manifest)
            } else {
                Err(ManifestError::Twice(manifest.name.as_str().to_owned()))
            }
        })
        .collect()
}

fn check_one(described: types::Manifest) -> Result<Manifest, ManifestError> {
    let name: SkillName = described.name.parse()?;
    let text = |field, text: &str, least, most| {
        if (least..=most).contains(&text.len()) {
            Ok(())
        } else {
            Err(ManifestError::Text {
                skill: name.as_str().to_owned(),
                field,
                size: text.len(),
                least,
                most,
            })
        }
    };
    text("description", described.description.trim(), 1, PROSE)?;
    if let Some(version) = &described.version {
        text("version", version, 1, WORD)?;
    }
    if let Some(when) = &described.when_to_use {
        text("when-to-use", when, 0, PROSE)?;
    }
    if let Some(category) = &described.category {
        text("category", category, 0, WORD)?;
    }
    let schema = |which, text: &str| {
        parse_schema(text).map_err(|why| ManifestError::Schema {
            skill: name.as_str().to_owned(),
            which,
            why,
        })
    };
    Ok(Manifest {
        input: schema("input", &described.input_schema)?,
        output: schema("output", &described.output_schema)?,
        min_tier: match described.min_tier {
            types::Tier::Untrusted => Tier::Untrusted,
            types::Tier::Known => Tier::Known,
            types::Tier::Internal => Tier::Internal,
            types::Tier::Privileged => Tier::Privileged,
        },
        version: described.version,
        description: described.description,
        when_to_use: described.when_to_use,
        category: described.category,
        name,
    })
}

fn parse_schema(text: &str) -> Result<Value, String> {
    if text.len() > SCHEMA {
        return Err(format!(
            "it has {} bytes; at most {SCHEMA} are allowed",
            text.len()
        ));
    }
    let value = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    check_schema(&value)?;
    Ok(value)
}

/// Checks that a schema is one, and that checking a value against it ends.
pub(crate) fn check_schema(value: &Value) -> Result<(), String> {
    match coworker_core::Schema::compile(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(cut(&error.to_string(), 400).to_owned()),
    }
}
