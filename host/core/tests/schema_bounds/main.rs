//! The bound on what a stranger's schema costs over a stranger's value, in work and in memory, explanation included.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

mod draw;

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use coworker_core::Schema;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};

use draw::Draw;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// What a check may take beyond its value.
const MOST: usize = 32 << 20;
/// Unoptimised, and on a busy machine.
const LONGEST: Duration = Duration::from_secs(60);
/// How long is drawn for, half of it from a fixed seed.
const DRAWING: Duration = Duration::from_secs(60);
/// The seed that every run draws from.
const FIXED: u64 = 12;

fn alone() -> MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs something and returns what it took.
fn measured<T>(run: impl FnOnce() -> T) -> (T, usize, Duration) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let started = Instant::now();
    let out = run();
    let took = started.elapsed();
    (out, MEMORY.peak_usage().saturating_sub(before), took)
}

/// Checks a value, looks at what that took, and returns what was told.
#[track_caller]
fn check(schema: &Value, value: &Value, about: &str) -> Option<Result<(), String>> {
    let (compiled, memory, took) = measured(|| Schema::compile(schema));
    assert!(
        memory < 2 * MOST,
        "{about}: compiling took {memory} bytes: {schema}"
    );
    assert!(took < LONGEST, "{about}: compiling took {took:?}: {schema}");
    let compiled = compiled.ok()?;
    let (told, memory, took) = measured(|| compiled.check(value));
    assert!(
        memory < MOST,
        "{about}: {memory} bytes: {schema} over {value}"
    );
    assert!(took < LONGEST, "{about}: {took:?}: {schema} over {value}");
    let told = told.map_err(|violation| violation.to_string());
    if let Err(told) = &told {
        assert!(told.len() < 4 << 10, "{about}: {told}");
    }
    Some(told)
}

/// Looks at what it takes to find what of a value is declared.
#[track_caller]
fn declare(schema: &Value, value: &Value, about: &str) {
    let Ok(compiled) = Schema::compile(schema) else {
        return;
    };
    let size = value.to_string().len() * 64;
    let (_, memory, took) = measured(|| compiled.declared(value));
    assert!(
        memory < MOST + size,
        "{about}: {memory} bytes: {schema} over {value}"
    );
    assert!(took < LONGEST, "{about}: {took:?}: {schema} over {value}");
}

fn filter() -> Value {
    let part = |op: &str| {
        json!({"type": "object", "required": ["op", "args"],
            "properties": {"op": {"const": op}, "args": {"type": "array", "items": {"$ref": "#/$defs/f"}}}})
    };
    json!({"type": "object", "required": ["filter"], "properties": {"filter": {"$ref": "#/$defs/f"}},
        "$defs": {"f": {"anyOf": [part("and"), part("or"), part("not"),
            {"type": "object", "required": ["field", "value"], "properties": {"field": {"type": "string"}, "value": {"type": "string"}}}]}}})
}

/// Makes a value that lies so deep, and fits or does not.
type ValueOfDepth = fn(usize, bool) -> Value;

