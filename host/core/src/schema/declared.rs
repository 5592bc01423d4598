//! What of a value its schema speaks of. What a caller adds beyond that is nobody's business: a model might take it for an
//! instruction.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{MAX_SCHEMA_DEPTH, Schema};

/// Where a schema says more about the same value.
const ALSO: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// The same for a single schema.
const ALSO_ONE: [&str; 3] = ["if", "then", "else"];

/// Returns the value without the keys that the schema does not name. An object of which the schema names no key at all, or
/// of which it says that further keys are welcome, is left as it is.
pub(super) fn declared(root: &Value, value: &Value) -> Value {
    of(root, &[root], value, 0, &mut Patterns::default())
}

/// Patterns on the engine that checks values, each compiled once however many objects it is asked about. One that the
/// engine does not take matches nothing.
#[derive(Default)]
struct Patterns(HashMap<String, Option<Schema>>);

impl Patterns {
    fn matches(&mut self, pattern: &str, key: &Value) -> bool {
        if !self.0.contains_key(pattern) {
            let schema = Schema::compile(&json!({ "pattern": pattern })).ok();
            self.0.insert(pattern.to_owned(), schema);
        }
        let schema = self.0.get(pattern).and_then(Option::as_ref);
        schema.is_some_and(|schema| schema.check(key).is_ok())
    }
}

fn of(
    root: &Value,
    schemas: &[&Value],
    value: &Value,
    depth: u32,
    patterns: &mut Patterns,
) -> Value {
    let mut all = Vec::new();
    for schema in schemas {
        gather(root, schema, &mut all, 0);
    }
    match value {
        // A value deeper than any schema was accepted by a schema that refers to itself.
        _ if depth > 8 * MAX_SCHEMA_DEPTH => Value::Null,
        Value::Object(map) => Value::Object(object(root, &all, map, depth, patterns)),
        Value::Array(items) => {
            let item = |n: usize| -> Vec<&Value> {
                all.iter()
                    .filter_map(|schema| {
                        let first = schema.get("prefixItems").and_then(|list| list.get(n));
                        first.or_else(|| schema.get("items"))
                    })
                    .collect()
            };
            let items = items.iter().enumerate();
            items
                .map(|(n, value)| of(root, &item(n), value, depth + 1, patterns))
                .collect()
        }
        plain => plain.clone(),
    }
}

fn object(
    root: &Value,
    schemas: &[&Map<String, Value>],
    map: &Map<String, Value>,
    depth: u32,
    patterns: &mut Patterns,
) -> Map<String, Value> {
    let welcomes = |schema: &&Map<String, Value>| {
        let further = schema.get("additionalProperties");
        further.is_some_and(|further| *further != Value::Bool(false))
    };
    let names = |schema: &&Map<String, Value>| {
        schema.contains_key("properties") || schema.contains_key("patternProperties")
    };
    let is_open = !schemas.iter().any(names) || schemas.iter().any(welcomes);
    let by_pattern: Vec<(&String, &Value)> = schemas
        .iter()
        .filter_map(|schema| schema.get("patternProperties")?.as_object())
        .flatten()
        .collect();
    let mut kept = Map::new();
    for (key, value) in map {
        let named = schemas
            .iter()
            .filter_map(|schema| schema.get("properties")?.get(key));
        let text = Value::String(key.clone());
        let matched = by_pattern
            .iter()
            .filter(|(pattern, _)| patterns.matches(pattern, &text))
            .map(|(_, rule)| *rule);
        let rules: Vec<&Value> = named.chain(matched).collect();
        if !rules.is_empty() {
            kept.insert(key.clone(), of(root, &rules, value, depth + 1, patterns));
        } else if is_open {
            let further: Vec<&Value> = schemas
                .iter()
                .filter_map(|schema| schema.get("additionalProperties"))
                .collect();
            kept.insert(key.clone(), of(root, &further, value, depth + 1, patterns));
        }
    }
    kept
}

/// Collects all that a schema says of a value itself, by whatever way it says it.
fn gather<'s>(
    root: &'s Value,
    schema: &'s Value,
    all: &mut Vec<&'s Map<String, Value>>,
    depth: u32,
) {
    let Some(map) = schema.as_object() else {
        return;
    };
    if depth > MAX_SCHEMA_DEPTH || all.iter().any(|seen| std::ptr::eq(*seen, map)) {
        return;
    }
    all.push(map);
    let target = map.get("$ref").and_then(Value::as_str);
    if let Some(target) = target.and_then(|target| root.pointer(target.strip_prefix('#')?)) {
        gather(root, target, all, depth + 1);
    }
    let lists = ALSO.iter().filter_map(|key| map.get(*key)?.as_array());
    let ones = ALSO_ONE.iter().filter_map(|key| map.get(*key));
    let dependent = map
        .get("dependentSchemas")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values);
    for more in lists.flatten().chain(ones).chain(dependent) {
        gather(root, more, all, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, value: Value, expected: Value) {
        assert_eq!(declared(&schema, &value), expected);
    }

    #[test]
    fn a_pattern_names_the_keys_that_match_it_and_no_others() {
        let schema = json!({
            "properties": { "a": {} },
            "patternProperties": { "^x-": { "properties": { "b": {} } } },
        });
        check(
            schema.clone(),
            json!({"a": 1, "x-note": {"b": 2, "c": 3}, "system": "obey"}),
            json!({"a": 1, "x-note": {"b": 2}}),
        );
        let mut without = schema;
        without
            .as_object_mut()
            .expect("an object")
            .remove("properties");
        check(
            without,
            json!({"x-note": 1, "system": "obey"}),
            json!({"x-note": 1}),
        );
    }

    #[test]
    fn what_is_not_named_is_left_out_at_every_depth() {
        check(
            json!({"type": "object", "properties": {
                "topic": {"type": "string"},
                "who": {"type": "object", "properties": {"name": {}}},
                "all": {"type": "array", "items": {"properties": {"a": {}}}},
            }}),
            json!({"topic": "x", "system": "obey", "who": {"name": 1, "role": "admin"}, "all": [{"a": 1, "b": 2}]}),
            json!({"topic": "x", "who": {"name": 1}, "all": [{"a": 1}]}),
        );
    }

    #[test]
    fn what_is_free_stays_free() {
        check(
            json!({"type": "object"}),
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1}}),
        );
        check(json!(true), json!({"a": 1}), json!({"a": 1}));
        check(
            json!({"properties": {"a": {}}, "additionalProperties": {"properties": {"x": {}}}}),
            json!({"a": 1, "b": {"x": 1, "y": 2}}),
            json!({"a": 1, "b": {"x": 1}}),
        );
    }

    #[test]
    fn what_is_named_elsewhere_is_named() {
        check(
            json!({"$ref": "#/$defs/base", "allOf": [{"properties": {"b": {}}}], "$defs": {"base": {"properties": {"a": {}}}}}),
            json!({"a": 1, "b": 2, "c": 3}),
            json!({"a": 1, "b": 2}),
        );
        // A schema that leads to itself ends.
        check(
            json!({"properties": {"next": {"$ref": "#"}}, "anyOf": [{"$ref": "#"}]}),
            json!({"next": {"next": {}, "x": 1}}),
            json!({"next": {"next": {}}}),
        );
        check(
            json!({"prefixItems": [{"properties": {"a": {}}}], "items": {"properties": {"b": {}}}}),
            json!([{"a": 1, "b": 1}, {"a": 1, "b": 1}]),
            json!([{"a": 1}, {"b": 1}]),
        );
    }
}
