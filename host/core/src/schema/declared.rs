//! What of a value its schema speaks of. What a caller adds beyond that is nobody's business: a model might take it for an
//! instruction.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{MAX_SCHEMA_DEPTH, Schema};

/// Where a schema says more about the same value.
const ALSO: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// The same for a single schema.
const ALSO_ONE: [&str; 3] = ["if", "then", "else"];

/// What a schema says that speaks of an object.
const OF_OBJECTS: [&str; 7] = [
    "properties",
    "patternProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "additionalProperties",
];
/// Where a schema says what further keys may hold, which is to say that they are welcome, unless it is `false`.
const FURTHER: [&str; 2] = ["additionalProperties", "unevaluatedProperties"];
/// What names keys of an object.
const NAMES: [&str; 3] = ["properties", "patternProperties", "required"];

/// Returns the value without the keys that the schema does not name. Named is what stands under `properties`, matches
/// `patternProperties` or is required; further keys stay where the schema says itself what they may hold. An object of
/// which it names nothing loses all it holds. Below a name, a value that the schema does not call an object at all is
/// data of any kind, and stays as it is.
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
    let is_given = |schema: &&Map<String, Value>| {
        let choices = schema.get("enum").and_then(Value::as_array);
        schema.get("const") == Some(value) || choices.is_some_and(|all| all.contains(value))
    };
    match value {
        // A value deeper than any schema was accepted by a schema that refers to itself.
        _ if depth > 8 * MAX_SCHEMA_DEPTH => Value::Null,
        // What stands in the schema as a whole says nothing that its author did not say.
        whole if all.iter().any(is_given) => whole.clone(),
        Value::Object(map) if is_any(schemas, &all, depth) => Value::Object(map.clone()),
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

/// Returns whether an object may hold anything: the schema is `true`, or it stands below a name and is not spoken of.
fn is_any(schemas: &[&Value], all: &[&Map<String, Value>], depth: u32) -> bool {
    let speaks = |schema: &&Map<String, Value>| {
        let kind = schema.get("type");
        kind.is_some_and(|kind| match kind {
            Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
            kind => kind == "object",
        }) || OF_OBJECTS.iter().any(|key| schema.contains_key(*key))
    };
    let is_open = schemas.iter().any(|schema| **schema == Value::Bool(true));
    if depth == 0 {
        is_open
    } else {
        !all.iter().any(speaks)
    }
}

fn object(
    root: &Value,
    schemas: &[&Map<String, Value>],
    map: &Map<String, Value>,
    depth: u32,
    patterns: &mut Patterns,
) -> Map<String, Value> {
    let further: Vec<&Value> = schemas
        .iter()
        .flat_map(|schema| FURTHER.iter().filter_map(|key| schema.get(*key)))
        .filter(|further| **further != Value::Bool(false))
        .collect();
    let is_required = |key: &str| {
        let lists = schemas
            .iter()
            .filter_map(|schema| schema.get("required")?.as_array());
        lists.flatten().any(|name| name == key)
    };
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
        let rules = if rules.is_empty() { &further } else { &rules };
        if !rules.is_empty() || is_required(key) {
            kept.insert(key.clone(), of(root, rules, value, depth + 1, patterns));
        }
    }
    kept
}

/// Returns the places of objects of which the schema names nothing, and so keeps nothing. Where it says itself that there
/// are no further keys, nothing is missing.
pub(super) fn nameless(root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(root, &[root], "input", 0, &mut HashSet::new(), &mut found);
    found
}

