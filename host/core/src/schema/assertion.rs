//! What a schema asserts of a value alone. Each assertion costs at most as much as its own text and the value are long, and
//! says in words which published rule it is.

use std::cmp::Ordering;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Number, Value, json};

use super::rule::shown;

/// One assertion.
#[derive(Debug)]
pub(super) enum Assertion {
    Type(Vec<String>),
    Const(Value),
    Enum(Vec<Value>),
    Minimum(Number),
    ExclusiveMinimum(Number),
    Maximum(Number),
    ExclusiveMaximum(Number),
    /// Decimal fractions are the library's business.
    MultipleOf(Number, Arc<Validator>),
    MinLength(u64),
    MaxLength(u64),
    MinItems(u64),
    MaxItems(u64),
    MinProperties(u64),
    MaxProperties(u64),
    Required(Vec<String>),
    DependentRequired(Vec<(String, Vec<String>)>),
}

impl Assertion {
    /// Returns what the keywords of a well-formed schema assert, in an order in which the plainest is told first.
    pub(super) fn all(map: &Map<String, Value>) -> Vec<Self> {
        type Make = fn(&Value) -> Option<Assertion>;
        const KEYWORDS: [(&str, Make); 16] = [
            ("type", |value| match value {
                Value::Array(_) => Some(Assertion::Type(texts(value))),
                name => Some(Assertion::Type(vec![name.as_str()?.to_owned()])),
            }),
            ("const", |value| Some(Assertion::Const(value.clone()))),
            ("enum", |value| {
                Some(Assertion::Enum(value.as_array()?.clone()))
            }),
            ("required", |value| Some(Assertion::Required(texts(value)))),
            ("minimum", |value| Some(Assertion::Minimum(number(value)?))),
            ("exclusiveMinimum", |value| {
                Some(Assertion::ExclusiveMinimum(number(value)?))
            }),
            ("maximum", |value| Some(Assertion::Maximum(number(value)?))),
            ("exclusiveMaximum", |value| {
                Some(Assertion::ExclusiveMaximum(number(value)?))
            }),
            ("multipleOf", |value| {
                let validator = jsonschema::draft202012::new(&json!({ "multipleOf": value }));
                Some(Assertion::MultipleOf(
                    number(value)?,
                    Arc::new(validator.ok()?),
                ))
            }),
            ("minLength", |value| {
                Some(Assertion::MinLength(count(value)?))
            }),
            ("maxLength", |value| {
                Some(Assertion::MaxLength(count(value)?))
            }),
            ("minItems", |value| Some(Assertion::MinItems(count(value)?))),
            ("maxItems", |value| Some(Assertion::MaxItems(count(value)?))),
            ("minProperties", |value| {
                Some(Assertion::MinProperties(count(value)?))
            }),
            ("maxProperties", |value| {
                Some(Assertion::MaxProperties(count(value)?))
            }),
            ("dependentRequired", |value| {
                let lists = value.as_object()?.iter();
                let lists = lists.map(|(name, list)| (name.clone(), texts(list)));
                Some(Assertion::DependentRequired(lists.collect()))
            }),
        ];
        let keywords = KEYWORDS.iter();
        keywords
            .filter_map(|(key, make)| make(map.get(*key)?))
            .collect()
    }

    /// Returns whether a value keeps it. What it says nothing of keeps it.
    pub(super) fn holds(&self, value: &Value) -> bool {
        let length = || value.as_str().map(|text| text.chars().count() as u64);
        let items = || value.as_array().map(|items| items.len() as u64);
        let members = || value.as_object().map(|map| map.len() as u64);
        let against = |limit: &Number| Some(order(value.as_number()?, limit));
        match self {
            Self::Type(names) => names.iter().any(|name| is_of(name, value)),
            Self::Const(expected) => equal(expected, value),
            Self::Enum(options) => options.iter().any(|option| equal(option, value)),
            Self::Minimum(limit) => against(limit).is_none_or(Ordering::is_ge),
            Self::ExclusiveMinimum(limit) => against(limit).is_none_or(Ordering::is_gt),
            Self::Maximum(limit) => against(limit).is_none_or(Ordering::is_le),
            Self::ExclusiveMaximum(limit) => against(limit).is_none_or(Ordering::is_lt),
            Self::MultipleOf(_, validator) => validator.is_valid(value),
            Self::MinLength(limit) => length().is_none_or(|length| length >= *limit),
            Self::MaxLength(limit) => length().is_none_or(|length| length <= *limit),
            Self::MinItems(limit) => items().is_none_or(|items| items >= *limit),
            Self::MaxItems(limit) => items().is_none_or(|items| items <= *limit),
            Self::MinProperties(limit) => members().is_none_or(|members| members >= *limit),
            Self::MaxProperties(limit) => members().is_none_or(|members| members <= *limit),
            Self::Required(_) | Self::DependentRequired(_) => self.missing(value).is_none(),
        }
    }

