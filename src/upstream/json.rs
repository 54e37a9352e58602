//! The `json` protocol: four POST routes with small JSON bodies.
//!
//! `/recommend {"user"?,"count","scenario"?,"context"?,"seed_items"?}` answers
//! `{"items":[{"id","score"?,"categories"?,…}]}`; `/events {"events":[{"user","item","type","value"?,"at"?}]}`,
//! `/items {"items":[{"id","categories"}]}` and `/forget {"user"}` answer a success status.

use std::io::Write as _;

use super::{
    answer::{Answer, Nonsense},
    scan::scan,
    wire::{Expects, Outbound, OutboundEvent, OutboundItem, Query, Wire},
};

/// Writes and reads the `json` protocol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Wire for Json {
    fn recommend(&self, query: &Query<'_>) -> Option<Outbound> {
        let mut body = Vec::with_capacity(96 + query.context.len() + 32 * query.seed_items.len());
        body.push(b'{');
        if let Some(user) = query.user {
            body.extend_from_slice(b"\"user\":");
            string(&mut body, user);
            body.push(b',');
        }
        body.extend_from_slice(b"\"count\":");
        number(&mut body, query.count);
        if let Some(scenario) = query.scenario {
            body.extend_from_slice(b",\"scenario\":");
            string(&mut body, scenario);
        }
        if !query.context.is_empty() {
            body.extend_from_slice(b",\"context\":");
            body.extend_from_slice(query.context);
        }
        if !query.seed_items.is_empty() {
            body.extend_from_slice(b",\"seed_items\":");
            list(&mut body, query.seed_items, |body, item| string(body, item.as_str()));
        }
        body.push(b'}');
        Some(Outbound::post("/recommend", body, Expects::Answer))
    }

    fn events(&self, events: &[OutboundEvent<'_>]) -> Option<Outbound> {
        let mut body = Vec::with_capacity(16 + 112 * events.len());
        body.extend_from_slice(b"{\"events\":");
        list(&mut body, events, event);
        body.push(b'}');
        Some(Outbound::post("/events", body, Expects::Receipt))
    }

    fn items(&self, items: &[OutboundItem<'_>]) -> Option<Outbound> {
        let mut body = Vec::with_capacity(16 + 80 * items.len());
        body.extend_from_slice(b"{\"items\":");
        list(&mut body, items, |body, item| {
            body.extend_from_slice(b"{\"id\":");
            string(body, item.id.as_str());
            body.extend_from_slice(b",\"categories\":");
            list(body, item.tags, |body, tag| string(body, tag.as_str()));
            body.push(b'}');
        });
        body.push(b'}');
        Some(Outbound::post("/items", body, Expects::Receipt))
    }

    fn forget(&self, user: &str) -> Option<Outbound> {
        let mut body = b"{\"user\":".to_vec();
        string(&mut body, user);
        body.push(b'}');
        Some(Outbound::post("/forget", body, Expects::Receipt))
    }

    fn answer<'a>(&self, bytes: &'a [u8]) -> Result<Answer<'a>, Nonsense> {
        scan(bytes)
    }
}

fn event(body: &mut Vec<u8>, event: &OutboundEvent<'_>) {
    body.extend_from_slice(b"{\"user\":");
    string(body, event.user);
    body.extend_from_slice(b",\"item\":");
    string(body, event.item.as_str());
    body.extend_from_slice(b",\"type\":");
    string(body, event.kind);
    if let Some(value) = event.value.filter(|value| value.is_finite()) {
        body.extend_from_slice(b",\"value\":");
        number(body, value);
    }
    if let Some(at) = event.at {
        body.extend_from_slice(b",\"at\":");
        string(body, &at.rfc3339());
    }
    body.push(b'}');
}

pub(super) fn list<T>(body: &mut Vec<u8>, entries: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    body.push(b'[');
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        write(body, entry);
    }
    body.push(b']');
}

#[expect(
    clippy::expect_used,
    reason = "a vector takes every byte and a string has no other failure"
)]
pub(super) fn string(body: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(body, text).expect("text is written to memory");
}

/// Writes a number whose `Display` is JSON: an integer or a finite double.
#[expect(
    clippy::expect_used,
    reason = "a vector takes every byte and a number has no other failure"
)]
pub(super) fn number(body: &mut Vec<u8>, number: impl std::fmt::Display) {
    write!(body, "{number}").expect("a number is written to memory");
}
