//! Signed tokens (JWS, RFC 7515) on `ring`: the one place that ties the `jsonwebtoken` library to our crypto stack.
//!
//! Promises: a token signed here verifies with the public key alone; a token of one type never passes as another,
//! since its `typ` is checked (RFC 8725 section 3.11).
//!
//! It knows nothing of what the claims mean: access tokens belong to `auth`, notices and receipts to `consent`.

mod provider;

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Serialize, de::DeserializeOwned};

use crate::domain::hex;

pub use provider::install;

/// Why a token was not signed or does not verify.
#[derive(Debug, thiserror::Error)]
pub enum JoseError {
    /// The key or the claims cannot be used.
    #[error("signing a token")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// The token is none of ours, or was changed.
    #[error("the token does not verify")]
    Verify(#[source] jsonwebtoken::errors::Error),
    /// The token is ours, but of another type.
    #[error("the token is of another type")]
    Type,
}

/// Signs with the gateway's Ed25519 key and verifies what it signed (`EdDSA`, RFC 8037).
#[derive(Clone)]
pub struct Signer {
    key: Arc<EncodingKey>,
    public: Arc<DecodingKey>,
    key_id: Arc<str>,
}

impl Signer {
    /// A signer with the key in `pkcs8`, whose public half is `public`.
    #[must_use]
    pub fn new(pkcs8: &[u8], public: &[u8; 32]) -> Self {
        install();
        let digest = ring::digest::digest(&ring::digest::SHA256, public);
        let key_id: String = hex(digest.as_ref()).chars().take(16).collect();
        Self {
            key: Arc::new(EncodingKey::from_ed_der(pkcs8)),
            public: Arc::new(DecodingKey::from_ed_der(public)),
            key_id: key_id.into(),
        }
    }

    /// The first 8 bytes, in hex, of the SHA-256 of the public key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs `claims` as a token of type `typ`.
    ///
    /// # Errors
    /// When the claims do not serialize or the key is no Ed25519 key.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, JoseError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.key_id.as_ref().to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).map_err(JoseError::Sign)
    }

    /// The claims of a token of type `typ` that this key signed. Times in it are the caller's to judge.
    ///
    /// # Errors
    /// When it was not signed by this key, was changed, or is of another type.
    pub fn verify<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, JoseError> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let read =
            jsonwebtoken::decode::<T>(token, &self.public, &rules).map_err(JoseError::Verify)?;
        if read.header.typ.as_deref() == Some(typ) { Ok(read.claims) } else { Err(JoseError::Type) }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key_id)
    }
}
