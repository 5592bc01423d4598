//! The least value that a schema takes, for somebody who wants to try a skill. It is a guess that was checked: where no
//! guess fits, there is none.

use serde_json::{Map, Number, Value};

use super::declared::Said;
use super::{MAX_SCHEMA_DEPTH, Schema};

/// The most values that a guess is made of: a stranger's schema may ask for any number.
const VALUES: u32 = 64;
/// The most characters and items that are made to reach a schema's minimum.
const LENGTH: u64 = 64;

/// Returns a value that fits the schema and holds little more than it has to.
pub(super) fn example(schema: &Schema) -> Option<Value> {
    let mut guess = Guess {
        root: &schema.value,
        left: VALUES,
    };
    let value = guess.value(&schema.value, 0)?;
    schema.check(&value).is_ok().then_some(value)
}

struct Guess<'s> {
    root: &'s Value,
    left: u32,
}

impl<'s> Guess<'s> {
    fn value(&mut self, schema: &'s Value, depth: u32) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_SCHEMA_DEPTH {
            return None;
        }
        let mut said = Said::default();
        self.gather(schema, &mut said, 0);
        let said = said.all;
        let first = |key: &str| said.iter().find_map(|map| map.get(key));
        let list = |key: &str| first(key).and_then(Value::as_array);
        let given = first("const")
            .or_else(|| first("default"))
            .or_else(|| list("examples")?.first())
            .or_else(|| list("enum")?.first());
        if let Some(given) = given {
            return Some(given.clone());
        }
        let kind = match first("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            Some(kind) => kind.as_str(),
            None if first("properties").is_some() || first("required").is_some() => Some("object"),
            None if first("items").is_some() || first("prefixItems").is_some() => Some("array"),
            None => None,
        };
        let whole = |key: &str| first(key).and_then(Value::as_u64);
        match kind.unwrap_or("string") {
            "object" => self.object(&said, depth),
            "array" => {
                let items = list("prefixItems").into_iter().flatten();
                let items = items.chain(first("items").into_iter().cycle());
                let least = whole("minItems").unwrap_or(0);
                (0..least.min(LENGTH))
                    .zip(items)
                    .map(|(_, item)| self.value(item, depth + 1))
                    .collect()
            }
            "string" => Some(Value::from(text(whole("minLength"), whole("maxLength")))),
            "integer" => Some(number(&first, 1.0)),
            "number" => Some(number(&first, 0.5)),
            "boolean" => Some(Value::Bool(true)),
            _ => Some(Value::Null),
        }
    }

    fn object(&mut self, said: &[&'s Map<String, Value>], depth: u32) -> Option<Value> {
        let mut object = Map::new();
        let required = said
            .iter()
            .filter_map(|map| map.get("required")?.as_array())
            .flatten()
            .filter_map(Value::as_str);
        for key in required {
            if object.contains_key(key) {
                continue;
            }
            let named = |map: &&'s Map<String, Value>| map.get("properties")?.get(key);
            let further = |map: &&'s Map<String, Value>| map.get("additionalProperties");
            let schema = said
                .iter()
                .find_map(named)
                .or_else(|| said.iter().find_map(further))
                .unwrap_or(&Value::Bool(true));
            object.insert(key.to_owned(), self.value(schema, depth + 1)?);
        }
        Some(Value::Object(object))
    }

    /// Collects what the schema says of the value, and of several choices the first.
    fn gather(&self, schema: &'s Value, said: &mut Said<'s>, depth: u32) {
        let Some(map) = schema.as_object() else {
            return;
        };
        if depth > MAX_SCHEMA_DEPTH || !said.add(map) {
            return;
        }
        let target = map.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|target| self.root.pointer(target.strip_prefix('#')?));
        let all = map.get("allOf").and_then(Value::as_array);
        let choice = |key: &str| map.get(key)?.as_array()?.first();
        let more = target
            .into_iter()
            .chain(all.into_iter().flatten())
            .chain(choice("anyOf"))
            .chain(choice("oneOf"));
        for schema in more {
            self.gather(schema, said, depth + 1);
        }
    }
}

fn text(least: Option<u64>, most: Option<u64>) -> String {
    let plain = "text".chars().cycle();
    let length = 4.max(least.unwrap_or(0)).min(LENGTH);
    let length = length.min(most.unwrap_or(length));
    plain.take(usize::try_from(length).unwrap_or(4)).collect()
}

