//! Items: what can be recommended.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Edge, Fault, Problem, ProblemKind,
    body::{BodyLimit, JSON, parse, parse_line},
    caller::{By, Unread},
    lines::NDJSON,
    object::objects,
    openapi::{BodyRefusals, Unrecorded},
    read::{Few, Read},
    reply,
    words::{Attributes, ItemName, TagWord},
};
use crate::{
    auth::Scope,
    catalog::{ATTRIBUTES, Item},
    domain::{ItemId, Tag},
};

/// The largest body of many items, in bytes.
const LARGEST: BodyLimit = BodyLimit(8 * 1024 * 1024);

/// An item.
#[derive(Deserialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
#[schema(as = Item, examples(json!({"id": "tv-178", "tags": ["tv", "4k"], "attributes": {"brand": "Aurora"}})))]
pub(super) struct WireItem {
    /// The app's id for it. In a call that names the item in its path, it may be left out.
    #[schema(value_type = Option<ItemName>)]
    id: Option<Read<ItemId>>,
    /// What describes it: lists are made diverse by tags, and people mute them.
    #[serde(default)]
    #[schema(value_type = Vec<TagWord>, max_items = 64)]
    tags: Few<Read<Tag>, 0, 64>,
    /// What else is to be kept with it: at most 32, names to 64 bytes, values to 1,024.
    #[serde(default)]
    #[schema(value_type = Attributes)]
    attributes: BTreeMap<String, String>,
}

objects!(WireItem);

/// How many items were taken in.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"items": 2})))]
pub(super) struct ItemsTaken {
    /// How many.
    items: usize,
}

/// Describe many items
///
/// Takes an item a line (NDJSON), or one item (JSON). An item that is known keeps its place in the order and gets the new
/// tags. The body is checked as a whole before the first item is taken in.
#[utoipa::path(
    put,
    path = "/v1/items",
    operation_id = "put_items",
    tag = "Items",
    request_body(
        description = "An item a line, or one item",
        content((WireItem = "application/x-ndjson"), (WireItem = "application/json"))
    ),
    responses(
        (status = 200, description = "The items are kept", body = ItemsTaken),
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["catalog"]))
)]
pub(super) async fn put_all(
    State(edge): State<Edge>,
    By(caller): By,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Catalog)?;
    let items = if body.is(JSON) {
        let body = body.whole(JSON, LARGEST).await?;
        vec![parse::<WireItem>(&body)?.read(None)?]
    } else {
        of_lines(&body.whole(NDJSON, LARGEST).await?)?
    };
    let taken = ItemsTaken { items: items.len() };
    edge.gateway.put_items(items).await?;
    Ok(reply::json(StatusCode::OK, &taken))
}

/// Describe an item
///
/// An item that is known keeps its place in the order and gets the new tags.
#[utoipa::path(
    put,
    path = "/v1/items/{id}",
    operation_id = "put_item",
    tag = "Items",
    params(("id" = ItemName, Path, description = "The app's id of the item, percent-encoded")),
    request_body = WireItem,
    responses(
        (status = 200, description = "The item is kept", body = ItemsTaken),
        Unrecorded,
        BodyRefusals,
    ),
    security(("bearer" = ["catalog"]))
)]
pub(super) async fn put_one(
    State(edge): State<Edge>,
    By(caller): By,
    id: Result<Path<String>, PathRejection>,
    body: Unread,
) -> Result<Response, Problem> {
    caller.require(Scope::Catalog)?;
    let id = id.ok().and_then(|Path(id)| ItemId::parse(&id).ok()).ok_or_else(bad_path)?;
    let body = body.usual(JSON).await?;
    edge.gateway.put_items(vec![parse::<WireItem>(&body)?.read(Some(id))?]).await?;
    Ok(reply::json(StatusCode::OK, &ItemsTaken { items: 1 }))
}

fn of_lines(body: &Bytes) -> Result<Vec<Item>, Problem> {
    let lines = body.split(|byte| *byte == b'\n').zip(1..);
    let filled = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    filled
        .map(|(line, number)| {
            let item = parse_line::<WireItem>(line, number).and_then(|item| item.read(None));
            item.map_err(|problem| problem.with("line", number))
        })
        .collect()
}

impl WireItem {
    fn read(self, named: Option<ItemId>) -> Result<Item, Problem> {
        let fault = |at: &str, detail: &str| Problem::invalid(&[Fault::at(at, detail)]);
        let id = match (self.id.map(|id| id.0), named) {
            (Some(id), Some(named)) if id != named => {
                return Err(fault("/id", "must be the id in the path, or be left out"));
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => return Err(fault("", "`id` is missing")),
        };
        let attributes = self.attributes.into_iter().collect();
        let item = Item { id, tags: self.tags.values(), attributes };
        if !item.is_describable() {
            return Err(fault("/attributes", &format!("must be {ATTRIBUTES}")));
        }
        Ok(item)
    }
}

fn bad_path() -> Problem {
    let detail = "`id` must be 1 to 256 bytes of percent-encoded UTF-8 without control characters.";
    Problem::new(ProblemKind::InvalidParameter, detail).with("name", "id")
}
