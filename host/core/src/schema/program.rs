//! A schema in the form it is checked in. The library asserts what concerns a value alone: numbers, lengths, choices,
//! patterns. What leads from one schema to another is resolved here, because only a walk of our own can be bounded:
//! the library collects the errors of every branch before it tells the first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::SchemaError;
use super::assertion::{Assertion, count};
use super::rule::{rule, shown};
use super::survey::{Node as Found, Survey};

/// What a pattern may take once it is compiled, smallest first, in bytes. Matching takes time by the size of the
/// pattern for each byte of a text, so that a pattern counts as the first of these that it compiles within.
const PATTERN_SIZES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 256 << 10];
/// What all patterns of a schema may take together.
const PATTERNS_SIZE: usize = 1 << 20;
/// The longest pattern, and what all may be together, in bytes: reading one takes time by the square of its length.
const PATTERN_TEXT: usize = 2 << 10;
const PATTERNS_TEXT: usize = 16 << 10;
/// What one pattern may use to match faster.
const PATTERN_CACHE: usize = 128 << 10;
/// How many bytes of a compiled pattern are tried on a byte of text in one step of work.
const PATTERN_STEP: usize = 1 << 10;
/// How many bytes of its schema a value is compared with in one step of work.
const SCHEMA_STEP: u64 = 32;

/// Keywords whose text a value is compared with.
const COMPARED: [&str; 5] = ["type", "const", "enum", "required", "dependentRequired"];

/// All subschemas of a schema that a value can be checked against; the first is the schema itself.
#[derive(Debug)]
pub(super) struct Program {
    nodes: Vec<Node>,
    by_pattern: HashMap<String, Pattern>,
}

/// One subschema.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The answer for every value: the schema is `true` or `false`.
    pub(super) fixed: Option<bool>,
    pub(super) assertions: Vec<Assertion>,
    /// Steps of work that the assertions take.
    pub(super) price: u64,
    pub(super) pattern: Option<Pattern>,
    pub(super) is_unique: bool,
    pub(super) applicators: Option<Box<Applicators>>,
    /// Whether a value may come here by several ways, so that the outcome is worth remembering.
    pub(super) is_shared: bool,
}

/// What a subschema applies to a value, to parts of it, or to the names in it.
#[derive(Debug, Default)]
pub(super) struct Applicators {
    pub(super) properties: HashMap<String, usize>,
    pub(super) by_pattern: Vec<(Pattern, usize)>,
    pub(super) additional: Option<usize>,
    pub(super) names: Option<usize>,
    pub(super) prefix: Vec<usize>,
    pub(super) items: Option<usize>,
    pub(super) contains: Option<Contains>,
    pub(super) reference: Option<usize>,
    pub(super) all: Vec<usize>,
    pub(super) any: Vec<usize>,
    pub(super) one: Vec<usize>,
    pub(super) not: Option<usize>,
    pub(super) condition: Option<Condition>,
    pub(super) dependent: Vec<(String, usize)>,
    pub(super) unevaluated_properties: Option<usize>,
    pub(super) unevaluated_items: Option<usize>,
}

/// How many items must fit a schema.
#[derive(Debug)]
pub(super) struct Contains {
    pub(super) schema: usize,
    pub(super) least: u64,
    pub(super) most: Option<u64>,
}

impl Contains {
    /// Returns the rule in words.
    pub(super) fn rule(&self) -> String {
        match (self.least, self.most) {
            (1, None) => "must hold an item as `contains` says".to_owned(),
            (least, None) => format!("must hold at least {least} items as `contains` says"),
            (0, Some(most)) => format!("must hold at most {most} items as `contains` says"),
            (least, Some(most)) => {
                format!("must hold {least} to {most} items as `contains` says")
            }
        }
    }
}

/// A choice between two schemas by a third.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) schema: usize,
    pub(super) then: Option<usize>,
    pub(super) otherwise: Option<usize>,
}

/// A pattern on a linear-time engine.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) validator: Arc<Validator>,
    text: Arc<str>,
    /// Steps of work for each byte of a text.
    pub(super) price: u64,
}

impl Pattern {
    /// Returns the rule in words.
    pub(super) fn rule(&self) -> String {
        format!("must match {:?}", shown(&self.text))
    }
}

impl Program {
    /// Compiles a schema.
    pub(super) fn build(schema: &Value) -> Result<Self, SchemaError> {
        let survey = Survey::of(schema)?;
        well_formed(schema)?;
        let mut builder = Builder {
            survey: &survey,
            patterns: HashMap::new(),
            patterns_size: 0,
            patterns_text: 0,
        };
        let mut nodes: Vec<Node> = Vec::new();
        nodes.resize_with(survey.len(), Node::default);
        let mut open = vec![0];
        let mut seen = HashSet::from([0]);
        let mut targets = HashSet::new();
        let mut looks_back = false;
        while let Some(at) = open.pop() {
            let (Some(found), Some(node)) = (survey.node(at), nodes.get_mut(at)) else {
                continue;
            };
            *node = builder.node(at, found)?;
            targets.extend(found.target);
            looks_back |= node.applicators.as_ref().is_some_and(|all| {
                all.unevaluated_properties.is_some() || all.unevaluated_items.is_some()
            });
            open.extend(found.applied().filter(|next| seen.insert(*next)));
        }
        for (at, node) in nodes.iter_mut().enumerate() {
            node.is_shared = node.applicators.is_some() && (looks_back || targets.contains(&at));
        }
        let by_pattern = builder.patterns;
        Ok(Self { nodes, by_pattern })
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// Returns a pattern that the schema names keys by.
    pub(super) fn pattern(&self, text: &str) -> Option<&Pattern> {
        self.by_pattern.get(text)
    }
}

/// Refuses what is no schema of draft 2020-12. No branch is collected here: the schema of schemas has no choices that
/// lead back into it.
fn well_formed(schema: &Value) -> Result<(), SchemaError> {
    let mut schema = schema.clone();
    if let Value::Object(map) = &mut schema {
        map.shift_remove("$schema");
        map.shift_remove("$id");
    }
    jsonschema::draft202012::meta::validate(&schema).map_err(|error| SchemaError::Invalid {
        place: error.instance_path().as_str().to_owned(),
        why: format!("{}: {}", error.kind().keyword(), rule(&error)),
    })
}

struct Builder<'s> {
    survey: &'s Survey<'s>,
    patterns: HashMap<String, Pattern>,
    patterns_size: usize,
    patterns_text: usize,
}

