//! Where the subschemas of a schema are, how they lead to each other, and what that could cost. Refuses references that
//! leave the schema or lead to no subschema, and circles that never go down into the value.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::SchemaError;
use super::guard::STEP;
use crate::json::depth;

/// The most schemas that may apply to one place of a value, one inside another.
const CHAIN: u32 = 24;
/// The most patterns of one schema: each may be tried on the longest text of an input.
const PATTERNS: u64 = 64;
/// A schema this short, with nothing inside it, costs no more for an element than reading the element did.
const SMALL: u64 = 256;

/// How a subschema is reached from the one around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
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
const REFUSED: [(&str, &str); 5] = [
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
    (STEP, "the keyword belongs to the host"),
];

/// One subschema.
pub(super) struct Node {
    pointer: String,
    /// By keyword and name, where the keyword holds several.
    children: HashMap<(String, Option<String>), usize>,
    edges: Vec<(usize, Edge)>,
    /// What it refers to.
    pub(super) target: Option<usize>,
    reference: Option<String>,
    parent: Option<(usize, String)>,
    /// Bytes and patterns of its own, without those of its children.
    weight: u64,
    patterns: u64,
    /// Whether a step stands in front of it.
    pub(super) stepped: bool,
}

impl Node {
    /// Returns the subschema that a keyword holds, under `name` where it holds several.
    pub(super) fn child(&self, key: &str, name: Option<&str>) -> Option<usize> {
        self.children
            .get(&(key.to_owned(), name.map(str::to_owned)))
            .copied()
    }
}

/// How deep checking may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// How many schemas apply to one place, one inside another, at most.
    chain: u32,
    /// How many schemas lie inside one another in all; absent if the schema leads back into itself.
    total: Option<u32>,
}

impl Reach {
    /// Returns how many schemas may be entered, one inside another, to check `value`.
    pub(super) fn nesting(self, value: &Value) -> u32 {
        match self.total {
            Some(total) => total,
            None => depth(value).saturating_add(1).saturating_mul(self.chain),
        }
    }
}

/// All subschemas; the first is the schema itself.
pub(super) struct Survey {
    nodes: Vec<Node>,
    reach: Reach,
}

/// What is known of the chains below a subschema while they are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    Unknown,
    Open,
    /// The longest one; absent if it comes back.
    Known(Option<u32>),
}

impl Survey {
    /// Walks through a schema.
    pub(super) fn of(schema: &Value) -> Result<Self, SchemaError> {
        let reach = Reach {
            chain: 0,
            total: None,
        };
        let mut survey = Self {
            nodes: Vec::new(),
            reach,
        };
        survey.walk(schema, String::new(), None, Edge::Same)?;
        survey.link()?;
        let patterns: u64 = survey.nodes.iter().map(|node| node.patterns).sum();
        if patterns > PATTERNS {
            return Err(refuse("", format!("more than {PATTERNS} patterns")));
        }
        let mut lengths = vec![None; survey.nodes.len()];
        for at in 0..survey.nodes.len() {
            let length = survey.length(at, &mut lengths, 0)?;
            survey.reach.chain = survey.reach.chain.max(length);
        }
        survey.reach.total = survey.total(0, &mut vec![Below::Unknown; survey.nodes.len()]);
        Ok(survey)
    }

    /// Returns how deep checking may go.
    pub(super) const fn reach(&self) -> Reach {
        self.reach
    }

    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// Returns where a subschema is once all steps are in place.
    pub(super) fn moved(&self, at: usize) -> String {
        let mut parts = Vec::new();
        let mut next = self.node(at).and_then(|node| node.parent.as_ref());
        while let Some((parent, suffix)) = next {
            parts.push(suffix.as_str());
            let around = self.node(*parent);
            if around.is_some_and(|node| node.stepped) {
                parts.push("/allOf/1");
            }
            next = around.and_then(|node| node.parent.as_ref());
        }
        parts.reverse();
        // A JSON pointer in a reference is part of a URI.
        parts
            .concat()
            .replace('%', "%25")
            .replace(' ', "%20")
            .replace('"', "%22")
    }

    /// Returns bytes and patterns that run behind the step of a subschema: its own, those inside it up to the next
    /// steps, and those of what it refers to.
    pub(super) fn price(&self, at: usize) -> (u64, u64) {
        let (weight, patterns) = self.inside(at);
        match self.node(at).and_then(|node| node.target) {
            Some(target) => {
                let (more, other) = self.inside(target);
                (weight + more, patterns + other)
            }
            None => (weight, patterns),
        }
    }

    fn inside(&self, at: usize) -> (u64, u64) {
        let Some(node) = self.node(at) else {
            return (0, 0);
        };
        let mut sum = (node.weight, node.patterns);
        for (child, edge) in &node.edges {
            if *edge != Edge::Kept && !self.node(*child).is_some_and(|node| node.stepped) {
                let (weight, patterns) = self.inside(*child);
                sum = (sum.0 + weight, sum.1 + patterns);
            }
        }
        sum
    }

