//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use axum::extract::FromRequestParts;
use http::request::Parts;
use utoipa::IntoParams;

use super::{Edge, Problem, ProblemKind};
use crate::{
    auth::Caller,
    retry::{Attempt, Call, InvalidRetryKey, RetryKey, Who},
};

/// The header's name.
const NAME: &str = "Idempotency-Key";

/// The header in the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read as `Keyed`")]
pub(super) struct RetryHeader {
    /// A name of the caller's own for this call, 1 to 255 visible ASCII characters without quotes and backslashes. A retry
    /// under it, with the same body and within 24 hours, is told what the first call was told, and does nothing.
    #[param(rename = "Idempotency-Key", pattern = "^[!#-\\[\\]-~]{1,255}$")]
    key: Option<String>,
}

/// The call's key, if it has one.
pub(super) struct Keyed(Option<RetryKey>);

impl<S: Sync> FromRequestParts<S> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let key = values.next().map(|value| match values.next() {
            Some(_) => Err(InvalidRetryKey),
            None => RetryKey::parse(value.as_bytes()),
        });
        key.transpose().map(Self).map_err(|error| {
            let detail = format!("The header `{NAME}` must stand once and {error}.");
            Problem::new(ProblemKind::InvalidParameter, detail).with("name", NAME)
        })
    }
}

impl Keyed {
    /// The call as retries of it are known by; `None` without a key. `oneself` is who calls, if no app does.
    pub(super) fn attempt(
        self,
        edge: &Edge,
        caller: &Caller,
        said: &Said<'_>,
    ) -> Result<Option<Attempt>, Problem> {
        let Some(key) = self.0 else { return Ok(None) };
        let app = caller.app().map(|app| Who::App(&app.id));
        let oneself = || {
            let subject = caller.subject().cloned();
            subject.map(|oneself| edge.gateway.handle(caller.tenant(), oneself)).transpose()
        };
        let who = match app {
            Some(app) => Some(app),
            None => oneself()?.map(Who::Person),
        };
        let Said { route, body, signal } = *said;
        let attempt = who.map(|who| {
            edge.gateway.attempt(caller.tenant(), &Call { who, route, key: &key, body, signal })
        });
        Ok(attempt.transpose()?)
    }
}

/// What a call says.
pub(super) struct Said<'a> {
    pub(super) route: &'static str,
    pub(super) body: &'a [u8],
    pub(super) signal: bool,
}

impl<'a> Said<'a> {
    /// What a call says where no signal counts.
    pub(super) fn of(route: &'static str, body: &'a [u8]) -> Self {
        Self { route, body, signal: false }
    }
}
