//! Writes answers. What may be about a person is never kept by anything on the way.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::body::JSON;

/// An answer that is JSON already.
pub(super) fn written(status: StatusCode, json: Vec<u8>) -> Response {
    typed(status, JSON, Body::from(json))
}

/// `value` as an answer.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Writing strings, numbers and lists to memory cannot fail.
    written(status, serde_json::to_vec(value).unwrap_or_default())
}

/// An answer of any type.
pub(super) fn typed(status: StatusCode, media: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
