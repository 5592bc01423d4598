//! Bounds on what a stranger's schema can cost. Work is metered: wherever checking may be repeated, by a reference or
//! for each element of a value, a step is put in front that counts down and stops the check when nothing is left. What
//! would recurse without going down into the value, or reach outside the schema, is refused.

use std::cell::Cell;

use jsonschema::{Draft, Keyword, PatternOptions, ValidationError, ValidationOptions, Validator};
use serde_json::{Map, Value, json};

use super::rule::rule;
use super::survey::{Node, Reach, Survey};
use super::{SchemaError, Violation};

/// What one check may cost, in bytes of schema looked at: about a tenth of a second, and a thousand times what an
/// ordinary input of the largest size takes.
const FUEL: u64 = 64 << 20;
/// The most schemas that may be entered one inside another, whatever value and schema hold: keeps the check within
/// the smallest stack that any thread here has.
const NESTING: u32 = 640;
/// The largest compiled pattern.
const PATTERN: usize = 256 << 10;

/// A keyword that no schema of a stranger may use: see [`Survey`].
pub(super) const STEP: &str = "coworker:step";

thread_local! {
    // A check runs on one thread from start to end, and a keyword is told nothing but the value.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Compiles a schema with its meter.
pub(super) fn build(schema: &Value) -> Result<(Validator, Reach), SchemaError> {
    let survey = Survey::of(schema)?;
    let metered = Meter { survey: &survey }.emit(0, schema);
    match options().build(&metered) {
        Ok(validator) => Ok((validator, survey.reach())),
        Err(error) => {
            // Told at the place where the author wrote it, not where the meter moved it.
            let error = options().build(schema).err().unwrap_or(error);
            Err(SchemaError::Invalid {
                place: error.instance_path().as_str().to_owned(),
                why: format!("{}: {}", error.kind().keyword(), rule(&error)),
            })
        }
    }
}

/// Checks a value. `reach` is that of the validator's schema.
pub(super) fn check(validator: &Validator, reach: Reach, value: &Value) -> Result<(), Violation> {
    let too_much = |rule: &str| Violation {
        place: String::new(),
        rule: rule.to_owned(),
    };
    if reach.nesting(value) > NESTING {
        return Err(too_much("nested too deep for this schema"));
    }
    LEFT.set(FUEL);
    let valid = validator.is_valid(value);
    if LEFT.get() == 0 {
        return Err(too_much("too much to check"));
    }
    if valid {
        return Ok(());
    }
    LEFT.set(FUEL);
    match validator.validate(value) {
        Err(error) => Err(Violation {
            place: error.instance_path().as_str().to_owned(),
            rule: rule(&error),
        }),
        // The two ways of checking must agree; if they ever do not, the stricter counts.
        Ok(()) => Err(too_much("breaks the schema")),
    }
}

fn options() -> ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(PATTERN)
                .dfa_size_limit(4 * PATTERN),
        )
        .with_keyword(STEP, |_, value, _| {
            let part = |at: usize| value.get(at).and_then(Value::as_u64).unwrap_or(u64::MAX);
            Ok(Box::new(Step {
                weight: part(0),
                patterns: part(1),
            }))
        })
}

/// Counts down before what it stands in front of runs.
struct Step {
    weight: u64,
    patterns: u64,
}

impl Step {
    fn pay(&self, instance: &Value) -> bool {
        let text = instance.as_str().map_or(0, |text| text.len() as u64);
        let cost = self
            .weight
            .saturating_add(self.patterns.saturating_mul(text));
        let left = LEFT.get().saturating_sub(cost);
        LEFT.set(left);
        left > 0
    }
}

impl<'i> Keyword<'i> for Step {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.pay(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("too much to check"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.pay(instance)
    }
}

/// Writes the schema again with steps in it, and references that lead to where their targets then are.
struct Meter<'s> {
    survey: &'s Survey,
}

impl Meter<'_> {
    fn emit(&self, at: usize, value: &Value) -> Value {
        let (Some(node), Value::Object(map)) = (self.survey.node(at), value) else {
            return value.clone();
        };
        let mut out = Map::new();
        for (key, value) in map {
            match key.as_str() {
                "$schema" | "$id" if at == 0 => {}
                "$ref" => {
                    let target = node.target.map(|target| self.survey.moved(target));
                    out.insert(
                        key.clone(),
                        json!(format!("#{}", target.unwrap_or_default())),
                    );
                }
                _ => {
                    out.insert(key.clone(), self.keyword(node, key, value));
                }
            }
        }
        if node.stepped {
            let (weight, patterns) = self.survey.price(at);
            json!({ "allOf": [{ STEP: [weight, patterns] }, out] })
        } else {
            Value::Object(out)
        }
    }

    /// A keyword holds no schema, one, a list or a map of them.
    fn keyword(&self, node: &Node, key: &str, value: &Value) -> Value {
        let child = |name: Option<&str>| node.child(key, name);
        if let Some(at) = child(None) {
            return self.emit(at, value);
        }
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(n, item)| match child(Some(&n.to_string())) {
                    Some(at) => self.emit(at, item),
                    None => item.clone(),
                })
                .collect(),
            Value::Object(map) => map
                .iter()
                .map(|(name, item)| {
                    let item = match child(Some(name)) {
                        Some(at) => self.emit(at, item),
                        None => item.clone(),
                    };
                    (name.clone(), item)
                })
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
}
