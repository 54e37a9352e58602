//! The context of a call: what an app says of the moment, by data category, checked against the catalogue.

mod read;

use std::sync::Arc;

use super::catalogue::Value;
use crate::domain::CategoryId;

/// What an app says of the moment. `Debug` names the categories and hides the values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    pub(super) entries: Vec<Entry>,
}

/// The attributes of one category, as they were sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) category: CategoryId,
    pub(super) attributes: Vec<(Arc<str>, Value)>,
}

impl Context {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The categories that something was said of, in the order sent.
    pub fn categories(&self) -> impl Iterator<Item = &CategoryId> {
        self.entries.iter().map(|entry| &entry.category)
    }

    /// The year of birth, if one was said: the `birth_year` attribute of any category.
    #[must_use]
    pub fn birth_year(&self) -> Option<i32> {
        let mut all = self.entries.iter().flat_map(|entry| &entry.attributes);
        all.find_map(|(name, value)| match value {
            Value::Integer(year) if &**name == "birth_year" => i32::try_from(*year).ok(),
            _ => None,
        })
    }
}

/// Why a context cannot be read: where, and what is allowed there. The message holds words of the catalogue only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flaw}")]
pub struct ContextError {
    pointer: String,
    flaw: ContextFlaw,
}

impl ContextError {
    /// The place as a JSON pointer into the context (RFC 6901). It may repeat a key of the caller, so it belongs
    /// into the answer and never into a log.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong there.
    #[must_use]
    pub fn flaw(&self) -> &ContextFlaw {
        &self.flaw
    }
}

/// What is wrong at one place of a context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextFlaw {
    /// The context or a category is no JSON object.
    #[error("must be an object")]
    NotAnObject,
    /// The catalogue has no such category, or it is none of the context.
    #[error("is no data category; known are {}", known.join(", "))]
    UnknownCategory {
        /// The categories that a context may have.
        known: Vec<String>,
    },
    /// The category has no such attribute.
    #[error("is no attribute of this category; known are {}", known.join(", "))]
    UnknownAttribute {
        /// The attributes of the category.
        known: Vec<String>,
    },
    /// The attribute cannot have this value.
    #[error("must be {allowed}")]
    NotAllowed {
        /// What it can be.
        allowed: String,
    },
    /// The key is there twice, so what was meant cannot be known.
    #[error("is there twice")]
    Twice,
}

#[cfg(test)]
mod tests;
