//! What a skill takes and gives: declared `arguments` in every form that authors write them, or whole JSON Schemas.
//! Only what the frontmatter declares is published; a `$word` in the private text declares nothing.

use coworker_core::{MAX_SCHEMA, Schema};
use serde_json::{Map, Value, json};

use super::SkillMdError;
use super::front::{Front, plain};

/// The most arguments.
const MOST: usize = 64;
/// The longest name of an argument.
const NAME: usize = 64;
/// What marks an argument as one that may be left out.
const OPTIONAL: &str = "(optional)";

/// Type words with the JSON Schema type that they stand for; an empty one stands for anything.
const TYPES: [(&str, &str); 17] = [
    ("str", "string"),
    ("string", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("integer", "integer"),
    ("float", "number"),
    ("number", "number"),
    ("bool", "boolean"),
    ("boolean", "boolean"),
    ("list", "array"),
    ("array", "array"),
    ("dict", "object"),
    ("object", "object"),
    ("map", "object"),
    ("json", ""),
    ("any", ""),
    ("null", "null"),
];

/// Parts of a JSON Schema that an argument may carry.
const CONSTRAINTS: [&str; 16] = [
    "enum",
    "const",
    "items",
    "properties",
    "patternProperties",
    "additionalProperties",
    "default",
    "examples",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
];

/// The words that make a mapping a JSON Schema.
const KEYWORDS: [&str; 14] = [
    "$schema",
    "$ref",
    "$defs",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "anyOf",
    "oneOf",
    "allOf",
    "enum",
    "const",
    "not",
];

/// What a skill takes and gives.
pub(super) struct Schemas {
    pub(super) input: Value,
    pub(super) output: Value,
}

/// Returns the schemas that a frontmatter declares, or those of a skill that takes and gives one text.
pub(super) fn schemas(front: &Front, warnings: &mut Vec<String>) -> Result<Schemas, SkillMdError> {
    let declared = match front.get("arguments").filter(|value| !value.is_null()) {
        Some(value) => arguments(value, warnings),
        None => None,
    };
    let explicit_input = explicit(front, "input_schema", warnings)?;
    if explicit_input.is_some() && declared.is_some() {
        warnings.push("it has `input_schema` and `arguments`: the schema counts".to_owned());
    }
    let input = match explicit_input.or(declared) {
        Some(schema) => schema,
        None => one_text("input"),
    };
    for place in check("input_schema", &input)?.nameless() {
        warnings.push(format!(
            "`input_schema` names no key of {place}: nothing that callers put there reaches the model; name the keys under \
             `properties`, or add `additionalProperties: true`"
        ));
    }
    let output = explicit(front, "output_schema", warnings)?.unwrap_or_else(|| one_text("result"));
    check("output_schema", &output)?;
    Ok(Schemas { input, output })
}

fn one_text(name: &str) -> Value {
    json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] })
}

/// Returns a schema that is written out: as JSON Schema, as a text that holds one, or as names with type words.
fn explicit(
    front: &Front,
    key: &'static str,
    warnings: &mut Vec<String>,
) -> Result<Option<Value>, SkillMdError> {
    let refuse = |why: &str| SkillMdError::Schema {
        key,
        why: why.to_owned(),
    };
    let value = match front.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text)
            .map_err(|_| refuse("it is a text, and no JSON Schema stands in it"))?,
        Some(value) => value.clone(),
    };
    let Value::Object(map) = &value else {
        return Err(refuse("it is no JSON Schema: write keys and values"));
    };
    let is_words = !map.is_empty()
        && map.values().all(Value::is_string)
        && map.values().all(|word| type_word(&plain(word)).is_some())
        && !map.keys().any(|key| key == "type" || key.starts_with('$'));
    if is_words {
        return Ok(arguments(&value, warnings));
    }
    if !map.is_empty() && !KEYWORDS.iter().any(|word| map.contains_key(*word)) {
        return Err(refuse(
            "it is no JSON Schema: begin with `type: object` and `properties`",
        ));
    }
    Ok(Some(value))
}

/// Returns a schema that can be published and used.
fn check(key: &'static str, schema: &Value) -> Result<Schema, SkillMdError> {
    let refuse = |why: String| Err(SkillMdError::Schema { key, why });
    let size = schema.to_string().len();
    if size > MAX_SCHEMA.len() {
        return refuse(format!(
            "it has {size} bytes; at most {MAX_SCHEMA} are allowed"
        ));
    }
    Schema::compile(schema).or_else(|error| refuse(error.to_string()))
}

/// Collects arguments as the properties of an object.
#[derive(Default)]
struct Declared {
    properties: Map<String, Value>,
    required: Vec<Value>,
}

