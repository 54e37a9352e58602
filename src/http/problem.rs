//! Problem documents (RFC 9457): the one form in which the edge says no.

use std::{borrow::Cow, fmt};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use serde::{Serialize, ser::SerializeMap};
use serde_json::Value;

use crate::auth::AuthError;

mod kind;
pub use kind::{ProblemKind, ProblemPage};

/// An answer that says what is wrong and what would be right. It never repeats a value that the call held.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: Cow<'static, str>,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// The media type of problem documents.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem of `kind`; `detail` is a sentence about this one occurrence.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), members: Vec::new(), headers: Vec::new() }
    }

    /// A body of the wrong form, with the places where it is wrong.
    #[must_use]
    pub fn invalid(faults: &[Fault]) -> Self {
        let detail = match faults {
            [] => "The body is not of the form that this call takes.".to_owned(),
            [only] => only.sentence(),
            [first, rest @ ..] => format!("{} {} more in `errors`.", first.sentence(), rest.len()),
        };
        Self::new(ProblemKind::InvalidBody, detail).with("errors", faults)
    }

    /// Adds a member of its kind's own, in place of one of the same name.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Serialize) -> Self {
        // A value that cannot be JSON would be a map with keys that are no strings: none of ours is.
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.members.retain(|(name, _)| *name != member);
        self.members.push((member, value));
        self
    }

    /// Adds a header. A value that no header can hold is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Says after how many seconds the call may be repeated.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// What kind of problem it is.
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        // Writing strings, numbers and maps with string keys to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.kind.page();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", page.slug))?;
        map.serialize_entry("title", page.title)?;
        map.serialize_entry("status", &self.kind.status().as_u16())?;
        map.serialize_entry("detail", &self.detail)?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.page().slug, self.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.document()));
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response.extensions_mut().insert(self.kind);
        response
    }
}

/// One place in a body and what would be right there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole body.
    pub pointer: String,
    /// What would be right, such as "must be 1 to 500".
    pub detail: String,
    /// The line of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in bytes, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// The names or words that are allowed there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Fault {
    /// A fault that a room or a handler finds after the body was read.
    #[must_use]
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        Self { pointer, detail, line: None, column: None, allowed: Vec::new() }
    }

    fn sentence(&self) -> String {
        let place = if self.pointer.is_empty() { "The body" } else { self.pointer.as_str() };
        match (self.line, self.column) {
            (Some(line), Some(column)) => {
                format!("{place}: {} (line {line}, column {column}).", self.detail)
            }
            _ => format!("{place}: {}.", self.detail),
        }
    }
}

impl From<AuthError> for Problem {
    /// RFC 6750 §3: without a token the challenge names no error, so that nothing is learnt by trying.
    fn from(error: AuthError) -> Self {
        let (kind, challenge) = match error {
            AuthError::MissingToken => (ProblemKind::MissingToken, String::new()),
            // No other token would help, so there is no challenge.
            AuthError::AppOff => {
                let detail =
                    "Calls of this app are refused until the operator switches it on again.";
                return Self::new(ProblemKind::AppOff, detail).with("reason", error.reason());
            }
            AuthError::WrongScope { needed } => (
                ProblemKind::WrongScope,
                format!(r#", error="insufficient_scope", scope="{needed}""#),
            ),
            AuthError::Malformed { .. }
            | AuthError::MissingClaim { .. }
            | AuthError::WrongAlgorithm
            | AuthError::UnknownKey
            | AuthError::BadSignature
            | AuthError::Expired
            | AuthError::NotYetValid
            | AuthError::WrongAudience
            | AuthError::WrongIssuer
            | AuthError::WrongTenant
            | AuthError::UnknownApp
            | AuthError::MixedScopes
            | AuthError::Revoked => (
                ProblemKind::InvalidToken,
                format!(r#", error="invalid_token", error_description="{error}""#),
            ),
        };
        let problem = Self::new(kind, sentence(&error.to_string()))
            .with("reason", error.reason())
            .header(header::WWW_AUTHENTICATE, &format!(r#"Bearer realm="consentry"{challenge}"#));
        match error {
            AuthError::WrongScope { needed } => problem.with("needed", needed),
            _ => problem,
        }
    }
}

/// An error's message as a sentence of a document for readers.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).chain(['.']).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::auth::Scope;

    #[test]
    fn a_problem_is_a_document_of_rfc_9457() {
        let problem = Problem::new(ProblemKind::UnknownPurpose, "There is no such purpose.")
            .with("known", ["a", "b"])
            .retry_after(3);
        assert_eq!(
            String::from_utf8(problem.document()).unwrap(),
            r#"{"type":"/problems/unknown-purpose","title":"There is no such purpose","status":422,"detail":"There is no such purpose.","known":["a","b"]}"#
        );
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "3");
    }

    #[test]
    fn a_refused_token_is_challenged() {
        let challenge = |error: AuthError| {
            let response = Problem::from(error).into_response();
            (response.status().as_u16(), response.headers()["www-authenticate"].clone())
        };
        assert_eq!(
            challenge(AuthError::MissingToken),
            (401, HeaderValue::from_static(r#"Bearer realm="consentry""#))
        );
        let (status, expired) = challenge(AuthError::Expired);
        assert_eq!(status, 401);
        assert!(expired.to_str().unwrap().contains(r#"error="invalid_token""#));
        let (status, scope) = challenge(AuthError::WrongScope { needed: Scope::AuditRead });
        assert_eq!(status, 403);
        assert!(
            scope.to_str().unwrap().ends_with(r#"error="insufficient_scope", scope="audit:read""#)
        );
    }

    #[test]
    fn each_kind_has_a_page_of_its_own() {
        let mut slugs = HashSet::new();
        for kind in ProblemKind::ALL {
            let page = kind.page();
            assert!(slugs.insert(page.slug), "{} stands twice", page.slug);
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(page.slug.bytes().all(|b| b.is_ascii_lowercase() || b"-8".contains(&b)));
            assert!(page.advice.ends_with('.') && !page.title.ends_with('.'));
        }
    }

    #[test]
    fn many_faults_are_counted_and_all_listed() {
        let faults = [Fault::at("/count", "must be 1 to 500"), Fault::at("/a/0", "is missing")];
        let document: Value =
            serde_json::from_slice(&Problem::invalid(&faults).document()).unwrap();
        assert_eq!(document["detail"], "/count: must be 1 to 500. 1 more in `errors`.");
        assert_eq!(document["errors"][1]["pointer"], "/a/0");
        assert!(document["errors"][1].get("line").is_none());
    }
}
