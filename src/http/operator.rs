//! The operator's door: its router, who may come in, and its OpenAPI document.
//!
//! The door listens apart from the public port, which knows none of these paths. Whoever owns the data folder comes in
//! over the Unix socket without a token; anyone else needs a token with the scope `operate`.
//!
//! `/v1/operate/*` is one file a concern in `operate/`, each with a `routes()` that [`operator_router`] merges and
//! paths that [`OperatorDocument`] lists. What monitoring reads of the whole process (`/healthz`, `/readyz`, `/metrics`)
//! belongs on this router too, beside the routes of the document, outside `/v1` and open to whoever reaches the door.

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{FromRequestParts, State},
    routing::get,
};
use http::{HeaderValue, header, request::Parts};
use tower::layer::layer_fn;
use utoipa::OpenApi;

use super::{
    Problem, ProblemKind,
    body::BodyLimit,
    observe,
    openapi::{Bearer, ProblemDocument},
    operate,
    router::Careful,
    status::{self, Described},
};
use crate::{
    auth::{Authority, Scope, bearer},
    observe::Observer,
    operate::{Controls, Operator},
};

/// What the operator's edge stands on.
#[derive(Debug)]
pub struct OperatorGround {
    /// What an operator does.
    pub controls: Controls,
    /// Who vouches for callers.
    pub authority: Arc<Authority>,
    /// What is seen of the gateway.
    pub observer: Observer,
    /// The largest body of most calls.
    pub body_limit: BodyLimit,
    /// How long a body may take to arrive; in a body of lines, each line.
    pub body_within: Duration,
}

/// The operator's edge. A clone is one more reference.
#[derive(Clone)]
pub struct OperatorEdge {
    ground: Arc<OperatorGround>,
    owner: bool,
}

impl OperatorEdge {
    /// An edge on `ground`, for callers with a token.
    #[must_use]
    pub fn new(ground: OperatorGround) -> Self {
        Self { ground: Arc::new(ground), owner: false }
    }

    /// The same edge for calls of whoever owns the data folder: the caller vouches that they do.
    #[must_use]
    pub fn for_owner(&self) -> Self {
        Self { owner: true, ..self.clone() }
    }
}

impl Deref for OperatorEdge {
    type Target = OperatorGround;

    fn deref(&self) -> &OperatorGround {
        &self.ground
    }
}

impl fmt::Debug for OperatorEdge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorEdge(…)")
    }
}

/// The operator who calls: the owner of the data folder, or the bearer of a token with the scope `operate`.
pub(super) struct ByOperator(pub(super) Operator);

impl FromRequestParts<OperatorEdge> for ByOperator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &OperatorEdge) -> Result<Self, Problem> {
        if edge.owner {
            return Ok(Self(Operator::Owner));
        }
        let header = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let caller = edge.authority.verify(bearer(header)?, edge.controls.now())?;
        caller.require(Scope::Operate)?;
        Ok(Self(Operator::Token(caller.token())))
    }
}

/// The operator's door as a service.
pub fn operator_router(edge: OperatorEdge) -> Router {
    let described = Described::new(&operator_openapi());
    Router::new()
        .merge(operate::routes())
        .merge(observe::routes())
        .route("/openapi.json", get(status::describe).layer(Extension(described.clone())))
        .route("/docs", get(status::reference).layer(Extension(described)))
        .route("/problems/{slug}", get(status::problem))
        .fallback(nothing_here)
        .method_not_allowed_fallback(status::no_such_method)
        .layer(layer_fn(Careful))
        .with_state(edge)
}

/// Answers where there is no path. Apps that reach the wrong door are told so.
async fn nothing_here(State(_): State<OperatorEdge>) -> Problem {
    let detail = "This is the operator's door: its paths are listed at /docs. Apps and people call the public port.";
    Problem::new(ProblemKind::NotFound, detail)
}

/// The document of the operator's door.
#[must_use]
pub fn operator_openapi() -> utoipa::openapi::OpenApi {
    OperatorDocument::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Consentry, the operator's door",
        description = "What an operator does to a running gateway. Over the Unix socket, whoever owns the data folder needs no token; over TCP a token with the scope `operate` is needed. These paths are not on the public port.\n\nEvery refusal is a problem document (RFC 9457) that says what to change. Times are RFC 3339."
    ),
    paths(
        operate::audit::open, operate::audit::reconcile,
        operate::backups::back_up, operate::backups::confirm_restored,
        operate::imports::take_consents, operate::imports::take_items, operate::imports::progress,
        operate::keys::rotate,
        operate::status::status,
        status::health, observe::ready, observe::metrics,
        operate::policies::apply, operate::policies::versions, operate::policies::files,
        operate::requests::list, operate::requests::show, operate::requests::answer, operate::requests::extend,
        operate::switches::list, operate::switches::throw,
        operate::tokens::list, operate::tokens::revoke,
        status::describe, status::reference, status::problem
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "Operation", description = "Look at and change the gateway as a whole"),
        (name = "Gateway", description = "The gateway itself"),
    ),
    modifiers(&Bearer)
)]
struct OperatorDocument;
