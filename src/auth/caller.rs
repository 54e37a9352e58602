//! Who a verified token speaks for.

use std::{collections::BTreeSet, fmt, sync::Arc};

use ring::digest;

use super::{AuthError, Rate, Scope, Scopes, TooMany, rate::Limiter};
use crate::domain::{AppId, PurposeId, SubjectRef, TenantId, Timestamp};

/// An app as the operator registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name, the `sub` of its tokens.
    pub id: AppId,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// The purposes it may ask for.
    pub purposes: BTreeSet<PurposeId>,
    /// The scopes its tokens may hold; a token's others are void.
    pub scopes: Scopes,
    /// How often it may call; as often as it likes if absent.
    pub rate: Option<Rate>,
}

/// The four kinds of callers. Their scopes do not mix in one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// An app, for the people it serves.
    App,
    /// A person, for themselves.
    Subject,
    /// An auditor.
    Auditor,
    /// An operator of the gateway.
    Operator,
}

impl CallerKind {
    /// The kind of caller that holds these scopes; an empty set is an app's that may do nothing.
    pub(super) fn of(scopes: Scopes) -> Result<Self, AuthError> {
        [
            (Self::App, Scopes::APP),
            (Self::Subject, Scope::Myself.into()),
            (Self::Auditor, Scope::AuditRead.into()),
            (Self::Operator, Scope::Operate.into()),
        ]
        .into_iter()
        .find(|(_, own)| scopes.within(*own))
        .map_or(Err(AuthError::MixedScopes), |(kind, _)| Ok(kind))
    }
}

/// A token's `jti`, hashed: enough to deny it, and to tell two tokens apart in an operator's log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// The hash of a `jti`: the first half of its SHA-256.
    #[must_use]
    pub fn of(jti: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, jti.as_bytes());
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(id)
    }

    /// The token whose `jti` has this hash.
    #[must_use]
    pub const fn from_bytes(hash: [u8; 16]) -> Self {
        Self(hash)
    }

    /// The hash.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenId(…)")
    }
}

/// Whoever sent the call, as their verified token says. Only [`Authority::verify`](super::Authority::verify) makes one.
#[derive(Debug)]
pub struct Caller {
    pub(super) kind: CallerKind,
    pub(super) scopes: Scopes,
    pub(super) tenant: TenantId,
    pub(super) app: Option<Arc<App>>,
    pub(super) subject: Option<SubjectRef>,
    /// Who acts for the subject, as the token claims: a guardian, if the child's own record says so too.
    pub(super) guardian: Option<SubjectRef>,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    pub(super) token: TokenId,
    /// The place of the key that verified it.
    pub(super) key: usize,
    pub(super) limiter: Option<Arc<Limiter>>,
}

impl Caller {
    /// What kind of caller this is.
    #[must_use]
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// What the token allows, cut to what its key may grant and, for an app, to what the app is registered for.
    #[must_use]
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Who acts for the person, as the token claims.
    #[must_use]
    pub fn guardian(&self) -> Option<&SubjectRef> {
        self.guardian.as_ref()
    }

    /// The organisation whose people this caller can ask about.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The calling app; `None` if a person, an auditor or an operator calls.
    #[must_use]
    pub fn app(&self) -> Option<&App> {
        self.app.as_deref()
    }

    /// The person who calls for themselves; `None` for all others.
    #[must_use]
    pub fn subject(&self) -> Option<&SubjectRef> {
        self.subject.as_ref()
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Which token this is.
    #[must_use]
    pub fn token(&self) -> TokenId {
        self.token
    }

    /// Whether the calling app is registered for `purpose`; false if no app calls.
    #[must_use]
    pub fn registered(&self, purpose: &PurposeId) -> bool {
        self.app.as_ref().is_some_and(|app| app.purposes.contains(purpose))
    }

    /// Counts a call of the caller's app, if its rate allows one more. Tokens of one app share its rate.
    ///
    /// # Errors
    /// [`TooMany`] if the app must wait.
    pub fn count(&self) -> Result<(), TooMany> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.count())
    }

    /// Passes if the token allows `needed`.
    ///
    /// # Errors
    /// [`AuthError::WrongScope`] otherwise.
    pub fn require(&self, needed: Scope) -> Result<(), AuthError> {
        if self.scopes.contains(needed) { Ok(()) } else { Err(AuthError::WrongScope { needed }) }
    }
}
