//! Frontmatter as authors write it by mistake, and every way to declare arguments.

use super::*;

fn input(text: &str) -> Value {
    ok(&format!("---\n{text}\n---\nUse $other.")).manifest.input
}

#[track_caller]
fn declares(text: &str, properties: Value, required: &[&str]) {
    let schema = input(text);
    assert_eq!(schema["properties"], properties, "{text}");
    let found = schema.get("required").cloned().unwrap_or(json!([]));
    assert_eq!(found, json!(required), "{text}");
}

#[test]
fn arguments_are_read_in_every_form() {
    let text = json!({"type": "string"});
    for form in [
        "arguments: [topic, lang]",
        "arguments:\n- topic\n- lang",
        "arguments: topic lang",
        "arguments:\n  - topic: str\n  - lang: string",
        "arguments:\n  topic: str\n  lang: ~",
        "arguments:\n  - name: topic\n  - name: lang\n    type: text",
    ] {
        declares(
            form,
            json!({"topic": text, "lang": text}),
            &["topic", "lang"],
        );
    }
    declares(
        "arguments:\n  - name: n\n    type: int\n    description: How many\n    default: 3\n    minimum: 1\n  - name: kind\n    enum: [a, b]\n    required: false\n  - name: deep\n    type: list\n    items: int",
        json!({
            "n": {"type": "integer", "description": "How many", "default": 3, "minimum": 1},
            "kind": {"enum": ["a", "b"]},
            "deep": {"type": "array", "items": {"type": "integer"}},
        }),
        &["deep"],
    );
    declares(
        "arguments:\n  a: float (optional)\n  b: bool\n  c: any\n  d: What it is about\n  e: {type: [string, 'null'], optional: true}",
        json!({
            "a": {"type": "number"}, "b": {"type": "boolean"}, "c": {},
            "d": {"type": "string", "description": "What it is about"}, "e": {"type": ["string", "null"]},
        }),
        &["b", "c", "d"],
    );
    declares(
        "arguments: [{name: str}]",
        json!({"name": {"type": "string"}}),
        &["name"],
    );
    declares(
        "arguments: [{name: str, type: int}]",
        json!({"str": {"type": "integer"}}),
        &["str"],
    );
    declares(
        "arguments: [a, a, {a: int}]",
        json!({"a": {"type": "integer"}}),
        &["a"],
    );
}

#[test]
fn arguments_that_are_none_are_left_out() {
    for none in [
        "arguments: []",
        "arguments: {}",
        "arguments: ~",
        "arguments: ''",
        "arguments: [[a], ~]",
        "arguments: ['a b', '$x']",
    ] {
        assert_eq!(input(none)["required"], json!(["input"]), "{none}");
    }
    let many: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
    let schema = input(&format!("arguments: [{}]", many.join(", ")));
    assert_eq!(schema["required"].as_array().map(Vec::len), Some(64));
}

#[test]
fn whole_schemas_are_taken_as_they_are() {
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}, "additionalProperties": false});
    for text in [
        format!("input_schema: {schema}"),
        format!("input_schema: '{schema}'"),
        "input_schema:\n  type: object\n  properties:\n    x:\n      type: integer\n      minimum: 1\n  additionalProperties: false".to_owned(),
        format!("arguments: [y]\ninput_schema: {schema}"),
    ] {
        assert_eq!(input(&text), schema, "{text}");
    }
    declares(
        "input_schema: {query: str, limit: int (optional)}",
        json!({"query": {"type": "string"}, "limit": {"type": "integer"}}),
        &["query"],
    );
    assert_eq!(
        ok("---\noutput_schema: {type: array}\n---\nx")
            .manifest
            .output,
        json!({"type": "array"})
    );
    assert_eq!(
        ok("---\noutput_schema: {}\n---\nx").manifest.output,
        json!({})
    );
}

#[test]
fn an_argument_that_is_an_object_says_what_it_takes() {
    // The word says that it may hold anything.
    let any = json!({"type": "object", "additionalProperties": true});
    declares(
        "arguments: {data: dict, rows: {type: list, items: map}, odd: {type: [object, 'null']}}",
        json!({
            "data": any, "rows": {"type": "array", "items": any},
            "odd": {"type": ["object", "null"], "additionalProperties": true},
        }),
        &["data", "rows", "odd"],
    );
    declares(
        "arguments: {who: {type: object, properties: {name: {type: string}}}}",
        json!({"who": {"type": "object", "properties": {"name": {"type": "string"}}}}),
        &["who"],
    );
}

