//! The member `log` of an export: the person's rows, and what finds them.

use serde::Serialize;
use utoipa::ToSchema;

use super::each::{Broken, Each};
use crate::{
    audit::{OpenedRow, TagKey, Until},
    rights::OwnExport,
};

/// Your rows of the log, and what finds them.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "epochs": [{"id": 0, "number": 0, "tag_key": "vL4…"}],
    "until": {"origin": "gw-1.example/2026h2", "size": 4711},
    "rows": [{"origin": "gw-1.example/2026h2", "index": 123, "id": 0, "epoch": 0, "n": "AAECAwQFBgcICQoLDA0ODw", "salt": "p0s…",
              "body": "{\"t_ms\":1760000040123}", "entry": "{\"c\":\"CbAg…", "proof": "c2sp.org/tlog-proof@v1\n…"}]
})))]
pub(in crate::http) struct ExportedLog<'a> {
    /// Your audit epochs so far. Each export closes one, this one too: later rows carry tags of another epoch.
    epochs: Vec<ExportedEpoch>,
    /// How far the log was looked through: all rows before this place, and all logs that it goes on from.
    #[schema(required)]
    until: Option<ExportedUntil>,
    /// Your rows, in the order of the log.
    #[schema(value_type = Vec<ExportedRow>)]
    rows: Each<'a, ExportedRow>,
}

/// What finds your rows of one audit epoch, and opens none.
#[derive(Serialize, ToSchema)]
struct ExportedEpoch {
    /// Of which of your ids.
    id: u32,
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
    /// In an export: which of your ids it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
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

impl<'a> ExportedLog<'a> {
    /// The log's part of an export; of nobody, it is empty.
    pub(super) fn of(own: Option<&'a OwnExport>) -> Self {
        let epoch = |TagKey { id, number, tag_key }| ExportedEpoch { id, number, tag_key };
        let epochs = own.map(OwnExport::tag_keys).unwrap_or_default();
        let until = own.and_then(OwnExport::until);
        Self {
            epochs: epochs.into_iter().map(epoch).collect(),
            until: until.map(|Until { origin, size }| ExportedUntil { origin, size }),
            rows: Each::of(move |take| match own {
                Some(own) => own.each_row::<Broken>(|row| take(row.into())),
                None => Ok(()),
            }),
        }
    }
}

impl From<OpenedRow> for ExportedRow {
    fn from(row: OpenedRow) -> Self {
        let OpenedRow { origin, index, id, epoch, n, salt, body, entry, proof } = row;
        Self { origin, index, id, epoch, n, salt, body, entry, proof }
    }
}
