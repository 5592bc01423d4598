//! The frontmatter as keys and values. It comes from strangers, so the YAML library reads it within a budget: what
//! expands, nests or repeats beyond any honest file is refused before it is built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, NonFiniteFloatPolicy, Options};

use super::{SkillMdError, mend};

/// The longest frontmatter.
const LARGEST: usize = 64 << 10;
/// How deep it may nest: a schema may nest 32 levels below its own key.
const DEPTH: usize = 40;
/// How many values and keys it may hold, with what its aliases repeat.
const NODES: usize = 10_000;
/// How many aliases, and how many anchors, it may use.
const ALIASES: usize = 100;
const EXPANDS: &str = "its anchors and aliases repeat more than is read";

/// Keys and values, as written at the top.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Front {
    map: Map<String, Value>,
    yaml: String,
}

/// Why a text was not read.
enum Problem {
    Hostile(String),
    Wrong { line: u64, why: String },
}

/// Reads a frontmatter that begins on `line`. Returns nothing if it is YAML and no list of keys.
pub(super) fn parse(
    yaml: &str,
    line: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<Front>, SkillMdError> {
    if yaml.len() > LARGEST {
        return Err(SkillMdError::Hostile(format!(
            "it has {} bytes; at most {LARGEST} are read",
            yaml.len()
        )));
    }
    let (value, yaml) = match value(yaml) {
        Ok(value) => (value, yaml.to_owned()),
        Err(Problem::Hostile(why)) => return Err(SkillMdError::Hostile(why)),
        Err(Problem::Wrong { line: at, why }) => {
            let mended = mend::mend(yaml, |text| value(text).is_ok());
            let read = mended.and_then(|mended| Some((value(&mended.yaml).ok()?, mended)));
            let Some((value, mended)) = read else {
                let line = (line as u64 + at).saturating_sub(1);
                return Err(SkillMdError::Yaml { line, why });
            };
            warnings.push(format!(
                "its frontmatter is not YAML: {} is read as if it stood in quotes",
                mended.keys.join(", ")
            ));
            (value, mended.yaml)
        }
    };
    Ok(match value {
        Value::Null => Some(Front::default()),
        Value::Object(map) => Some(Front { map, yaml }),
        _ => None,
    })
}

fn value(yaml: &str) -> Result<Value, Problem> {
    serde_saphyr::from_str_with_options(yaml, options()).map_err(|error| problem(&error))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(LARGEST),
            max_events: NODES * 3,
            max_nodes: NODES,
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_documents: 1,
            max_aliases: ALIASES,
            max_anchors: ALIASES,
            max_recorded_anchor_events: NODES,
            max_recorded_anchor_bytes: LARGEST,
            max_total_scalar_bytes: LARGEST * 4,
            max_merge_keys: ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES,
            max_replay_stack_depth: 8,
            max_alias_expansions_per_anchor: ALIASES,
        },
        // `on`, `off`, `yes` and `no` are words, as in YAML 1.2.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
    }
}

fn problem(error: &Error) -> Problem {
    let mut inner = error.without_snippet();
    while let Error::AliasError { error, .. } = inner {
        inner = error;
    }
    match inner {
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => Problem::Hostile(EXPANDS.to_owned()),
        Error::Budget { breach, .. } => Problem::Hostile(match breach {
            BudgetBreach::Depth { .. } => format!("it nests deeper than {DEPTH} levels"),
            BudgetBreach::Aliases { .. }
            | BudgetBreach::Anchors { .. }
            | BudgetBreach::RecordedAnchorEvents { .. }
            | BudgetBreach::RecordedAnchorBytes { .. }
            | BudgetBreach::MergeKeys { .. } => EXPANDS.to_owned(),
            _ => format!("it holds more than {NODES} keys and values, or more text than is read"),
        }),
        _ => {
            let why = sentence(&error.to_string());
            // The parser below has a bound of its own for what nests, and no kind for it.
            if why.contains("recursion limit") {
                return Problem::Hostile(format!("it nests deeper than {DEPTH} levels"));
            }
            let line = error.location().map_or(1, |at| at.line());
            Problem::Wrong { line, why }
        }
    }
}

/// Returns what the library says, without its advice to programmers and without its own count of lines.
fn sentence(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" at line ").next().unwrap_or_default();
    let text = text.split(", set ").next().unwrap_or_default();
    text.trim_end_matches([':', ' ']).to_owned()
}

impl Front {
    /// Returns the value of a key. Hyphens and underscores are the same in keys.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Returns whether a key is there with any value at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !value.is_null())
    }

    /// Returns every key as written.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// Returns every key as written, with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns a key's text, as written where it is a number. A list of words is joined; anything else is no text.
    pub(super) fn text(&self, key: &str, warnings: &mut Vec<String>) -> Option<String> {
        let (name, value) = self.entry(key)?;
        let text = match value {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => self.written(&[name])?,
            Value::Array(items) if !items.is_empty() && items.iter().all(is_plain) => {
                warnings.push(format!("`{key}` is a list, and is read as one text"));
                items.iter().map(plain).collect::<Vec<_>>().join(", ")
            }
            Value::Array(_) | Value::Object(_) => {
                warnings.push(format!("`{key}` is no text, and is left out"));
                return None;
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// Returns a text of the section `metadata`.
    pub(super) fn metadata(&self, key: &str) -> Option<String> {
        let (name, value) = self.entry("metadata")?;
        let text = match value.get(key)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => self.written(&[name, key])?,
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    fn entry(&self, key: &str) -> Option<(&str, &Value)> {
        if let Some((name, value)) = self.map.get_key_value(key) {
            return Some((name, value));
        }
        let same = |name: &str| name.replace('-', "_") == key.replace('-', "_");
        let found = self.map.iter().find(|(name, _)| same(name))?;
        Some((found.0, found.1))
    }

    /// Returns a scalar as it stands in the file: `1.10` is a version, and not the number 1.1.
    fn written(&self, path: &[&str]) -> Option<String> {
        let found = serde_saphyr::with_deserializer_from_str_with_options(
            &self.yaml,
            options(),
            |deserializer| Pick(path).deserialize(deserializer),
        );
        found.ok().flatten().map(|text| text.trim().to_owned())
    }
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// Returns a scalar as text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

/// Reads one scalar as text and passes over everything else.
struct Pick<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => serde::Deserialize::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0 {
                [first, rest @ ..] if key == *first => found = map.next_value_seed(Pick(rest))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}
