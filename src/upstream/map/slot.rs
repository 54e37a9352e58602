//! Placeholders: what can be said in a call, and how each value is written.

use std::{borrow::Cow, fmt};

use serde_json::Value;

use super::{InvalidMap, template::Grammar};
use crate::{
    domain::{ItemId, Tag, Timestamp},
    upstream::json,
};

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    User,
    Count,
    Scenario,
    /// The whole context, or what stands at this pointer in it.
    Context(Vec<Box<str>>),
    SeedItems,
    Item,
    Type,
    Value,
    At,
    AtMs,
    Categories,
    /// The list whose entries `each` describes, by its name.
    Entries(&'static str),
}

/// A placeholder in its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) slot: Slot,
    /// What stands there when there is no value.
    default: Option<Value>,
}

/// The values of one call. What is absent has no value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) count: Option<usize>,
    pub(super) scenario: Option<&'a str>,
    /// An encoded JSON object, or nothing.
    pub(super) context: &'a [u8],
    pub(super) seed_items: &'a [ItemId],
    pub(super) item: Option<&'a ItemId>,
    pub(super) kind: Option<&'a str>,
    pub(super) value: Option<f64>,
    pub(super) at: Option<Timestamp>,
    pub(super) categories: Option<&'a [Tag]>,
    /// An encoded JSON list.
    pub(super) entries: &'a [u8],
}

impl Slot {
    fn parse(text: &str, grammar: Grammar) -> Result<Self, InvalidMap> {
        let (name, below) = text.split_once('/').map_or((text, None), |(n, b)| (n, Some(b)));
        // A category, and an attribute in it: the context is no deeper.
        let depth = below.map_or(0, |below| below.split('/').count());
        let known =
            grammar.known.contains(&name) && (depth == 0 || name == "context" && depth <= 2);
        match name {
            "user" if known => Ok(Self::User),
            "count" if known => Ok(Self::Count),
            "scenario" if known => Ok(Self::Scenario),
            "context" if known => {
                let parts = below.into_iter().flat_map(|below| below.split('/'));
                Ok(Self::Context(parts.map(unescaped).collect()))
            }
            "seed_items" if known => Ok(Self::SeedItems),
            "item" if known => Ok(Self::Item),
            "type" if known => Ok(Self::Type),
            "value" if known => Ok(Self::Value),
            "at" if known => Ok(Self::At),
            "at_ms" if known => Ok(Self::AtMs),
            "categories" if known => Ok(Self::Categories),
            "events" if known => Ok(Self::Entries("events")),
            "items" if known => Ok(Self::Entries("items")),
            _ => Err(InvalidMap::UnknownPlaceholder {
                operation: grammar.operation,
                placeholder: text.to_owned(),
                known: grammar.known.join(", "),
            }),
        }
    }

    /// Whether it can stand inside a text. What lies deep enough in the context can: there are texts and numbers.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::SeedItems | Self::Categories | Self::Entries(_) => false,
            Self::Context(path) => path.len() == 2,
            _ => true,
        }
    }

    /// Whether it has no value on some calls. A call without a user is a matter of its own.
    pub(super) fn may_be_absent(&self) -> bool {
        matches!(
            self,
            Self::Scenario
                | Self::Context(_)
                | Self::SeedItems
                | Self::Value
                | Self::At
                | Self::AtMs
        )
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Count => "count",
            Self::Scenario => "scenario",
            Self::Context(path) if path.is_empty() => "context",
            Self::Context(path) => return write!(f, "context/{}", path.join("/")),
            Self::SeedItems => "seed_items",
            Self::Item => "item",
            Self::Type => "type",
            Self::Value => "value",
            Self::At => "at",
            Self::AtMs => "at_ms",
            Self::Categories => "categories",
            Self::Entries(name) => name,
        })
    }
}

