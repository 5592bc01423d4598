//! JSON Schemas of strangers. A schema is bounded before it is compiled, reaches nothing outside itself, and checking a
//! value against it costs a bounded amount of work whatever both hold.

mod assertion;
mod declared;
mod evaluate;
mod example;
mod place;
mod program;
mod rule;
mod survey;
mod unique;
mod words;

use std::fmt;

use serde_json::Value;

use crate::{Bytes, json};

pub use words::{schema_from_type_words, type_words};

/// The largest schema, as JSON text.
pub const MAX_SCHEMA: Bytes = Bytes::kib(64);
/// The deepest schema.
pub const MAX_SCHEMA_DEPTH: u32 = 32;

/// Why a schema is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// More than [`MAX_SCHEMA`].
    #[error("the schema is larger than {MAX_SCHEMA}")]
    TooLarge,
    /// More than [`MAX_SCHEMA_DEPTH`] levels.
    #[error("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")]
    TooDeep,
    /// Neither an object nor true nor false.
    #[error("a schema is an object, true or false")]
    NotASchema,
    /// Uses what this host does not take.
    #[error("{place}: {why}")]
    Unsupported {
        /// A JSON pointer into the schema.
        place: String,
        /// What is not taken, and what to use instead.
        why: String,
    },
    /// Not a valid schema of draft 2020-12, or a pattern that the linear-time engine does not take.
    #[error("{place}: {why}")]
    Invalid {
        /// A JSON pointer into the schema.
        place: String,
        /// What is wrong there.
        why: String,
    },
}

/// Where a value breaks a schema, and which published rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer into the value.
    pub place: String,
    /// The rule, in words.
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written as a path of names: a pointer looks like a path of this machine.
        let mut place = String::from("input");
        for part in self.place.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            if part.bytes().all(|b| b.is_ascii_digit()) {
                place.push_str(&format!("[{part}]"));
            } else {
                place.push('.');
                place.push_str(&part);
            }
        }
        write!(f, "{place}: {}", self.rule)
    }
}

/// A schema and a value need more work than one check may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too complex to check")]
pub struct TooComplex;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    value: Value,
    program: program::Program,
}

impl Schema {
    /// Compiles a schema of draft 2020-12 with nothing but local `#/` references and patterns on a linear-time engine.
    pub fn compile(value: &Value) -> Result<Self, SchemaError> {
        if !matches!(value, Value::Object(_) | Value::Bool(_)) {
            return Err(SchemaError::NotASchema);
        }
        if json::depth(value) > MAX_SCHEMA_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        if value.to_string().len() > MAX_SCHEMA.len() {
            return Err(SchemaError::TooLarge);
        }
        let program = program::Program::build(value)?;
        Ok(Self {
            value: value.clone(),
            program,
        })
    }

    /// Returns the schema as published.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the value without what the schema does not speak of, or an error if that takes more work than a check.
    pub fn declared(&self, value: &Value) -> Result<Value, TooComplex> {
        declared::declared(self, value)
    }

    /// Returns the places of objects of which [`Schema::declared`] leaves nothing, as `input.all[].who`.
    pub fn nameless(&self) -> Vec<String> {
        declared::nameless(&self.value)
    }

    /// Returns a value that fits and holds little more than it has to, to try a skill with; nothing where no guess fits.
    pub fn example(&self) -> Option<Value> {
        example::example(self)
    }

    /// Checks a value, and tells the first place that breaks a rule.
    pub fn check(&self, value: &Value) -> Result<(), Violation> {
        evaluate::check(&self.program, value)
    }
}

#[cfg(test)]
mod tests;
