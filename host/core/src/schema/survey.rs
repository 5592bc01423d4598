//! Where the subschemas of a schema are, how they lead to each other, and what that could cost. Refuses references that
//! leave the schema or lead to no subschema, and circles that never go down into the value.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::SchemaError;

/// The most schemas that may apply to one place of a value, one inside another.
const CHAIN: u32 = 24;
/// The most patterns of one schema: each may be tried on the longest text of an input.
const PATTERNS: usize = 64;

/// How a subschema is reached from the one around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// Applies to the same place of the value.
    Same,
    /// Applies to one place below.
    Below,
    /// Applies to any number of places below.
    Each,
    /// Applies only by reference.
    Kept,
}

/// Keywords that hold a schema, a list of schemas, or a map of them.
const ONE: [(&str, Edge); 10] = [
    ("not", Edge::Same),
    ("if", Edge::Same),
    ("then", Edge::Same),
    ("else", Edge::Same),
    ("items", Edge::Each),
    ("contains", Edge::Each),
    ("additionalProperties", Edge::Each),
    ("propertyNames", Edge::Each),
    ("unevaluatedItems", Edge::Each),
    ("unevaluatedProperties", Edge::Each),
];
const LIST: [(&str, Edge); 4] = [
    ("allOf", Edge::Same),
    ("anyOf", Edge::Same),
    ("oneOf", Edge::Same),
    ("prefixItems", Edge::Below),
];
const MAP: [(&str, Edge); 5] = [
    ("dependentSchemas", Edge::Same),
    ("properties", Edge::Below),
    ("patternProperties", Edge::Each),
    ("$defs", Edge::Kept),
    ("definitions", Edge::Kept),
];

/// Keywords that would let a reference mean something else than its text, or lead outside.
const REFUSED: [(&str, &str); 4] = [
    ("$dynamicRef", "use `$ref` with a local `#/` reference"),
    ("$recursiveRef", "use `$ref` with a local `#/` reference"),
    (
        "$vocabulary",
        "only the vocabularies of draft 2020-12 are known",
    ),
    (
        "dependencies",
        "use `dependentRequired` or `dependentSchemas`",
    ),
];

/// One subschema.
pub(super) struct Node<'s> {
    /// Its text.
    pub(super) schema: &'s Value,
    /// The subschema around it, and its keyword and name there. A pointer for each would grow with the square of a
    /// schema that has long names.
    parent: Option<(usize, &'s str, Option<String>)>,
    /// By keyword and name, where the keyword holds several.
    children: HashMap<(String, Option<String>), usize>,
    edges: Vec<(usize, Edge)>,
    /// What it refers to.
    pub(super) target: Option<usize>,
    reference: Option<&'s str>,
}

impl Node<'_> {
    /// Returns the subschema that a keyword holds, under `name` where it holds several.
    pub(super) fn child(&self, key: &str, name: Option<&str>) -> Option<usize> {
        self.children
            .get(&(key.to_owned(), name.map(str::to_owned)))
            .copied()
    }

    /// Returns the subschemas that a value may be checked against once it is checked against this one.
    pub(super) fn applied(&self) -> impl Iterator<Item = usize> {
        let inside = self.edges.iter().filter(|(_, edge)| *edge != Edge::Kept);
        inside.map(|(child, _)| *child).chain(self.target)
    }
}

/// All subschemas; the first is the schema itself.
pub(super) struct Survey<'s> {
    nodes: Vec<Node<'s>>,
}

impl<'s> Survey<'s> {
    /// Walks through a schema.
    pub(super) fn of(schema: &'s Value) -> Result<Self, SchemaError> {
        let mut survey = Self { nodes: Vec::new() };
        let mut patterns = 0;
        survey.walk(schema, None, &mut patterns)?;
        survey.link()?;
        if patterns > PATTERNS {
            return Err(refuse("", format!("more than {PATTERNS} patterns")));
        }
        let mut lengths = vec![None; survey.nodes.len()];
        for at in 0..survey.nodes.len() {
            survey.length(at, &mut lengths, 0)?;
        }
        Ok(survey)
    }

