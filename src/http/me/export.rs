//! What the gateway holds of a person, for themselves.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::{
    Edge, Problem,
    caller::{By, oneself},
    openapi::{Conflicts, Refusals, Unrecorded},
    reply,
};
use crate::audit::{OpenedRow, OwnLog, TagKey, Until};

/// What the gateway holds of you.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Export {
    /// What the log says of you. `consentry audit mine` checks it against the log's public key.
    log: ExportedLog,
}

/// Your rows of the log, and what finds them.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epochs": [{"number": 0, "tag_key": "vL4…"}],
    "until": {"origin": "gw-1.example/2026h2", "size": 4711},
    "rows": [{"origin": "gw-1.example/2026h2", "index": 123, "epoch": 0, "n": "AAECAwQFBgcICQoLDA0ODw", "salt": "p0s…",
              "body": "{\"t_ms\":1760000040123}", "entry": "{\"c\":\"CbAg…", "proof": "c2sp.org/tlog-proof@v1\n…"}]
})))]
struct ExportedLog {
    /// Your audit epochs so far. Each export closes one, this one too: later rows carry tags of another epoch.
    epochs: Vec<ExportedEpoch>,
    /// How far the log was looked through: all rows before this place, and all logs that it goes on from.
    #[schema(required)]
    until: Option<ExportedUntil>,
    /// Your rows, in the order of the log.
    rows: Vec<ExportedRow>,
}

/// What finds your rows of one audit epoch, and opens none.
#[derive(Serialize, ToSchema)]
struct ExportedEpoch {
    /// From 0.
    number: u32,
    /// HMAC-SHA256 under this key of a row's `n`, cut to 16 bytes, is the `y` of your rows. 32 bytes in base64url without
    /// padding.
    tag_key: String,
}

/// A place in a log.
#[derive(Serialize, ToSchema)]
struct ExportedUntil {
    /// Which log.
    origin: String,
    /// How many of its rows.
    size: u64,
}

/// A row of the log, opened.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenedRow)]
pub(in crate::http) struct ExportedRow {
    /// Which log it stands in.
    origin: String,
    /// Where in it.
    index: u64,
    /// In an export: the audit epoch whose tag key finds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u32>,
    /// Its nonce: 16 bytes in base64url without padding.
    n: String,
    /// HMAC-SHA256 under it of `body` is the row's `c`. It opens this row alone. 32 bytes in base64url without padding.
    salt: String,
    /// What the row commits to, byte for byte; null once it was dropped after its retention.
    #[schema(required)]
    body: Option<String>,
    /// The row, byte for byte as the log has it.
    entry: String,
    /// That the row stands in the log, as a C2SP `tlog-proof`; null while it stands under no checkpoint.
    #[schema(required)]
    proof: Option<String>,
}

/// Have what the gateway holds of you
///
/// What the log says of you: each row with what opens it and a proof that it stands in the log. It is written to the log,
/// as the last row under the keys of until now: what you get finds and opens no later row of yours, so you can hand it to
/// somebody else. Of a person of whom nothing is known it holds nothing.
#[utoipa::path(
    get,
    path = "/v1/me/export",
    operation_id = "export_own",
    tag = "Oneself",
    responses(
        (status = 200, description = "All that the log holds of you", body = Export),
        Conflicts,
        Unrecorded,
        Refusals,
    ),
    security(("bearer" = ["self"]))
)]
pub(in crate::http) async fn mine(
    State(edge): State<Edge>,
    By(caller): By,
) -> Result<Response, Problem> {
    let oneself = oneself(&caller)?;
    let handle = edge.gateway.handle(caller.tenant(), oneself)?;
    let log = edge.exports.log_of(handle).await?;
    Ok(reply::json(StatusCode::OK, &Export { log: log.into() }))
}

impl From<OwnLog> for ExportedLog {
    fn from(log: OwnLog) -> Self {
        let epoch = |TagKey { number, tag_key }| ExportedEpoch { number, tag_key };
        Self {
            epochs: log.epochs.into_iter().map(epoch).collect(),
            until: log.until.map(|Until { origin, size }| ExportedUntil { origin, size }),
            rows: log.rows.into_iter().map(ExportedRow::from).collect(),
        }
    }
}

impl From<OpenedRow> for ExportedRow {
    fn from(row: OpenedRow) -> Self {
        let OpenedRow { origin, index, epoch, n, salt, body, entry, proof } = row;
        Self { origin, index, epoch, n, salt, body, entry, proof }
    }
}
