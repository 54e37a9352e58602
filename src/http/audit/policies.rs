//! The versions of the policies, as an auditor asks for them.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    super::{
        Edge, Problem,
        caller::By,
        openapi::{NotServed, Refusals},
        reply,
    },
    accept::{Form, choose},
    parameters::{Given, Parameters, told},
};
use crate::{
    auth::Scope,
    domain::Timestamp,
    inspect::{Inspector, PolicyChange, PolicyHistory, Read, VersionDecisions},
};

/// The versions of the policies, who put them in force, and what was decided under each.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "in_force": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "changes": [{
        "number": 1, "version": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "policy": "9f86d081884c7d65", "at": "2026-11-22T03:00:00.000Z", "how": "start", "by": "configuration",
        "log": {"origin": "gw-1.example/2026h2", "index": 0}
    }],
    "versions": [{
        "version": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "policy": "9f86d081884c7d65", "decisions": {"individual": 812, "none": 190}, "voided": 3
    }]
})))]
pub(in crate::http) struct AuditedPolicies {
    /// The version in force.
    in_force: String,
    /// Each time that a version came into force, oldest first.
    changes: Vec<AuditedChange>,
    /// Each version with what was decided under it.
    versions: Vec<AuditedVersion>,
}

/// One time that a version came into force.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditedChange {
    /// Its number, from 1.
    number: u32,
    /// The version.
    version: String,
    /// How rows of the log name it.
    policy: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// How: `start` for the first, which came from the configured folder, else `apply`.
    how: String,
    /// Who: `configuration`, `owner` of the data folder, or `token:` and the hash of a token's `jti`; null in records of
    /// earlier versions of the program.
    #[schema(required)]
    by: Option<String>,
    /// The row that tells of it.
    #[schema(required)]
    log: Option<LogPlace>,
}

/// Where a row of the log stands.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LogPlace {
    /// The log's name.
    origin: String,
    /// The row's place in it.
    index: u64,
}

/// What was decided under a version.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuditedVersion {
    /// The version; null where rows of the log name one that is not on record.
    #[schema(required)]
    version: Option<String>,
    /// How rows of the log name it.
    policy: String,
    /// How many decisions came to which tier. `GET /v1/audit/entries?event=decision&policy=…` lists them.
    decisions: BTreeMap<String, u64>,
    /// How many decided calls were not sent, or their answers thrown away.
    voided: u64,
}

/// Read the versions of the policies
///
/// Who put which in force and when, with the row of the log that tells of it, and how many decisions came to what under
/// each within `from` and `until`.
///
/// The read is itself a row of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/policies",
    operation_id = "read_policy_history",
    tag = "Audit",
    params(
        ("from" = Option<String>, Query, description = "Count decisions from the minute of this moment on (RFC 3339)", format = DateTime),
        ("until" = Option<String>, Query, description = "Count decisions before this moment (RFC 3339)", format = DateTime),
    ),
    responses((status = 200, description = "The versions", body = AuditedPolicies), NotServed, Refusals),
    security(("bearer" = ["audit:read"]))
)]
pub(in crate::http) async fn read(
    State(edge): State<Edge>,
    By(caller): By,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    caller.require(Scope::AuditRead)?;
    choose(&headers, &[Form::Json])?;
    let span = Parameters::read(given, &["from", "until"])?.span()?;
    let [from, until] = told(span);
    let asked = json!({"from": from, "until": until});
    let begun = edge.inspector.begin(Read::Policies, caller.token(), asked).await?;
    let history = edge.inspector.policies(begun, span).await?;
    Ok(reply::json(StatusCode::OK, &AuditedPolicies::of(&edge.inspector, history)))
}

impl AuditedPolicies {
    fn of(inspector: &Inspector, history: PolicyHistory) -> Self {
        let change = |change: PolicyChange| AuditedChange {
            number: change.applied.number,
            version: change.applied.version,
            policy: change.ruleset,
            at: Timestamp::from_millis(change.applied.at_ms).rfc3339(),
            how: change.applied.how,
            by: change.applied.by,
            log: change.index.map(|index| {
                let place = inspector.place(index);
                LogPlace { origin: place.origin.to_string(), index: place.index }
            }),
        };
        let version = |version: VersionDecisions| AuditedVersion {
            version: version.version,
            policy: version.ruleset,
            decisions: version.decisions,
            voided: version.voided,
        };
        Self {
            in_force: history.in_force,
            changes: history.changes.into_iter().map(change).collect(),
            versions: history.versions.into_iter().map(version).collect(),
        }
    }
}
