//! Which path leads to which handler.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::Request,
    handler::Handler as _,
    response::{IntoResponse as _, Response},
    routing::{future::RouteFuture, get, post, put},
};
use bytes::Bytes;
use http::Method;
use tower::{Service, layer::layer_fn};

use super::{
    Edge, Problem, ProblemKind, audit, certificates, consents, events, guardians, items, linking,
    log, me, openapi, opendsr, purposes, recommend, requests,
    seen::{Answering, Seen},
    status::{self, Described},
    well_known,
};

/// The path that nearly every call is for.
const OFTEN: &str = "/v1/recommendations";

/// The JSON edge as a service. Each worker has its own, on an [`Edge`] of its own.
///
/// It is the router, and a way past it for the calls that nearly all are: their handler is known by comparing one text,
/// and nothing is looked up, cloned and boxed to find it.
#[derive(Clone, Debug)]
pub struct Routes {
    edge: Edge,
    router: Router,
}

impl Routes {
    /// The routes on `edge`.
    #[must_use]
    pub fn new(edge: Edge) -> Self {
        Self { router: router(edge.clone()), edge }
    }
}

impl<B> Service<http::Request<B>> for Routes
where
    B: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Routed;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Routed {
        if request.method() == Method::POST && request.uri().path() == OFTEN {
            let handler = Careful(recommend::recommend.with_state(self.edge.clone()));
            let mut seen = Seen::at(OFTEN, handler, self.edge.clone());
            return Routed(By::Often(seen.call(request.map(Body::new))));
        }
        Routed(By::Router(Box::new(self.router.call(request))))
    }
}

/// A call that is being answered.
pub struct Routed(By);

/// Who answers it.
enum By {
    /// The one handler that it is for.
    Often(Answering<Caught>),
    /// Whatever the router found. It is large, and a call like this is rare.
    Router(Box<RouteFuture<Infallible>>),
}

impl Future for Routed {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            By::Often(answering) => Pin::new(answering).poll(cx),
            By::Router(answering) => Pin::new(answering.as_mut()).poll(cx),
        }
    }
}

impl fmt::Debug for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routed(…)")
    }
}

fn router(edge: Edge) -> Router {
    let described = Described::new(&openapi());
    let told = edge.clone();
    let seen = move |inner| Seen::new(Careful(inner), told.clone());
    Router::new()
        .route(OFTEN, post(recommend::recommend))
        .route("/v1/recommendations/preview", post(recommend::preview))
        .route("/v1/recommendations/batch", post(recommend::batch))
        .route("/v1/events", post(events::track))
        .route("/v1/items", put(items::put_all))
        .route("/v1/items/{id}", put(items::put_one))
        .route("/v1/purposes", get(purposes::list))
        .route("/v1/consents", post(consents::act))
        .route("/v1/consents/query", post(consents::query))
        .route("/v1/me/consents", get(consents::mine))
        .route("/v1/links", post(linking::link))
        .route("/v1/links/remove", post(linking::unlink))
        .route("/v1/guardians", post(guardians::guard))
        .route("/v1/guardians/remove", post(guardians::unguard))
        .route("/v1/me", get(me::view::mine))
        .route("/v1/me/links", get(linking::mine))
        .route("/v1/me/decisions", get(me::decisions::mine))
        .route("/v1/me/decisions/explain", post(me::explain::explain))
        .route("/v1/me/certificates/{id}", get(certificates::mine))
        .route("/v1/me/erasure", post(me::erasure::erase))
        .route("/v1/me/export", get(me::export::mine).post(me::export::encrypted))
        .route("/v1/me/export/schema", get(me::export::schema))
        .route("/v1/me/rules", get(me::rules::read).patch(me::rules::change))
        .route("/v1/me/reset", post(me::reset::reset))
        .route("/v1/me/reset/undo", post(me::reset::undo))
        .route("/v1/me/forget", post(me::forget::forget))
        .route("/v1/me/requests", get(me::requests::list).post(me::requests::ask))
        .route("/v1/me/requests/{id}", get(me::requests::read))
        .route("/v1/me/requests/{id}/cancel", post(me::requests::cancel))
        .route("/v1/rights/requests", post(requests::ask))
        .route("/v1/rights/requests/{id}", get(requests::read))
        .route("/v1/rights/requests/{id}/identity", post(requests::identify))
        .route("/v1/rights/requests/{id}/cancel", post(requests::cancel))
        .route("/v1/rights/certificates/{id}", get(certificates::one))
        .route("/opendsr/v2/discovery", get(opendsr::discovery))
        .route("/opendsr/v2/certificate.pem", get(opendsr::certificate))
        .route("/opendsr/v2/requests", post(opendsr::create))
        .route("/opendsr/v2/requests/{id}", get(opendsr::read).delete(opendsr::cancel))
        // The names from before (OpenDSR 2.0 section 10.1).
        .route("/opendsr/v2/opengdpr_requests", post(opendsr::create))
        .route("/opendsr/v2/opengdpr_requests/{id}", get(opendsr::read).delete(opendsr::cancel))
        .route("/log/checkpoint", get(log::checkpoint))
        .route("/log/checkpoint.cosigned", get(log::cosigned))
        .route("/log/retention", get(log::retention))
        .route("/log/tile/{*path}", get(log::tile))
        .route("/log/vocabulary/{file}", get(log::vocabulary))
        .route("/log/shards", get(log::shards))
        .route("/log/shards/{name}/{*path}", get(log::of_shard))
        .merge(audit::routes())
        .route("/v1/me/receipts", get(me::receipts::mine))
        .route("/.well-known/jwks.json", get(well_known::jwks))
        .route("/.well-known/gpc.json", get(well_known::gpc))
        .route("/healthz", get(status::health))
        .route("/openapi.json", get(status::describe).layer(Extension(described.clone())))
        .route("/docs", get(status::reference).layer(Extension(described)))
        .route("/problems/{slug}", get(status::problem))
        .fallback(status::nothing_here)
        .method_not_allowed_fallback(status::no_such_method)
        .layer(layer_fn(seen))
        .with_state(edge)
}

/// Answers 500 where a handler panics, so that the connection and its other calls go on.
#[derive(Clone)]
pub(super) struct Careful<S>(pub(super) S);

impl<S> Service<Request> for Careful<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Caught;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Caught(Box::pin(self.0.call(request)))
    }
}

/// What a handler answers, or 500.
pub(super) struct Caught(Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>);

impl Future for Caught {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that panicked is not polled again, so nothing sees what the panic left half done. What calls share
        // is behind locks that recover from it.
        let caught = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        caught.unwrap_or_else(|_| {
            tracing::error!(problem = "internal", "a handler panicked");
            let detail = "Something failed inside the gateway.";
            Poll::Ready(Ok(Problem::new(ProblemKind::Internal, detail).into_response()))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem() {
        async fn broken() -> Response {
            panic!("ada@example.com")
        }
        let router: Router = Router::new().route("/", get(broken)).layer(layer_fn(Careful));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("/problems/internal") && !body.contains("ada"), "{body}");
    }
}