/// Returns a number within its bounds; `step` away from a bound that is not in itself.
fn number<'s>(first: &impl Fn(&str) -> Option<&'s Value>, step: f64) -> Value {
    let bound = |key: &str| first(key).and_then(Value::as_f64);
    let mut value = 1.0;
    if let Some(least) = bound("minimum") {
        value = f64::max(value, least);
    }
    if let Some(least) = bound("exclusiveMinimum") {
        value = f64::max(value, least + step);
    }
    if let Some(most) = bound("maximum") {
        value = f64::min(value, most);
    }
    if let Some(most) = bound("exclusiveMaximum") {
        value = f64::min(value, most - step);
    }
    if let Some(unit) = bound("multipleOf").filter(|unit| *unit > 0.0) {
        value = (value / unit).ceil() * unit;
    }
    // As a whole number where it is one: `1.0` is read twice by people.
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    let number = whole.then(|| Number::from_i128(value as i128)).flatten();
    number
        .or_else(|| Number::from_f64(value))
        .map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, expected: Value) {
        let schema = Schema::compile(&schema).expect("a schema");
        assert_eq!(schema.example(), Some(expected));
    }

    #[track_caller]
    fn nothing(schema: Value) {
        let schema = Schema::compile(&schema).expect("a schema");
        assert_eq!(schema.example(), None);
    }

    #[test]
    fn what_has_to_be_there_is_there_and_no_more() {
        check(json!({"type": "object"}), json!({}));
        check(json!(true), json!("text"));
        check(
            json!({"type": "object", "additionalProperties": false, "required": ["text", "count", "on", "list"], "properties": {
                "text": {"type": "string"}, "count": {"type": "integer"}, "on": {"type": "boolean"},
                "list": {"type": "array", "items": {"type": "number"}}, "more": {"type": "string"},
            }}),
            json!({"text": "text", "count": 1, "on": true, "list": []}),
        );
    }

    #[test]
    fn what_the_schema_proposes_is_taken() {
        check(json!({"enum": ["en", "ja"]}), json!("en"));
        check(json!({"const": 7}), json!(7));
        check(
            json!({"type": "string", "examples": ["2026-01-31"]}),
            json!("2026-01-31"),
        );
        check(
            json!({"type": "integer", "default": 5, "enum": [1, 5]}),
            json!(5),
        );
        check(
            json!({"required": ["at"], "properties": {"at": {"$ref": "#/$defs/at"}}, "$defs": {"at": {"allOf": [{"type": "string"}, {"default": "now"}]}}}),
            json!({"at": "now"}),
        );
        check(
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
            json!(1),
        );
    }

    #[test]
    fn bounds_are_kept() {
        check(json!({"type": "string", "minLength": 6}), json!("textte"));
        check(json!({"type": "string", "maxLength": 2}), json!("te"));
        check(json!({"type": "integer", "minimum": 10}), json!(10));
        check(json!({"type": "integer", "exclusiveMaximum": 0}), json!(-1));
        check(
            json!({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}),
            json!(5),
        );
        check(json!({"type": "number", "exclusiveMinimum": 1}), json!(1.5));
        check(json!({"type": ["integer", "null"], "maximum": 0}), json!(0));
        check(
            json!({"type": "array", "minItems": 2, "prefixItems": [{"type": "boolean"}], "items": {"type": "null"}}),
            json!([true, null]),
        );
    }

    #[test]
    fn what_fits_no_guess_has_no_example() {
        nothing(json!(false));
        nothing(json!({"type": "string", "pattern": "^[0-9]{4}$"}));
        nothing(json!({"type": "string", "minLength": 1_000_000}));
        nothing(json!({"required": ["a"], "properties": {"a": false}}));
        nothing(json!({"type": "string", "default": 5}));
    }

    #[test]
    fn a_schema_that_asks_for_ever_more_gets_nothing() {
        nothing(json!({"required": ["a"], "properties": {"a": {"$ref": "#"}}}));
        let mut schema = json!({"type": "string"});
        for _ in 0..12 {
            schema =
                json!({"required": ["a", "b"], "properties": {"a": schema.clone(), "b": schema}});
            if schema.to_string().len() > 20_000 {
                break;
            }
        }
        nothing(schema);
    }
}