#[test]
fn what_an_argument_says_of_further_keys_is_published_as_it_is() {
    declares(
        "arguments: {who: {type: object, additionalProperties: false}}",
        json!({"who": {"type": "object", "additionalProperties": false}}),
        &["who"],
    );
    let by_pattern =
        json!({"who": {"type": "object", "patternProperties": {"^x": {"type": "string"}}}});
    declares(
        "arguments: {who: {type: object, patternProperties: {'^x': {type: string}}}}",
        by_pattern,
        &["who"],
    );
}

#[test]
fn a_schema_that_names_no_keys_is_reported() {
    let warned = |schema: &str| {
        let read = ok(&format!(
            "---\nname: a\ndescription: A.\ninput_schema: {schema}\n---\nx"
        ));
        let about = read
            .warnings
            .iter()
            .filter(|words| words.contains("names no key of"));
        about.cloned().collect::<Vec<_>>()
    };
    for (schema, place) in [
        ("{type: object}", "names no key of input:"),
        ("{}", "names no key of input:"),
        (
            "{type: object, properties: {who: {type: object}}}",
            "names no key of input.who:",
        ),
        (
            "{type: object, properties: {all: {type: array, items: {type: [object]}}}}",
            "names no key of input.all[]:",
        ),
    ] {
        let told = warned(schema);
        assert!(
            told.len() == 1 && told[0].contains(place),
            "{schema}: {told:?}"
        );
    }
    for schema in [
        "{type: object, additionalProperties: true}",
        "{type: object, additionalProperties: false}",
        "{type: object, patternProperties: {'^x': {}}}",
        "{type: object, properties: {who: {type: string}, any: {}}}",
        "{'$ref': '#/$defs/a', '$defs': {a: {type: object, properties: {b: {}}}}}",
    ] {
        assert!(warned(schema).is_empty(), "{schema}: {:?}", warned(schema));
    }
}

#[test]
fn schemas_that_cannot_be_used_are_refused() {
    for bad in [
        "input_schema: 3",
        "input_schema: [a]",
        "input_schema: words",
        "input_schema: {query: {about: it}}",
        "input_schema: {type: nothing}",
        "input_schema: {$ref: 'http://example.com/x'}",
        "output_schema: {type: object, properties: {a: 3}}",
        "arguments: [{name: a, pattern: '('}]",
    ] {
        let error = refused(&format!("---\n{bad}\n---\nx"));
        assert!(error.contains("put_schema"), "{bad}: {error}");
    }
}

#[test]
fn forgotten_quotes_are_mended_in_prose_alone() {
    for (text, wanted) in [
        ("description: Use when: asked", "Use when: asked"),
        ("description: `code` first", "`code` first"),
        ("description: @somebody", "@somebody"),
        ("description: 100%: all\nlicense: a: b", "100%: all"),
        (
            "description: goes on: here\n  and here\nmodel: x",
            "goes on: here and here",
        ),
        ("description: [tag] text", "[tag] text"),
        ("argument-hint: [a] [b]\ndescription: fine", "fine"),
    ] {
        assert_eq!(
            ok(&format!("---\nname: n\n{text}\n---\nx"))
                .manifest
                .description,
            wanted,
            "{text}"
        );
    }
    for bad in [
        "min_trust_tier: 2: 3\ndescription: a: b",
        "arguments: a: b",
        "version: 1: 2",
        "description: \"no end",
        "description: a\ndescription: b",
        "description: *nowhere",
        "name: x\n bad: indent: y",
    ] {
        let error = refused(&format!("---\n{bad}\n---\nx"));
        assert!(error.contains("not YAML: line "), "{bad}: {error}");
    }
}

#[test]
fn errors_name_the_line_of_the_file() {
    let error = refused("\n---\nname: a\nname: b\n---\nx");
    assert!(error.contains("line 4"), "{error}");
}
