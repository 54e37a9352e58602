//! What a handler takes from a call before its body: who asks, whether they object by signal, and the body unread.
//!
//! The body stays unread until the handler has seen that the token allows the call: nobody learns what a body should
//! look like, and nothing is parsed, without the scope for it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header, request::Parts};
use serde::de::DeserializeOwned;

use super::{
    Edge, OperatorEdge, Problem, ProblemKind,
    body::{self, BodyLimit, JSON},
    lines::Lines,
    seen::Slip,
};
use crate::{
    auth::{AuthError, Caller, CallerKind, Scope, bearer},
    domain::SubjectRef,
    gateway::Handle,
};

/// The caller that the call's token speaks for. The call is counted: beyond the app's rate, nothing more is done for it.
pub(super) struct By(pub(super) Arc<Caller>);

impl FromRequestParts<Edge> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let verified = bearer(header).and_then(|token| edge.authority.verify(token, edge.now()));
        edge.watch.token(verified.as_ref().err().map(AuthError::reason));
        let caller = verified?;
        if let (Some(slip), Some(app)) = (parts.extensions.get::<Slip>(), caller.app()) {
            slip.note(&app.id);
        }
        caller.count()?;
        unless_no_guardian(edge, &caller).await?;
        Ok(Self(caller))
    }
}

/// A person who calls for themselves, or whose guardian does.
pub(super) struct Oneself {
    pub(super) caller: Arc<Caller>,
    pub(super) handle: Handle,
}

impl FromRequestParts<Edge> for Oneself {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let By(caller) = By::from_request_parts(parts, edge).await?;
        let handle = edge.gateway.handle(caller.tenant(), oneself(&caller)?)?;
        Ok(Self { caller, handle })
    }
}

/// Passes unless somebody acts for a person who is not their guardian, or not any more.
async fn unless_no_guardian(edge: &Edge, caller: &Caller) -> Result<(), Problem> {
    let (Some(child), Some(guardian)) = (caller.subject(), caller.guardian()) else {
        return Ok(());
    };
    let handle = |subject: &SubjectRef| edge.gateway.handle(caller.tenant(), subject.clone());
    if edge.ledger.guards(handle(guardian)?, handle(child)?).await? {
        return Ok(());
    }
    let detail = "A token with `act` is good for a verified guardian of a child under 14 alone.";
    Err(Problem::new(ProblemKind::NotYours, detail))
}

/// Who `caller` is, if a person calls for themselves.
pub(super) fn oneself(caller: &Caller) -> Result<SubjectRef, Problem> {
    caller.require(Scope::Myself)?;
    // INVARIANT: a token with the scope `self` is a person's, so there is one.
    Ok(caller.subject().cloned().ok_or(AuthError::MissingClaim { claim: "sub" })?)
}

/// The person, if one calls for themselves; else passes if the app's token allows `needed`.
pub(super) fn oneself_or(caller: &Caller, needed: Scope) -> Result<Option<SubjectRef>, Problem> {
    if caller.kind() == CallerKind::Subject {
        return oneself(caller).map(Some);
    }
    caller.require(needed)?;
    Ok(None)
}

/// Passes if a call of a person's own names nobody else.
pub(super) fn only_about(oneself: &SubjectRef, named: Option<SubjectRef>) -> Result<(), Problem> {
    if named.is_none_or(|named| named == *oneself) {
        return Ok(());
    }
    let detail = "A person's own token speaks for that person alone: leave `subject` out.";
    Err(Problem::new(ProblemKind::NotYours, detail))
}

/// Whether the call carries Global Privacy Control: the header `Sec-GPC` with exactly the value `1`. Where there are
/// several, one that objects is enough.
pub(super) struct Gpc(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for Gpc {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.get_all("sec-gpc").iter().any(|value| value == "1")))
    }
}

/// A body that nothing was read of yet.
pub(super) struct Unread {
    headers: HeaderMap,
    body: Body,
    limit: BodyLimit,
    within: Duration,
}

impl FromRequest<Edge> for Unread {
    type Rejection = Infallible;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Infallible> {
        let (parts, body) = request.into_parts();
        Ok(Self { headers: parts.headers, body, limit: edge.body_limit, within: edge.body_within })
    }
}

impl FromRequest<OperatorEdge> for Unread {
    type Rejection = Infallible;

    async fn from_request(request: Request, edge: &OperatorEdge) -> Result<Self, Infallible> {
        let (parts, body) = request.into_parts();
        Ok(Self { headers: parts.headers, body, limit: edge.body_limit, within: edge.body_within })
    }
}

impl Unread {
    /// The whole body read into `T`, if it is JSON and no larger than most bodies may be.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        body::parse(&self.usual(JSON).await?)
    }

    /// The whole body, if it is of type `media` and no larger than most bodies may be.
    pub(super) async fn usual(self, media: &'static str) -> Result<Bytes, Problem> {
        let limit = self.limit;
        self.whole(media, limit).await
    }

    /// The whole body, if it is of type `media` and no larger than `limit`.
    pub(super) async fn whole(
        self,
        media: &'static str,
        limit: BodyLimit,
    ) -> Result<Bytes, Problem> {
        body::require_type(&self.headers, media)?;
        let collected = body::collect(&self.headers, self.body, limit);
        let waited = tokio::time::timeout(self.within, collected).await;
        waited.unwrap_or_else(|_| Err(too_slow(self.within, "The body")))
    }

    /// The lines of the body as they come, each of `longest` bytes at most, if it is of type `media`.
    pub(super) fn lines(self, media: &'static str, longest: usize) -> Result<Lines, Problem> {
        body::require_type(&self.headers, media)?;
        Ok(Lines::of(self.body, longest, self.within))
    }

    /// Whether the body says that it is of type `media`.
    pub(super) fn is(&self, media: &'static str) -> bool {
        body::require_type(&self.headers, media).is_ok()
    }
}

/// What `what` is told when it takes longer than `within`.
pub(super) fn too_slow(within: Duration, what: &str) -> Problem {
    let detail = format!("{what} must arrive within {} ms.", within.as_millis());
    Problem::new(ProblemKind::BodyTimeout, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn signal(values: &[&'static str]) -> bool {
        let mut request = Request::new(Body::empty());
        for value in values {
            request.headers_mut().append("sec-gpc", HeaderValue::from_static(value));
        }
        let Ok(Gpc(signal)) = Gpc::from_request_parts(&mut request.into_parts().0, &()).await;
        signal
    }

    #[tokio::test]
    async fn only_the_value_1_objects() {
        assert!(signal(&["1"]).await);
        assert!(signal(&["0", "1"]).await, "one that objects is enough");
        for silent in [&[] as &[_], &["0"], &["true"], &["11"], &["1, 1"], &[""]] {
            assert!(!signal(silent).await, "{silent:?}");
        }
    }
}
