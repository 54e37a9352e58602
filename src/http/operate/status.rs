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
use crate::{domain::Timestamp, operate::KekStatus};

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
    /// The key-encryption key.
    #[schema(required)]
    kek: Option<Kek>,
    /// As whom the call is made, as the log would name it: `owner` of the data folder, or the hash of a token's `jti`.
    #[schema(example = "owner")]
    operator: String,
}

/// How the key-encryption key stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Kek {
    /// Its epoch: 1 for the first, one more with each rotation.
    epoch: u32,
    /// Since when it is in use, or since when that is known.
    #[schema(required, format = DateTime)]
    since: Option<String>,
    /// When the next rotation is due.
    #[schema(required, format = DateTime)]
    next_rotation: Option<String>,
    /// Whether a rotation is not over.
    rotating: bool,
}

impl From<KekStatus> for Kek {
    fn from(kek: KekStatus) -> Self {
        Self {
            epoch: kek.epoch,
            since: kek.since.map(Timestamp::rfc3339),
            next_rotation: kek.next.map(Timestamp::rfc3339),
            rotating: kek.rotating,
        }
    }
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
        kek: status.kek.map(Kek::from),
        operator: by.0.named(),
    };
    reply::json(StatusCode::OK, &told)
}
