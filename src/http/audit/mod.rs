//! The reads of an auditor: one file a read.
//!
//! Promises: whoever calls holds the scope `audit:read`, or is told so before a parameter is looked at; a parameter that is
//! not as it must be is refused with what would be right, and such a call is not on record as a read; every answer is
//! written from what [`Inspector`](crate::inspect::Inspector) tells, which knows no person.

pub(super) mod entries;
pub(super) mod policies;
pub(super) mod processing;
pub(super) mod requests;
pub(super) mod table;

mod accept;
mod csv;
mod entry;
pub(super) mod parameters;
mod records;
pub(super) mod words;

use axum::{Router, routing::get};

use super::{Edge, Problem, refuse};
use crate::{audit::AuditError, inspect::InspectError};

/// All of them.
pub(super) fn routes() -> Router<Edge> {
    Router::new()
        .route("/v1/audit/entries", get(entries::read))
        .route("/v1/audit/policies", get(policies::read))
        .route("/v1/audit/decision-table", get(table::read))
        .route("/v1/audit/requests", get(requests::read))
        .route("/v1/audit/records-of-processing", get(processing::read))
}

impl From<InspectError> for Problem {
    fn from(error: InspectError) -> Self {
        match error {
            InspectError::Policy(error) => error.into(),
            InspectError::Consent(error) => error.into(),
            InspectError::Rights(error) => error.into(),
            InspectError::Audit(AuditError::Commit(_)) | InspectError::Stopping => {
                refuse::unavailable(&error)
            }
            InspectError::Audit(_) | InspectError::Bundle(_) => refuse::internal(&error),
        }
    }
}
