use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn compile(schema: Value) -> Schema {
    Schema::compile(&schema).expect("a good schema")
}

#[track_caller]
fn refused(schema: Value) -> String {
    Schema::compile(&schema)
        .expect_err("a refused schema")
        .to_string()
}

#[track_caller]
fn broken(schema: &Value, value: &Value) -> String {
    Schema::compile(schema)
        .expect("a good schema")
        .check(value)
        .expect_err("a broken rule")
        .to_string()
}

#[test]
fn rules_are_told_with_their_place() {
    let schema = json!({
        "type": "object",
        "required": ["text"],
        "additionalProperties": false,
        "properties": {
            "text": {"type": "string", "maxLength": 3, "pattern": "^[a-z]*$"},
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "pick": {"enum": ["a", "b"]},
            "list": {"type": "array", "uniqueItems": true, "items": {"type": ["string", "null"]}},
            "ref": {"$ref": "#/$defs/point"},
        },
        "$defs": {"point": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}},
    });
    for (value, expected) in [
        (json!({}), "input: must have \"text\""),
        (json!([]), "input: must be of type object"),
        (
            json!({"text": "abcd"}),
            "input.text: must have at most 3 characters",
        ),
        (json!({"text": "A"}), "input.text: must match \"^[a-z]*$\""),
        (json!({"text": "a", "n": 0}), "input.n: must be at least 1"),
        (
            json!({"text": "a", "n": 1.5}),
            "input.n: must be of type integer",
        ),
        (
            json!({"text": "a", "pick": "c"}),
            "input.pick: must be one of [\"a\",\"b\"]",
        ),
        (
            json!({"text": "a", "list": ["x", "x"]}),
            "input.list: must not hold an item twice",
        ),
        (
            json!({"text": "a", "list": ["x", 1]}),
            "input.list[1]: must be of type string or null",
        ),
        (
            json!({"text": "a", "ref": {}}),
            "input.ref: must have \"x\"",
        ),
        (
            json!({"text": "a", "ref": {"x": "1"}}),
            "input.ref.x: must be of type number",
        ),
        (json!({"text": "a", "zz": 1}), "input: must not have \"zz\""),
    ] {
        let told = broken(&schema, &value);
        assert_eq!(told.replace("null or string", "string or null"), expected);
    }
    let schema = compile(schema);
    assert_eq!(
        schema.check(&json!({"text": "a", "n": 1, "ref": {"x": 1}})),
        Ok(())
    );
}

#[test]
fn a_rule_never_repeats_the_value() {
    let secret = "s3cr3t".repeat(100);
    for schema in [
        json!({"type": "integer"}),
        json!({"enum": [1]}),
        json!({"maxLength": 3}),
        json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
        json!({"not": {"type": "string"}}),
        json!({"oneOf": [true, true]}),
        json!(false),
    ] {
        let told = broken(&schema, &json!(secret));
        assert!(!told.contains("s3cr3t"), "{told}");
    }
    let long = json!({"enum": (0..1_000).collect::<Vec<_>>()});
    assert!(broken(&long, &json!("x")).chars().count() < 220);
}

