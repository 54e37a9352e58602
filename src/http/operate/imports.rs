//! Imports: consents and items brought over in chunks, by an operator at the door.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
    routing::{get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::{
    Problem, ProblemKind,
    body::BodyLimit,
    caller::Unread,
    lines::NDJSON,
    openapi::{BodyRefusals, Conflicts, Refusals, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    reply,
};
use crate::{
    domain::TenantId,
    operate::imports::{Chunk, ImportId, Kind, Progress, Rejected},
};

/// The largest chunk, in bytes.
const LARGEST: BodyLimit = BodyLimit(8 * 1024 * 1024);

/// Which rows of which import a chunk holds.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Place {
    /// The import: 64 hexadecimal digits, the same each time the same rows are brought over.
    import: String,
    /// How many rows of the import come before the chunk. 0 begins the import, anew if it was begun before.
    from: u64,
    /// Whose people the rows are about.
    #[serde(default = "TenantId::standard")]
    #[param(value_type = Option<String>, default = "default")]
    tenant: TenantId,
    /// Whether the chunk is the last one.
    #[serde(default)]
    last: bool,
}

/// What became of a chunk.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ChunkTaken {
    /// How far the import has come.
    #[schema(inline = false)]
    progress: ImportProgress,
    /// The rows that were refused.
    rejected: Vec<RejectedRow>,
}

/// How far an import has come, and what became of its rows.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ImportProgress {
    /// `consents` or `items`; null for an import that was never begun.
    #[schema(required)]
    kind: Option<&'static str>,
    /// How many rows were gone through.
    rows: u64,
    /// Rows that changed something.
    recorded: u64,
    /// Consents that are kept and do not count until the person is asked anew: they name another notice than the one in
    /// force.
    ask_anew: u64,
    /// Rows that were here already.
    unchanged: u64,
    /// Rows that were refused, by reason.
    refused: BTreeMap<String, u64>,
    /// Items that not every model took when it was told of them.
    untold: u64,
    /// Whether all rows were gone through.
    done: bool,
}

/// A row that was refused. What it holds is not repeated.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RejectedRow {
    /// Its place in the import, from 0.
    row: u64,
    /// Why, in one word.
    reason: &'static str,
    /// The field that it is about, if it is about one.
    #[schema(required)]
    field: Option<&'static str>,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/v1/operate/imports/consents", post(take_consents))
        .route("/v1/operate/imports/items", post(take_items))
        .route("/v1/operate/imports/{id}", get(progress))
}

/// Bring over consents
///
/// Takes a row a line (NDJSON), as `docs/IMPORT.md` describes. A row that does not fit is refused by itself; the others
/// stand when the answer comes. An act that was brought over before changes nothing, and none weakens what is newer.
#[utoipa::path(
    post,
    path = "/v1/operate/imports/consents",
    operation_id = "import_consents",
    tag = "Operation",
    params(Place),
    request_body(description = "A row a line", content((String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "The rows stand, or are refused", body = ChunkTaken),
        Conflicts, Unrecorded, BodyRefusals
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn take_consents(
    State(edge): State<OperatorEdge>,
    by: ByOperator,
    place: Result<Query<Place>, QueryRejection>,
    body: Unread,
) -> Result<Response, Problem> {
    take(&edge, &by, Kind::Consents, place, body).await
}

/// Bring over items
///
/// Takes a row a line (NDJSON), and tells the models of them.
#[utoipa::path(
    post,
    path = "/v1/operate/imports/items",
    operation_id = "import_items",
    tag = "Operation",
    params(Place),
    request_body(description = "A row a line", content((String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "The rows stand, or are refused", body = ChunkTaken),
        Conflicts, Unrecorded, BodyRefusals
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn take_items(
    State(edge): State<OperatorEdge>,
    by: ByOperator,
    place: Result<Query<Place>, QueryRejection>,
    body: Unread,
) -> Result<Response, Problem> {
    take(&edge, &by, Kind::Items, place, body).await
}

/// Ask how far an import has come
///
/// An import that was never begun has come to row 0.
#[utoipa::path(
    get,
    path = "/v1/operate/imports/{id}",
    operation_id = "read_import",
    tag = "Operation",
    params(("id" = String, Path, description = "The import: 64 hexadecimal digits")),
    responses((status = 200, description = "How far it has come", body = ImportProgress), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn progress(
    State(edge): State<OperatorEdge>,
    _: ByOperator,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let known = edge.controls.import_progress(import(&id)?)?;
    Ok(reply::json(StatusCode::OK, &ImportProgress::of(known)))
}

async fn take(
    edge: &OperatorEdge,
    ByOperator(operator): &ByOperator,
    kind: Kind,
    place: Result<Query<Place>, QueryRejection>,
    body: Unread,
) -> Result<Response, Problem> {
    let Query(place) = place.map_err(|_| {
        let detail = "The query is `import` (64 hexadecimal digits), `from` (a number), and if need be `tenant` and `last` (true or false).";
        Problem::new(ProblemKind::InvalidParameter, detail).with("name", "import")
    })?;
    let id = import(&place.import)?;
    let body = body.whole(NDJSON, LARGEST).await?;
    let Place { from, tenant, last, .. } = place;
    let chunk = Chunk { kind, id, tenant, from, rows: rows(&body), last };
    let taken = edge.controls.import(*operator, chunk).await?;
    let rejected = taken.rejected.iter().map(RejectedRow::of).collect();
    let progress = ImportProgress::of(Some(taken.progress));
    Ok(reply::json(StatusCode::OK, &ChunkTaken { progress, rejected }))
}

/// The lines that are not empty, without a copy.
fn rows(body: &Bytes) -> Vec<Bytes> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).map(|line| body.slice_ref(line)).collect()
}

fn import(id: &str) -> Result<ImportId, Problem> {
    id.parse().map_err(|_| {
        let detail = "An import's id must be 64 hexadecimal digits.";
        Problem::new(ProblemKind::InvalidParameter, detail).with("name", "import")
    })
}

impl ImportProgress {
    fn of(progress: Option<Progress>) -> Self {
        let kind = progress.as_ref().map(|progress| progress.kind.as_str());
        let known = progress.unwrap_or_else(|| Progress::begin(Kind::Consents));
        let Progress { rows, recorded, ask_anew, unchanged, refused, untold, done, .. } = known;
        Self { kind, rows, recorded, ask_anew, unchanged, refused, untold, done }
    }
}

impl RejectedRow {
    fn of(rejected: &Rejected) -> Self {
        let Rejected { row, refused } = rejected;
        Self { row: *row, reason: refused.reason.as_str(), field: refused.field }
    }
}
