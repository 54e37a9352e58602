//! Signed answers (OpenDSR 2.0 sections 7.3 and 8.3).

use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::{
    super::{Edge, Problem, ProblemKind, reply},
    refuse::Refused,
};
use crate::rights::opendsr::{OrderError, Processor};

/// As whom the gateway answers; there is nothing here without `[opendsr]`.
pub(super) fn processor(edge: &Edge) -> Result<&Processor, Problem> {
    edge.rights.processor.as_deref().ok_or_else(|| {
        let detail = "This gateway does not speak OpenDSR: its operator has set no `[opendsr]`.";
        Problem::new(ProblemKind::NotFound, detail)
    })
}

/// `value` as an answer that `processor` has signed, byte for byte.
pub(super) fn signed(
    processor: &Processor,
    status: StatusCode,
    value: &impl Serialize,
) -> Result<Response, Refused> {
    // Writing strings, numbers and lists to memory cannot fail.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let headers = processor.headers(&body).ok_or(OrderError::Unsigned)?;
    let mut response = reply::written(status, body);
    for (name, value) in headers {
        // A domain that no header can hold is refused at the start.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}
