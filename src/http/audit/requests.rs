//! The register of requests, as an auditor asks for it.

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
        requests::wire::RequestStatus,
    },
    accept::{Form, choose},
    parameters::{Given, Parameters, told, wrong},
};
use crate::{
    auth::Scope,
    domain::Timestamp,
    inspect::{Read, RequestsOwed},
};

/// The kinds of the register.
const DELETION: &str = "deletion";
const PERSON: &str = "person";

/// What recipients were asked for and owe.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({"requests": [{
    "kind": "deletion", "recipient": "model", "configured": true, "owed": 2, "overdue": 1,
    "oldest_at": "2026-11-20T03:00:00.000Z", "overdue_at": "2026-11-21T03:00:00.000Z",
    "given_up_at": "2026-12-20T03:00:00.000Z", "next_try_at": "2026-11-22T03:00:08.000Z",
    "asked": 31, "confirmed": 12, "unsupported": 0, "unanswered": 0
}], "as_of": "2026-11-22T03:00:00.000Z"})))]
pub(in crate::http) struct RequestRegister {
    /// The requests to recipients, by kind and recipient; none where `kind` asks for others.
    requests: Vec<RegisteredRequests>,
    /// What people asked for by right: all that is open, and what came within `from` and `until`, by when it came.
    people: Vec<RegisteredRight>,
    /// The moment at which what is owed was looked at.
    #[schema(format = DateTime)]
    as_of: String,
}

/// What a person asked for by right. Nothing in it is about anybody.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RegisteredRight {
    /// `person`.
    kind: &'static str,
    #[serde(flatten)]
    #[schema(inline)]
    status: RequestStatus,
}

/// The requests of one kind that one recipient was asked for.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RegisteredRequests {
    /// What is asked for: `deletion` of what was sent under a pseudonym that is no longer in use. Further kinds may come.
    kind: &'static str,
    /// The recipient.
    recipient: String,
    /// Whether the configuration still names it.
    configured: bool,
    /// How many it owes now.
    owed: u64,
    /// How many of them have been owed for more than a day.
    overdue: u64,
    /// When the oldest that it owes was queued.
    #[schema(required, format = DateTime)]
    oldest_at: Option<String>,
    /// From when on that one counts as overdue.
    #[schema(required, format = DateTime)]
    overdue_at: Option<String>,
    /// When that one is given up, as unanswered.
    #[schema(required, format = DateTime)]
    given_up_at: Option<String>,
    /// When it is asked again; null where it owes nothing, was not asked since the start, or is switched off.
    #[schema(required, format = DateTime)]
    next_try_at: Option<String>,
    /// How many times it was asked, within `from` and `until`.
    asked: u64,
    /// How many it confirmed.
    confirmed: u64,
    /// How many were given up because it has no way to do it.
    unsupported: u64,
    /// How many were given up after 30 days without an answer.
    unanswered: u64,
}

/// Read the register of requests
///
/// What people asked for by right, how it stands and by when it is owed; and what recipients were asked for on their behalf:
/// deletions after a withdrawal. It names recipients and nobody else.
///
/// The read is itself a row of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/requests",
    operation_id = "read_request_register",
    tag = "Audit",
    params(
        ("kind" = Option<String>, Query, description = "`deletion` for what recipients owe, `person` for what people asked for; both without it"),
        ("from" = Option<String>, Query, description = "Count what was asked from the minute of this moment on (RFC 3339)", format = DateTime),
        ("until" = Option<String>, Query, description = "Count what was asked before this moment (RFC 3339)", format = DateTime),
    ),
    responses((status = 200, description = "The register", body = RequestRegister), NotServed, Refusals),
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
    let parameters = Parameters::read(given, &["kind", "from", "until"])?;
    let (span, kind) = (parameters.span()?, kind(&parameters)?);
    let [from, until] = told(span);
    let asked = json!({"kind": kind, "from": from, "until": until});
    let begun = edge.inspector.begin(Read::Requests, caller.token(), asked).await?;
    let now = edge.inspector.now();
    let mut register =
        RequestRegister { requests: Vec::new(), people: Vec::new(), as_of: now.rfc3339() };
    if kind != Some(PERSON) {
        let owed = edge.inspector.requests(begun, span).await?;
        register.requests = owed.into_iter().map(RegisteredRequests::from).collect();
    }
    if kind != Some(DELETION) {
        let asked = edge.inspector.people_requests(begun, span).await?;
        let registered =
            |docket| RegisteredRight { kind: PERSON, status: RequestStatus::of(docket, now) };
        register.people = asked.iter().map(registered).collect();
    }
    Ok(reply::json(StatusCode::OK, &register))
}

/// The kind that is asked for, if one is.
fn kind(parameters: &Parameters) -> Result<Option<&'static str>, Problem> {
    match parameters.one("kind")? {
        None => Ok(None),
        Some(word) if word == DELETION => Ok(Some(DELETION)),
        Some(word) if word == PERSON => Ok(Some(PERSON)),
        Some(_) => {
            Err(wrong("kind", "is `deletion` or `person`").with("known", [DELETION, PERSON]))
        }
    }
}

impl From<RequestsOwed> for RegisteredRequests {
    fn from(owed: RequestsOwed) -> Self {
        let moment = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        Self {
            kind: DELETION,
            recipient: owed.recipient,
            configured: owed.configured,
            owed: owed.owed,
            overdue: owed.overdue,
            oldest_at: moment(owed.oldest_at),
            overdue_at: moment(owed.overdue_at),
            given_up_at: moment(owed.given_up_at),
            next_try_at: moment(owed.next_try_at),
            asked: owed.asked,
            confirmed: owed.confirmed,
            unsupported: owed.unsupported,
            unanswered: owed.unanswered,
        }
    }
}
