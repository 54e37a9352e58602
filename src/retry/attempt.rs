//! What a call with a key is known by: two keyed hashes.

use std::fmt;

use zeroize::Zeroizing;

use super::RETRIES;
use crate::{
    domain::AppId,
    store::Key,
    vault::{Handle, Tenant, prefixed},
};

/// The longest key of a client's, in bytes.
const LONGEST: usize = 255;

/// An `Idempotency-Key`, as the client chose it. It may hold anything, so it is treated like somebody's id.
#[derive(Clone)]
pub struct RetryKey(Zeroizing<String>);

/// The header is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 255 visible ASCII characters, with or without quotes around them")]
pub struct InvalidRetryKey;

impl RetryKey {
    /// Reads the header's value: a string of RFC 8941 section 3.3.3, or the same without quotes, as many clients send
    /// it.
    ///
    /// # Errors
    /// When it is empty, too long, or holds what such a string cannot.
    pub fn parse(value: &[u8]) -> Result<Self, InvalidRetryKey> {
        let bare = match value.strip_prefix(b"\"") {
            Some(rest) => rest.strip_suffix(b"\"").ok_or(InvalidRetryKey)?,
            None => value,
        };
        let fits = (1..=LONGEST).contains(&bare.len())
            && bare.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let text = std::str::from_utf8(bare).ok().filter(|_| fits).ok_or(InvalidRetryKey)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for RetryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryKey(…)")
    }
}

/// Whose key it is: two callers may choose the same.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// An app's.
    App(&'a AppId),
    /// A person's, who calls for themselves.
    Person(Handle),
}

/// A call with a key.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose key.
    pub who: Who<'a>,
    /// For which route, such as `POST /v1/events`.
    pub route: &'static str,
    /// The key.
    pub key: &'a RetryKey,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// What else changes the call's meaning: Global Privacy Control.
    pub signal: bool,
}

/// A call with a key, as the store knows it.
pub struct Attempt {
    pub(super) key: Key,
    pub(super) fingerprint: [u8; 32],
}

impl Attempt {
    /// Both hashes are keyed by the tenant: a body is short and of few forms, and a bare hash of it could be guessed.
    #[must_use]
    pub fn new(tenant: &Tenant, call: &Call<'_>) -> Self {
        let (kind, who): (&[u8], &[u8]) = match &call.who {
            Who::App(id) => (b"app", id.as_str().as_bytes()),
            Who::Person(handle) => (b"self", handle.as_bytes()),
        };
        let name = [b"key", kind, who, call.route.as_bytes(), call.key.0.as_bytes()];
        let said = [b"call", call.body, &[u8::from(call.signal)]];
        Self {
            key: prefixed(RETRIES, &tenant.retry_mac(&name)),
            fingerprint: tenant.retry_mac(&said),
        }
    }

    /// What tells the call from another one under the same key: a keyed hash of what it says.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_and_without_quotes_and_nothing_else_is_one() {
        let read = |value: &str| RetryKey::parse(value.as_bytes()).map(|key| key.0.to_string());
        assert_eq!(read(r#""8e03978e-40d5""#), read("8e03978e-40d5"));
        let long = "k".repeat(255);
        assert_eq!(read(&long), Ok(long.clone()));
        for bad in
            ["", "\"\"", "\"", "\"open", "two words", "a\\b", "q\"q", "ä", &format!("{long}k")]
        {
            assert_eq!(read(bad), Err(InvalidRetryKey), "{bad}");
        }
        assert_eq!(format!("{:?}", RetryKey::parse(b"canary").unwrap()), "RetryKey(…)");
    }
}
