//! Faults in OpenDSR's form (section 7.6): `{"error": {"code", "message", "errors": [{"domain", "reason", "message"}]}}`.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::super::{Problem, ProblemKind, body::JSON, refuse::internal};
use crate::rights::opendsr::OrderError;

/// A refusal. What a token or a rate is refused for stays a problem document (RFC 9457), as everywhere else.
pub(in crate::http) struct Refused(Problem);

impl<T: Into<Problem>> From<T> for Refused {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = self.0;
        let status = match problem.kind().status() {
            // The protocol has one status for what is wrong with a body.
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                return problem.into_response();
            }
            other => other,
        };
        let body = fault(&problem, status).to_string();
        let mut response = problem.into_response();
        *response.status_mut() = status;
        *response.body_mut() = Body::from(body);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        response
    }
}

fn fault(problem: &Problem, status: StatusCode) -> Value {
    let reason = problem.kind().page().slug;
    let document: Value = serde_json::from_slice(&problem.document()).unwrap_or_default();
    let detail =
        |of: &Value| of.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned();
    let domain = if problem.kind() == ProblemKind::InvalidBody { "Validation" } else { "Request" };
    let one = |message: String| json!({"domain": domain, "reason": reason, "message": message});
    let places = document.get("errors").and_then(Value::as_array);
    let at = |place: &Value| {
        let pointer = place.get("pointer").and_then(Value::as_str).unwrap_or_default();
        one(format!("{pointer} {}", detail(place)).trim().to_owned())
    };
    let errors = match places {
        Some(places) => places.iter().map(at).collect(),
        None => vec![one(detail(&document))],
    };
    json!({"error": {"code": status.as_u16(), "message": detail(&document), "errors": errors}})
}

/// There is no such order.
pub(super) fn none() -> Problem {
    Problem::new(ProblemKind::NotFound, "There is no such request of yours.")
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let conflict = |detail| Self::new(ProblemKind::RequestConflict, detail);
        match error {
            OrderError::Unknown => none(),
            OrderError::Other => conflict(
                "Another request was sent under this `subject_request_id`: draw a new one."
                    .to_owned(),
            ),
            OrderError::Status(status) => {
                let status = status.as_str();
                let detail = format!("The request is {status}: only a pending one is cancelled.");
                conflict(detail).with("state", status)
            }
            OrderError::Unsigned => internal(&error),
        }
    }
}
