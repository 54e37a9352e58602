//! What the operator's machines ask: whether the gateway can do its work, and its numbers.
//!
//! These stand on the operator's door. They read the disk or add up counts, so neither is for a public port.

use axum::{extract::State, response::Response};
use http::StatusCode;

use super::{Edge, reply};
use crate::telemetry;

/// Answers 200 if the gateway can do its work at this moment, else 503; either way with what was looked at.
pub(super) async fn ready(State(edge): State<Edge>) -> Response {
    let readiness = edge.watch.observer().readiness();
    let status = if readiness.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    reply::json(status, &readiness)
}

/// Answers with every number, in the `OpenMetrics` text format.
pub(super) async fn metrics(State(edge): State<Edge>) -> Response {
    let observer = edge.watch.observer().clone();
    // Sizes of files are read from the disk, which may be slow.
    let page = tokio::task::spawn_blocking(move || observer.metrics()).await;
    reply::typed(StatusCode::OK, telemetry::MEDIA_TYPE, page.unwrap_or_default().into())
}
