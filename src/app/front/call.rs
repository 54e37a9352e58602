//! Hands calls to the routes: counted, and each with its time.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, response::IntoResponse as _};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::Service;

use super::{
    load::{Load, Turn},
    pace::Pace,
    rest::{self, Lent},
};
use crate::http::{Problem, ProblemKind};

/// The path that is answered whatever the load is: to say that the process runs costs nothing.
const HEALTH: &str = "/healthz";

/// Says of a connection that it ends with this answer.
const LAST: HeaderValue = HeaderValue::from_static("close");

/// What answers calls: never with an error, so whoever calls is always answered.
pub(in crate::app) trait Routes:
    Service<Request<Lent>, Response = Response<Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<R> Routes for R where
    R: Service<Request<Lent>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// What one connection hands its calls to.
#[derive(Clone)]
pub(super) struct Calls<R> {
    pub(super) routes: R,
    pub(super) load: Arc<Load>,
    pub(super) pace: Arc<Pace>,
}

impl<R: Routes> Calls<R> {
    /// Answers a call, unless there are too many; for as long as it has time.
    pub(super) async fn answer(
        mut self,
        request: Request<Incoming>,
    ) -> Result<Response<Answer>, Infallible> {
        let has_room = self.load.has_room() || request.uri().path() == HEALTH;
        let turn = self.load.begin(&self.pace);
        let (request, rest) = rest::lend(request);
        let mut response = if has_room {
            self.route(request).await
        } else {
            drop(request);
            overloaded().into_response()
        };
        // Who was waited for in vain already is not waited for again.
        let waited = self.pace.is_late() || response.status() == StatusCode::REQUEST_TIMEOUT;
        let patience = if waited { Duration::ZERO } else { rest::WITHIN };
        if !rest.take_in(patience).await {
            response.headers_mut().insert(header::CONNECTION, LAST);
        }
        Ok(Answer::of(response, turn, &self.pace))
    }

    /// What the routes answer, if they do so in time.
    async fn route(&mut self, request: Request<Lent>) -> Response<Body> {
        let mut answered = pin!(self.routes.call(request));
        let answer = poll_fn(|cx| match answered.as_mut().poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(response),
            Poll::Pending if self.pace.is_late() => Poll::Ready(late().into_response()),
            Poll::Pending => Poll::Pending,
        });
        answer.await
    }
}

/// The answer to a call beyond what the thread, or the gateway, has room for.
pub(super) fn overloaded() -> Problem {
    let detail = "As many calls or connections are open as the gateway takes. Nothing was done.";
    Problem::new(ProblemKind::Overloaded, detail).retry_after(1)
}

fn late() -> Problem {
    let detail = "The call did not come to an end in its time; what it recorded until then stands.";
    Problem::new(ProblemKind::TimedOut, detail).retry_after(1)
}

/// An answer whose call is under way until it is handed over.
pub(super) struct Answer {
    body: Body,
    _turn: Turn,
}

impl Answer {
    fn of(response: Response<Body>, turn: Turn, pace: &Pace) -> Response<Self> {
        pace.answered();
        response.map(|body| Self { body, _turn: turn })
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