impl Placed {
    pub(super) fn parse(inside: &str, grammar: Grammar) -> Result<Self, InvalidMap> {
        let (name, default) = match inside.split_once('|') {
            // JSON if it is some, else the text itself.
            Some((name, text)) => {
                let default = serde_json::from_str(text);
                (name, Some(default.unwrap_or_else(|_| Value::String(text.to_owned()))))
            }
            None => (inside, None),
        };
        Ok(Self { slot: Slot::parse(name, grammar)?, default })
    }

    pub(super) fn has_default(&self) -> bool {
        self.default.is_some()
    }

    /// Writes its value as JSON. Nothing, and `false`, when it has none.
    pub(super) fn json(&self, values: &Values<'_>, out: &mut Vec<u8>) -> bool {
        if values.write(&self.slot, out) {
            return true;
        }
        if let Some(default) = &self.default {
            out.extend_from_slice(default.to_string().as_bytes());
        }
        self.default.is_some()
    }

    /// Its value as a text.
    pub(super) fn text<'a>(&'a self, values: &Values<'a>) -> Option<Cow<'a, str>> {
        values.text(&self.slot).or_else(|| match self.default.as_ref()? {
            Value::String(text) => Some(Cow::Borrowed(text.as_str())),
            other => Some(Cow::Owned(other.to_string())),
        })
    }
}

impl<'a> Values<'a> {
    fn write(&self, slot: &Slot, out: &mut Vec<u8>) -> bool {
        match slot {
            Slot::Context(path) if path.is_empty() => out.extend_from_slice(self.context),
            Slot::Context(path) => match self.said(path) {
                Some(said) => out.extend_from_slice(said.to_string().as_bytes()),
                None => return false,
            },
            Slot::SeedItems if self.seed_items.is_empty() => return false,
            Slot::SeedItems => {
                json::list(out, self.seed_items, |out, item| json::string(out, item.as_str()));
            }
            Slot::Categories => {
                json::list(out, self.categories.unwrap_or_default(), |out, tag| {
                    json::string(out, tag.as_str());
                });
            }
            Slot::Entries(_) => out.extend_from_slice(self.entries),
            Slot::Count | Slot::Value | Slot::AtMs => match self.text(slot) {
                Some(number) => out.extend_from_slice(number.as_bytes()),
                None => return false,
            },
            Slot::User | Slot::Scenario | Slot::Item | Slot::Type | Slot::At => {
                match self.text(slot) {
                    Some(text) => json::string(out, &text),
                    None => return false,
                }
            }
        }
        !matches!(slot, Slot::Context(_)) || !self.context.is_empty()
    }

    fn text(&self, slot: &Slot) -> Option<Cow<'a, str>> {
        let number = |number: &dyn fmt::Display| Cow::Owned(number.to_string());
        match slot {
            Slot::User => self.user.map(Cow::Borrowed),
            Slot::Count => self.count.map(|count| number(&count)),
            Slot::Scenario => self.scenario.map(Cow::Borrowed),
            Slot::Item => self.item.map(|item| Cow::Borrowed(item.as_str())),
            Slot::Type => self.kind.map(Cow::Borrowed),
            Slot::Value => self.value.filter(|value| value.is_finite()).map(|value| number(&value)),
            Slot::At => self.at.map(|at| Cow::Owned(at.rfc3339())),
            Slot::AtMs => self.at.map(|at| number(&at.millis())),
            Slot::Context(path) => match self.said(path)? {
                Value::String(text) => Some(Cow::Owned(text)),
                Value::Number(found) => Some(number(&found)),
                Value::Bool(found) => Some(number(&found)),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            },
            Slot::SeedItems | Slot::Categories | Slot::Entries(_) => None,
        }
    }

    /// What the context says at a place. Only mappings that take it apart read it again.
    fn said(&self, path: &[Box<str>]) -> Option<Value> {
        let context: Value = serde_json::from_slice(self.context).ok()?;
        path.iter().try_fold(&context, |value, part| value.get(&**part)).cloned()
    }
}

/// A part of a JSON pointer as the key it names (RFC 6901 §4).
pub(super) fn unescaped(part: &str) -> Box<str> {
    part.replace("~1", "/").replace("~0", "~").into()
}
