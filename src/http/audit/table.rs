//! The decision table, as an auditor asks for it.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    super::{
        Edge, Problem,
        caller::By,
        openapi::{NotServed, Refusals},
        reply,
    },
    accept::{Form, choose},
    csv,
    parameters::{Given, PAGE, Parameters, wrong, wrong_cursor},
    words::{Cursor, LogWord, PolicyVersionName},
};
use crate::{
    auth::Scope,
    inspect::{CaseOutcome, CaseRow, InspectError, Read, TableQuery},
    operate::ChangeError,
};

/// Cases of a decision table.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "policy": "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "against": null, "total": 9360,
    "cases": [{
        "kind": "category", "purpose": "recommend_products", "category": "location",
        "facts": {"given": "coarse", "switched_off": false, "tier": "individual"},
        "outcome": {"level": "coarse", "reasons": ["coarse_only"], "policies": ["coarse-with-consent"]}, "against": null
    }], "next": null
})))]
pub(in crate::http) struct DecisionTable {
    /// The version.
    policy: String,
    /// The version that it was held against, if one was.
    #[schema(required)]
    against: Option<String>,
    /// How many cases there are in all.
    total: u64,
    /// The cases.
    cases: Vec<DecisionCase>,
    /// The `cursor` of the next page; null at the end.
    #[schema(required)]
    next: Option<String>,
}

/// A case of the closed input, which is about nobody.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DecisionCase {
    /// `gate`: may the purpose address the recipient with a pseudonym? `category`: may it disclose the category?
    kind: &'static str,
    /// The purpose.
    purpose: String,
    /// The category, where the case is about one.
    #[schema(required)]
    category: Option<String>,
    /// The facts by name.
    #[schema(value_type = Object)]
    facts: Value,
    /// What it comes to; null where the version does not know the purpose or the category.
    #[schema(required)]
    outcome: Option<DecisionOutcome>,
    /// What it comes to in the version `against`; null without one, or where that does not know the purpose or the
    /// category.
    #[schema(required)]
    against: Option<DecisionOutcome>,
}

/// What a case comes to.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DecisionOutcome {
    /// The highest tier, for a gate; how finely a category may leave, else.
    level: &'static str,
    /// Why, the gravest first.
    reasons: Vec<&'static str>,
    /// The ids of the policies that decide.
    policies: Vec<String>,
}

const COLUMNS: [&str; 7] = ["kind", "purpose", "category", "facts", "level", "reasons", "policies"];
const AGAINST: [&str; 3] = ["against_level", "against_reasons", "against_policies"];

/// Read a decision table
///
/// Every case of the closed input under a version of the policies, with what it comes to, why, and the policies that
/// decide; with `against`, the cases in which two versions differ. As JSON in pages of 100 cases unless `limit` says
/// otherwise, or as CSV, all cases unless `limit` is there.
///
/// The read is itself a row of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/decision-table",
    operation_id = "read_decision_table",
    tag = "Audit",
    params(
        ("policy" = Option<PolicyVersionName>, Query, description = "Which version: the one in force if absent"),
        ("against" = Option<PolicyVersionName>, Query, description = "The version to hold it against"),
        ("purpose" = Option<Vec<LogWord>>, Query, description = "Only cases of these purposes"),
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 1000, description = "How many cases a page has"),
        ("cursor" = Option<Cursor>, Query, description = "The `next` of the page before, all else but `limit` as it was"),
    ),
    responses(
        (status = 200, description = "The cases", content((DecisionTable = "application/json"), (String = "text/csv"))),
        NotServed, Refusals
    ),
    security(("bearer" = ["audit:read"]))
)]
pub(in crate::http) async fn read(
    State(edge): State<Edge>,
    By(caller): By,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Problem> {
    caller.require(Scope::AuditRead)?;
    let form = choose(&headers, &[Form::Json, Form::Csv])?;
    let parameters = Parameters::read(given, &["policy", "against", "purpose", "limit", "cursor"])?;
    let inspector = &edge.inspector;
    let policy = version(&edge, "policy", parameters.one("policy")?.unwrap_or("current")).await?;
    let against = match parameters.one("against")? {
        Some(name) => Some(version(&edge, "against", name).await?),
        None => None,
    };
    let purposes = parameters.words("purpose", &inspector.known().await?.purposes)?;
    // By the whole names: `current` may mean another version on the next page.
    let question = json!(["decision-table", policy, against, purposes]).to_string();
    let start = parameters
        .one("cursor")?
        .map(|cursor| inspector.cursors().read(cursor, &question).ok_or_else(wrong_cursor));
    let start = start.transpose()?.unwrap_or(0);
    let limit = parameters.limit()?.or((form == Form::Json).then_some(PAGE));
    let asked = json!({
        "policy": policy, "against": against, "purpose": purposes, "start": start, "limit": limit, "form": form.media(),
    });
    let begun = inspector.begin(Read::DecisionTable, caller.token(), asked).await?;
    let query = TableQuery { policy, against, purposes, start, limit };
    let page = inspector.table(begun, query).await?;
    if form == Form::Csv {
        let body = written(&page.cases, page.against.is_some());
        return Ok(reply::typed(StatusCode::OK, form.media(), Body::from(body)));
    }
    let table = DecisionTable {
        policy: page.version,
        against: page.against,
        total: page.total,
        cases: page.cases.into_iter().map(DecisionCase::from).collect(),
        next: page.next.map(|place| inspector.cursors().write(place, &question)),
    };
    Ok(reply::json(StatusCode::OK, &table))
}

/// The whole name of the version that a parameter means.
async fn version(edge: &Edge, parameter: &'static str, name: &str) -> Result<String, Problem> {
    match edge.inspector.version(name.to_owned()).await {
        Err(InspectError::Policy(ChangeError::UnknownVersion { .. })) => {
            let rule = "must be `current` or begin the hash of one version, with at least 4 digits; GET /v1/audit/policies \
                        lists them";
            Err(wrong(parameter, rule))
        }
        version => Ok(version?),
    }
}

fn written(cases: &[CaseRow], against: bool) -> Vec<u8> {
    let columns: Vec<&str> = COLUMNS.into_iter().chain(AGAINST).collect();
    let columns = if against { columns.as_slice() } else { COLUMNS.as_slice() };
    let mut body = csv::head(columns);
    for case in cases {
        let (of, other) = (case.outcome.as_ref(), case.against.as_ref());
        let flat = json!({
            "kind": case.kind, "purpose": case.purpose, "category": case.category, "facts": case.facts,
            "level": of.map(|of| of.level), "reasons": of.map(|of| &of.reasons), "policies": of.map(|of| &of.policies),
            "against_level": other.map(|of| of.level), "against_reasons": other.map(|of| &of.reasons),
            "against_policies": other.map(|of| &of.policies),
        });
        body.extend(csv::row(columns, &flat));
    }
    body
}

impl From<CaseRow> for DecisionCase {
    fn from(case: CaseRow) -> Self {
        Self {
            kind: case.kind,
            purpose: case.purpose,
            category: case.category,
            facts: case.facts,
            outcome: case.outcome.map(DecisionOutcome::from),
            against: case.against.map(DecisionOutcome::from),
        }
    }
}

impl From<CaseOutcome> for DecisionOutcome {
    fn from(outcome: CaseOutcome) -> Self {
        Self { level: outcome.level, reasons: outcome.reasons, policies: outcome.policies }
    }
}
