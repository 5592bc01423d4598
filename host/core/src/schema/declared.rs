//! What of a value its schema speaks of. What a caller adds beyond that is nobody's business: a model might take it for an
//! instruction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::evaluate::{self, WORK, pay};
use super::survey::local;
use super::{MAX_SCHEMA_DEPTH, Schema, TooComplex};

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
pub(super) fn declared(schema: &Schema, value: &Value) -> Result<Value, TooComplex> {
    let mut walk = Walk {
        schema,
        left: WORK,
        known: HashMap::new(),
    };
    walk.of(&[&schema.value], value, 0).ok_or(TooComplex)
}

/// All that some schemas say of a value itself.
type Shared<'s> = Rc<Vec<&'s Map<String, Value>>>;

/// Follows a value through its schema, and pays for each step. Nothing is returned once the work is used up.
struct Walk<'s> {
    schema: &'s Schema,
    left: u64,
    /// What schemas say, by the schemas: most values of an array have the same.
    known: HashMap<Vec<*const Value>, Shared<'s>>,
}

/// Steps of work to come by a schema and look for all that it refers to.
const SCHEMA: usize = 16;
/// How many lists of schemas are known by heart at a time.
const KNOWN: usize = 1_024;
/// How long a list may be for that: together they take less than a check does.
const LONG: usize = 256;

impl<'s> Walk<'s> {
    fn pay(&mut self, steps: usize) -> Option<()> {
        pay(&mut self.left, steps as u64)
    }

    fn of(&mut self, schemas: &[&'s Value], value: &Value, depth: u32) -> Option<Value> {
        let all = self.said(schemas)?;
        let choices = |schema: &Map<String, Value>| {
            let choices = schema.get("enum").and_then(Value::as_array);
            1 + choices.map_or(0, Vec::len) / 8
        };
        self.pay(all.iter().map(|schema| choices(schema)).sum())?;
        let is_given = |schema: &&Map<String, Value>| {
            let choices = schema.get("enum").and_then(Value::as_array);
            schema.get("const") == Some(value) || choices.is_some_and(|all| all.contains(value))
        };
        Some(match value {
            // A value deeper than any schema was accepted by a schema that refers to itself.
            _ if depth > 8 * MAX_SCHEMA_DEPTH => Value::Null,
            // What stands in the schema as a whole says nothing that its author did not say.
            whole if all.iter().any(is_given) => whole.clone(),
            Value::Object(map) if is_any(schemas, &all, depth) => Value::Object(map.clone()),
            Value::Object(map) => Value::Object(self.object(&all, map, depth)?),
            Value::Array(items) => {
                let mut kept = Vec::new();
                for (n, value) in items.iter().enumerate() {
                    self.pay(all.len())?;
                    let item: Vec<&Value> = all
                        .iter()
                        .filter_map(|schema| {
                            let first = schema.get("prefixItems").and_then(|list| list.get(n));
                            first.or_else(|| schema.get("items"))
                        })
                        .collect();
                    kept.push(self.of(&item, value, depth + 1)?);
                }
                Value::Array(kept)
            }
            plain => plain.clone(),
        })
    }

    /// Returns all that schemas say of a value itself.
    fn said(&mut self, schemas: &[&'s Value]) -> Option<Shared<'s>> {
        self.pay(1 + schemas.len())?;
        let key: Vec<_> = schemas
            .iter()
            .map(|schema| std::ptr::from_ref(*schema))
            .collect();
        if let Some(known) = self.known.get(&key) {
            return Some(known.clone());
        }
        let mut said = Said::default();
        for schema in schemas {
            said.gather(&self.schema.value, schema, 0);
            // Between two schemas, so that a long list ends early: one alone leads to no more than there are.
            self.pay(SCHEMA * std::mem::take(&mut said.visited))?;
        }
        let all = Rc::new(said.all);
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        if key.len() + all.len() <= LONG {
            self.known.insert(key, all.clone());
        }
        Some(all)
    }

    fn object(
        &mut self,
        schemas: &[&'s Map<String, Value>],
        map: &Map<String, Value>,
        depth: u32,
    ) -> Option<Map<String, Value>> {
        let further: Vec<&Value> = schemas
            .iter()
            .flat_map(|schema| FURTHER.iter().filter_map(|key| schema.get(*key)))
            .filter(|further| **further != Value::Bool(false))
            .collect();
        let lists = schemas
            .iter()
            .filter_map(|schema| schema.get("required")?.as_array());
        let required: HashSet<&str> = lists.flatten().filter_map(Value::as_str).collect();
        let by_pattern: Vec<(&String, &Value)> = schemas
            .iter()
            .filter_map(|schema| schema.get("patternProperties")?.as_object())
            .flatten()
            .collect();
        self.pay(required.len() / 8 + by_pattern.len())?;
        let mut kept = Map::new();
        for (key, value) in map {
            self.pay(1 + schemas.len())?;
            let named = schemas
                .iter()
                .filter_map(|schema| schema.get("properties")?.get(key));
            let mut rules: Vec<&Value> = named.collect();
            let text = Value::String(key.clone());
            for (pattern, rule) in &by_pattern {
                if self.is_match(pattern, &text)? {
                    rules.push(rule);
                }
            }
            let rules = if rules.is_empty() { &further } else { &rules };
            if !rules.is_empty() || required.contains(key.as_str()) {
                kept.insert(key.clone(), self.of(rules, value, depth + 1)?);
            }
        }
        Some(kept)
    }

    /// A pattern that is not compiled is in no schema that a value can be checked against, and matches nothing.
    fn is_match(&mut self, pattern: &str, key: &Value) -> Option<bool> {
        match self.schema.program.pattern(pattern) {
            Some(pattern) => evaluate::matches(pattern, key, &mut self.left),
            None => Some(false),
        }
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
    let mut said = Said::default();
    for schema in schemas {
        said.gather(root, schema, 0);
    }
    let all = said.all;
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

/// All that schemas say of a value itself, by whatever way they say it.
#[derive(Default)]
pub(super) struct Said<'s> {
    pub(super) all: Vec<&'s Map<String, Value>>,
    seen: HashSet<*const Map<String, Value>>,
    /// How many schemas were come by, also those that were known.
    visited: usize,
}

impl<'s> Said<'s> {
    /// Takes a schema in, unless it is in: one that leads to itself ends.
    pub(super) fn add(&mut self, map: &'s Map<String, Value>) -> bool {
        self.visited += 1;
        let is_new = self.seen.insert(std::ptr::from_ref(map));
        if is_new {
            self.all.push(map);
        }
        is_new
    }

    fn gather(&mut self, root: &'s Value, schema: &'s Value, depth: u32) {
        let Some(map) = schema.as_object() else {
            return;
        };
        if depth > MAX_SCHEMA_DEPTH || !self.add(map) {
            return;
        }
        let target = map.get("$ref").and_then(Value::as_str);
        if let Some(target) = target.and_then(|target| root.pointer(&local(target)?)) {
            self.gather(root, target, depth + 1);
        }
        let lists = ALSO.iter().filter_map(|key| map.get(*key)?.as_array());
        let ones = ALSO_ONE.iter().filter_map(|key| map.get(*key));
        let dependent = map
            .get("dependentSchemas")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values);
        for more in lists.flatten().chain(ones).chain(dependent) {
            self.gather(root, more, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(schema: &Value, value: &Value) -> Value {
        let schema = Schema::compile(schema).expect("a schema");
        schema.declared(value).expect("little work")
    }

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
            json!({"properties": {"next": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}}),
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
