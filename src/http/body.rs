//! Reads bodies: type, size, encoding, depth and shape, each with its own problem.
//!
//! [`parse`] works on bytes that the caller keeps, so a hot route can read a body into a struct that borrows from it.
//! [`Json`] does all of it for a handler.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Problem, ProblemKind};

mod shape;

/// The media type of most bodies.
pub const JSON: &str = "application/json";

/// The deepest nesting of objects and arrays. The calls need 5; the rest is room for attributes of items.
pub const DEEPEST: usize = 32;

/// The largest body that [`Json`] takes, in bytes. A route sets another one by a layer of
/// `axum::Extension(BodyLimit(…))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(64 * 1024)
    }
}

/// A body of JSON, read into `T`.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let limit = request.extensions().get::<BodyLimit>().copied().unwrap_or_default();
        require_type(request.headers(), JSON)?;
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body, limit).await?;
        parse(&bytes).map(Self)
    }
}

/// Passes if the body's type is `expected`, with no other charset than UTF-8, and it is not compressed.
///
/// # Errors
/// 415 otherwise, also if no type is given: what a browser sends by itself is never taken for JSON.
pub fn require_type(headers: &HeaderMap, expected: &'static str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let fits = given.is_some_and(|given| {
        let mut parts = given.split(';').map(str::trim);
        parts.next().is_some_and(|media| media.eq_ignore_ascii_case(expected))
            && parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
                !name.eq_ignore_ascii_case("charset")
                    || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
    });
    let is_plain = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
        let detail = "Send the body as it is, without the header `Content-Encoding`.";
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
    }
    if fits {
        return Ok(());
    }
    let detail = format!("Send the header `Content-Type: {expected}`.");
    Err(Problem::new(ProblemKind::UnsupportedMediaType, detail).with("expected", expected))
}

/// The whole body, if it is no larger than `limit`. A body that announces more is refused unread.
///
/// # Errors
/// 413 if it is larger, 400 if it breaks off.
pub async fn collect(
    headers: &HeaderMap,
    body: Body,
    BodyLimit(limit): BodyLimit,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("The body may have at most {limit} bytes.");
        Problem::new(ProblemKind::BodyTooLarge, detail).with("limit", limit)
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::new(
            ProblemKind::BodyInterrupted,
            "The connection closed before the body was complete.",
        )),
    }
}

/// Reads `body` into `T`, which may borrow from it.
///
/// # Errors
/// 400 if it is not UTF-8, not JSON or nested deeper than [`DEEPEST`]; 422 if it has not the shape of `T`.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    parse_line(body, 1)
}

/// Like [`parse`], for the line `number`, from 1, of a body of lines.
///
/// # Errors
/// As [`parse`]; the lines they name are counted from the first one of the body.
pub fn parse_line<'a, T: Deserialize<'a>>(body: &'a [u8], number: usize) -> Result<T, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let offset = error.valid_up_to();
        let detail = format!("The byte at offset {offset} is not part of UTF-8 text.");
        Problem::new(ProblemKind::NotUtf8, detail).with("offset", offset)
    })?;
    if too_deep(body) {
        let detail = format!("Objects and arrays may be nested {DEEPEST} deep.");
        return Err(Problem::new(ProblemKind::TooDeep, detail).with("limit", DEEPEST));
    }
    // INVARIANT: an error's own text never reaches an answer; `shape` words it anew.
    serde_json::from_str(text).map_err(|error| shape::problem::<T>(text, &error, number))
}

/// Whether the brackets outside of strings nest deeper than [`DEEPEST`].
fn too_deep(body: &[u8]) -> bool {
    // '[' and '{' differ in one bit. A body with few of them, which is nearly every body, is done here at memory speed.
    let brackets = body.iter().filter(|byte| **byte | 0x20 == b'{').count();
    if brackets <= DEEPEST {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
