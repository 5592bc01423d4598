//! The skills of a component: what `#[skill]` registers, and how a call finds its function.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, Result};

/// How far the owner must trust a caller before the skill exists for that caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Anybody, if the owner exposes the skill to everybody.
    Untrusted,
    /// Peers the owner has let in.
    Known,
    /// The owner's own circle.
    Internal,
    /// Peers the owner would hand the keys to.
    Privileged,
}

/// One registered function.
pub struct Skill {
    /// The name callers use.
    pub name: &'static str,
    /// The version callers may pin.
    pub version: Option<&'static str>,
    /// The function's doc comment.
    pub description: &'static str,
    /// When a caller's agent should pick it.
    pub when_to_use: Option<&'static str>,
    /// Its kind.
    pub category: Option<&'static str>,
    /// The least tier of a caller.
    pub min_tier: Tier,
    /// Writes the input's schema.
    pub input: fn() -> String,
    /// Writes the output's schema.
    pub output: fn() -> String,
    /// Runs it: JSON in, JSON out.
    pub run: fn(&str) -> Result<String>,
}

inventory::collect!(Skill);

/// What a fallible skill returns.
pub trait Outcome {
    /// The output.
    type Output;
}

impl<T, E> Outcome for std::result::Result<T, E> {
    type Output = T;
}

/// Returns all skills in the order of their names, so that a component describes itself the same way every time.
pub(crate) fn skills() -> Vec<&'static Skill> {
    let mut skills: Vec<_> = inventory::iter::<Skill>.into_iter().collect();
    skills.sort_by_key(|skill| skill.name);
    skills
}

/// Runs the skill of that name.
pub(crate) fn invoke(name: &str, input: &str) -> Result<String> {
    let skill = inventory::iter::<Skill>
        .into_iter()
        .find(|skill| skill.name == name);
    match skill {
        Some(skill) => (skill.run)(input),
        None => Err(crate::failed("no such skill in this component")),
    }
}

/// Reads an input.
pub fn read<T: DeserializeOwned>(input: &str) -> Result<T> {
    serde_json::from_str(input).map_err(crate::invalid)
}

/// Writes an output.
pub fn write<T: Serialize, E: Into<Failure>>(output: std::result::Result<T, E>) -> Result<String> {
    serde_json::to_string(&output.map_err(Into::into)?).map_err(crate::failed)
}

/// Writes the schema of a type: JSON Schema 2020-12 with local references only.
pub fn schema<T: JsonSchema>() -> String {
    // Inlined, a schema reads from top to bottom; only types that hold themselves keep a reference.
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    // Every published byte should tell a caller something: these two name our own types.
    schema.remove("$schema");
    schema.remove("title");
    schema.as_value().to_string()
}