impl Builder<'_> {
    fn node(&mut self, at: usize, found: &Found<'_>) -> Result<Node, SchemaError> {
        let map = match found.schema {
            Value::Object(map) => map,
            fixed => {
                return Ok(Node {
                    fixed: fixed.as_bool(),
                    ..Node::default()
                });
            }
        };
        let compared = COMPARED.iter().filter_map(|key| map.get(*key));
        let compared: usize = compared.map(|value| value.to_string().len()).sum();
        let pattern = match map.get("pattern").and_then(Value::as_str) {
            Some(pattern) => Some(self.pattern(at, pattern)?),
            None => None,
        };
        Ok(Node {
            fixed: None,
            assertions: Assertion::all(map),
            price: compared as u64 / SCHEMA_STEP,
            pattern,
            is_unique: map.get("uniqueItems") == Some(&Value::Bool(true)),
            applicators: self.applicators(at, found, map)?,
            is_shared: false,
        })
    }

    fn applicators(
        &mut self,
        at: usize,
        found: &Found<'_>,
        map: &Map<String, Value>,
    ) -> Result<Option<Box<Applicators>>, SchemaError> {
        if found.applied().next().is_none() {
            return Ok(None);
        }
        let child = |key: &str| found.child(key, None);
        let list = |key: &str| -> Vec<usize> {
            let items = map.get(key).and_then(Value::as_array);
            let items = items.into_iter().flatten().enumerate();
            items
                .filter_map(|(n, _)| found.child(key, Some(&n.to_string())))
                .collect()
        };
        let named = |key: &'static str| {
            let items = map.get(key).and_then(Value::as_object);
            let names = items.into_iter().flatten().map(|(name, _)| name);
            names.filter_map(move |name| Some((name.clone(), found.child(key, Some(name))?)))
        };
        let count = |key: &str| map.get(key).and_then(count);
        let mut by_pattern = Vec::new();
        for (pattern, schema) in named("patternProperties") {
            by_pattern.push((self.pattern(at, &pattern)?, schema));
        }
        Ok(Some(Box::new(Applicators {
            properties: named("properties").collect(),
            by_pattern,
            additional: child("additionalProperties"),
            names: child("propertyNames"),
            prefix: list("prefixItems"),
            items: child("items"),
            contains: child("contains").map(|schema| Contains {
                schema,
                least: count("minContains").unwrap_or(1),
                most: count("maxContains"),
            }),
            reference: found.target,
            all: list("allOf"),
            any: list("anyOf"),
            one: list("oneOf"),
            not: child("not"),
            condition: child("if").map(|schema| Condition {
                schema,
                then: child("then"),
                otherwise: child("else"),
            }),
            dependent: named("dependentSchemas").collect(),
            unevaluated_properties: child("unevaluatedProperties"),
            unevaluated_items: child("unevaluatedItems"),
        })))
    }

    fn pattern(&mut self, at: usize, text: &str) -> Result<Pattern, SchemaError> {
        if let Some(known) = self.patterns.get(text) {
            return Ok(known.clone());
        }
        let schema = json!({ "pattern": text });
        let build = |size: usize| {
            let engine = PatternOptions::regex()
                .size_limit(size)
                .dfa_size_limit(PATTERN_CACHE);
            jsonschema::draft202012::options()
                .with_pattern_options(engine)
                .build(&schema)
        };
        self.patterns_text += text.len();
        if text.len() > PATTERN_TEXT || self.patterns_text > PATTERNS_TEXT {
            return Err(self.unsupported(at, "a pattern, or all together, are too long"));
        }
        let mut refused = None;
        for size in PATTERN_SIZES {
            match build(size) {
                Ok(validator) => {
                    self.patterns_size += size;
                    if self.patterns_size > PATTERNS_SIZE {
                        return Err(self.unsupported(at, "the patterns are too large together"));
                    }
                    let pattern = Pattern {
                        validator: Arc::new(validator),
                        text: text.into(),
                        price: (size / PATTERN_STEP) as u64,
                    };
                    self.patterns.insert(text.to_owned(), pattern.clone());
                    return Ok(pattern);
                }
                Err(error) => refused = Some(error),
            }
        }
        Err(match refused {
            Some(error) => self.invalid(at, &error),
            None => self.unsupported(at, "the pattern is too large"),
        })
    }

    fn unsupported(&self, at: usize, why: &str) -> SchemaError {
        SchemaError::Unsupported {
            place: self.survey.pointer(at),
            why: why.to_owned(),
        }
    }

    fn invalid(&self, at: usize, error: &jsonschema::ValidationError<'_>) -> SchemaError {
        SchemaError::Invalid {
            place: format!("{}{}", self.survey.pointer(at), error.instance_path()),
            why: format!("{}: {}", error.kind().keyword(), rule(error)),
        }
    }
}
