//! A token's parts as JSON has them, and the moments and audiences they state (RFC 7519).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{AuthError, key::Algorithm};
use crate::domain::{IdType, Profile, SubjectRef, Timestamp, UserId};

/// What a token's header says, before anything about it is believed.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

impl Head {
    /// Reads the header of a compact token.
    pub(super) fn of(token: &str) -> Result<Self, AuthError> {
        #[derive(Deserialize)]
        struct Wire {
            alg: String,
            kid: Option<String>,
            crit: Option<serde::de::IgnoredAny>,
        }
        const MALFORMED: AuthError = AuthError::Malformed { part: "header" };

        let mut parts = token.split('.');
        let (Some(head), Some(_), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuthError::Malformed { part: "form" });
        };
        let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| MALFORMED)?;
        let wire: Wire = serde_json::from_slice(&head).map_err(|_| MALFORMED)?;
        // RFC 7515 §4.1.11: a token whose critical extensions are not understood is invalid. None is understood here.
        if wire.crit.is_some() {
            return Err(MALFORMED);
        }
        let algorithm = Algorithm::of_header(&wire.alg).ok_or(AuthError::WrongAlgorithm)?;
        Ok(Self { algorithm, kid: wire.kid })
    }
}

/// The claims of a token. All are optional here, so that a missing one can be named.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) aud: Option<Audience>,
    pub(super) exp: Option<Moment>,
    pub(super) nbf: Option<Moment>,
    pub(super) iat: Option<Moment>,
    pub(super) sub: Option<String>,
    pub(super) jti: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) sub_type: Option<String>,
    pub(super) profile: Option<String>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    pub(super) act: Option<Actor>,
}

/// Who acts for the subject of a token.
#[derive(Deserialize)]
pub(super) struct Actor {
    pub(super) sub: String,
    pub(super) sub_type: Option<String>,
    pub(super) profile: Option<String>,
}

impl Actor {
    /// Who that is.
    pub(super) fn person(&self) -> Result<SubjectRef, AuthError> {
        person(&self.sub, self.sub_type.as_deref(), self.profile.as_deref())
    }
}

/// The person whom a token names so.
pub(super) fn person(
    sub: &str,
    id_type: Option<&str>,
    profile: Option<&str>,
) -> Result<SubjectRef, AuthError> {
    const CLAIMS: AuthError = AuthError::Malformed { part: "claims" };
    let id_type = match id_type {
        Some(name) => IdType::parse(name).map_err(|_| CLAIMS)?,
        None => IdType::user_id(),
    };
    let profile = match profile {
        Some(name) => Some(Profile::parse(name).map_err(|_| CLAIMS)?),
        None => None,
    };
    Ok(SubjectRef { profile, ..SubjectRef::new(id_type, UserId::parse(sub).map_err(|_| CLAIMS)?) })
}

/// `aud`: one name or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    pub(super) fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(name) => name == audience,
            Self::Several(names) => names.iter().any(|name| name == audience),
        }
    }
}

/// A `NumericDate`: seconds since the epoch, which may have a fraction.
#[derive(Clone, Copy, Deserialize)]
#[serde(from = "serde_json::Number")]
pub(super) struct Moment(pub(super) Timestamp);

impl From<serde_json::Number> for Moment {
    fn from(number: serde_json::Number) -> Self {
        let millis = number.as_i64().map_or_else(
            || {
                let millis = number.as_f64().unwrap_or(0.0) * 1000.0;
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "`as` cuts at both ends, and a fraction of a millisecond is below our resolution"
                )]
                let millis = millis as i64;
                millis
            },
            |seconds| seconds.saturating_mul(1000),
        );
        Self(Timestamp::from_millis(millis))
    }
}
