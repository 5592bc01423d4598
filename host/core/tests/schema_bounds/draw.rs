//! Schemas and values by chance: recursive, branching, with every keyword that leads from one schema to another.

use serde_json::{Map, Value, json};

/// Names of members, few so that schemas and values meet.
const NAMES: [&str; 6] = ["a", "b", "c", "op", "args", "value"];
/// Patterns of every size that compiles.
const PATTERNS: [&str; 8] = [
    "^a",
    "a|b",
    "^[a-z]{1,8}$",
    "(x+x+)+y",
    "[01]*1[01]{60}z",
    "^(a?){40}$",
    "op$",
    "[^a-f]+",
];

/// A source of chance that repeats itself for a seed.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Returns a schema with definitions that lead to each other, with lists of up to `wide` and so many levels.
    pub(crate) fn schema(&mut self, wide: usize, levels: usize) -> Value {
        let mut shape = Shape {
            definitions: 1 + self.below(4),
            at: None,
            wide,
        };
        let mut definitions = Map::new();
        for n in 0..shape.definitions {
            shape.at = Some(n);
            definitions.insert(format!("d{n}"), self.part(&shape, levels, true));
        }
        shape.at = Some(shape.definitions);
        let mut schema = self.part(&shape, levels, true);
        if !schema.is_object() {
            schema = json!({"$ref": "#/$defs/d0"});
        }
        schema["$defs"] = Value::Object(definitions);
        schema
    }

    /// Returns a subschema. `in_place` says that it applies to the same value as the one around it.
    fn part(&mut self, shape: &Shape, depth: usize, in_place: bool) -> Value {
        if depth == 0 || self.one_in(6) {
            return match self.below(8) {
                0 => json!(true),
                1 => json!(false),
                2 => json!({}),
                _ => self.reference(shape, in_place),
            };
        }
        let mut schema = Map::new();
        for _ in 0..1 + self.below(4) {
            let (key, value) = match self.below(26) {
                0 => ("allOf", self.list(shape, depth, in_place)),
                1..=3 => ("anyOf", self.list(shape, depth, in_place)),
                4..=5 => ("oneOf", self.list(shape, depth, in_place)),
                6 => ("not", self.part(shape, depth - 1, in_place)),
                7 => {
                    for key in ["then", "else"] {
                        if self.one_in(2) {
                            schema.insert(key.into(), self.part(shape, depth - 1, in_place));
                        }
                    }
                    ("if", self.part(shape, depth - 1, in_place))
                }
                8..=11 => ("properties", self.map(shape, depth, false)),
                12 => ("patternProperties", self.by_pattern(shape, depth)),
                13 => ("additionalProperties", self.part(shape, depth - 1, false)),
                14 => ("propertyNames", self.part(shape, depth - 1, false)),
                15..=16 => ("items", self.part(shape, depth - 1, false)),
                17 => ("prefixItems", self.list(shape, depth, false)),
                18 => {
                    if self.one_in(2) {
                        schema.insert("minContains".into(), json!(self.below(3)));
                    }
                    if self.one_in(3) {
                        schema.insert("maxContains".into(), json!(self.below(4)));
                    }
                    ("contains", self.part(shape, depth - 1, false))
                }
                19 => ("dependentSchemas", self.map(shape, depth, in_place)),
                20 => ("unevaluatedProperties", self.part(shape, depth - 1, false)),
                21 => ("unevaluatedItems", self.part(shape, depth - 1, false)),
                _ => self.assertion(),
            };
            schema.insert(key.to_owned(), value);
        }
        Value::Object(schema)
    }

    /// A reference that stays at the same value leads to an earlier definition, so that it ends somewhere.
    fn reference(&mut self, shape: &Shape, in_place: bool) -> Value {
        let at = shape.at.unwrap_or(shape.definitions);
        if in_place {
            return match at {
                0 => json!({}),
                _ => json!({"$ref": format!("#/$defs/d{}", self.below(at))}),
            };
        }
        match self.below(4) {
            0 => json!({"$ref": "#"}),
            _ => json!({"$ref": format!("#/$defs/d{}", self.below(shape.definitions))}),
        }
    }

    fn list(&mut self, shape: &Shape, depth: usize, in_place: bool) -> Value {
        let length = 1 + self.below(shape.wide);
        (0..length)
            .map(|_| self.part(shape, depth - 1, in_place))
            .collect()
    }

    fn map(&mut self, shape: &Shape, depth: usize, in_place: bool) -> Value {
        let mut map = Map::new();
        for _ in 0..1 + self.below(3) {
            let name = self.of(&NAMES).to_owned();
            map.insert(name, self.part(shape, depth - 1, in_place));
        }
        Value::Object(map)
    }

    fn by_pattern(&mut self, shape: &Shape, depth: usize) -> Value {
        let pattern = self.of(&PATTERNS);
        json!({ pattern: self.part(shape, depth - 1, false) })
    }

    fn assertion(&mut self) -> (&'static str, Value) {
        match self.below(14) {
            0..=2 => {
                let kinds = [
                    "object", "array", "string", "number", "integer", "null", "boolean",
                ];
                let kind = json!(self.of(&kinds));
                (
                    "type",
                    if self.one_in(3) {
                        json!([kind, "object"])
                    } else {
                        kind
                    },
                )
            }
            3 => {
                let names: Vec<_> = NAMES.iter().take(1 + self.below(2)).collect();
                ("required", json!(names))
            }
            4 => ("const", self.value(2, 3)),
            5 => ("enum", json!([self.value(2, 3), "a", 1])),
            6 => ("uniqueItems", json!(true)),
            7 => ("pattern", json!(self.of(&PATTERNS))),
            8 => ("minLength", json!(self.below(4))),
            9 => ("maxItems", json!(1 + self.below(40_000))),
            10 => ("minProperties", json!(self.below(3))),
            11 => ("multipleOf", json!(self.of(&[2.0, 0.1, 1e-9]))),
            12 => ("dependentRequired", json!({"a": ["b"]})),
            _ => ("maximum", json!(self.below(5))),
        }
    }

    /// Returns a value of at most `depth` levels with about `size` members at each.
    pub(crate) fn value(&mut self, depth: usize, size: usize) -> Value {
        match self.below(if depth == 0 { 5 } else { 12 }) {
            0 => json!(self.below(4)),
            1 => json!(self.of(&["a", "op", "01", "xxxxxxy"])),
            2 => json!(self.of(&[1.0, 1.5, -0.0, 1e300])),
            3 => json!(self.of(&[None, Some(true), Some(false)])),
            4 => json!("x1".repeat(self.below(size * 8))),
            5..=8 => {
                let mut map = Map::new();
                for _ in 0..self.below(size + 1) {
                    let name = self.of(&NAMES).to_owned();
                    map.insert(name, self.value(depth - 1, size));
                }
                Value::Object(map)
            }
            _ => (0..self.below(size + 1))
                .map(|_| self.value(depth - 1, size))
                .collect(),
        }
    }

    /// Returns a value that goes down a long way, with a little beside it at each level.
    pub(crate) fn chain(&mut self, levels: usize) -> Value {
        let mut value = self.value(1, 2);
        for _ in 0..levels {
            value = match self.below(4) {
                0 => json!([value]),
                1 => json!([value, self.value(1, 2)]),
                2 => json!({ self.of(&NAMES): value }),
                _ => json!({ self.of(&NAMES): value, self.of(&NAMES): self.value(1, 2) }),
            };
        }
        value
    }

    /// Returns many values beside each other.
    pub(crate) fn broad(&mut self, items: usize) -> Value {
        let few: Vec<Value> = (0..8).map(|_| self.value(2, 3)).collect();
        (0..items)
            .map(|n| match n % 9 {
                8 => json!(n),
                n => few[n].clone(),
            })
            .collect()
    }
}

/// What a schema is drawn with.
struct Shape {
    definitions: usize,
    /// The definition that is being drawn.
    at: Option<usize>,
    wide: usize,
}