fn look<'s>(
    root: &'s Value,
    schemas: &[&'s Value],
    place: &str,
    depth: u32,
    seen: &mut HashSet<*const Value>,
    found: &mut Vec<String>,
) {
    // A schema may refer to itself: each part of it is looked at once.
    let fresh = schemas
        .iter()
        .filter(|schema| seen.insert(std::ptr::from_ref(**schema)));
    if fresh.count() == 0 {
        return;
    }
    let mut all = Vec::new();
    for schema in schemas {
        gather(root, schema, &mut all, 0);
    }
    let names = |schema: &&Map<String, Value>| {
        let choices = schema.get("enum").and_then(Value::as_array);
        let mut given = schema
            .get("const")
            .into_iter()
            .chain(choices.into_iter().flatten());
        let mut said = NAMES.iter().chain(&FURTHER);
        said.any(|key| schema.contains_key(*key)) || given.any(Value::is_object)
    };
    if !is_any(schemas, &all, depth) && !all.iter().any(names) {
        found.push(place.to_owned());
    }
    let mut below: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for schema in all {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let at = below.entry(format!("{place}.{name}")).or_default();
            at.push(property);
        }
        let first = schema.get("prefixItems").and_then(Value::as_array);
        let items = schema.get("items").into_iter();
        below
            .entry(format!("{place}[]"))
            .or_default()
            .extend(items.chain(first.into_iter().flatten()));
    }
    for (place, schemas) in below {
        look(root, &schemas, &place, depth + 1, seen, found);
    }
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

    #[test]
    fn objects_of_which_nothing_is_named_are_told() {
        let found = |schema: Value| nameless(&schema);
        let none = [""; 0];
        assert_eq!(found(json!({})), ["input"]);
        assert_eq!(found(json!({ "type": "object" })), ["input"]);
        assert_eq!(found(json!(true)), none);
        let below = json!({ "properties": {
            "any": {},
            "few": { "minProperties": 1 },
            "list": { "items": { "type": ["object", "null"] } },
            "none": { "type": "object", "additionalProperties": false },
            "one": { "type": "object", "enum": [{ "a": 1 }] },
            "same": { "$ref": "#/$defs/open" },
            "some": { "type": "object", "if": { "properties": { "a": true } } },
            "text": { "type": "string" },
        }, "$defs": { "open": { "type": "object" } } });
        let expected = ["input.few", "input.list[]", "input.same"];
        assert_eq!(found(below.clone()), expected);
        for place in expected {
            let place = place.trim_start_matches("input.").trim_end_matches("[]");
            let value = match place {
                "list" => json!([{ "a": 1 }]),
                _ => json!({ "a": 1 }),
            };
            let kept = declared(&below, &json!({ place: value }));
            assert!(!kept.to_string().contains("\"a\""), "{kept}");
        }
        // One that refers to itself by many names is looked at once.
        let names = "abcdefgh"
            .chars()
            .map(|c| (c.to_string(), json!({ "$ref": "#" })));
        let own: Map<String, Value> = names.collect();
        assert_eq!(found(json!({ "properties": own })), none);
    }

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
    fn who_names_nothing_gets_nothing() {
        for nothing in [
            json!({"type": "object"}),
            json!({}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "additionalProperties": false}),
            json!({"type": "object", "minProperties": 1, "description": "Anything."}),
            json!({"propertyNames": {"maxLength": 9}}),
            json!({"$ref": "#/$defs/any", "$defs": {"any": {"type": ["object", "null"]}}}),
        ] {
            check(nothing.clone(), json!({"a": {"b": 1}, "c": 2}), json!({}));
            // The same below a name.
            if nothing != json!({}) && nothing.get("$ref").is_none() {
                check(
                    json!({"properties": {"a": nothing}}),
                    json!({"a": {"b": 1}}),
                    json!({"a": {}}),
                );
                check(
                    json!({"properties": {"a": {"items": nothing}}}),
                    json!({"a": [{"b": 1}, 2]}),
                    json!({"a": [{}, 2]}),
                );
            }
        }
    }

    #[test]
    fn what_is_required_is_named_and_what_is_written_out_is_said() {
        check(
            json!({"type": "object", "required": ["a"]}),
            json!({"a": {"b": 1}, "c": 1}),
            json!({"a": {"b": 1}}),
        );
        check(
            json!({"enum": [{"a": 1}, {"b": 2}]}),
            json!({"b": 2}),
            json!({"b": 2}),
        );
        check(json!({"const": {"a": 1}}), json!({"a": 1}), json!({"a": 1}));
    }

    #[test]
    fn what_is_free_stays_free() {
        check(json!(true), json!({"a": 1}), json!({"a": 1}));
        for free in [
            json!({"type": "object", "additionalProperties": true}),
            json!({"type": "object", "additionalProperties": {}}),
            json!({"unevaluatedProperties": {}}),
            json!({"allOf": [{"additionalProperties": true}]}),
            json!({"patternProperties": {"": {}}}),
        ] {
            let value = json!({"a": {"b": [{"c": 1}]}});
            check(free.clone(), value.clone(), value.clone());
            let below = json!({"properties": {"x": free}});
            check(below, json!({"x": value}), json!({"x": value}));
        }
        // A name of which nothing more is said holds data of any kind.
        for any in [json!({}), json!(true), json!({"type": "array"})] {
            check(
                json!({"properties": {"a": any}}),
                json!({"a": [{"b": 1}]}),
                json!({"a": [{"b": 1}]}),
            );
        }
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
