//! Tells the observer of each call once it is answered, by the template of its path and never by the path itself.

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::Method;
use tower::Service;

use super::{Edge, ProblemKind};
use crate::{
    domain::AppId,
    observe::{Heard, Story},
};

/// Where there is no path.
const NO_ROUTE: &str = "none";

/// What is known of a call before it is answered.
struct Call {
    edge: Edge,
    begun: Instant,
    /// The template of its path, where the router matched none.
    route: &'static str,
    matched: Option<MatchedPath>,
    method: Method,
    slip: Option<Slip>,
}

/// Tells of each call that the service within answers.
#[derive(Clone)]
pub(super) struct Seen<S> {
    within: S,
    edge: Edge,
    route: &'static str,
}

impl<S> Seen<S> {
    pub(super) fn new(within: S, edge: Edge) -> Self {
        Self::at(NO_ROUTE, within, edge)
    }

    /// For calls that are for `route` where the router has not matched them.
    pub(super) fn at(route: &'static str, within: S, edge: Edge) -> Self {
        Self { within, edge, route }
    }
}

impl<S> Service<Request> for Seen<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Unpin>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.within.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let call = Call::begin(&self.edge, self.route, &mut request);
        Answering { call: Some(call), answer: self.within.call(request) }
    }
}

/// A call that is being answered.
pub(super) struct Answering<F> {
    call: Option<Call>,
    answer: F,
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response, Infallible>> + Unpin,
{
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(pin!(&mut self.answer).poll(cx));
        if let (Ok(response), Some(call)) = (&answered, self.call.take()) {
            call.end(response);
        }
        Poll::Ready(answered)
    }
}

/// A slip that goes with a call where calls are told one by one: whoever learns which app calls notes it there.
#[derive(Clone, Default)]
pub(super) struct Slip(Arc<OnceLock<AppId>>);

impl Slip {
    pub(super) fn note(&self, app: &AppId) {
        let _ = self.0.set(app.clone());
    }
}

impl Call {
    fn begin(edge: &Edge, route: &'static str, request: &mut Request) -> Self {
        let slip = edge.watch.tells().then(Slip::default);
        if let Some(slip) = &slip {
            request.extensions_mut().insert(slip.clone());
        }
        Self {
            edge: edge.clone(),
            begun: Instant::now(),
            route,
            matched: request.extensions().get::<MatchedPath>().cloned(),
            method: request.method().clone(),
            slip,
        }
    }

    fn end(self, response: &Response) {
        self.edge.watch.answered(&Heard {
            route: self.matched.as_ref().map_or(self.route, MatchedPath::as_str),
            method: self.method.as_str(),
            status: response.status().as_u16(),
            problem: response.extensions().get::<ProblemKind>().map(|kind| kind.page().slug),
            begun: self.begun,
            app: self.slip.as_ref().and_then(|slip| slip.0.get()).map(AppId::as_str),
            story: response.extensions().get::<Story>(),
        });
    }
}
