//! Calls with placeholders: read once at the start, filled for each call.
//!
//! Promises: what comes out of a body is JSON whatever its values hold, and what comes out of a path or a query is one
//! whatever they hold; a value that is missing takes its member or parameter with it, never a neighbour.

use serde_json::Value;

use super::{
    InvalidMap, Operation,
    slot::{Placed, Slot, Values},
};
use crate::upstream::json;

/// What may stand in a template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grammar {
    pub(super) operation: Operation,
    /// The names of the placeholders.
    pub(super) known: &'static [&'static str],
}

/// A text with placeholders.
#[derive(Clone, Debug)]
pub(super) struct Words(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Placed(Placed),
}

/// A JSON value with placeholders.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Bytes that are the same on every call.
    Fixed(Vec<u8>),
    /// A placeholder alone: any JSON value.
    Whole(Placed),
    /// A text with placeholders in it.
    Text(Words),
    List(Vec<Body>),
    /// Members with their encoded keys.
    Object(Vec<(Vec<u8>, Body)>),
}

impl Words {
    /// Reads a text. `{name}` is a placeholder, `{name|default}` one with a value for when it has none, `{{name}}` is
    /// `{name}` as it stands. Braces around anything that cannot be a name are braces.
    pub(super) fn parse(text: &str, grammar: Grammar) -> Result<Self, InvalidMap> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            plain.push_str(before);
            let (inside, doubled) = match after.strip_prefix('{') {
                Some(inner) => (named(inner), true),
                None => (named(after), false),
            };
            rest = after;
            match inside {
                Some((name, tail)) if doubled && tail.starts_with('}') => {
                    plain.extend(["{", name, "}"]);
                    rest = tail.get(1..).unwrap_or_default();
                }
                Some((name, tail)) if !doubled => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Placed(Placed::parse(name, grammar)?));
                    rest = tail;
                }
                _ => plain.push('{'),
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The same, for where only texts and numbers can stand.
    pub(super) fn parse_text(text: &str, grammar: Grammar) -> Result<Self, InvalidMap> {
        let words = Self::parse(text, grammar)?;
        let odd = words.placed().find(|placed| !placed.slot.is_text());
        match odd.map(|placed| placed.slot.to_string()) {
            Some(placeholder) => {
                Err(InvalidMap::NotText { operation: grammar.operation, placeholder })
            }
            None => Ok(words),
        }
    }

    /// What it says of `values`, each value written by `escape`; `None` when one has no value.
    pub(super) fn fill(
        &self,
        values: &Values<'_>,
        escape: impl Fn(&str, &mut String),
    ) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placed(placed) => escape(&placed.text(values)?, &mut filled),
            }
        }
        Some(filled)
    }

    pub(super) fn placed(&self) -> impl Iterator<Item = &Placed> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placed(placed) => Some(placed),
        })
    }

    /// The fixed parts, for a look at their form.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Placed(_) => None,
        })
    }
}

/// What stands before the next closing brace, if it can be a placeholder, and what follows the brace.
fn named(text: &str) -> Option<(&str, &str)> {
    let (inside, tail) = text.split_once('}')?;
    let name = inside.split(['|', '/']).next().unwrap_or_default();
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some((inside, tail))
}

impl Body {
    /// Reads a JSON value; its texts may hold placeholders, its keys not.
    pub(super) fn parse(value: &Value, grammar: Grammar) -> Result<Self, InvalidMap> {
        let body = match value {
            Value::String(text) => {
                let words = Words::parse(text, grammar)?;
                match words.0.as_slice() {
                    [Part::Placed(placed)] => Self::Whole(placed.clone()),
                    _ => Self::Text(Words::parse_text(text, grammar)?),
                }
            }
            Value::Array(values) => {
                let list: Result<_, _> =
                    values.iter().map(|value| Self::parse(value, grammar)).collect();
                Self::List(list?)
            }
            Value::Object(members) => {
                let members: Result<_, _> = members
                    .iter()
                    .map(|(key, value)| Ok((encoded(key), Self::parse(value, grammar)?)))
                    .collect();
                Self::Object(members?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                Self::Fixed(value.to_string().into_bytes())
            }
        };
        Ok(body)
    }

    /// Writes what it says of `values`. Nothing, and `false`, when it has no value.
    pub(super) fn write(&self, values: &Values<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Fixed(bytes) => out.extend_from_slice(bytes),
            Self::Whole(placed) => return placed.json(values, out),
            Self::Text(words) => match words.fill(values, |text, filled| filled.push_str(text)) {
                Some(text) => json::string(out, &text),
                None => return false,
            },
            Self::List(entries) => {
                out.push(b'[');
                for entry in entries {
                    member(out, b'[', |out| entry.write(values, out));
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (key, body) in members {
                    member(out, b'{', |out| {
                        out.extend_from_slice(key);
                        out.push(b':');
                        body.write(values, out)
                    });
                }
                out.push(b'}');
            }
        }
        true
    }

    /// Calls `visit` with every placeholder, and whether it goes without a trace when it has no value: as a member of
    /// an object it does, as an entry of a list it would move its neighbours.
    pub(super) fn visit(&self, leaves: bool, visit: &mut impl FnMut(&Placed, bool)) {
        match self {
            Self::Fixed(_) => {}
            Self::Whole(placed) => visit(placed, leaves),
            Self::Text(words) => words.placed().for_each(|placed| visit(placed, leaves)),
            Self::List(entries) => entries.iter().for_each(|entry| entry.visit(false, visit)),
            Self::Object(members) => members.iter().for_each(|(_, body)| body.visit(true, visit)),
        }
    }
}

/// Writes a member with the comma it needs, or takes both back.
fn member(out: &mut Vec<u8>, open: u8, write: impl FnOnce(&mut Vec<u8>) -> bool) {
    let before = out.len();
    // INVARIANT: after an opening bracket of ours nothing stands but members, none of which ends in one.
    if out.last() != Some(&open) {
        out.push(b',');
    }
    if !write(out) {
        out.truncate(before);
    }
}

fn encoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    json::string(&mut bytes, text);
    bytes
}

/// Whether a placeholder makes `{events}` or `{items}` known.
pub(super) fn is_list(placed: &Placed) -> bool {
    matches!(placed.slot, Slot::Entries(_))
}
