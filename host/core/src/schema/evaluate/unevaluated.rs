//! What no other keyword has evaluated. Which members and items that are is asked of every schema that applies to the value,
//! each known to be kept: outcomes are remembered, so that asking again costs little.

use serde_json::{Map, Value};

use super::super::place::Place;
use super::super::program::Applicators;
use super::super::rule::names;
use super::{NESTING, Outcome, Stop, TEXT_STEP, Walk, broken};

impl Walk<'_> {
    pub(super) fn unevaluated_properties(
        &mut self,
        at: usize,
        applicators: &Applicators,
        value: &Value,
        map: &Map<String, Value>,
        place: Option<&Place<'_>>,
    ) -> Outcome {
        let Some(further) = applicators.unevaluated_properties else {
            return Ok(());
        };
        let mut seen = vec![false; map.len()];
        self.mark(at, value, &mut seen, true)?;
        let mut unexpected = Vec::new();
        for ((key, value), seen) in map.iter().zip(seen) {
            self.pay(1)?;
            if seen || self.fits(further, value)? {
                continue;
            }
            unexpected.push(key.as_str());
            if place.is_none() || unexpected.len() >= names::MOST {
                break;
            }
        }
        if unexpected.is_empty() {
            Ok(())
        } else {
            broken(place, || names::must_not_have(&unexpected))
        }
    }

    pub(super) fn unevaluated_items(
        &mut self,
        at: usize,
        applicators: &Applicators,
        value: &Value,
        items: &[Value],
        place: Option<&Place<'_>>,
    ) -> Outcome {
        let Some(further) = applicators.unevaluated_items else {
            return Ok(());
        };
        let mut seen = vec![false; items.len()];
        self.mark(at, value, &mut seen, true)?;
        for (item, seen) in items.iter().zip(seen) {
            self.pay(1)?;
            if !seen && !self.fits(further, item)? {
                return broken(place, || "must not have further items".to_owned());
            }
        }
        Ok(())
    }

    /// Marks the members or items of a value that a subschema has evaluated, which the value is known to fit. `is_asking`
    /// leaves out what the subschema says of unevaluated ones itself: it asks what that concerns.
    fn mark(&mut self, at: usize, value: &Value, seen: &mut [bool], is_asking: bool) -> Outcome {
        self.pay(1)?;
        let program = self.program;
        let Some(applicators) = program
            .node(at)
            .and_then(|node| node.applicators.as_deref())
        else {
            return Ok(());
        };
        match value {
            Value::Object(map) => {
                let is_all = applicators.additional.is_some()
                    || (!is_asking && applicators.unevaluated_properties.is_some());
                if is_all {
                    seen.fill(true);
                    return self.pay(seen.len() as u64 / TEXT_STEP);
                }
                self.mark_members(applicators, map, seen)?;
            }
            Value::Array(items) => {
                let is_all = applicators.items.is_some()
                    || (!is_asking && applicators.unevaluated_items.is_some());
                if is_all {
                    seen.fill(true);
                    return self.pay(seen.len() as u64 / TEXT_STEP);
                }
                self.mark_items(applicators, items, seen)?;
            }
            _ => return Ok(()),
        }
        if self.depth >= NESTING {
            return Err(Stop::TooComplex);
        }
        self.depth += 1;
        let outcome = self.mark_in_place(applicators, value, seen);
        self.depth -= 1;
        outcome
    }

    fn mark_members(
        &mut self,
        applicators: &Applicators,
        map: &Map<String, Value>,
        seen: &mut [bool],
    ) -> Outcome {
        if applicators.properties.is_empty() && applicators.by_pattern.is_empty() {
            return Ok(());
        }
        for (key, seen) in map.keys().zip(seen) {
            self.pay(1)?;
            if *seen || applicators.properties.contains_key(key) {
                *seen = true;
                continue;
            }
            for (pattern, _) in &applicators.by_pattern {
                *seen |= self.is_match(pattern, key)?;
            }
        }
        Ok(())
    }

    fn mark_items(
        &mut self,
        applicators: &Applicators,
        items: &[Value],
        seen: &mut [bool],
    ) -> Outcome {
        let first = seen.iter_mut().take(applicators.prefix.len());
        first.for_each(|seen| *seen = true);
        if let Some(contains) = &applicators.contains {
            for (item, seen) in items.iter().zip(seen) {
                self.pay(1)?;
                *seen = *seen || self.fits(contains.schema, item)?;
            }
        }
        Ok(())
    }

    fn mark_in_place(
        &mut self,
        applicators: &Applicators,
        value: &Value,
        seen: &mut [bool],
    ) -> Outcome {
        for at in applicators.reference.iter().chain(&applicators.all) {
            self.mark(*at, value, seen, false)?;
        }
        for at in applicators.any.iter().chain(&applicators.one) {
            if self.fits(*at, value)? {
                self.mark(*at, value, seen, false)?;
            }
        }
        if let Some(condition) = &applicators.condition {
            let next = if self.fits(condition.schema, value)? {
                self.mark(condition.schema, value, seen, false)?;
                condition.then
            } else {
                condition.otherwise
            };
            if let Some(at) = next {
                self.mark(at, value, seen, false)?;
            }
        }
        for (name, at) in &applicators.dependent {
            self.pay(1)?;
            if value.get(name).is_some() {
                self.mark(*at, value, seen, false)?;
            }
        }
        Ok(())
    }
}