    fn missing(&self, value: &Value) -> Option<&str> {
        let map = value.as_object()?;
        let absent = |names: &'_ [String]| names.iter().position(|name| !map.contains_key(name));
        match self {
            Self::Required(names) => names.get(absent(names)?).map(String::as_str),
            Self::DependentRequired(lists) => lists
                .iter()
                .filter(|(name, _)| map.contains_key(name))
                .find_map(|(_, names)| names.get(absent(names)?).map(String::as_str)),
            _ => None,
        }
    }

    /// Returns the rule in words, as a value broke it.
    pub(super) fn rule(&self, value: &Value) -> String {
        match self {
            Self::Type(names) => format!("must be of type {}", names.join(" or ")),
            Self::Const(expected) => format!("must be {}", shown(&expected.to_string())),
            Self::Enum(options) => {
                let options = Value::Array(options.clone()).to_string();
                format!("must be one of {}", shown(&options))
            }
            Self::Minimum(limit) => format!("must be at least {limit}"),
            Self::ExclusiveMinimum(limit) => format!("must be more than {limit}"),
            Self::Maximum(limit) => format!("must be at most {limit}"),
            Self::ExclusiveMaximum(limit) => format!("must be less than {limit}"),
            Self::MultipleOf(unit, _) => format!("must be a multiple of {unit}"),
            Self::MinLength(limit) => format!("must have at least {limit} characters"),
            Self::MaxLength(limit) => format!("must have at most {limit} characters"),
            Self::MinItems(limit) => format!("must have at least {limit} items"),
            Self::MaxItems(limit) => format!("must have at most {limit} items"),
            Self::MinProperties(limit) => format!("must have at least {limit} fields"),
            Self::MaxProperties(limit) => format!("must have at most {limit} fields"),
            Self::Required(_) | Self::DependentRequired(_) => {
                let missing = self.missing(value).unwrap_or_default();
                format!("must have {}", shown(&json!(missing).to_string()))
            }
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn number(value: &Value) -> Option<Number> {
    value.as_number().cloned()
}

/// Reads a whole number, which may be written with a fraction of zero.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().map(|n| n as u64))
}

/// Returns whether a value is of a type; a float without a fraction is an integer.
fn is_of(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_))
        | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => false,
    }
}

/// Returns whether two values are equal: numbers by what they are, objects whatever the order of their members is.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let is_same = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(is_same)
        }
        (a, b) => a == b,
    }
}

/// Compares two numbers exactly: rounding an integer to a float would make neighbours equal.
fn order(a: &Number, b: &Number) -> Ordering {
    let whole = |number: &Number| {
        let unsigned = number.as_u64().map(i128::from);
        unsigned.or_else(|| number.as_i64().map(i128::from))
    };
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => order_mixed(a, float(b)),
        (None, Some(b)) => order_mixed(b, float(a)).reverse(),
        (None, None) => float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal),
    }
}

fn order_mixed(whole: i128, float: f64) -> Ordering {
    // A cast takes what is larger than any integer for the largest: it is larger than all that a value can hold.
    match whole.cmp(&(float.trunc() as i128)) {
        Ordering::Equal => 0.0_f64
            .partial_cmp(&float.fract())
            .unwrap_or(Ordering::Equal),
        decided => decided,
    }
}
