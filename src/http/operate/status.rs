//! How the gateway stands, for an operator at the door.

use axum::{Router, extract::State, response::Response, routing::get};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{
    openapi::Refusals,
    operator::{ByOperator, OperatorEdge},
    reply,
};

/// How the gateway stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct GatewayStatus {
    /// The program's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The log's name.
    #[schema(example = "gw-1.example/2026h2")]
    log_origin: String,
    /// How many rows the log has.
    log_rows: u64,
    /// The policy in force.
    policy: String,
    /// Whether the journal takes every kind of record.
    writable: bool,
    /// How many requests of people are overdue; null where they cannot be read.
    #[schema(required)]
    overdue_requests: Option<u64>,
    /// As whom the call is made, as the log would name it: `owner` of the data folder, or the hash of a token's `jti`.
    #[schema(example = "owner")]
    operator: String,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new().route("/v1/operate/status", get(status))
}

/// Ask how the gateway stands
///
/// Its version, its log, the policy in force, and whether the journal takes records.
#[utoipa::path(
    get,
    path = "/v1/operate/status",
    operation_id = "read_status",
    tag = "Operation",
    responses((status = 200, description = "How it stands", body = GatewayStatus), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn status(State(edge): State<OperatorEdge>, by: ByOperator) -> Response {
    let status = edge.controls.status();
    let told = GatewayStatus {
        version: status.version,
        log_origin: status.log_origin,
        log_rows: status.log_rows,
        policy: status.policy,
        writable: status.writable,
        overdue_requests: status.overdue_requests,
        operator: by.0.named(),
    };
    reply::json(StatusCode::OK, &told)
}