    /// Returns how many subschemas there are, with the schema itself.
    pub(super) const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node<'s>> {
        self.nodes.get(at)
    }

    /// Returns the JSON pointer of a subschema.
    pub(super) fn pointer(&self, at: usize) -> String {
        let mut parts = Vec::new();
        let mut next = self.node(at).and_then(|node| node.parent.as_ref());
        while let Some((parent, key, name)) = next {
            parts.push(match name {
                Some(name) => format!("/{}/{}", escape(key), escape(name)),
                None => format!("/{}", escape(key)),
            });
            next = self.node(*parent).and_then(|node| node.parent.as_ref());
        }
        parts.reverse();
        parts.concat()
    }

    fn walk(
        &mut self,
        schema: &'s Value,
        parent: Option<(usize, &'s str, Option<String>)>,
        patterns: &mut usize,
    ) -> Result<usize, SchemaError> {
        let at = self.nodes.len();
        let is_root = parent.is_none();
        self.nodes.push(Node {
            schema,
            parent,
            children: HashMap::new(),
            edges: Vec::new(),
            target: None,
            reference: None,
        });
        let Value::Object(map) = schema else {
            return Ok(at);
        };
        let reference = keywords(map, is_root).map_err(|why| refuse(&self.pointer(at), why))?;
        if let Some(node) = self.nodes.get_mut(at) {
            node.reference = reference;
        }
        let by_pattern = map.get("patternProperties").and_then(Value::as_object);
        *patterns += usize::from(map.contains_key("pattern")) + by_pattern.map_or(0, Map::len);
        for (key, name, child, edge) in children(map) {
            let index = self.walk(child, Some((at, key, name.clone())), patterns)?;
            if let Some(node) = self.nodes.get_mut(at) {
                node.children.insert((key.to_owned(), name), index);
                node.edges.push((index, edge));
            }
        }
        Ok(at)
    }

    fn link(&mut self) -> Result<(), SchemaError> {
        for at in 0..self.nodes.len() {
            let Some(reference) = self.node(at).and_then(|node| node.reference) else {
                continue;
            };
            let target = local(reference).and_then(|pointer| self.find(&pointer));
            if target.is_none() {
                let shown = crate::message::cut(reference, 80);
                return Err(refuse(
                    &self.pointer(at),
                    format!(
                        "`$ref` {shown:?} leads to no subschema here: only local `#/` references are taken"
                    ),
                ));
            }
            if let Some(node) = self.nodes.get_mut(at) {
                node.target = target;
            }
        }
        Ok(())
    }

    /// Returns the subschema at a JSON pointer.
    fn find(&self, pointer: &str) -> Option<usize> {
        let mut parts = pointer.split('/').map(unescape);
        if !parts.next()?.is_empty() {
            return None;
        }
        let mut at = 0;
        while let Some(key) = parts.next() {
            let node = self.node(at)?;
            at = match node.child(&key, None) {
                Some(child) => child,
                None => node.child(&key, Some(&parts.next()?))?,
            };
        }
        Some(at)
    }

    /// Returns the longest chain from a subschema through what applies to the same place.
    fn length(&self, at: usize, known: &mut [Option<u32>], above: u32) -> Result<u32, SchemaError> {
        let Some(node) = self.node(at) else {
            return Ok(0);
        };
        if let Some(length) = known.get(at).copied().flatten() {
            return Ok(length);
        }
        if above > CHAIN {
            return Err(self.too_long(at));
        }
        let same = node
            .edges
            .iter()
            .filter(|(_, edge)| *edge == Edge::Same)
            .map(|(child, _)| *child)
            .chain(node.target);
        let mut longest = 0;
        for next in same {
            longest = longest.max(self.length(next, known, above + 1)?);
        }
        let length = longest + 1;
        if length > CHAIN {
            return Err(self.too_long(at));
        }
        if let Some(place) = known.get_mut(at) {
            *place = Some(length);
        }
        Ok(length)
    }

    fn too_long(&self, at: usize) -> SchemaError {
        refuse(
            &self.pointer(at),
            format!(
                "more than {CHAIN} schemas apply to one place, one inside another, or one refers to itself"
            ),
        )
    }
}

/// Refuses keywords that are not taken and returns the reference, if there is one.
fn keywords(map: &Map<String, Value>, is_root: bool) -> Result<Option<&str>, String> {
    for (key, instead) in REFUSED {
        if map.contains_key(key) {
            return Err(format!("`{key}` is not taken: {instead}"));
        }
    }
    for key in ["$id", "$schema"] {
        if map.contains_key(key) && !is_root {
            return Err(format!("`{key}` is taken at the top only"));
        }
    }
    match map.get("$ref") {
        None => Ok(None),
        Some(Value::String(reference)) => Ok(Some(reference)),
        Some(_) => Err("`$ref` is not a text".to_owned()),
    }
}

type Child<'s> = (&'s str, Option<String>, &'s Value, Edge);

fn children(map: &Map<String, Value>) -> Vec<Child<'_>> {
    let mut found = Vec::new();
    for (key, edge) in ONE {
        if let Some(child @ (Value::Object(_) | Value::Bool(_))) = map.get(key) {
            found.push((key, None, child, edge));
        }
    }
    for (key, edge) in LIST {
        let items = map.get(key).and_then(Value::as_array);
        for (n, child) in items.into_iter().flatten().enumerate() {
            found.push((key, Some(n.to_string()), child, edge));
        }
    }
    for (key, edge) in MAP {
        let items = map.get(key).and_then(Value::as_object);
        for (name, child) in items.into_iter().flatten() {
            found.push((key, Some(name.clone()), child, edge));
        }
    }
    found
}

fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// Returns the JSON pointer of a local reference.
pub(super) fn local(reference: &str) -> Option<String> {
    let text = reference.strip_prefix('#')?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = rest
                .get(..2)
                .and_then(|two| std::str::from_utf8(two).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = rest.get(2..)?;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn refuse(place: &str, why: String) -> SchemaError {
    SchemaError::Unsupported {
        place: place.to_owned(),
        why,
    }
}
