//! Backups, and the confirmation of a state that was restored.

use axum::{Router, extract::State, response::Response, routing::post};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Problem,
    body::JSON,
    caller::Unread,
    openapi::{BodyRefusals, Refusals, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    reply,
};

/// Where a backup goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"dir": "/backups/consentry"})))]
pub(in crate::http) struct BackupOrder {
    /// A folder of the gateway's machine, from its root; each backup gets a folder of its own in it. That of `[backup]`
    /// if absent.
    dir: Option<String>,
}

/// A backup that was taken.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct BackupTaken {
    /// Its folder.
    dir: String,
    /// The last group of the journal in it.
    group: u64,
    /// Rows of the log in it.
    rows: u64,
    /// Files in it.
    files: usize,
    /// Bytes that were written.
    written: u64,
    /// Bytes that it shares with the backup before.
    shared: u64,
}

/// What a confirmation came to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RestoreConfirmed {
    /// Whether the state was in doubt until now.
    was_in_doubt: bool,
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/v1/operate/backups", post(back_up))
        .route("/v1/operate/confirm-restored", post(confirm_restored))
}

/// Take a backup
///
/// Snapshot, journal, rows and bodies up to one group, each file with its SHA-256, in a folder that gets its name when all
/// of it is on the disk. Calls go on meanwhile. No key is in it but the journal's own, wrapped.
#[utoipa::path(
    post,
    path = "/v1/operate/backups",
    operation_id = "take_backup",
    tag = "Operation",
    request_body = BackupOrder,
    responses((status = 201, description = "The backup is on the disk", body = BackupTaken), Unrecorded, BodyRefusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn back_up(
    State(edge): State<OperatorEdge>,
    by: ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.usual(JSON).await?;
    let order: BackupOrder = super::super::body::parse(&body)?;
    let taken = edge.controls.back_up(order.dir.map(Into::into), by.0).await?;
    let told = BackupTaken {
        dir: taken.dir.display().to_string(),
        group: taken.manifest.group,
        rows: taken.manifest.rows,
        files: taken.manifest.files.len(),
        written: taken.written,
        shared: taken.shared,
    };
    Ok(reply::json(StatusCode::CREATED, &told))
}

/// Confirm a restored state
///
/// A state that came from a backup may lack withdrawals that were acknowledged after it, so everyone is treated at tier
/// `none`. Confirming it says that the operator answers for what is missing.
#[utoipa::path(
    post,
    path = "/v1/operate/confirm-restored",
    operation_id = "confirm_restored",
    tag = "Operation",
    responses((status = 200, description = "It is in doubt no more", body = RestoreConfirmed), Unrecorded, Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn confirm_restored(
    State(edge): State<OperatorEdge>,
    by: ByOperator,
) -> Result<Response, Problem> {
    let was_in_doubt = edge.controls.confirm_restored(by.0).await?;
    Ok(reply::json(StatusCode::OK, &RestoreConfirmed { was_in_doubt }))
}