/// Returns the schema of declared arguments, if any is declared. The forms: names, as a list or in one text; a list of
/// `{name, description, required, type, default}`; names with types, as a list of pairs or as a mapping.
fn arguments(value: &Value, warnings: &mut Vec<String>) -> Option<Value> {
    let mut declared = Declared::default();
    match value {
        Value::String(text) => {
            for name in text.split([' ', ',']).filter(|name| !name.is_empty()) {
                declared.put(name, &Value::Null, warnings);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(map) => declared.item(map, warnings),
                    Value::Array(_) | Value::Null => {
                        warnings.push("an argument has no name, and is left out".to_owned());
                    }
                    name => declared.put(&plain(name), &Value::Null, warnings),
                }
            }
        }
        Value::Object(map) => {
            for (name, said) in map {
                declared.put(name, said, warnings);
            }
        }
        _ => warnings.push("`arguments` is no list of names, and is left out".to_owned()),
    }
    if declared.properties.is_empty() {
        return None;
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(declared.properties));
    if !declared.required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(declared.required));
    }
    Some(Value::Object(schema))
}

impl Declared {
    /// Takes one item of a list: one argument that says its name, or names with types.
    fn item(&mut self, map: &Map<String, Value>, warnings: &mut Vec<String>) {
        let name = map.get("name").and_then(Value::as_str);
        // `- name: str` is an argument called `name`; `- name: topic` is one called `topic`.
        let called_name = map.len() == 1 && name.is_some_and(|word| type_word(word).is_some());
        match name.filter(|_| !called_name) {
            Some(name) => self.put(name, &Value::Object(map.clone()), warnings),
            None => map
                .iter()
                .for_each(|(name, said)| self.put(name, said, warnings)),
        }
    }

    fn put(&mut self, name: &str, said: &Value, warnings: &mut Vec<String>) {
        let (name, marked) = strip_optional(name.trim());
        let plain_name = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if name.is_empty() || name.len() > NAME || !plain_name {
            let shown: String = name.chars().take(40).collect();
            return warnings.push(format!(
                "{shown:?} cannot name an argument, and is left out"
            ));
        }
        if self.properties.len() == MOST && !self.properties.contains_key(name) {
            return warnings.push(format!(
                "{name:?} is left out: at most {MOST} arguments are read"
            ));
        }
        let (property, required) = property(said);
        if self.properties.insert(name.to_owned(), property).is_some() {
            warnings.push(format!("the argument {name:?} is declared twice"));
            self.required.retain(|other| other != name);
        }
        if required && !marked {
            self.required.push(name.into());
        }
    }
}

/// Returns the schema of one argument, and whether callers must give it.
fn property(said: &Value) -> (Value, bool) {
    match said {
        Value::Null => (json!({ "type": "string" }), true),
        Value::Object(map) => described(map),
        Value::Array(choices) => (json!({ "enum": choices }), true),
        word => {
            let text = plain(word);
            let (text, optional) = strip_optional(&text);
            match type_word(text) {
                Some(kind) => (typed(kind), !optional),
                None => (json!({ "type": "string", "description": text }), !optional),
            }
        }
    }
}

fn described(map: &Map<String, Value>) -> (Value, bool) {
    let mut property = Map::new();
    let mut optional = false;
    match map.get("type") {
        Some(Value::String(word)) => {
            let (word, marked) = strip_optional(word);
            optional = marked;
            if let Value::Object(kind) = typed(type_word(word).unwrap_or("string")) {
                property.extend(kind);
            }
        }
        // A list of types, as JSON Schema has them.
        Some(Value::Array(kinds)) => {
            property.insert("type".to_owned(), kinds.clone().into());
            if kinds.iter().any(|kind| kind == "object") {
                property.insert("additionalProperties".to_owned(), true.into());
            }
        }
        _ if map.contains_key("enum") || map.contains_key("const") => {}
        _ => drop(property.insert("type".to_owned(), json!("string"))),
    }
    if let Some(text) = map.get("description").filter(|text| !text.is_null()) {
        property.insert("description".to_owned(), plain(text).into());
    }
    if ["properties", "patternProperties"]
        .iter()
        .any(|key| map.get(*key).is_some_and(Value::is_object))
    {
        property.remove("additionalProperties");
    }
    for key in CONSTRAINTS {
        if let Some(value) = map.get(key).filter(|value| !value.is_null()) {
            let kind = value
                .as_str()
                .filter(|_| key == "items")
                .and_then(type_word);
            property.insert(key.to_owned(), kind.map_or_else(|| value.clone(), typed));
        }
    }
    let flag = |key: &str| map.get(key).and_then(Value::as_bool);
    let required = flag("required")
        .or_else(|| flag("optional").map(|optional| !optional))
        .unwrap_or(!optional && !map.contains_key("default"));
    (Value::Object(property), required)
}

fn typed(kind: &str) -> Value {
    match kind {
        "" => json!({}),
        // The word names no keys, and means that there may be any.
        "object" => json!({ "type": kind, "additionalProperties": true }),
        kind => json!({ "type": kind }),
    }
}

/// Returns the JSON Schema type of a type word.
fn type_word(word: &str) -> Option<&'static str> {
    let word = strip_optional(word).0.to_lowercase();
    TYPES
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, kind)| *kind)
}

fn strip_optional(text: &str) -> (&str, bool) {
    match text.trim().strip_suffix(OPTIONAL) {
        Some(text) => (text.trim_end(), true),
        None => (text.trim(), false),
    }
}
