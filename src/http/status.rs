//! What anybody may ask: whether the gateway runs, and how to speak to it.

use axum::{
    extract::{Extension, Path, rejection::PathRejection},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Problem, ProblemKind,
    body::JSON,
    docs::{self, Page},
    openapi::{Limits, Unlisted},
    reply,
};

/// Whether the gateway runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`: a gateway that does not run answers nothing.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Ask whether the gateway runs
///
/// Says that the process answers. Whether it can record is told by the calls that need it, with 503.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "read_health",
    tag = "Gateway",
    responses((status = 200, description = "It runs", body = Health), Limits),
    security(())
)]
pub(super) async fn health() -> Response {
    reply::json(StatusCode::OK, &Health { status: "ok" })
}

/// The OpenAPI document and the page made from it, both made once.
#[derive(Clone)]
pub(super) struct Described {
    document: Bytes,
    page: Page,
}

impl Described {
    /// What is told of `document`.
    pub(super) fn new(document: &utoipa::openapi::OpenApi) -> Self {
        // A document of strings, numbers and lists is JSON.
        let document = serde_json::to_value(document).unwrap_or_default();
        Self { page: docs::reference(&document), document: document.to_string().into() }
    }
}

/// Read this document
///
/// The calls of the gateway as an OpenAPI 3.1 document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "read_openapi",
    tag = "Gateway",
    responses((status = 200, description = "The document", content_type = "application/json"), Limits),
    security(())
)]
pub(super) async fn describe(Extension(described): Extension<Described>) -> Response {
    let mut response = reply::typed(StatusCode::OK, JSON, described.document.into());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Read the reference
///
/// The same as the OpenAPI document, as a page for people.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "read_reference",
    tag = "Gateway",
    responses((status = 200, description = "The page", content_type = "text/html"), Limits),
    security(())
)]
pub(super) async fn reference(Extension(described): Extension<Described>) -> Response {
    described.page.response()
}

/// Read about a kind of problem
///
/// The page at the `type` of a problem document: when it happens and what to do about it.
#[utoipa::path(
    get,
    path = "/problems/{slug}",
    operation_id = "read_problem",
    tag = "Gateway",
    params(("slug" = String, Path, description = "The last part of the problem's `type`")),
    responses((status = 200, description = "The page", content_type = "text/html"), Unlisted, Limits),
    security(())
)]
pub(super) async fn problem(
    slug: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let page = slug.ok().and_then(|Path(slug)| docs::problem(&slug));
    page.map(|page| page.response()).ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, "The kinds of problems are listed at /docs.")
    })
}

/// Answers where there is no path. The path itself is not repeated.
pub(super) async fn nothing_here() -> Problem {
    Problem::new(ProblemKind::NotFound, "The paths are listed at /docs and in /openapi.json.")
}

/// Answers where the path has no such method.
pub(super) async fn no_such_method() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "The header `Allow` lists this path's methods.")
}
