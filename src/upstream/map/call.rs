//! One mapped call: method, path, query and body, each checked once and filled for every call.

use std::fmt::Write as _;

use http::Method;
use serde_json::Value;

use super::{
    CallSettings, InvalidMap, Operation,
    slot::{Slot, Values},
    template::{Body, Grammar, Words, is_list},
};
use crate::upstream::wire::{Expects, Outbound, TakenContext, Takes};

/// A call with placeholders.
#[derive(Debug)]
pub(super) struct Call {
    operation: Operation,
    method: Method,
    path: Words,
    query: Vec<(String, Words)>,
    body: Option<Body>,
    /// The most items that are asked for.
    pub(super) most: usize,
}

impl Call {
    pub(super) fn parse(
        settings: &CallSettings,
        operation: Operation,
        known: &'static [&'static str],
    ) -> Result<Self, InvalidMap> {
        check_places(settings, operation)?;
        let grammar = Grammar { operation, known };
        let path = Words::parse_text(&settings.path, grammar)?;
        let odd = |text: &str| {
            text.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#'))
        };
        if !settings.path.starts_with('/') || path.fixed().any(odd) {
            return Err(InvalidMap::Path(operation));
        }
        let query = settings.query.iter().map(|(name, text)| {
            let mut encoded = String::new();
            percent(name, &mut encoded);
            Ok((encoded, Words::parse_text(text, grammar)?))
        });
        let body = settings.body.as_ref();
        let call = Self {
            operation,
            method: method(settings, operation)?,
            path,
            query: query.collect::<Result<_, _>>()?,
            body: body.map(|text| self::body(text, operation, "body", known)).transpose()?,
            most: settings.most.unwrap_or(usize::MAX),
        };
        call.check_absences()?;
        Ok(call)
    }

    /// The call with `values` in it; `None` when one that cannot be left out has no value.
    pub(super) fn fill(&self, values: &Values<'_>, expects: Expects) -> Option<Outbound> {
        let mut target = self.path.fill(values, percent)?;
        let mut mark = '?';
        for (name, words) in &self.query {
            if let Some(value) = words.fill(values, |text, filled| filled.push_str(text)) {
                target.extend([mark]);
                target.push_str(name);
                target.push('=');
                percent(&value, &mut target);
                mark = '&';
            }
        }
        let mut body = Vec::with_capacity(128 + values.context.len() + values.entries.len());
        if let Some(template) = &self.body {
            template.write(values, &mut body).then_some(())?;
        }
        Some(Outbound::call(self.method.clone(), target, body, expects))
    }

    pub(super) fn requires(
        &self,
        placeholder: &'static str,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Result<(), InvalidMap> {
        let mut found = false;
        self.visit(&mut |placed, _| found |= is_it(&placed.slot));
        let lacks = InvalidMap::Lacks { operation: self.operation, placeholder };
        if found { Ok(()) } else { Err(lacks) }
    }

    /// Whether it is the same call, less the user, when nobody is named.
    pub(super) fn can_do_without_user(&self) -> bool {
        let mut can = true;
        self.visit(&mut |placed, leaves| {
            can &= placed.slot != Slot::User || leaves || placed.has_default();
        });
        can
    }

    pub(super) fn names_user_in_url(&self) -> bool {
        let query = self.query.iter().flat_map(|(_, words)| words.placed());
        self.path.placed().chain(query).any(|placed| placed.slot == Slot::User)
    }

    /// Which parts of a recommendation call have a place in it.
    pub(super) fn takes(&self) -> Takes {
        let (mut parts, mut seed_items, mut whole) = (Vec::new(), false, false);
        self.visit(&mut |placed, _| match &placed.slot {
            Slot::SeedItems => seed_items = true,
            Slot::Context(path) => match path.as_slice() {
                [] => whole = true,
                [category, attribute @ ..] => {
                    parts.push((category.clone(), attribute.first().cloned()));
                }
            },
            _ => {}
        });
        let context = if whole { TakenContext::Whole } else { TakenContext::Parts(parts) };
        Takes { context, seed_items }
    }

    fn visit(&self, visit: &mut impl FnMut(&super::slot::Placed, bool)) {
        self.path.placed().for_each(|placed| visit(placed, false));
        let query = self.query.iter().flat_map(|(_, words)| words.placed());
        query.for_each(|placed| visit(placed, true));
        if let Some(body) = &self.body {
            body.visit(false, visit);
        }
    }

    /// What can be missing stands where it can be left out, or has a default.
    fn check_absences(&self) -> Result<(), InvalidMap> {
        let mut odd = None;
        self.visit(&mut |placed, leaves| {
            if placed.slot.may_be_absent() && !leaves && !placed.has_default() {
                odd.get_or_insert_with(|| placed.slot.to_string());
            }
        });
        match odd {
            Some(placeholder) => {
                Err(InvalidMap::NeedsDefault { operation: self.operation, placeholder })
            }
            None => Ok(()),
        }
    }
}

/// Reads a body, given as JSON text or as a table.
pub(super) fn body(
    value: &Value,
    operation: Operation,
    key: &'static str,
    known: &'static [&'static str],
) -> Result<Body, InvalidMap> {
    let grammar = Grammar { operation, known };
    let Value::String(text) = value else { return Body::parse(value, grammar) };
    // A placeholder alone is the whole body.
    let whole = Body::parse(value, grammar);
    if let Ok(Body::Whole(placed)) = &whole
        && is_list(placed)
    {
        return whole;
    }
    let parsed: Value = serde_json::from_str(text).map_err(|error| InvalidMap::NotJson {
        operation,
        key,
        reason: error.to_string(),
    })?;
    Body::parse(&parsed, grammar)
}

fn method(settings: &CallSettings, operation: Operation) -> Result<Method, InvalidMap> {
    let asks = matches!(operation, Operation::Recommend | Operation::Anonymous);
    let usual = if asks && settings.body.is_none() { "GET" } else { "POST" };
    let method = match settings.method.as_deref().unwrap_or(usual) {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(InvalidMap::Method(operation)),
    };
    if method == Method::GET && settings.body.is_some() {
        return Err(InvalidMap::GetBody(operation));
    }
    Ok(method)
}

/// Settings that mean something for some operations stand there and nowhere else.
fn check_places(settings: &CallSettings, operation: Operation) -> Result<(), InvalidMap> {
    use Operation::{Anonymous, Events, Forget, Items, Recommend};
    let of_lists: &[Operation] = &[Events, Items];
    for (key, is_set, may) in [
        ("each", settings.each.is_some(), of_lists),
        ("types", !settings.types.is_empty(), &[Events]),
        ("most", settings.most.is_some(), &[Recommend, Anonymous]),
        ("unknown_status", settings.unknown_status.is_some(), &[Forget]),
        ("confirmed", settings.confirmed.is_some(), &[Forget]),
        ("cache_hours", settings.cache_hours.is_some(), &[Forget]),
    ] {
        if is_set && !may.contains(&operation) {
            return Err(InvalidMap::Misplaced { operation, key });
        }
    }
    Ok(())
}

/// Writes `text` so that it is one part of a path or a query (RFC 3986 §2.3).
pub(in crate::upstream) fn percent(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to memory does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