/// Schemas whose branches all lead to the same place, each with values of any depth: one that fits and one that does not.
fn doubling() -> Vec<(&'static str, Value, ValueOfDepth)> {
    fn array(levels: usize, fits: bool) -> Value {
        let end = if fits { json!([]) } else { json!(1) };
        (0..levels).fold(end, |inner, _| json!([inner]))
    }
    fn object(levels: usize, fits: bool) -> Value {
        let end = if fits { json!({}) } else { json!(1) };
        (0..levels).fold(end, |inner, _| json!({ "a": inner }))
    }
    let t = || json!({"$ref": "#/$defs/t"});
    let with = |t: Value| json!({"$ref": "#/$defs/t", "$defs": {"t": t}});
    let of_a = || json!({"type": "object", "properties": {"a": t()}});
    vec![
        ("filter", filter(), |levels, fits| {
            let value = if fits { json!("red") } else { json!(5) };
            let end = json!({"field": "colour", "value": value});
            json!({"filter": (0..levels / 2).fold(end, |inner, _| json!({"args": [inner], "op": "not"}))})
        }),
        (
            "anyOf",
            with(json!({"anyOf": [
            {"type": "array", "items": {"anyOf": [t(), t()]}}, {"type": "array", "items": {"anyOf": [t(), t()]}}]})),
            array,
        ),
        (
            "oneOf",
            with(
                json!({"type": "array", "items": {"oneOf": [{"allOf": [t(), {"not": true}]}, t(), {"allOf": [t(), {"minItems": 9}]}]}}),
            ),
            array,
        ),
        (
            "not",
            with(
                json!({"type": "object", "properties": {"a": {"not": {"anyOf": [{"not": t()}, {"not": t()}]}}}}),
            ),
            object,
        ),
        (
            "if",
            with(
                json!({"type": "object", "if": {"properties": {"a": t()}}, "then": {"properties": {"a": t()}}, "else": {"properties": {"a": t()}}}),
            ),
            object,
        ),
        (
            "dependentSchemas",
            with(
                json!({"type": "object", "dependentSchemas": {"a": of_a()}, "properties": {"a": t()}}),
            ),
            object,
        ),
        (
            "unevaluatedProperties",
            with(
                json!({"type": "object", "anyOf": [of_a(), of_a()], "unevaluatedProperties": false}),
            ),
            object,
        ),
        (
            "unevaluatedProperties, as a schema",
            with(
                json!({"type": "object", "allOf": [{"if": {"unevaluatedProperties": t()}}], "unevaluatedProperties": t()}),
            ),
            object,
        ),
        (
            "unevaluatedItems",
            with(
                json!({"type": "array", "anyOf": [{"prefixItems": [t()]}, {"prefixItems": [t()]}], "unevaluatedItems": false}),
            ),
            array,
        ),
        (
            "contains",
            with(
                json!({"type": "array", "allOf": [{"if": {"minItems": 1}, "then": {"contains": t()}}], "items": t()}),
            ),
            array,
        ),
        (
            "patternProperties",
            with(
                json!({"type": "object", "patternProperties": {"a": t(), "^a": t(), "a$": t()}, "additionalProperties": false}),
            ),
            object,
        ),
        (
            "propertyNames",
            with(
                json!({"type": "object", "propertyNames": {"anyOf": [{"const": "a"}, {"pattern": "^b"}]}, "additionalProperties": t(), "allOf": [{"additionalProperties": t()}]}),
            ),
            object,
        ),
    ]
}

#[test]
fn schema_inputs_that_killed_a_host_are_answered() {
    let _alone = alone();
    let bad = include_str!("../data/filter-bad-12.json");
    let bad = serde_json::from_str(bad).expect("JSON");
    let told = check(&filter(), &bad, "bad").expect("a schema");
    assert_eq!(
        told.expect_err("it does not fit"),
        "input.filter: must fit one of the choices in `anyOf`"
    );
    let good = include_str!("../data/filter-good-20.json");
    let good = serde_json::from_str(good).expect("JSON");
    assert_eq!(check(&filter(), &good, "good"), Some(Ok(())));
}

#[test]
fn schema_branches_that_lead_to_one_place_cost_it_once() {
    let _alone = alone();
    for (name, schema, value) in doubling() {
        for levels in [1, 2, 12, 20, 40, 56] {
            declare(&schema, &value(levels, true), name);
            let fitting = check(&schema, &value(levels, true), name).expect(name);
            assert_eq!(fitting, Ok(()), "{name}, {levels} levels");
            let told = check(&schema, &value(levels, false), name).expect(name);
            let told = told.expect_err(name);
            assert!(
                !told.contains("too complex"),
                "{name}, {levels} levels: {told}"
            );
        }
    }
}

#[test]
fn schema_work_beyond_the_bound_is_too_complex() {
    let _alone = alone();
    // Every item is looked at for every choice, and none of them is looked at twice.
    let many: Vec<Value> = (0..3_000).map(|n| json!({ "const": n })).collect();
    let schema = json!({"items": {"anyOf": many}});
    let value: Value = (0..100_000).map(|_| json!(2_999)).collect();
    let told = check(&schema, &value, "wide").expect("a schema");
    declare(&schema, &value, "wide");
    assert_eq!(told.expect_err("much"), "input: too complex to check");
    // Shapes that a hash of their parts takes for the same.
    let mut shapes = vec![json!([])];
    for n in 0..8_000 {
        let (one, two) = (shapes[n / 2].clone(), shapes[n / 3].clone());
        shapes.push(json!([one, two, []]));
        if serde_json::to_string(&shapes).is_ok_and(|text| text.len() > 200_000) {
            break;
        }
    }
    let value = Value::Array(shapes);
    let told = check(&json!({"uniqueItems": true}), &value, "colliding");
    assert!(told.is_some(), "a schema");
    // Patterns that have no fast form, on the longest text.
    for pattern in [
        "[01]*1[01]{900}z",
        "(x+x+)+y",
        "(a|b|ab)*c{0,900}z",
        "\\w*\\d{3}\\w{20}é",
    ] {
        let text = json!("01ab".repeat(60_000));
        let told = check(&json!({ "pattern": pattern }), &text, pattern);
        assert!(told.expect("a schema").is_err(), "{pattern}");
    }
}