    fn walk(
        &mut self,
        schema: &Value,
        pointer: String,
        parent: Option<(usize, String)>,
        edge: Edge,
    ) -> Result<usize, SchemaError> {
        let at = self.nodes.len();
        let whole = schema.to_string().len() as u64;
        self.nodes.push(Node {
            pointer: pointer.clone(),
            children: HashMap::new(),
            edges: Vec::new(),
            target: None,
            reference: None,
            parent,
            weight: whole,
            patterns: 0,
            stepped: false,
        });
        let Value::Object(map) = schema else {
            return Ok(at);
        };
        let found = children(map);
        let reference = self.keywords(map, &pointer)?;
        let mut inner = 0;
        for (key, name, child, edge) in &found {
            let suffix = match name {
                Some(name) => format!("/{}/{}", escape(key), escape(name)),
                None => format!("/{}", escape(key)),
            };
            let index = self.walk(
                child,
                format!("{pointer}{suffix}"),
                Some((at, suffix)),
                *edge,
            )?;
            inner += child.to_string().len() as u64;
            if let Some(node) = self.nodes.get_mut(at) {
                node.children
                    .insert(((*key).to_owned(), name.clone()), index);
                node.edges.push((index, *edge));
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.weight = whole.saturating_sub(inner).max(1);
            node.patterns = u64::from(map.contains_key("pattern"))
                + map
                    .get("patternProperties")
                    .and_then(Value::as_object)
                    .map_or(0, |all| all.len() as u64);
            let plain = found.is_empty() && whole <= SMALL && node.patterns == 0;
            node.stepped = reference.is_some() || (edge == Edge::Each && !plain);
            node.reference = reference;
        }
        Ok(at)
    }

    /// Refuses what is not taken and returns the reference, if there is one.
    fn keywords(
        &self,
        map: &Map<String, Value>,
        pointer: &str,
    ) -> Result<Option<String>, SchemaError> {
        for (key, instead) in REFUSED {
            if map.contains_key(key) {
                return Err(refuse(pointer, format!("`{key}` is not taken: {instead}")));
            }
        }
        for key in ["$id", "$schema"] {
            if map.contains_key(key) && !pointer.is_empty() {
                return Err(refuse(pointer, format!("`{key}` is taken at the top only")));
            }
        }
        match map.get("$ref") {
            None => Ok(None),
            Some(Value::String(reference)) => Ok(Some(reference.clone())),
            Some(_) => Err(refuse(pointer, "`$ref` is not a text".to_owned())),
        }
    }

    fn link(&mut self) -> Result<(), SchemaError> {
        let places: HashMap<String, usize> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(at, node)| (node.pointer.clone(), at))
            .collect();
        for node in &mut self.nodes {
            let Some(reference) = &node.reference else {
                continue;
            };
            let target = local(reference).and_then(|pointer| places.get(&pointer).copied());
            if target.is_none() {
                let shown = crate::message::cut(reference, 80);
                return Err(refuse(
                    &node.pointer,
                    format!(
                        "`$ref` {shown:?} leads to no subschema here: only local `#/` references are taken"
                    ),
                ));
            }
            node.target = target;
        }
        Ok(())
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
            return Err(too_long(node));
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
        // A step is two schemas more.
        let length = longest + if node.stepped { 2 } else { 1 };
        if length > CHAIN {
            return Err(too_long(node));
        }
        if let Some(place) = known.get_mut(at) {
            *place = Some(length);
        }
        Ok(length)
    }

    /// Returns the longest chain from a subschema through everything it leads to, or nothing if it leads back.
    fn total(&self, at: usize, known: &mut [Below]) -> Option<u32> {
        let node = self.node(at)?;
        match known.get(at)? {
            Below::Known(total) => return *total,
            Below::Open => return None,
            Below::Unknown => {}
        }
        *known.get_mut(at)? = Below::Open;
        let next = node.edges.iter().filter(|(_, edge)| *edge != Edge::Kept);
        let mut longest = Some(0);
        for at in next.map(|(child, _)| *child).chain(node.target) {
            longest = longest.zip(self.total(at, known)).map(|(a, b)| a.max(b));
        }
        let total = longest.map(|longest| longest + if node.stepped { 2 } else { 1 });
        *known.get_mut(at)? = Below::Known(total);
        total
    }
}

fn too_long(node: &Node) -> SchemaError {
    refuse(
        &node.pointer,
        format!(
            "more than {CHAIN} schemas apply to one place, one inside another, or one refers to itself"
        ),
    )
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

/// Returns the JSON pointer of a local reference.
fn local(reference: &str) -> Option<String> {
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
