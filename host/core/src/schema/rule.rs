//! Rules of a schema in words. They repeat what is published and never the value that broke them.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::message::cut;

/// The most of a schema's own text that a rule repeats, in characters.
const SHOWN: usize = 160;

/// Names of a value that a rule repeats.
pub(super) mod names {
    use super::{SHOWN, cut, shown};

    /// The most names that are told.
    pub(in super::super) const MOST: usize = 5;

    /// Returns the rule that some fields break by being there.
    pub(in super::super) fn must_not_have(unexpected: &[&str]) -> String {
        let names: Vec<String> = unexpected
            .iter()
            .take(MOST)
            .map(|name| format!("{:?}", cut(name, SHOWN)))
            .collect();
        format!("must not have {}", shown(&names.join(", ")))
    }
}

/// Returns the rule that was broken, in words.
pub(super) fn rule(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Type {
            kind: TypeKind::Single(kind),
        } => format!("must be of type {kind}"),
        Kind::Type {
            kind: TypeKind::Multiple(kinds),
        } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("must be of type {}", kinds.join(" or "))
        }
        Kind::Required { property } => format!("must have {}", json(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<&str> = unexpected.iter().map(String::as_str).collect();
            names::must_not_have(&names)
        }
        Kind::Enum { options } => format!("must be one of {}", json(options)),
        Kind::Constant { expected_value } => format!("must be {}", json(expected_value)),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} fields"),
        Kind::Pattern { pattern } => format!("must match {:?}", shown(pattern)),
        Kind::UniqueItems => "must not hold an item twice".to_owned(),
        Kind::Contains => "must hold an item as `contains` says".to_owned(),
        Kind::UnevaluatedItems { .. } => "must not have further items".to_owned(),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::PropertyNames { error } => format!("a field's name {}", rule(error)),
        Kind::AnyOf { .. } => "must fit one of the choices in `anyOf`".to_owned(),
        Kind::OneOfNotValid { .. } => "must fit one of the choices in `oneOf`".to_owned(),
        Kind::OneOfMultipleValid { .. } => "must fit only one of the choices in `oneOf`".to_owned(),
        Kind::Not { .. } => "must not fit the schema in `not`".to_owned(),
        other => format!("must keep `{}`", other.keyword()),
    }
}

fn json(value: &Value) -> String {
    shown(&value.to_string())
}

pub(super) fn shown(text: &str) -> String {
    match cut(text, SHOWN) {
        short if short.len() < text.len() => format!("{short}…"),
        whole => whole.to_owned(),
    }
}
