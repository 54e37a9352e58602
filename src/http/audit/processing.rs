//! Records of processing, as an auditor asks for them.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{
    super::{
        Edge, Problem,
        caller::By,
        openapi::{NotServed, Refusals},
        reply,
    },
    accept::{Form, choose},
    parameters::{Given, Parameters, told},
    records::RecordsOfProcessing,
};
use crate::{auth::Scope, inspect::Read};

/// Read the records of processing
///
/// What the catalogue and the configuration say of purposes, data, people, recipients, countries and retention (GDPR
/// Article 30 asks for these), and what truly flowed between `from` and `until`, by the log. As JSON, or as CSV with a line
/// for each purpose, recipient and tier. It describes; whether that is as it should be, the reader judges.
///
/// The read is itself a row of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/records-of-processing",
    operation_id = "read_records_of_processing",
    tag = "Audit",
    params(
        ("from" = Option<String>, Query, description = "Count flows from the minute of this moment on (RFC 3339)", format = DateTime),
        ("until" = Option<String>, Query, description = "Count flows before this moment (RFC 3339)", format = DateTime),
    ),
    responses(
        (status = 200, description = "The records", content((RecordsOfProcessing = "application/json"), (String = "text/csv"))),
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
    let span = Parameters::read(given, &["from", "until"])?.span()?;
    let [from, until] = told(span);
    let asked = json!({"from": from, "until": until, "form": form.media()});
    let inspector = &edge.inspector;
    let begun = inspector.begin(Read::Processing, caller.token(), asked).await?;
    let flows = inspector.flows(begun, span).await?;
    let bundle = inspector.bundle_in_force();
    let records = RecordsOfProcessing::of(inspector, &bundle, flows, span);
    if form == Form::Csv {
        return Ok(reply::typed(StatusCode::OK, form.media(), Body::from(records.lines())));
    }
    Ok(reply::json(StatusCode::OK, &records))
}
