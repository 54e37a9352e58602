//! Which path leads to which handler.

use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension, Router,
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use tower::{Service, layer::layer_fn};

use super::{
    Edge, Problem, ProblemKind, consents, events, items, openapi, purposes, recommend, rules,
    seen::Call,
    status::{self, Described},
};

/// The JSON edge as a service. Each worker has its own, on an [`Edge`] of its own.
pub fn router(edge: Edge) -> Router {
    let described = Described::new(&openapi());
    Router::new()
        .route("/v1/recommendations", post(recommend::recommend))
        .route("/v1/recommendations/preview", post(recommend::preview))
        .route("/v1/recommendations/batch", post(recommend::batch))
        .route("/v1/events", post(events::track))
        .route("/v1/items", put(items::put_all))
        .route("/v1/items/{id}", put(items::put_one))
        .route("/v1/purposes", get(purposes::list))
        .route("/v1/consents", post(consents::act))
        .route("/v1/consents/query", post(consents::query))
        .route("/v1/me/consents", get(consents::mine))
        .route("/v1/me/rules", get(rules::read).patch(rules::change))
        .route("/healthz", get(status::health))
        .route("/openapi.json", get(status::describe).layer(Extension(described.clone())))
        .route("/docs", get(status::reference).layer(Extension(described)))
        .route("/problems/{slug}", get(status::problem))
        .fallback(status::nothing_here)
        .method_not_allowed_fallback(status::no_such_method)
        .layer(layer_fn(careful(Some(edge.clone()))))
        .with_state(edge)
}

/// A layer that answers 500 where a handler panics, so that the connection and its other calls go on, and tells of each
/// answer.
fn careful<S>(edge: Option<Edge>) -> impl Fn(S) -> Careful<S> + Clone {
    move |inner| Careful { inner, edge: edge.clone() }
}

#[derive(Clone)]
struct Careful<S> {
    inner: S,
    /// Whose calls are told; `None` where nobody looks.
    edge: Option<Edge>,
}

impl<S> Service<Request> for Careful<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Caught<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let call = self.edge.as_ref().map(|edge| Call::begin(edge, &mut request));
        Caught { call, answer: Box::pin(self.inner.call(request)) }
    }
}

struct Caught<F> {
    call: Option<Call>,
    answer: Pin<Box<F>>,
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Caught<F> {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A future that panicked is not polled again, so nothing sees what the panic left half done. What calls share
        // is behind locks that recover from it.
        let caught = catch_unwind(AssertUnwindSafe(|| self.answer.as_mut().poll(cx)));
        let polled = caught.unwrap_or_else(|_| {
            tracing::error!(problem = "internal", "a handler panicked");
            let detail = "Something failed inside the gateway.";
            Poll::Ready(Ok(Problem::new(ProblemKind::Internal, detail).into_response()))
        });
        if let Poll::Ready(Ok(response)) = &polled
            && let Some(call) = self.call.take()
        {
            call.end(response);
        }
        polled
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
        let router: Router = Router::new().route("/", get(broken)).layer(layer_fn(careful(None)));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("/problems/internal") && !body.contains("ada"), "{body}");
    }
}