#[test]
fn nothing_outside_the_schema_is_reached() {
    for reference in [
        "http://127.0.0.1:1/x",
        "https://json-schema.org/draft/2020-12/schema",
        "file:///etc/passwd",
        "other.json",
        "other.json#/a",
        "#anchor",
        "#/enum/0",
        "#/$defs/none",
        "#/$defs/%zz",
        "#/$defs",
    ] {
        let told =
            refused(json!({"properties": {"a": {"$ref": reference}}, "enum": [{}], "$defs": {}}));
        assert!(told.contains("only local"), "{told}");
    }
    for schema in [
        json!({"properties": {"a": {"$id": "http://x/"}}}),
        json!({"properties": {"a": {"$schema": "http://x/"}}}),
        json!({"$dynamicRef": "#a"}),
        json!({"items": {"$recursiveRef": "#"}}),
        json!({"$ref": 3}),
    ] {
        Schema::compile(&schema).expect_err("refused");
    }
    // Identifiers at the top are names, not addresses.
    let schema = compile(
        json!({"$schema": "http://nowhere.invalid/x", "$id": "http://nowhere.invalid/y", "$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}),
    );
    assert_eq!(schema.check(&json!(null)), Ok(()));
    assert!(schema.check(&json!(1)).is_err());
}

#[test]
fn bounds_hold() {
    assert_eq!(
        Schema::compile(&json!({"description": "x".repeat(70_000)})).err(),
        Some(SchemaError::TooLarge)
    );
    let deep = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "not": inner }));
    assert_eq!(Schema::compile(&deep(33)).err(), Some(SchemaError::TooDeep));
    assert!(Schema::compile(&deep(20)).is_ok());
    for schema in [json!(1), json!(null), json!("x"), json!([])] {
        assert_eq!(
            Schema::compile(&schema).err(),
            Some(SchemaError::NotASchema)
        );
    }
    assert!(refused(json!({"type": "text"})).contains("/type"));
    assert!(
        refused(json!({"properties": {"a": {"items": {"minimum": "x"}}}}))
            .contains("/properties/a/items/minimum")
    );
    assert!(refused(json!({"pattern": "(?=a)b"})).contains("pattern"));
    assert!(refused(json!({"pattern": "(a)\\1"})).contains("pattern"));
    assert!(refused(json!({"pattern": "((((a{100}){100}){100}){100})"})).contains("pattern"));
    let many: Vec<_> = (0..65)
        .map(|n| json!({"pattern": format!("a{n}")}))
        .collect();
    assert!(refused(json!({ "prefixItems": many })).contains("64 patterns"));
}

#[test]
fn circles_that_go_nowhere_are_refused() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
    ] {
        assert!(refused(schema).contains("refers to itself"));
    }
    let chain: serde_json::Map<_, _> = (0..1_000)
        .map(|n| {
            (
                format!("a{n}"),
                json!({"$ref": format!("#/$defs/a{}", n + 1)}),
            )
        })
        .chain([("a1000".to_owned(), json!({}))])
        .collect();
    assert!(refused(json!({"$ref": "#/$defs/a0", "$defs": chain})).contains("one inside another"));
}

