//! Rotating the key-encryption key.

use axum::{Router, extract::State, response::Response, routing::post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    super::{
        Problem,
        caller::Unread,
        openapi::{BodyRefusals, Unrecorded},
        operator::{ByOperator, OperatorEdge},
    },
    going,
};
use crate::operate::{Rotated, Turning};

/// What older backups are after a rotation.
const OLDER_BACKUPS: &str =
    "Backups from before this rotation do not open any more: their key was destroyed.";

/// How a rotation goes on. There is nothing to choose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({})))]
pub(in crate::http) struct RotateOrder {}

/// A line of the answer: how far it is, or, last, what came of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RotateLine {
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RotateProgress>)]
    progress: Option<Turning>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<RotateResult>,
}

/// How far it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its fields are those of `Turning`, for the document")]
pub(in crate::http) struct RotateProgress {
    /// What it is at: `new_key`, `telling`, `wrapping`, `rewriting`, `file_key`, `backing_up`, `destroying`, `closing`.
    #[schema(example = "wrapping")]
    step: &'static str,
    /// Keys that were wrapped anew.
    wrapped: u64,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RotateResult {
    /// The epoch of the key in use.
    epoch: u32,
    /// The epochs of the keys that were destroyed.
    destroyed: Vec<u32>,
    /// Keys that live, all wrapped under the new key: of people, of tenants, and those that rows about nobody use.
    keys: u64,
    /// Keys that nothing opens, since their key-encryption key was gone before. Other than 0 only after the key folder was
    /// replaced by an older copy.
    lost: u64,
    /// The folder of the backup that was taken under the new key; none is where none are scheduled.
    #[schema(required)]
    backup: Option<String>,
    /// What older backups are from now on.
    older_backups: &'static str,
}

impl From<Rotated> for RotateResult {
    fn from(rotated: Rotated) -> Self {
        Self {
            epoch: rotated.epoch,
            destroyed: rotated.destroyed,
            keys: rotated.keys,
            lost: rotated.lost,
            backup: rotated.backup.map(|dir| dir.display().to_string()),
            older_backups: OLDER_BACKUPS,
        }
    }
}

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new().route("/v1/operate/keys/rotate", post(rotate))
}

/// Rotate the key-encryption key
///
/// Makes a new one, wraps every key that lives under it, writes the store's files anew, takes a backup where backups are
/// scheduled, and destroys the old one: what was erased before is gone for good, in older backups too. Calls go on
/// meanwhile. Answers lines of JSON: how far it is, and last what came of it, which is in the log by then. A line with a
/// problem's members is a failure; the same call goes on from there, and so does the gateway by itself.
#[utoipa::path(
    post,
    path = "/v1/operate/keys/rotate",
    operation_id = "rotate_keys",
    tag = "Operation",
    request_body = RotateOrder,
    responses(
        (status = 200, description = "How far it is, a line now and then; last what came of it",
         body = RotateLine, content_type = "application/x-ndjson"),
        Unrecorded,
        BodyRefusals,
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn rotate(
    State(edge): State<OperatorEdge>,
    ByOperator(by): ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let RotateOrder {} = body.json().await?;
    let line = |progress, result: Option<Rotated>| RotateLine {
        progress,
        result: result.map(RotateResult::from),
    };
    Ok(going::on(line, move |told| async move { edge.controls.rotate_keys(by, told).await }))
}
