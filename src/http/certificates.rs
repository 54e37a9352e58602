//! Certificates of erasure, for the person who was erased and for whoever was handed the name of one.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Edge, Problem, ProblemKind,
    caller::{By, Oneself},
    me::export::ExportedRow,
    openapi::{Refusals, Unlisted},
    reply,
};
use crate::{
    audit::{Answered, Certificate},
    auth::Scope,
};

/// A certificate of erasure. `consentry certificate verify` checks it with the log's public key alone.
#[derive(Serialize, ToSchema)]
pub(super) struct ErasureCertificate {
    /// The form.
    #[serde(rename = "type")]
    #[schema(example = "consentry-erasure-certificate/v1")]
    kind: String,
    /// Its name.
    #[schema(format = "uuid")]
    certificate: String,
    /// The last row that was the person's, opened: when they were erased, what went, who has to delete what, what is kept
    /// and on which law, and when it is final.
    #[schema(inline = false)]
    row: ExportedRow,
    /// What each recipient answered, for each pseudonym that it may have seen.
    recipients: Vec<CertifiedAnswer>,
}

/// What a recipient answered about one pseudonym.
#[derive(Serialize, ToSchema)]
struct CertifiedAnswer {
    /// Who.
    recipient: String,
    /// In which pseudonymisation domain.
    domain: String,
    /// Which of the person's pseudonyms there, from 0.
    generation: u32,
    /// `pending`, `confirmed`, `unsupported` or `unanswered`.
    #[schema(example = "confirmed")]
    state: String,
    /// The row that says so, opened; null while it is pending.
    #[schema(required)]
    row: Option<ExportedRow>,
}

/// Have the certificate of your erasure
///
/// As it stands now: with what recipients have answered by now. A certificate of somebody else's is not there.
#[utoipa::path(
    get,
    path = "/v1/me/certificates/{id}",
    operation_id = "read_own_certificate",
    tag = "Oneself",
    params(("id" = String, Path, description = "The certificate's name, as the erasure answered it", format = "uuid")),
    responses((status = 200, description = "The certificate", body = ErasureCertificate), Unlisted, Refusals),
    security(("bearer" = ["self"]))
)]
pub(super) async fn mine(
    State(edge): State<Edge>,
    Oneself { handle, .. }: Oneself,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = named(id)?;
    answer(edge.rights.own_certificate(handle, id).await?)
}

/// Have a certificate of erasure
///
/// For an app that was handed the name. A name cannot be guessed, and a certificate says of whom it is to nobody.
#[utoipa::path(
    get,
    path = "/v1/rights/certificates/{id}",
    operation_id = "read_certificate",
    tag = "Rights",
    params(("id" = String, Path, description = "The certificate's name, as the erasure answered it", format = "uuid")),
    responses((status = 200, description = "The certificate", body = ErasureCertificate), Unlisted, Refusals),
    security(("bearer" = ["rights"]))
)]
pub(super) async fn one(
    State(edge): State<Edge>,
    By(caller): By,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    caller.require(Scope::Rights)?;
    let id = named(id)?;
    answer(edge.rights.certificate(id).await?)
}

fn named(id: Result<Path<String>, PathRejection>) -> Result<Uuid, Problem> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(none)
}

fn answer(certificate: Option<Certificate>) -> Result<Response, Problem> {
    let certificate = certificate.ok_or_else(none)?;
    Ok(reply::json(StatusCode::OK, &ErasureCertificate::from(certificate)))
}

fn none() -> Problem {
    let detail = "There is no certificate of this name that the call may have.";
    Problem::new(ProblemKind::NotFound, detail)
}

impl From<Certificate> for ErasureCertificate {
    fn from(certificate: Certificate) -> Self {
        let answer = |answered: Answered| CertifiedAnswer {
            recipient: answered.recipient,
            domain: answered.domain,
            generation: answered.generation,
            state: answered.state,
            row: answered.row.map(ExportedRow::from),
        };
        Self {
            kind: certificate.kind,
            certificate: certificate.certificate,
            row: certificate.row.into(),
            recipients: certificate.recipients.into_iter().map(answer).collect(),
        }
    }
}
