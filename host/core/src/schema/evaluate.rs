//! The check of a value. One walk finds out whether the value fits and, where it does not, the first place and rule:
//! no second walk collects what else is wrong. The walk pays for each step, and remembers a bounded number of outcomes,
//! so that a schema whose branches lead to the same place costs each place once and not once for every branch.

mod unevaluated;

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Violation;
use super::place::Place;
use super::program::{Applicators, Contains, Node, Pattern, Program};
use super::rule::names;
use super::unique::is_unique;

/// The work that one check may take, explanation included, in steps. A step is a schema entered, a member looked at, or
/// as much comparing as takes about as long: about 100 ns, so that no check takes longer than a second. An ordinary
/// input of the largest size takes a tenth of it.
pub(super) const WORK: u64 = 4 << 20;
/// The most schemas that are entered one inside another: keeps the check within the smallest stack of any thread here.
const NESTING: u32 = 640;
/// The most outcomes that are remembered at a time. With the two tables of a unique array and the caches of the patterns
/// it is the only memory that grows with the work: a check takes less than 32 MiB beyond its value.
const OUTCOMES: usize = 1 << 16;
/// How many bytes of a text are read in one step of work.
const TEXT_STEP: u64 = 256;

/// Why a check ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The value does not fit; told where an explanation was asked for.
    Broken(Option<Box<Violation>>),
    /// The work is used up, or the schemas lie too deep inside one another.
    TooComplex,
}

type Outcome = Result<(), Stop>;

/// Checks a value, and tells the first place that breaks a rule.
pub(super) fn check(program: &Program, value: &Value) -> Result<(), Violation> {
    let mut walk = Walk {
        program,
        left: WORK,
        depth: 0,
        outcomes: HashMap::new(),
        in_names: 0,
    };
    match walk.enter(0, value, Some(&Place::Root)) {
        Ok(()) => Ok(()),
        Err(Stop::Broken(Some(violation))) => Err(*violation),
        Err(Stop::Broken(None)) => Err(Place::Root.violation("must keep the schema")),
        Err(Stop::TooComplex) => Err(Place::Root.violation("too complex to check")),
    }
}

/// Returns whether a text matches a pattern, or nothing if that takes more than is left.
pub(super) fn matches(pattern: &Pattern, text: &Value, left: &mut u64) -> Option<bool> {
    let length = text.as_str().map_or(0, |text| text.len() as u64);
    pay(left, 1 + pattern.price.saturating_mul(length))?;
    Some(pattern.validator.is_valid(text))
}

/// Takes steps off what is left.
pub(super) fn pay(left: &mut u64, steps: u64) -> Option<()> {
    *left = left.checked_sub(steps)?;
    Some(())
}

struct Walk<'p> {
    program: &'p Program,
    left: u64,
    depth: u32,
    /// By subschema and address of the value, which stays where it is for as long as the check lasts.
    outcomes: HashMap<(usize, usize), bool>,
    /// How many names are being checked as values: they have no lasting address.
    in_names: u32,
}

