//! Makes tokens: for the demo, for tests, and for an operator who has no identity provider.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Serialize;

use super::{Algorithm, Key, Scope, Scopes, SetupError, Vouches};
use crate::{
    ambient::Entropy,
    domain::{AppId, Profile, SubjectRef, TenantId, Timestamp},
};

/// Whom a new token is for.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// An app with some of the scopes of apps; others are left out.
    App {
        /// The app.
        id: &'a AppId,
        /// What it may do.
        scopes: Scopes,
    },
    /// A person, for themselves.
    Myself {
        /// The organisation that knows the person.
        tenant: &'a TenantId,
        /// The person.
        subject: &'a SubjectRef,
        /// The guardian who acts for them, if they do not act themselves.
        guardian: Option<&'a SubjectRef>,
    },
    /// An auditor of a tenant.
    Auditor {
        /// The auditor's name in the operator's books.
        name: &'a str,
        /// The tenant whose log is read.
        tenant: &'a TenantId,
    },
    /// An operator of the gateway.
    Operator {
        /// The operator's name.
        name: &'a str,
    },
}

/// A signed token. `Debug` hides it.
pub struct Token(String);

impl Token {
    /// The token itself. Every reader of it can be found by this method's name.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Signs tokens with one key, under one issuer and for one audience.
pub struct Mint {
    algorithm: Algorithm,
    encoding: EncodingKey,
    key: Key,
    audience: String,
}

impl Mint {
    /// A mint that signs HS256 with `secret`, of at least 32 bytes.
    ///
    /// # Errors
    /// When the secret is shorter.
    pub fn hs256(
        kid: &str,
        secret: &[u8],
        vouches: Vouches,
        audience: &str,
    ) -> Result<Self, SetupError> {
        let key = Key::new(kid, Algorithm::Hs256, secret, vouches)?;
        Ok(Self::of_parts(key, EncodingKey::from_secret(secret), audience))
    }

    /// A mint that signs `EdDSA` with an Ed25519 key in PKCS#8 (DER).
    ///
    /// # Errors
    /// When the bytes are no such key.
    pub fn eddsa(
        kid: &str,
        pkcs8: &[u8],
        vouches: Vouches,
        audience: &str,
    ) -> Result<Self, SetupError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| {
            SetupError::BadKey { kid: kid.to_owned(), expected: "an Ed25519 key in PKCS#8" }
        })?;
        let key = Key::ed25519(kid, pair.public_key().as_ref(), vouches)?;
        Ok(Self::of_parts(key, EncodingKey::from_ed_der(pkcs8), audience))
    }

    /// A mint that signs with the private half of `key`, in PKCS#8 PEM.
    ///
    /// # Errors
    /// When the bytes are no private key of that algorithm.
    pub fn pem(key: &Key, pem: &[u8], audience: &str) -> Result<Self, SetupError> {
        let encoding = match key.algorithm {
            Algorithm::Hs256 => Ok(EncodingKey::from_secret(pem)),
            Algorithm::Es256 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDsa => EncodingKey::from_ed_pem(pem),
        };
        let expected = "a private key in PKCS#8 PEM";
        let wrong = |_| SetupError::BadKey { kid: key.kid.clone(), expected };
        Ok(Self::of_parts(key.clone(), encoding.map_err(wrong)?, audience))
    }

    fn of_parts(key: Key, encoding: EncodingKey, audience: &str) -> Self {
        crate::jose::install();
        Self { algorithm: key.algorithm, encoding, key, audience: audience.to_owned() }
    }

    /// The key that verifies what this mint signs.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key.clone()
    }

    /// A token for `grant`, good from `now` for `life`, cut to whole seconds.
    ///
    /// # Errors
    /// When there is no randomness for its id, or signing fails.
    pub fn token(
        &self,
        grant: Grant<'_>,
        now: Timestamp,
        life: Duration,
        entropy: &Entropy,
    ) -> Result<Token, SetupError> {
        let jti = URL_SAFE_NO_PAD.encode(entropy.draw::<16>()?);
        let (sub, scopes, tenant) = match grant {
            Grant::App { id, scopes } => (id.as_str(), scopes & Scopes::APP, None),
            Grant::Myself { tenant, subject, .. } => {
                (subject.id.expose(), Scope::Myself.into(), Some(tenant.as_str()))
            }
            Grant::Auditor { name, tenant } => {
                (name, Scope::AuditRead.into(), Some(tenant.as_str()))
            }
            Grant::Operator { name } => (name, Scope::Operate.into(), None),
        };
        let (subject, guardian) = match grant {
            Grant::Myself { subject, guardian, .. } => (Some(subject), guardian),
            _ => (None, None),
        };
        self.sign(&Minted {
            iss: &self.key.vouches.issuer,
            aud: &self.audience,
            sub,
            scope: scopes.to_string(),
            jti: &jti,
            iat: now.seconds(),
            exp: now.after(life).seconds(),
            tenant,
            sub_type: subject.map(|subject| subject.id_type.as_str()),
            profile: subject.and_then(|subject| subject.profile.as_ref()).map(Profile::expose),
            act: guardian.map(Acting::of),
        })
    }

    /// Signs any claims, so that a test can make a token that is wrong in one point.
    pub(super) fn sign<T: Serialize>(&self, claims: &T) -> Result<Token, SetupError> {
        let mut header = Header::new(self.algorithm.wire());
        header.kid = Some(self.key.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map(Token)
            .map_err(|_| SetupError::Sign)
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("key", &self.key).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Minted<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    scope: String,
    jti: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Acting<'a>>,
}

/// Who acts for the subject (RFC 8693 section 4.1).
#[derive(Serialize)]
struct Acting<'a> {
    sub: &'a str,
    sub_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
}

impl<'a> Acting<'a> {
    fn of(guardian: &'a SubjectRef) -> Self {
        Self {
            sub: guardian.id.expose(),
            sub_type: guardian.id_type.as_str(),
            profile: guardian.profile.as_ref().map(Profile::expose),
        }
    }
}