#[test]
fn schema_that_is_costly_to_compile_is_refused_or_cheap() {
    let _alone = alone();
    let wrap = |key: &str, n: usize| {
        (0..n).fold(json!({"properties": {"a": true}}), |inner, n| {
            let inner = if ["allOf", "anyOf"].contains(&key) {
                json!([inner])
            } else {
                inner
            };
            json!({ key: inner, "unevaluatedProperties": n == 0 })
        })
    };
    let long = "n".repeat(30_000);
    for (name, schema) in [
        ("nested if", wrap("if", 30)),
        ("nested allOf", wrap("allOf", 14)),
        (
            "long names",
            json!({"properties": {long: {"anyOf": vec![json!({}); 9_000]}}}),
        ),
        ("escapes", json!({"pattern": "\\cA".repeat(20_000)})),
        (
            "patterns",
            json!({"allOf": (0..64).map(|n| json!({"pattern": format!("[a-z{n}]{{1000}}")})).collect::<Vec<_>>()}),
        ),
        (
            "leaves",
            json!({"allOf": (0..4_000).map(|n| json!({"maximum": n})).collect::<Vec<_>>()}),
        ),
    ] {
        let value = json!({"a": {"a": 1}});
        check(&schema, &value, name);
        declare(&schema, &value, name);
    }
}

#[test]
fn schema_verdicts_are_those_of_the_library() {
    let _alone = alone();
    let mut draw = Draw::new(FIXED);
    let (mut fitting, mut broken) = (0, 0);
    for _ in 0..1_000 {
        let schema = draw.schema(3, 2);
        let Ok(compiled) = Schema::compile(&schema) else {
            continue;
        };
        let Ok(library) = jsonschema::draft202012::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
        else {
            panic!("the library refuses {schema}");
        };
        for _ in 0..8 {
            let value = draw.value(3, 3);
            let told = compiled.check(&value);
            assert_eq!(
                told.is_ok(),
                library.is_valid(&value),
                "{schema} over {value}: {told:?}"
            );
            if told.is_ok() {
                fitting += 1;
            } else {
                broken += 1;
            }
        }
    }
    assert!(fitting > 1_000 && broken > 1_000, "{fitting} and {broken}");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a seed that failed is given again by the environment"
)]
fn schema_bound_holds_for_whatever_is_drawn() {
    let _alone = alone();
    let (seeds, time) = match std::env::var("COWORKER_SEED") {
        Ok(seed) => (vec![seed.parse().expect("a number")], DRAWING),
        Err(_) => {
            let fresh = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .expect("a clock");
            (vec![FIXED, u64::from(fresh.subsec_nanos())], DRAWING / 2)
        }
    };
    for seed in seeds {
        let _ = writeln!(std::io::stderr(), "drawing from COWORKER_SEED={seed}");
        let about = format!("COWORKER_SEED={seed}");
        let mut draw = Draw::new(seed);
        let started = Instant::now();
        let (mut taken, mut too_complex) = (0, 0);
        while started.elapsed() < time {
            let schema = draw.schema(6, 3);
            let value = match draw.below(4) {
                0 => draw.value(6, 4),
                1 => draw.broad(1_000),
                _ => {
                    let levels = 4 + draw.below(56);
                    draw.chain(levels)
                }
            };
            if taken % 8 == 0 {
                declare(&schema, &value, &about);
            }
            if let Some(told) = check(&schema, &value, &about) {
                taken += 1;
                too_complex += u32::from(told.is_err_and(|told| told.contains("too complex")));
            }
        }
        let _ = writeln!(
            std::io::stderr(),
            "{taken} pairs, {too_complex} too complex"
        );
        assert!(taken > 20, "{about}: {taken} pairs");
    }
}
