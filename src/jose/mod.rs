//! Signed tokens (JWS, RFC 7515) on `ring`: the one place that ties the `jsonwebtoken` library to our crypto stack.
//!
//! Promises: a token signed here verifies with the public key alone; a token of one type never passes as another,
//! since its `typ` is checked (RFC 8725 section 3.11).
//!
//! It knows nothing of what the claims mean: access tokens belong to `auth`, notices and receipts to `consent`.

mod provider;
mod public;

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Serialize, de::DeserializeOwned};

pub use provider::install;
pub use public::{Jwk, Jwks, PublicKey, verify_with};

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
    /// The token is ours, and its claims are not those of its type.
    #[error("the token's claims are not those of its type")]
    Claims(#[source] serde_json::Error),
    /// The token names a key that is not there.
    #[error("the token was signed with the key {0:?}, which is not among the keys")]
    UnknownKey(String),
    /// The bytes are no JWK Set with an Ed25519 key.
    #[error("it is no JWK Set with an Ed25519 key")]
    Keys,
}

/// Signs with the gateway's Ed25519 key and verifies what it signed (`EdDSA`, RFC 8037).
#[derive(Clone)]
pub struct Signer {
    key: Arc<EncodingKey>,
    public: PublicKey,
}

impl Signer {
    /// A signer with the key in `pkcs8`, whose public half is `public`.
    #[must_use]
    pub fn new(pkcs8: &[u8], public: &[u8; 32]) -> Self {
        install();
        Self { key: Arc::new(EncodingKey::from_ed_der(pkcs8)), public: PublicKey::new(*public) }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `claims` as a token of type `typ`. The same claims give the same token.
    ///
    /// # Errors
    /// When the claims do not serialize or the key is no Ed25519 key.
    pub fn sign<T: Serialize>(&self, typ: &str, claims: &T) -> Result<String, JoseError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.public.id().to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).map_err(JoseError::Sign)
    }

    /// The claims of a token of type `typ` that this key signed. Times in it are the caller's to judge.
    ///
    /// # Errors
    /// When it was not signed by this key, was changed, or is of another type.
    pub fn verify<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, JoseError> {
        self.public.verify(typ, token)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public.id())
    }
}
