//! The keys that tokens are verified with: what each may be used for, and where their bytes come from.

use std::fmt;

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};

use super::{Scopes, SetupError};
use crate::domain::TenantId;

/// The signature algorithms of tokens. There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    #[serde(rename = "HS256")]
    Hs256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// `EdDSA` with Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// The algorithm that a token's header names, if it is one of ours.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    pub(super) fn wire(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What a key may vouch for. A key that signs people's tokens in an app's backend need not open the operator's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouches {
    /// The only issuer (`iss`) that signs with it.
    pub issuer: String,
    /// The only tenant it speaks for; any if `None`.
    pub tenant: Option<TenantId>,
    /// The scopes it can grant; a token's others are void.
    pub scopes: Scopes,
}

impl Vouches {
    /// For every scope and tenant, under `issuer`.
    #[must_use]
    pub fn everything(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), tenant: None, scopes: Scopes::ALL }
    }
}

/// A key that verifies tokens of exactly one algorithm.
#[derive(Clone)]
pub struct Key {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    pub(super) vouches: Vouches,
}

impl Key {
    /// A key from its bytes: the raw secret for HS256, a PEM public key (SPKI) for ES256 and `EdDSA`.
    ///
    /// # Errors
    /// When the bytes are no such key, or the secret is shorter than 32 bytes.
    pub fn new(
        kid: &str,
        algorithm: Algorithm,
        bytes: &[u8],
        vouches: Vouches,
    ) -> Result<Self, SetupError> {
        let bad = |expected| SetupError::BadKey { kid: kid.to_owned(), expected };
        let decoding = match algorithm {
            Algorithm::Hs256 if bytes.len() < 32 => {
                return Err(SetupError::ShortSecret { kid: kid.to_owned(), length: bytes.len() });
            }
            // Whoever has a public key could sign with it if its text were taken for a secret.
            Algorithm::Hs256 if bytes.trim_ascii_start().starts_with(b"-----BEGIN ") => {
                return Err(bad("a random secret of 32 bytes or more, not a PEM file"));
            }
            Algorithm::Hs256 => DecodingKey::from_secret(bytes),
            Algorithm::Es256 => DecodingKey::from_ec_pem(bytes)
                .map_err(|_| bad("a PEM public key on the curve P-256"))?,
            Algorithm::EdDsa => {
                DecodingKey::from_ed_pem(bytes).map_err(|_| bad("a PEM Ed25519 public key"))?
            }
        };
        Self::of_parts(kid, algorithm, decoding, vouches)
    }

    /// An Ed25519 public key as its 32 raw bytes.
    ///
    /// # Errors
    /// When they are not 32.
    pub fn ed25519(kid: &str, public: &[u8], vouches: Vouches) -> Result<Self, SetupError> {
        Self::of_parts(kid, Algorithm::EdDsa, DecodingKey::from_ed_der(public), vouches)
    }

    /// The usable keys of a JWK set (RFC 7517) whose algorithm is among `allowed`. Keys for encryption, and keys of
    /// other algorithms, are passed over, since an issuer's set may serve others too.
    ///
    /// # Errors
    /// When the bytes are no JWK set, a usable key has no `kid` or broken parts, or no key is usable.
    pub fn of_jwks(
        name: &str,
        set: &[u8],
        allowed: &[Algorithm],
        vouches: &Vouches,
    ) -> Result<Vec<Self>, SetupError> {
        let bad = |problem| SetupError::BadJwks { name: name.to_owned(), problem };
        let set: JwkSet = serde_json::from_slice(set).map_err(|_| bad("not a JWK set"))?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            let Some(algorithm) = algorithm_of(jwk).filter(|own| allowed.contains(own)) else {
                continue;
            };
            let kid = jwk.common.key_id.as_deref().ok_or_else(|| bad("a key has no kid"))?;
            let decoding =
                DecodingKey::from_jwk(jwk).map_err(|_| bad("a key's parts are not base64url"))?;
            keys.push(Self::of_parts(kid, algorithm, decoding, vouches.clone())?);
        }
        if keys.is_empty() { Err(bad("no key of an allowed algorithm")) } else { Ok(keys) }
    }

    /// Checks that the bytes have the length that the algorithm asks for: PEM and JWK readers accept other curves.
    fn of_parts(
        kid: &str,
        algorithm: Algorithm,
        decoding: DecodingKey,
        vouches: Vouches,
    ) -> Result<Self, SetupError> {
        let bad = |expected| SetupError::BadKey { kid: kid.to_owned(), expected };
        let bytes = decoding.try_get_as_bytes().map_err(|_| bad("a key of that algorithm"))?;
        match (algorithm, bytes) {
            (Algorithm::Hs256, secret) if secret.len() < 32 => {
                Err(SetupError::ShortSecret { kid: kid.to_owned(), length: secret.len() })
            }
            (Algorithm::Es256, point) if point.len() != 65 || point.first() != Some(&4) => {
                Err(bad("an uncompressed point of the curve P-256"))
            }
            (Algorithm::EdDsa, public) if public.len() != 32 => {
                Err(bad("an Ed25519 public key of 32 bytes"))
            }
            _ => Ok(Self { kid: kid.to_owned(), algorithm, decoding, vouches }),
        }
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .field("vouches", &self.vouches)
            .finish_non_exhaustive()
    }
}

/// The algorithm of a JWK: the one its kind of key implies, unless its own `alg` or `use` says otherwise.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    if jwk.common.public_key_use.as_ref().is_some_and(|what| *what != PublicKeyUse::Signature) {
        return None;
    }
    let (implied, named) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::Es256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDsa, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::Hs256, KeyAlgorithm::HS256),
        _ => return None,
    };
    jwk.common.key_algorithm.is_none_or(|own| own == named).then_some(implied)
}
