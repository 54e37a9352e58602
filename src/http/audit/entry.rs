//! A row of the log, as an auditor is told it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{accept::Form, csv};
use crate::{
    audit::{AuditError, NOTHING, Row},
    domain::Timestamp,
    inspect::Inspector,
};

/// A page of rows of the log.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"entries": [{
    "origin": "gw-1.example/2026h2", "index": 123, "at": "2026-11-22T03:00:00.000Z", "event": "decision",
    "outcome": "individual", "purpose": "recommend_products", "recipient": "model", "reason": "consented",
    "policy": "9f86d081884c7d65", "gateway": "gw-1", "rows": null, "previous": null,
    "nonce": "AAECAwQFBgcICQoLDA0ODw", "commitment": "CbAg40nnIMcfCWfGEn4JjJ3tWT-7eody2wUOASYz7ik",
    "tag": "RvQef0BphCNFfuHLxitVDw", "key_commitment": null, "vocabulary": null
}], "next": null})))]
pub(in crate::http) struct LogEntries {
    /// The rows.
    pub(super) entries: Vec<LogEntry>,
    /// The `cursor` of the next page; null where there is no further row now.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// A row of the log, its fields by their full names. Binary fields are base64url without padding.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LogEntry {
    /// The log's name.
    origin: String,
    /// The row's place in it.
    index: u64,
    /// The minute.
    #[schema(format = DateTime)]
    at: String,
    /// What happened.
    event: String,
    /// How it ended: a tier for decisions.
    outcome: String,
    /// For which purpose.
    #[schema(required)]
    purpose: Option<String>,
    /// Who received data, or was to.
    #[schema(required)]
    recipient: Option<String>,
    /// Why.
    reason: String,
    /// The policy in force: the first 8 bytes of its hash, in hexadecimal.
    policy: String,
    /// Which gateway says so.
    gateway: String,
    /// How many rows or calls the row is about, where it counts them.
    #[schema(required)]
    rows: Option<u64>,
    /// The log that this one goes on from, in its first row.
    #[schema(required, value_type = Option<Object>)]
    previous: Option<Value>,
    /// The row's own number, drawn at random.
    nonce: String,
    /// Commits to the row's body.
    commitment: String,
    /// Finds a person's rows, for who holds their key.
    tag: String,
    /// Commits to the key of somebody who came to be known or was erased.
    #[schema(required)]
    key_commitment: Option<String>,
    /// The SHA-256 of the vocabulary that comes into force.
    #[schema(required)]
    vocabulary: Option<String>,
}

const COLUMNS: [&str; 17] = [
    "origin",
    "index",
    "at",
    "event",
    "outcome",
    "purpose",
    "recipient",
    "reason",
    "policy",
    "gateway",
    "rows",
    "previous",
    "nonce",
    "commitment",
    "tag",
    "key_commitment",
    "vocabulary",
];

/// What stands before the rows.
pub(super) fn first_line(form: Form) -> Vec<u8> {
    if form == Form::Csv { csv::head(&COLUMNS) } else { Vec::new() }
}

/// A row as a line.
pub(super) fn line(form: Form, entry: &LogEntry) -> Vec<u8> {
    if form == Form::Csv {
        return csv::row(&COLUMNS, &json!(entry));
    }
    // Writing strings and numbers to memory cannot fail.
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.push(b'\n');
    line
}

impl LogEntry {
    /// The row at `index`.
    pub(super) fn of(inspector: &Inspector, index: u64, row: &[u8]) -> Result<Self, AuditError> {
        let row = Row::parse(row).map_err(|source| AuditError::Row { index, source })?;
        let place = inspector.place(index);
        let word = |word: &str| (word != NOTHING).then(|| word.to_owned());
        Ok(Self {
            origin: place.origin.to_string(),
            index: place.index,
            at: Timestamp::from_millis(row.minute.saturating_mul(1000)).rfc3339(),
            event: row.event.to_owned(),
            outcome: row.outcome.to_owned(),
            purpose: word(row.purpose),
            recipient: word(row.recipient),
            reason: row.reason.to_owned(),
            policy: row.ruleset.to_owned(),
            gateway: row.gateway.to_owned(),
            rows: row.rows,
            previous: row.previous.map(|previous| {
                json!({"origin": previous.origin, "root": BASE64.encode(previous.root), "size": previous.size})
            }),
            nonce: BASE64.encode(row.nonce),
            commitment: BASE64.encode(row.commitment),
            tag: BASE64.encode(row.tag),
            key_commitment: row.key.map(|key| BASE64.encode(key)),
            vocabulary: row.vocabulary.map(|vocabulary| BASE64.encode(vocabulary)),
        })
    }
}
