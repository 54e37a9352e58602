//! What the operator's machines ask: whether the gateway can do its work, and its numbers.
//!
//! These stand on the operator's door: they tell of models and of the disk, which is nothing for a public port. A probe
//! has no token, so readiness needs none; numbers do.

use axum::{Router, extract::State, response::Response, routing::get};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{OperatorEdge, openapi::Refusals, operator::ByOperator, reply, status};
use crate::observe::{Check, MEDIA_TYPE, Readiness as Looked};

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/healthz", get(status::health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Whether the gateway can do its work at this moment, and what was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether everything that is needed is as it should be.
    ready: bool,
    /// What was looked at.
    checks: Vec<ReadinessCheck>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadinessCheck {
    /// What.
    #[schema(example = "journal")]
    name: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// Whether the gateway is ready only if it is. What is not needed is told for information.
    needed: bool,
    /// What there is to say of it, such as the age of the last sync.
    #[serde(skip_serializing_if = "Map::is_empty")]
    facts: Map<String, Value>,
}

impl From<Looked> for Readiness {
    fn from(looked: Looked) -> Self {
        let ready = looked.ready();
        let told = |Check { name, ok, needed, facts }| ReadinessCheck { name, ok, needed, facts };
        Self { ready, checks: looked.into_checks().into_iter().map(told).collect() }
    }
}

/// Ask whether the gateway can do its work
///
/// Looked up at the moment of the call: the journal and its last sync, the room on the disk, whether the gateway is
/// stopping or its state awaits a confirmation. Models are told for information: without them there is still an answer.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "read_readiness",
    tag = "Gateway",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot, and the checks say why", body = Readiness),
    ),
    security(())
)]
pub(super) async fn ready(State(edge): State<OperatorEdge>) -> Response {
    let readiness = Readiness::from(edge.observer.readiness());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &readiness)
}

/// Read the numbers
///
/// Every number of the gateway in the `OpenMetrics` text format, for a scraper. No label is about a person.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "read_metrics",
    tag = "Gateway",
    responses(
        (status = 200, description = "The page", content_type = "application/openmetrics-text"),
        Refusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(super) async fn metrics(State(edge): State<OperatorEdge>, _: ByOperator) -> Response {
    let observer = edge.observer.clone();
    // Sizes of files are read from the disk, which may be slow.
    let page = tokio::task::spawn_blocking(move || observer.metrics()).await;
    reply::typed(StatusCode::OK, MEDIA_TYPE, page.unwrap_or_default().into())
}
