//! What tokens are held to at one moment: the keys, and what was revoked or switched off.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jsonwebtoken::{Validation, errors::ErrorKind};

use super::{
    AuthError, Caller, Key, TokenId,
    claims::{Claims, Head},
};
use crate::domain::{AppId, Timestamp};

/// The keys, and what has been revoked. Each change is a new value with a higher generation.
#[derive(Clone, Default)]
pub(super) struct Trust {
    pub(super) generation: u64,
    /// A key keeps its place for ever; a revoked or replaced one loses its flag.
    pub(super) keys: Vec<(Arc<Key>, bool)>,
    /// Tokens that are refused, until they would have ended by themselves.
    pub(super) denied: HashMap<TokenId, Timestamp>,
    /// Tokens of these keys, by `kid`, that were issued before a moment are refused.
    pub(super) cut: HashMap<String, Timestamp>,
    /// Apps that are switched off.
    pub(super) off: HashSet<AppId>,
}

impl Trust {
    /// Whether the key that verified the caller's token is still trusted.
    pub(super) fn is_live(&self, caller: &Caller) -> bool {
        self.keys.get(caller.key).is_some_and(|(_, live)| *live)
    }

    /// Passes if neither the token nor its app was stopped.
    pub(super) fn admits(&self, caller: &Caller) -> Result<(), AuthError> {
        // Fail closed: a token that does not say when it was issued may be from before.
        let is_cut = || {
            let (key, _) = self.keys.get(caller.key)?;
            let before = self.cut.get(&key.kid)?;
            Some(caller.issued_at.is_none_or(|issued| issued < *before))
        };
        if self.denied.contains_key(&caller.token) || is_cut().unwrap_or_default() {
            return Err(AuthError::Revoked);
        }
        if caller.app().is_some_and(|app| self.off.contains(&app.id)) {
            return Err(AuthError::AppOff);
        }
        Ok(())
    }

    /// The place of the key that signed the token, and what it signed. A `kid` selects the key; without one, each
    /// key of the token's algorithm is tried. No key is ever tried with an algorithm that is not its own.
    pub(super) fn signed(&self, token: &str, head: &Head) -> Result<(usize, Claims), AuthError> {
        let mut refusal = AuthError::UnknownKey;
        for (place, (key, live)) in self.keys.iter().enumerate() {
            match &head.kid {
                Some(kid) if *kid != key.kid => continue,
                Some(_) if !live => {
                    // The keys may have been read anew, and one of the same id be trusted further down.
                    refusal = AuthError::Revoked;
                    continue;
                }
                Some(_) if key.algorithm != head.algorithm => {
                    return Err(AuthError::WrongAlgorithm);
                }
                None if !live || key.algorithm != head.algorithm => continue,
                _ => {}
            }
            match decode(token, key) {
                Ok(claims) => return Ok((place, claims)),
                Err(AuthError::BadSignature) => refusal = AuthError::BadSignature,
                Err(other) => return Err(other),
            }
        }
        Err(refusal)
    }
}

/// Verifies the signature; what the claims state is for the authority to check, against its own clock.
fn decode(token: &str, key: &Key) -> Result<Claims, AuthError> {
    let mut validation = Validation::new(key.algorithm.wire());
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode(token, &key.decoding, &validation).map(|data| data.claims).map_err(
        |error| match error.kind() {
            ErrorKind::InvalidSignature => AuthError::BadSignature,
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
                AuthError::WrongAlgorithm
            }
            ErrorKind::Json(_) | ErrorKind::Utf8(_) => AuthError::Malformed { part: "claims" },
            _ => AuthError::Malformed { part: "encoding" },
        },
    )
}
