//! Events: what people did.

use std::borrow::Cow;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Edge, Fault, Problem,
    body::{BodyLimit, JSON, parse},
    caller::{By, Gpc, Unread},
    keyed::{Keyed, RetryHeader, Said},
    object::objects,
    openapi::{BodyRefusals, Conflicts, Unrecorded},
    read::{Few, Read, Subject},
    reply,
    words::ItemName,
};
use crate::{
    auth::{Caller, Scope},
    domain::{ItemId, Timestamp},
    gateway::{Happening, Kind, Tracked},
};

/// The largest body, in bytes: room for 1,000 events with ids of the usual lengths.
const LARGEST: BodyLimit = BodyLimit(512 * 1024);

/// Events.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(examples(json!({"events": [
    {"subject": {"id": "user-4395"}, "type": "purchase", "item": "tv-178", "at": "2026-11-22T09:00:00+09:00"},
    {"subject": {"id": "user-4395"}, "type": "rating", "item": "tv-178", "value": 4}
]})))]
pub(super) struct Events {
    /// 1 to 1,000 events.
    #[schema(value_type = Vec<Event>, min_items = 1, max_items = 1000)]
    events: Few<Event, 1, 1000>,
}

/// What a person did with an item.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub(super) struct Event {
    /// Who.
    #[schema(inline = false)]
    subject: Subject,
    /// What.
    #[serde(rename = "type")]
    #[schema(value_type = EventType)]
    kind: Kind,
    /// With which item.
    #[schema(value_type = ItemName)]
    item: Read<ItemId>,
    /// The rating, where there is one.
    value: Option<f64>,
    /// When, as RFC 3339; now if absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Read<Timestamp>>,
    /// The answer that showed the item. It is checked, and not kept.
    #[schema(value_type = Option<String>, format = "uuid")]
    recommendation_id: Option<Read<Uuid>>,
}

objects!(Events, Event);

/// What a person can do with an item.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "it describes the words of `Kind`, which belongs to a room without a wire form"
)]
pub(super) enum EventType {
    View,
    Click,
    Cart,
    Purchase,
    Rating,
    Like,
    Dislike,
    Skip,
}

/// What came of events.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"accepted": 1, "forwarded": 1, "dropped": [{"index": 1, "reason": "not_consented"}]})))]
pub(super) struct EventsTaken {
    /// How many were used for at least one purpose.
    accepted: usize,
    /// How many went on to a model, under a pseudonym.
    forwarded: usize,
    /// The others.
    dropped: Vec<DroppedEvent>,
}

/// An event that was not used.
#[derive(Serialize, ToSchema)]
pub(super) struct DroppedEvent {
    /// Its place in the call, from 0.
    index: usize,
    /// Why: a stable code.
    reason: Cow<'static, str>,
}

/// Send events
///
/// What consent lets pass goes on to the models under a pseudonym, and counts towards what is popular where that is
/// agreed to; the rest is dropped and counted in the answer. Nothing is kept of a dropped event.
#[utoipa::path(
    post,
    path = "/v1/events",
    operation_id = "send_events",
    tag = "Events",
    request_body = Events,
    params(
        ("Sec-GPC" = Option<String>, Header, description = "Global Privacy Control: only the value `1` objects"),
        RetryHeader,
    ),
    responses(
        Conflicts,
        (status = 202, description = "What came of each", body = EventsTaken),
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["events"]))
)]
pub(super) async fn track(
    State(edge): State<Edge>,
    By(caller): By,
    Gpc(signal): Gpc,
    key: Keyed,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Events)?;
    let body = body.whole(JSON, LARGEST).await?;
    let Events { events } = parse(&body)?;
    let happenings = happenings(&edge, &caller, events.0)?;
    let registered = |purpose: &_| caller.registered(purpose);
    let said = Said { route: "POST /v1/events", body: &body, signal };
    let attempt = key.attempt(&edge, &caller, &said)?;
    let tracked = edge.gateway.track_once(happenings, registered, signal, attempt).await?;
    Ok(reply::json(StatusCode::ACCEPTED, &EventsTaken::of(tracked)))
}

fn happenings(edge: &Edge, caller: &Caller, events: Vec<Event>) -> Result<Vec<Happening>, Problem> {
    let latest = edge.latest();
    let mut happenings = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let at = event.at.map(|at| at.0);
        if at.is_some_and(|at| at > latest) {
            let place = format!("/events/{index}/at");
            return Err(Problem::invalid(&[Fault::at(place, "must not lie in the future")]));
        }
        happenings.push(Happening {
            subject: edge.gateway.handle(caller.tenant(), event.subject.into())?,
            kind: event.kind,
            item: event.item.0,
            value: event.value,
            at,
        });
    }
    Ok(happenings)
}

impl EventsTaken {
    fn of(tracked: Tracked) -> Self {
        let dropped = tracked.dropped.into_iter();
        Self {
            accepted: tracked.accepted,
            forwarded: tracked.forwarded,
            dropped: dropped
                .map(|event| DroppedEvent { index: event.index, reason: event.reason })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_documented_words_are_those_that_are_read() {
        let schema = serde_json::to_value(EventType::schema()).unwrap();
        let words = schema["enum"].as_array().unwrap();
        for word in words {
            let kind: Kind = serde_json::from_value(word.clone()).unwrap();
            assert_eq!(word, kind.as_str());
        }
        let unknown = serde_json::from_str::<Kind>("\"stare\"").unwrap_err().to_string();
        assert_eq!(unknown.matches('`').count() / 2, words.len() + 1, "{unknown}");
    }
}