impl Walk<'_> {
    fn pay(&mut self, steps: u64) -> Outcome {
        pay(&mut self.left, steps).ok_or(Stop::TooComplex)
    }

    /// Checks a value against a subschema. `place` is given where an explanation is asked for.
    fn enter(&mut self, at: usize, value: &Value, place: Option<&Place<'_>>) -> Outcome {
        self.pay(1)?;
        let program = self.program;
        let Some(node) = program.node(at) else {
            return Ok(());
        };
        match node.fixed {
            Some(true) => return Ok(()),
            Some(false) => return broken(place, || "must not be there".to_owned()),
            None => {}
        }
        let key = (at, std::ptr::from_ref(value).addr());
        let is_kept = node.is_shared && self.in_names == 0;
        if is_kept {
            match self.outcomes.get(&key) {
                Some(true) => return Ok(()),
                Some(false) if place.is_none() => return Err(Stop::Broken(None)),
                _ => {}
            }
        }
        if self.depth >= NESTING {
            return Err(Stop::TooComplex);
        }
        self.depth += 1;
        let outcome = self.check(at, node, value, place);
        self.depth -= 1;
        if is_kept && !matches!(outcome, Err(Stop::TooComplex)) {
            if self.outcomes.len() >= OUTCOMES {
                self.outcomes.clear();
            }
            self.outcomes.insert(key, outcome.is_ok());
        }
        outcome
    }

    /// Returns whether a value fits a subschema.
    fn fits(&mut self, at: usize, value: &Value) -> Result<bool, Stop> {
        match self.enter(at, value, None) {
            Ok(()) => Ok(true),
            Err(Stop::Broken(_)) => Ok(false),
            Err(Stop::TooComplex) => Err(Stop::TooComplex),
        }
    }

    fn check(
        &mut self,
        at: usize,
        node: &Node,
        value: &Value,
        place: Option<&Place<'_>>,
    ) -> Outcome {
        self.assertions(node, value, place)?;
        let Some(applicators) = node.applicators.as_deref() else {
            return Ok(());
        };
        match value {
            Value::Object(map) => self.members(applicators, map, place)?,
            Value::Array(items) => self.items(applicators, items, place)?,
            _ => {}
        }
        self.in_place(applicators, value, place)?;
        match value {
            Value::Object(map) if applicators.unevaluated_properties.is_some() => {
                self.unevaluated_properties(at, applicators, value, map, place)
            }
            Value::Array(items) if applicators.unevaluated_items.is_some() => {
                self.unevaluated_items(at, applicators, value, items, place)
            }
            _ => Ok(()),
        }
    }

    /// Checks what concerns the value alone.
    fn assertions(&mut self, node: &Node, value: &Value, place: Option<&Place<'_>>) -> Outcome {
        let text = value.as_str().map_or(0, |text| text.len() as u64);
        if !node.assertions.is_empty() {
            self.pay(node.price + text / TEXT_STEP)?;
        }
        for assertion in &node.assertions {
            if !assertion.holds(value) {
                return broken(place, || assertion.rule(value));
            }
        }
        if let Some(pattern) = &node.pattern {
            self.pay(pattern.price.saturating_mul(text))?;
            if !pattern.validator.is_valid(value) {
                return broken(place, || pattern.rule());
            }
        }
        if let (true, Value::Array(items)) = (node.is_unique, value) {
            let unique = is_unique(items, &mut self.left).ok_or(Stop::TooComplex)?;
            if !unique {
                return broken(place, || "must not hold an item twice".to_owned());
            }
        }
        Ok(())
    }

    fn members(
        &mut self,
        applicators: &Applicators,
        map: &Map<String, Value>,
        place: Option<&Place<'_>>,
    ) -> Outcome {
        let mut unexpected = Vec::new();
        for (key, value) in map {
            self.pay(1)?;
            let below = place.map(|place| place.key(key));
            let mut is_known = false;
            if let Some(at) = applicators.properties.get(key) {
                is_known = true;
                self.enter(*at, value, below.as_ref())?;
            }
            for (pattern, at) in &applicators.by_pattern {
                if self.is_match(pattern, key)? {
                    is_known = true;
                    self.enter(*at, value, below.as_ref())?;
                }
            }
            if let Some(at) = applicators.names {
                self.name(at, key, place)?;
            }
            match applicators.additional {
                Some(at) if !is_known => {
                    if self.is_never(at) {
                        unexpected.push(key.as_str());
                        if place.is_none() || unexpected.len() >= names::MOST {
                            break;
                        }
                    } else {
                        self.enter(at, value, below.as_ref())?;
                    }
                }
                _ => {}
            }
        }
        if unexpected.is_empty() {
            Ok(())
        } else {
            broken(place, || names::must_not_have(&unexpected))
        }
    }

    fn is_never(&self, at: usize) -> bool {
        self.program
            .node(at)
            .is_some_and(|node| node.fixed == Some(false))
    }

    fn is_match(&mut self, pattern: &Pattern, key: &str) -> Result<bool, Stop> {
        let key = Value::String(key.to_owned());
        matches(pattern, &key, &mut self.left).ok_or(Stop::TooComplex)
    }

    /// Checks a name of a member as a value.
    fn name(&mut self, at: usize, key: &str, place: Option<&Place<'_>>) -> Outcome {
        self.pay(1 + key.len() as u64 / TEXT_STEP)?;
        self.in_names += 1;
        let outcome = self.enter(at, &Value::String(key.to_owned()), place);
        self.in_names -= 1;
        match outcome {
            Err(Stop::Broken(Some(mut violation))) => {
                violation.rule = format!("a field's name {}", violation.rule);
                Err(Stop::Broken(Some(violation)))
            }
            other => other,
        }
    }

    fn items(
        &mut self,
        applicators: &Applicators,
        items: &[Value],
        place: Option<&Place<'_>>,
    ) -> Outcome {
        for (n, item) in items.iter().enumerate() {
            let Some(at) = applicators.prefix.get(n).copied().or(applicators.items) else {
                break;
            };
            let below = place.map(|place| place.item(n));
            self.enter(at, item, below.as_ref())?;
        }
        let Some(contains) = &applicators.contains else {
            return Ok(());
        };
        let found = self.count(contains, items)?;
        if found < contains.least || contains.most.is_some_and(|most| found > most) {
            return broken(place, || contains.rule());
        }
        Ok(())
    }

    fn count(&mut self, contains: &Contains, items: &[Value]) -> Result<u64, Stop> {
        let mut found = 0;
        for item in items {
            found += u64::from(self.fits(contains.schema, item)?);
            let is_decided = match contains.most {
                Some(most) => found > most,
                None => found >= contains.least,
            };
            if is_decided {
                break;
            }
        }
        Ok(found)
    }

    /// Checks what applies to the value itself.
    fn in_place(
        &mut self,
        applicators: &Applicators,
        value: &Value,
        place: Option<&Place<'_>>,
    ) -> Outcome {
        for at in applicators.reference.iter().chain(&applicators.all) {
            self.enter(*at, value, place)?;
        }
        if !applicators.any.is_empty() && self.count_fitting(&applicators.any, value, 1)? == 0 {
            return broken(place, || {
                "must fit one of the choices in `anyOf`".to_owned()
            });
        }
        if !applicators.one.is_empty() {
            match self.count_fitting(&applicators.one, value, 2)? {
                0 => {
                    return broken(place, || {
                        "must fit one of the choices in `oneOf`".to_owned()
                    });
                }
                1 => {}
                _ => {
                    return broken(place, || {
                        "must fit only one of the choices in `oneOf`".to_owned()
                    });
                }
            }
        }
        if let Some(at) = applicators.not
            && self.fits(at, value)?
        {
            return broken(place, || "must not fit the schema in `not`".to_owned());
        }
        if let Some(condition) = &applicators.condition {
            let next = if self.fits(condition.schema, value)? {
                condition.then
            } else {
                condition.otherwise
            };
            if let Some(at) = next {
                self.enter(at, value, place)?;
            }
        }
        for (name, at) in &applicators.dependent {
            self.pay(1)?;
            if value.get(name).is_some() {
                self.enter(*at, value, place)?;
            }
        }
        Ok(())
    }

    /// Returns how many of some schemas a value fits, counting to `most`.
    fn count_fitting(&mut self, all: &[usize], value: &Value, most: u32) -> Result<u32, Stop> {
        let mut found = 0;
        for at in all {
            found += u32::from(self.fits(*at, value)?);
            if found >= most {
                break;
            }
        }
        Ok(found)
    }
}

/// Ends a check at the first rule that is broken.
fn broken(place: Option<&Place<'_>>, rule: impl FnOnce() -> String) -> Outcome {
    Err(Stop::Broken(
        place.map(|place| Box::new(place.violation(&rule()))),
    ))
}
