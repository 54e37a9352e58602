//! Attributes of a data category: what a value may be, and values that passed.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

/// One attribute of a category, such as `birth_year`.
#[derive(Debug)]
pub struct Attribute {
    pub(in crate::policy) name: Arc<str>,
    pub(in crate::policy) kind: AttributeKind,
}

impl Attribute {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values may be.
    #[must_use]
    pub fn kind(&self) -> &AttributeKind {
        &self.kind
    }
}

/// What the values of an attribute may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AttributeKind {
    /// A text without control characters.
    String {
        /// The most characters it may have.
        max_length: usize,
    },
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A number within bounds, both included.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// True or false.
    Boolean {},
    /// One of a few words.
    Enum {
        /// The words.
        values: Vec<Arc<str>>,
    },
}

impl AttributeKind {
    /// Reads a value that a caller sent; nothing where this attribute may not have it.
    pub(in crate::policy) fn read(&self, sent: Scalar<'_>) -> Option<Value> {
        match (self, sent) {
            (Self::String { max_length }, Scalar::Text(text)) => {
                let fits =
                    text.chars().count() <= *max_length && !text.chars().any(char::is_control);
                fits.then(|| Value::Text(Arc::from(text)))
            }
            (Self::Integer { min, max }, Scalar::Integer(number)) => {
                (*min..=*max).contains(&number).then_some(Value::Integer(number))
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "an integer beyond 2^53 is out of range"
            )]
            (Self::Number { .. }, Scalar::Integer(number)) => {
                self.read(Scalar::Number(number as f64))
            }
            (Self::Number { min, max }, Scalar::Number(number)) => {
                (*min..=*max).contains(&number).then_some(Value::Number(number))
            }
            (Self::Boolean {}, Scalar::Boolean(truth)) => Some(Value::Boolean(truth)),
            (Self::Enum { values }, Scalar::Text(text)) => {
                values.iter().find(|value| &***value == text).map(|word| Value::Text(word.clone()))
            }
            _ => None,
        }
    }

    /// The largest value, where there is one.
    #[expect(clippy::cast_precision_loss, reason = "bounds of attributes are small")]
    pub(in crate::policy) fn limit(&self) -> f64 {
        match self {
            Self::Integer { max, .. } => *max as f64,
            Self::Number { max, .. } => *max,
            _ => f64::INFINITY,
        }
    }

    /// Why no value could ever have this kind, if so.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        let flawed = match self {
            Self::String { max_length } => *max_length == 0 || *max_length > 256,
            Self::Integer { min, max } => min > max,
            Self::Number { min, max } => !(min.is_finite() && max.is_finite() && min < max),
            Self::Boolean {} => false,
            Self::Enum { values } => values.is_empty() || values.iter().any(|word| word.is_empty()),
        };
        flawed.then_some(
            "an attribute needs min below max, 1 to 256 as max_length, or at least one value",
        )
    }
}

impl fmt::Display for AttributeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String { max_length } => {
                write!(f, "a string of at most {max_length} characters without control characters")
            }
            Self::Integer { min, max } => write!(f, "an integer from {min} to {max}"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Boolean {} => f.write_str("true or false"),
            Self::Enum { values } => write!(f, "one of {}", values.join(", ")),
        }
    }
}

/// A value as a caller sent it.
#[derive(Clone, Copy)]
pub(in crate::policy) enum Scalar<'a> {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
}

/// A value that an attribute may have. `Debug` hides it: it may be about a person.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// A text or a word of an enum.
    Text(Arc<str>),
    /// A word of a coarse form.
    Word(&'static str),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Word(word) => serializer.serialize_str(word),
        }
    }
}
