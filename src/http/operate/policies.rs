//! Changes of policy, for an operator at the door.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{
    Fault, Problem, ProblemKind,
    body::{BodyLimit, JSON, parse},
    caller::Unread,
    openapi::{BodyRefusals, Refusals, Unrecorded},
    operator::{ByOperator, OperatorEdge},
    refuse, reply,
};
use crate::{
    domain::Timestamp,
    operate::{ChangeError, Proposal, Proposed, Report},
};

/// The largest bundle, in bytes: forty times the one that comes with the program.
const LARGEST: BodyLimit = BodyLimit(4 << 20);

pub(super) fn routes() -> Router<OperatorEdge> {
    Router::new()
        .route("/v1/operate/policies", get(versions).post(apply))
        .route("/v1/operate/policies/{version}", get(files))
}

/// A bundle of policies that is to be put in force: its files, or the name of a version that was in force before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"version": "sha256:9f86d081", "dry_run": true})))]
pub(in crate::http) struct ProposedPolicies {
    /// The files by name: `purposes.toml`, `schema.cedarschema`, `NAME.cedar`, `NAME.cases.toml`, `migration.toml`.
    #[serde(default)]
    files: Option<BTreeMap<String, String>>,
    /// A version that was in force, or the beginning of its hash.
    #[serde(default)]
    version: Option<String>,
    /// Say what it would come to, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What a change of policy came to, or would.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PolicyReport<'a> {
    /// The version that was proposed: `sha256:` and hex over all files.
    version: &'a str,
    /// The version that was in force.
    before: &'a str,
    /// Whether the proposed version is in force now.
    in_force: bool,
    /// In how many cases of the decision table the two differ, by purpose and in words.
    #[schema(value_type = Object)]
    difference: &'a crate::operate::Comparison,
    /// What running the cases came to.
    #[schema(value_type = Object)]
    check: &'a crate::policy::CheckReport,
    /// How many people must be asked again, and how many consents are withdrawn or carried over, by purpose.
    #[schema(value_type = Object)]
    people: &'a crate::consent::Survey,
    /// How far consents were changed; null where none had to be.
    #[schema(required, value_type = Object)]
    migration: Option<crate::operate::Migrated>,
    /// What to look at, such as purposes that the configuration names and the policies no longer have.
    warnings: &'a [String],
    /// The row of the log that tells of the change; null where nothing changed.
    #[schema(required)]
    log_index: Option<u64>,
}

/// The versions that were in force.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PolicyVersions {
    /// The version in force.
    in_force: String,
    /// Whether people's consents are yet to be changed to it.
    unfinished: bool,
    /// Each time that one came into force, oldest first.
    versions: Vec<PolicyVersion>,
}

/// One time that a version came into force.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PolicyVersion {
    /// Its number, from 1.
    number: u32,
    /// The version.
    version: String,
    /// When, as RFC 3339.
    #[schema(format = DateTime)]
    at: String,
    /// How: `start` for the first, which came from the configured folder, else `apply`.
    how: String,
}

/// The files of one version.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct PolicyFiles {
    /// The files by name.
    files: BTreeMap<String, String>,
}

/// Put policies in force
///
/// Checks the bundle, runs its cases, holds it against the promises, counts what becomes of people's consents and
/// switches. When it answers, nothing leaves under the policies before. A bundle that lacks a purpose or category
/// which people's consents name is refused unless its migration says what becomes of them.
#[utoipa::path(
    post,
    path = "/v1/operate/policies",
    operation_id = "apply_policies",
    tag = "Operation",
    request_body = ProposedPolicies,
    responses(
        (status = 200, description = "In force, or what it would come to", body = PolicyReport<'static>),
        Refusals, BodyRefusals, Unrecorded
    ),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn apply(
    State(edge): State<OperatorEdge>,
    by: ByOperator,
    body: Unread,
) -> Result<Response, Problem> {
    let body = body.whole(JSON, LARGEST).await?;
    let ProposedPolicies { files, version, dry_run } = parse(&body)?;
    let what = match (files, version) {
        (Some(files), None) => Proposed::Files(files),
        (None, Some(version)) => Proposed::Version(version),
        _ => return Err(Problem::invalid(&[Fault::at("", "must have `files` or `version`")])),
    };
    let proposal = Proposal { what, dry_run, by: by.0.named() };
    let report = edge.controls.policy_changes().apply(proposal).await?;
    Ok(reply::json(StatusCode::OK, &told(&report)))
}

fn told(report: &Report) -> PolicyReport<'_> {
    PolicyReport {
        version: &report.version,
        before: &report.before,
        in_force: report.in_force,
        difference: &report.difference,
        check: &report.check,
        people: &report.people,
        migration: report.migration,
        warnings: &report.warnings,
        log_index: report.log_index,
    }
}

/// List the versions of the policies
///
/// Which is in force, and each time that one came into force.
#[utoipa::path(
    get,
    path = "/v1/operate/policies",
    operation_id = "list_policies",
    tag = "Operation",
    responses((status = 200, description = "The versions", body = PolicyVersions), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn versions(
    State(edge): State<OperatorEdge>,
    _by: ByOperator,
) -> Result<Response, Problem> {
    let changes = edge.controls.policy_changes();
    let version = |applied: crate::operate::Applied| PolicyVersion {
        number: applied.number,
        version: applied.version,
        at: Timestamp::from_millis(applied.at_ms).rfc3339(),
        how: applied.how,
    };
    let versions = PolicyVersions {
        in_force: changes.in_force(),
        unfinished: changes.is_unfinished()?,
        versions: changes.history()?.into_iter().map(version).collect(),
    };
    Ok(reply::json(StatusCode::OK, &versions))
}

/// Read a version of the policies
///
/// The files of a version that was in force; `current` is the one that is.
#[utoipa::path(
    get,
    path = "/v1/operate/policies/{version}",
    operation_id = "read_policies",
    tag = "Operation",
    params(("version" = String, Path, description = "`current`, or the beginning of a version's hash")),
    responses((status = 200, description = "The files", body = PolicyFiles), Refusals),
    security((), ("bearer" = ["operate"]))
)]
pub(in crate::http) async fn files(
    State(edge): State<OperatorEdge>,
    _by: ByOperator,
    Path(version): Path<String>,
) -> Result<Response, Problem> {
    let files = edge.controls.policy_changes().files(&version)?;
    Ok(reply::json(StatusCode::OK, &PolicyFiles { files }))
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match &error {
            ChangeError::Flawed(flawed) => Self::new(ProblemKind::PolicyRefused, error.to_string())
                .with("flaws", flawed.flaws()),
            ChangeError::Fails(report) => {
                Self::new(ProblemKind::PolicyRefused, format!("{error}."))
                    .with("failed", &report.failed)
                    .with("breaches", &report.breaches)
            }
            ChangeError::Lost(survey) => Self::new(ProblemKind::PolicyRefused, format!("{error}."))
                .with("people", survey.as_ref()),
            ChangeError::UnknownVersion { .. } => {
                let detail = "GET /v1/operate/policies lists the versions; name one by its hash's first digits, at least \
                              4 and enough to tell it from others.";
                Self::new(ProblemKind::NotFound, detail)
            }
            ChangeError::Commit(_) | ChangeError::Consent(_) | ChangeError::Stopping => {
                refuse::unavailable(&error)
            }
            ChangeError::Damaged { .. }
            | ChangeError::Record(_)
            | ChangeError::Store(_)
            | ChangeError::Audit(_) => refuse::internal(&error),
        }
    }
}
