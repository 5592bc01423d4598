//! Type words, the old peers' short form of a schema: a name and a word for each field of an object. The words say less
//! than a schema; what they cannot say becomes `any` one way and no constraint the other way.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

const OPTIONAL: &str = " (optional)";

/// Each JSON type with its word.
const WORDS: [(&str, &str); 6] = [
    ("string", "str"),
    ("integer", "int"),
    ("number", "float"),
    ("boolean", "bool"),
    ("array", "list"),
    ("object", "dict"),
];

/// Returns the type words of an object schema: one for each of its properties, ` (optional)` behind those that are not
/// required. A schema of anything else has no words.
pub fn type_words(schema: &Value) -> Value {
    let schema = resolve(schema, schema);
    let mut words = Map::new();
    let required: HashSet<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut left = CHOICES;
    for (name, property) in properties.into_iter().flatten() {
        let (word, nullable) = word(property, schema, 0, &mut left);
        let optional = nullable || !required.contains(name.as_str());
        let suffix = if optional { OPTIONAL } else { "" };
        words.insert(name.clone(), Value::String(format!("{word}{suffix}")));
    }
    Value::Object(words)
}

/// Returns an object schema of type words. A text that is no word describes its field; fields that are no texts may
/// hold anything. Further fields are allowed, as old peers drop what they do not know.
pub fn schema_from_type_words(words: &Value) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, word) in words.as_object().into_iter().flatten() {
        let text = word.as_str().unwrap_or("any");
        let (text, optional) = match text.strip_suffix(OPTIONAL) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let known = WORDS.iter().find(|(_, short)| *short == text);
        let property = match known {
            Some((long, _)) => json!({ "type": long }),
            None if text == "any" => json!({}),
            None => json!({ "description": text }),
        };
        properties.insert(name.clone(), property);
        if !optional {
            required.push(Value::String(name.clone()));
        }
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    Value::Object(schema)
}

/// The deepest chain of references and choices that is followed for a word.
const HOPS: u32 = 8;

/// The most choices that are looked at for all words of a schema: choices among choices double at every hop. Further
/// ones are `any`.
const CHOICES: u32 = 10_000;

/// Returns the word of one property and whether it may be null.
fn word(property: &Value, root: &Value, hops: u32, left: &mut u32) -> (&'static str, bool) {
    let Some(fewer) = left.checked_sub(1) else {
        return ("any", false);
    };
    *left = fewer;
    let property = resolve(property, root);
    if let Some(kind) = property.get("type") {
        return types(kind);
    }
    if hops < HOPS
        && let Some(choices) = ["anyOf", "oneOf"]
            .into_iter()
            .find_map(|key| property.get(key)?.as_array())
    {
        let choices = choices.iter();
        return agree(choices.map(|choice| word(choice, root, hops + 1, left)));
    }
    if let Some(value) = property.get("const") {
        return of_value(value);
    }
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return agree(values.iter().map(of_value));
    }
    ("any", false)
}

fn types(kind: &Value) -> (&'static str, bool) {
    match kind {
        Value::String(name) => of_type(name),
        Value::Array(names) => agree(names.iter().filter_map(Value::as_str).map(of_type)),
        _ => ("any", false),
    }
}

/// Null alone has no word; it only makes what stands beside it optional.
const NULL: &str = "";

fn of_type(name: &str) -> (&'static str, bool) {
    if name == "null" {
        return (NULL, true);
    }
    let known = WORDS.iter().find(|(long, _)| *long == name);
    (known.map_or("any", |(_, short)| short), false)
}

fn of_value(value: &Value) -> (&'static str, bool) {
    of_type(match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}

/// Returns the word that all choices share, else `any`.
fn agree(choices: impl Iterator<Item = (&'static str, bool)>) -> (&'static str, bool) {
    let mut shared = NULL;
    let mut nullable = false;
    for (word, null) in choices {
        nullable |= null;
        if word == NULL || word == shared {
            continue;
        }
        shared = match (shared, word) {
            (NULL, word) => word,
            ("int", "float") | ("float", "int") => "float",
            _ => "any",
        };
    }
    (if shared == NULL { "any" } else { shared }, nullable)
}

/// Follows local references as far as they lead, within bounds.
fn resolve<'s>(mut schema: &'s Value, root: &'s Value) -> &'s Value {
    for _ in 0..HOPS {
        let target = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schemas_shorten_to_words() {
        let schema = json!({
            "type": "object",
            "required": ["text", "n", "x", "ok", "items", "map", "raw", "pick", "either", "null"],
            "properties": {
                "text": {"type": "string", "maxLength": 5},
                "n": {"type": "integer"},
                "x": {"type": "number"},
                "ok": {"type": "boolean"},
                "items": {"type": "array"},
                "map": {"$ref": "#/$defs/map"},
                "raw": true,
                "pick": {"enum": ["a", "b"]},
                "either": {"type": ["string", "integer"]},
                "null": {"type": ["string", "null"]},
                "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                "nums": {"oneOf": [{"type": "integer"}, {"const": 1.5}]},
            },
            "$defs": {"map": {"type": "object"}},
        });
        assert_eq!(
            type_words(&schema),
            json!({
                "text": "str", "n": "int", "x": "float", "ok": "bool", "items": "list", "map": "dict", "raw": "any",
                "pick": "str", "either": "any", "null": "str (optional)", "maybe": "int (optional)",
                "nums": "float (optional)",
            })
        );
        for none in [
            json!(true),
            json!({}),
            json!({"type": "string"}),
            json!({"properties": 3}),
        ] {
            assert_eq!(type_words(&none), json!({}));
        }
    }

    #[test]
    fn circles_of_references_end() {
        let schema = json!({
            "properties": {"a": {"$ref": "#/properties/a"}, "b": {"anyOf": [{"$ref": "#/properties/b"}]}},
            "required": ["a", "b"],
        });
        assert_eq!(type_words(&schema), json!({"a": "any", "b": "any"}));
    }

    #[test]
    fn words_lengthen_to_schemas() {
        assert_eq!(
            schema_from_type_words(
                &json!({"a": "str", "b": "list (optional)", "c": "a city", "d": 3})
            ),
            json!({
                "type": "object",
                "properties": {
                    "a": {"type": "string"}, "b": {"type": "array"}, "c": {"description": "a city"}, "d": {},
                },
                "required": ["a", "c", "d"],
            })
        );
        assert_eq!(
            schema_from_type_words(&json!(null)),
            json!({"type": "object", "properties": {}})
        );
    }

    proptest! {
        #[test]
        fn words_lead_back(
            words in proptest::collection::btree_map(
                "[a-z]{1,6}",
                proptest::sample::select(vec!["str", "int", "float", "bool", "list", "dict", "any", "str (optional)", "any (optional)"]),
                0..6,
            )
        ) {
            let words = json!(words);
            prop_assert_eq!(type_words(&schema_from_type_words(&words)), words);
        }
    }
}
