//! Opening rows of the log, and holding them against the keys that live.

use axum::{Router, extract::State, response::Response, routing::post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        Fault, Problem,
        caller::Unread,
        me::export::ExportedRow,
        openapi::{BodyRefusals, Unrecorded},
        operator::{ByOperator, OperatorEdge},
        reply,
    },
    going,
};
use crate::operate::{Effort, OpenReason, Opening, Progress, ROWS_AT_ONCE, Reconciled};

/// Which rows are to be opened, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"rows": [123], "reason": "court_order"})))]
pub(in crate::http) struct OpenOrder {
    /// The log they stand in; the one that is being written if absent.
    origin: Option<String>,
    /// Their indices in it, 100 at most.
    #[schema(min_items = 1, max_items = 100)]
    rows: Vec<u64>,
    /// Why, for the log: `court_order`, `supervisory_authority`, `subject_request` or `incident`.
    #[schema(example = "court_order")]
    reason: String,
}

/// What came of it, row by row, in the order of the call.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct OpenedRows {
    /// A row that was opened, or one that no living key opens.
    rows: Vec<OpenedOrNot>,
}

/// A row that was opened, or one that nothing opens any more.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum OpenedOrNot {
    /// What shows what the row says.
    Open(ExportedRow),
    /// A row that nothing opens.
    Closed(UnopenedRow),
}

/// A row that nothing opens.
#[derive(Serialize, ToSchema)]
struct UnopenedRow {
    /// Its log.
    origin: String,
    /// Its index there.
    index: u64,
    /// `erased`: no living key opens it.
    #[schema(example = "erased")]
    why: &'static str,
}

/// How thoroughly rows and keys are held against each other.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({}), json!({"sample": 5000})))]
pub(in crate::http) struct ReconcileOrder {
    /// Try every row on every key, however long it takes.
    #[serde(default)]
    all: bool,
    /// Try so many rows, drawn at random. Without it and without `all`, all rows where that takes minutes, else 2000.
    #[schema(minimum = 1, maximum = 1_000_000)]
    sample: Option<u64>,
}

/// A line of the answer: how far it is, or, last, what came of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ReconcileLine {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReconcileProgress>)]
    progress: Option<Progress>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ReconcileResult>)]
    result: Option<Reconciled>,
}

/// How far it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are those of `Progress`, for the document")]
pub(in crate::http) struct ReconcileProgress {
    /// Keys that were tried.
    done: u64,
    /// Keys that there are.
    of: u64,
    /// How much longer it takes at this pace, in seconds.
    seconds_left: u64,
}

/// What came of it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are those of `Reconciled`, for the document")]
pub(in crate::http) struct ReconcileResult {
    /// Rows of the log.
    rows: u64,
    /// Rows that say that a person came to be known.
    created: u64,
    /// Rows that say that a person was erased.
    erased: u64,
    /// Keys of people that live.
    living: u64,
    /// Keys that rows about nobody use.
    nobodys: u64,
    /// Rows of people who were erased, as their certificates say.
    certified: u64,
    /// Rows whose bodies were dropped; they carry their tags and are among the others.
    dropped: u64,
    /// Rows that were tried: all, or those drawn.
    tried: u64,
    /// Of these, rows of people whose keys live.
    of_people: u64,
    /// Of these, rows about nobody.
    of_nobody: u64,
    /// Of these, rows that no living key finds.
    of_none: u64,
    /// Whether created − erased = living keys.
    keys_fit: bool,
    /// Whether the rows that no living key finds are as many as certificates say; of a sample, whether that can be so.
    rows_fit: bool,
    /// Of a sample: between which numbers of rows that no living key finds the true one lies, at 99 %.
    #[schema(required)]
    bound: Option<ReconcileBound>,
}

/// Between which numbers of rows the true one lies.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are those of `Bound`, for the document")]
pub(in crate::http) struct ReconcileBound {
    /// At least.
    least: u64,
    /// At most.
    most: u64,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/v1/operate/audit/open", post(open))
        .route("/v1/operate/audit/reconcile", post(reconcile))
}

/// Open rows of the log
///
/// For somebody who may see them. Who opened which rows and why is in the log before anything is given out. A row is given
/// with what opens it and nothing that opens another; whose it is, is not said. It tries the keys of everyone who is known:
/// seconds for a million people.
#[utoipa::path(
    post,
    path = "/v1/operate/audit/open",
    operation_id = "open_rows",
    tag = "Operation",
    request_body = OpenOrder,
    responses(
        (status = 200, description = "The rows, as far as living keys open them", body = OpenedRows),
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn open(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let order: OpenOrder = body.json().await?;
    let reason: Result<OpenReason, _> = order.reason.parse();
    let reason = reason.map_err(|error| {
        let allowed = OpenReason::ALL.map(|reason| reason.as_str().to_owned()).to_vec();
        Problem::invalid(&[Fault { allowed, ..Fault::at("/reason", error.to_string()) }])
    })?;
    if order.rows.is_empty() || order.rows.len() > ROWS_AT_ONCE {
        let detail = format!("must name 1 to {ROWS_AT_ONCE} rows");
        return Err(Problem::invalid(&[Fault::at("/rows", detail)]));
    }
    let origin = order.origin.as_deref();
    let opened = edge.controls.open_rows(by, reason, origin, &order.rows).await?;
    let told = |opening| match opening {
        Opening::Open(row) => OpenedOrNot::Open((*row).into()),
        Opening::NoKey { origin, index } => {
            OpenedOrNot::Closed(UnopenedRow { origin, index, why: "erased" })
        }
    };
    let rows = opened.into_iter().map(told).collect();
    Ok(reply::json(StatusCode::OK, &OpenedRows { rows }))
}

/// Hold the rows of the log against the keys
///
/// Every row is somebody's whose key lives, or nobody's, or of somebody whose erasure the log tells of; and the people who
/// came to be known less those who were erased are the keys that live. Answers lines of JSON: how far it is, and last what
/// came of it, which is in the log by then. A line with a problem's members is a failure.
#[utoipa::path(
    post,
    path = "/v1/operate/audit/reconcile",
    operation_id = "reconcile_log",
    tag = "Operation",
    request_body = ReconcileOrder,
    responses(
        (status = 200, description = "How far it is, a line now and then; last what came of it",
         body = ReconcileLine, content_type = "application/x-ndjson"),
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn reconcile(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let order: ReconcileOrder = body.json().await?;
    let effort = match order {
        ReconcileOrder { all: true, sample: Some(_) } => {
            return Err(Problem::invalid(&[Fault::at("/sample", "does not go with `all`")]));
        }
        ReconcileOrder { sample: Some(0), .. } => {
            return Err(Problem::invalid(&[Fault::at("/sample", "must be 1 at least")]));
        }
        ReconcileOrder { all: true, .. } => Effort::All,
        ReconcileOrder { sample: Some(rows), .. } => Effort::Sample(rows),
        ReconcileOrder { .. } => Effort::Fitting,
    };
    let line = |progress, result| ReconcileLine { progress, result };
    Ok(going::on(line, move |told| async move { edge.controls.reconcile(by, effort, told).await }))
}
