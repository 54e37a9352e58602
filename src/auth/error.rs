//! Why a caller is turned away, and why an authority cannot be set up.

use super::Scope;

/// Why a call's token does not open the door. No message holds a byte of the token or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `Authorization: Bearer` header.
    #[error("the call carries no bearer token")]
    MissingToken,
    /// The token cannot be read: its form, its encoding, or a value of the wrong type.
    #[error("the token's {part} cannot be read")]
    Malformed {
        /// The part that cannot be read.
        part: &'static str,
    },
    /// A claim that must be there is not.
    #[error("the token lacks the claim {claim}")]
    MissingClaim {
        /// The claim's name.
        claim: &'static str,
    },
    /// The algorithm is none of ours, or not the one that the key is configured for.
    #[error("the token's algorithm is not the one its key is configured for")]
    WrongAlgorithm,
    /// No configured key has the token's key id, or none has its algorithm.
    #[error("no configured key is the one the token names")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// The moment of `exp` has come.
    #[error("the token has expired")]
    Expired,
    /// The moment of `nbf` or `iat` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `aud` does not name this gateway.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// `iss` is not the issuer that the key belongs to.
    #[error("the token's issuer is not the one its key belongs to")]
    WrongIssuer,
    /// The token's tenant is not that of its key or its app.
    #[error("the token's tenant is not that of its key or its app")]
    WrongTenant,
    /// The token's `sub` is no registered app.
    #[error("the token's subject is no registered app")]
    UnknownApp,
    /// The scopes belong to callers of more than one kind.
    #[error("the token mixes scopes of different kinds of callers")]
    MixedScopes,
    /// The key was withdrawn, or the token's `jti` denied.
    #[error("the token or its key has been revoked")]
    Revoked,
    /// The token is good, and the operator has switched its app off.
    #[error("the app is switched off by the gateway's operator")]
    AppOff,
    /// The token is good, and lacks the scope.
    #[error("the token lacks the scope {needed}")]
    WrongScope {
        /// The scope that the call needs.
        needed: Scope,
    },
}

impl AuthError {
    /// The stable code for this refusal.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::Malformed { .. } => "malformed",
            Self::MissingClaim { .. } => "missing_claim",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongTenant => "wrong_tenant",
            Self::UnknownApp => "unknown_app",
            Self::MixedScopes => "mixed_scopes",
            Self::Revoked => "revoked",
            Self::AppOff => "app_off",
            Self::WrongScope { .. } => "wrong_scope",
        }
    }
}

/// Why keys, apps or a mint cannot be set up. No message holds a byte of a key.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The bytes are no key of that algorithm.
    #[error("key {kid}: not {expected}")]
    BadKey {
        /// The key's id.
        kid: String,
        /// What the bytes should have been.
        expected: &'static str,
    },
    /// A secret below the size of its hash, RFC 7518 §3.2.
    #[error("key {kid}: an HS256 secret has at least 32 bytes, this one has {length}")]
    ShortSecret {
        /// The key's id.
        kid: String,
        /// The secret's length in bytes.
        length: usize,
    },
    /// Two keys of one name.
    #[error("key {kid}: configured twice")]
    DuplicateKey {
        /// The key's id.
        kid: String,
    },
    /// Two apps of one name.
    #[error("app {id}: configured twice")]
    DuplicateApp {
        /// The app's id.
        id: String,
    },
    /// An app cannot hold scopes of people, auditors or operators.
    #[error("app {id}: {scope} is no scope of an app")]
    AppScope {
        /// The app's id.
        id: String,
        /// The scope in question.
        scope: Scope,
    },
    /// The bytes are no JWK set, or none of its keys can be used.
    #[error("key set {name}: {problem}")]
    BadJwks {
        /// The set's name in the configuration.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no key, or a value is out of range.
    #[error("auth.{field}: {rule}")]
    BadSetting {
        /// The setting's name.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A key's bytes could not be read.
    #[error("key {kid}: reading {from}")]
    Unreadable {
        /// The key's id.
        kid: String,
        /// Where the bytes should come from: a file's path or a variable's name.
        from: String,
        /// Why they could not be read.
        source: std::io::Error,
    },
    /// Signing failed.
    #[error("signing a token")]
    Sign,
    /// The machine gave no random bytes for the token's id.
    #[error("naming a token")]
    Entropy(#[from] crate::ambient::EntropyError),
}