#[test]
fn recursion_into_the_value_works() {
    let tree = compile(json!({
        "$ref": "#/$defs/node",
        "$defs": {"node": {
            "type": "object", "required": ["v"], "additionalProperties": false,
            "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        }},
    }));
    assert_eq!(
        tree.check(&json!({"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3}]})),
        Ok(())
    );
    let told = tree.check(&json!({"v": 1, "kids": [{"v": 2}, {"v": 3, "kids": [{"v": "x"}]}]}));
    assert_eq!(told.expect_err("a text").place, "/kids/1/kids/0/v");
    let whole = compile(json!({"type": ["array", "null"], "items": {"$ref": "#"}}));
    assert_eq!(whole.check(&json!([[], [[null]]])), Ok(()));
    assert!(whole.check(&json!([[], [[1]]])).is_err());
}

#[test]
fn references_lead_to_their_places() {
    let schema = compile(json!({
        "properties": {
            "list": {"items": {"type": "object", "properties": {"a~/b %": {"type": "string", "minLength": 2, "description": "x".repeat(300)}}}},
            "same": {"$ref": "#/properties/list/items/properties/a~0~1b%20%25"},
            "each": {"$ref": "#/properties/list/items"},
        },
    }));
    assert!(schema.check(&json!({"same": "x"})).is_err());
    assert!(
        schema
            .check(&json!({"same": "xx", "each": {"a~/b %": "xx"}}))
            .is_ok()
    );
    assert!(schema.check(&json!({"each": {"a~/b %": "x"}})).is_err());
    assert!(schema.check(&json!({"list": [{"a~/b %": "x"}]})).is_err());
}

#[test]
fn unevaluated_still_sees_through() {
    let schema = compile(json!({
        "allOf": [{"$ref": "#/$defs/a"}],
        "properties": {"b": true},
        "unevaluatedProperties": false,
        "$defs": {"a": {"properties": {"a": true}}},
    }));
    assert!(schema.check(&json!({"a": 1, "b": 2})).is_ok());
    assert!(schema.check(&json!({"a": 1, "c": 2})).is_err());
}

/// Doubles at each of many steps: without a meter these take longer than anybody waits.
fn bombs() -> Vec<(&'static str, Value, Value)> {
    let nest = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({"a": inner, "b": 1}));
    let double = |to: Value| json!({"allOf": [to, to, {"minProperties": 0}]});
    let fails = |mut schema: Value| {
        schema["type"] = json!("object");
        schema
    };
    let rungs = 6;
    let ladder: serde_json::Map<_, _> = (0..rungs)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            (format!("a{n}"), json!({"anyOf": vec![next; 20]}))
        })
        .chain([(format!("a{rungs}"), json!({"type": "null"}))])
        .collect();
    let levels = json!({
        "allOf": [
            {"properties": {"a": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}},
            {"properties": {"a": {"$ref": "#"}}, "patternProperties": {"a|b": {"$ref": "#"}}},
        ],
    });
    let stack = (0..5).fold(json!({"$ref": "#"}), |inner, _| json!({ "allOf": [inner] }));
    let deepest = (0..11).fold(json!({"$ref": "#"}), |inner, _| json!({ "allOf": [inner] }));
    vec![
        (
            "deepest stack",
            json!({"properties": {"a": deepest}}),
            nest(120),
        ),
        (
            "stack",
            json!({"type": "object", "properties": {"a": stack}}),
            nest(62),
        ),
        (
            "failing recursion",
            fails(json!({"properties": {"a": double(json!({"$ref": "#"}))}})),
            nest(60),
        ),
        ("failing levels", fails(levels.clone()), nest(60)),
        (
            "recursion",
            json!({"properties": {"a": double(json!({"$ref": "#"}))}}),
            nest(60),
        ),
        ("levels", levels, nest(60)),
        (
            "negation",
            json!({"properties": {"a": {"not": {"anyOf": [{"$ref": "#"}, {"not": {"$ref": "#"}}]}}}}),
            nest(60),
        ),
        (
            "ladder",
            json!({"$ref": "#/$defs/a0", "$defs": ladder}),
            json!(1),
        ),
        (
            "wide",
            json!({"items": {"allOf": vec![json!({"minimum": 0}); 4_000]}}),
            Value::Array(vec![json!(1); 120_000]),
        ),
        (
            "enum",
            json!({"items": {"enum": (0..9_000).collect::<Vec<_>>()}}),
            Value::Array(vec![json!(8_999); 120_000]),
        ),
        (
            "patterns",
            json!({"allOf": vec![json!({"$ref": "#/$defs/p"}); 2_500], "$defs": {"p": {"pattern": "(x+x+)+y|[01]*1[01]{200}z"}}}),
            json!("x1".repeat(120_000)),
        ),
        (
            "unique",
            json!({"uniqueItems": true}),
            (0..120_000).map(|n| json!(n)).collect(),
        ),
    ]
}

#[test]
fn hostile_schemas_cost_a_bounded_amount() {
    for (name, schema, value) in bombs() {
        let started = Instant::now();
        // The smallest stack that a check runs on.
        let run = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || Schema::compile(&schema).map(|schema| schema.check(&value)));
        let outcome = run.expect("a thread").join().expect("no panic");
        let told = outcome
            .expect("a good schema")
            .err()
            .map(|violation| violation.rule);
        // The others are cheap by themselves, because what was found about a place is remembered.
        if ["wide", "enum"].contains(&name) {
            assert_eq!(told.as_deref(), Some("too complex to check"), "{name}");
        }
        // Unoptimised, and on a busy machine; without a meter each would take minutes or years.
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{name}: {:?}",
            started.elapsed()
        );
    }
}

#[test]
fn an_ordinary_input_of_the_largest_size_passes() {
    let schema = compile(json!({
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/row"}}},
        "$defs": {"row": {
            "type": "object", "required": ["id", "name"], "additionalProperties": false,
            "properties": {
                "id": {"type": "integer"}, "name": {"type": "string", "pattern": "^[a-z]+$", "description": "x".repeat(2_000)},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }},
    }));
    let rows: Vec<_> = (0..9_000)
        .map(|n| json!({"id": n, "name": "a", "tags": ["x", "y"]}))
        .collect();
    assert_eq!(schema.check(&json!({ "rows": rows })), Ok(()));
    let flat = compile(json!({"type": "array", "items": {"type": "integer"}}));
    assert_eq!(flat.check(&Value::Array(vec![json!(1); 128_000])), Ok(()));
}
