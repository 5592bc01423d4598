//! Bounds on what a stranger's schema can cost.

use jsonschema::{Draft, PatternOptions, Regex, ValidationError, ValidationOptions, Validator};
use serde_json::Value;

use super::{SchemaError, Violation};

pub(super) fn meter(schema: &Value) -> Result<Value, SchemaError> {
    Ok(schema.clone())
}

pub(super) fn options(patterns: PatternOptions<Regex>) -> ValidationOptions<'static> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
}

pub(super) fn check(validator: &Validator, value: &Value) -> Result<(), Violation> {
    validator.validate(value).map_err(|error| Violation {
        place: error.instance_path().as_str().to_owned(),
        rule: sentence(&error),
    })
}

pub(super) fn sentence(error: &ValidationError<'_>) -> String {
    error.kind().keyword().to_owned()
}
